#pragma once

#include "ops/random_program.h"

namespace duet::testing {

inline const std::vector<Step> kReduceSteps = {};

}  // namespace duet::testing
