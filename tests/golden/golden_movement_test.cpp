#include "golden/movement_cases.h"

namespace duet::golden {
namespace {

TEST(GoldenMovement, AgreesWithPyTorch) {
  check_family("movement", movement_cases(),
               {"flip", "pad", "repeat", "roll", "squeeze", "stack", "tril", "triu", "unsqueeze", "update", "windows"});
}

}  // namespace
}  // namespace duet::golden
