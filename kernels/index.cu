// Operations with indices in their data. Indices are checked by a kernel of one block, which notes the first bad one;
// the others read element 0 in its place, and the error comes when a value is read.
#include "duet/ops/convert.h"
#include "kernels/device.h"
#include "kernels/list.h"

namespace duet::kernel {

template <int Index>
DUET_KERNEL check_index(const CheckCall c) {
  DUET_SHARED int64_t bad[kThreads];
  phase([&](int t) {
    bad[t] = c.n;
    for (int64_t i = t; i < c.n && bad[t] == c.n; i += kThreads) {
      const auto v = static_cast<int64_t>(at<Element<Index>>(c.index, i));
      if (v < c.low || v > c.high) bad[t] = i;
    }
  });
  phase([&](int t) {
    if (t != 0 || c.fault->set != 0) return;
    int64_t first = c.n;
    for (int k = 0; k < kThreads; ++k) first = bad[k] < first ? bad[k] : first;
    if (first == c.n) return;
    c.fault->set = 1;
    c.fault->site = c.site;
    c.fault->index = static_cast<int64_t>(at<Element<Index>>(c.index, first));
    c.fault->element = first;
  });
}

template <int Index>
DUET_DEVICE int64_t index_at(const IndexCall& c, int64_t i) {
  auto k = static_cast<int64_t>(at<Element<Index>>(c.index, i));
  if (k < 0) k += c.extent;
  return k < 0 || k >= c.extent ? 0 : k;
}

template <int Type, int Index>
DUET_KERNEL pick(const IndexCall c) {
  using E = Element<Type>;
  each_element(c.n, [&](int64_t i) {
    const int64_t j = i % c.inner, k = i / c.inner % c.count, o = i / c.inner / c.count;
    const int64_t from = index_at<Index>(c, c.each ? i : o / c.share * c.count + k);
    static_cast<E*>(c.y)[i] = at<E>(c.x, (o * c.extent + from) * c.inner + j);
  });
}

// One thread for each pair of a part and an inner place: updates come in ascending order, whatever else runs.
template <int Type, int Index>
DUET_KERNEL scatter_add(const IndexCall c) {
  using E = Element<Type>;
  using T = NumberOf<Type>;
  each_element(c.outer * c.inner, [&](int64_t pair) {
    const int64_t o = pair / c.inner, j = pair % c.inner;
    for (int64_t k = 0; k < c.count; ++k) {
      const int64_t from = (o * c.count + k) * c.inner + j;
      const int64_t to = index_at<Index>(c, c.each ? from : o / c.share * c.count + k);
      E& y = static_cast<E*>(c.y)[(o * c.extent + to) * c.inner + j];
      y = (T::of(y) + T::of(at<E>(c.updates, from))).v;
    }
  });
}

template <int Type, int Index>
DUET_KERNEL one_hot(const IndexCall c) {
  using E = Element<Type>;
  each_element(c.n, [&](int64_t i) {
    const auto label = static_cast<int64_t>(at<Element<Index>>(c.index, i / c.extent));
    static_cast<E*>(c.y)[i] = convert<E>(i % c.extent == label ? 1.0f : 0.0f);
  });
}

void keep_index() {
  for_each_of(std::integer_sequence<int, kI32, kI64, kU8>(), [](auto index) {
    constexpr int kIndex = decltype(index)::value;
    DUET_KEEP(kCheckIndex, CheckCall, check_index, kIndex);
    DUET_KEEP(kPick, IndexCall, pick, kU8, kIndex);
    DUET_KEEP(kPick, IndexCall, pick, kF16, kIndex);
    DUET_KEEP(kPick, IndexCall, pick, kI32, kIndex);
    DUET_KEEP(kPick, IndexCall, pick, kI64, kIndex);
    for_each_below<kBool>(
        [](auto type) { DUET_KEEP(kScatterAdd, IndexCall, scatter_add, decltype(type)::value, kIndex); });
    for_each_below<kDTypes>([](auto type) { DUET_KEEP(kOneHot, IndexCall, one_hot, decltype(type)::value, kIndex); });
  });
}

}  // namespace duet::kernel
