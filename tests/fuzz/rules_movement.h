// Rules of views, copies, indices and new tensors.
#pragma once

#include "fuzz/growth.h"

namespace duet::fuzz {

inline std::vector<int64_t> dims(const Shape& s) { return {s.begin(), s.end()}; }
inline Shape with(Shape s, int axis, int64_t extent) {
  s[axis] = extent;
  return s;
}
inline Shape part(const Shape& s, int from, int to) { return Shape(s.begin() + from, to - from); }
inline Shape joined(Shape a, const Shape& b) {
  for (int64_t d : b) a.push_back(d);
  return a;
}

/// An operation of one operand.
inline Made unary(std::string_view op, const Want& w, const Spec& x, std::vector<int64_t> attrs) {
  return {std::string(op), {{x, w.bound, {}, nullptr}}, std::move(attrs), {w.spec}};
}

#define DUET_RULE_OF(Op, weight)                                  \
  template <>                                                     \
  struct Rule<Op> {                                               \
    static constexpr int kWeight = weight;                        \
    static Maybe make([[maybe_unused]] Growth& g, const Want& w); \
  };                                                              \
  inline Maybe Rule<Op>::make([[maybe_unused]] Growth& g, const Want& w)

DUET_RULE_OF(Reshape, 14) {
  Shape s;
  const int64_t n = w.shape().numel();
  switch (g.draw(4)) {
    case 0:
      s = {n};
      break;
    case 1:  // an axis of extent 1
      if (w.rank() == kMaxRank) return {};
      s = w.shape();
      s.push_back(1);
      break;
    case 2:  // two axes that become one
      if (w.rank() < 2) return {};
      s = joined(part(w.shape(), 0, w.rank() - 2), {w.shape()[w.rank() - 2] * w.shape()[w.rank() - 1]});
      break;
    default: {  // one that becomes two
      if (w.rank() == 0 || w.rank() == kMaxRank) return {};
      const int64_t last = w.shape()[w.rank() - 1], f = last % 3 == 0 ? 3 : last % 2 == 0 ? 2 : 1;
      s = joined(part(w.shape(), 0, w.rank() - 1), {f, last / f});
    }
  }
  return unary("reshape", w, {w.dtype(), s}, dims(w.shape()));
}
inline Made transposed(Growth& g, const Want& w) {
  std::vector<int64_t> order;
  for (int a = 0; a < w.rank(); ++a) order.push_back(a);
  for (int a = w.rank() - 1; a > 0; --a)
    std::swap(order[static_cast<size_t>(a)], order[static_cast<size_t>(g.draw(a + 1))]);
  Shape x = w.shape();
  for (int a = 0; a < w.rank(); ++a) x[static_cast<int>(order[static_cast<size_t>(a)])] = w.shape()[a];
  return unary("transpose", w, {w.dtype(), x}, order);
}
DUET_RULE_OF(Transpose, 12) {
  Made m = transposed(g, w);
  // Two of three axes and more seldom cancel, though they may look as if.
  if (w.rank() > 2 && w.plain() && g.chance(3)) m.in[0] = Growth::output_of(transposed(g, {m.in[0].spec}));
  return m;
}
DUET_RULE_OF(BroadcastTo, 10) { return unary("broadcast_to", w, {w.dtype(), g.broadcast(w.shape())}, dims(w.shape())); }
DUET_RULE_OF(Slice, 12) {
  if (w.rank() == 0) return {};
  const int a = g.draw(w.rank());
  const int64_t count = w.shape()[a], start = g.draw(3), step = 1 + g.draw(3);
  const int64_t n = start + (count > 0 ? (count - 1) * step + 1 : 0) + g.draw(2);
  const Shape x = with(w.shape(), a, n);
  if (!g.fits(x)) return {};
  return unary("slice", w, {w.dtype(), x}, {a, start, count, step});
}
DUET_RULE_OF(Unslice, 2) {
  if (w.rank() == 0 || !w.plain()) return {};
  const int a = g.draw(w.rank());
  const int64_t n = w.shape()[a], step = 1 + g.draw(2), start = g.draw(n + 1);
  const int64_t count = (n - start + step - 1) / step;
  return unary("unslice", w, {w.dtype(), with(w.shape(), a, count)}, {a, start, n, step});
}
DUET_RULE_OF(Concat, 6) {
  if (w.rank() == 0) return {};
  const int a = g.draw(w.rank());
  int64_t rest = w.shape()[a];
  Made m{"concat", {}, {a}, {w.spec}};
  for (int parts = 1 + g.draw(3); parts > 0; --parts) {
    const int64_t mine = parts == 1 ? rest : g.chance(2) ? rest / parts : g.draw(rest + 1);
    m.in.push_back({{w.dtype(), with(w.shape(), a, mine)}, w.bound, {}, nullptr});
    rest -= mine;
  }
  return m;
}
DUET_RULE_OF(Copy, 3) { return unary("copy", w, w.spec, {}); }
DUET_RULE_OF(Cast, 8) {
  if (!w.plain()) return {};
  return unary("cast", w, {g.dtype(), w.shape()}, {static_cast<int64_t>(w.dtype())});
}
DUET_RULE_OF(Alias, 1) { return unary("alias", w, w.spec, {}); }
DUET_RULE_OF(Flip, 5) {
  if (w.rank() == 0) return {};
  return unary("flip", w, w.spec, {g.draw(w.rank())});
}

DUET_RULE_OF(Pad, 4) {
  if (!w.plain()) return {};
  Shape x = w.shape();
  std::vector<int64_t> pairs;
  for (int a = 0; a < w.rank(); ++a) {
    const int64_t before = g.draw(std::min<int64_t>(3, x[a] + 1)),
                  after = g.draw(std::min<int64_t>(2, x[a] - before + 1));
    x[a] -= before + after;
    pairs.push_back(before);
    pairs.push_back(after);
  }
  Made m = unary("pad", w, {w.dtype(), x}, pairs);
  m.in.push_back(g.number(w.dtype()));
  return m;
}
inline Maybe triangle(std::string_view op, Growth& g, const Want& w) {
  if (w.rank() < 2 || !w.plain()) return {};
  return unary(op, w, w.spec, {g.draw(5) - 2});
}
DUET_RULE_OF(Tril, 2) { return triangle("tril", g, w); }
DUET_RULE_OF(Triu, 2) { return triangle("triu", g, w); }
DUET_RULE_OF(Update, 5) {
  if (w.rank() == 0) return {};
  const int a = g.draw(w.rank());
  const int64_t n = w.shape()[a], start = g.draw(n + 1), count = g.draw(n - start + 1);
  Made m = unary("update", w, w.spec, {a, start});
  m.in.push_back({{w.dtype(), with(w.shape(), a, count)}, w.bound, {}, nullptr});
  return m;
}

DUET_RULE_OF(Windows, 4) {
  if (w.rank() < 4 || !w.plain()) return {};
  const Shape& y = w.shape();
  const int r = w.rank() - 2;
  Shape x = part(y, 0, r);
  std::vector<int64_t> attrs(6);
  for (int i = 0; i < 2; ++i) {
    const int64_t count = y[r - 2 + i], size = y[r + i], stride = 1 + g.draw(2), dilation = 1 + g.draw(2);
    if (count < 1 || size < 1) return {};
    x[r - 2 + i] = (count - 1) * stride + (size - 1) * dilation + 1 + g.draw(stride);
    const auto at = static_cast<size_t>(i);
    attrs[at] = size, attrs[2 + at] = stride, attrs[4 + at] = dilation;
  }
  if (!g.fits(x)) return {};
  return unary("windows", w, {w.dtype(), x}, attrs);
}
DUET_RULE_OF(Unwindows, 2) {
  if (w.rank() < 2 || w.rank() > 4 || w.dtype() == boolean || !w.plain()) return {};
  const int r = w.rank();
  Shape y = w.shape();
  Shape sizes;
  std::vector<int64_t> attrs(6);
  for (int i = 0; i < 2; ++i) {
    const int64_t n = w.shape()[r - 2 + i];
    if (n < 1) return {};
    const int64_t size = 1 + g.draw(std::min<int64_t>(3, n)), stride = 1 + g.draw(2);
    y[r - 2 + i] = (n - size) / stride + 1;
    sizes.push_back(size);
    const auto at = static_cast<size_t>(i);
    attrs[at] = size, attrs[2 + at] = stride, attrs[4 + at] = 1;
  }
  attrs.push_back(w.shape()[r - 2]);
  attrs.push_back(w.shape()[r - 1]);
  y = joined(y, sizes);
  if (!g.fits(y)) return {};
  return unary("unwindows", w, {w.dtype(), y}, attrs);
}

// --- indices ---

inline DType index_dtype(Growth& g) { return g.chance(2) ? i64 : i32; }

DUET_RULE_OF(Gather, 6) {
  if (w.rank() == 0) return {};
  const bool batch = w.rank() > 1 && g.chance(4);  // axis 0 of both operands
  const int a = (batch ? 1 : 0) + g.draw(w.rank() - (batch ? 1 : 0));
  const int index_rank = std::min(g.draw(3), w.rank() - a);
  if (w.rank() - index_rank + 1 > kMaxRank) return {};
  const int64_t n = 1 + g.draw(9);
  const Shape x = joined(joined(part(w.shape(), 0, a), {n}), part(w.shape(), a + index_rank, w.rank()));
  const Shape index = joined(batch ? Shape{w.shape()[0]} : Shape{}, part(w.shape(), a, a + index_rank));
  if (!g.fits(x)) return {};
  Made m = unary("gather", w, {w.dtype(), x}, {a, batch});
  m.in.push_back(Growth::value(index_dtype(g), index, n));
  return m;
}
DUET_RULE_OF(ScatterAdd, 4) {
  if (w.rank() == 0 || w.dtype() == boolean || !w.plain()) return {};
  const int a = g.draw(w.rank());
  const int64_t n = w.shape()[a], count = n == 0 ? 0 : g.draw(6);
  Made m = unary("scatter_add", w, w.spec, {a, 0});
  m.in.push_back(Growth::value(index_dtype(g), {count}, n));
  m.in.push_back(Growth::value(w.dtype(), with(w.shape(), a, count)));
  return m;
}
DUET_RULE_OF(OneHot, 4) {
  if (w.rank() == 0 || !w.plain()) return {};
  const int64_t classes = w.shape()[w.rank() - 1];
  const Shape labels = part(w.shape(), 0, w.rank() - 1);
  if (classes == 0 && labels.numel() > 0) return {};
  Made m{"one_hot", {}, {static_cast<int64_t>(w.dtype()), classes, 0}, {w.spec}};
  m.in.push_back(Growth::value(index_dtype(g), labels, -classes));
  return m;
}
DUET_RULE_OF(Take, 3) {
  const int64_t n = 1 + g.draw(20);
  Made m = unary("take", w, {w.dtype(), {n}}, {0, 0});
  m.in.push_back(Growth::value(index_dtype(g), w.shape(), n));
  return m;
}
DUET_RULE_OF(Embedding, 4) {
  if (w.rank() == 0) return {};
  const int64_t n = 1 + g.draw(20);
  Made m = unary("embedding", w, {w.dtype(), {n, w.shape()[w.rank() - 1]}}, {0, 0});
  m.in.push_back(Growth::value(index_dtype(g), part(w.shape(), 0, w.rank() - 1), -n));
  return m;
}
DUET_RULE_OF(TakeAlongAxis, 4) {
  if (w.rank() == 0) return {};
  const int a = g.draw(w.rank());
  const int64_t n = 1 + g.draw(9);
  if (!g.fits(with(w.shape(), a, n))) return {};
  Made m = unary("take_along_axis", w, {w.dtype(), with(w.shape(), a, n)}, {a});
  m.in.push_back(Growth::value(index_dtype(g), w.shape(), n));
  return m;
}
DUET_RULE_OF(ScatterAddAlongAxis, 3) {
  if (w.rank() == 0 || w.dtype() == boolean || !w.plain()) return {};
  const int a = g.draw(w.rank());
  const int64_t n = w.shape()[a];
  const Shape updates = with(w.shape(), a, n == 0 ? 0 : g.draw(5));
  Made m = unary("scatter_add_along_axis", w, w.spec, {a});
  m.in.push_back(Growth::value(index_dtype(g), updates, n));
  m.in.push_back(Growth::value(w.dtype(), updates));
  return m;
}

// --- new tensors ---

inline std::vector<int64_t> dtype_and_dims(const Spec& s) {
  std::vector<int64_t> attrs = dims(s.shape);
  attrs.insert(attrs.begin(), static_cast<int64_t>(s.dtype));
  return attrs;
}
DUET_RULE_OF(Full, 4) {
  if (!w.plain()) return {};
  return Made{"full", {g.number(w.dtype())}, dtype_and_dims(w.spec), {w.spec}};
}
DUET_RULE_OF(Arange, 4) {
  if (!w.plain() || w.rank() != 1 || w.dtype() == boolean) return {};
  return Made{"arange", {g.number(w.dtype()), g.number(w.dtype())}, dtype_and_dims(w.spec), {w.spec}};
}
inline Need key() { return Growth::value(i32, {2}); }
DUET_RULE_OF(Uniform, 3) {
  if (w.dtype() != f32) return {};
  return Made{"uniform", {key()}, dims(w.shape()), {w.spec}};
}
DUET_RULE_OF(Normal, 3) {
  if (w.dtype() != f32) return {};
  return Made{"normal", {key()}, dims(w.shape()), {w.spec}};
}
DUET_RULE_OF(Permutation, 3) {
  if (w.dtype() != i64 || w.rank() != 1 || !w.plain()) return {};
  return Made{"permutation", {key()}, dims(w.shape()), {w.spec}};
}
DUET_RULE_OF(Split, 6) {
  if (w.dtype() != i32 || w.rank() != 2 || w.shape()[1] != 2 || !w.plain()) return {};
  return Made{"split", {key()}, {w.shape()[0]}, {w.spec}};
}
DUET_RULE_OF(FoldIn, 6) {
  if (w.dtype() != i32 || w.shape() != Shape{2} || !w.plain()) return {};
  return Made{
      "fold_in", {key(), g.chance(2) ? g.number(i64) : Growth::value(g.chance(2) ? i64 : i32, {})}, {}, {w.spec}};
}

}  // namespace duet::fuzz
