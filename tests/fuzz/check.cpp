// Running a program in its modes and comparing bits.
#include <algorithm>

#include "cpu/jit/jit.h"
#include "cpu/kernels.h"
#include "cpu/threads.h"
#include "fuzz/interpret.h"
#include "graph/hooks.h"
#include "graph/verify_memory.h"

namespace duet::fuzz {
namespace {

/// What one call gave: results and then the state, or the type of an error.
struct Given {
  Tensors values;
  std::string error;
};

std::string difference(const Given& expected, const Given& found) {
  if (expected.error != found.error)
    return fmt::format("{}, eagerly {}", found.error.empty() ? "no error" : found.error,
                       expected.error.empty() ? "no error" : expected.error);
  if (expected.values.size() != found.values.size()) return "another number of results";
  for (size_t i = 0; i < expected.values.size(); ++i)
    if (std::string d = testing::difference(expected.values[i], found.values[i]); !d.empty())
      return fmt::format("result {} of {}: eagerly {}", i + 1, expected.values.size(), d);
  return "";
}

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

/// A tensor of its own with the same elements.
Tensor copy(const Tensor& t) { return call_op<Copy>({}, t); }
Tensors clones(const Tensors& all) {
  Tensors copies;
  for (const Tensor& t : all) copies.push_back(copy(t));
  return copies;
}

/// Calls f kCalls times, each with arguments of its own; the state goes from one call to the next.
template <class F>
std::vector<Given> call_all(const F& f, const Program& p, bool moved) {
  std::vector<Given> all;
  std::vector<Tensors> results;  // kept alive over the calls unless moved
  Tensors state = make_state(p);
  for (int call = 0; call < kCalls; ++call) {
    Tensors inputs = make_inputs(p, call);
    const auto [s0, s1] = make_numbers(p, call);
    Tensors held;  // by somebody outside, who must not see them change
    if (!moved) {
      held = inputs;
      held.insert(held.end(), state.begin(), state.end());
    }
    std::vector<std::vector<uint8_t>> before;
    for (const Tensor& t : held) before.push_back(testing::bits(t));
    Given g;
    try {
      g.values = moved ? f(state, std::move(inputs), s0, s1) : f(state, inputs, s0, s1);
    } catch (const IndexError&) {
      g.error = "IndexError";
    }
    for (size_t i = 0; i < before.size(); ++i)
      if (testing::bits(held[i]) != before[i]) throw std::runtime_error("a value that is held outside changed");
    results.push_back(moved ? Tensors() : g.values);
    g.values = clones(g.values);
    for (const Tensor& t : state) g.values.push_back(copy(t));
    all.push_back(std::move(g));
  }
  for (size_t call = 0; call < results.size(); ++call)
    for (size_t i = 0; i < results[call].size(); ++i)
      if (std::string d = testing::difference(all[call].values[i], results[call][i]); !d.empty())
        throw std::runtime_error(fmt::format("result {} of call {} changed later: {}", i + 1, call + 1, d));
  return all;
}

std::vector<Given> eager_bits(const Program& p) {
  const PlainOracle plain;
  Settings settings(Mode{Mode::eager, {}, 0, 1, false, false, false, false});
  return call_all([&](Tensors& state, Tensors inputs, float s0,
                      float s1) { return interpret(p, state, std::move(inputs), s0, s1); },
                  p, false);
}

std::string first_difference(const std::vector<Given>& expected, const std::vector<Given>& found) {
  for (size_t call = 0; call < expected.size(); ++call)
    if (std::string d = difference(expected[call], found[call]); !d.empty())
      return fmt::format("call {}: {}", call + 1, d);
  return "";
}

/// A program that differs in little: the element types, or one attribute, or two operands. Nothing if it has none that
/// runs.
std::optional<Program> twin_of(const Program& p) {
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
      if (eager_bits(t)[0].error.empty()) return t;
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

/// How the mode differs from the bits; empty if it does not.
std::string run_mode(const Program& p, const Mode& m, const std::vector<Given>& expected) {
  const Program* current = &p;
  auto f = [&current](Tensors& state, Tensors inputs, float s0, float s1) {
    return interpret(*current, state, std::move(inputs), s0, s1);
  };
  Settings settings(m);
  if (m.life == Mode::eager) return first_difference(expected, call_all(f, p, m.moved));
  if (m.life == Mode::frozen) {
    auto frozen = freeze(f, {OnNewShape::retrace, m.without});
    return first_difference(expected, call_all(frozen, p, m.moved));
  }
  auto compiled = compile(f, {m.without});
  std::string d = first_difference(expected, call_all(compiled, p, m.moved));
  if (d.empty() && m.twin)
    if (const std::optional<Program> twin = twin_of(p)) {
      const std::vector<Given> twin_expected = eager_bits(*twin);
      Settings again(m);
      current = &*twin;
      d = first_difference(twin_expected, call_all(compiled, *twin, m.moved));
      current = &p;
      if (d.empty()) d = first_difference(expected, call_all(compiled, p, m.moved));
      if (!d.empty()) d = "beside a twin: " + d;
    }
  if (d.empty()) d = verified(compiled.cache());
  return d;
}

}  // namespace

void (*watch_modes)(const Mode& m) = nullptr;

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
  std::vector<Mode> modes = {draw(Mode::compiled, {}), draw(Mode::compiled, {all[p.seed % all.size()]}),
                             draw(Mode::compiled, subset())};
  modes[0].twin = below(rng, 2) == 0;
  if (!has_op(p.body, "item")) {
    modes.push_back(draw(Mode::frozen, {}));
    modes.push_back(draw(Mode::frozen, subset()));
  }
  if (below(rng, 3) == 0) modes.push_back(draw(Mode::eager, {}));
  return modes;
}

Failure check(const Program& p, const std::vector<Mode>& modes) {
  if (const std::string text = write(p); write(read(text)) != text) return {Mode(), "its text is another program"};
  std::vector<Given> expected;
  try {
    expected = eager_bits(p);
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
      d = run_mode(p, m, expected);
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
