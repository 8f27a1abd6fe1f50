// The register-tile product against the scalar form of its order: every shape, stride, split and instruction set.

#include "cpu/gemm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace duet::cpu {
namespace {

struct Isa {
  std::string name;
  void (*f32)(const Gemm&);
  void (*f64)(const GemmF64&);
  int64_t (*pack)(const Gemm&, float*);
  void run(const Gemm& g) const { f32(g); }
  void run(const GemmF64& g) const { f64(g); }
};

const std::vector<Isa>& isas() {
#if defined(__x86_64__)
  static const std::vector<Isa> all = [] {
    std::vector<Isa> list{{"v3", v3::gemm, v3::gemm_f64, v3::gemm_pack}};
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) {
      list.push_back({"v4", v4::gemm, v4::gemm_f64, v4::gemm_pack});
    }
    return list;
  }();
#else
  static const std::vector<Isa> all{{"base", base::gemm, base::gemm_f64, base::gemm_pack}};
#endif
  return all;
}

/// The order of gemm.h in its plainest words; what it reads is not what is tested, so sanitizers do not slow it down.
template <class T>
__attribute__((no_sanitize("address", "undefined"))) T reference(const GemmOf<T>& g, int64_t i, int64_t j) {
  T total = 0;
  for (int64_t begin = 0; begin < g.k; begin += 256) {
    T chain = 0;
    for (int64_t k = begin; k < g.k && k < begin + 256; ++k) {
      chain = std::fma(g.a[i * g.a_row + k * g.a_col], g.b[k * g.b_row + j * g.b_col], chain);
    }
    total = begin == 0 ? chain : total + chain;
  }
  return total;
}

template <class T>
bool same_bits(T a, T b) {
  return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof(T)) == 0;
}

template <class T>
std::string describe(const GemmOf<T>& g, const Isa& isa) {
  return isa.name + " " + std::to_string(g.m) + "x" + std::to_string(g.k) + "x" + std::to_string(g.n) + " a " +
         std::to_string(g.a_row) + "," + std::to_string(g.a_col) + " b " + std::to_string(g.b_row) + "," +
         std::to_string(g.b_col) + " c " + std::to_string(g.c_row);
}

/// Storage of exactly the elements the strides reach, so that a sanitizer sees every read beyond them.
template <class T>
std::vector<T> numbers(std::mt19937& rng, int64_t rows, int64_t row, int64_t cols, int64_t col, bool special) {
  const int64_t size = rows == 0 || cols == 0 ? 0 : (rows - 1) * row + (cols - 1) * col + 1;
  std::vector<T> v(static_cast<size_t>(size));
  std::normal_distribution<double> normal;
  for (T& x : v) {
    x = static_cast<T>(normal(rng));
    if (special) {
      switch (rng() % 200) {
        case 0:
          x = std::numeric_limits<T>::quiet_NaN();
          break;
        case 1:
          x = std::numeric_limits<T>::infinity();
          break;
        case 2:
          x = -std::numeric_limits<T>::infinity();
          break;
        case 3:
          x = std::numeric_limits<T>::denorm_min() * T(3);
          break;
        default:
          if (rng() % 4 == 0) x = T(0);
          if (rng() % 4 == 0) x = -T(0);
      }
    }
  }
  return v;
}

struct Layout {
  int64_t row, col;
};

/// One of: rows together, columns together, both apart, or broadcast along an axis.
Layout layout(std::mt19937& rng, int64_t rows, int64_t cols) {
  const int64_t gap = rng() % 3 == 0 ? static_cast<int64_t>(rng() % 5) : 0;
  switch (rng() % 8) {
    case 0:
    case 1:
    case 2:
      return {cols + gap, 1};
    case 3:
    case 4:
    case 5:
      return {1, rows + gap};
    case 6:
      return {cols * 2 + gap, 2};
    default:
      return {rng() % 2 == 0 ? 0 : cols, rng() % 2 == 0 ? 0 : 1};
  }
}

/// Runs g on canary-filled C and compares every element with the scalar order.
template <class T>
void check(GemmOf<T> g, const std::vector<Isa>& on = isas()) {
  std::vector<T> want;
  for (int64_t i = 0; i < g.m; ++i) {
    for (int64_t j = 0; j < g.n; ++j) want.push_back(reference(g, i, j));
  }
  const T canary = T(12345.678);
  for (const Isa& isa : on) {
    std::vector<T> c(static_cast<size_t>(g.m == 0 ? 0 : (g.m - 1) * g.c_row + g.n), canary);
    g.c = c.data();
    isa.run(g);
    for (int64_t i = 0; i < g.m; ++i) {
      for (int64_t j = 0; j < g.n; ++j) {
        const T expected = want[static_cast<size_t>(i * g.n + j)];
        const T got = c[static_cast<size_t>(i * g.c_row + j)];
        ASSERT_TRUE(same_bits(got, expected))
            << describe(g, isa) << " at " << i << "," << j << ": " << got << " vs " << expected;
      }
      for (int64_t j = g.n; j < g.c_row && i + 1 < g.m; ++j) {
        ASSERT_EQ(c[static_cast<size_t>(i * g.c_row + j)], canary) << describe(g, isa) << " wrote between rows of C";
      }
    }
  }
}

/// The same with B packed before.
void check_packed(Gemm g) {
  for (const Isa& isa : isas()) {
    std::vector<float> packed(static_cast<size_t>(gemm_pack_elements(g.n, g.k)));
    g.packed = packed.data();
    g.panel = isa.pack(g, packed.data());
    check(g, {isa});
    Gemm parts[3];
    const int64_t count = gemm_split(g, 3, parts);
    for (int64_t p = 0; count > 1 && p < count; ++p) check(parts[p], {isa});
  }
}

template <class T>
void check_shape(std::mt19937& rng, int64_t m, int64_t n, int64_t k, Layout a, Layout b, bool special) {
  const auto av = numbers<T>(rng, m, a.row, k, a.col, special);
  const auto bv = numbers<T>(rng, k, b.row, n, b.col, special);
  GemmOf<T> g;
  g.m = m, g.n = n, g.k = k;
  g.a = av.data(), g.a_row = a.row, g.a_col = a.col;
  g.b = bv.data(), g.b_row = b.row, g.b_col = b.col;
  g.c_row = n + static_cast<int64_t>(rng() % 3);
  check(g);
  if constexpr (std::is_same_v<T, float>)
    if (m > 0 && k > 0 && rng() % 4 == 0) check_packed(g);
}

template <class T>
void random_shapes(unsigned seed, int count) {
  std::mt19937 rng(seed);
  const int64_t edges[] = {0, 1, 2, 3, 7, 8, 9, 10, 12, 13, 15, 16, 17, 24, 31, 32, 33, 47, 48, 49, 63, 64, 65, 100};
  const int64_t depths[] = {0, 1, 2, 3, 4, 5, 7, 8, 16, 64, 127, 128, 129, 255, 256, 257, 511, 512, 513};
  for (int trial = 0; trial < count; ++trial) {
    const int64_t m = edges[rng() % std::size(edges)];
    const int64_t n = edges[rng() % std::size(edges)];
    const int64_t k = depths[rng() % std::size(depths)];
    check_shape<T>(rng, m, n, k, layout(rng, m, k), layout(rng, k, n), trial % 3 == 0);
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(Gemm, RandomShapesAndStridesEqualTheScalarOrder) { random_shapes<float>(1, 300); }
TEST(Gemm, RandomShapesAndStridesEqualTheScalarOrderInF64) { random_shapes<double>(2, 100); }

TEST(Gemm, PacksOfWholeProductsServeTheirParts) {
  std::mt19937 rng(13);
  for (const auto& [m, n, k] : {std::tuple{33, 100, 513}, {17, 300, 257}, {1, 700, 900}, {9, 800, 300}}) {
    const auto a = numbers<float>(rng, m, k, k, 1, true), b = numbers<float>(rng, k, n, n, 1, true);
    Gemm g;
    g.m = m, g.n = n, g.k = k;
    g.a = a.data(), g.a_row = k, g.a_col = 1;
    g.b = b.data(), g.b_row = n, g.b_col = 1;
    g.c_row = n;
    check_packed(g);
    if (HasFatalFailure()) return;
  }
}

TEST(Gemm, EveryTileOfRowsAndColumns) {
  std::mt19937 rng(3);
  for (int64_t m = 1; m <= 17; ++m) {
    for (int64_t n = 1; n <= 65; n += n < 20 ? 1 : 3) {
      for (const Layout a : {Layout{19, 1}, Layout{1, 17}}) {
        for (const Layout b : {Layout{65, 1}, Layout{1, 19}}) {
          check_shape<float>(rng, m, n, 19, a, b, false);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(Gemm, LongRowsAndColumns) {
  std::mt19937 rng(4);
  check_shape<float>(rng, 1, 4097, 300, {300, 1}, {4097, 1}, false);
  check_shape<float>(rng, 2, 4095, 260, {260, 1}, {4095, 1}, false);
  check_shape<float>(rng, 1025, 3, 40, {1, 1025}, {3, 1}, false);
  check_shape<float>(rng, 300, 40, 33, {33, 1}, {1024, 1}, false);
  check_shape<float>(rng, 1, 20, 4097, {4097, 1}, {1, 4097}, false);
  check_shape<float>(rng, 40, 10, 4097, {4097, 1}, {10, 1}, false);
}

TEST(Gemm, FewRowsAndNarrowProductsAroundABlockOfK) {
  std::mt19937 rng(9);
  for (int64_t m = 1; m <= 9; ++m) {
    for (int64_t n = 1; n <= 13; ++n) {
      for (const int64_t k : {255, 256, 257, 271, 272}) {
        const Layout a[] = {{k + 3, 1}, {1, m}}, b[] = {{n, 1}, {1, k + 1}};
        check_shape<float>(rng, m, n, k, a[rng() % 2], b[rng() % 2], k == 257);
        if (HasFatalFailure()) return;
      }
    }
  }
  for (int64_t m = 1; m <= 9; ++m) {
    for (const int64_t n : {14, 16, 31, 70}) {
      for (const int64_t k : {1, 15, 33, 256, 263, 520}) {
        check_shape<float>(rng, m, n, k, {k, 1}, {1, k + 2}, k == 33);
        check_shape<float>(rng, m, n, k, {1, m + 1}, {1, k}, k == 15);
        check_shape<double>(rng, m, n, k, {k, 1}, {1, k}, k == 33);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(Gemm, NarrowProductsOfManyRows) {
  std::mt19937 rng(10);
  for (int64_t n = 1; n <= 13; ++n) {
    for (const int64_t m : {16, 33, 75}) {
      for (const int64_t k : {120, 128, 300}) {
        check_shape<float>(rng, m, n, k, {k, 1}, {n, 1}, false);
        check_shape<float>(rng, m, n, k, {k, 1}, {1, k}, false);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(Gemm, FewRowsOfALargeB) {
  std::mt19937 rng(11);
  for (const int64_t m : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 23, 32, 33}) {
    check_shape<float>(rng, m, 515, 515, {515, 1}, {520, 1}, false);
    if (HasFatalFailure()) return;
  }
  check_shape<double>(rng, 3, 515, 515, {515, 1}, {515, 1}, false);
  check_shape<float>(rng, 7, 515, 515, {1, 7}, {515, 1}, false);
}

TEST(Gemm, EveryWayOfPacking) {
  std::mt19937 rng(8);
  for (const int64_t m : {5, 70, 135}) {
    for (const int64_t n : {7, 40, 100}) {
      for (const Layout a : {Layout{40, 1}, Layout{1, 700}, Layout{80, 2}, Layout{0, 1}, Layout{1, 0}}) {
        for (const Layout b : {Layout{1100, 1}, Layout{1, 40}, Layout{2, 90}, Layout{0, 1}, Layout{1, 0}}) {
          check_shape<float>(rng, m, n, 40, a, b, false);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
  check_shape<double>(rng, 70, 100, 300, {1, 700}, {1, 300}, false);
  check_shape<float>(rng, 31, 101, 513, {513, 1}, {1, 513}, false);
  check_shape<float>(rng, 64, 50, 270, {1, 64}, {1, 270}, false);
  check_shape<float>(rng, 130, 1700, 5, {5, 1}, {1700, 1}, false);
}

TEST(Gemm, NothingToSumIsPositiveZero) {
  for (const Isa& isa : isas()) {
    float c[6] = {1, -1, 2, -2, 3, -3};
    int calls = 0;
    Gemm g;
    g.m = 2, g.n = 3, g.c = c, g.c_row = 3, g.ctx = &calls;
    g.epilogue = [](void* ctx, const GemmBlock& block) {
      EXPECT_EQ(block.rows, 2);
      EXPECT_EQ(block.cols, 3);
      ++*static_cast<int*>(ctx);
    };
    isa.run(g);
    for (const float x : c) EXPECT_EQ(std::bit_cast<uint32_t>(x), 0u);
    EXPECT_EQ(calls, 1);
  }
}

TEST(Gemm, ProductsOfZerosEndAsPositiveZero) {
  const float a[2] = {-0.0f, 0.0f}, b[2] = {1.0f, -1.0f};
  float c = 1;
  Gemm g;
  g.m = g.n = 1, g.k = 2, g.a = a, g.a_row = 2, g.a_col = 1, g.b = b, g.b_row = 1, g.b_col = 1, g.c = &c, g.c_row = 1;
  isas().front().run(g);
  EXPECT_EQ(std::bit_cast<uint32_t>(c), 0u);
}

TEST(Gemm, ARowAloneEqualsTheRowInABatch) {
  std::mt19937 rng(5);
  const int64_t m = 37, n = 83, k = 300;
  const auto a = numbers<float>(rng, m, k, k, 1, false);
  const auto b = numbers<float>(rng, k, n, n, 1, false);
  for (const Isa& isa : isas()) {
    std::vector<float> batch(m * n), row(n);
    Gemm g;
    g.m = m, g.n = n, g.k = k, g.a = a.data(), g.a_row = k, g.a_col = 1, g.b = b.data(), g.b_row = n, g.b_col = 1;
    g.c = batch.data(), g.c_row = n;
    isa.run(g);
    for (int64_t i = 0; i < m; ++i) {
      Gemm one = g;
      one.m = 1, one.a += i * k, one.c = row.data();
      isa.run(one);
      ASSERT_EQ(std::memcmp(row.data(), batch.data() + i * n, sizeof(float) * n), 0) << "row " << i;
    }
  }
}

struct Seen {
  const Gemm* whole;
  std::vector<int> times;
  std::vector<float> at_call;
  bool full_width = true;
};

TEST(Gemm, EpilogueSeesEveryFinishedElementOnce) {
  std::mt19937 rng(6);
  for (const auto& [m, n, k] :
       {std::array<int64_t, 3>{300, 70, 300}, {700, 10, 20}, {5, 200, 513}, {1, 90, 30}, {3, 5, 4}}) {
    const auto a = numbers<float>(rng, m, k, k, 1, false);
    const auto b = numbers<float>(rng, k, n, n, 1, false);
    for (const Isa& isa : isas()) {
      for (const int threads : {1, 2, 5, -1, -2}) {  // negative: B is given transposed
        std::vector<float> c(static_cast<size_t>(m * n));
        Gemm g;
        g.m = m, g.n = n, g.k = k, g.a = a.data(), g.a_row = k, g.a_col = 1, g.b = b.data(), g.b_row = n, g.b_col = 1;
        g.c = c.data(), g.c_row = n;
        if (threads < 0) g.b_row = 1, g.b_col = k;
        Seen seen{&g, std::vector<int>(c.size()), std::vector<float>(c.size())};
        g.ctx = &seen;
        g.epilogue = [](void* ctx, const GemmBlock& b) {
          Seen& s = *static_cast<Seen*>(ctx);
          for (int64_t r = b.i; r < b.i + b.rows; ++r) {
            for (int64_t q = b.j; q < b.j + b.cols; ++q) {
              const size_t at = static_cast<size_t>(r * s.whole->n + q);
              ++s.times[at];
              s.at_call[at] = s.whole->c[at];
              s.whole->c[at] = -1;
            }
          }
        };
        std::vector<Gemm> parts(static_cast<size_t>(std::abs(threads)));
        const int64_t count = gemm_split(g, std::abs(threads), parts.data());
        ASSERT_GE(count, 1);
        for (int64_t p = 0; p < count; ++p) isa.run(parts[static_cast<size_t>(p)]);
        for (int64_t i = 0; i < m * n; ++i) {
          ASSERT_EQ(seen.times[static_cast<size_t>(i)], 1) << describe(g, isa) << " element " << i;
          ASSERT_TRUE(same_bits(seen.at_call[static_cast<size_t>(i)], reference(g, i / n, i % n)));
          ASSERT_EQ(c[static_cast<size_t>(i)], -1) << "written after its epilogue";
        }
      }
    }
  }
}

TEST(Gemm, AProductThatPassesByHasTheSameBits) {
  std::mt19937 rng(8);
  for (const auto& [m, n, k] : {std::array<int64_t, 3>{65, 64, 1}, {150, 70, 256}, {200, 900, 300}, {130, 100, 1500}}) {
    for (const int form : {0, 1, 2}) {  // A or B may be given transposed
      const auto a = numbers<float>(rng, m, k, k, 1, true);
      const auto b = numbers<float>(rng, k, n, n, 1, true);
      Gemm g;
      g.m = m, g.n = n, g.k = k, g.a = a.data(), g.a_row = k, g.a_col = 1, g.b = b.data(), g.b_row = n, g.b_col = 1;
      if (form == 1) g.a_row = 1, g.a_col = m;
      if (form == 2) g.b_row = 1, g.b_col = k;
      for (const Isa& isa : isas()) {
        std::vector<float> c(static_cast<size_t>(m * n));
        std::vector<int> times(c.size());
        struct Out {
          float* c;
          int* times;
          int64_t n;
        } out{c.data(), times.data(), n};
        g.ctx = &out;
        g.epilogue = [](void* ctx, const GemmBlock& block) {
          const Out& o = *static_cast<Out*>(ctx);
          for (int64_t r = 0; r < block.rows; ++r) {
            for (int64_t s = 0; s < block.cols; ++s) {
              const int64_t at = (block.i + r) * o.n + block.j + s;
              o.c[at] = static_cast<const float*>(block.c)[r * block.c_row + s];
              ++o.times[at];
            }
          }
        };
        for (const int threads : {1, 3}) {
          std::vector<Gemm> parts(static_cast<size_t>(threads));
          std::ranges::fill(times, 0);
          const int64_t count = gemm_split(g, threads, parts.data());
          for (int64_t p = 0; p < count; ++p) isa.run(parts[static_cast<size_t>(p)]);
          for (int64_t i = 0; i < m * n; ++i) {
            const auto at = static_cast<size_t>(i);
            ASSERT_EQ(times[at], 1) << describe(g, isa) << " element " << i;
            ASSERT_TRUE(same_bits(c[at], reference(g, i / n, i % n))) << describe(g, isa) << " element " << i;
          }
        }
      }
    }
  }
}

TEST(Gemm, SplitCoversTheWholeAndKeepsTheBits) {
  std::mt19937 rng(7);
  for (const auto& [m, n, k] :
       {std::array<int64_t, 3>{128, 130, 400}, {8, 2000, 200}, {1, 4097, 256}, {1000, 10, 300}}) {
    const auto a = numbers<float>(rng, m, k, k, 1, false);
    const auto b = numbers<float>(rng, k, n, n, 1, false);
    std::vector<float> whole(static_cast<size_t>(m * n)), split(whole.size());
    Gemm g;
    g.m = m, g.n = n, g.k = k, g.a = a.data(), g.a_row = k, g.a_col = 1, g.b = b.data(), g.b_row = n, g.b_col = 1;
    g.c = whole.data(), g.c_row = n;
    const Isa& isa = isas().back();
    isa.run(g);
    g.c = split.data();
    for (const int threads : {2, 3, 4}) {
      std::fill(split.begin(), split.end(), 77.0f);
      std::vector<Gemm> parts(static_cast<size_t>(threads));
      const int64_t count = gemm_split(g, threads, parts.data());
      EXPECT_GT(count, 1);
      for (int64_t p = 0; p < count; ++p) isa.run(parts[static_cast<size_t>(p)]);
      EXPECT_EQ(std::memcmp(whole.data(), split.data(), sizeof(float) * whole.size()), 0) << m << " x " << n;
    }
  }
  Gemm small;
  small.m = 64, small.n = small.k = 4;
  Gemm parts[4];
  EXPECT_EQ(gemm_split(small, 4, parts), 1);
}

}  // namespace
}  // namespace duet::cpu
