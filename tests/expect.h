// What tests of values and of the graph life share: bits of tensors, and errors as whole strings.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <typeinfo>
#include <vector>

#include "duet/duet.h"
#include "duet/ops/convert.h"

namespace duet::expect {

/// Spec and elements, byte by byte, NaNs made canonical: equal strings are equal values.
inline std::string bits(const Tensor& t) {
  if (!t.defined()) return "empty";
  std::string s = to_string(t.spec()) + ":";
  visit_stored(t.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (T x : t.to_vector<T>()) {
      if constexpr (is_float(dtype_of<T>))
        if (std::isnan(readable(x))) x = convert<T>(std::numeric_limits<float>::quiet_NaN());
      char raw[sizeof(T)];
      std::memcpy(raw, &x, sizeof(T));
      s.append(raw, sizeof(T));
    }
  });
  return s;
}

/// The bits of every leaf of a tree.
template <class T>
std::string tree_bits(const T& tree) {
  std::string s;
  for_each_leaf(tree, [&](const Tensor& t) { s += bits(t) + ";"; });
  return s;
}

inline std::vector<float> floats(const Tensor& t) { return t.to_vector<float>(); }

/// The message without its place, which must be in `file`; an E must be thrown.
template <class E, class F>
void error(F&& f, const std::string& text, const char* file) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(typeid(e).name(), typeid(E).name());
    EXPECT_STREQ(e.line().file != nullptr ? e.line().file : "nowhere", file) << e.what();
    EXPECT_EQ(std::string(e.what()), text + " [" + to_string(e.line()) + "]");
    EXPECT_EQ(thread_state.line.file, nullptr);
    return;
  }
  ADD_FAILURE() << "nothing was thrown; expected: " << text;
}

/// Small numbers that differ and have all their bits in use.
inline Tensor numbers(const Shape& shape, int seed = 1) {
  return uniform(Key(static_cast<uint64_t>(seed)), shape, -1, 1);
}

}  // namespace duet::expect

/// The statement throws exactly an E whose message is `text` and whose place is in this file.
#define EXPECT_ERROR(E, statement, text) ::duet::expect::error<E>([&] { statement; }, text, __FILE__)
