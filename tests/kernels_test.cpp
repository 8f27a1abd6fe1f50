// What chooses kernels, and what cuts their work into parts.
#include "cpu/kernels.h"

#include <gtest/gtest.h>

#include <vector>

#include "cpu/threads.h"
#include "cpu/tiles.h"
#include "duet/duet.h"
#include "graph/execute.h"

namespace duet::cpu {
namespace {

// Many tests compare instruction sets: this one sees to it that they do.
TEST(Kernels, AnInstructionSetIsChosenByName) {
  const std::string before(kernels().isa);
  for (const char* isa : {"v3", "v4", "v3"}) {
    const std::string now(kernels().isa);
    const bool there = set_isa(isa);
    EXPECT_EQ(kernels().isa, there ? isa : now);
  }
  EXPECT_FALSE(set_isa("v0"));
  EXPECT_TRUE(set_isa(before));
}

TEST(Kernels, ThreadsWriteEveryElementOfAProgramOnceAndNoneBehindIt) {
  const int64_t n = 2 * kParallelWork + 37;
  constexpr float kGuard = 12345.0f;
  std::vector<float> x(static_cast<size_t>(n) + kTile, 3.0f);
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    std::vector<float> y(static_cast<size_t>(n) + kTile, kGuard);
    TileProgram program;
    program.clear(n);
    Source source;
    source.dense = true;
    const Register in = program.add_source(source), out = program.add_output(DType::f32);
    program.add_op(op<Neg>(), DType::f32, &in, &out);
    const void* data[] = {x.data()};
    void* results[] = {y.data()};
    run_tiles(program, data, results);
    for (int64_t i = 0; i < n + kTile; ++i)
      ASSERT_EQ(y[static_cast<size_t>(i)], i < n ? -3.0f : kGuard) << i << ", " << count << " threads";
  }
  set_threads(0);
}

// The cache of plans has a limit of bytes.
TEST(Kernels, ALaunchKnowsItsBytes) {
  graph::Launch launch;
  const size_t empty = size_bytes(launch);
  launch.constants.push_back(std::vector<char>(100));
  EXPECT_EQ(size_bytes(launch), empty + 100);
  launch.before.resize(2);
  EXPECT_EQ(size_bytes(launch), empty + 100 + 2 * sizeof(SmallStep));
  launch.segments.resize(1);
  launch.segments[0].stages.resize(3);
  EXPECT_EQ(size_bytes(launch), empty + 100 + 2 * sizeof(SmallStep) + sizeof(Segment) + 3 * sizeof(Stage));
}

}  // namespace
}  // namespace duet::cpu
