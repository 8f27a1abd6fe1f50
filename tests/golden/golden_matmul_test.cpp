#include "golden/matmul_cases.h"

namespace duet::golden {
namespace {

TEST(GoldenMatmul, AgreesWithPyTorch) { check_family("matmul", matmul_cases()); }

}  // namespace
}  // namespace duet::golden
