// The lists and the kernels: none lacks one, and none is compiled with flags that change bits.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "cuda/on_device.h"
#include "kernels/names.h"

namespace duet::testing {
namespace {

std::string name_of(const kernel::Kernel& k, std::initializer_list<int> arguments) {
  return kernel::name_of(k, arguments.begin(), static_cast<int>(arguments.size())).text;
}

TEST(CudaKernelsTest, EveryPointwiseOpHasAKernelForEachTypeAndGradient) {
  cuda::fake::install();
  const std::vector<std::string> all = cuda::fake::kernels();
  const std::set<std::string> names(all.begin(), all.end());
  int row = 0;
  for_each_op<PointwiseOps>([&]<class Op>() {
    auto has = [&](const kernel::Kernel& k, std::initializer_list<int> arguments) {
      EXPECT_TRUE(names.count(name_of(k, arguments))) << Op::name;
    };
    for (int t = 0; t < kDTypes; ++t)
      if (contains(Op::kAccepts, static_cast<DType>(t))) has(kernel::kPointwise, {row, t});
    if constexpr (HasVjp<Op>::value) {
      for (int wanted = 1; wanted < (1 << Op::kInputs); ++wanted)
        for (int t : {0, 1}) has(kernel::kPointwiseVjp, {row, wanted, t});
    }
    ++row;
  });
  EXPECT_EQ(row, PointwiseOps::kCount);
  cuda::fake::uninstall();
}

TEST(CudaKernelsTest, NothingIsContractedOrApproximate) {
  std::ifstream file(DUET_SOURCE_DIR "/cmake/cuda.cmake");
  std::stringstream text;
  text << file.rdbuf();
  for (const char* flag : {"-fmad=false", "-ftz=false", "-prec-div=true", "-prec-sqrt=true"})
    EXPECT_NE(text.str().find(flag), std::string::npos) << flag;
  EXPECT_EQ(text.str().find("fast"), std::string::npos);
}

#if defined(DUET_KERNELS)
struct Compiled {
  std::set<std::string> names, spilling;
};
// From what ptxas printed: "Compiling entry function 'NAME' for 'sm_90'", and behind it "… N bytes spill stores …".
Compiled compiled() {
  Compiled c;
  for (const char* image :
       {"pointwise", "pointwise_vjp", "move", "index", "reduce", "matmul", "rows", "random", "image"}) {
    std::ifstream log(std::string(DUET_KERNELS "/") + image + ".fatbin.log");
    std::string line, name;
    while (std::getline(log, line)) {
      if (const size_t at = line.find("entry function '"); at != line.npos)
        c.names.insert(name = line.substr(at + 16, line.find('\'', at + 16) - at - 16));
      else if (line.find("spill stores") != line.npos && line.find(" 0 bytes spill stores") == line.npos)
        c.spilling.insert(name);
    }
  }
  return c;
}

TEST(CudaKernelsTest, NvccMadeTheKernelsThatTheLibraryNames) {
  cuda::fake::install();
  const std::vector<std::string> all = cuda::fake::kernels();
  const std::set<std::string> wanted(all.begin(), all.end()), made = compiled().names;
  for (const std::string& name : wanted) EXPECT_TRUE(made.count(name)) << name;
  EXPECT_EQ(made.size(), wanted.size());
  cuda::fake::uninstall();
}

TEST(CudaKernelsTest, NoKernelSpills) {
  for (const std::string& name : compiled().spilling) ADD_FAILURE() << name;
}
#endif

}  // namespace
}  // namespace duet::testing
