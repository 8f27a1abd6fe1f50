// A program linked with this file and its link options: what its plans are on a device compiles by NVRTC, and keeps
// nothing in local memory. The program runs as it is, on the CPU; plans are looked at when they end.
#include <fmt/core.h>

#include <mutex>
#include <set>

#include "cuda/cubin.h"
#include "duet/cuda.h"
#include "duet/graph/plan.h"

namespace {

std::mutex mutex;
std::set<std::string>& sources() {
  static auto& all = *new std::set<std::string>;  // plans may end later than other objects
  return all;
}

}  // namespace

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names, of --wrap
extern "C" int __real_main(int argc, char** argv);
extern "C" void __real__ZN4duet5graph4PlanD1Ev(duet::graph::Plan* plan);

extern "C" void __wrap__ZN4duet5graph4PlanD1Ev(duet::graph::Plan* plan) {
  {
    const std::lock_guard lock(mutex);
    if (std::string source = duet::cuda_source(*plan); !source.empty()) sources().insert(std::move(source));
  }
  __real__ZN4duet5graph4PlanD1Ev(plan);
}

extern "C" int __wrap_main(int argc, char** argv) {
  if (const int status = __real_main(argc, argv); status != 0) return status;
  std::string why;
  const duet::cuda::Compiler* nvrtc = duet::cuda::compiler(why);
  if (nvrtc == nullptr) {
    fmt::print("kernels: {}\n", why);
    return 0;
  }
  int failed = 0;
  for (const std::string& source : sources()) {
    std::string log;
    const std::vector<char> image = duet::testing::cubin(*nvrtc, source, log);
    const bool good = !image.empty() && duet::testing::frames(image) == 0;
    if (!good) fmt::print("{}\n{}\nthis does not compile, or keeps something in local memory\n", source, log);
    failed += !good;
  }
  fmt::print("kernels: {} programs compiled, {} failed\n", sources().size(), failed);
  return failed;
}
// NOLINTEND(bugprone-reserved-identifier)
