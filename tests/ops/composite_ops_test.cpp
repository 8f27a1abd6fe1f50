// Operations made of others, from their list.
#include <gtest/gtest.h>

#include "ops/checks.h"

namespace duet::testing {
namespace {

TEST(CompositeOpsTest, EveryOneOfTheList) {
  check_samples(family_samples<Composites>(), [](const std::string& wrong) { ADD_FAILURE() << wrong; });
}

}  // namespace
}  // namespace duet::testing
