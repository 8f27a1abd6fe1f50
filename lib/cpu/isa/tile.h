// The loop of every pointwise kernel: load, compute, store a register at a time; the last, partial register is masked
// and computed by the same instructions.
#pragma once

#include <utility>

#include "cpu/kernels.h"
#include "cpu/packet.h"
#include "duet/ops/op.h"

namespace duet::cpu::DUET_ISA {

/// How elements and masks of a number type lie in memory.
template <class T>
struct Io;

template <class S>
struct Io<Packet<S>> {
  using T = Packet<S>;
  using Element = S;
  static constexpr int kLanes = T::kLanes;
  template <bool Mask>
  static DUET_FN auto load(const char* p) {
    if constexpr (Mask)
      return T::load_mask(reinterpret_cast<const uint8_t*>(p));
    else
      return T::load(reinterpret_cast<const S*>(p));
  }
  template <bool Mask>
  static DUET_FN auto load_partial(const char* p, int n) {
    if constexpr (Mask)
      return T::load_mask_partial(reinterpret_cast<const uint8_t*>(p), n);
    else
      return T::load_partial(reinterpret_cast<const S*>(p), n);
  }
  static DUET_FN void store(char* p, const T& v) { v.store(reinterpret_cast<S*>(p)); }
  static DUET_FN void store_partial(char* p, const T& v, int n) { v.store_partial(reinterpret_cast<S*>(p), n); }
  static DUET_FN void store(char* p, typename T::Mask m) { T::store_mask(reinterpret_cast<uint8_t*>(p), m); }
  static DUET_FN void store_partial(char* p, typename T::Mask m, int n) {
    T::store_mask_partial(reinterpret_cast<uint8_t*>(p), m, n);
  }
};

template <class I>
struct Io<math::Lane<I>> {
  using T = math::Lane<I>;
  using Element = I;
  static constexpr int kLanes = 1;
  template <bool Mask>
  static DUET_FN auto load(const char* p) {
    if constexpr (Mask)
      return math::ScalarMask{*p != 0};
    else
      return T::of(*reinterpret_cast<const I*>(p));
  }
  template <bool Mask>
  static DUET_FN auto load_partial(const char* p, int) {
    return load<Mask>(p);
  }
  static DUET_FN void store(char* p, const T& v) { *reinterpret_cast<I*>(p) = v.v; }
  static DUET_FN void store(char* p, math::ScalarMask m) { *reinterpret_cast<uint8_t*>(p) = m.v ? 1 : 0; }
  template <class V>
  static DUET_FN void store_partial(char* p, const V& v, int) {
    store(p, v);
  }
};

template <>
struct Io<U32> {
  using T = U32;
  using Element = uint32_t;
  static constexpr int kLanes = U32::kLanes;
  template <bool Mask>
  static DUET_FN U32 load(const char* p) {
    return U32::load(reinterpret_cast<const uint32_t*>(p));
  }
  template <bool Mask>
  static DUET_FN U32 load_partial(const char* p, int n) {
    return bits(F32::load_partial(reinterpret_cast<const float*>(p), n));
  }
  static DUET_FN void store(char* p, const U32& v) { v.store(reinterpret_cast<uint32_t*>(p)); }
  static DUET_FN void store_partial(char* p, const U32& v, int n) {
    F32::from_bits(v).store_partial(reinterpret_cast<float*>(p), n);
  }
};

/// Bytes that one element of a result takes, and its lanes.
template <class V>
struct Stored {
  using By = Io<V>;
  static constexpr int kBytes = sizeof(typename Io<V>::Element);
};
template <class S>
struct Stored<PacketMask<S>> {
  using By = Io<Packet<S>>;
  static constexpr int kBytes = 1;
};
template <>
struct Stored<math::ScalarMask> {
  using By = Io<math::Lane<uint8_t>>;
  static constexpr int kBytes = 1;
};

template <class V>
DUET_FN void put(char* const* out, int64_t i, int, const V& v) {
  Stored<V>::By::store(out[0] + i * Stored<V>::kBytes, v);
}
template <class V>
DUET_FN void put_partial(char* const* out, int64_t i, int n, const V& v) {
  Stored<V>::By::store_partial(out[0] + i * Stored<V>::kBytes, v, n);
}
template <class V, int N>
DUET_FN void put(char* const* out, int64_t i, int n, const Many<V, N>& r) {
  for (int k = 0; k < N; ++k) put(out + k, i, n, r.v[k]);
}
template <class V, int N>
DUET_FN void put_partial(char* const* out, int64_t i, int n, const Many<V, N>& r) {
  for (int k = 0; k < N; ++k) put_partial(out + k, i, n, r.v[k]);
}

/// How one input is read: by what number type, and whether it is a mask.
template <class T, bool IsMask = false>
struct Load {
  static constexpr int kBytes = IsMask ? 1 : static_cast<int>(sizeof(typename Io<T>::Element));
  static DUET_FN auto full(const char* p) { return Io<T>::template load<IsMask>(p); }
  static DUET_FN auto partial(const char* p, int n) { return Io<T>::template load_partial<IsMask>(p, n); }
};

// What an input is when it is known at compile time whether it is a single element: a register filled before the loop,
// or the next elements.
template <bool Single, class L>
DUET_FN auto held(const char* spread) {
  if constexpr (Single)
    return L::full(spread);
  else
    return 0;
}
template <bool Single, class L, class Held>
DUET_FN auto next(const Held& value, const char* p) {
  if constexpr (Single)
    return value;
  else
    return L::full(p);
}
template <bool Single, class L, class Held>
DUET_FN auto rest(const Held& value, const char* p, int n) {
  if constexpr (Single)
    return value;
  else
    return L::partial(p, n);
}

template <int kLanes, uint32_t kSingles, class... Loads, class F, int... K, class... Held>
DUET_FN void known_loop(int64_t n, char* const* out, const char* const* p, F f, std::integer_sequence<int, K...>,
                        const Held&... value) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    put(out, i, kLanes, f(next<((kSingles >> K) & 1u) != 0, Loads>(value, p[K] + i * Loads::kBytes)...));
  if (int left = static_cast<int>(n - i); left > 0)
    put_partial(out, i, left, f(rest<((kSingles >> K) & 1u) != 0, Loads>(value, p[K] + i * Loads::kBytes, left)...));
}

/// Runs f, which returns one value or Many, over the call's elements, kLanes at a time. kOften: which inputs are often
/// single elements; that case, and the one without any, have loops of their own.
template <int kLanes, uint32_t kOften, class... Loads, class F, int... K>
DUET_FN void run_tile(const TileCall& c, F f, std::integer_sequence<int, K...> inputs) {
  constexpr int kIn = static_cast<int>(sizeof...(Loads));
  alignas(64) char spread[kIn + 1][64];
  const char* p[kIn + 1];
  [[maybe_unused]] int64_t step[kIn + 1];
  [[maybe_unused]] auto prepare = [&]<int kSize>(int k, std::integral_constant<int, kSize>) {
    p[k] = static_cast<const char*>(c.in[k]);
    step[k] = kSize;
    if ((c.scalars >> k) & 1u) {
      for (int i = 0; i < kLanes; ++i) __builtin_memcpy(spread[k] + i * kSize, p[k], kSize);
      p[k] = spread[k];
      step[k] = 0;
    }
  };
  (prepare(K, std::integral_constant<int, Loads::kBytes>()), ...);
  char* const out[kMaxTileOutputs] = {static_cast<char*>(c.out[0]), static_cast<char*>(c.out[1]),
                                      static_cast<char*>(c.out[2]), static_cast<char*>(c.out[3])};
  if (c.scalars == 0) return known_loop<kLanes, 0, Loads...>(c.n, out, p, f, inputs, held<false, Loads>(nullptr)...);
  if constexpr (kOften != 0)
    if (c.scalars == kOften)
      return known_loop<kLanes, kOften, Loads...>(c.n, out, p, f, inputs,
                                                  held<((kOften >> K) & 1u) != 0, Loads>(spread[K])...);
  // Any other mixture: a single element is read again and again from its register's worth of memory.
  int64_t i = 0;
  for (; i + kLanes <= c.n; i += kLanes) put(out, i, kLanes, f(Loads::full(p[K] + i * step[K])...));
  if (int left = static_cast<int>(c.n - i); left > 0)
    put_partial(out, i, left, f(Loads::partial(p[K] + i * step[K], left)...));
}

template <int kLanes, uint32_t kOften, class... Loads, class F>
DUET_FN void run_tile(const TileCall& c, F f) {
  run_tile<kLanes, kOften, Loads...>(c, f, std::make_integer_sequence<int, static_cast<int>(sizeof...(Loads))>());
}

}  // namespace duet::cpu::DUET_ISA
