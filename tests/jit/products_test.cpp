// Machine code over the blocks of a product, which may be narrower than the product and lie apart: eager's bits.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "duet/duet.h"
#include "expect.h"
#include "jit/jit_test.h"

namespace duet {
namespace {

using JitProductsTest = JitTest;

// w − lr · xᵀ·dy is computed in w: the product passes by.
Tensor update(Tensor& w, const Tensor& x, const Tensor& y, const Tensor&, const Tensor&) {
  w = w - matmul(transpose(x), y) * 0.1f;
  return sum(y);
}
Tensor two_updates(Tensor& w, const Tensor& x, const Tensor& y, const Tensor& row, const Tensor& column) {
  const Tensor g = matmul(transpose(x), y);
  w = w * row + g * column;
  return sum(y);
}
// The product has a place of its own, or its result's.
Tensor activation(Tensor& w, const Tensor& x, const Tensor& y, const Tensor& row, const Tensor& column) {
  return tanh(matmul(transpose(x), y) * column + row) * w;
}
// w is read otherwise than the product's elements follow: gathered first, row by row.
Tensor turned(Tensor& w, const Tensor& x, const Tensor& y, const Tensor&, const Tensor&) {
  const Tensor other = transpose(reshape(w, {w.shape()[1], w.shape()[0]}));
  return matmul(transpose(x), y) + other * 2.0f;
}

TEST_F(JitProductsTest, BlocksHaveTheSameBits) {
  constexpr decltype(&update) kForms[] = {update, two_updates, activation, turned};
  for (const char* isa : {"v3", "v4"}) {
    if (!cpu::set_isa(isa)) continue;
    for (const bool code : {true, false}) {
      cpu::jit::set_enabled(code);
      for (const int threads : {1, 2}) {
        cpu::set_threads(threads);
        for (const int64_t k : {1, 40, 300})
          for (const auto& [m, n] : {std::pair<int64_t, int64_t>{80, 64}, {65, 97}, {200, 900}, {130, 1601}})
            for (size_t form = 0; form < std::size(kForms); ++form) {
              const Tensor x = normal(Key(1), {k, m}), y = normal(Key(2), {k, n}), start = normal(Key(3), {m, n});
              const Tensor row = normal(Key(4), {n}), column = normal(Key(5), {m, 1});
              const auto compiled = compile(kForms[form]);
              Tensor w = start + 0.0f, eager_w = start + 0.0f;
              for (int call = 0; call < 2; ++call) {
                const Tensor a = compiled(w, x, y, row, column), b = kForms[form](eager_w, x, y, row, column);
                const auto where =
                    fmt::format("form {}, {} x {} of {}, {} threads, {}, code {}", form, m, n, k, threads, isa, code);
                ASSERT_EQ(expect::tree_bits(a), expect::tree_bits(b)) << where;
                ASSERT_EQ(expect::tree_bits(w), expect::tree_bits(eager_w)) << where;
              }
            }
      }
    }
  }
}

// Rows of a stack of matrices: an operand that is repeated for each of them.
TEST_F(JitProductsTest, StacksHaveTheSameBits) {
  auto f = [](Tensor& h, const Tensor& u, const Tensor& v, const Tensor& shared) {
    h = h * shared + matmul(u, v);
    return sum(u);
  };
  for (const char* isa : {"v3", "v4"}) {
    if (!cpu::set_isa(isa)) continue;
    for (const int64_t n : {96, 101, 900}) {
      const Tensor u = normal(Key(1), {3, 80, 48}), v = normal(Key(2), {3, 48, n}), shared = normal(Key(3), {80, n});
      Tensor h = normal(Key(4), {3, 80, n}), eager_h = h + 0.0f;
      const auto compiled = compile(f);
      for (int call = 0; call < 2; ++call) {
        compiled(h, u, v, shared);
        f(eager_h, u, v, shared);
        ASSERT_EQ(expect::tree_bits(h), expect::tree_bits(eager_h)) << n << ", " << isa;
      }
    }
  }
}

}  // namespace
}  // namespace duet
