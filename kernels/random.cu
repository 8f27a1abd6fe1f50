// Random numbers: element i is word i mod 4 of Philox block i / 4, as on the CPU.
#include "kernels/device.h"
#include "kernels/list.h"

namespace duet::kernel {

using Words = math::PhiloxWords<math::ScalarBits>;

DUET_DEVICE Words words_of(const RandomCall& c, uint64_t counter) {
  using B = math::ScalarBits;
  return math::philox(B(static_cast<uint32_t>(counter)), B(static_cast<uint32_t>(counter >> 32)), B(c.stream), B(0u),
                      B(static_cast<uint32_t>(at<int32_t>(c.key, 0))), B(static_cast<uint32_t>(at<int32_t>(c.key, 1))));
}

template <int Normal>
DUET_KERNEL random_fill(const RandomCall c) {
  using T = math::Scalar<float>;
  each_element((c.n + 3) / 4, [&](int64_t g) {
    const Words w = words_of(c, static_cast<uint64_t>(g));
    T v[4];
    if constexpr (Normal) {
      math::normal_pair(w.v[0], w.v[1], v[0], v[1]);
      math::normal_pair(w.v[2], w.v[3], v[2], v[3]);
    } else {
      for (int i = 0; i < 4; ++i) v[i] = math::uniform_from_bits<T>(w.v[i]);
    }
    for (int i = 0; i < 4; ++i)
      if (4 * g + i < c.n) static_cast<float*>(c.y)[4 * g + i] = v[i].v;
  });
}

// n keys: of split, whose counters are 0, 1 …, or (an integer type) of fold_in, whose counter is a number.
template <int Numbers>
DUET_KERNEL random_words(const RandomCall c) {
  each_element(c.n, [&](int64_t i) {
    const Words w = words_of(
        c, static_cast<uint64_t>(Numbers == kF32 ? i : static_cast<int64_t>(at<Element<Numbers>>(c.number, 0))));
    static_cast<int32_t*>(c.y)[2 * i] = static_cast<int32_t>(w.v[0].v);
    static_cast<int32_t*>(c.y)[2 * i + 1] = static_cast<int32_t>(w.v[1].v);
  });
}

// What a permutation sorts by, as i64 in the order of the unsigned numbers.
template <int>
DUET_KERNEL random_weights(const RandomCall c) {
  each_element(c.n, [&](int64_t i) {
    const Words w = words_of(c, static_cast<uint64_t>(i / 2));
    const uint64_t weight = (uint64_t{w.v[2 * (i % 2)].v} << 32) | w.v[2 * (i % 2) + 1].v;
    static_cast<uint64_t*>(c.y)[i] = weight ^ (uint64_t{1} << 63);
  });
}

void keep_random() {
  DUET_KEEP(kRandomFill, RandomCall, random_fill, 0);
  DUET_KEEP(kRandomFill, RandomCall, random_fill, 1);
  DUET_KEEP(kRandomWords, RandomCall, random_words, kF32);
  for_each_of(std::integer_sequence<int, kI32, kI64, kU8>(),
              [](auto type) { DUET_KEEP(kRandomWords, RandomCall, random_words, decltype(type)::value); });
  DUET_KEEP(kRandomWeights, RandomCall, random_weights, 0);
}

}  // namespace duet::kernel
