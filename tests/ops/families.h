// Every list of operations, with the samples of each operation.
#pragma once

#include "ops/along_cases.h"
#include "ops/conv_cases.h"
#include "ops/create_cases.h"
#include "ops/index_cases.h"
#include "ops/matmul_cases.h"
#include "ops/movement_cases.h"
#include "ops/pad_cases.h"
#include "ops/pointwise_cases.h"
#include "ops/rearrange_cases.h"
#include "ops/reduce_cases.h"
#include "ops/scan_cases.h"
#include "ops/sort_cases.h"
#include "ops/windows_cases.h"

namespace duet::testing {

/// Calls f.template operator()<Family>(name) for each list; that none is missing, the test of docs/ops.md sees.
template <class F>
void for_each_family(F f) {
#define DUET_FAMILY(Family) f.template operator()<Family>(#Family)
  DUET_FAMILY(PointwiseOps);
  DUET_FAMILY(ReduceOps);
  DUET_FAMILY(ScanOps);
  DUET_FAMILY(SortOps);
  DUET_FAMILY(MovementOps);
  DUET_FAMILY(RearrangeOps);
  DUET_FAMILY(PadOps);
  DUET_FAMILY(WindowOps);
  DUET_FAMILY(MatmulOps);
  DUET_FAMILY(IndexOps);
  DUET_FAMILY(AlongOps);
  DUET_FAMILY(ConvOps);
  DUET_FAMILY(CreateOps);
  DUET_FAMILY(RandomOps);
#undef DUET_FAMILY
}

}  // namespace duet::testing
