#include "golden/pointwise_cases.h"

namespace duet::golden {
namespace {

TEST(GoldenPointwise, AgreesWithPyTorch) { check_family("pointwise", pointwise_cases()); }

}  // namespace
}  // namespace duet::golden
