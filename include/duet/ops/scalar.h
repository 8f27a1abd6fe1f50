#pragma once
// One number as a "number type" of the kernel language (ops/math.h): device code, references and integer kernels.

#include <cstdint>
#include <type_traits>

// Formulas are always inlined: a kernel compiled for one instruction set must never be called from another one.
#if defined(__CUDACC__)
#define DUET_FN __host__ __device__ __forceinline__
#else
#define DUET_FN inline __attribute__((always_inline))
#endif

namespace duet::math {

/// Base of every number type, so that argument-dependent lookup finds the formulas of duet::math.
struct Number {};

/// Base of the u32 lanes (`T::Bits`) of every number type, for the same reason.
struct BitLanes {};

/// Functions that double number types take from the C library, a lane at a time.
enum class Libm { kExp, kExpm1, kLog, kLog1p, kSin, kCos, kTanh, kErf };

/// One lane of libm: the C functions themselves (the inline wrappers of <cmath> would be shared between instruction
/// sets).
DUET_FN double call_libm(Libm fn, double x) {
  switch (fn) {
    case Libm::kExp:
      return __builtin_exp(x);
    case Libm::kExpm1:
      return __builtin_expm1(x);
    case Libm::kLog:
      return __builtin_log(x);
    case Libm::kLog1p:
      return __builtin_log1p(x);
    case Libm::kSin:
      return __builtin_sin(x);
    case Libm::kCos:
      return __builtin_cos(x);
    case Libm::kTanh:
      return __builtin_tanh(x);
    case Libm::kErf:
      return __builtin_erf(x);
  }
  return x;
}

/// The same for functions of two numbers.
enum class Libm2 { kPow };
DUET_FN double call_libm(Libm2, double x, double y) { return __builtin_pow(x, y); }

/// Reinterprets an object's bytes (C++17 has no std::bit_cast).
template <class To, class From>
DUET_FN To bit_cast(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  __builtin_memcpy(&to, &from, sizeof(To));
  return to;
}

/// The outcome of comparing two scalars. Friends of templates must name it in their returns: nvcc 13 loses plain braces
/// there when it writes the host's half.
struct ScalarMask {
  bool v;
  friend DUET_FN ScalarMask operator&(ScalarMask a, ScalarMask b) { return {a.v && b.v}; }
  friend DUET_FN ScalarMask operator|(ScalarMask a, ScalarMask b) { return {a.v || b.v}; }
  friend DUET_FN ScalarMask operator~(ScalarMask a) { return {!a.v}; }
};

/// One 32-bit word, the `Bits` of Scalar<float>.
struct ScalarBits : BitLanes {
  using Mask = ScalarMask;
  std::uint32_t v;

  ScalarBits() = default;
  DUET_FN explicit ScalarBits(std::uint32_t bits) : v(bits) {}

  friend DUET_FN ScalarBits operator+(ScalarBits a, ScalarBits b) { return ScalarBits(a.v + b.v); }
  friend DUET_FN ScalarBits operator-(ScalarBits a, ScalarBits b) { return ScalarBits(a.v - b.v); }
  friend DUET_FN ScalarBits operator&(ScalarBits a, ScalarBits b) { return ScalarBits(a.v & b.v); }
  friend DUET_FN ScalarBits operator|(ScalarBits a, ScalarBits b) { return ScalarBits(a.v | b.v); }
  friend DUET_FN ScalarBits operator^(ScalarBits a, ScalarBits b) { return ScalarBits(a.v ^ b.v); }
  friend DUET_FN ScalarBits operator<<(ScalarBits a, int n) { return ScalarBits(a.v << n); }
  friend DUET_FN ScalarBits operator>>(ScalarBits a, int n) { return ScalarBits(a.v >> n); }
  friend DUET_FN ScalarMask operator==(ScalarBits a, ScalarBits b) { return ScalarMask{a.v == b.v}; }
  /// Arithmetic shift right.
  friend DUET_FN ScalarBits sar(ScalarBits a, int n) {
    return ScalarBits(static_cast<std::uint32_t>(static_cast<std::int32_t>(a.v) >> n));
  }
  friend DUET_FN ScalarBits mul_lo(ScalarBits a, ScalarBits b) { return ScalarBits(a.v * b.v); }
  friend DUET_FN ScalarBits mul_hi(ScalarBits a, ScalarBits b) {
    return ScalarBits(static_cast<std::uint32_t>((static_cast<std::uint64_t>(a.v) * b.v) >> 32));
  }
  friend DUET_FN ScalarBits select(ScalarMask m, ScalarBits a, ScalarBits b) { return m.v ? a : b; }
};

/// One float or double.
template <class S>
struct Scalar : Number {
  static_assert(std::is_same_v<S, float> || std::is_same_v<S, double>);
  static constexpr bool kIsDouble = std::is_same_v<S, double>;
  using Mask = ScalarMask;
  using Bits = ScalarBits;
  S v;

  Scalar() = default;
  DUET_FN explicit Scalar(double value) : v(static_cast<S>(value)) {}
  static DUET_FN Scalar of(S value) {
    Scalar x;
    x.v = value;
    return x;
  }
  static DUET_FN Scalar from_bits(ScalarBits b) {
    static_assert(!kIsDouble);
    return of(bit_cast<S>(b.v));
  }

  friend DUET_FN Scalar operator+(Scalar a, Scalar b) { return of(a.v + b.v); }
  friend DUET_FN Scalar operator-(Scalar a, Scalar b) { return of(a.v - b.v); }
  friend DUET_FN Scalar operator*(Scalar a, Scalar b) { return of(a.v * b.v); }
  friend DUET_FN Scalar operator/(Scalar a, Scalar b) { return of(a.v / b.v); }
  friend DUET_FN Scalar operator-(Scalar a) { return of(-a.v); }
  friend DUET_FN ScalarMask operator<(Scalar a, Scalar b) { return ScalarMask{a.v < b.v}; }
  friend DUET_FN ScalarMask operator<=(Scalar a, Scalar b) { return ScalarMask{a.v <= b.v}; }
  friend DUET_FN ScalarMask operator>(Scalar a, Scalar b) { return ScalarMask{a.v > b.v}; }
  friend DUET_FN ScalarMask operator>=(Scalar a, Scalar b) { return ScalarMask{a.v >= b.v}; }
  friend DUET_FN ScalarMask operator==(Scalar a, Scalar b) { return ScalarMask{a.v == b.v}; }
  friend DUET_FN ScalarMask operator!=(Scalar a, Scalar b) { return ScalarMask{a.v != b.v}; }
  friend DUET_FN Scalar select(ScalarMask m, Scalar a, Scalar b) { return m.v ? a : b; }

  /// a·b + c with one rounding.
  friend DUET_FN Scalar fma(Scalar a, Scalar b, Scalar c) {
    if constexpr (kIsDouble)
      return of(__builtin_fma(a.v, b.v, c.v));
    else
      return of(__builtin_fmaf(a.v, b.v, c.v));
  }
  friend DUET_FN Scalar sqrt(Scalar a) {
    if constexpr (kIsDouble)
      return of(__builtin_sqrt(a.v));
    else
      return of(__builtin_sqrtf(a.v));
  }
  friend DUET_FN ScalarBits bits(Scalar a) {
    static_assert(!kIsDouble);
    return ScalarBits(bit_cast<std::uint32_t>(a.v));
  }
  friend DUET_FN Scalar libm(Libm fn, Scalar x) { return of(static_cast<S>(call_libm(fn, static_cast<double>(x.v)))); }
  friend DUET_FN Scalar libm(Libm2 fn, Scalar x, Scalar y) {
    return of(static_cast<S>(call_libm(fn, static_cast<double>(x.v), static_cast<double>(y.v))));
  }
};

/// One integer: + - * wrap around.
template <class I>
struct Lane : Number {
  static_assert(std::is_integral_v<I> && !std::is_same_v<I, bool>);
  static constexpr bool kIsDouble = false;
  using Mask = ScalarMask;
  using Unsigned = std::make_unsigned_t<I>;
  I v;

  Lane() = default;
  DUET_FN explicit Lane(double value) : v(static_cast<I>(value)) {}
  static DUET_FN Lane of(I value) {
    Lane x;
    x.v = value;
    return x;
  }

  // Multiplying in u64 avoids the promotion to signed int, whose overflow is undefined.
  friend DUET_FN Lane operator+(Lane a, Lane b) { return wrap(wide(a) + wide(b)); }
  friend DUET_FN Lane operator-(Lane a, Lane b) { return wrap(wide(a) - wide(b)); }
  friend DUET_FN Lane operator*(Lane a, Lane b) { return wrap(wide(a) * wide(b)); }
  friend DUET_FN Lane operator-(Lane a) { return wrap(0 - wide(a)); }
  friend DUET_FN ScalarMask operator<(Lane a, Lane b) { return ScalarMask{a.v < b.v}; }
  friend DUET_FN ScalarMask operator<=(Lane a, Lane b) { return ScalarMask{a.v <= b.v}; }
  friend DUET_FN ScalarMask operator>(Lane a, Lane b) { return ScalarMask{a.v > b.v}; }
  friend DUET_FN ScalarMask operator>=(Lane a, Lane b) { return ScalarMask{a.v >= b.v}; }
  friend DUET_FN ScalarMask operator==(Lane a, Lane b) { return ScalarMask{a.v == b.v}; }
  friend DUET_FN ScalarMask operator!=(Lane a, Lane b) { return ScalarMask{a.v != b.v}; }
  friend DUET_FN Lane select(ScalarMask m, Lane a, Lane b) { return m.v ? a : b; }
  friend DUET_FN Lane abs(Lane a) { return select(a < of(0), -a, a); }

 private:
  using Wide = std::conditional_t<(sizeof(I) < sizeof(std::uint64_t)), std::uint32_t, std::uint64_t>;
  static DUET_FN Wide wide(Lane a) { return static_cast<Wide>(a.v); }
  static DUET_FN Lane wrap(Wide value) { return of(static_cast<I>(static_cast<Unsigned>(value))); }
};

}  // namespace duet::math
