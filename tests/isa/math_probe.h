#pragma once
// Kernels over every formula of the kernel language, one copy per instruction set, reached through plain functions.

#include <cstdint>

namespace duet::probe {

enum class Fn {
  kExp, kExpm1, kLog, kLog1p, kTanh, kSigmoid, kErf, kSin, kCos, kGeluTanh, kGeluErf,
  kRsqrt, kReciprocal, kSquare, kAbs, kRelu, kSqrt, kNegate, kCount
};

inline constexpr const char* kNames[] = {"exp",       "expm1",    "log",   "log1p",      "tanh",   "sigmoid",
                                         "erf",       "sin",      "cos",   "gelu_tanh",  "gelu_erf",
                                         "rsqrt",     "reciprocal", "square", "abs",     "relu",   "sqrt", "neg"};

enum class Fn2 { kAdd, kSub, kMul, kDiv, kMinimum, kMaximum, kRawMin, kRawMax, kCount };
enum class Compare { kLt, kLe, kGt, kGe, kEq, kNe, kCount };

/// One instruction set's copy of the kernels. n is any count: the last register is partial.
struct Probe {
  const char* name;
  int lanes_f32, lanes_f64;
  void (*eval_f32)(Fn, const float* x, float* y, long n);
  void (*eval_f64)(Fn, const double* x, double* y, long n);
  void (*eval2_f32)(Fn2, const float* a, const float* b, float* y, long n);
  void (*eval2_f64)(Fn2, const double* a, const double* b, double* y, long n);
  void (*fma_f32)(const float* a, const float* b, const float* c, float* y, long n);
  void (*fma_f64)(const double* a, const double* b, const double* c, double* y, long n);
  /// y[i] = mask[i] ? a[i] : b[i], and out[i] = ~(a[i] ? b[i]) & mask[i] | (a[i] < b[i]) as bytes.
  void (*masks_f32)(Compare, const float* a, const float* b, const std::uint8_t* mask, float* y, std::uint8_t* out, long n);
  void (*masks_f64)(Compare, const double* a, const double* b, const std::uint8_t* mask, double* y, std::uint8_t* out, long n);
  /// Integer lanes: results of every Bits operation for one register pair, lanes_f32 words each, in the order of kBitsOps.
  void (*bits_ops)(const std::uint32_t* a, const std::uint32_t* b, std::uint32_t* y);
  void (*philox)(const std::uint32_t* counters, std::uint32_t k0, std::uint32_t k1, std::uint32_t* words, long n);
  void (*normal)(const std::uint32_t* words0, const std::uint32_t* words1, float* uniform, float* normal0, float* normal1, long n);
};

inline constexpr int kBitsOps = 12;

}  // namespace duet::probe
