// A case of the suite: one program in its three lives, what any implementation of it has to do at least, and the bars
// it is held against. The cases stand in cases.cpp, their programs in cases/.
#pragma once

#include <duet/duet.h>

#include <algorithm>
#include <cmath>
#include <memory>

namespace bench {

using namespace duet;

constexpr Mode kModes[] = {Mode::eager, Mode::compiled, Mode::frozen};

/// What any implementation has to do at least: the floor is the longer of the two at the machine's best rates. Bytes
/// that are read and then written count twice; footprint is how many there are.
struct Work {
  double flops = 0, bytes = 0, footprint = bytes;
};

/// What one life costs a call beside time. Peak memory is beyond the arguments, a plan's arena included.
struct Cost {
  int64_t kernels = 0, bytes = 0, peak_bytes = 0;
};

/// What the first call of every life gave, beside the others and an f64 run of the same program.
struct Check {
  std::string difference;  // the first tensor whose bits are not eager's, or a life that was refused; else empty
  double error = 0;        // of any tensor, see error_against
};

/// A program that a case runs, with arguments of its own for each life.
class Program {
 public:
  explicit Program(Work w) : work_(w) {}
  virtual ~Program() = default;
  virtual Check check() = 0;  // first, and once
  virtual Cost cost(Mode mode) = 0;
  virtual void call(Mode mode, int64_t times) = 0;
  const Work& work() const { return work_; }

 private:
  Work work_;
};

/// The largest error of x's tensors against those of an f64 run, in parts of the tensor's largest element, or of a
/// thousandth of the largest of all: of gradients that cancel to rounding Adam makes steps of any sign.
double error_against(const std::vector<Tensor>& x, const std::vector<Tensor>& exact);

/// f(args…) in three lives. Floating C++ arguments are learning rates: after the check they become so small that
/// nothing is learnt, since after some thousand steps on one batch gradients and moments would be denormal, and slow.
template <class F, class... A>
class Lives : public Program {
 public:
  Lives(Work work, F f, A... args) : Program(work), f_(std::move(f)), args_(std::move(args)...) {
    lives_.reserve(3);
    for (Mode mode : kModes) lives_.push_back({with_mode(mode, f_), own(args_)});
  }

  Check check() override {
    Check result;
    std::vector<Tensor> first;
    for (Life& life : lives_) {
      std::vector<Tensor> now;
      try {
        now = leaves(life.f, life.args);
      } catch (const Error& error) {
        result.difference = std::string(name(life.f.mode())) + ": " + error.what();
        return result;
      }
      if (first.empty()) first = now;
      for (size_t i = 0; i < now.size(); ++i)
        if (result.difference.empty() && !same_bits(now[i], first[i]))
          result.difference = std::string(name(life.f.mode())) + ": tensor " + std::to_string(i);
    }
    std::tuple<A...> wide = args_;
    for_each_leaf(wide, [](Tensor& t) {
      if (t.defined() && t.dtype() == f32) t = t.to(f64);
    });
    result.error = error_against(first, leaves(f_, wide));
    for (Life& life : lives_) std::apply([](auto&... arg) { (slow(arg), ...); }, life.args);
    return result;
  }

  Cost cost(Mode mode) override {
    Life& life = of(mode);
    call(mode, 1);
    Meter meter(std::string(name(mode)), mode == Mode::eager ? nullptr : &life.f.cache());
    for (int i = 0; i < 3; ++i) meter([&] { keep(life.f, life.args); });
    const LifeReport r = meter.report();
    return {r.kernels, r.bytes, r.peak_bytes};
  }

  void call(Mode mode, int64_t times) override {
    Life& life = of(mode);
    for (int64_t i = 0; i < times; ++i) keep(life.f, life.args);
  }

 protected:
  struct Life {
    WithMode<F> f;
    std::tuple<A...> args;
  };
  Life& of(Mode mode) { return lives_[static_cast<size_t>(mode)]; }
  const F& function() const { return f_; }

  /// Calls f and throws the result away.
  template <class G>
  static void keep(const G& f, std::tuple<A...>& args) {
    [[maybe_unused]] auto result = std::apply(f, args);
    asm volatile("" : : "r"(&result) : "memory");
  }

 private:
  static std::tuple<A...> own(const std::tuple<A...>& args) {
    std::tuple<A...> copy = args;
    for_each_leaf(copy, [](Tensor& t) { t = duet::detail::own_storage(t, duet::Device::cpu()); });
    return copy;
  }
  template <class T>
  static void slow(T& arg) {
    if constexpr (std::is_floating_point_v<T>) arg = static_cast<T>(1e-12);
  }
  /// Everything that a call gives or rebinds.
  template <class G>
  static std::vector<Tensor> leaves(const G& f, std::tuple<A...>& args) {
    std::vector<Tensor> all;
    auto result = std::apply(f, args);
    for_each_leaf(result, [&](const Tensor& t) { all.push_back(t); });
    for_each_leaf(args, [&](const Tensor& t) { all.push_back(t); });
    return all;
  }

  F f_;
  std::tuple<A...> args_;
  std::vector<Life> lives_;
};

/// As Lives, but every call is the first one of a fresh function.
template <class F, class... A>
class FirstCalls final : public Lives<F, A...> {
 public:
  using Lives<F, A...>::Lives;
  void call(Mode mode, int64_t times) override {
    for (int64_t i = 0; i < times; ++i) this->keep(with_mode(mode, this->function()), this->of(mode).args);
  }
};

template <class F, class... A>
std::unique_ptr<Program> lives(Work work, F f, A... args) {
  return std::make_unique<Lives<F, A...>>(work, std::move(f), std::move(args)...);
}

/// Ratios that a case is to reach, 0 where it has none.
struct Bars {
  double frozen = 0;    // frozen's time to that of the fastest peer
  double eager = 0;     // eager's time to that of the fastest eager peer: PyTorch or libtorch
  double memory = 0;    // the smallest peak of a life beyond its arguments, to that of the smallest peer
  double first_ms = 0;  // compiled's time itself
};

using Sizes = std::vector<int64_t>;
struct Case {
  std::string name;    // "chain/1M"
  std::string family;  // what peers call it; with the sizes it says all
  Sizes sizes, tiny;   // tiny: of the test
  std::unique_ptr<Program> (*make)(const Sizes&);
  Bars bars = {};
  Bars two_threads = {};  // a second row, at 2 threads, where it has one
};

/// Every case, in the order of the table.
const std::vector<Case>& cases();

// The programs, each a family of cases, by the file of cases/ that they stand in.
using Make = std::unique_ptr<Program>(const Sizes&);
Make make_chain, make_transcendental, make_gelu_tanh, make_gelu_erf, make_adamw, make_add, make_scalar_chain;
Make make_cross_entropy, make_layer_norm, make_layer_norm_gradient;
Make make_mlp, make_mlp_sgd, make_mlp_adam, make_wide_sgd, make_digits, make_first_call;
Make make_transformer, make_conv;

}  // namespace bench
