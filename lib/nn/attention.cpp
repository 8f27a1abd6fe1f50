#include "duet/nn/attention.h"

#include <cmath>

#include "duet/ops/create.h"
#include "duet/ops/movement.h"
#include "ops/operands.h"
#include "ops/records.h"

namespace duet::nn {
namespace {

/// […,T,E] to […,H,T,E/H]: a view.
Tensor into_heads(const Tensor& x, int64_t heads) {
  Shape s = x.shape();
  s[x.rank() - 1] = heads;
  s.push_back(x.shape()[x.rank() - 1] / heads);
  return swap_axes(reshape(x, s), x.rank() - 2, x.rank() - 1);
}

Tensor from_heads(const Tensor& x) {
  const int r = x.rank();
  Tensor y = swap_axes(x, r - 3, r - 2);
  Shape s(y.shape().begin(), r - 1);
  s[r - 2] *= y.shape()[r - 1];
  return reshape(y, s);
}

}  // namespace

MultiHeadAttention MultiHeadAttention::init(int64_t width, int64_t heads, const Key& key, bool causal,
                                            std::source_location line) {
  LineScope scope(line);
  check<ShapeError>(width > 0 && heads > 0 && width % heads == 0,
                    "MultiHeadAttention: {} heads do not divide a width of {}; give a divisor", heads, width);
  const double e = static_cast<double>(width), in = std::sqrt(6 / (4 * e)), out = 1 / std::sqrt(e);
  const auto keys = split<4>(key);
  auto projection = [&](size_t i, double bound) {
    return Linear{uniform(keys[i], {width, width}, -bound, bound), zeros({width})};
  };
  return {projection(0, in), projection(1, in), projection(2, in), projection(3, out), heads, causal};
}

Tensor MultiHeadAttention::operator()(const Operand& x, const Tensor& mask) const {
  LineScope scope(x.line());
  return attend(x, floating("MultiHeadAttention", x), mask);
}

Tensor MultiHeadAttention::attend(const Operand& x, const Operand& memory, const Tensor& mask) const {
  LineScope scope(x.line());
  const Tensor &t = floating("MultiHeadAttention", x), &m = floating("MultiHeadAttention", memory, "memory");
  check<ShapeError>(t.rank() >= 2 && m.rank() >= 2, "MultiHeadAttention: two axes are needed, [T,E]: {} and {}",
                    t.spec(), m.spec());
  check<ShapeError>(t.rank() < kMaxRank && m.rank() < kMaxRank,
                    "MultiHeadAttention: too many axes: {} and {}; at most {}, the heads are one more", t.spec(),
                    m.spec(), kMaxRank - 1);
  for (const Linear* l : {&query, &key, &value}) {
    const int64_t width = checked_tensor("MultiHeadAttention", l->weight, "weight").shape(-1);
    check<ShapeError>(heads > 0 && width % heads == 0,
                      "MultiHeadAttention: {} heads do not divide a width of {}; give a divisor", heads, width);
  }
  const Tensor y = attention(into_heads(query(t), heads), into_heads(key(m), heads), into_heads(value(m), heads),
                             {.causal = causal, .mask = mask, .scale = {}});
  return out(from_heads(y));
}

}  // namespace duet::nn
