// Every op that moves or picks elements, from the lists.
#include <gtest/gtest.h>

#include "ops/checks.h"
#include "ops/movement_cases.h"

namespace duet::testing {
namespace {

void fail(const std::string& wrong) { ADD_FAILURE() << wrong; }

TEST(MovementOpsTest, EveryOpOfTheList) { check_samples(family_samples<MovementOps>(), fail); }
TEST(IndexOpsTest, EveryOpOfTheList) { check_samples(family_samples<IndexOps>(), fail); }

}  // namespace
}  // namespace duet::testing
