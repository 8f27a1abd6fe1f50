#include "golden/optim_cases.h"

namespace duet::golden {
namespace {

TEST(GoldenOptim, AgreesWithPyTorch) { check_family("optim", optim_cases(Mode::eager)); }
TEST(GoldenOptim, CompiledStepsAgree) { check_family("optim", optim_cases(Mode::compiled)); }
TEST(GoldenOptim, FrozenStepsAgree) { check_family("optim", optim_cases(Mode::frozen)); }

}  // namespace
}  // namespace duet::golden
