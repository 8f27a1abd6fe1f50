// What the op tests are generated from: samples of an op, each with inputs, the call and an independent reference in
// f64.
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <functional>
#include <set>

#include "ops/bits.h"

namespace duet::testing {

using Rng = std::mt19937;
using Tensors = std::vector<Tensor>;
using Values = std::vector<double>;

inline int below(Rng& rng, int64_t n) { return static_cast<int>(rng() % static_cast<uint32_t>(n)); }
inline bool small_size() {
  const char* size = std::getenv("DUET_TEST_SIZE");
  return size != nullptr && std::string_view(size) == "small";
}

/// What a reference says: values in row-major order, and for rounding operations the absolute error allowed for each,
/// in units of the element type's rounding error (2^-24, 2^-53).
struct Expected {
  Values y;
  Values scale;  // empty: `ulps` of the sample holds
};

/// One case of an op.
struct Sample {
  std::string what;
  Tensors inputs;
  bool number = false;  // f uses its number
  std::function<Tensor(const Tensors& x, float s)> f;
  std::function<Expected(const std::vector<Values>& x, const std::vector<Shape>& shapes, double s)> reference;
  double ulps = 0;      // allowed error of each element; 0: exact
  double absolute = 0;  // or this, times max(1, |x|) of the first operand
  bool smooth = false;  // f64 inputs away from kinks: gradients are checked
  bool fuses = false;   // a pointwise op on the same elements joins its kernel
  const char* isa = "v4";
  int threads = 1;
};

inline constexpr float kNumber = 0.75f;

/// The elements of t in row-major order.
inline Values values_of(const Tensor& t) { return t.to(f64).to_vector<double>(); }

/// Calls f with each index of the shape, in row-major order.
template <class F>
void for_each_index(const Shape& shape, F f) {
  std::array<int64_t, kMaxRank> at{};
  for (int64_t n = shape.numel(); n > 0; --n) {
    f(at);
    for (int a = shape.rank() - 1; a >= 0; --a) {
      if (++at[static_cast<size_t>(a)] < shape[a]) break;
      at[static_cast<size_t>(a)] = 0;
    }
  }
}
/// Row-major position in `shape` of an index of a space it broadcasts to.
inline int64_t position(const Shape& shape, const std::array<int64_t, kMaxRank>& at, int rank) {
  int64_t p = 0;
  for (int a = 0; a < shape.rank(); ++a)
    p = p * shape[a] + (shape[a] == 1 ? 0 : at[static_cast<size_t>(a + rank - shape.rank())]);
  return p;
}

/// |y − reference| in units of the last place; infinite where one is NaN or infinite and the other is not.
inline double ulp_distance(double y, double reference, DType dtype) {
  if (y != y || reference != reference) return (y != y) == (reference != reference) ? 0 : INFINITY;
  const bool f = dtype == f32;
  const double largest = f ? 0x1p128 : INFINITY;
  if (f && std::isinf(y)) y = std::copysign(largest, y);
  if (f && std::abs(reference) > largest) reference = std::copysign(largest, reference);
  if (y == reference) return 0;
  if (std::isinf(reference) || std::isinf(y)) return INFINITY;
  const int exponent = std::max(std::ilogb(reference == 0 ? 1e-320 : reference), f ? -126 : -1022);
  return std::abs(y - reference) / std::ldexp(1.0, std::min(exponent, f ? 127 : 1023) - (f ? 23 : 52));
}

// --- layouts: the same elements, lying differently in memory ---

enum class Layout { dense, transposed, sliced, broadcast, row };
inline constexpr const char* kLayoutNames[] = {"dense", "transposed", "sliced", "broadcast", "row"};

/// A tensor with random-looking elements from `draw`, in a layout.
inline Tensor laid_out(const Shape& shape, DType dtype, Layout layout, const std::function<double()>& draw) {
  auto make = [&](const Shape& s) {
    Values v(static_cast<size_t>(s.numel()));
    for (double& x : v) x = draw();
    return from_vector(v, s).to(dtype);
  };
  if (shape.rank() == 0 && layout != Layout::row) return make(shape);
  Shape s;
  switch (layout) {
    case Layout::transposed:
      for (int a = shape.rank() - 1; a >= 0; --a) s.push_back(shape[a]);
      return make(s).transpose();
    case Layout::sliced:
      s = shape;
      s[shape.rank() - 1] = 2 * shape[shape.rank() - 1] + 1;
      return make(s).slice(shape.rank() - 1, 1, s[shape.rank() - 1], 2);
    case Layout::broadcast: {
      s = shape;
      int widest = 0;
      for (int a = 0; a < shape.rank(); ++a)
        if (shape[a] > shape[widest]) widest = a;
      s[widest] = 1;
      return broadcast_to(make(s), shape);
    }
    case Layout::row:
      s = {3};
      for (int64_t d : shape) s.push_back(d);
      return make(s)[1];
    case Layout::dense:
      break;
  }
  return make(shape);
}

// --- numbers ---

enum class Draw { plain, special, wide };

/// Draws values of a kind: plain ones in [low, high), special ones among them, or all magnitudes.
inline std::function<double()> drawing(Rng& rng, Draw kind, DType dtype, double low = -3, double high = 3) {
  return [&rng, kind, dtype, low, high]() -> double {
    if (dtype == boolean) return below(rng, 2);
    if (dtype == u8) return below(rng, kind == Draw::wide ? 256 : 5);
    if (!is_float(dtype)) return below(rng, kind == Draw::wide ? 200000 : 9) - (kind == Draw::wide ? 100000 : 4);
    const double plain = low + (high - low) * below(rng, 1 << 20) / (1 << 20);
    static constexpr double kSpecial[] = {0.0,
                                          -0.0,
                                          INFINITY,
                                          -INFINITY,
                                          NAN,
                                          1e-45,
                                          -1e-45,
                                          1.1754942e-38,
                                          3.4028234663852886e38,
                                          -3.4028234663852886e38,
                                          88.4,
                                          -104,
                                          16777217,
                                          -87.4,
                                          1,
                                          -1,
                                          0.5,
                                          2};
    if (kind == Draw::special && below(rng, 2) == 0) return kSpecial[below(rng, 18)];
    if (kind == Draw::wide) return std::ldexp(plain, below(rng, 120) - 60);
    return plain;
  };
}

// --- pairwise cover ---

/// Rows of one level a factor such that any two levels of any two factors meet in a row; greedy, deterministic.
inline std::vector<std::vector<int>> pairwise(const std::vector<int>& levels, Rng& rng) {
  const int factors = static_cast<int>(levels.size());
  std::set<std::array<int, 4>> open;  // factor, level, factor, level
  for (int f = 0; f < factors; ++f)
    for (int g = f + 1; g < factors; ++g)
      for (int i = 0; i < levels[static_cast<size_t>(f)]; ++i)
        for (int j = 0; j < levels[static_cast<size_t>(g)]; ++j) open.insert({f, i, g, j});
  std::vector<std::vector<int>> rows;
  while (!open.empty()) {
    std::vector<int> best;
    int best_covers = 0;
    for (int candidate = 0; candidate < 24; ++candidate) {
      std::vector<int> row(levels.size());
      for (size_t f = 0; f < levels.size(); ++f) row[f] = below(rng, levels[f]);
      // One open pair is met for certain, so that the end comes.
      auto pair = open.begin();
      std::advance(pair, below(rng, std::min<int64_t>(static_cast<int64_t>(open.size()), 20)));
      row[static_cast<size_t>((*pair)[0])] = (*pair)[1];
      row[static_cast<size_t>((*pair)[2])] = (*pair)[3];
      int covers = 0;
      for (int f = 0; f < factors; ++f)
        for (int g = f + 1; g < factors; ++g)
          covers += static_cast<int>(open.count({f, row[static_cast<size_t>(f)], g, row[static_cast<size_t>(g)]}));
      if (covers > best_covers) best = row, best_covers = covers;
    }
    for (int f = 0; f < factors; ++f)
      for (int g = f + 1; g < factors; ++g)
        open.erase({f, best[static_cast<size_t>(f)], g, best[static_cast<size_t>(g)]});
    rows.push_back(best);
  }
  return rows;
}

// --- the lists ---

/// Calls f.template operator()<Op>() for each op of a family.
template <class F, class... Ops>
void for_each_op(const OpList<Ops...>*, F f) {
  (f.template operator()<Ops>(), ...);
}
template <class Family, class F>
void for_each_op(F f) {
  for_each_op(static_cast<const Family*>(nullptr), f);
}

/// The samples of an op. Every op of every list has its own specialisation of Generator; a list with an op that has
/// none does not compile.
template <class Op>
struct Generator;

}  // namespace duet::testing
