// Samples of convolutions and of statistics.
#include "ops/conv_cases.h"
#include "ops/samples/define.h"
#include "ops/stats_composites.h"

namespace duet::testing {

template const std::vector<Sampled>& samples_of<ConvOps>();
template const std::vector<Sampled>& samples_of<ConvComposites>();
template const std::vector<Sampled>& samples_of<Statistics>();

}  // namespace duet::testing
