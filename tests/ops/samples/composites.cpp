// Samples of functions that are made of operations.
#include "ops/basic_composites.h"
#include "ops/samples/define.h"

namespace duet::testing {

template const std::vector<Sampled>& samples_of<Composites>();

}  // namespace duet::testing
