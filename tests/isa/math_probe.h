#pragma once
// Every formula of the kernel language behind plain functions, one copy per instruction set: what math_test and
// ulp look at. The formulas below are applied to any number type, so a packet and a scalar cannot be asked
// different things.

#include <duet/ops/math.h>

#include <cstdint>

namespace duet::probe {

#define DUET_PROBE_FUNCTIONS(X)                                                                                    \
  X(exp)                                                                                                           \
  X(expm1)                                                                                                         \
  X(log)                                                                                                           \
  X(log1p)                                                                                                         \
  X(tanh)                                                                                                          \
  X(sigmoid) X(erf) X(sin) X(cos) X(gelu_tanh) X(gelu_erf) X(rsqrt) X(reciprocal) X(square) X(abs) X(relu) X(sqrt) \
      X(sign) X(floor) X(ceil) X(round) X(silu) X(softplus)

#define DUET_PROBE_ENUM(name) k_##name,
enum class Fn { DUET_PROBE_FUNCTIONS(DUET_PROBE_ENUM) kCount };
#undef DUET_PROBE_ENUM

#define DUET_PROBE_NAME(name) #name,
inline constexpr const char* kNames[] = {DUET_PROBE_FUNCTIONS(DUET_PROBE_NAME)};
#undef DUET_PROBE_NAME

enum class Fn2 {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMinimum,
  kMaximum,
  kRawMin,
  kRawMax,
  kFma,
  kNegate,
  kSelect,
  kPow,
  kLeakyRelu,
  kTests,
  kCount
};
enum class Compare { kLt, kLe, kGt, kGe, kEq, kNe, kCount };
inline constexpr int kBitsOps = 13;

template <class T>
DUET_FN T apply(Fn fn, const T& x) {
  switch (fn) {
#define DUET_PROBE_CASE(name) \
  case Fn::k_##name:          \
    return name(x);
    DUET_PROBE_FUNCTIONS(DUET_PROBE_CASE)
#undef DUET_PROBE_CASE
    case Fn::kCount:
      break;
  }
  return x;
}

template <class T>
DUET_FN T apply2(Fn2 fn, const T& a, const T& b) {
  switch (fn) {
    case Fn2::kAdd:
      return a + b;
    case Fn2::kSub:
      return a - b;
    case Fn2::kMul:
      return a * b;
    case Fn2::kDiv:
      return a / b;
    case Fn2::kMinimum:
      return minimum(a, b);
    case Fn2::kMaximum:
      return maximum(a, b);
    case Fn2::kRawMin:
      return raw_min(a, b);
    case Fn2::kRawMax:
      return raw_max(a, b);
    case Fn2::kFma:
      return fma(a, b, a);
    case Fn2::kNegate:
      return -a;
    case Fn2::kSelect:
      return select((a < b) & ~(b == T(0)), a, select((a > b) | (a != a), b, T(7)));
    case Fn2::kPow:
      return pow(a, b);
    case Fn2::kLeakyRelu:
      return leaky_relu(a, b);
    case Fn2::kTests:
      return select(isnan(a), T(1), select(isinf(a), T(2), b));
    case Fn2::kCount:
      break;
  }
  return a;
}

template <class T>
DUET_FN typename T::Mask compare(Compare c, const T& a, const T& b) {
  switch (c) {
    case Compare::kLt:
      return a < b;
    case Compare::kLe:
      return a <= b;
    case Compare::kGt:
      return a > b;
    case Compare::kGe:
      return a >= b;
    case Compare::kEq:
      return a == b;
    case Compare::kNe:
    case Compare::kCount:
      break;
  }
  return a != b;
}

/// The results of all operations on Bits, in a fixed order.
template <class B>
DUET_FN void bits_ops(const B& a, const B& b, B (&out)[kBitsOps]) {
  const auto equal = a == b;
  const B results[] = {a + b,
                       a - b,
                       a & b,
                       a | b,
                       a ^ b,
                       a << 5,
                       a >> 7,
                       sar(a, 3),
                       mul_lo(a, b),
                       mul_hi(a, b),
                       select(equal, a, B(9u)),
                       select(~equal, b, B(3u)),
                       a << 31};
  for (int i = 0; i < kBitsOps; ++i) out[i] = results[i];
}

/// One instruction set's copy. n is any count: the last register is partial.
struct Probe {
  const char* name;
  int lanes_f32, lanes_f64;
  void (*eval_f32)(Fn, const float* x, float* y, long n);
  void (*eval_f64)(Fn, const double* x, double* y, long n);
  void (*eval2_f32)(Fn2, const float* a, const float* b, float* y, long n);
  void (*eval2_f64)(Fn2, const double* a, const double* b, double* y, long n);
  /// y = (compare(a, b) & mask) ? a : b, and that mask as bytes.
  void (*masks_f32)(Compare, const float* a, const float* b, const std::uint8_t* mask, float* y, std::uint8_t* out,
                    long n);
  void (*masks_f64)(Compare, const double* a, const double* b, const std::uint8_t* mask, double* y, std::uint8_t* out,
                    long n);
  /// A partial load of n, the whole register (kLanes values) written to y.
  void (*partial_f32)(const float* x, float* y, int n);
  void (*partial_f64)(const double* x, double* y, int n);
  /// One register pair in; kBitsOps registers out.
  void (*bits)(const std::uint32_t* a, const std::uint32_t* b, std::uint32_t* y);
  /// One register of counters (c, c2, c3, c4); four registers out.
  void (*philox)(const std::uint32_t* const c[4], std::uint32_t k0, std::uint32_t k1, std::uint32_t* y);
  /// One register of word pairs; registers uniform(words0), normal0, normal1 out.
  void (*random)(const std::uint32_t* words0, const std::uint32_t* words1, float* y);
};

/// The copies this processor can run, the widest last.
int available(const Probe* (&probes)[4]);

}  // namespace duet::probe
