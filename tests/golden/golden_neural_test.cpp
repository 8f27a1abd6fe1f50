#include "golden/neural_cases.h"

namespace duet::golden {
namespace {

TEST(GoldenNeural, AgreesWithPyTorch) { check_family("neural", neural_cases()); }

}  // namespace
}  // namespace duet::golden
