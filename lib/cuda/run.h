// Runs a call on a device: for every op of the lists the launches that compute what its CPU kernel does.
#pragma once

#include "duet/ops/record.h"

namespace duet::cuda {

void run(const KernelCall& call);

}  // namespace duet::cuda
