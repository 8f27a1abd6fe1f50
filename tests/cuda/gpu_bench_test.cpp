// The benchmark of devices runs on the fake one, with tiny sizes: it is not first tried where time is short.
#include <gtest/gtest.h>

#include "cuda/fake_driver.h"
#include "duet/core/error.h"
#include "gpu_bench.h"

namespace duet::testing {
namespace {

const bench::GpuOptions kTiny{
    .elements = 8192, .matmul = 64, .vocabulary = 101, .ops = 3, .steps = 1, .seconds = 0, .torch = {}};

TEST(GpuBenchTest, EveryCaseHasAFigure) {
  cuda::fake::install({.blas = true});
  const bench::GpuReport r = bench::run_gpu_bench(kTiny);
  EXPECT_EQ(r.device, "fake");
  EXPECT_GT(r.copy_gb_s, 0);
  EXPECT_GE(r.figures.size(), 25u);
  for (const bench::GpuFigure& f : r.figures) EXPECT_GT(f.us, 0) << f.name;
  const std::string table = to_markdown(r, "2026-01-01"), json = to_json(r, "2026-01-01");
  EXPECT_NE(table.find("# duet on fake\n\n2026-01-01. `./run gpu`; PyTorch: not asked."), table.npos) << table;
  EXPECT_NE(table.find("| matmul 64x64x64 | "), table.npos) << table;
  EXPECT_NE(table.find("| add of 1 element | "), table.npos) << table;
  EXPECT_EQ(json.find("{\n  \"schema\": 1,\n  \"device\": \"fake\","), 0u) << json;
  cuda::fake::uninstall();
  EXPECT_EQ(cuda::fake::live_bytes(), 0);
}

TEST(GpuBenchTest, APeerThatIsNotThereIsNamed) {
  cuda::fake::install();
  bench::GpuOptions options = kTiny;
  options.torch = "/nowhere/peer.py";
  const bench::GpuReport r = bench::run_gpu_bench(options);
  EXPECT_EQ(r.torch.find("not here: "), 0u) << r.torch;
  cuda::fake::uninstall();
}

TEST(GpuBenchTest, WithoutADeviceItSaysSo) {
  cuda::fake::install({.devices = 0});
  EXPECT_THROW(bench::run_gpu_bench(kTiny), DeviceError);
  cuda::fake::uninstall();
}

TEST(GpuBenchTest, FilesAreNamedAfterTheDevice) {
  EXPECT_EQ(bench::file_name("NVIDIA H100 80GB HBM3"), "nvidia-h100-80gb-hbm3");
  EXPECT_EQ(bench::file_name("(?)"), "device");
}

}  // namespace
}  // namespace duet::testing
