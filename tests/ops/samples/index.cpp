// Samples of what picks elements, and of what makes tensors.
#include "ops/along_cases.h"
#include "ops/create_cases.h"
#include "ops/index_cases.h"
#include "ops/samples/define.h"

namespace duet::testing {

template const std::vector<Sampled>& samples_of<IndexOps>();
template const std::vector<Sampled>& samples_of<AlongOps>();
template const std::vector<Sampled>& samples_of<CreateOps>();
template const std::vector<Sampled>& samples_of<RandomOps>();

}  // namespace duet::testing
