#pragma once

#include "ops/random_program.h"

namespace duet::testing {

inline const std::vector<Step> kPointwiseSteps = {};

}  // namespace duet::testing
