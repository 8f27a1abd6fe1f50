#pragma once
// Pairs of numbers on which a power can go wrong: where its pieces meet, near overflow and underflow, near 1.

#include <cmath>
#include <random>

#include "probe_testing.h"

namespace duet::probe {

enum class Pairs { kBits, kWholeRange, kNearOne, kModerate, kEdges, kIntegers, kCount };
inline constexpr const char* kPairNames[] = {"any bits",      "results of every size",       "a near 1",
                                             "a in 1/4 to 4", "near overflow and underflow", "integer exponents"};

/// Fills n pairs of a kind.
inline void draw_pairs(Pairs kind, std::mt19937& rng, float* a, float* b, std::size_t n) {
  std::uniform_real_distribution<double> unit(0, 1);
  for (std::size_t i = 0; i < n; ++i) {
    double x = 0, y = 0;
    switch (kind) {
      case Pairs::kBits:
      case Pairs::kCount:
        a[i] = bit_cast<float>(static_cast<std::uint32_t>(rng()));
        b[i] = bit_cast<float>(static_cast<std::uint32_t>(rng()));
        continue;
      case Pairs::kWholeRange:
        x = std::exp2(unit(rng) * 277 - 149);
        y = (unit(rng) * 2 - 1) * 300 / (std::fabs(std::log2(x)) + 1e-3);
        break;
      case Pairs::kNearOne:
        x = 1 + static_cast<double>(static_cast<float>((unit(rng) - 0.5) * std::exp2(-23 * unit(rng))));
        y = (unit(rng) * 2 - 1) * 152 / (std::log2(x) + 1e-30);
        break;
      case Pairs::kModerate:
        x = std::exp2(unit(rng) * 4 - 2);
        y = (unit(rng) * 2 - 1) * (i % 2 ? 130 : 3) / (std::fabs(std::log2(x)) + 1e-9);
        break;
      case Pairs::kEdges:
        x = std::exp2(unit(rng) * 250 - 125);
        y = (i % 2 ? -126 - 25 * unit(rng) : 127 + 1.2 * unit(rng)) / std::log2(x);
        break;
      case Pairs::kIntegers:
        x = (unit(rng) - 0.5) * std::exp2(8 * unit(rng));
        y = std::nearbyint(unit(rng) * 40 - 20);
        break;
    }
    a[i] = static_cast<float>(x);
    b[i] = static_cast<float>(y);
  }
}

}  // namespace duet::probe
