#include "cpu/sort.h"

#include <algorithm>
#include <utility>

namespace duet::cpu {
namespace {

constexpr int64_t kRadixFrom = 96;  // below, comparing costs less than counting

// Least significant digit first: each pass keeps the order of equal digits, and the items come in the order of places.
template <class Item>
Item* radix_sort(Item* from, Item* to, int64_t n) {
  constexpr int kBuckets = 256;
  int64_t counts[Item::kDigits][kBuckets] = {};
  for (int64_t i = 0; i < n; ++i)
    for (int d = 0; d < Item::kDigits; ++d) ++counts[d][from[i].digit(d)];
  for (int d = 0; d < Item::kDigits; ++d) {
    int64_t* at = counts[d];
    if (at[from[0].digit(d)] == n) continue;  // one digit for all
    int64_t begin = 0;
    for (int b = 0; b < kBuckets; ++b) begin += std::exchange(at[b], begin);
    for (int64_t i = 0; i < n; ++i) to[at[from[i].digit(d)]++] = from[i];
    std::swap(from, to);
  }
  return from;
}

template <class Item>
Item* sort_some(Item* items, Item* spare, int64_t n, int64_t keep) {
  if (keep < n && keep < n / 8) {
    std::partial_sort(items, items + keep, items + n);  // a heap of the best so far: few items get into it
    return items;
  }
  if (n >= kRadixFrom) return radix_sort(items, spare, n);
  std::sort(items, items + n);
  return items;
}

}  // namespace

PackedItem* sort_items(PackedItem* items, PackedItem* spare, int64_t n, int64_t keep) {
  return sort_some(items, spare, n, keep);
}
WideItem* sort_items(WideItem* items, WideItem* spare, int64_t n, int64_t keep) {
  return sort_some(items, spare, n, keep);
}

}  // namespace duet::cpu
