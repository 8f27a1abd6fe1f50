// Generated kernels: NVRTC compiles those of random programs, where there is one, and none of them spills.
#include <elf.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "cuda/codegen/program.h"
#include "cuda/compiler.h"
#include "duet/duet.h"
#include "ops/random_case.h"

namespace duet::testing {
namespace {

int64_t environment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoll(text) : otherwise;
}

/// The sources of the plans that a random program makes.
std::vector<std::string> sources(uint32_t seed) {
  const Case c(seed, 24);
  auto f = compile([&](Tensors& state, const Tensors& x, float a, float b) { return c(state, x, a, b); });
  Tensors state = c.state;
  f(state, c.inputs, 0.75f, -0.5f);
  std::vector<std::string> all;
  for (const auto& plan : f.cache().plans())
    if (std::string text = cuda::generate(plan->graph(), plan->executable()).source; !text.empty())
      all.push_back(std::move(text));
  return all;
}

/// Kernels of a cubin that keep something in local memory: their frames, from the .nv.info section.
int frames(const std::vector<char>& cubin) {
  Elf64_Ehdr header;
  std::memcpy(&header, cubin.data(), sizeof header);
  std::vector<Elf64_Shdr> sections(header.e_shnum);
  std::memcpy(sections.data(), cubin.data() + header.e_shoff, sections.size() * sizeof(Elf64_Shdr));
  int found = 0;
  for (const Elf64_Shdr& section : sections) {
    if (std::string_view(cubin.data() + sections[header.e_shstrndx].sh_offset + section.sh_name) != ".nv.info") continue;
    const char *at = cubin.data() + section.sh_offset, *end = at + section.sh_size;
    while (at + 4 <= end) {  // a format, an attribute, and for values of symbols their size, symbol and value
      constexpr unsigned char kValues = 4, kFrameSize = 0x11;
      uint16_t size = 0;
      uint32_t value = 0;
      std::memcpy(&size, at + 2, 2);
      if (static_cast<unsigned char>(at[0]) == kValues && static_cast<unsigned char>(at[1]) == kFrameSize) {
        std::memcpy(&value, at + 8, 4);
        found += value != 0;
      }
      at += 4 + (static_cast<unsigned char>(at[0]) == kValues ? size : 0);
    }
  }
  return found;
}

TEST(CudaCodegenTest, NvrtcCompilesRandomPrograms) {
  std::string why;
  const cuda::Compiler* nvrtc = cuda::compiler(why);
  if (nvrtc == nullptr) GTEST_SKIP() << why;
  const auto first = static_cast<uint32_t>(environment("DUET_FUZZ_FIRST", 0));
  const auto count = static_cast<uint32_t>(environment("DUET_FUZZ_COUNT", 30));
  const char* arch = std::getenv("DUET_CUDA_ARCH");
  for (uint32_t seed = first; seed < first + count; ++seed)
    for (const std::string& source : sources(seed)) {
      std::vector<char> image;
      std::string log;
      ASSERT_TRUE(nvrtc->compile(source, arch != nullptr ? arch : "sm_90", image, log))
          << "seed " << seed << "\n" << log << "\n" << source;
      EXPECT_EQ(log, "") << "seed " << seed;
      EXPECT_EQ(frames(image), 0) << "seed " << seed << " spills\n" << source;
    }
}

}  // namespace
}  // namespace duet::testing
