// Every pointwise op, from the list.
#include <gtest/gtest.h>

#include "ops/checks.h"

namespace duet::testing {
namespace {

TEST(PointwiseOpsTest, EveryOpOfTheList) {
  check_samples(family_samples<PointwiseOps>(), [](const std::string& wrong) { ADD_FAILURE() << wrong; });
}

}  // namespace
}  // namespace duet::testing
