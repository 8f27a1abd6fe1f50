#include "fuzz/oracle.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "fuzz/naive/array.h"

namespace duet::fuzz {
namespace {

using naive::Array;

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
      if constexpr (std::is_floating_point_v<T>)
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
  }
  return a;
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
    const naive::Num& e = expected.x[i];
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
    count.compared += e.e <= 1e-3 * std::abs(e.v) || e.e <= 1e-6 * largest;
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
  if (fault_.empty()) {
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
