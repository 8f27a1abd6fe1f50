// Every list of operations.
#pragma once

#include "duet/duet.h"

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
