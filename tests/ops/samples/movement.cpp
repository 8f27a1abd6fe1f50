// Samples of what moves elements.
#include "ops/movement_cases.h"
#include "ops/pad_cases.h"
#include "ops/rearrange_cases.h"
#include "ops/samples/define.h"
#include "ops/windows_cases.h"

namespace duet::testing {

template const std::vector<Sampled>& samples_of<MovementOps>();
template const std::vector<Sampled>& samples_of<PadOps>();
template const std::vector<Sampled>& samples_of<WindowOps>();
template const std::vector<Sampled>& samples_of<RearrangeOps>();
template const std::vector<Sampled>& samples_of<RearrangeComposites>();

}  // namespace duet::testing
