// The lives of a function: eager runs it as it is, compile records it at every call and replays a cached plan, freeze
// records it once and for all. All three have the function's own interface and give the same bits.
#pragma once

#include "duet/core/debug.h"
#include "duet/graph/cache.h"
#include "duet/random.h"
#include "duet/tree.h"

namespace duet {

/// The lives a function can have.
enum class Mode : uint8_t { eager, compiled, frozen };
std::string_view name(Mode mode);

/// How compile works.
using CompileOptions = graph::PassOptions;

/// A function that runs eagerly; the same interface as the others, for programs that choose at run time.
template <class F>
class Eager {
 public:
  explicit Eager(F f) : f_(std::move(f)) {}
  template <class... A>
  decltype(auto) operator()(A&&... args) const {
    return f_(std::forward<A>(args)...);
  }

 private:
  mutable F f_;
};

namespace detail {

struct Nothing {};
// An optional would do, but g++ 12 warns at its use in every program that is compiled with -O3 -Wall.
template <class T>
struct Copy {
  T value;
};
/// What is needed to undo a call: a copy of every tree that f can rebind.
template <class A>
auto saved(std::remove_reference_t<A>& arg) {
  using T = std::remove_cvref_t<A>;
  if constexpr (std::is_lvalue_reference_v<A> && !std::is_const_v<std::remove_reference_t<A>> && tree::is_tree<T>())
    return Copy<T>{arg};
  else
    return Nothing{};
}
inline void discount(graph::Trace&, const Nothing&) {}
template <class T>
void discount(graph::Trace& trace, const Copy<T>& copy) {
  for_each_leaf(copy.value, [&](const Tensor& t) { trace.discount(t); });
}
template <class A>
const A& original(const A& arg, const Nothing&) {
  return arg;
}
template <class A>
const A& original(const A&, const Copy<A>& copy) {
  return copy.value;
}
template <class A>
void add_rebound(const std::remove_reference_t<A>& arg, int position, std::vector<graph::LeafPosition>& out) {
  if constexpr (std::is_lvalue_reference_v<A> && !std::is_const_v<std::remove_reference_t<A>>)
    graph::add_positions(arg, position, out);
}
template <class A>
void restore(A&, Nothing&) {}
template <class A>
void restore(A& arg, Copy<A>& copy) {
  arg = std::move(copy.value);
}

/// Calls f as it is; arguments are as before when it throws.
template <class F, class... A>
auto eager_call(F& f, A&&... args) {
  auto copies = std::tuple{saved<A>(args)...};
  try {
    return f(std::forward<A>(args)...);
  } catch (...) {
    [&]<size_t... I>(std::index_sequence<I...>) { (restore(args, std::get<I>(copies)), ...); }
    (std::index_sequence_for<A...>());
    throw;
  }
}

/// Calls f under a recording and runs the plan; arguments are as before when anything throws.
template <class F, class... A>
auto compiled_call(F& f, graph::PlanCache& cache, A&&... args) {
  using R = decltype(f(std::forward<A>(args)...));
  auto copies = std::tuple{saved<A>(args)...};
  bool ended = false;
  const std::conditional_t<std::is_void_v<R>, Nothing, std::remove_reference_t<R>>* returned = nullptr;
  auto positions = [&](graph::Positions& out) {
    [&]<size_t... I>(std::index_sequence<I...>) {
      (graph::add_positions(original(args, std::get<I>(copies)), static_cast<int>(I), out.arguments), ...);
      (add_rebound<A>(args, static_cast<int>(I), out.rebound), ...);
    }
    (std::index_sequence_for<A...>());
    if constexpr (!std::is_void_v<R>)
      if (returned != nullptr) graph::add_positions(*returned, 0, out.results);
    out.ended = ended;
  };
  try {
    graph::Recording recording(cache);
    recording.trace().name_slots(positions);
    std::apply([&](const auto&... copy) { (discount(recording.trace(), copy), ...); }, copies);
    if constexpr (std::is_void_v<R>) {
      f(std::forward<A>(args)...);
      ended = true;
      recording.finish();
      return;
    } else {
      R result = f(std::forward<A>(args)...);
      ended = true;
      returned = &result;
      recording.finish();
      return result;
    }
  } catch (...) {
    [&]<size_t... I>(std::index_sequence<I...>) { (restore(args, std::get<I>(copies)), ...); }
    (std::index_sequence_for<A...>());
    throw;
  }
}

}  // namespace detail

/// A function that is recorded at every call: host code runs, tensor work is looked up and replayed. With
/// DUET_COMPILE=0 in the environment it runs eagerly, to the same bits.
template <class F>
class Compiled {
 public:
  Compiled(F f, CompileOptions options, const Line& line = {})
      : f_(std::move(f)), cache_(std::make_shared<graph::PlanCache>(std::move(options), line)) {}

  /// Calls f. Tensors of arguments taken by reference are rebound at the end; if the call throws they are as before.
  template <class... A>
  auto operator()(A&&... args) const {
    if (thread_state.trace != nullptr) return f_(std::forward<A>(args)...);  // inside another: one graph
    if (!compile_enabled()) return detail::eager_call(f_, std::forward<A>(args)...);
    return detail::compiled_call(f_, *cache_, std::forward<A>(args)...);
  }

  graph::PlanCache& cache() const { return *cache_; }

 private:
  mutable F f_;
  std::shared_ptr<graph::PlanCache> cache_;
};

/// f, computed when C++ reaches it.
template <class F>
Eager<F> eager(F f) {
  return Eager<F>(std::move(f));
}
/// f, recorded at every call and replayed from a cached plan. Error for a pass that does not exist, and for one of the
/// program's own whose name is taken.
template <class F>
Compiled<F> compile(F f, CompileOptions options = {}, std::source_location line = std::source_location::current()) {
  return Compiled<F>(std::move(f), std::move(options), line);
}

}  // namespace duet
