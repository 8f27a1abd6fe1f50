// Functions of several operations, as steps.
#include "fuzz/rules_compute.h"

namespace duet::fuzz {
namespace {

bool floating(const Want& w, int min_rank = 0) {
  return is_float(w.dtype()) && w.rank() >= min_rank && w.shape().numel() > 0;
}
Made same(std::string_view op, const Want& w, std::vector<int64_t> attrs = {}) {
  return unary(op, w, w.spec, std::move(attrs));
}
Maybe along(std::string_view op, Growth& g, const Want& w) {
  if (!floating(w, 1)) return {};
  return same(op, w, {g.draw(w.rank())});
}
Maybe norm(std::string_view op, const Want& w, int parameters) {
  if (!floating(w, 1)) return {};
  Made m = same(op, w);
  for (int i = 0; i < parameters; ++i) m.in.push_back(Growth::value(w.dtype(), {w.shape()[w.rank() - 1]}));
  return m;
}
Maybe over_axes(std::string_view op, Growth& g, const Want& w) {
  if (!is_float(w.dtype())) return {};
  return reduction(op, g, w, w.dtype(), true);
}
ReduceOver over(const std::vector<int64_t>& attrs) {
  ReduceOver r{{}, attrs[1] != 0};
  r.axis.count = 0;
  for (int a = 0; a < kMaxRank; ++a)
    if ((attrs[0] >> a) & 1) r.axis.axis[r.axis.count++] = a;
  return r;
}
Maybe loss(std::string_view op, Growth& g, const Want& w) {
  if (!floating(w) || w.rank() != 0) return {};
  const Shape s = g.shape(1, 3);
  if (s.numel() == 0) return {};
  return Made{std::string(op), {Growth::value(w.dtype(), s), Growth::value(w.dtype(), s)}, {}, {w.spec}};
}
Maybe pool(std::string_view op, Growth& g, const Want& w) {
  if (!floating(w) || w.rank() != 4) return {};
  const Shape& y = w.shape();
  const auto p = placed(g, {1 + g.draw(2), 1 + g.draw(3)}, {y[2], y[3]}, true);
  if (!p || !g.fits({y[0], y[1], p->image[0], p->image[1]})) return {};
  return unary(op, w, {w.dtype(), {y[0], y[1], p->image[0], p->image[1]}}, p->attrs);
}
Size2 pair(const std::vector<int64_t>& attrs, size_t at) { return {attrs[at], attrs[at + 1]}; }

// --- operations of a user, which have no kernel of their own ---

struct Mish : Pointwise<1> {
  static constexpr std::string_view name = "mish";
  template <class T>
  DUET_FORMULA T forward(const T& x) {
    return x * tanh(softplus(x));
  }
  template <class V>
  DUET_RULE V vjp(const V& dy, In<V, 0> x) {
    const V t = tanh(softplus(x));
    return dy * (t + x * (V(1) - t * t) * sigmoid(x));
  }
};
Tensor mish(const Operand& x) { return dispatch(op<Mish>(), {x}); }
struct Shrink : Pointwise<2> {  // towards 0 by less than `by`; NaN stays
  static constexpr std::string_view name = "shrink";
  template <class T>
  DUET_FORMULA T forward(const T& x, const T& by) {
    return select(x > by, x - by, select(x < -by, x + by, x * T(0)));
  }
  template <class V>
  DUET_RULE Many<V, 2> vjp(const V& dy, In<V, 0> x, In<V, 1> by) {
    return {select(abs(x) > by, dy, V(0)), select(x > by, -dy, select(x < -by, dy, V(0)))};
  }
};
Tensor shrink(const Operand& x, const Operand& by) { return dispatch(op<Shrink>(), {x, by}); }

const std::vector<Composite> kOfUsers = {
    {"mish",
     [](Growth&, const Want& w) -> Maybe {
       if (!is_float(w.dtype()) || !w.plain()) return {};
       return same("mish", w);
     },
     [](const Call& c) -> Tensors { return {mish(c.x[0])}; }, 6},
    {"shrink",
     [](Growth& g, const Want& w) -> Maybe {
       if (!is_float(w.dtype()) || !w.plain()) return {};
       Made m = same("shrink", w);
       m.in.push_back(Growth::value(w.dtype(), g.chance(2) ? w.shape() : g.broadcast(w.shape())));
       return m;
     },
     [](const Call& c) -> Tensors { return {shrink(c.x[0], c.x[1])}; }, 6},
};

// --- normalisation, reductions, losses ---

const std::vector<Composite> kNormal = {
    {"softmax", [](Growth& g, const Want& w) { return along("softmax", g, w); },
     [](const Call& c) -> Tensors { return {softmax(c.x[0], static_cast<int>(c.attrs[0]))}; }},
    {"log_softmax", [](Growth& g, const Want& w) { return along("log_softmax", g, w); },
     [](const Call& c) -> Tensors { return {log_softmax(c.x[0], static_cast<int>(c.attrs[0]))}; }},
    {"layer_norm", [](Growth&, const Want& w) { return norm("layer_norm", w, 2); },
     [](const Call& c) -> Tensors { return {layer_norm(c.x[0], c.x[1], c.x[2])}; }},
    {"rms_norm", [](Growth&, const Want& w) { return norm("rms_norm", w, 1); },
     [](const Call& c) -> Tensors { return {rms_norm(c.x[0], c.x[1])}; }},
    {"group_norm",
     [](Growth& g, const Want& w) -> Maybe {
       if (!floating(w, 2)) return {};
       const int64_t c = w.shape()[1];
       Made m = same("group_norm", w, {c % 2 == 0 && g.chance(2) ? 2 : 1});
       for (int i = 0; i < 2; ++i) m.in.push_back(Growth::value(w.dtype(), {c}));
       return m;
     },
     [](const Call& c) -> Tensors { return {group_norm(c.x[0], c.attrs[0], c.x[1], c.x[2])}; }, 2},
    {"batch_norm",
     [](Growth&, const Want& w) -> Maybe {
       if (!floating(w, 2)) return {};
       Made m = same("batch_norm", w);
       for (int i = 0; i < 2; ++i) m.in.push_back(Growth::value(w.dtype(), {w.shape()[1]}));
       return m;
     },
     [](const Call& c) -> Tensors {
       const BatchStatistics seen = batch_statistics(c.x[0]);
       return {batch_norm(c.x[0], c.x[1], c.x[2], seen.mean, seen.variance)};
     },
     2},
    {"mean", [](Growth& g, const Want& w) { return over_axes("mean", g, w); },
     [](const Call& c) -> Tensors { return {mean(c.x[0], over(c.attrs))}; }},
    {"var", [](Growth& g, const Want& w) { return over_axes("var", g, w); },
     [](const Call& c) -> Tensors { return {var(c.x[0], over(c.attrs))}; }},
    {"stddev", [](Growth& g, const Want& w) { return over_axes("stddev", g, w); },
     [](const Call& c) -> Tensors { return {stddev(c.x[0], over(c.attrs))}; }, 2},
    {"logsumexp", [](Growth& g, const Want& w) { return over_axes("logsumexp", g, w); },
     [](const Call& c) -> Tensors { return {logsumexp(c.x[0], over(c.attrs))}; }},
    {"mse", [](Growth& g, const Want& w) { return loss("mse", g, w); },
     [](const Call& c) -> Tensors { return {mse(c.x[0], c.x[1])}; }},
    {"huber", [](Growth& g, const Want& w) { return loss("huber", g, w); },
     [](const Call& c) -> Tensors { return {huber(c.x[0], c.x[1])}; }},
    {"cross_entropy",
     [](Growth& g, const Want& w) -> Maybe {
       if (!floating(w) || w.rank() != 0) return {};
       const int64_t n = 1 + g.draw(9), classes = 1 + g.draw(9);
       return Made{"cross_entropy",
                   {Growth::value(w.dtype(), {n, classes}), Growth::value(index_dtype(g), {n}, -classes)},
                   {},
                   {w.spec}};
     },
     [](const Call& c) -> Tensors { return {cross_entropy(c.x[0], c.x[1])}; }},
};

// --- products and images ---

const std::vector<Composite> kProducts = {
    {"linear",
     [](Growth& g, const Want& w) -> Maybe {
       if (!floating(w, 2) || w.rank() > 3) return {};
       const int64_t n = w.shape()[w.rank() - 1], k = 1 + g.draw(20);
       return Made{"linear",
                   {Growth::value(w.dtype(), with(w.shape(), w.rank() - 1, k)), Growth::value(w.dtype(), {k, n}),
                    Growth::value(w.dtype(), {n})},
                   {},
                   {w.spec}};
     },
     [](const Call& c) -> Tensors { return {linear(c.x[0], c.x[1], c.x[2])}; }, 6},
    {"attention",
     [](Growth& g, const Want& w) -> Maybe {
       if (!floating(w, 2) || w.rank() > 4 || w.shape()[w.rank() - 2] > 40) return {};
       const int r = w.rank();
       const int64_t d = 1 + g.draw(8), keys = g.chance(2) ? w.shape()[r - 2] : 1 + g.draw(9);
       const Shape k = with(with(w.shape(), r - 2, keys), r - 1, d), v = with(w.shape(), r - 2, keys);
       return Made{"attention",
                   {Growth::value(w.dtype(), with(w.shape(), r - 1, d)), Growth::value(w.dtype(), k),
                    Growth::value(w.dtype(), v)},
                   {keys == w.shape()[r - 2] && g.chance(2)},
                   {w.spec}};
     },
     [](const Call& c) -> Tensors { return {attention(c.x[0], c.x[1], c.x[2], {.causal = c.attrs[0] != 0})}; }, 2},
    {"conv2d",
     [](Growth& g, const Want& w) -> Maybe {
       if (!floating(w) || w.rank() != 4) return {};
       const Shape& y = w.shape();
       const auto p = placed(g, {1 + g.draw(2), 1 + g.draw(3)}, {y[2], y[3]}, false);
       const int64_t c = 1 + g.draw(3);
       if (!p || !g.fits({y[0], c * p->attrs[0] * p->attrs[1], p->image[0], p->image[1]})) return {};
       return Made{"conv2d",
                   {Growth::value(w.dtype(), {y[0], c, p->image[0], p->image[1]}),
                    Growth::value(w.dtype(), {y[1], c, p->attrs[0], p->attrs[1]})},
                   p->attrs,
                   {w.spec}};
     },
     [](const Call& c) -> Tensors {
       return {conv2d(c.x[0], c.x[1],
                      {.stride = pair(c.attrs, 2), .padding = pair(c.attrs, 4), .dilation = pair(c.attrs, 6)})};
     }},
    {"max_pool2d", [](Growth& g, const Want& w) { return pool("max_pool2d", g, w); },
     [](const Call& c) -> Tensors { return {max_pool2d(c.x[0], pair(c.attrs, 0), {.stride = pair(c.attrs, 2)})}; }},
    {"avg_pool2d", [](Growth& g, const Want& w) { return pool("avg_pool2d", g, w); },
     [](const Call& c) -> Tensors { return {avg_pool2d(c.x[0], pair(c.attrs, 0), {.stride = pair(c.attrs, 2)})}; }, 2},
};

// --- movement, random numbers, host code ---
// Keys get ids of their own: a program may use one twice, which duet would say.

const std::vector<Composite> kOthers = {
    {"roll",
     [](Growth& g, const Want& w) -> Maybe {
       if (w.rank() == 0) return {};
       return same("roll", w, {g.draw(9) - 4, g.draw(w.rank())});
     },
     [](const Call& c) -> Tensors { return {roll(c.x[0], c.attrs[0], static_cast<int>(c.attrs[1]))}; }, 2},
    {"stack",
     [](Growth& g, const Want& w) -> Maybe {
       if (w.rank() == 0) return {};
       const int a = g.draw(w.rank());
       if (w.shape()[a] < 1 || w.shape()[a] > 4) return {};
       const Shape one = joined(part(w.shape(), 0, a), part(w.shape(), a + 1, w.rank()));
       return Made{"stack",
                   std::vector<Need>(static_cast<size_t>(w.shape()[a]), {{w.dtype(), one}, w.bound, {}, nullptr}),
                   {a},
                   {w.spec}};
     },
     [](const Call& c) -> Tensors { return {stack(c.x, static_cast<int>(c.attrs[0]))}; }, 2},
    {"dropout",
     [](Growth& g, const Want& w) -> Maybe {
       if (!is_float(w.dtype())) return {};
       Made m = same("dropout", w, {g.draw(4)});
       m.in.push_back(key());
       return m;
     },
     [](const Call& c) -> Tensors {
       return {dropout(c.x[0], 0.25 * static_cast<double>(c.attrs[0]), Key(stop_gradient(c.x[1])))};
     },
     2},
    {"bernoulli",
     [](Growth& g, const Want& w) -> Maybe {
       if (w.dtype() != boolean) return {};
       std::vector<int64_t> attrs = dims(w.shape());
       attrs.insert(attrs.begin(), g.draw(5));
       return Made{"bernoulli", {key()}, attrs, {w.spec}};
     },
     [](const Call& c) -> Tensors {
       return {bernoulli(Key(stop_gradient(c.x[0])), 0.25 * static_cast<double>(c.attrs[0]),
                         Shape(c.attrs.data() + 1, static_cast<int>(c.attrs.size()) - 1))};
     },
     2},
    {"categorical",
     [](Growth& g, const Want& w) -> Maybe {
       if (w.dtype() != i64 || w.rank() == kMaxRank || !w.plain()) return {};
       const Shape logits = joined(w.shape(), {1 + g.draw(9)});
       if (!g.fits(logits)) return {};
       return Made{"categorical", {key(), Growth::value(f32, logits)}, {}, {w.spec}};
     },
     [](const Call& c) -> Tensors { return {categorical(Key(stop_gradient(c.x[0])), c.x[1])}; }, 2},
    // Host code reads an element: the recording is split here.
    {"item",
     [](Growth& g, const Want& w) -> Maybe {
       if (!is_float(w.dtype()) || g.depth() > 0) return {};
       return same("item", w);
     },
     [](const Call& c) -> Tensors {
       return {c.x[0] * (1.0f + 0.0f * static_cast<float>(sum(c.x[0] == c.x[0]).item<int64_t>()))};
     },
     2},
};

}  // namespace

const std::vector<Composite>& composites() {
  static const std::vector<Composite> all = [] {
    std::vector<Composite> v;
    for (const auto* list : {&kOfUsers, &kNormal, &kProducts, &kOthers, &transforms()})
      v.insert(v.end(), list->begin(), list->end());
    return v;
  }();
  return all;
}

}  // namespace duet::fuzz
