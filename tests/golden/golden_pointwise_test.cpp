#include "golden/pointwise_cases.h"

namespace duet::golden {
namespace {

TEST(GoldenPointwise, AgreesWithPyTorch) { check_family("pointwise", pointwise_cases(), {"silu", "softplus", "pow"}); }

}  // namespace
}  // namespace duet::golden
