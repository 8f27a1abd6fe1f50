// The cases of each family, for those who count them; each is in the test that runs it.
#pragma once

#include "golden/golden.h"

namespace duet::golden {

Cases pointwise_cases();
Cases reduce_cases();
Cases movement_cases();
Cases index_cases();
Cases matmul_cases();
Cases neural_cases();
Cases layers_cases();
Cases optim_cases(Mode mode);

}  // namespace duet::golden
