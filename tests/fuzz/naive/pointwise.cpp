// Operations on each element, from what their comments in duet/ops say.
#include <cmath>
#include <stdexcept>

#include "fuzz/naive/array.h"

namespace duet::fuzz::naive {
namespace {

using X = const std::vector<Num>&;

template <Num (*f)(const Num&)>
Arrays one(const Given& g) {
  return {mapped(g.in, [](X x) { return f(x[0]); })};
}
template <Num (*f)(const Num&, const Num&)>
Arrays two(const Given& g) {
  return {mapped(g.in, [](X x) { return f(x[0], x[1]); })};
}

/// Floats by f, integers by w, which wraps around as their type does.
template <class F, class W>
Arrays numbers(const Given& g, F f, W w) {
  if (g.in[0].is_float()) return {mapped(g.in, f)};
  Dims shape;
  for (const Array& a : g.in) shape = common(shape, a.shape);
  Array y = filled(g.in[0].dtype, shape);
  std::vector<int64_t> x(g.in.size());
  each(shape, [&](size_t i, const Dims& at) {
    for (size_t k = 0; k < x.size(); ++k) {
      const Whole& n = g.in[k].n[place(g.in[k].shape, at)];
      x[k] = n.v;
      y.n[i].known &= n.known;
    }
    y.n[i].v = wrapped(y.dtype, w(x));
  });
  return {y};
}
using N = const std::vector<int64_t>&;
int64_t plus(int64_t a, int64_t b) { return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b)); }
int64_t times(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}
int64_t minus(int64_t a) { return static_cast<int64_t>(uint64_t{0} - static_cast<uint64_t>(a)); }

Whole whole(Truth t) { return {t == Truth::yes, t != Truth::maybe}; }
bool nan(const Num& x) { return x.known() && x.v != x.v; }

template <class F, class W>
Arrays compared(const Given& g, F f, W w) {
  const Dims shape = common(g.in[0].shape, g.in[1].shape);
  Array y = filled(DType::boolean, shape);
  each(shape, [&](size_t i, const Dims& at) {
    const size_t a = place(g.in[0].shape, at), b = place(g.in[1].shape, at);
    if (g.in[0].is_float()) {
      y.n[i] = whole(f(g.in[0].x[a], g.in[1].x[b]));
    } else {
      const Whole &m = g.in[0].n[a], &n = g.in[1].n[b];
      y.n[i] = {w(m.v, n.v), m.known && n.known};
    }
  });
  return {y};
}
template <class F>
Arrays tested(const Given& g, F f) {
  Array y = filled(DType::boolean, g.in[0].shape);
  for (size_t i = 0; i < y.n.size(); ++i) {
    const Num& x = g.in[0].x[i];
    // What is finite here, but for its error, may be infinite there.
    y.n[i] = x.known() ? Whole{f(x.v), true} : Whole{0, false};
  }
  return {y};
}
template <class F>
Arrays logical(const Given& g, F f) {
  Dims shape;
  for (const Array& a : g.in) shape = common(shape, a.shape);
  Array y = filled(DType::boolean, shape);
  each(shape, [&](size_t i, const Dims& at) {
    Truth t[2] = {};
    for (size_t k = 0; k < g.in.size(); ++k) {
      const Whole& n = g.in[k].n[place(g.in[k].shape, at)];
      t[k] = !n.known ? Truth::maybe : n.v != 0 ? Truth::yes : Truth::no;
    }
    y.n[i] = whole(f(t[0], t[1]));
  });
  return {y};
}

Num sign_of(const Num& x) {
  if (nan(x)) return constant(x);
  return select(less({}, x), Num{1}, select(less(x, {}), Num{-1}, select(equal(x, {}), Num{x.v == 0 ? x.v : 0}, {})));
}
template <double (*f)(double)>
Num stepped(const Num& x) {  // no slope; near a step nobody knows
  if (!x.known() || !std::isfinite(x.v)) return constant(x);
  const double y = f(x.v);
  return f(x.v - x.e) == y && f(x.v + x.e) == y ? Num{y} : unknown();
}
Num clamped(const Num& x, const Num& lo, const Num& hi) {
  const Truth crossed = less(hi, lo), below = less(x, lo), above = less(hi, x);
  for (const Num* v : {&x, &lo, &hi}) {
    if (!nan(*v)) continue;
    // NaN is not in the way of the comparison of the others, and the slope is what they say, as in PyTorch.
    if (crossed == Truth::no && above == Truth::no) return constant(*v);
    const bool sure = crossed == Truth::yes || above == Truth::yes;
    return linked(constant(*v), {hi}, {sure ? Num{1} : unknown()});
  }
  const Num y = minimum(maximum(constant(x), constant(lo)), constant(hi));
  if (x.node < 0 && lo.node < 0 && hi.node < 0) return y;
  if (crossed == Truth::maybe || below == Truth::maybe || above == Truth::maybe)
    return linked(y, {x, lo, hi}, {unknown(), unknown(), unknown()});
  if (crossed == Truth::yes || above == Truth::yes) return hi;
  return below == Truth::yes ? lo : x;
}
Num leaky(const Num& x, const Num& slope) { return select(less({}, x), x, slope * x); }

Arrays where(const Given& g) {
  const Array &c = g.in[0], &a = g.in[1], &b = g.in[2];
  const Dims shape = common(c.shape, common(a.shape, b.shape));
  Array y = like(a, shape);
  each(shape, [&](size_t i, const Dims& at) {
    const Whole& choice = c.n[place(c.shape, at)];
    const size_t p = place(a.shape, at), q = place(b.shape, at);
    if (y.is_float()) {
      y.x[i] = select(!choice.known ? Truth::maybe : choice.v != 0 ? Truth::yes : Truth::no, a.x[p], b.x[q]);
    } else {
      y.n[i] = choice.v != 0 ? a.n[p] : b.n[q];
      y.n[i].known &= choice.known;
    }
  });
  return {y};
}

/// 0 where the magnitude is below `least`.
Num flushed(const Num& x, double least) { return select(less(abs(x), {least}), Num{0}, x); }
Num untaped(const Num& x) { return constant(x); }
Num smallest() { return {wide() ? 0x1p-1022 : 0x1p-126}; }
// Results in the order p, m, v; no optimiser's step has a gradient.
template <class F>
Arrays update(const Given& g, size_t outputs, F f) {
  Arrays in = g.in;
  for (Array& a : in)
    for (Num& x : a.x) x = untaped(x);
  Arrays results;
  for (size_t k = 0; k < outputs; ++k) results.push_back(mapped(in, [&](X x) { return f(x)[k]; }));
  return results;
}
std::vector<Num> adam(X x, const Num& p) {
  const Num &grad = x[1], &rate = x[4], &eps = x[9], &scale = x[10];
  const Num m = flushed(fma(x[5], x[2], x[6] * grad), static_cast<double>(1e-30f));
  const Num v = flushed(fma(x[7], x[3], x[8] * grad * grad), smallest().v);
  return {p - rate * m / fma(sqrt(v), scale, eps), m, v};
}
std::vector<Num> lion(X x) {
  const Num blend = fma(x[4], x[2], x[5] * x[1]);
  return {x[0] * x[8] - x[3] * sign_of(blend), flushed(fma(x[6], x[2], x[7] * x[1]), smallest().v)};
}

Num shrunk(const Num& x, const Num& by) {
  // A derivative of 0 in between, not x's own.
  const Num rest = constant(x) * Num{0};
  const Truth inside = ~less(by, x) & ~less(x, -by);
  return select(less(by, x), x - by, select(less(x, -by), x + by, select(inside, rest, rest)));
}

}  // namespace

const Definitions& pointwise() {
  static const Definitions all = {
      {"neg",
       [](const Given& g) {
         return numbers(
             g, [](X x) { return -x[0]; }, [](N n) { return minus(n[0]); });
       }},
      {"abs",
       [](const Given& g) {
         return numbers(
             g, [](X x) { return abs(x[0]); }, [](N n) { return n[0] < 0 ? minus(n[0]) : n[0]; });
       }},
      {"sign",
       [](const Given& g) {
         return numbers(
             g, [](X x) { return sign_of(x[0]); }, [](N n) { return static_cast<int64_t>(n[0] > 0) - (n[0] < 0); });
       }},
      {"square",
       [](const Given& g) {
         return numbers(
             g, [](X x) { return square(x[0]); }, [](N n) { return times(n[0], n[0]); });
       }},
      {"reciprocal", one<reciprocal>},
      {"add",
       [](const Given& g) {
         return numbers(
             g, [](X x) { return x[0] + x[1]; }, [](N n) { return plus(n[0], n[1]); });
       }},
      {"sub",
       [](const Given& g) {
         return numbers(
             g, [](X x) { return x[0] - x[1]; }, [](N n) { return plus(n[0], minus(n[1])); });
       }},
      {"mul",
       [](const Given& g) {
         return numbers(
             g, [](X x) { return x[0] * x[1]; }, [](N n) { return times(n[0], n[1]); });
       }},
      {"div", [](const Given& g) -> Arrays { return {mapped(g.in, [](X x) { return x[0] / x[1]; })}; }},
      {"maximum",
       [](const Given& g) {
         return numbers(
             g, [](X x) { return maximum(x[0], x[1]); }, [](N n) { return std::max(n[0], n[1]); });
       }},
      {"minimum",
       [](const Given& g) {
         return numbers(
             g, [](X x) { return minimum(x[0], x[1]); }, [](N n) { return std::min(n[0], n[1]); });
       }},
      {"clamp",
       [](const Given& g) {
         return numbers(
             g, [](X x) { return clamped(x[0], x[1], x[2]); },
             [](N n) { return std::min(std::max(n[0], n[1]), n[2]); });
       }},
      {"floor", one<stepped<std::floor>>},
      {"ceil", one<stepped<std::ceil>>},
      {"round", one<stepped<std::nearbyint>>},
      {"sqrt", one<sqrt>},
      {"rsqrt", one<rsqrt>},
      {"exp", one<exp>},
      {"expm1", one<expm1>},
      {"log", one<log>},
      {"log1p", one<log1p>},
      {"sin", one<sin>},
      {"cos", one<cos>},
      {"tanh", one<tanh>},
      {"erf", one<erf>},
      {"pow", two<pow>},
      {"sigmoid", one<sigmoid>},
      {"relu", one<relu>},
      {"leaky_relu", two<leaky>},
      {"gelu", one<gelu>},
      {"gelu_tanh", one<gelu_tanh>},
      {"silu", one<silu>},
      {"softplus", one<softplus>},
      {"mish", one<mish>},
      {"shrink", two<shrunk>},
      {"binary_cross_entropy", two<binary_cross_entropy>},
      {"eq", [](const Given& g) { return compared(g, equal, [](int64_t a, int64_t b) { return a == b; }); }},
      {"ne",
       [](const Given& g) {
         return compared(
             g, [](const Num& a, const Num& b) { return ~equal(a, b); }, [](int64_t a, int64_t b) { return a != b; });
       }},
      {"lt", [](const Given& g) { return compared(g, less, [](int64_t a, int64_t b) { return a < b; }); }},
      {"le",
       [](const Given& g) {
         return compared(
             g, [](const Num& a, const Num& b) { return less(a, b) | equal(a, b); },
             [](int64_t a, int64_t b) { return a <= b; });
       }},
      {"gt",
       [](const Given& g) {
         return compared(
             g, [](const Num& a, const Num& b) { return less(b, a); }, [](int64_t a, int64_t b) { return a > b; });
       }},
      {"ge",
       [](const Given& g) {
         return compared(
             g, [](const Num& a, const Num& b) { return less(b, a) | equal(a, b); },
             [](int64_t a, int64_t b) { return a >= b; });
       }},
      {"isnan", [](const Given& g) { return tested(g, [](double v) { return v != v; }); }},
      {"isinf", [](const Given& g) { return tested(g, [](double v) { return std::isinf(v); }); }},
      {"logical_and", [](const Given& g) { return logical(g, [](Truth a, Truth b) { return a & b; }); }},
      {"logical_or", [](const Given& g) { return logical(g, [](Truth a, Truth b) { return a | b; }); }},
      {"logical_not", [](const Given& g) { return logical(g, [](Truth a, Truth) { return ~a; }); }},
      {"where", where},
      {"sgd_update", [](const Given& g) { return Arrays{mapped(g.in, [](X x) { return x[0] - x[2] * x[1]; })}; }},
      {"adam_update", [](const Given& g) { return update(g, 3, [](X x) { return adam(x, x[0]); }); }},
      {"adamw_update", [](const Given& g) { return update(g, 3, [](X x) { return adam(x, x[0] * x[11]); }); }},
      {"lion_update", [](const Given& g) { return update(g, 2, [](X x) { return lion(x); }); }},
  };
  return all;
}

}  // namespace duet::fuzz::naive
