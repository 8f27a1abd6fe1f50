#pragma once

// The order of elements in a row: stable, −0 and +0 equal, NaN larger than any number. Elements become unsigned keys in
// that order; a key and its place make an item, and no two items are equal, so that any way to sort them gives the
// same.

#include <cstdint>
#include <type_traits>

#include "duet/ops/scalar.h"

namespace duet::cpu {

/// A key in the high half, its place in the low one; for rows of fewer than 2^32 elements.
struct PackedItem {
  uint64_t bits;
  static PackedItem of(uint64_t key, int64_t place) { return {key << 32 | static_cast<uint64_t>(place)}; }
  int64_t place() const { return static_cast<int64_t>(bits & 0xffffffffu); }
  friend bool operator<(PackedItem a, PackedItem b) { return a.bits < b.bits; }
  /// Digit d of the key, 8 bits, the lowest first.
  static constexpr int kDigits = 4;
  unsigned digit(int d) const { return static_cast<unsigned>(bits >> (32 + 8 * d)) & 0xffu; }
};

struct WideItem {
  uint64_t key;
  int64_t at;
  static WideItem of(uint64_t key, int64_t place) { return {key, place}; }
  int64_t place() const { return at; }
  friend bool operator<(WideItem a, WideItem b) { return a.key < b.key || (a.key == b.key && a.at < b.at); }
  static constexpr int kDigits = 8;
  unsigned digit(int d) const { return static_cast<unsigned>(key >> (8 * d)) & 0xffu; }
};

/// The key of an element, as wide as the element or 32 bits.
template <class T>
DUET_FN uint64_t ascending_key(T x) {
  using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
  constexpr Bits kSign = Bits{1} << (8 * sizeof(Bits) - 1);
  if constexpr (std::is_floating_point_v<T>) {
    if (x != x) return static_cast<Bits>(~Bits{0});
    if (x == T(0)) return kSign;
    Bits b;
    __builtin_memcpy(&b, &x, sizeof(b));
    return (b & kSign) != 0 ? static_cast<Bits>(~b) : static_cast<Bits>(b | kSign);
  } else if constexpr (std::is_signed_v<T>) {
    return static_cast<Bits>(x) ^ kSign;
  } else {
    return static_cast<Bits>(x);
  }
}
template <class T>
DUET_FN uint64_t descending_key(T x) {
  using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
  return static_cast<Bits>(~static_cast<Bits>(ascending_key(x)));
}

/// Puts the first `keep` of n items in order at the front. They lie in the order of their places; `spare` has room for
/// n. Returns where they are: items or spare.
PackedItem* sort_items(PackedItem* items, PackedItem* spare, int64_t n, int64_t keep);
WideItem* sort_items(WideItem* items, WideItem* spare, int64_t n, int64_t keep);

}  // namespace duet::cpu
