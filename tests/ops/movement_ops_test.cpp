// Every op that moves or picks elements, from the lists.
#include <gtest/gtest.h>

#include "ops/checks.h"

namespace duet::testing {
namespace {

void fail(const std::string& wrong) { ADD_FAILURE() << wrong; }

TEST(MovementOpsTest, EveryOpOfTheList) { check_samples(family_samples<MovementOps>(), fail); }
TEST(IndexOpsTest, EveryOpOfTheList) { check_samples(family_samples<IndexOps>(), fail); }
TEST(AlongOpsTest, EveryOpOfTheList) { check_samples(family_samples<AlongOps>(), fail); }
TEST(PadOpsTest, EveryOpOfTheList) { check_samples(family_samples<PadOps>(), fail); }
TEST(WindowOpsTest, EveryOpOfTheList) { check_samples(family_samples<WindowOps>(), fail); }

}  // namespace
}  // namespace duet::testing
