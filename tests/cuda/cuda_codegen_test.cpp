// Generated kernels: NVRTC compiles those of random programs and of models, where there is one, and common ones spill
// nothing. Longer: DUET_FUZZ_COUNT=300, and DUET_CUDA_ARCH=sm_75, sm_80.
#include <elf.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "cuda/compiler.h"
#include "duet/duet.h"
#include "graph/training_steps.h"
#include "ops/random_case.h"

namespace duet::testing {
namespace {

int64_t environment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoll(text) : otherwise;
}

/// The sources of the plans that a function's calls made.
template <class F>
std::vector<std::string> sources_of(const F& f) {
  std::vector<std::string> all;
  for (const auto& plan : f.cache().plans())
    if (std::string text = cuda_source(*plan); !text.empty()) all.push_back(std::move(text));
  return all;
}

std::vector<std::string> sources_of_random(uint32_t seed) {
  const Case c(seed, 24);
  auto f = compile([&](Tensors& state, const Tensors& x, float a, float b) { return c(state, x, a, b); });
  Tensors state = c.state;
  f(state, c.inputs, 0.75f, -0.5f);
  return sources_of(f);
}

template <class Model>
std::vector<std::string> sources_of_training(Model m, const Tensor& x, const Tensor& y) {
  auto adam = optim::AdamW::init(m);
  const auto step = compile([](Model& model, optim::AdamW& optimiser, const Tensor& in, const Tensor& wanted,
                               float lr) { return train_step(model, optimiser, in, wanted, lr); });
  step(m, adam, x, y, 1e-3f);
  return sources_of(step);
}

template <class F>
std::vector<std::string> sources_of_call(const F& f, const Tensor& x) {
  const auto compiled = compile(f);
  compiled(x);
  return sources_of(compiled);
}

/// The kernels that programs commonly have: those of the examples' models, and of rows long and short.
std::vector<std::string> common_sources() {
  std::vector<std::string> all;
  auto add = [&](std::vector<std::string> more) { all.insert(all.end(), more.begin(), more.end()); };
  add(sources_of_training(Mlp::init(3, 784, 512, 10, Key(1)), ones({64, 784}), labels({64}, 10)));
  add(sources_of_training(Reader::init(30, 64, Key(2)), labels({8, 32}, 30), labels({8, 32}, 30)));
  add(sources_of_training(ConvNet::init(Key(3)), ones({4, 1, 8, 8}), labels({4}, 10)));
  for (int64_t row : {10, 256, 1024, 4096, 16384}) {
    const Tensor x = ones({64, row}), w = ones({row});
    add(sources_of_call([](const Tensor& t) { return softmax(t, -1); }, x));
    add(sources_of_call([&](const Tensor& t) { return layer_norm(t, w, w); }, x));
    add(sources_of_call(
        [&](const Tensor& t) { return grad([&](const Tensor& v) { return sum(layer_norm(v, w, w) * v); })(t); }, x));
    add(sources_of_call([](const Tensor& t) { return sum(gelu(t), 0); }, x));
  }
  add(sources_of_call([](const Tensor& t) { return cross_entropy(t, zeros({16}, i32)); }, ones({16, 50257})));
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
    if (std::string_view(cubin.data() + sections[header.e_shstrndx].sh_offset + section.sh_name) != ".nv.info")
      continue;
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

/// What NVRTC makes of a source; the architecture is DUET_CUDA_ARCH or sm_90.
std::vector<char> cubin(const cuda::Compiler& nvrtc, const std::string& source) {
  const char* arch = std::getenv("DUET_CUDA_ARCH");
  std::vector<char> image;
  std::string log;
  EXPECT_TRUE(nvrtc.compile(source, arch != nullptr ? arch : "sm_90", image, log)) << log << "\n" << source;
  EXPECT_EQ(log, "") << source;
  return image;
}

TEST(CudaCodegenTest, NvrtcCompilesRandomPrograms) {
  std::string why;
  const cuda::Compiler* nvrtc = cuda::compiler(why);
  if (nvrtc == nullptr) GTEST_SKIP() << why;
  const auto first = static_cast<uint32_t>(environment("DUET_FUZZ_FIRST", 0));
  const auto count = static_cast<uint32_t>(environment("DUET_FUZZ_COUNT", 24));
  for (uint32_t seed = first; seed < first + count; ++seed)
    for (const std::string& source : sources_of_random(seed)) {
      SCOPED_TRACE(fmt::format("seed {}", seed));
      ASSERT_GT(cubin(*nvrtc, source).size(), 0u);
    }
}

TEST(CudaCodegenTest, CommonKernelsKeepNothingInLocalMemory) {
  std::string why;
  const cuda::Compiler* nvrtc = cuda::compiler(why);
  if (nvrtc == nullptr) GTEST_SKIP() << why;
  for (const std::string& source : common_sources()) EXPECT_EQ(frames(cubin(*nvrtc, source)), 0) << source;
}

}  // namespace
}  // namespace duet::testing
