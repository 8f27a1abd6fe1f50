#include "golden/pointwise_cases.h"

namespace duet::golden {
namespace {

TEST(GoldenPointwise, AgreesWithPyTorch) {
  check_family("pointwise", pointwise_cases(),
               {"sign", "log1p", "floor", "ceil", "round", "silu", "softplus", "isnan", "isinf", "logical_not",
                "leaky_relu", "pow", "clamp", "logical_and", "logical_or"});
}

}  // namespace
}  // namespace duet::golden
