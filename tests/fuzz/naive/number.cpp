#include "fuzz/naive/number.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "fuzz/naive/tape.h"

namespace duet::fuzz::naive {
namespace {

thread_local bool is_wide = false;
constexpr double kInf = __builtin_inf();

// One f32 result may be half a unit off. f64 results and these doubles both are: two halves.
double unit() { return is_wide ? 0x1p-52 : 0x1p-24; }
double least() { return is_wide ? 0x1p-1074 : 0x1p-149; }
double most() { return is_wide ? DBL_MAX : FLT_MAX; }
double normal() { return is_wide ? 0x1p-1021 : 0x1p-125; }

/// f(x) with its error, where f goes one way only between x − e and x + e.
template <class F>
Num monotone(F f, const Num& x, double ulps) {
  const double y = f(x.v);
  if (x.e == 0) return rounded(y, 0, ulps);
  if (!x.known()) return unknown();
  const double low = f(x.v - x.e), high = f(x.v + x.e);
  return rounded(y, std::max(std::abs(low - y), std::abs(high - y)), ulps);
}
double sigmoid_of(double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
double softplus_of(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }
double gelu_of(double x) { return x == -kInf ? -0.0 : 0.5 * x * std::erfc(-x * M_SQRT1_2); }
double gelu_tanh_of(double x) {
  const double u = std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
  return x == -kInf ? -0.0 : x * sigmoid_of(2 * u);
}
double silu_of(double x) { return x == -kInf ? -0.0 : x * sigmoid_of(x); }

/// f(x) with its error, where f's slope is never above `slope`.
template <class F>
Num sloped(F f, const Num& x, double slope, double ulps) {
  if (!x.known()) return unknown();
  return rounded(f(x.v), x.e * slope, ulps);
}

// How many roundings any element goes through in a sum of n: chains of lanes, chunks and a tree.
double depth(size_t n) {
  return std::min<double>(static_cast<double>(n), 64 + 2 * std::log2(static_cast<double>(n) + 1));
}

}  // namespace

Rounding::Rounding(bool wide) : before_(is_wide) { is_wide = wide; }
Rounding::~Rounding() { is_wide = before_; }
bool wide() { return is_wide; }

Num rounded(double v, double e, double ulps) {
  if (!(e <= DBL_MAX)) return {v, kInf};
  if (!std::isfinite(v)) return e == 0 || v != v ? Num{v, 0} : unknown();
  const double a = std::abs(v), slack = e + 2 * ulps * unit() * a + (a < normal() && a > 0 ? ulps * least() : 0);
  if (a - slack > most()) return {std::copysign(kInf, v), 0};
  if (a + slack > most() * (1 - 2 * unit())) return {v, kInf};
  return {v, ulps == 0 ? e : slack};
}

Num operator-(const Num& a) { return noted(Fn::neg, {-a.v, a.e}, a); }
Num operator+(const Num& a, const Num& b) { return noted(Fn::add, rounded(a.v + b.v, a.e + b.e), a, b); }
Num operator-(const Num& a, const Num& b) { return noted(Fn::sub, rounded(a.v - b.v, a.e + b.e), a, b); }
Num operator*(const Num& a, const Num& b) {
  double e = 0;
  if (a.e != 0 || b.e != 0) e = std::abs(a.v) * b.e + std::abs(b.v) * a.e + a.e * b.e;
  // What underflows in a double, an f32 may see as it was.
  return noted(Fn::mul, rounded(a.v * b.v, e), a, b);
}
Num operator/(const Num& a, const Num& b) {
  const double y = a.v / b.v;
  double e = 0;
  if (a.e != 0 || b.e != 0) {
    const double far = std::abs(b.v) - b.e;
    e = std::isinf(b.v) && b.e == 0 ? a.e == kInf ? kInf : 0 : far > 0 ? (a.e + std::abs(y) * b.e) / far : kInf;
  }
  return noted(Fn::div, rounded(y, e), a, b);
}
Num reciprocal(const Num& x) { return noted(Fn::reciprocal, constant(Num{1} / constant(x)), x); }
Num square(const Num& x) { return noted(Fn::square, constant(constant(x) * constant(x)), x); }
Num sqrt(const Num& x) {
  if (x.known() && x.e > 0 && x.v - x.e < 0) return noted(Fn::sqrt, {std::sqrt(std::abs(x.v)), kInf}, x);
  return noted(Fn::sqrt, monotone([](double v) { return std::sqrt(v); }, x, 0.5), x);
}
Num rsqrt(const Num& x) { return noted(Fn::rsqrt, constant(Num{1} / sqrt(constant(x))), x); }
Num exp(const Num& x) {
  return noted(Fn::exp, monotone([](double v) { return std::exp(v); }, x, 1), x);
}
Num expm1(const Num& x) {
  return noted(Fn::expm1, monotone([](double v) { return std::expm1(v); }, x, 1.6), x);
}
Num log(const Num& x) {
  if (x.known() && x.e > 0 && x.v - x.e <= 0) return noted(Fn::log, unknown(), x);
  return noted(Fn::log, monotone([](double v) { return std::log(v); }, x, 1), x);
}
Num log1p(const Num& x) {
  if (x.known() && x.e > 0 && x.v - x.e <= -1) return noted(Fn::log1p, unknown(), x);
  return noted(Fn::log1p, monotone([](double v) { return std::log1p(v); }, x, 1.3), x);
}
Num sin(const Num& x) {
  return noted(Fn::sin, sloped([](double v) { return std::sin(v); }, x, 1, 1.6), x);
}
Num cos(const Num& x) {
  return noted(Fn::cos, sloped([](double v) { return std::cos(v); }, x, 1, 1.6), x);
}
Num tanh(const Num& x) {
  return noted(Fn::tanh, monotone([](double v) { return std::tanh(v); }, x, 1.4), x);
}
Num erf(const Num& x) {
  return noted(Fn::erf, monotone([](double v) { return std::erf(v); }, x, 1.1), x);
}
Num pow(const Num& a, const Num& b) {
  const double y = std::pow(a.v, b.v);
  double e = 0;
  if (a.e != 0 || b.e != 0) {
    if (!a.known() || !b.known() || a.v - a.e <= 0) {
      // The exponent is an integer or all is lost at a base of 0 and below.
      e = kInf;
    } else {
      for (double s : {-1.0, 1.0})
        for (double t : {-1.0, 1.0}) e = std::max(e, std::abs(std::pow(a.v + s * a.e, b.v + t * b.e) - y));
    }
    // NaN to the power of 0 is 1, and so is 1 to that of NaN: of nearly 0 and nearly 1 nobody knows.
    const bool one = a.v != a.v ? std::abs(b.v) <= b.e : b.v != b.v && std::abs(a.v - 1) <= a.e;
    if (one) e = kInf;
  }
  return noted(Fn::pow, rounded(y, e, 1), a, b);
}
Num sigmoid(const Num& x) { return noted(Fn::sigmoid, monotone(sigmoid_of, x, 1.7), x); }
// In f64 both forms are the sum of 1 and what is nearly −1 in the negative tail.
Num gelu(const Num& x) {
  Num y = sloped(gelu_of, x, 1.2, 5.4);
  if (is_wide) y.e += 4 * unit() * std::abs(x.v);
  return noted(Fn::gelu, y, x);
}
Num gelu_tanh(const Num& x) {
  Num y = sloped(gelu_tanh_of, x, 1.2, 3.3);
  if (is_wide) y.e += 4 * unit() * std::abs(x.v) * (1 + std::abs(x.v));
  return noted(Fn::gelu_tanh, y, x);
}
Num silu(const Num& x) { return noted(Fn::silu, sloped(silu_of, x, 1.1, is_wide ? 3 : 1.1), x); }
Num softplus(const Num& x) { return noted(Fn::softplus, sloped(softplus_of, x, 1, is_wide ? 3 : 1.7), x); }
Num mish(const Num& x) { return noted(Fn::mish, constant(constant(x) * tanh(softplus(constant(x)))), x); }
Num binary_cross_entropy(const Num& x, const Num& t) {
  const Num a = constant(x), b = constant(t);
  return noted(Fn::bce, constant(relu(a) - a * b + log1p(exp(-abs(a)))), x, t);
}

Truth less(const Num& a, const Num& b) {
  if (!a.known() || !b.known()) return Truth::maybe;
  if (a.v + a.e < b.v - b.e) return Truth::yes;
  return a.v - a.e < b.v + b.e && (a.e > 0 || b.e > 0) ? Truth::maybe : Truth::no;
}
Truth equal(const Num& a, const Num& b) {
  if (!a.known() || !b.known()) return Truth::maybe;
  if (a.e == 0 && b.e == 0) return a.v == b.v ? Truth::yes : Truth::no;
  return a.v + a.e < b.v - b.e || b.v + b.e < a.v - a.e || a.v != a.v || b.v != b.v ? Truth::no : Truth::maybe;
}
Truth operator~(Truth t) { return t == Truth::maybe ? t : t == Truth::yes ? Truth::no : Truth::yes; }
Truth operator&(Truth a, Truth b) {
  if (a == Truth::no || b == Truth::no) return Truth::no;
  return a == Truth::yes && b == Truth::yes ? Truth::yes : Truth::maybe;
}
Truth operator|(Truth a, Truth b) { return ~(~a & ~b); }
Num select(Truth t, const Num& a, const Num& b) {
  if (t != Truth::maybe) return t == Truth::yes ? a : b;
  if (a.node < 0 && b.node < 0) return unknown();
  return linked(unknown(), {a, b}, {unknown(), unknown()});
}

Num abs(const Num& x) {
  const Truth negative = less(x, {}), positive = less({}, x);
  if (negative == Truth::yes) return -x;
  if (positive == Truth::yes) return x;
  if (x.v != x.v) return constant(x);
  const Num y{std::abs(x.v), x.e};
  if (x.node < 0 || x.e == 0) return y;  // no slope at 0
  return linked(y, {x}, {unknown()});
}
Num relu(const Num& x) {
  if (x.v != x.v) return constant(x);  // and no slope at NaN
  if (less({}, x) == Truth::yes) return x;
  const Num y{std::max(x.v, 0.0), x.e};
  if (less({}, x) == Truth::no) return Num{x.v == 0 ? x.v : 0, x.v + x.e > 0 ? x.e : 0};
  return x.node < 0 ? y : linked(y, {x}, {unknown()});
}
Num maximum(const Num& a, const Num& b) { return extremum({a, b}, true); }
Num minimum(const Num& a, const Num& b) { return extremum({a, b}, false); }

namespace {
/// What is known of the terms of a sum.
struct Terms {
  double v = 0, e = 0;
  double size = 0;  // of the finite ones' magnitudes
  bool up = false, down = false, nan = false;
  /// An infinite term of `finite` factors has left the range of these doubles, where it may come back.
  void add(double term, double error, bool finite = false) {
    v += term;
    e += error;
    if (!(error <= DBL_MAX)) e = kInf;
    if (finite || std::isfinite(term))
      size += std::abs(term) + error;
    else if (error == 0)
      (term != term ? nan : term > 0 ? up : down) = true;
  }
  Num sum(double roundings) const {
    if (nan || (up && down)) return {__builtin_nan("")};
    // A partial sum may be too large where the whole is not, or meet an infinity of the other sign.
    if (!(e <= DBL_MAX) || !(size <= most() * 0.99)) return {v, kInf};
    if (!std::isfinite(v)) return {v};
    return rounded(v, e + roundings * unit() * size + (size < normal() && size > 0 ? roundings * least() : 0), 0);
  }
};
}  // namespace

Num sum(const std::vector<Num>& x) {
  if (x.size() == 1) return x[0];
  Terms all;
  for (const Num& a : x) all.add(a.v, a.e);
  return noted_sum(all.sum(depth(x.size())), x);
}
Num dot(const std::vector<Num>& a, const std::vector<Num>& b) {
  Terms all;
  bool any = false;
  for (size_t i = 0; i < a.size(); ++i) {
    double e = 0;
    if (a[i].e != 0 || b[i].e != 0) e = std::abs(a[i].v) * b[i].e + std::abs(b[i].v) * a[i].e + a[i].e * b[i].e;
    // Not rounded: chains of fma.
    all.add(a[i].v * b[i].v, e, std::isfinite(a[i].v) && std::isfinite(b[i].v));
    any |= a[i].node >= 0 || b[i].node >= 0;
  }
  const Num y = all.sum(std::min(static_cast<double>(a.size()), 320.0) + 1);
  if (!any) return y;
  std::vector<Num> products;
  for (size_t i = 0; i < a.size(); ++i) products.push_back(a[i] * b[i]);
  return noted_sum(y, products);
}
Num fma(const Num& a, const Num& b, const Num& c) {
  double e = c.e;
  if (a.e != 0 || b.e != 0) e += std::abs(a.v) * b.e + std::abs(b.v) * a.e + a.e * b.e;
  return rounded(std::fma(a.v, b.v, c.v), e);
}
Num product(const std::vector<Num>& x) {
  // In any order: what is large first may leave the range, and come back too late.
  double up = 0, down = 0;
  bool zero = false, infinite = false, nan = false, lost = false;
  for (const Num& a : x) {
    lost |= !a.known();
    nan |= a.v != a.v;
    zero |= a.v == 0;
    infinite |= std::isinf(a.v);
    if (a.v == 0 || !std::isfinite(a.v)) continue;
    (std::abs(a.v) > 1 ? up : down) += std::log2(std::abs(a.v));
  }
  Num y{1};
  for (const Num& a : x) y = y * a;
  const double top = std::log2(most()) - 1, bottom = std::log2(normal()) + 1;
  const bool escapes = (up > top && (down < 0 || zero)) || (down < bottom && (up > 0 || infinite));
  if (!nan && (escapes || lost)) y.e = kInf;
  return y;
}
Num extremum(const std::vector<Num>& x, bool largest) {
  auto before = [&](const Num& a, const Num& b) { return largest ? less(a, b) : less(b, a); };
  const Num* best = nullptr;
  double e = 0;
  for (const Num& a : x) {
    if (!a.known()) return linked(unknown(), x, std::vector<Num>(x.size(), unknown()));
    if (best == nullptr || a.v != a.v || (best->v == best->v && (largest ? a.v > best->v : a.v < best->v))) best = &a;
    if (best->v != best->v) return constant(*best);  // equal to nothing, not to itself
  }
  std::vector<Num> first;  // those that may be the one
  bool sure = true;
  for (const Num& a : x) {
    if (&a != best && before(a, *best) == Truth::yes) continue;
    sure &= &a == best || equal(a, *best) == Truth::yes;
    e = std::max(e, a.e);
    if (sure || a.node >= 0) first.push_back(a);
  }
  if (first.size() == 1 && sure) return first[0];
  Num y{best->v, sure ? best->e : e};
  if (std::all_of(first.begin(), first.end(), [](const Num& a) { return a.node < 0; })) return y;
  return linked(y, first,
                std::vector<Num>(first.size(), sure ? Num{1 / static_cast<double>(first.size())} : unknown()));
}
Num converted(const Num& x, bool to_wide) {
  Num y;
  {
    const Rounding there(to_wide);
    const double v = to_wide || !std::isfinite(x.v) ? x.v : static_cast<double>(static_cast<float>(x.v));
    // Exact where it can be: an f64 that is an f32 already.
    y = v == x.v || v != v ? rounded(x.v, x.e, 0) : rounded(x.v, x.e);
  }
  return noted(Fn::converted, y, x, Num{to_wide ? 1.0 : 0.0});
}

}  // namespace duet::fuzz::naive
