// Every op that makes tensors, from the lists.
#include <gtest/gtest.h>

#include "ops/checks.h"

namespace duet::testing {
namespace {

void fail(const std::string& wrong) { ADD_FAILURE() << wrong; }

TEST(CreateOpsTest, EveryOpOfTheList) { check_samples(family_samples<CreateOps>(), fail); }
TEST(RandomOpsTest, EveryOpOfTheList) { check_samples(family_samples<RandomOps>(), fail); }

}  // namespace
}  // namespace duet::testing
