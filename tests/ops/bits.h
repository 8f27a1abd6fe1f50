// Bits of tensors, for comparisons: "memcmp" everywhere in these tests means these bytes, NaN made canonical.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <random>

#include "duet/duet.h"
#include "duet/ops/convert.h"

namespace duet::testing {

/// The elements in row-major order as bytes; every NaN is the same one.
inline std::vector<uint8_t> bits(const Tensor& t) {
  if (!t.defined()) return {};
  Tensor dense = contiguous(t);
  std::vector<uint8_t> bytes(dense.size_bytes());
  visit_stored(t.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* x = dense.template data<T>();
    for (int64_t i = 0; i < dense.numel(); ++i) {
      T v = x[i];
      if constexpr (is_float(dtype_of<T>))
        if (std::isnan(readable(v))) v = convert<T>(std::numeric_limits<float>::quiet_NaN());
      std::memcpy(bytes.data() + static_cast<size_t>(i) * sizeof(T), &v, sizeof(T));
    }
  });
  return bytes;
}

/// Empty if a and b are the same value, else how they differ.
inline std::string difference(const Tensor& a, const Tensor& b) {
  if (a.defined() != b.defined()) return "one of them is empty";
  if (!a.defined()) return "";
  if (a.spec() != b.spec()) return fmt::format("{} against {}", a.spec(), b.spec());
  std::vector<uint8_t> x = bits(a), y = bits(b);
  if (x == y) return "";
  size_t at = 0;
  while (x[at] == y[at]) ++at;
  const auto i = static_cast<int64_t>(at / size_bytes(a.dtype()));
  Tensor u = contiguous(a).reshape({a.numel()}).slice(0, i, i + 1),
         v = contiguous(b).reshape({b.numel()}).slice(0, i, i + 1);
  return fmt::format("{}: element {} is {:a} against {:a}", a.spec(), i, u.to(f64).item<double>(),
                     v.to(f64).item<double>());
}

/// A tensor of its own with the same elements.
inline Tensor clone(const Tensor& t) { return t.defined() ? concat({t}, 0) : t; }

}  // namespace duet::testing
