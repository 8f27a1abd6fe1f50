// Running a program in its modes and comparing bits.
#include <algorithm>
#include <set>

#include "cpu/jit/jit.h"
#include "cpu/kernels.h"
#include "cpu/threads.h"
#include "fuzz/interpret.h"
#include "fuzz/oracle.h"
#include "graph/hooks.h"
#include "graph/verify_memory.h"

namespace duet::fuzz {
namespace {

/// What one call gave eagerly: copies of the results and then the state, or the type of an error and the state.
struct Given {
  Tensors values;
  size_t results = 0;
  std::string error;
};

/// Sets what all threads share, and puts it back.
class Settings {
 public:
  explicit Settings(const Mode& m) {
    cpu::set_threads(m.threads);
    cpu::set_isa("v4");  // stays v3 where the CPU has no more
    if (m.v3) cpu::set_isa("v3");
    cpu::jit::set_enabled(!m.tiles);
#ifdef DUET_VERIFY
    graph::set_schedule(m.schedule);
#endif
  }
  ~Settings() {
    cpu::set_threads(1);
    cpu::set_isa("v4");
    cpu::jit::set_enabled(true);
#ifdef DUET_VERIFY
    graph::set_schedule(0);
#endif
  }
};

/// Calls f kCalls times, each with arguments of its own; the state goes from one call to the next. `see` is told what a
/// call gave, and says what is wrong with it; after the last call it is shown the results of each again.
template <class F, class See>
std::string call_all(const F& f, const Data& data, const Program& p, bool moved, const See& see) {
  std::vector<Tensors> results;  // kept alive over the calls unless moved
  Tensors state = data.state();
  for (int call = 0; call < kCalls; ++call) {
    const auto [s0, s1] = make_numbers(p, call);
    Tensors held, before, values;  // by somebody outside, who must not see them change
    if (!moved)
      for (const Tensor& t : held = state) before.push_back(copy(t));
    std::string error;
    try {
      values = moved ? f(state, data.fresh_inputs(call), s0, s1) : f(state, data.inputs(call), s0, s1);
    } catch (const IndexError&) {
      error = "IndexError";
    }
    bool unchanged = moved || data.unchanged(call);
    for (size_t i = 0; i < held.size(); ++i) unchanged &= same(before[i], held[i]);
    if (!unchanged) return "a value that is held outside changed";
    if (std::string d = see(call, values, &state, error); !d.empty()) return fmt::format("call {}: {}", call + 1, d);
    results.push_back(moved ? Tensors() : std::move(values));
  }
  for (int call = 0; call < kCalls && !moved; ++call)
    if (std::string d = see(call, results[static_cast<size_t>(call)], nullptr, ""); !d.empty())
      return fmt::format("call {}, later: {}", call + 1, d);
  return "";
}

std::string difference(const Tensor& expected, const Tensor& found) {
  return same(expected, found) ? "" : testing::difference(expected, found);
}

/// How f differs from the bits; empty if it does not.
template <class F>
std::string compare(const F& f, const Data& data, const Program& p, bool moved, const std::vector<Given>& expected) {
  return call_all(f, data, p, moved, [&](int call, const Tensors& values, Tensors* state, const std::string& error) {
    const Given& e = expected[static_cast<size_t>(call)];
    if (state != nullptr && e.error != error)
      return fmt::format("{}, eagerly {}", error.empty() ? "no error" : error, e.error.empty() ? "no error" : e.error);
    if (values.size() != e.results) return std::string("another number of results");
    for (size_t i = 0; i < e.values.size(); ++i) {
      if (i >= values.size() && state == nullptr) break;
      const Tensor& found = i < values.size() ? values[i] : state->at(i - values.size());
      if (std::string d = difference(e.values[i], found); !d.empty())
        return fmt::format("result {} of {}: eagerly {}", i + 1, e.values.size(), d);
    }
    return std::string();
  });
}

/// Also compares one of the calls with the definitions of its operations, unless `by_definition` is null.
std::vector<Given> eager_bits(const Program& p, const Data& data, std::string* by_definition = nullptr) {
  const PlainOracle plain;
  Settings settings(Mode{Mode::eager, {}, 0, 1, false, false, false, false});
  std::vector<Given> all;
  auto f = [&](Tensors& state, Tensors inputs, float s0, float s1) {
    if (by_definition == nullptr || all.size() != p.seed % kCalls)
      return interpret(p, state, std::move(inputs), s0, s1);
    Oracle oracle(p, s0, s1);
    const Watcher watcher{[&](const Tensors& leaves) { oracle.leaves(leaves); },
                          [&](size_t step, const Tensors& results) { oracle.step(step, results); }};
    try {
      Tensors results = interpret(p, state, std::move(inputs), s0, s1, &watcher);
      *by_definition = oracle.fault();
      return results;
    } catch (const IndexError&) {
      oracle.threw();
      *by_definition = oracle.fault();
      throw;
    }
  };
  const std::string wrong =
      call_all(f, data, p, false, [&](int call, const Tensors& values, Tensors* state, const std::string& error) {
        if (state == nullptr) {
          const Given& g = all[static_cast<size_t>(call)];
          for (size_t i = 0; i < values.size(); ++i)
            if (!same(g.values[i], values[i])) return fmt::format("result {} changed", i + 1);
          return std::string();
        }
        Given& g = all.emplace_back(Given{{}, values.size(), error});
        for (const Tensor& t : values) g.values.push_back(copy(t));
        for (const Tensor& t : *state) g.values.push_back(copy(t));
        return std::string();
      });
  if (!wrong.empty()) throw std::runtime_error(wrong);
  return all;
}

/// A program that differs in little: the element types, or one attribute, or two operands. Nothing if it has none that
/// runs.
struct Twin {
  Program program;
  std::unique_ptr<Data> data;
  std::vector<Given> expected;
};
std::optional<Twin> twin_of(const Program& p) {
  Rng rng(p.seed * 7u + 3);
  for (int tries = 0; tries < 8; ++tries) {
    Program t = p;
    if (tries < 2) {
      const auto [from, to] = tries == 0 ? std::pair(f32, f64) : std::pair(i32, i64);
      for (Leaf& l : t.leaves)
        if (l.spec.dtype == from && l.spec.shape != Shape{2}) l.spec.dtype = to;
    } else {
      if (t.body.steps.empty()) return {};
      Step& s = t.body.steps[static_cast<size_t>(below(rng, std::ssize(t.body.steps)))];
      if (tries % 2 == 0 && !s.attrs.empty())
        s.attrs[static_cast<size_t>(below(rng, std::ssize(s.attrs)))] += below(rng, 2) == 0 ? 1 : -1;
      else if (s.in.size() >= 2)
        std::swap(s.in[0], s.in[1]);
    }
    if (write(t) == write(p)) continue;
    try {
      auto data = std::make_unique<Data>(t);
      std::vector<Given> expected = eager_bits(t, *data);
      bool fits = expected[0].error.empty();
      for (const Given& g : expected)  // a state of another shape would be an error of its own kind
        for (size_t i = g.results, state = 0; i < g.values.size(); ++i) {
          while (t.leaves[state].kind != Leaf::state) ++state;
          fits &= g.values[i].spec() == t.leaves[state++].spec;
        }
      if (fits) return Twin{std::move(t), std::move(data), std::move(expected)};
    } catch (const std::exception&) {  // it does not fit
    }
  }
  return {};
}

std::string verified(const graph::PlanCache& cache) {
  for (const auto& plan : cache.plans())
    if (std::string e = graph::memory_fault(plan->graph(), plan->executable(), plan->memory()); !e.empty())
      return "memory: " + e;
  return "";
}

/// Storage that the plan lets results take from arguments, when all of these are given away.
int promised(const graph::Plan& plan) {
  const std::vector<graph::OutputPlan>& outputs = plan.executable().outputs;
  std::set<int> given;
  int count = 0;
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (outputs[k].storage != static_cast<int>(k)) continue;
    for (int slot : outputs[k].donors)
      if (given.insert(slot).second) {
        ++count;
        break;
      }
  }
  return count;
}
/// Whether a result is an argument itself: the caller has it back, so nothing may be written there.
bool returns_an_argument(const Program& p, const Data& data) {
  const PlainOracle plain;
  const Tensors inputs = data.fresh_inputs(0);
  Tensors state;
  const Tensors results = interpret(p, state, inputs, 0.75f, -0.5f);
  return std::ranges::any_of(results, [&](const Tensor& y) {
    return std::ranges::any_of(inputs, [&](const Tensor& x) { return &x.block() == &y.block(); });
  });
}
/// Whether a call whose arguments are given away allocates as much less than one whose arguments are kept as the plan
/// says.
template <class F>
std::string donation_fault(F& compiled, const Program& p, const Data& data) {
  // A state that stays as it was is not given away.
  if (!std::ranges::all_of(p.leaves, [](const Leaf& l) { return l.kind == Leaf::input; })) return "";
  if (has_op(p.body, "compiled")) return "";
  if (compiled.cache().plans().size() != 1) return "";  // host code reads an element in between
  const int promise = promised(*compiled.cache().plans()[0]);
  if (promise == 0 || returns_an_argument(p, data)) return "";
  auto allocations = [&](bool moved) {
    Tensors inputs = data.fresh_inputs(0), kept = moved ? Tensors() : inputs, state;
    const int64_t before = memory_stats().allocations;
    compiled(state, std::move(inputs), 0.75f, -0.5f);
    return memory_stats().allocations - before;
  };
  allocations(true);  // nothing is given before a run has shown what room is needed
  const int64_t saved = allocations(false) - allocations(true);
  return saved >= promise ? "" : fmt::format("{} allocations are saved by donations, the plan says {}", saved, promise);
}
/// Whether something is to be computed again on the way back.
bool computes_again(const Body& b) {
  return std::any_of(b.steps.begin(), b.steps.end(), [](const Step& s) {
    return s.op == "checkpoint" || (s.op == "grad" && !s.attrs.empty()) ||
           (s.body != nullptr && computes_again(*s.body));
  });
}
/// What plans compute again, by region: kinds of operations.
template <class F>
std::set<std::pair<int, const OpRecord*>> computed_again(const F& compiled) {
  std::set<std::pair<int, const OpRecord*>> all;
  for (const auto& plan : compiled.cache().plans())
    for (const graph::Node& n : plan->graph().nodes)
      if (n.region != 0) all.emplace(n.region, n.op);
  return all;
}

/// How the mode differs from the bits; empty if it does not.
std::string run_mode(const Program& p, const Data& data, const Mode& m, const std::vector<Given>& expected) {
  const Program* current = &p;
  auto f = [&current](Tensors& state, Tensors inputs, float s0, float s1) {
    return interpret(*current, state, std::move(inputs), s0, s1);
  };
  std::optional<Twin> twin;
  if (m.twin && m.life == Mode::compiled) twin = twin_of(p);
  Settings settings(m);
  if (m.life == Mode::eager) return compare(f, data, p, m.moved, expected);
  if (m.life == Mode::frozen) return compare(freeze(f, {OnNewShape::retrace, m.without}), data, p, m.moved, expected);
  auto compiled = compile(f, {m.without});
  std::string d = compare(compiled, data, p, m.moved, expected);
  if (d.empty() && twin) {
    current = &twin->program;
    d = compare(compiled, *twin->data, twin->program, m.moved, twin->expected);
    current = &p;
    if (d.empty()) d = compare(compiled, data, p, m.moved, expected);
    if (!d.empty()) d = "beside a twin: " + d;
  }
  if (d.empty()) d = verified(compiled.cache());
  if (d.empty() && !m.twin) d = donation_fault(compiled, p, data);
  if (d.empty() && m.without.empty() && computes_again(p.body)) {
    auto apart = compile(f, {{"cse"}});
    Tensors state = data.state();
    apart(state, data.inputs(0), 0.75f, -0.5f);
    if (!m.twin && computed_again(apart) != computed_again(compiled)) d = "cse merges what is to be computed again";
  }
  return d;
}

}  // namespace

void (*watch_modes)(const Mode& m) = nullptr;

Tensor copy(const Tensor& t) { return call_op<Copy>({}, t); }
bool same(const Tensor& copy, const Tensor& t) {
  if (copy.spec() != t.spec()) return false;
  const Tensor dense = contiguous(t);
  return t.numel() == 0 || std::memcmp(copy.block().data, dense.block().data, copy.size_bytes()) == 0;
}

bool has_hooks() {
#ifdef DUET_VERIFY
  return true;
#else
  return false;
#endif
}

std::vector<Mode> modes_of(const Program& p) {
  Rng rng(p.seed * 13u + 1);
  static const std::vector<std::string> all = [] {
    std::vector<std::string> names = {"plan_memory"};
    for (const graph::Pass& pass : graph::passes()) names.emplace_back(pass.name);
    return names;
  }();
  auto subset = [&] {
    std::vector<std::string> names;
    for (const std::string& pass : all)
      if (below(rng, 2) == 0) names.push_back(pass);
    return names;
  };
  constexpr int kThreads[] = {1, 2, 4};
  auto draw = [&](Mode::Life life, std::vector<std::string> without) {
    Mode m{life,  std::move(without), 0, kThreads[below(rng, 3)], below(rng, 3) == 0, below(rng, 2) == 0,
           false, below(rng, 3) == 0};
    if (has_hooks() && life != Mode::eager && below(rng, 2) == 0)
      m.schedule = 1 + static_cast<uint32_t>(below(rng, 1000));
    return m;
  };
  // Compiled with all passes; compiled again and frozen, each in one of its ways.
  std::vector<Mode> modes = {draw(Mode::compiled, {})};
  modes[0].twin = below(rng, 2) == 0;
  modes.push_back(draw(Mode::compiled, p.seed % 2 == 0 ? std::vector{all[p.seed / 2 % all.size()]} : subset()));
  if (!has_op(p.body, "item"))
    modes.push_back(draw(Mode::frozen, below(rng, 2) == 0 ? std::vector<std::string>() : subset()));
  if (below(rng, 3) == 0) modes.push_back(draw(Mode::eager, {}));
  return modes;
}

Failure check(const Program& p, const std::vector<Mode>& modes) {
  if (const std::string text = write(p); write(read(text)) != text) return {Mode(), "its text is another program"};
  std::optional<Data> data;
  std::vector<Given> expected;
  try {
    data.emplace(p);
    std::string by_definition;
    expected = eager_bits(p, *data, &by_definition);
    if (!by_definition.empty()) return {Mode{Mode::eager, {}, 0, 1, false, false, false, false}, by_definition};
  } catch (const std::exception& e) {
    return {{}, e.what(), true};
  }
  // Operations behind one that throws were never looked at.
  if (!expected[0].error.empty()) return {{}, expected[0].error, true};
  for (const Mode& m : modes) {
    std::string d;
    if (watch_modes) watch_modes(m);
    const int64_t live = memory_stats().live_bytes;
    try {
      d = run_mode(p, *data, m, expected);
    } catch (const std::exception& e) {
      d = e.what();
    }
    if (const int64_t left = memory_stats().live_bytes - live; d.empty() && left != 0)
      d = fmt::format("{} bytes are held when everything is gone", left);
    if (!d.empty()) return {m, d};
  }
  return {};
}

}  // namespace duet::fuzz
