// Rules of reductions, scans, sorts, products and the parts of convolutions.
#pragma once

#include "fuzz/rules_movement.h"

namespace duet::fuzz {

/// A shape that becomes `y` when some of its axes are reduced.
struct Reduced {
  Shape x;
  int64_t axes = 0;
  bool keepdims = false;
};
inline std::optional<Reduced> before_reduction(Growth& g, const Shape& y, bool one_axis, bool not_empty) {
  auto drawn = [&] {
    const int64_t n = g.extent();
    return not_empty && n == 0 ? 2 : n;
  };
  Reduced r;
  if (g.chance(3)) {  // axes that are kept with extent 1
    r.keepdims = true;
    r.x = y;
    for (int a = 0; a < y.rank(); ++a)
      if (y[a] == 1 && (r.axes == 0 || (!one_axis && g.chance(2)))) r.axes |= int64_t{1} << a, r.x[a] = drawn();
  } else {
    int left = 0;
    for (int a = one_axis || g.chance(2) ? 1 : 2; a > 0; --a) {
      if (r.x.rank() + y.rank() - left >= kMaxRank) return {};
      const int at = left + g.draw(y.rank() - left + 1);
      r.x = joined(r.x, part(y, left, at));
      left = at;
      r.axes |= int64_t{1} << r.x.rank();
      r.x.push_back(drawn());
    }
    r.x = joined(r.x, part(y, left, y.rank()));
  }
  if (r.axes == 0 || !g.fits(r.x)) return {};
  return r;
}

inline Maybe reduction(std::string_view op, Growth& g, const Want& w, DType dtype, bool not_empty) {
  const auto r = before_reduction(g, w.shape(), false, not_empty);
  if (!w.plain() || !r) return {};
  return unary(op, w, {dtype, r->x}, {r->axes, r->keepdims});
}
inline Maybe total(std::string_view op, Growth& g, const Want& w) {
  if (!is_float(w.dtype()) && w.dtype() != i64) return {};
  return reduction(op, g, w, is_float(w.dtype()) ? w.dtype() : g.dtype(kAnyDType & ~kFloats), false);
}
DUET_RULE_OF(Sum, 14) { return total("sum", g, w); }
DUET_RULE_OF(Prod, 3) { return total("prod", g, w); }
DUET_RULE_OF(Max, 5) { return reduction("max", g, w, w.dtype(), true); }
DUET_RULE_OF(Min, 3) { return reduction("min", g, w, w.dtype(), true); }
DUET_RULE_OF(Any, 4) {
  if (w.dtype() != boolean) return {};
  return reduction("reduce_any", g, w, g.dtype(), false);
}
DUET_RULE_OF(All, 4) {
  if (w.dtype() != boolean) return {};
  return reduction("reduce_all", g, w, g.dtype(), false);
}
/// Where along an axis; what is wanted as an index is one of the axis's.
inline Maybe place(std::string_view op, Growth& g, const Want& w) {
  if (w.dtype() != i64) return {};
  auto r = before_reduction(g, w.shape(), true, true);
  if (!r) return {};
  int axis = 0;
  while (((r->axes >> axis) & 1) == 0) ++axis;
  if (w.bound != 0) r->x[axis] = std::abs(w.bound);
  if (!g.fits(r->x)) return {};
  return Made{std::string(op), {Growth::value(g.dtype(), r->x)}, {axis, r->keepdims}, {w.spec}};
}
DUET_RULE_OF(Argmax, 8) { return place("argmax", g, w); }
DUET_RULE_OF(Argmin, 4) { return place("argmin", g, w); }

DUET_RULE_OF(Cumsum, 4) {
  if (w.rank() == 0 || !w.plain() || (!is_float(w.dtype()) && w.dtype() != i64)) return {};
  const DType x = is_float(w.dtype()) ? w.dtype() : g.dtype(kAnyDType & ~kFloats);
  return unary("cumsum", w, {x, w.shape()}, {g.draw(w.rank()), g.draw(2)});
}
DUET_RULE_OF(ExclusiveProd, 2) {
  if (w.rank() == 0 || !is_float(w.dtype())) return {};
  return unary("exclusive_prod", w, w.spec, {g.draw(w.rank()), g.draw(2)});
}
DUET_RULE_OF(Recurrence, 2) {
  if (w.rank() == 0 || !is_float(w.dtype())) return {};
  Made m = unary("recurrence", w, w.spec, {g.draw(w.rank()), g.draw(2)});
  m.in.push_back({w.spec, 0, {}, nullptr});
  return m;
}

/// The first `count` places of a row of n in order, as a sort gives them.
inline Made order_of(Growth& g, Shape shape, int64_t n, int64_t count, DType dtype) {
  shape[shape.rank() - 1] = n;
  const Shape first = with(shape, shape.rank() - 1, count);
  if (count == n && g.chance(2))
    return {"sort", {Growth::value(dtype, shape)}, {g.draw(2)}, {{dtype, shape}, {i64, shape}}, 1};
  return {"topk", {Growth::value(dtype, shape)}, {count}, {{dtype, first}, {i64, first}}, 1};
}
DUET_RULE_OF(Sort, 4) {
  if (w.rank() == 0 || !w.plain()) return {};
  const bool indices = w.dtype() == i64 && g.chance(2);
  const DType x = indices ? g.dtype() : w.dtype();
  return Made{"sort", {Growth::value(x, w.shape())}, {g.draw(2)}, {{x, w.shape()}, {i64, w.shape()}}, indices};
}
DUET_RULE_OF(TopK, 3) {
  if (w.rank() == 0 || !w.plain()) return {};
  const bool indices = w.dtype() == i64 && g.chance(2);
  const int64_t k = w.shape()[w.rank() - 1];
  Made m = order_of(g, w.shape(), k + g.draw(4), k, indices ? g.dtype() : w.dtype());
  if (m.op != "topk" || !g.fits(m.in[0].spec.shape)) return {};
  m.output = indices;
  return m;
}
DUET_RULE_OF(Unsort, 2) {
  if (w.rank() == 0 || !w.plain()) return {};
  const int64_t n = w.shape()[w.rank() - 1], k = n - g.draw(std::min<int64_t>(n + 1, 3));
  Made m = unary("unsort", w, {w.dtype(), with(w.shape(), w.rank() - 1, k)}, {n});
  m.in.push_back(Growth::output_of(order_of(g, w.shape(), n, k, g.dtype())));
  return m;
}
DUET_RULE_OF(Resort, 2) {
  if (w.rank() == 0 || !w.plain()) return {};
  const int64_t k = w.shape()[w.rank() - 1], n = k + g.draw(3);
  const Shape x = with(w.shape(), w.rank() - 1, n);
  if (!g.fits(x)) return {};
  Made m = unary("resort", w, {w.dtype(), x}, {});
  m.in.push_back(Growth::output_of(order_of(g, w.shape(), n, k, g.dtype())));
  return m;
}

DUET_RULE_OF(Matmul, 14) {
  if (w.rank() < 2 || !is_float(w.dtype())) return {};
  const int r = w.rank();
  const Shape lead = part(w.shape(), 0, r - 2);
  const int64_t m = w.shape()[r - 2], n = w.shape()[r - 1];
  const int64_t k = g.chance(3) ? n : g.chance(3) ? m : g.extent();
  const bool first = g.chance(2);  // which one has all leading axes
  const Shape a = joined(first ? lead : g.broadcast(lead), {m, k}),
              b = joined(first ? g.broadcast(lead) : lead, {k, n});
  if (!g.fits(a) || !g.fits(b) || w.shape().numel() * k > 4'000'000) return {};
  return Made{"matmul", {Growth::value(w.dtype(), a), Growth::value(w.dtype(), b)}, {}, {w.spec}};
}

/// kernel, stride, padding, dilation, each for rows and columns, for windows at `count` places; and the image's
/// extents.
struct Placed {
  std::vector<int64_t> attrs = std::vector<int64_t>(8);
  int64_t image[2] = {};
};
inline std::optional<Placed> placed(Growth& g, const int64_t (&kernel)[2], const int64_t (&count)[2], bool plain) {
  Placed p;
  for (size_t i = 0; i < 2; ++i) {
    const int64_t stride = 1 + g.draw(2), dilation = plain ? 1 : 1 + g.draw(2), padding = plain ? 0 : g.draw(2);
    p.image[i] = (count[i] - 1) * stride + (kernel[i] - 1) * dilation + 1 - 2 * padding;
    if (count[i] < 1 || kernel[i] < 1 || p.image[i] < 1) return {};
    p.attrs[i] = kernel[i], p.attrs[2 + i] = stride, p.attrs[4 + i] = padding, p.attrs[6 + i] = dilation;
  }
  return p;
}
DUET_RULE_OF(Unfold, 6) {
  if (w.rank() != 5 || !is_float(w.dtype())) return {};
  const Shape& y = w.shape();
  const int64_t kh = y[1] % 2 == 0 && g.chance(2) ? 2 : 1;
  const auto p = placed(g, {kh, y[1] / kh}, {y[3], y[4]}, false);
  if (!p) return {};
  const Shape x{y[2], y[0], p->image[0], p->image[1]};
  if (!g.fits(x)) return {};
  return unary("unfold", w, {w.dtype(), x}, p->attrs);
}
DUET_RULE_OF(Fold, 4) {
  if (w.rank() != 4 || !is_float(w.dtype())) return {};
  const Shape& y = w.shape();
  if (y[2] < 1 || y[3] < 1) return {};
  const int64_t kh = 1 + g.draw(std::min<int64_t>(2, y[2])), kw = 1 + g.draw(std::min<int64_t>(3, y[3]));
  const Shape x{y[1], kh * kw, y[0], y[2] - kh + 1, y[3] - kw + 1};
  if (!g.fits(x)) return {};
  return unary("fold", w, {w.dtype(), x}, {kh, kw, 1, 1, 0, 0, 1, 1, y[2], y[3]});
}
DUET_RULE_OF(MaxPoolIndex, 6) {
  if (w.rank() != 4 || w.dtype() != i64 || !w.plain()) return {};
  const Shape& y = w.shape();
  const auto p = placed(g, {1 + g.draw(3), 1 + g.draw(3)}, {y[2], y[3]}, true);
  if (!p) return {};
  const Shape x{y[0], y[1], p->image[0], p->image[1]};
  if (!g.fits(x)) return {};
  return Made{"max_pool_index", {Growth::value(g.chance(2) ? f32 : f64, x)}, p->attrs, {w.spec}};
}

#undef DUET_RULE_OF

}  // namespace duet::fuzz
