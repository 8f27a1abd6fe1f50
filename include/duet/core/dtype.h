// Element types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace duet {

/// Element type of a tensor. f32 is the working type; f64 is for checks; i32 to bool carry indices, labels and masks;
/// f16 and bf16 are for storage: what computes with them computes in f32 and rounds its results.
enum class DType : uint8_t { f32, f64, i32, i64, u8, boolean, f16, bf16 };

inline constexpr DType f32 = DType::f32;
inline constexpr DType f64 = DType::f64;
inline constexpr DType i32 = DType::i32;
inline constexpr DType i64 = DType::i64;
inline constexpr DType u8 = DType::u8;
inline constexpr DType boolean = DType::boolean;
inline constexpr DType f16 = DType::f16;
inline constexpr DType bf16 = DType::bf16;
inline constexpr int kDTypes = 8;
inline constexpr int kComputedDTypes = 6;  // those before f16

// Outside of the function, which would write the table to the stack at every call.
inline constexpr size_t kSizeBytes[kDTypes] = {4, 8, 4, 8, 1, 1, 2, 2};
/// Bytes of one element.
constexpr size_t size_bytes(DType t) { return kSizeBytes[static_cast<int>(t)]; }

/// The name that messages use: "f32", "i64", "bool".
constexpr std::string_view name(DType t) {
  constexpr std::string_view kNames[kDTypes] = {"f32", "f64", "i32", "i64", "u8", "bool", "f16", "bf16"};
  return kNames[static_cast<int>(t)];
}

/// The 16-bit floats.
constexpr bool is_half(DType t) { return t >= DType::f16; }
constexpr bool is_float(DType t) { return t == DType::f32 || t == DType::f64 || is_half(t); }

/// An element of f16: IEEE's binary16. Only bits: `t.to(f32)` has the numbers.
struct Half {
  uint16_t bits;
};
/// An element of bf16: the upper half of a float.
struct BFloat16 {
  uint16_t bits;
};

/// The DType of a C++ type: `dtype_of<float> == f32`.
template <class T>
inline constexpr DType dtype_of = [] { static_assert(sizeof(T) == 0, "duet has no DType for this C++ type"); }();
template <>
inline constexpr DType dtype_of<float> = DType::f32;
template <>
inline constexpr DType dtype_of<double> = DType::f64;
template <>
inline constexpr DType dtype_of<int32_t> = DType::i32;
template <>
inline constexpr DType dtype_of<int64_t> = DType::i64;
template <>
inline constexpr DType dtype_of<uint8_t> = DType::u8;
template <>
inline constexpr DType dtype_of<bool> = DType::boolean;
template <>
inline constexpr DType dtype_of<Half> = DType::f16;
template <>
inline constexpr DType dtype_of<BFloat16> = DType::bf16;

/// Throws the internal Error of a kernel that met a 16-bit float.
[[noreturn]] void reject_half();

/// Calls f with a value of the C++ type that `t` names: `visit(t, [](auto zero) { using T = decltype(zero); … })`. For
/// the types that kernels compute with: dispatch sees to it that they meet no 16-bit floats.
template <class F>
constexpr decltype(auto) visit(DType t, F&& f) {
  switch (t) {
    case DType::f32:
      return f(float{});
    case DType::f64:
      return f(double{});
    case DType::i32:
      return f(int32_t{});
    case DType::i64:
      return f(int64_t{});
    case DType::u8:
      return f(uint8_t{});
    case DType::f16:
    case DType::bf16:
      reject_half();
    case DType::boolean:
      break;
  }
  return f(bool{});
}
/// The same for all types, with Half and BFloat16.
template <class F>
constexpr decltype(auto) visit_stored(DType t, F&& f) {
  if (t == DType::f16) return f(Half{});
  if (t == DType::bf16) return f(BFloat16{});
  return visit(t, f);
}

/// A set of element types, one bit each; ops say with it what they accept.
using DTypeSet = unsigned;
constexpr DTypeSet set_of(DType t) { return 1u << static_cast<int>(t); }
inline constexpr DTypeSet kFloats = set_of(DType::f32) | set_of(DType::f64);
inline constexpr DTypeSet kNumbers = kFloats | set_of(DType::i32) | set_of(DType::i64) | set_of(DType::u8);
inline constexpr DTypeSet kAnyDType = kNumbers | set_of(DType::boolean);
inline constexpr DTypeSet kHalves = set_of(DType::f16) | set_of(DType::bf16);
/// What moves elements and does not look at them takes.
inline constexpr DTypeSet kStored = kAnyDType | kHalves;
constexpr bool contains(DTypeSet s, DType t) { return (s & set_of(t)) != 0; }

}  // namespace duet
