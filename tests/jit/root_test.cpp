// Square roots without the divider: rounded as the machine's own for every mantissa, both parities of exponents, the
// ends of the range and all that lies beyond it.
#include <bit>
#include <cmath>
#include <set>

#include "duet/duet.h"
#include "expect.h"
#include "jit/jit_test.h"
#include "ops/cases.h"

namespace duet {
namespace {

// What waits for the divider: a root and a quotient, and next to nothing else.
Tensor quotient(const Tensor& x) { return x / sqrt(x); }

Tensor from_words(uint32_t first, uint32_t count, uint32_t step) {
  std::vector<float> x;
  for (uint32_t i = 0; i < count; ++i) x.push_back(std::bit_cast<float>(first + i * step));
  return from_vector(x, {static_cast<int64_t>(count)});
}

TEST_F(JitTest, RootsOfEveryMantissaAreExact) {
  const auto compiled = compile(quotient);
  const uint32_t step = testing::small_size() ? 7 : 1, chunk = 1u << 20;
  for (uint32_t first = 0x3f800000u; first < 0x40800000u; first += chunk) {
    const Tensor x = from_words(first, chunk / step, step);
    ASSERT_EQ(expect::bits(compiled(x)), expect::bits(quotient(x))) << first;
  }
}

TEST_F(JitTest, RootsOfEveryExponentAndOfWhatIsNoNumber) {
  const auto compiled = compile(quotient);
  const Tensor x = from_words(0, 1u << 20, 4093);
  EXPECT_EQ(expect::bits(compiled(x)), expect::bits(quotient(x)));
  // The ends of the range, alone among numbers within it, at each place of a register.
  for (uint32_t word : {0x0d7fffffu, 0x0d800000u, 0x7effffffu, 0x7f000000u, 0x7f7fffffu, 0u, 1u, 0x80000000u,
                        0xbf800000u, 0x7f800000u, 0xff800000u, 0x7fc00000u})
    for (size_t at = 0; at < 48; ++at) {
      std::vector<float> v(48, 2.0f);
      v[at] = std::bit_cast<float>(word);
      const Tensor one = from_vector(v, {48});
      ASSERT_EQ(expect::bits(compiled(one)), expect::bits(quotient(one))) << word << " at " << at;
    }
}

// What root.cpp says of the last step: for any neighbour g of √x and any h at most two floats from 1/(2√x), only five
// mantissas, of both parities of exponents, may be rounded another way.
TEST(Root, FiveMantissasAreHard) {
  const auto moved = [](float x, int by) {
    return std::bit_cast<float>(std::bit_cast<uint32_t>(x) + static_cast<uint32_t>(by));
  };
  const uint32_t step = testing::small_size() ? 127 : 1;
  std::set<uint32_t> hard;
  for (uint32_t word = 0x3f800000u; word < 0x40800000u; word += step) {
    const float x = std::bit_cast<float>(word), root = std::sqrt(x);
    const double exact = std::sqrt(static_cast<double>(x));
    const auto half = static_cast<float>(0.5 / exact);
    for (int dg = -1; dg <= 1; ++dg) {
      const float g = moved(root, dg), rest = std::fma(-g, g, x);
      if (std::abs(static_cast<double>(g) - exact) > 1.0000001 * static_cast<double>(moved(root, 1) - root)) continue;
      for (int dh = -2; dh <= 2; ++dh)
        if (std::fma(rest, moved(half, dh), g) != root) hard.insert(word);
    }
  }
  const std::set<uint32_t> known = {0x3f800001, 0x3ffc114a, 0x406e9372, 0x407ffffd, 0x407fffff};
  if (step == 1) {
    EXPECT_EQ(hard, known);
  }
  for (uint32_t word : hard) EXPECT_TRUE(known.contains(word)) << word;
}

}  // namespace
}  // namespace duet
