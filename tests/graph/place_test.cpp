// Placement: greedy and exact, checked by a verifier of its own and, where instances are tiny, by trying everything.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

#include "duet/graph/place_exact.h"

namespace duet::graph {
namespace {

using Buffers = std::vector<Extent>;

constexpr int64_t kPlenty = 200'000'000;

// Empty when no two buffers that live together share a byte and the arena holds all of them; else what is wrong.
std::string fault(const Buffers& buffers, const std::vector<int64_t>& offsets, int64_t arena) {
  if (offsets.size() != buffers.size()) return "not every buffer has an offset";
  for (size_t i = 0; i < buffers.size(); ++i) {
    if (offsets[i] < 0 || offsets[i] + buffers[i].size > arena) return fmt::format("buffer {} leaves the arena", i);
    for (size_t k = 0; k < i; ++k) {
      const Extent &a = buffers[i], &b = buffers[k];
      const bool apart_in_time = a.upper <= b.lower || b.upper <= a.lower;
      const bool apart_in_space = offsets[i] + a.size <= offsets[k] || offsets[k] + b.size <= offsets[i];
      if (!apart_in_time && !apart_in_space) return fmt::format("buffers {} and {} overlap", k, i);
    }
  }
  return "";
}

// The bound, time by time.
int64_t most_live(const Buffers& buffers) {
  int64_t most = 0;
  for (const Extent& at : buffers) {
    int64_t live = 0;
    for (const Extent& b : buffers) live += b.lower <= at.lower && at.lower < b.upper ? b.size : 0;
    most = std::max(most, live);
  }
  return most;
}

// The smallest arena there is, by trying every order: some order of «each on the lowest place that is free» is optimal.
int64_t smallest_arena(const Buffers& buffers) {
  std::vector<size_t> order(buffers.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  int64_t smallest = -1;
  do {
    std::vector<int64_t> offsets(buffers.size(), 0);
    int64_t arena = 0;
    for (size_t n = 0; n < order.size(); ++n) {
      const Extent& b = buffers[order[n]];
      int64_t at = 0;
      for (size_t moved = 0; moved < n; ++moved)  // past one placed buffer at a time
        for (size_t k = 0; k < n; ++k) {
          const Extent& other = buffers[order[k]];
          const int64_t begin = offsets[order[k]], end = begin + other.size;
          if (other.lower < b.upper && b.lower < other.upper && begin < at + b.size && at < end) at = end;
        }
      offsets[order[n]] = at;
      arena = std::max(arena, at + b.size);
    }
    if (smallest < 0 || arena < smallest) smallest = arena;
  } while (std::next_permutation(order.begin(), order.end()));
  return smallest;
}

Buffers generated(unsigned seed, int count, int64_t most_time, int64_t most_life, int64_t most_size) {
  std::mt19937 random(seed);
  auto up_to = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  Buffers buffers;
  for (int i = 0; i < count; ++i) {
    const int64_t lower = up_to(most_time);
    buffers.push_back({lower, lower + 1 + up_to(most_life), up_to(most_size + 1)});
  }
  return buffers;
}

// A block cut into rectangles of time and size: its placement at the bound is known to exist and is tight.
Buffers cut(unsigned seed, int cuts, int64_t time, int64_t size) {
  std::mt19937 random(seed);
  Buffers buffers{{0, time, size}};
  for (int i = 0; i < cuts; ++i) {
    Extent& b = buffers[random() % buffers.size()];
    Extent rest = b;
    if (random() % 2 == 0 && b.upper - b.lower > 1) {
      b.upper = rest.lower =
          b.lower + 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(b.upper - b.lower - 1));
    } else if (b.size > 1) {
      b.size = 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(b.size - 1));
      rest.size -= b.size;
    } else {
      continue;
    }
    buffers.push_back(rest);
  }
  std::shuffle(buffers.begin(), buffers.end(), random);
  return buffers;
}

void expect_same(const Placement& a, const Placement& b) {
  EXPECT_EQ(a.offsets, b.offsets);
  EXPECT_EQ(a.arena, b.arena);
  EXPECT_EQ(a.proven_optimal, b.proven_optimal);
}

TEST(Place, NoneAndOne) {
  const Placement none = place({}, kPlenty);
  EXPECT_EQ(none.arena, 0);
  EXPECT_TRUE(none.offsets.empty());
  EXPECT_TRUE(none.proven_optimal);
  EXPECT_EQ(lower_bound({}), 0);
  const Buffers one{{3, 9, 640}};
  const Placement p = place(one, 0);
  EXPECT_EQ(p.arena, 640);
  EXPECT_EQ(p.offsets, std::vector<int64_t>{0});
  EXPECT_TRUE(p.proven_optimal);
}

TEST(Place, ZeroSizes) {
  const Buffers zeros(20, {0, 5, 0});
  EXPECT_EQ(place(zeros, kPlenty).arena, 0);
  Buffers mixed = generated(5, 40, 20, 8, 3);
  for (size_t i = 0; i < mixed.size(); i += 2) mixed[i].size = 0;
  const Placement p = place(mixed, kPlenty);
  EXPECT_EQ(fault(mixed, p.offsets, p.arena), "");
  EXPECT_EQ(p.arena, most_live(mixed));
}

TEST(Place, EqualIntervals) {
  const Buffers equal(50, {7, 8, 64});
  const Placement p = place(equal, kPlenty);
  EXPECT_EQ(fault(equal, p.offsets, p.arena), "");
  EXPECT_EQ(p.arena, 50 * 64);
}

TEST(Place, ADeathMakesRoomForABirthAtOnce) {
  const Buffers chain{{0, 1, 64}, {1, 2, 64}, {2, 3, 64}};
  EXPECT_EQ(lower_bound(chain), 64);
  EXPECT_EQ(place(chain, 0).arena, 64);
}

TEST(Place, GreedyIsValidAndNeverBelowTheBound) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    const Buffers buffers = generated(seed, 1 + static_cast<int>(seed) * 3, 50, 1 + seed % 25, 1000);
    const Placement p = place_greedily(buffers, 0);
    EXPECT_EQ(fault(buffers, p.offsets, p.arena), "") << seed;
    EXPECT_EQ(lower_bound(buffers), most_live(buffers)) << seed;
    EXPECT_GE(p.arena, most_live(buffers)) << seed;
    EXPECT_EQ(p.proven_optimal, p.arena == most_live(buffers)) << seed;
  }
}

TEST(Place, ManyBuffersArePlacedByBirth) {
  const Buffers buffers = generated(1, 3000, 1 << 20, 1 << 14, 1000);
  const Placement p = place_greedily(buffers, 0);
  EXPECT_EQ(fault(buffers, p.offsets, p.arena), "");
  EXPECT_LE(p.arena, 2 * most_live(buffers));
  std::vector<int64_t> offsets;
  int64_t budget = kPlenty;  // too many to search through
  EXPECT_EQ(place_within(buffers, most_live(buffers), budget, offsets), Verdict::out_of_budget);
}

// The optimum is found and proven, and no smaller capacity is possible.
void expect_optimal(const Buffers& buffers, int64_t smallest) {
  const Placement p = place(buffers, kPlenty);
  EXPECT_EQ(fault(buffers, p.offsets, p.arena), "");
  EXPECT_EQ(p.arena, smallest);
  EXPECT_TRUE(p.proven_optimal);
  for (int64_t capacity = 0; capacity <= smallest + 1; ++capacity) {
    std::vector<int64_t> offsets;
    int64_t budget = kPlenty;
    const Verdict v = place_within(buffers, capacity, budget, offsets);
    ASSERT_EQ(v, capacity >= smallest ? Verdict::placed : Verdict::impossible) << capacity;
    if (v == Verdict::placed) {
      EXPECT_EQ(fault(buffers, offsets, capacity), "");
    }
  }
}

TEST(Place, OnTinyInstancesNothingIsSmaller) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    const Buffers buffers = generated(seed, 2 + static_cast<int>(seed % 6), 6, 4, 5);
    SCOPED_TRACE(seed);
    expect_optimal(buffers, smallest_arena(buffers));
  }
}

// Found by trying: the smallest instances known here that no arena of the bound can hold.
TEST(Place, WhereTheBoundCannotBeReachedItIsProven) {
  const Buffers seven{{1, 4, 1}, {4, 5, 2}, {0, 2, 2}, {2, 4, 1}, {1, 3, 2}, {3, 5, 3}, {0, 1, 3}};
  const Buffers eight{{4, 9, 2}, {7, 9, 2}, {1, 5, 1}, {0, 3, 2}, {6, 7, 2}, {3, 6, 1}, {1, 4, 1}, {0, 1, 2}};
  for (const Buffers& buffers : {seven, eight}) {
    const int64_t smallest = smallest_arena(buffers);
    EXPECT_EQ(smallest, most_live(buffers) + 1);
    expect_optimal(buffers, smallest);
    Buffers wide(buffers);  // in units of 64 bytes nothing lies between
    for (Extent& b : wide) b.size *= 64;
    const Placement p = place(wide, kPlenty);
    EXPECT_EQ(p.arena, 64 * smallest);
    EXPECT_TRUE(p.proven_optimal);
    EXPECT_FALSE(place(wide, 0).proven_optimal);
  }
}

TEST(Place, TightInstances) {
  int greedy_missed = 0;
  for (unsigned seed = 0; seed < 30; ++seed) {
    const Buffers buffers = cut(seed, 50 + static_cast<int>(seed), 200, 1 << 16);
    ASSERT_EQ(most_live(buffers), 1 << 16);
    const Placement p = place(buffers, kPlenty);
    EXPECT_EQ(fault(buffers, p.offsets, p.arena), "") << seed;
    EXPECT_EQ(p.arena, 1 << 16) << seed;
    EXPECT_TRUE(p.proven_optimal) << seed;
    greedy_missed += place_greedily(buffers, 0).arena > 1 << 16;
  }
  EXPECT_GT(greedy_missed, 15);
}

// How long the search takes, in its own steps: more is a step back, and fewer are to be written down here.
TEST(Place, StepsOfTheSearch) {
  int64_t steps = 0;
  for (unsigned seed = 0; seed < 30; ++seed) {
    const Buffers buffers = cut(seed, 50 + static_cast<int>(seed), 200, 1 << 16);
    int64_t budget = kPlenty;
    std::vector<int64_t> offsets;
    ASSERT_EQ(place_within(buffers, 1 << 16, budget, offsets), Verdict::placed) << seed;
    EXPECT_EQ(fault(buffers, offsets, 1 << 16), "") << seed;
    ASSERT_LT(budget, kPlenty) << seed;
    steps += kPlenty - budget;
  }
  EXPECT_EQ(steps, 893'568);
  steps = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    const Buffers buffers = generated(seed, 9, 8, 5, 6);
    for (int64_t capacity = 0; capacity <= 40; ++capacity) {
      int64_t budget = kPlenty;
      std::vector<int64_t> offsets;
      ASSERT_NE(place_within(buffers, capacity, budget, offsets), Verdict::out_of_budget) << seed;
      steps += kPlenty - budget;
    }
  }
  EXPECT_EQ(steps, 573'098);
}

TEST(Place, TheSamePlanEveryTime) {
  for (unsigned seed = 0; seed < 5; ++seed) {
    const Buffers buffers = cut(seed, 60, 100, 1 << 16);
    for (int64_t budget : {0, 1'000, 100'000, 3'000'000}) expect_same(place(buffers, budget), place(buffers, budget));
  }
}

TEST(Place, AnyBudgetGivesAValidPlan) {
  for (unsigned seed : {0u, 1u, 4u, 6u, 7u}) {
    const Buffers buffers = cut(seed, 120, 200, 1 << 16);
    const Placement greedy = place_greedily(buffers, 0);
    ASSERT_GT(greedy.arena, 1 << 16);
    expect_same(place(buffers, 0), greedy);
    for (int64_t budget = 1; budget < kPlenty; budget *= 7) {
      const Placement p = place(buffers, budget);
      EXPECT_EQ(fault(buffers, p.offsets, p.arena), "") << seed << ' ' << budget;
      EXPECT_LE(p.arena, greedy.arena);
      EXPECT_GE(p.arena, 1 << 16);
    }
    std::vector<int64_t> offsets;
    int64_t budget = 20'000;
    EXPECT_EQ(place_within(buffers, 1 << 16, budget, offsets), Verdict::out_of_budget);
    EXPECT_LE(budget, 0);
    EXPECT_GT(budget, -5'000);  // what one look costs is the most that it is overdrawn
  }
}

// A turn of raising costs about half the square of the buffers, and gets half of the budget.
TEST(Place, NothingIsRaisedForLess) {
  int less = 0, more = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    const Buffers buffers = cut(seed, 200, 200, 1 << 16);
    const auto n = static_cast<int64_t>(buffers.size()), turn = n * n / 2 + 1;
    const Placement greedy = place_greedily(buffers, 0);
    less += place(buffers, 2 * turn - 1).arena < greedy.arena;
    more += place(buffers, 6 * turn).arena < greedy.arena;
  }
  EXPECT_LE(less, 6);  // what the exact search finds so soon
  EXPECT_GE(more, 20);
}

TEST(Place, WhatIsEnoughEndsTheSearch) {
  const Buffers buffers = cut(3, 80, 200, 1 << 16);
  const Placement greedy = place_greedily(buffers, 0);
  ASSERT_GT(greedy.arena, 1 << 16);
  EXPECT_EQ(place(buffers, kPlenty, greedy.arena).arena, greedy.arena);
  const int64_t between = (greedy.arena + (1 << 16)) / 2;
  const Placement p = place(buffers, kPlenty, between);
  EXPECT_EQ(fault(buffers, p.offsets, p.arena), "");
  EXPECT_LE(p.arena, between);
  // Less than the bound is asked of nobody.
  EXPECT_EQ(place(buffers, kPlenty, 1).arena, 1 << 16);
}

TEST(Place, AsDeepAsThereAreBuffers) {
  Buffers buffers = cut(1, 2000, 4000, int64_t{1} << 40);
  const Placement p = place(buffers, 20'000'000);
  EXPECT_EQ(fault(buffers, p.offsets, p.arena), "");
  const Buffers stack(2048, {0, 1, 8});
  std::vector<int64_t> offsets;
  int64_t budget = kPlenty;
  EXPECT_EQ(place_within(stack, 2048 * 8, budget, offsets), Verdict::placed);
  EXPECT_EQ(fault(stack, offsets, 2048 * 8), "");
}

TEST(Place, HugeNumbers) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min(), kMax = std::numeric_limits<int64_t>::max();
  constexpr int64_t kPart = int64_t{1} << 59;
  const Buffers buffers{{kMin, kMax, kPart},  {kMin, 0, 2 * kPart}, {0, kMax, kPart},
                        {1, kMax, kPart - 1}, {kMax - 1, kMax, 1},  {kMin, kMin + 1, 1}};
  const Placement p = place(buffers, kPlenty);
  EXPECT_EQ(fault(buffers, p.offsets, p.arena), "");
  EXPECT_EQ(p.arena, 3 * kPart + 1);
}

}  // namespace
}  // namespace duet::graph
