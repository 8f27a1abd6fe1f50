// Random programs run eagerly, compiled and frozen, with passes left out one by one, on one and two threads and with
// every instruction set: the same bits each time, never more kernels than eagerly, every memory plan verified.
//
//   DUET_FUZZ_FIRST=17 DUET_FUZZ_COUNT=1 random_graph_test      runs one seed again; DUET_DEBUG=2 shows its operations
#include <algorithm>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "cpu/kernels.h"
#include "cpu/threads.h"
#include "graph/verify_memory.h"
#include "ops/random_case.h"

namespace duet::testing {
namespace {

int64_t environment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoll(text) : otherwise;
}

/// What the calls of one mode gave, and the kernels they ran.
struct Outcome {
  std::vector<Tensors> results;
  uint64_t launches = 0;
};

constexpr std::pair<float, float> kScalars[] = {{0.75f, -0.5f}, {1.5f, 2.0f}, {0.75f, -0.5f}};

template <class F>
Outcome call_thrice(const F& f, const Case& c, bool shared) {
  Outcome o;
  Tensors state, held, inputs = c.inputs;
  for (const Tensor& t : c.state) state.push_back(clone(t));
  for (const auto& [s1, s2] : kScalars) {
    std::vector<std::vector<uint8_t>> before;
    if (shared) {
      held = state;
      for (const Tensor& t : held) before.push_back(bits(t));
    }
    const uint64_t start = thread_state.launches;
    Tensors r = f(state, inputs, s1, s2);
    o.launches += thread_state.launches - start;
    for (size_t i = 0; i < before.size(); ++i)
      if (bits(held[i]) != before[i]) throw std::runtime_error("a value that was held outside changed");
    for (const Tensor& t : state) r.push_back(clone(t));
    o.results.push_back(std::move(r));
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    if (std::string d = difference(inputs[i], c.inputs[i]); !d.empty())
      throw std::runtime_error("an input changed: " + d);
  return o;
}

std::string outcome_difference(const Outcome& a, const Outcome& b) {
  for (size_t call = 0; call < a.results.size(); ++call) {
    if (a.results[call].size() != b.results[call].size()) return "another number of results";
    for (size_t i = 0; i < a.results[call].size(); ++i)
      if (std::string d = difference(a.results[call][i], b.results[call][i]); !d.empty())
        return fmt::format("call {}, result {} of {}: {}", call + 1, i, a.results[call].size(), d);
  }
  return "";
}

/// Empty if all is well with the seed, else what is not.
std::string run_case(uint32_t seed, int max_steps) {
  std::string where = "making the arguments";
  try {
    const Case c(seed, max_steps);
    auto set = [&](int turn) {
      cpu::set_threads(1 + (static_cast<int>(seed) + turn) % 2);
      cpu::set_isa((static_cast<int>(seed) / 2 + turn) % 3 == 0 ? "v3" : "v4");
    };
    set(0);
    where = "eager";
    const Outcome eager = call_thrice(c, c, false);
    const std::vector<std::string> all = {"fold", "simplify", "cse",      "dce",
                                          "fuse", "combine",  "schedule", "plan_memory"};
    std::vector<std::vector<std::string>> without = {{}, all};
    without.push_back({all[seed % all.size()]});  // each in turn
    without.emplace_back();                       // and any
    for (size_t i = 0; i < all.size(); ++i)
      if ((seed * 2654435761u >> (8 + i)) & 1u) without.back().push_back(all[i]);
    const bool checked = seed % 8 == 0;  // each pass by itself, too
    int turn = 0;
    for (const auto& passes : without) {
      for (bool shared : {false, true}) {
        set(++turn);
        where = fmt::format("compiled without {} passes{}, shared {}", passes.size(),
                            passes.size() == 1 ? " (" + passes[0] + ")" : "", shared);
        auto compiled = compile(c, {.without = passes, .check_passes = checked});
        const Outcome o = call_thrice(compiled, c, shared);
        if (std::string d = outcome_difference(eager, o); !d.empty()) return where + ": " + d;
        // Without fuse a plan may have a kernel more: contiguous() of a recorded view is a copy, for nobody knows its
        // layout yet.
        if (o.launches > eager.launches && std::ranges::find(passes, "fuse") == passes.end())
          return fmt::format("{}: {} kernels, eagerly {}", where, o.launches, eager.launches);
        for (const auto& plan : compiled.cache().plans())
          if (std::string e = graph::memory_fault(plan->graph(), plan->executable(), plan->memory()); !e.empty())
            return where + ": " + e;
        if (c.style.splits) continue;
        where = "frozen, " + where;
        auto frozen = freeze(c, {.on_new_shape = OnNewShape::retrace, .without = passes, .check_passes = checked});
        if (std::string d = outcome_difference(eager, call_thrice(frozen, c, shared)); !d.empty())
          return where + ": " + d;
      }
    }
  } catch (const std::exception& e) {
    return where + ": " + e.what();
  }
  return "";
}

TEST(RandomGraph, TheSameBitsInEveryMode) {
  const int64_t first = environment("DUET_FUZZ_FIRST", 1),
                count = environment("DUET_FUZZ_COUNT", small_size() ? 40 : 500);
  const int max_steps = static_cast<int>(environment("DUET_FUZZ_STEPS", 100));
  for (int64_t seed = first; seed < first + count; ++seed) {
    std::string wrong = run_case(static_cast<uint32_t>(seed), max_steps);
    if (wrong.empty()) continue;
    int steps = 0;  // the shortest beginning of the program that is wrong
    for (std::string w; steps < 31 && w.empty(); ++steps) w = run_case(static_cast<uint32_t>(seed), steps);
    ADD_FAILURE() << "seed " << seed << " (" << steps - 1 << " steps are enough): " << wrong
                  << "\n  then: " << run_case(static_cast<uint32_t>(seed), steps - 1);
  }
  cpu::set_threads(0);
}

// A number has no storage of its own: views of it that are returned are copies.
TEST(RandomGraph, ViewsOfNumbersAreReturned) {
  auto f = [](float s) {
    Tensor wide = broadcast_to(s, {2, 3});
    return Tensors{wide, transpose(wide), reshape(s, {1, 1}), wide[0] * 2.0f, broadcast_to(reshape(s, {1}), {4})};
  };
  const Tensors eager = f(1.5f), compiled = compile(f)(1.5f), frozen = freeze(f)(1.5f),
                alone = compile(f, {{"fuse", "simplify"}})(1.5f);
  for (size_t i = 0; i < eager.size(); ++i) {
    EXPECT_EQ(difference(eager[i], compiled[i]), "") << i;
    EXPECT_EQ(difference(eager[i], frozen[i]), "") << i;
    EXPECT_EQ(difference(eager[i], alone[i]), "") << i;
  }
}

}  // namespace
}  // namespace duet::testing
