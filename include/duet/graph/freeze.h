// freeze: records a function once, twice over, and replays the plan ever after. Host code does not run again, so the
// two recordings must be the same but for floating arguments, each of which is changed for the second one.
#pragma once

#include <array>

#include "duet/graph/compile.h"

namespace duet {

/// What a frozen function does with arguments of new shapes: an error, or another recording.
enum class OnNewShape : uint8_t { fail, retrace };
struct FreezeOptions {
  OnNewShape on_new_shape =
      OnNewShape::fail;                   // what a call does whose arguments have other shapes than the first one's
  std::vector<std::string> without = {};  // passes to leave out
  std::vector<graph::Pass> with = {};     // the program's own, and whether what passes change is compared by bits:
  bool check_passes = false;              // as in CompileOptions
};

namespace graph {

/// A floating C++ argument, as it is and as it is changed for the second recording.
struct FloatArgument {
  int position = 0;
  double value = 0, changed = 0;
};

/// Where a leaf of the result, or of an argument that was rebound, comes from.
struct LeafSource {
  enum Kind : uint8_t { none, output, leaf, captured } kind = none;
  int index = -1;
  Tensor tensor = {};  // captured
};

/// One recording of a function for freezing: what its operations read and what its leaves became.
struct FrozenTrace {
  std::vector<uint64_t> words;
  std::vector<Mark> marks;
  std::vector<TracedNumber> numbers;
  std::vector<Tensor> slots;
  std::vector<LeafSource> arguments, results;
  std::vector<int> outputs;
};

/// A frozen plan and how arguments are bound to it.
struct FrozenPlan {
  std::shared_ptr<const Plan> plan;
  std::vector<uint64_t> config;  // of the arguments
  struct LeafSpec {
    Spec spec = {};
    bool defined = false, dense = true;
    Device device = {};
    std::array<int64_t, kMaxRank> strides = {};
  };
  std::vector<LeafSpec> leaves;       // of the arguments
  std::vector<int> slot_leaf;         // by slot: the leaf bound to it, −1 for a constant
  std::vector<Tensor> constants;      // by slot
  std::vector<int> number_argument;   // by number: the floating argument bound to it, −1 for a constant
  std::vector<size_t> bound_numbers;  // those that are bound
  std::vector<Number8> numbers;
  std::vector<DType> number_dtypes;
  std::vector<LeafSource> arguments, results;
  bool moves_leaves = false;  // an argument becomes another one's old value
  std::vector<uint8_t> kept;  // leaves whose old value is returned or put elsewhere: never overwritten
  std::vector<Spec> outputs;
  std::shared_ptr<void> result;  // the function's result with empty tensors
};

/// The changed value of a floating argument for the second recording.
double perturbed(double v, int position);

/// Reads a finished recording: `leaves` and `after` are the arguments' before and after, `results` the result's.
FrozenTrace read_trace(Trace& trace, const std::vector<Tensor>& leaves, const std::vector<const Tensor*>& after,
                       const std::vector<const Tensor*>& results);

/// Compares the recordings and binds; TraceError with the line and the way out when the function is not pure.
FrozenPlan bind(const FrozenTrace& first, const FrozenTrace& second, const std::vector<FloatArgument>& floats,
                const std::vector<Tensor>& leaves, std::shared_ptr<const Plan> plan, const Line& line);

/// Whether the arguments are those the plan was made for; if not, `why` says how they differ.
bool matches(const FrozenPlan& p, const std::vector<const Tensor*>& leaves, const std::vector<uint64_t>& config,
             std::string* why);

/// How a leaf's argument is passed: const, by reference, or as an rvalue, whose storage belongs to the call.
enum class Passed : uint8_t { fixed, reference, temporary };

/// Replays: leaves and floats in, outputs out. Leaves that the function rebinds, and temporaries, may give their
/// storage. TraceError, naming `line`, when a leaf that the function rebinds is passed twice.
std::vector<Tensor> replay(const FrozenPlan& p, const std::vector<const Tensor*>& leaves,
                           const std::vector<Passed>& passed, std::span<const double> floats, const Line& line);

/// A leaf with a block of its own over the same storage, so that each argument position is told apart.
Tensor separate(const Tensor& t, const Line& line);

[[noreturn]] void reject_new_arguments(const std::string& why, const Line& line);
[[noreturn]] void reject_changed_config(const Line& line);
[[noreturn]] void reject_changed_result(const Line& line);

}  // namespace graph

/// A function recorded once: later calls replay the plan and run no host code.
template <class F>
class Frozen {
 public:
  Frozen(F f, FreezeOptions options, const Line& line = {})
      : f_(std::move(f)),
        state_(std::make_shared<State>(graph::PassOptions{options.without, options.with, options.check_passes}, line)),
        options_(std::move(options)),
        line_(line) {}

  /// Calls f. TraceError when f is not pure, or when arguments differ in shape, type or configuration from the first
  /// call's (unless on_new_shape is retrace).
  template <class... A>
  auto operator()(A&&... args) const {
    using R = std::remove_cvref_t<decltype(f_(std::forward<A>(args)...))>;
    // Inside a recording it is part of that graph; under a tape or a vmap its operations are recorded, so that those
    // see them.
    if (thread_state.trace != nullptr) return static_cast<R>(f_(std::forward<A>(args)...));
    if (thread_state.tape != nullptr || thread_state.batch != nullptr)
      return detail::compiled_call(f_, state_->cache, std::forward<A>(args)...);
    static_assert((tree::is_tree<A>() && ...),
                  "duet: the arguments of a frozen function must be trees of tensors and numbers");
    thread_local std::vector<const Tensor*> leaves;
    thread_local std::vector<uint64_t> config;
    leaves.clear();
    config.clear();
    (collect(args, leaves, config), ...);
    config.push_back(thread_state.autocast);
    std::shared_ptr<const graph::FrozenPlan> plan = find<R>(leaves, config, args...);

    thread_local std::vector<graph::Passed> passed;
    passed.clear();
    (note_passing<A>(args, passed), ...);
    std::array<double, sizeof...(A)> floats{as_float(args)...};
    std::vector<Tensor> outputs = graph::replay(*plan, leaves, passed, floats, line_);

    // Old leaves by value first: a rebound leaf may be another one's old value.
    std::vector<Tensor> old(plan->moves_leaves ? leaves.size() : 0);
    for (size_t i = 0; i < old.size(); ++i)
      if (const graph::LeafSource& s = plan->arguments[i];
          s.kind == graph::LeafSource::leaf && s.index != static_cast<int>(i))
        old[i] = *leaves[static_cast<size_t>(s.index)];
    [[maybe_unused]] auto value = [&](const graph::LeafSource& s) -> Tensor {
      if (s.kind == graph::LeafSource::output) return outputs[static_cast<size_t>(s.index)];
      if (s.kind == graph::LeafSource::leaf) return *leaves[static_cast<size_t>(s.index)];
      return s.tensor;
    };
    auto rebind_all = [&] {
      size_t i = 0;
      (rebind<A>(args, plan->arguments, i, old, outputs), ...);
    };
    if constexpr (std::is_void_v<R>) {
      rebind_all();
    } else {
      R r = *static_cast<const R*>(plan->result.get());
      size_t next = 0;
      for_each_leaf(r, [&](Tensor& t) { t = value(plan->results[next++]); });
      rebind_all();
      return r;
    }
  }

  graph::PlanCache& cache() const { return state_->cache; }
  /// Tensors that were captured, and are constants of the plan now.
  std::vector<Tensor> constants() const {
    std::lock_guard lock(state_->mutex);
    std::vector<Tensor> all;
    for (const auto& p : state_->plans)
      for (const Tensor& t : p->constants)
        if (t.defined()) all.push_back(t);
    return all;
  }

 private:
  struct State {
    State(graph::PassOptions passes, const Line& line) : cache(std::move(passes), line) {}
    graph::PlanCache cache;
    std::mutex mutex;
    std::vector<std::shared_ptr<const graph::FrozenPlan>> plans;
  };

  // Floating C++ arguments are parameters; everything else that is no tensor is part of the signature.
  template <class A>
  static constexpr bool kIsFloat = std::is_floating_point_v<std::remove_cvref_t<A>>;
  template <class A>
  static void collect(const A& arg, std::vector<const Tensor*>& leaves, std::vector<uint64_t>& config) {
    if constexpr (!kIsFloat<A>) {
      tree::SignatureVisitor v{leaves, config};
      tree::walk(arg, v);
    }
  }
  template <class A>
  static double as_float(const A& arg) {
    if constexpr (kIsFloat<A>)
      return static_cast<double>(arg);
    else
      return 0;
  }
  template <class A>
  static void note_passing(const std::remove_reference_t<A>& arg, std::vector<graph::Passed>& passed) {
    constexpr graph::Passed how = std::is_const_v<std::remove_reference_t<A>> ? graph::Passed::fixed
                                  : std::is_lvalue_reference_v<A>             ? graph::Passed::reference
                                                                              : graph::Passed::temporary;
    for_each_leaf(arg, [&](const Tensor&) { passed.push_back(how); });
  }
  template <class A>
  static void rebind(std::remove_reference_t<A>& arg, const std::vector<graph::LeafSource>& sources, size_t& i,
                     const std::vector<Tensor>& old, const std::vector<Tensor>& outputs) {
    if constexpr (std::is_const_v<std::remove_reference_t<A>>) {
      for_each_leaf(arg, [&](const Tensor&) { ++i; });
    } else {
      for_each_leaf(arg, [&](Tensor& t) {
        const graph::LeafSource& s = sources[i];
        if (!std::is_lvalue_reference_v<A>)
          t = Tensor();  // moved from: its storage may have been reused
        else if (s.kind == graph::LeafSource::output)
          t = outputs[static_cast<size_t>(s.index)];
        else if (s.kind == graph::LeafSource::captured)
          t = s.tensor;
        else if (s.kind == graph::LeafSource::none)
          t = Tensor();  // moved from by the function
        else if (i < old.size() && old[i].defined())
          t = old[i];
        ++i;
      });
    }
  }

  template <class R, class... A>
  std::shared_ptr<const graph::FrozenPlan> find(const std::vector<const Tensor*>& leaves,
                                                const std::vector<uint64_t>& config, const A&... args) const {
    std::lock_guard lock(state_->mutex);
    for (const auto& p : state_->plans)
      if (graph::matches(*p, leaves, config, nullptr)) return p;
    if (!state_->plans.empty() && options_.on_new_shape == OnNewShape::fail) {
      std::string why;
      graph::matches(*state_->plans.front(), leaves, config, &why);
      graph::reject_new_arguments(why, line_);
    }
    state_->plans.push_back(std::make_shared<const graph::FrozenPlan>(trace_twice<R>(config, args...)));
    state_->cache.note_frozen(state_->plans.back());
    return state_->plans.back();
  }

  // Copies of the arguments with leaves told apart, and floats changed for the second recording.
  template <class T>
  T prepared(const T& arg, std::vector<Tensor>& leaves, bool changed, int& next,
             std::vector<graph::FloatArgument>& floats) const {
    [[maybe_unused]] const int position = next++;
    if constexpr (kIsFloat<T>) {
      double v = static_cast<double>(arg);
      T other = static_cast<T>(graph::perturbed(v, position));
      if (!changed) floats.push_back({position, v, static_cast<double>(other)});
      return changed ? other : arg;
    } else {
      T copy = arg;
      for_each_leaf(copy, [&](Tensor& t) {
        t = graph::separate(t, line_);
        leaves.push_back(t);
      });
      return copy;
    }
  }

  template <class R, class... A>
  graph::FrozenPlan trace_twice(const std::vector<uint64_t>& config, const A&... args) const {
    std::vector<graph::FloatArgument> floats;
    graph::FrozenTrace traces[2];
    std::vector<Tensor> leaves[2];
    std::vector<uint64_t> result_config[2];
    std::shared_ptr<const graph::Plan> plan;
    std::shared_ptr<void> prototype;
    for (int turn : {0, 1}) {
      int position = 0;
      std::tuple<A...> copies{prepared(args, leaves[turn], turn == 1, position, floats)...};
      std::vector<graph::LeafPosition> positions;
      std::apply(
          [&](const auto&... a) {
            int i = 0;
            (graph::add_positions(a, i++, positions), ...);
          },
          copies);
      graph::Recording recording(state_->cache, false);
      std::vector<const Tensor*> after, results;
      auto known = [&](graph::Positions& out) {
        out.arguments = positions;
        out.ended = true;
        std::apply(
            [&](const auto&... a) {
              int i = 0;
              (graph::add_positions(a, i++, out.rebound), ...);
            },
            copies);
        for (size_t i = 0; i < results.size(); ++i)
          if (results[i]->defined())
            out.results.push_back({&results[i]->block(), 0, std::is_same_v<R, Tensor> ? -1 : static_cast<int>(i)});
      };
      recording.trace().name_slots(known);
      std::vector<uint64_t> config_after;
      auto look = [&] {
        std::apply([&](const auto&... a) { (collect(a, after, config_after), ...); }, copies);
        config_after.push_back(thread_state.autocast);
        if (config_after != config || !same_floats(copies, floats, turn == 1)) graph::reject_changed_config(line_);
        traces[turn] = graph::read_trace(recording.trace(), leaves[turn], after, results);
        if (turn == 0 && !traces[0].outputs.empty()) plan = state_->cache.find(recording.trace(), traces[0].outputs);
        recording.stop();
      };
      if constexpr (std::is_void_v<R>) {
        std::apply(f_, copies);
        look();
      } else {
        static_assert(tree::is_tree<R>(),
                      "duet: the result of a frozen function must be a tree of tensors and numbers");
        R r = std::apply(f_, copies);
        tree::SignatureVisitor v{results, result_config[turn]};
        tree::walk(std::as_const(r), v);
        look();
        if (turn == 0) {
          R empty = r;
          for_each_leaf(empty, [](Tensor& t) { t = Tensor(); });
          prototype = std::make_shared<R>(std::move(empty));
        }
      }
    }
    graph::FrozenPlan p = graph::bind(traces[0], traces[1], floats, leaves[0], std::move(plan), line_);
    if (result_config[0] != result_config[1]) graph::reject_changed_result(line_);
    p.config = config;
    p.result = std::move(prototype);
    return p;
  }

  // Whether f left its floating arguments as they were given.
  template <class... A>
  static bool same_floats(const std::tuple<A...>& copies, const std::vector<graph::FloatArgument>& floats,
                          bool changed) {
    size_t next = 0;
    auto same = [&](const auto& a) {
      if constexpr (kIsFloat<decltype(a)>) {
        const graph::FloatArgument& given = floats[next++];
        const double before = changed ? given.changed : given.value, after = static_cast<double>(a);
        return before == after || (before != before && after != after);
      } else {
        return true;
      }
    };
    return std::apply([&](const auto&... a) { return (same(a) && ...); }, copies);
  }

  mutable F f_;
  std::shared_ptr<State> state_;
  FreezeOptions options_;
  Line line_;  // of the freeze: calls know no line of their own
};

/// f, recorded once and replayed from then on without running host code.
template <class F>
Frozen<F> freeze(F f, FreezeOptions options = {}, std::source_location line = std::source_location::current()) {
  return Frozen<F>(std::move(f), std::move(options), line);
}

/// f in the mode that `mode` names at run time.
template <class F>
class WithMode {
 public:
  WithMode(Mode mode, F f, std::vector<std::string> without, const Line& line = {})
      : mode_(mode), eager_(f), compiled_(f, {without}, line), frozen_(f, {OnNewShape::retrace, without}, line) {}
  template <class... A>
  auto operator()(A&&... args) const {
    if (mode_ == Mode::eager) return eager_(std::forward<A>(args)...);
    if (mode_ == Mode::compiled) return compiled_(std::forward<A>(args)...);
    return frozen_(std::forward<A>(args)...);
  }
  Mode mode() const { return mode_; }
  graph::PlanCache& cache() const { return mode_ == Mode::frozen ? frozen_.cache() : compiled_.cache(); }

 private:
  Mode mode_;
  Eager<F> eager_;
  Compiled<F> compiled_;
  Frozen<F> frozen_;
};
/// f in the mode that `mode` names; frozen with on_new_shape retrace. `without` names passes to leave out.
template <class F>
WithMode<F> with_mode(Mode mode, F f, std::vector<std::string> without = {},
                      std::source_location line = std::source_location::current()) {
  return WithMode<F>(mode, std::move(f), std::move(without), line);
}

}  // namespace duet
