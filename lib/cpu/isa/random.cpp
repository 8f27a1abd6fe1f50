// The random stream of a key: element i of a tensor is word i mod 4 of Philox block i / 4, so the stream does not
// depend on lanes, tiles or threads.
#define DUET_FORMULAS_ONLY
#include "cpu/isa/tables.h"
#include "cpu/isa/tile.h"

namespace duet::cpu::DUET_ISA {
namespace {

// kLanes consecutive blocks starting at `block`: 4·kLanes elements in order, as words.
DUET_FN void blocks_of(uint32_t key0, uint32_t key1, uint64_t block, math::PhiloxWords<U32>& words) {
  alignas(64) uint32_t low[U32::kLanes], high[U32::kLanes];
  for (int i = 0; i < U32::kLanes; ++i) {
    uint64_t n = block + static_cast<uint64_t>(i);
    low[i] = static_cast<uint32_t>(n);
    high[i] = static_cast<uint32_t>(n >> 32);
  }
  words = math::philox(U32::load(low), U32::load(high), U32(0u), U32(0u), U32(key0), U32(key1));
}

DUET_FN void group_of(Distribution d, uint32_t key0, uint32_t key1, uint64_t block, float* y) {
  math::PhiloxWords<U32> w;
  blocks_of(key0, key1, block, w);
  F32 v[4];
  if (d == Distribution::uniform) {
    for (int i = 0; i < 4; ++i) v[i] = math::uniform_from_bits<F32>(w.v[i]);
  } else {
    math::normal_pair(w.v[0], w.v[1], v[0], v[1]);
    math::normal_pair(w.v[2], w.v[3], v[2], v[3]);
  }
  alignas(64) float lanes[4][U32::kLanes];
  for (int i = 0; i < 4; ++i) v[i].store(lanes[i]);
  for (int j = 0; j < U32::kLanes; ++j)
    for (int i = 0; i < 4; ++i) y[4 * j + i] = lanes[i][j];
}

}  // namespace

void random_kernel(Distribution d, uint32_t key0, uint32_t key1, int64_t begin, int64_t n, float* y) {
  constexpr int64_t kGroup = 4 * U32::kLanes;
  for (int64_t i = begin; i < begin + n;) {
    int64_t skip = i % 4;
    int64_t count = begin + n - i;
    auto block = static_cast<uint64_t>(i / 4);
    if (skip == 0 && count >= kGroup) {
      group_of(d, key0, key1, block, y + (i - begin));
      i += kGroup;
      continue;
    }
    float group[kGroup];
    group_of(d, key0, key1, block, group);
    if (count > kGroup - skip) count = kGroup - skip;
    __builtin_memcpy(y + (i - begin), group + skip, static_cast<size_t>(count) * sizeof(float));
    i += count;
  }
}

}  // namespace duet::cpu::DUET_ISA
