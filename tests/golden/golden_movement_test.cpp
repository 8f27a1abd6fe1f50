#include "golden/movement_cases.h"

namespace duet::golden {
namespace {

TEST(GoldenMovement, AgreesWithPyTorch) {
  check_family("movement", movement_cases(), {"flip", "repeat", "roll", "update"});
}

}  // namespace
}  // namespace duet::golden
