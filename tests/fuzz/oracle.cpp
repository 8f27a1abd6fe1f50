#include "fuzz/oracle.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "fuzz/naive/array.h"

namespace duet::fuzz {
namespace {

using naive::Array;

// What the words of 16-bit floats mean: a sign, an exponent, a fraction.
double number_of(unsigned word, int fraction_bits, int bias) {
  const unsigned exponents = (0x8000u >> fraction_bits) - 1;
  const unsigned fraction = word & ((1u << fraction_bits) - 1), exponent = (word >> fraction_bits) & exponents;
  const double sign = (word & 0x8000u) != 0 ? -1 : 1;
  if (exponent == exponents) return fraction != 0 ? __builtin_nan("") : sign * __builtin_inf();
  const double significand = fraction + (exponent == 0 ? 0 : std::ldexp(1, fraction_bits));
  return sign * std::ldexp(significand, static_cast<int>(std::max(exponent, 1u)) - bias - fraction_bits);
}
double number_of(Half h) { return number_of(h.bits, 10, 15); }
double number_of(BFloat16 h) { return number_of(h.bits, 7, 127); }

/// What was computed in f32, as a 16-bit float.
naive::Num rounded(const naive::Num& x, DType dtype) {
  const bool f16 = dtype == DType::f16;
  if (!x.known() || !std::isfinite(x.v)) return x;
  const double e = x.e + std::abs(x.v) * (f16 ? 0x1p-11 : 0x1p-8) + (f16 ? 0x1p-25 : 0x1p-134);
  return std::abs(x.v) + e < (f16 ? 65504 : 3.3e38) ? naive::Num{x.v, e} : naive::unknown();
}
/// Whether 16-bit operands go through one operation in f32, whose result is rounded once: what is made of several
/// operations is rounded after each of them.
bool is_rounded_once(const Step& s) {
  if (s.body != nullptr) return false;
  for (const naive::Definitions* list : {&naive::pointwise(), &naive::movement(), &naive::indices()})
    if (std::ranges::any_of(*list, [&](const naive::Definition& d) { return d.name == s.op; })) return true;
  return false;
}

// A tensor's elements, by its strides.
Array array_of(const Tensor& t) {
  const Block& b = t.block();
  Array a = naive::filled(t.dtype(), naive::Dims(t.shape().begin(), t.shape().end()));
  auto read = [&](auto zero) {
    using T = decltype(zero);
    const auto* data = static_cast<const T*>(b.data);
    naive::each(a.shape, [&](size_t i, const naive::Dims& at) {
      int64_t k = 0;
      for (size_t d = 0; d < at.size(); ++d) k += at[d] * b.strides[d];
      if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>)
        a.x[i].v = number_of(data[k]);
      else if constexpr (std::is_floating_point_v<T>)
        a.x[i].v = static_cast<double>(data[k]);
      else
        a.n[i].v = static_cast<int64_t>(data[k]);
    });
  };
  switch (t.dtype()) {
    case DType::f32:
      read(float{});
      break;
    case DType::f64:
      read(double{});
      break;
    case DType::i32:
      read(int32_t{});
      break;
    case DType::i64:
      read(int64_t{});
      break;
    case DType::u8:
    case DType::boolean:
      read(uint8_t{});
      break;
    case DType::f16:
      read(Half{});
      break;
    case DType::bf16:
      read(BFloat16{});
  }
  return a;
}

/// Whether values of a body are 16-bit floats: its definition is computed without rounding them.
bool rounds_within(const Step& s) {
  return s.body != nullptr && std::ranges::any_of(s.body->steps, [](const Step& t) {
           return (t.op == "cast" && is_half(static_cast<DType>(t.attrs[0]))) || rounds_within(t);
         });
}
bool differentiates(const Step& s) {
  if (s.op == "grad" || s.op == "jvp") return true;
  return s.body != nullptr &&
         std::any_of(s.body->steps.begin(), s.body->steps.end(), [](const Step& t) { return differentiates(t); });
}

// Rounding errors of derivatives are not those of the library's own rules to the last factor.
constexpr double kSlack = 2, kSlackOfDerivatives = 8;

/// How a result differs from its definition; empty if it does not.
std::string difference(const Step& s, const Array& expected, const Array& found) {
  if (expected.dtype != found.dtype || expected.shape != found.shape) return "another type or shape";
  const double slack = differentiates(s) ? kSlackOfDerivatives : kSlack;
  double largest = 0;
  for (const naive::Num& x : found.x)
    if (std::isfinite(x.v)) largest = std::max(largest, std::abs(x.v));
  Looked& count = looked();
  for (size_t i = 0; i < found.x.size(); ++i) {
    const naive::Num e = is_half(found.dtype) ? rounded(expected.x[i], found.dtype) : expected.x[i];
    const double y = found.x[i].v;
    ++count.elements;
    if (!e.known()) continue;
    if (!std::isfinite(e.v) || !std::isfinite(y)) {
      // In derivatives 0 · inf depends on which zeros are multiplied.
      const bool alike = (e.v != e.v && y != y) || e.v == y;
      if (!alike && s.body != nullptr) continue;
      ++count.compared;
      if (!alike) return fmt::format("element {} is {}, by definition {}", i, y, e.v);
      continue;
    }
    const double close = is_half(found.dtype) ? 16 : 1;
    count.compared += e.e <= close * 1e-3 * std::abs(e.v) || e.e <= close * 1e-6 * largest;
    if (std::abs(y - e.v) > slack * e.e)
      return fmt::format("element {} is {:.9g}, by definition {:.9g} give or take {:.3g}", i, y, e.v, e.e);
  }
  for (size_t i = 0; i < found.n.size(); ++i) {
    ++count.elements;
    if (!expected.n[i].known) continue;
    ++count.compared;
    if (expected.n[i].v != found.n[i].v)
      return fmt::format("element {} is {}, by definition {}", i, found.n[i].v, expected.n[i].v);
  }
  return "";
}

}  // namespace

Looked& looked() {
  static Looked all;
  return all;
}

struct Oracle::State {
  std::vector<Array> values;
};

void Oracle::leaves(const Tensors& values) {
  state_ = std::make_shared<State>();
  for (const Tensor& t : values) state_->values.push_back(array_of(t));
}
void Oracle::step(size_t i, const Tensors& results) {
  const Step& s = p_.body.steps[i];
  steps_ = i + 1;
  std::vector<Array> found;
  for (const Tensor& t : results) found.push_back(array_of(t));
  bool halves = std::ranges::any_of(found, [](const Array& a) { return is_half(a.dtype); });
  for (const Ref& r : s.in)
    halves |= r.kind == Ref::value && is_half(state_->values.at(static_cast<size_t>(r.index)).dtype);
  if ((halves && !is_rounded_once(s)) || rounds_within(s)) {
    for (const Array& a : found) looked().elements += a.x.size() + a.n.size();
  } else if (fault_.empty()) {
    ++looked().steps;
    try {
      const std::vector<Array> expected = naive::compute(s, state_->values, numbers_);
      if (expected.size() != found.size()) fault_ = s.op + ": another number of results";
      for (size_t k = 0; k < found.size() && fault_.empty(); ++k)
        if (std::string d = difference(s, expected[k], found[k]); !d.empty())
          fault_ = fmt::format("step {}, result {} of {}: {}", i + 1, k + 1, s.op, d);
    } catch (const naive::TooLarge&) {
      ++looked().skipped;
      for (const Array& a : found) looked().elements += a.x.size() + a.n.size();
    } catch (const naive::OutOfRange&) {
      fault_ = fmt::format("step {}: {} has an index out of range", i + 1, s.op);
    }
    naive::clear_tape();
  }
  for (Array& a : found) state_->values.push_back(std::move(a));
}
void Oracle::threw() {
  if (!fault_.empty()) return;
  try {
    naive::compute(p_.body.steps.at(steps_), state_->values, numbers_);
    fault_ = fmt::format("step {}: {} has no index out of range", steps_ + 1, p_.body.steps[steps_].op);
  } catch (const naive::OutOfRange&) {
  } catch (const naive::TooLarge&) {
  }
  naive::clear_tape();
}

}  // namespace duet::fuzz
