// One function in its three lives.
#pragma once

#include <functional>

#include "expect.h"

namespace duet::expect {

/// f behind one type for all functions of such arguments: what goes over many is compiled once a signature.
template <class F, class... A>
auto of_one_type(const F& f, const A&...) {
  return std::function<std::invoke_result_t<const F&, const A&...>(const A&...)>(f);
}

/// The bits of f(args…), which compiled and frozen calls have to have too, the first time and again.
template <class F, class... A>
std::string in_every_mode(const F& function, const A&... args) {
  const auto f = of_one_type(function, args...);
  const std::string eager = tree_bits(f(args...));
  auto compiled = compile(f);
  auto frozen = freeze(f);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(tree_bits(compiled(args...)), eager) << "compiled";
    EXPECT_EQ(tree_bits(frozen(args...)), eager) << "frozen";
  }
  return eager;
}

/// vmap(f)(x…)[i] == f(x…[i]) for all i, in every mode.
template <class F, class... A>
void expect_rows(const F& function, const A&... x) {
  const auto f = of_one_type(function, x...);
  const auto y = vmap(f)(x...);
  in_every_mode(vmap(f), x...);
  const int64_t n = std::get<0>(std::tie(x...)).shape(0);
  EXPECT_EQ(y.shape(0), n);
  for (int64_t i = 0; i < n; ++i) EXPECT_EQ(bits(y[i]), bits(f(x[i]...))) << i;
}

/// A smooth function with derivatives of every order.
inline Tensor energy(const Tensor& x) { return mean(tanh(x) * exp(x * 0.5f) + square(x)); }

/// Nothing of a transform is left behind in the thread.
inline void clean_thread() {
  EXPECT_EQ(thread_state.tape, nullptr);
  EXPECT_EQ(thread_state.batch, nullptr);
  EXPECT_EQ(thread_state.trace, nullptr);
  EXPECT_EQ(thread_state.line.file, nullptr);
}

}  // namespace duet::expect
