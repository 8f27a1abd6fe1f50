// Random programs. A program is host code that draws its operations from a generator: the seed and the shapes decide,
// never the data, so eager, compiled and frozen run the same one.
#pragma once

#include <optional>

#include "ops/cases.h"

namespace duet::testing {

/// What a program may do.
struct Style {
  int steps = 12;
  int64_t max_numel = 20000;
  bool splits = false;    // item() in the middle; not for frozen functions
  bool specials = false;  // NaN, inf, −0, denormals in the data
  int depth = 0;          // of gradients
};

class Program;
/// What one operation makes of a value, or nothing where the value does not suit it. tests/ops/steps has a list a
/// family.
using Step = std::optional<Tensor> (*)(Program& p, const Tensor& x);
const std::vector<Step>& all_steps();

/// Draws operations and keeps their results.
class Program {
 public:
  Program(Rng rng, Style style, float s1, float s2) : rng_(rng), style_(style), s1_(s1), s2_(s2) {}

  void add(Tensor t) {
    if (t.numel() <= style_.max_numel) pool_.push_back(std::move(t));
  }
  void run() {
    for (int i = 0; i < style_.steps; ++i) step();
  }
  Tensors& pool() { return pool_; }
  Rng& rng() { return rng_; }

  const Tensor& any() { return pool_[at(pool_.size())]; }
  /// A value of a floating type; the youngest are the likeliest.
  const Tensor& floating(int min_rank = 0) {
    for (int tries = 0; tries < 40; ++tries) {
      const Tensor& t = tries % 2 ? any() : pool_[pool_.size() - 1 - at(std::min<size_t>(pool_.size(), 4))];
      if (is_float(t.dtype()) && t.rank() >= min_rank) return t;
    }
    if (min_rank > 0) return pool_.emplace_back(reshape(floating(), {1, -1}));
    return pool_[0];
  }
  bool chance(int one_in) { return below(rng_, one_in) == 0; }
  /// An axis of t, counted from either end.
  int axis(const Tensor& t) { return below(rng_, t.rank()) - (chance(2) ? t.rank() : 0); }
  /// Another value that broadcasts with x, of its dtype.
  std::optional<Tensor> partner(const Tensor& x) {
    Shape common;
    for (int tries = 0; tries < 20; ++tries) {
      const Tensor& t = any();
      const bool fits = t.dtype() == x.dtype() || (integer(t) && integer(x));  // integers meet in the wider type
      if (fits && broadcast_shapes(x.shape(), t.shape(), common) && common.numel() <= style_.max_numel) return t;
    }
    return std::nullopt;
  }
  /// Numbers that differ from call to call.
  float s1() const { return s1_; }
  float s2() const { return s2_; }
  const Style& style() const { return style_; }

 private:
  size_t at(size_t n) { return static_cast<size_t>(below(rng_, static_cast<int64_t>(n))); }

  Tensor unary(const Tensor& x) {
    static constexpr Tensor (*kUnary[])(const Operand&) = {neg,     abs,        exp,  log,       sqrt, rsqrt,
                                                           square,  reciprocal, sin,  cos,       tanh, erf,
                                                           sigmoid, relu,       gelu, gelu_tanh, expm1};
    return kUnary[below(rng_, std::ssize(kUnary))](x);
  }
  Tensor binary(int which, const Operand& a, const Operand& b) {
    static constexpr Tensor (*kBinary[])(const Operand&, const Operand&) = {duet::add, sub,     mul,
                                                                            maximum,   minimum, duet::add};
    return kBinary[which](a, b);
  }
  Tensor compare(const Operand& a, const Operand& b) {
    static constexpr Tensor (*kCompare[])(const Operand&, const Operand&) = {eq, ne, lt, le, gt, ge};
    return kCompare[below(rng_, std::ssize(kCompare))](a, b);
  }
  static bool integer(const Tensor& t) { return !is_float(t.dtype()) && t.dtype() != boolean; }
  Tensor scalar_step(const Tensor& x) {
    if (chance(12) && is_float(x.dtype())) {  // three results of one op
      const Outputs y = dispatch(
          op<AdamUpdate>(), {Operand(x), Operand(floating_like(x)), Operand(x), Operand(abs(x)), Operand(s1_),
                             Operand(0.9), Operand(0.1), Operand(0.99), Operand(0.01), Operand(1e-3), Operand(s2_)});
      add(y.values[0]);
      if (chance(2)) add(y.values[2]);
      return y.values[1];
    }
    if (!is_float(x.dtype())) return binary(below(rng_, 5), x, 1 + below(rng_, 3));
    switch (below(rng_, 6)) {
      case 0:
        return x * s1_;
      case 1:
        return s2_ - x;
      case 2:
        return x + 0.5f;
      case 3:
        return 1.5f / x;
      case 4:
        return maximum(x, s2_);
      default:
        return (x * 2 - 1) / 3.0;
    }
  }
  Tensor floating_like(const Tensor& x) {
    std::optional<Tensor> p = partner(x);
    return p ? *p : x;
  }
  Tensor movement(const Tensor& x) {
    if (x.rank() == 0) return chance(2) ? reshape(x, {1, 1}) : broadcast_to(x, {3, 1 + below(rng_, 9)});
    const int a = axis(x);
    const int64_t extent = x.shape(a);
    switch (below(rng_, 11)) {
      case 0:
        return reshape(x, {x.numel()});
      case 1:
        return x.numel() % 2 == 0 ? reshape(x, {x.numel() / 2, 2}) : reshape(x, {1, x.numel(), 1});
      case 2:
        return transpose(x);
      case 3:
        return x.rank() == 3 ? transpose(x, {1, 2, 0}) : x.rank() == 2 ? transpose(x, {1, 0}) : transpose(x);
      case 4:
        return x.slice(a, below(rng_, extent + 1), extent);
      case 5:
        return x.slice(a, 0, extent, 2);
      case 6:
        return extent > 0 ? x.slice(a, below(rng_, extent), -1 < extent ? extent : 0, 1 + below(rng_, 3))
                          : contiguous(x);
      case 7:
        return x.rank() < 4 && x.numel() * 3 <= style_.max_numel ? broadcast_with_lead(x) : contiguous(x);
      case 8:
        return x.shape(0) > 0 ? x[below(rng_, x.shape(0))] : contiguous(x);
      case 9: {
        Shape s = x.shape();
        s.push_back(1);
        return s.rank() < 5 ? reshape(x, s) : contiguous(x);
      }
      default:
        return concat(chance(3) ? Tensors{x, x, x} : Tensors{x, x.slice(a, 0, extent / 2)}, a);
    }
  }
  Tensor broadcast_with_lead(const Tensor& x) {
    Shape s{1 + below(rng_, 3)};
    for (int64_t d : x.shape()) s.push_back(d);
    return broadcast_to(x, s);
  }
  Tensor reduction(const Tensor& x) {
    ReduceOver over{{}, chance(2)};
    if (x.rank() > 0 && !chance(4)) {
      int first = below(rng_, x.rank()), second = below(rng_, x.rank());
      over.axis = first == second || chance(2) ? Axes{first} : Axes{first, second};
    }
    bool empty = x.numel() == 0;
    switch (below(rng_, empty ? 2 : 4)) {
      case 0:
        return sum(x, over);
      case 1:
        return mean(x, over);
      case 2:
        return max(x, over);
      default:
        return x.rank() > 0 ? argmax(x, axis(x), chance(2)) : sum(x, over);
    }
  }
  Tensor product() {
    Tensor a = floating(2);
    for (int tries = 0; tries < 10; ++tries) {
      const Tensor& b = any();
      Shape batch;
      if (b.dtype() != a.dtype() || b.rank() < 2 || b.numel() * a.numel() > 4'000'000) continue;
      if (!broadcast_shapes(Shape(a.shape().begin(), a.rank() - 2), Shape(b.shape().begin(), b.rank() - 2), batch))
        continue;
      if (a.shape(-1) == b.shape(-2)) return matmul(a, b);
      if (b.rank() == 2 && a.shape(-1) == b.shape(-1)) return matmul(a, transpose(b));
      if (b.rank() == 2 && a.rank() == 2 && a.shape(0) == b.shape(0)) return matmul(transpose(a), b);
    }
    if (a.rank() == 2 && a.numel() < 5000) return chance(2) ? matmul(a, transpose(a)) : matmul(transpose(a), a);
    return unary(a);
  }
  Tensor indexed(const Tensor& x) {
    if (x.rank() == 0 || x.numel() == 0) return x + x;
    const int a = axis(x);
    Tensor index =
        x.rank() > 1 && chance(2) ? argmax(x, a) : cast(reshape(argmax(reshape(x, {-1, x.shape(a)}), -1), {-1}), i32);
    if (index.numel() > 64) index = reshape(index, {index.numel()}).slice(0, 0, 40);
    if (index.rank() > 1) index = reshape(index, {-1});
    switch (below(rng_, 3)) {
      case 0:
        return gather(x, index, a);
      case 1:
        return one_hot(index, x.shape(a));
      default:
        return scatter_add(x, index, gather(x, index, a), a);
    }
  }
  Tensor composite(const Tensor& x) {
    if (x.rank() == 0 || x.numel() == 0) return relu(x);
    switch (below(rng_, 6)) {
      case 0:
        return softmax(x, axis(x));
      case 1:
        return log_softmax(x, axis(x));
      case 2:
        return layer_norm(x, ones({x.shape(-1)}, x.dtype()), zeros({x.shape(-1)}, x.dtype()));
      case 3:
        return cross_entropy(x, argmax(x, -1));
      case 4:
        return mse(x, s1_);
      default:
        return x.rank() >= 2 && x.shape(-1) < 200
                   ? relu(linear(x, eye(x.shape(-1), x.dtype()), full({x.shape(-1)}, s2_, x.dtype())))
                   : gelu(x);
    }
  }
  Tensor created() {
    switch (below(rng_, 8)) {
      case 6:
        return reshape(broadcast_to(s1_, {3, 2}), {2, 3}) - s2_;
      case 7:
        return where(floating() > s2_, s1_, 2);
      case 0:
        return full({2, 3}, s1_);
      case 1:
        return arange(1 + below(rng_, 70));
      case 2:
        return eye(1 + below(rng_, 5));
      case 3:
        return uniform(fold_in(Key(7), below(rng_, 100)), {3, 5});
      case 4:
        return where(bernoulli(Key(static_cast<uint64_t>(below(rng_, 9))), 0.5, {4}), s1_, s2_);
      default:
        return normal(Key(3), {2, 1, 65}) * s1_;
    }
  }
  Tensor gradient() {
    Style inner = style_;
    inner.depth = style_.depth + 1;
    inner.steps = 2 + below(rng_, 5);
    inner.splits = false;
    Rng seed(static_cast<Rng::result_type>(rng_()));
    Tensor w = floating(), other = floating();
    auto f = [&](const Tensor& v) {
      Program p(seed, inner, s1_, s2_);
      p.add(other);
      p.add(v);
      p.add(v * 1.25f);
      p.run();
      Tensor loss = sum(p.floating()).to(v.dtype());
      return sum(loss + sum(square(v)) * 0.5f);
    };
    if (chance(5)) {
      auto [dv, dw] = grad<1, 0>(
          [&](const Tensor& a, const Tensor& b) { return f(b) + sum(square(a) * s2_).to(b.dtype()); })(other, w);
      add(dw);
      return dv;
    }
    if (chance(4)) return grad([&](const Tensor& v) { return sum(grad(f)(v) * s1_); })(w);
    auto [l, g] = value_and_grad(f)(w);
    add(l);
    return g;
  }
  void step() {
    const Tensor x = any();
    Tensor y;
    switch (below(rng_, 29)) {
      case 0:
      case 1:
      case 2:
        y = unary(floating());
        break;
      case 3:
      case 4:
      case 5:
      case 6: {
        std::optional<Tensor> p = partner(x);
        if (!p) break;
        y = x.dtype() == boolean               ? compare(x, *p)
            : is_float(x.dtype()) && chance(5) ? x / *p
                                               : binary(below(rng_, 6), x, *p);
        break;
      }
      case 7:
      case 8:
        y = x.dtype() == boolean ? x == true : scalar_step(x);
        break;
      case 9:
      case 10:
      case 11:
        y = movement(x);
        break;
      case 12:
      case 13:
        y = reduction(x);
        break;
      case 14:
        y = product();
        break;
      case 15:
        y = indexed(x.dtype() == boolean ? floating() : x);
        break;
      case 16: {
        Tensor f = floating();
        std::optional<Tensor> p = partner(f);
        if (p) y = where(compare(f, *p), f, chance(2) ? square(*p) : f * s2_);
        break;
      }
      case 17:
        y = chance(2) ? x.to(f32) : x.to(static_cast<DType>(below(rng_, kDTypes)));
        break;
      case 18:
        y = composite(floating());
        break;
      case 19:
        y = created();
        break;
      case 20: {  // rebinding; the old value may die here
        Tensor& mine = pool_[at(pool_.size())];
        if (is_float(mine.dtype())) chance(2) ? void(mine += s1_) : void(mine = exp(std::move(mine)));
        return;
      }
      case 21:
        if (style_.depth < 2 && chance(2))
          y = gradient();
        else
          pool_.erase(pool_.begin() + below(rng_, static_cast<int64_t>(pool_.size() - 1)));
        break;
      case 22:
        if (!style_.splits)
          y = unary(floating());
        else if (Tensor f = floating(); f.numel() > 0)
          y = f * (1.0f + 0 * sum(f == f).item<float>());
        break;
      default:
        if (const auto& steps = all_steps(); !steps.empty()) {
          std::optional<Tensor> made = steps[at(steps.size())](*this, x);
          y = made ? *made : Tensor();
        }
        break;
    }
    if (y.defined()) add(std::move(y));
  }

  Rng rng_;
  Style style_;
  float s1_, s2_;
  Tensors pool_;
};

/// Data for an argument.
inline Tensor random_tensor(Rng& rng, const Shape& shape, DType dtype, bool specials) {
  std::vector<double> v(static_cast<size_t>(shape.numel()));
  const double kSpecial[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 1e-40, 3.4e38, 88.4, -104, 16777217};
  for (double& x : v) {
    x = static_cast<double>(rng() % 4001) / 1000 - 2;
    if (specials && below(rng, 12) == 0) x = kSpecial[below(rng, 10)];
    if (!is_float(dtype)) x = below(rng, 5);
  }
  return from_vector(v, shape).to(dtype);
}

}  // namespace duet::testing

#include "ops/steps/steps.h"
