// Numbers of the naive interpreter: doubles that know how far a computation in f32 or f64 may be away from them, and,
// inside of functions that are differentiated, how they came about. Nothing here is the library's.
#pragma once

#include <cstdint>
#include <vector>

namespace duet::fuzz::naive {

/// A value that a correct program finds somewhere in [v − e, v + e]; e = inf: nobody knows. NaN with e = 0 is NaN.
struct Num {
  double v = 0, e = 0;
  int node = -1;  // on the tape; −1: a constant there
  bool known() const { return e <= 1.7976931348623157e308; }
};
inline Num unknown() { return {0, __builtin_inf(), -1}; }

/// What results are rounded to: f32, or f64 (`wide`).
class Rounding {
 public:
  explicit Rounding(bool wide);
  ~Rounding();
  Rounding(const Rounding&) = delete;
  Rounding& operator=(const Rounding&) = delete;

 private:
  bool before_;
};
bool wide();

/// v with the error e of its operands, after an operation that is off by `ulps` units in the last place.
Num rounded(double v, double e, double ulps = 0.5);

Num operator-(const Num& a);
Num operator+(const Num& a, const Num& b);
Num operator-(const Num& a, const Num& b);
Num operator*(const Num& a, const Num& b);
Num operator/(const Num& a, const Num& b);
Num reciprocal(const Num& x);
Num square(const Num& x);
Num sqrt(const Num& x);
Num rsqrt(const Num& x);
Num exp(const Num& x);
Num expm1(const Num& x);
Num log(const Num& x);
Num log1p(const Num& x);
Num sin(const Num& x);
Num cos(const Num& x);
Num tanh(const Num& x);
Num erf(const Num& x);
Num pow(const Num& a, const Num& b);
Num sigmoid(const Num& x);
Num gelu(const Num& x);
Num gelu_tanh(const Num& x);
Num silu(const Num& x);
Num softplus(const Num& x);
Num mish(const Num& x);
/// −t·log σ(x) − (1 − t)·log(1 − σ(x))
Num binary_cross_entropy(const Num& x, const Num& t);

/// What is known of a comparison.
enum class Truth : uint8_t { no, yes, maybe };
Truth less(const Num& a, const Num& b);
Truth equal(const Num& a, const Num& b);
Truth operator~(Truth t);
Truth operator&(Truth a, Truth b);
Truth operator|(Truth a, Truth b);
/// a or b; where that is not known, nothing is.
Num select(Truth t, const Num& a, const Num& b);

Num abs(const Num& x);
Num relu(const Num& x);
/// The larger or smaller one, NaN if either is; equal operands share the gradient.
Num maximum(const Num& a, const Num& b);
Num minimum(const Num& a, const Num& b);

/// The sum, in whatever order the library adds.
Num sum(const std::vector<Num>& x);
/// The sum of products a[i]·b[i].
Num dot(const std::vector<Num>& a, const std::vector<Num>& b);
/// a·b + c with one rounding, of constants.
Num fma(const Num& a, const Num& b, const Num& c);
Num product(const std::vector<Num>& x);
/// The largest of all, or the smallest; those that are equal share the gradient.
Num extremum(const std::vector<Num>& x, bool largest);
/// x after it was stored as f32, or as f64.
Num converted(const Num& x, bool wide);

// --- derivatives ---

/// The same value as a constant for derivatives.
inline Num constant(const Num& x) { return {x.v, x.e, -1}; }
/// The same value, to be differentiated for.
Num variable(const Num& x);
/// value, whose derivative for each of x is the factor beside it.
Num linked(const Num& value, const std::vector<Num>& x, const std::vector<Num>& factors);
/// Derivatives of the sum of seeds[i]·y[i] for each of x, variables in a row; they can be differentiated again.
std::vector<Num> gradient(const std::vector<Num>& y, const std::vector<Num>& seeds, const std::vector<Num>& x);
/// Derivatives of each of y when x moves along `direction`.
std::vector<Num> tangents(const std::vector<Num>& y, const std::vector<Num>& x, const std::vector<Num>& direction);
/// Forgets all variables.
void clear_tape();
/// Thrown where a step has more operations than are worth it.
struct TooLarge {};

}  // namespace duet::fuzz::naive
