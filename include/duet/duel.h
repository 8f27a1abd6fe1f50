// The lives of a function side by side: what each costs a call, what the compiler saved, and whether the bits agree.
#pragma once

#include "duet/graph/freeze.h"

namespace duet {

/// Whether two tensors are of one dtype and shape and have the same bits; NaNs count as equal, and nothing else does.
bool same_bits(const Tensor& a, const Tensor& b);

/// A fingerprint of all tensors of a tree, of their dtypes, shapes and bits (NaNs as one): 16 hexadecimal digits.
std::string bits_hash(const std::vector<Tensor>& tensors);
template <class T>
std::string bits_hash(const T& tree) {
  std::vector<Tensor> leaves;
  for_each_leaf(tree, [&](const Tensor& t) { leaves.push_back(t); });
  return bits_hash(leaves);
}

/// Times of n calls, in microseconds.
struct Times {
  double min = 0, median = 0, p95 = 0;
  size_t n = 0;
};
Times summarize(std::vector<double> us);

/// Where the time of a first call went. Tracing is what remains: the host's own work is in it.
struct FirstCall {
  double total_ms = 0, trace_ms = 0, passes_ms = 0, plan_ms = 0, run_ms = 0;
};

/// What one life of a function costs a call. Counts are medians over the calls after the first.
struct LifeReport {
  std::string name;     // "eager", "compiled", "frozen", or what was left out
  std::string refused;  // why there is no such life: a frozen function that is not pure; else empty
  FirstCall first;
  Times call_us;
  int64_t operations = 0;   // dispatched: run or recorded
  int64_t kernels = 0;      // launched
  int64_t bytes = 0;        // read and written by kernels, modelled from shapes
  int64_t allocations = 0;  // of tensors and their headers
  int64_t peak_bytes = 0;   // beyond what was live before the call, plus the plan's arena
  int64_t arena_bytes = 0, lower_bound_bytes = 0;
  std::string difference;  // the first leaf whose bits are not the first life's; empty when all agree
  std::vector<std::pair<std::string, std::string>> more = {};  // further columns of the table: title and text
};

/// Meters calls: time and counters of each, the first apart. `m([&] { step(…); })`.
class Meter {
 public:
  /// `cache`: of the compiled or frozen function that will be called; null for an eager one. It must outlive the meter.
  /// On a CUDA device a call ends when the device has done its work, and memory is the device's.
  explicit Meter(std::string name, const graph::PlanCache* cache = nullptr, Device device = Device::cpu())
      : name_(std::move(name)), cache_(cache), device_(device) {}

  template <class F>
  decltype(auto) operator()(F&& f) {
    begin();
    struct End {
      Meter& meter;
      ~End() noexcept(false) { meter.end(); }  // a device reports here what went wrong
    } end{*this};
    return f();
  }
  LifeReport report() const;

 private:
  struct Counters {
    uint64_t operations, kernels, bytes;
    int64_t allocations, live_bytes, peak_bytes;
  };
  struct Call {
    double us;
    int64_t operations, kernels, bytes, allocations, peak_bytes;
  };
  Counters read() const;
  void begin();
  void end();

  std::string name_;
  const graph::PlanCache* cache_;
  Device device_;
  Counters before_{};
  int64_t start_ns_ = 0;
  std::vector<Call> calls_;
  FirstCall first_;
  int64_t arena_bytes_ = 0, lower_bound_bytes_ = 0;
};

/// The comparison: one report a life, the first being what the others are measured against.
struct DuelReport {
  std::vector<LifeReport> lives;
  bool bits_equal() const;
};
/// 1234567 as "1,234,567".
std::string with_commas(int64_t n);
/// Rows of cells under a first row of titles, in columns.
std::string text_table(const std::vector<std::vector<std::string>>& rows);
/// A row a life: first call, times a call; then kernels, allocations, bytes, memory; then the verdict on bits and
/// speed.
std::string to_string(const DuelReport& report);
/// "eager 61.2 µs · compiled 1.31x · frozen 1.40x": medians, and how many times as fast as the first life.
std::string speedups(const DuelReport& report);
/// A row a life, as what it costs more than the first one: for ablate.
std::string differences(const DuelReport& report);

/// How long a duel lasts: until each life was called max_calls times or, after min_calls, the time is over.
struct DuelOptions {
  int min_calls = 5, max_calls = 200;
  double max_seconds = 0.5;
  Device device = Device::cpu();  // a CUDA device: one life more, eager there
};

namespace detail {

/// The same elements on a device in storage that nobody shares, so that a function may reuse it; views stay views.
Tensor own_storage(const Tensor& t, Device device);
int64_t now_ns();

/// One life of f with arguments of its own.
template <class F, class... A>
class Life {
 public:
  Life(std::string name, Mode mode, const F& f, std::vector<std::string> without, Device device, const A&... args)
      : f_(mode, f, std::move(without)),
        device_(device),
        args_(own(args, device)...),
        meter_(std::move(name), mode == Mode::eager ? nullptr : &f_.cache(), device) {}

  void call() {
    if (!refused_.empty()) return;
    results_.clear();
    const DeviceScope there(device_);
    try {
      using R = decltype(std::apply(f_, args_));
      if constexpr (std::is_void_v<R>) {
        meter_([&] { std::apply(f_, args_); });
      } else {
        R r = meter_([&] { return std::apply(f_, args_); });
        if constexpr (tree::is_tree<R>())
          for_each_named_leaf(
              r, [&](std::string_view name, const Tensor& t) { results_.emplace_back(title("result", name), t); });
      }
    } catch (const TraceError& error) {
      if (f_.mode() != Mode::frozen) throw;
      refused_ = error.what();
    }
  }
  /// Everything that the last call gave or rebound.
  std::vector<std::pair<std::string, Tensor>> leaves() const {
    auto all = results_;
    for_each_named_leaf(args_,
                        [&](std::string_view name, const Tensor& t) { all.emplace_back(title("argument", name), t); });
    return all;
  }
  LifeReport report() const {
    LifeReport r = meter_.report();
    r.refused = refused_;
    return r;
  }
  bool refused() const { return !refused_.empty(); }

 private:
  template <class T>
  static T own(const T& x, Device device) {
    T copy = x;
    if constexpr (tree::is_tree<T>()) for_each_leaf(copy, [&](Tensor& t) { t = own_storage(t, device); });
    return copy;
  }
  static std::string title(std::string_view what, std::string_view name) {
    return name.empty() ? std::string(what) : std::string(what) + " " + std::string(name);
  }

  WithMode<F> f_;
  Device device_;
  std::tuple<A...> args_;
  Meter meter_;
  std::vector<std::pair<std::string, Tensor>> results_;
  std::string refused_;
};

/// The first leaf that differs; "" when none does.
std::string first_difference(const std::vector<std::pair<std::string, Tensor>>& a,
                             const std::vector<std::pair<std::string, Tensor>>& b);

template <class L>
DuelReport compare(std::vector<L>& lives, const DuelOptions& options) {
  std::vector<std::string> difference(lives.size());
  auto look = [&] {
    const auto wanted = lives[0].leaves();
    for (size_t i = 1; i < lives.size(); ++i)
      if (!lives[i].refused() && difference[i].empty()) difference[i] = first_difference(lives[i].leaves(), wanted);
  };
  const int64_t start = now_ns();
  for (int round = 0; round < options.max_calls; ++round) {
    for (size_t i = 0; i < lives.size(); ++i)
      lives[(i + static_cast<size_t>(round)) % lives.size()].call();  // no life is always first
    if (round == 0) look();
    if (round + 1 >= options.min_calls && static_cast<double>(now_ns() - start) * 1e-9 > options.max_seconds) break;
  }
  look();
  DuelReport report;
  for (size_t i = 0; i < lives.size(); ++i) {
    report.lives.push_back(lives[i].report());
    report.lives.back().difference = difference[i];
  }
  return report;
}

}  // namespace detail

/// Calls f eagerly, compiled and frozen in turn, and eagerly on options.device if that is another, each life on its own
/// copy of the arguments, and compares times, counts and the bits of every result and argument. A frozen life that f
/// does not allow is reported with the reason.
template <class F, class... A>
DuelReport duel(const DuelOptions& options, const F& f, A&&... args) {
  using Life = detail::Life<F, std::remove_cvref_t<A>...>;
  std::vector<Life> lives;
  lives.reserve(4);
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen})
    lives.emplace_back(std::string(name(mode)), mode, f, std::vector<std::string>(), Device::cpu(), args...);
  if (options.device.is_cuda())
    lives.emplace_back("eager " + to_string(options.device), Mode::eager, f, std::vector<std::string>(), options.device,
                       args...);
  return detail::compare(lives, options);
}
template <class F, class... A>
requires(!std::is_same_v<std::remove_cvref_t<F>, DuelOptions>) DuelReport duel(const F& f, A&&... args) {
  return duel(DuelOptions(), f, std::forward<A>(args)...);
}

/// f compiled with all passes, and without one of them at a time; otherwise as duel.
template <class F, class... A>
DuelReport ablate(const DuelOptions& options, const F& f, A&&... args) {
  using Life = detail::Life<F, std::remove_cvref_t<A>...>;
  std::vector<std::string> passes;
  for (const graph::Pass& p : graph::passes()) passes.emplace_back(p.name);
  passes.emplace_back("plan_memory");
  std::vector<Life> lives;
  lives.reserve(passes.size() + 1);
  lives.emplace_back("all passes", Mode::compiled, f, std::vector<std::string>(), Device::cpu(), args...);
  for (const std::string& pass : passes)
    lives.emplace_back("without " + pass, Mode::compiled, f, std::vector<std::string>{pass}, Device::cpu(), args...);
  return detail::compare(lives, options);
}

template <class F, class... A>
requires(!std::is_same_v<std::remove_cvref_t<F>, DuelOptions>) DuelReport ablate(const F& f, A&&... args) {
  return ablate(DuelOptions(), f, std::forward<A>(args)...);
}

}  // namespace duet

template <>
struct fmt::formatter<duet::DuelReport> : duet::TextFormatter {};
