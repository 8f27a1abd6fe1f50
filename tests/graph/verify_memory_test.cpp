// The verifier of memory plans sees every fault that is planted in a sound plan; poison lies where no value does.
#include "graph/verify_memory.h"

#include <algorithm>

#include "expect.h"

namespace duet::graph {
namespace {

// Products that wait for each other, with several alive at once, whatever is fused.
Tensor products(const Tensor& x) {
  const Tensor a = matmul(x, x), b = matmul(a, x), c = matmul(a, b), d = matmul(b, c);
  return matmul(c, d);
}

struct Planned {
  std::shared_ptr<const Plan> plan;
  Executable e;
  MemoryPlan memory;

  explicit Planned(const std::vector<std::string>& without = {}) {
    auto compiled = compile(products, {.without = without});
    compiled(normal(Key(1), {16, 16}));
    plan = compiled.cache().plans().at(0);
    e = plan->executable();
    memory = plan->memory();
  }
  const Graph& g() const { return plan->graph(); }
  std::string fault() const { return memory_fault(g(), e, memory); }
  Buffer& buffer(size_t i) { return memory.buffers.at(i); }
  int value(size_t i) { return buffer(i).value; }
  void move(size_t i, int64_t offset) {
    buffer(i).offset = offset;
    e.arena_offset[static_cast<size_t>(value(i))] = offset;
  }
};

TEST(VerifyMemory, SoundPlansPass) {
  EXPECT_EQ(Planned().fault(), "");
  EXPECT_EQ(Planned({"plan_memory"}).fault(), "");
  Planned p;
  ASSERT_EQ(p.memory.buffers.size(), 4u);  // a, b, c, d; the last product is an output
  EXPECT_EQ(p.memory.arena_bytes, 3 * 1024);
  verify_memory(p.g(), p.e, p.memory);
}

TEST(VerifyMemory, AnOverlapIsSeen) {
  Planned p;
  p.move(1, p.buffer(0).offset);
  EXPECT_EQ(p.fault(), fmt::format("values {0} and {1} are both live at launch 1 and overlap: {2}..{3} and {2}..{3}",
                                   p.value(0), p.value(1), p.buffer(0).offset, p.buffer(0).offset + 1024));
  Planned q;
  q.move(1, q.buffer(0).offset + (q.buffer(0).offset == 0 ? 64 : -64));  // by a part only
  EXPECT_TRUE(q.fault().starts_with(fmt::format("values {} and {} are both live at launch 1", q.value(0), q.value(1))))
      << q.fault();
}

TEST(VerifyMemory, AShortIntervalIsSeen) {
  Planned p;
  --p.buffer(1).last;
  EXPECT_EQ(p.fault(),
            fmt::format("value {} is written at launch 1 and read until 3, its buffer lives from 1 to 2", p.value(1)));
  Planned q;
  ++q.buffer(1).first;
  EXPECT_EQ(q.fault(),
            fmt::format("value {} is written at launch 1 and read until 3, its buffer lives from 2 to 3", q.value(1)));
  Planned r;
  r.buffer(1).last = 99;
  EXPECT_EQ(r.fault(), fmt::format("the buffer of value {} lives from launch 1 to 99 of 5", r.value(1)));
}

TEST(VerifyMemory, PlacesAreChecked) {
  Planned p;
  p.move(0, p.buffer(0).offset + 4);
  EXPECT_EQ(p.fault(),
            fmt::format("value {} has 1024 bytes at {}: not multiples of 64", p.value(0), p.buffer(0).offset));
  Planned q;
  q.buffer(2).bytes = 960;
  EXPECT_EQ(q.fault(), fmt::format("value {} has 1024 bytes, its buffer 960", q.value(2)));
  Planned r;
  r.e.arena_bytes -= 64;
  EXPECT_TRUE(r.fault().ends_with(" ends at 3072, the arena at 3008")) << r.fault();
  Planned s;
  s.e.arena_bytes += 64;
  EXPECT_EQ(s.fault(), "the arena has 3136 bytes, its buffers end at 3072");
  Planned t;
  t.e.arena_offset[static_cast<size_t>(t.value(0))] += 64;
  EXPECT_EQ(t.fault(), fmt::format("value {} lies at {}, its buffer at {}", t.value(0), t.buffer(0).offset + 64,
                                   t.buffer(0).offset));
  Planned u;
  const int gone = u.value(3);
  u.memory.buffers.pop_back();
  EXPECT_EQ(u.fault(), fmt::format("value {} has 0 places", gone));
  Planned v;
  v.memory.lower_bound_bytes -= 64;
  EXPECT_EQ(v.fault(), "the bound is said to be 3008 bytes, 3072 are live at once");
}

TEST(VerifyMemory, SharingIsChecked) {
  Planned p;  // d reads b for the last time, as a whole
  p.buffer(3).shares = 1;
  p.move(3, p.buffer(1).offset);
  EXPECT_EQ(p.fault(), fmt::format("launch 3 computes value {} in place of value {}: it is read as a whole", p.value(3),
                                   p.value(1)));
  Planned q;  // a is read later
  q.buffer(1).shares = 0;
  q.move(1, q.buffer(0).offset);
  EXPECT_EQ(q.fault(),
            fmt::format("launch 1 computes value {} in place of value {}: it is read later", q.value(1), q.value(0)));
  Planned r;
  r.buffer(3).shares = 1;
  EXPECT_EQ(r.fault(),
            fmt::format("launch 3 computes value {} in place of value {}: it lies elsewhere", r.value(3), r.value(1)));
}

TEST(VerifyMemory, LaunchesAreChecked) {
  Planned p;
  std::swap(p.e.launches[0], p.e.launches[1]);
  EXPECT_EQ(p.fault(), fmt::format("launch 0 reads value {} before it is written", p.value(0)));
  Planned q;
  q.e.launches[2].outputs = q.e.launches[1].outputs;
  EXPECT_EQ(q.fault(), fmt::format("value {} is written twice", q.value(1)));
}

TEST(VerifyMemory, AFaultIsAnInternalError) {
  Planned p;
  --p.buffer(1).last;
  std::string what;
  try {
    verify_memory(p.g(), p.e, p.memory);
  } catch (const Error& error) {
    what = error.what();
  }
  EXPECT_EQ(what, fmt::format("duet internal error: memory plan: value {} is written at launch 1 and read until 3, its "
                              "buffer lives from 1 to 2; please report it",
                              p.value(1)));
}

TEST(Poison, LiesWhereNoValueDoes) {
  Planned p;
  const auto words = static_cast<size_t>(p.e.arena_bytes) / 4;
  std::vector<uint32_t> arena(words, 1);
  const Poison poison(p.g(), p.e, arena.data());
  constexpr uint32_t kNan = 0x7fa00000;
  EXPECT_EQ(arena, std::vector<uint32_t>(words, kNan));
  for (size_t k = 0; k < p.e.launches.size(); ++k) {
    std::ranges::fill(arena, 1);
    poison.after(k);
    std::vector<uint32_t> wanted(words, 1);
    for (const Buffer& b : p.memory.buffers)
      if (b.last == static_cast<int>(k)) std::fill_n(wanted.begin() + b.offset / 4, b.bytes / 4, kNan);
    EXPECT_EQ(arena, wanted) << k;
  }
}

TEST(Poison, SparesWhatWasComputedInPlace) {
  auto f = [](const Tensor& x) {
    const Tensor y = matmul(x, x);
    return matmul(exp(matmul(y, y) + y), x);
  };
  auto compiled = compile(f, {.without = {"fuse"}});
  compiled(normal(Key(1), {16, 16}));
  const auto plan = compiled.cache().plans().at(0);
  const Executable& e = plan->executable();
  std::vector<uint32_t> arena(static_cast<size_t>(e.arena_bytes) / 4, 1);
  const Poison poison(plan->graph(), e, arena.data());
  const std::vector<Buffer>& buffers = plan->memory().buffers;
  int in_place = 0;
  for (const Buffer& b : buffers) {
    if (b.shares < 0) continue;
    ++in_place;
    const size_t word = static_cast<size_t>(b.offset) / 4;
    std::ranges::fill(arena, 1);
    poison.after(static_cast<size_t>(b.first));
    EXPECT_EQ(arena[word], 1u);
    const bool inherited = std::ranges::any_of(buffers, [&](const Buffer& c) { return c.shares == &b - &buffers[0]; });
    poison.after(static_cast<size_t>(b.last));
    EXPECT_EQ(arena[word], inherited ? 1u : 0x7fa00000u);
  }
  EXPECT_GT(in_place, 0);
}

}  // namespace
}  // namespace duet::graph
