// Samples of the pointwise ops.
#include "ops/pointwise_cases.h"
#include "ops/samples/define.h"

namespace duet::testing {

template const std::vector<Sampled>& samples_of<PointwiseOps>();

}  // namespace duet::testing
