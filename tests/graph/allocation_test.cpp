// After its first run a plan allocates nothing but its outputs: neither from duet's allocator nor from the heap.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

#include "cpu/threads.h"
#include "expect.h"
#include "graph/training_steps.h"
#include "graph/verify_memory.h"

namespace {

std::atomic<int64_t> heap_allocations{0};

void* counted(std::size_t bytes, std::size_t alignment) {
  ++heap_allocations;
  bytes = (bytes + alignment - 1) / alignment * alignment;
  if (void* p = std::aligned_alloc(alignment, bytes == 0 ? alignment : bytes)) return p;
  throw std::bad_alloc();
}

}  // namespace

// Not inlined: g++ takes a free() that it sees for one of another allocator.
[[gnu::noinline]] void* operator new(std::size_t bytes) { return counted(bytes, 16); }
[[gnu::noinline]] void* operator new[](std::size_t bytes) { return counted(bytes, 16); }
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t a) {
  return counted(bytes, static_cast<std::size_t>(a));
}
[[gnu::noinline]] void* operator new[](std::size_t bytes, std::align_val_t a) {
  return counted(bytes, static_cast<std::size_t>(a));
}
// Sanitizers bring their own, which a plain free() does not fit.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return operator new(size);
  } catch (...) {
    return nullptr;
  }
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

namespace duet::testing {
namespace {

struct Counted {
  int64_t outputs = 0;  // that got storage, or a block, of their own
  int64_t blocks = 0, heap = 0;
};

// Runs the plan on zeros, which are good indices too.
Counted run(const graph::Plan& plan, bool donate) {
  std::vector<Tensor> slots;
  std::vector<Block*> slot_blocks;
  std::vector<uint8_t> donated;
  for (const graph::Value& slot : plan.slots()) {
    slots.push_back(slot.dense ? zeros(slot.spec.shape, slot.spec.dtype)
                               : zeros(slot.spec.shape, slot.spec.dtype).transpose());
    slot_blocks.push_back(&slots.back().block());
    donated.push_back(donate && slot.dense ? 1 : 0);
  }
  const std::vector<Number8> numbers(static_cast<size_t>(plan.graph().numbers));
  std::vector<Block*> outputs(plan.executable().outputs.size(), nullptr);

  Counted c;
  const int64_t blocks = memory_stats().allocations, heap = heap_allocations;
  plan.run({slot_blocks, donated, numbers, outputs});
  c.heap = heap_allocations - heap;
  c.blocks = memory_stats().allocations - blocks;
  for (size_t k = 0; k < outputs.size(); ++k) {
    // A donor's block becomes the output's; else there is a block, and storage unless it is another's.
    const bool donor = std::ranges::find(slot_blocks, outputs[k]) != slot_blocks.end();
    if (!donor) c.outputs += outputs[k]->root == nullptr ? 2 : 1;
  }
  for (Block* b : outputs) block::release(b);
  return c;
}

void expect_nothing_but_outputs(const std::string& name, const auto& compiled) {
  for (const auto& plan : compiled.cache().plans())
    for (bool donate : {false, true}) {
      run(*plan, donate);
      for (int again = 0; again < 3; ++again) {
        const Counted c = run(*plan, donate);
        EXPECT_EQ(c.blocks, c.outputs) << name;
        if (!graph::kVerify) {  // which keeps books of its own
          EXPECT_EQ(c.heap, 0) << name;
        }
      }
    }
}

class Allocations : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { cpu::set_threads(GetParam()); }
  void TearDown() override { cpu::set_threads(0); }
};
INSTANTIATE_TEST_SUITE_P(Threads, Allocations, ::testing::Values(1, 2));

TEST_P(Allocations, OfTrainingSteps) {
  for_each_training_step([](const std::string& name, auto model, auto optimiser, const Tensor& x, const Tensor& y) {
    auto step = compile(&train_step<decltype(model), decltype(optimiser)>);
    step(model, optimiser, x, y, 1e-3f);
    expect_nothing_but_outputs(name, step);
  });
}

// Operations that need room of their own, several at once, long rows and strided operands among them.
TEST_P(Allocations, OfOperationsThatNeedRoom) {
  auto f = [](const Tensor& x, const Tensor& i) {
    const Tensor sorted = sort(x).values, places = argsort(x.transpose());
    const Tensor two_stages = sum(x.reshape({8, -1, 64}), {.axis = {0, 2}}), all = sum(x * 2);
    const Tensor picked = gather(x, i), spread = scatter_add(x, i, picked);
    return std::vector<Tensor>{sorted,
                               places,
                               two_stages,
                               all,
                               spread,
                               cumsum(x.transpose(), 0),
                               sum(i),
                               take_along_axis(x, argsort(x), -1),
                               matmul(x.transpose(), x),
                               one_hot(i, 600)};
  };
  for (const char* without : {"cse", "fuse"}) {
    auto compiled = compile(f, {.without = {without}});
    compiled(normal(Key(1), {512, 256}), labels({300}, 500));
    expect_nothing_but_outputs(std::string("without ") + without, compiled);
  }
}

}  // namespace
}  // namespace duet::testing
