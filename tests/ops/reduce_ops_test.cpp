// Every reduction and the matrix product, from the lists.
#include <gtest/gtest.h>

#include "ops/checks.h"

namespace duet::testing {
namespace {

void fail(const std::string& wrong) { ADD_FAILURE() << wrong; }

TEST(ReduceOpsTest, EveryOpOfTheList) { check_samples(family_samples<ReduceOps>(), fail); }
TEST(MatmulOpsTest, EveryOpOfTheList) { check_samples(family_samples<MatmulOps>(), fail); }

}  // namespace
}  // namespace duet::testing
