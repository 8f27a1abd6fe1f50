// The loop of every pointwise kernel: 16 bytes at a time where operands lie densely, else by position.
#pragma once

#include "duet/ops/pointwise.h"
#include "kernels/device.h"
#include "kernels/list.h"

namespace duet::kernel {

template <int Type, bool Mask>
DUET_DEVICE auto number(Element<Mask ? kBool : Type> e) {
  if constexpr (Mask)
    return math::ScalarMask{e != 0};
  else
    return NumberOf<Type>::of(e);
}

/// The element that a result of a formula is in memory.
template <class T>
struct StoredAs {
  using type = decltype(T::v);
  static DUET_DEVICE type of(const T& x) { return x.v; }
};
template <>
struct StoredAs<math::ScalarMask> {
  using type = uint8_t;
  static DUET_DEVICE uint8_t of(math::ScalarMask m) { return m.v ? 1 : 0; }
};

template <class R>
struct Results {
  using T = R;
  static constexpr int kCount = 1;
};
template <class V, int N>
struct Results<Many<V, N>> {
  using T = V;
  static constexpr int kCount = N;
};

/// `formula(numbers…)` over the call's elements; kMask: bit i of it says that input i is a mask.
template <int Type, unsigned kMask, class F, int... I>
DUET_DEVICE void pointwise_loop(const PointwiseCall& c, F formula, std::integer_sequence<int, I...>) {
  using R = decltype(formula(number<Type, ((kMask >> I) & 1u) != 0>({})...));
  using As = StoredAs<typename Results<R>::T>;
  using Out = typename As::type;
  constexpr int kCount = Results<R>::kCount;
  constexpr int kWide = Type == kF32 ? 4 : Type == kF64 ? 2 : 1;
  int64_t done = 0;
  if (kWide > 1 && c.wide) {
    const int64_t groups = c.n / kWide;
    each_element(groups, [&](int64_t g) {
      Pack<Out, kWide> y[kCount];
      auto compute = [&](const auto&... x) {
#pragma unroll
        for (int w = 0; w < kWide; ++w) {
          const R r = formula(number<Type, ((kMask >> I) & 1u) != 0>(x.v[w])...);
          for (int k = 0; k < kCount; ++k) y[k].v[w] = As::of(result(r, k));
        }
      };
      compute(pack_of<Element<((kMask >> I) & 1u) != 0 ? kBool : Type>, kWide>(c.in[I], g)...);
      for (int k = 0; k < kCount; ++k) static_cast<Pack<Out, kWide>*>(c.out[k])[g] = y[k];
    });
    done = groups * kWide;
  }
  each_element(c.n - done, [&](int64_t rest) {
    const int64_t i = done + rest;
    const R r = formula(
        number<Type, ((kMask >> I) & 1u) != 0>(at<Element<((kMask >> I) & 1u) != 0 ? kBool : Type>>(c.in[I], i))...);
    for (int k = 0; k < kCount; ++k) static_cast<Out*>(c.out[k])[i] = As::of(result(r, k));
  });
}

}  // namespace duet::kernel
