// The tensors that arrays.py has in Python, computed here: what a file must hold, bit for bit.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "duet/duet.h"

namespace duet::interchange {

inline const std::vector<DType> kAll = {f32, f64, i32, i64, u8, boolean};
inline const std::vector<Shape> kShapes = {
    {}, {5}, {2, 3}, {2, 3, 4}, {1, 2, 1, 3}, {2, 1, 3, 1, 2}, {1, 2, 1, 2, 1, 2}, {0}, {4, 0, 2}};

/// "f32_2x3x4", as arrays.py names it.
inline std::string label(const Spec& spec) {
  std::string text = std::string(name(spec.dtype)) + "_";
  for (int64_t extent : spec.shape) text += (text.back() == '_' ? "" : "x") + std::to_string(extent);
  return text;
}

template <class T, class F>
Tensor from_index(const Shape& shape, F f) {
  std::vector<T> all;
  for (int64_t i = 0; i < shape.numel(); ++i) all.push_back(static_cast<T>(f(i)));
  return from_vector(all, shape);
}

inline Tensor tensor_of(const Spec& spec) {
  const auto half = [](int64_t i) { return static_cast<double>(i) * 0.5 - 3; };
  switch (spec.dtype) {
    case DType::f32:
      return from_index<float>(spec.shape, half);
    case DType::f64:
      return from_index<double>(spec.shape, half);
    case DType::i32:
      return from_index<int32_t>(spec.shape, [](int64_t i) { return i - 3; });
    case DType::i64:
      return from_index<int64_t>(spec.shape, [](int64_t i) { return (i - 3) * (int64_t{1} << 33); });
    case DType::u8:
      return from_index<uint8_t>(spec.shape, [](int64_t i) { return i * 7 % 256; });
    default:
      return from_index<uint8_t>(spec.shape, [](int64_t i) { return i % 3 == 0; }).to(boolean);
  }
}

/// A tensor of these bits.
template <class T, class Bits>
Tensor from_bits(const std::vector<Bits>& bits) {
  std::vector<T> all(bits.size());
  std::memcpy(all.data(), bits.data(), bits.size() * sizeof(T));
  return from_vector(all, {static_cast<int64_t>(bits.size())});
}

/// -0, infinities, the smallest and largest numbers, quiet and signalling NaN with a payload.
inline std::vector<std::pair<std::string, Tensor>> specials() {
  return {{"f32", from_bits<float, uint32_t>(
                      {0x80000000, 0x7f800000, 0xff800000, 1, 0x00800000, 0x7f7fffff, 0x7fc12345, 0xffa00001})},
          {"f64", from_bits<double, uint64_t>({0x8000000000000000, 0x7ff0000000000000, 0xfff0000000000000, 1,
                                               0x0010000000000000, 0x7fefffffffffffff, 0x7ff8123456789abc,
                                               0xfff4000000000001})},
          {"i32", from_bits<int32_t, uint32_t>({0x80000000, 0x7fffffff, 0xffffffff})},
          {"i64", from_bits<int64_t, uint64_t>({0x8000000000000000, 0x7fffffffffffffff, 0xffffffffffffffff})}};
}

/// Every dtype in every shape, by label.
inline io::NamedTensors everything() {
  io::NamedTensors all;
  for (DType dtype : kAll)
    for (const Shape& shape : kShapes) all.emplace_back(label({dtype, shape}), tensor_of({dtype, shape}));
  return all;
}

}  // namespace duet::interchange
