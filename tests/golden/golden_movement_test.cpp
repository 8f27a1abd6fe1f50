#include "golden/movement_cases.h"

namespace duet::golden {
namespace {

TEST(GoldenMovement, AgreesWithPyTorch) { check_family("movement", movement_cases()); }

}  // namespace
}  // namespace duet::golden
