// Samples of reductions and products.
#include "ops/matmul_cases.h"
#include "ops/reduce_cases.h"
#include "ops/samples/define.h"

namespace duet::testing {

template const std::vector<Sampled>& samples_of<ReduceOps>();
template const std::vector<Sampled>& samples_of<MatmulOps>();

}  // namespace duet::testing
