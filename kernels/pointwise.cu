// A kernel for every pointwise op and element type, from the op's formula.
#include "kernels/pointwise.h"

namespace duet::kernel {

template <int Row, int Type>
DUET_KERNEL pointwise(const PointwiseCall c) {
  using Op = OpAt<PointwiseOps, Row>;
  pointwise_loop<Type, Op::kBoolIn>(
      c, [](const auto&... x) { return Op::template forward<NumberOf<Type>>(x...); },
      std::make_integer_sequence<int, Op::kInputs>());
}

void keep_pointwise() {
  for_each_below<PointwiseOps::kCount>([](auto row) {
    for_each_below<kDTypes>([](auto type) {
      constexpr int kRow = decltype(row)::value, kType = decltype(type)::value;
      if constexpr (contains(OpAt<PointwiseOps, kRow>::kAccepts, static_cast<DType>(kType)))
        DUET_KEEP(kPointwise, PointwiseCall, pointwise, kRow, kType);
    });
  });
}

}  // namespace duet::kernel
