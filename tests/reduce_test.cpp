// The reductions against the scalar form of their two orders, on every instruction set.

#include "cpu/reduce.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace duet::cpu {
namespace {

template <class T>
struct Kernels {
  std::string name;
  void (*row_reduce)(ReduceKind, const Stream<T>&, int64_t, int64_t, int64_t, T*);
  void (*row_chunks)(ReduceKind, const Stream<T>&, int64_t, int64_t, int64_t, int64_t, T*);
  void (*col_reduce)(ReduceKind, const Stream<T>&, int64_t, int64_t, const ColumnRange&, T*);
  void (*col_chain)(ReduceKind, const T*, int64_t, int64_t, bool, T*);
  void (*col_join)(ReduceKind, T*, int64_t, int64_t);
  void (*row_place)(ReduceKind, const Stream<T>&, int64_t, int64_t, int64_t, int64_t*);
  void (*col_place)(ReduceKind, const Stream<T>&, int64_t, int64_t, const ColumnRange&, int64_t*);
};

#define DUET_KERNELS(isa)                                                                                   \
  Kernels<T> {                                                                                              \
#isa, isa::row_reduce, isa::row_chunks, isa::col_reduce, isa::col_chain, isa::col_join, isa::row_place, \
        isa::col_place                                                                                      \
  }

template <class T>
std::vector<Kernels<T>> kernels() {
#if defined(__x86_64__)
  std::vector<Kernels<T>> all{DUET_KERNELS(v3)};
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) all.push_back(DUET_KERNELS(v4));
  return all;
#else
  return {DUET_KERNELS(base)};
#endif
}

template <class T>
T combine(ReduceKind kind, T a, T b) {
  if (kind == ReduceKind::sum) return a + b;
  if (kind == ReduceKind::prod) return a * b;
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<T>::quiet_NaN();
  return (kind == ReduceKind::max ? a > b : a < b) ? a : b;
}

template <class T>
T identity(ReduceKind kind) {
  constexpr T kInf = std::numeric_limits<T>::infinity();
  switch (kind) {
    case ReduceKind::sum:
      return T(-0.0);
    case ReduceKind::max:
      return -kInf;
    case ReduceKind::min:
      return kInf;
    case ReduceKind::prod:
      break;
  }
  return T(1);
}

template <class T>
T empty(ReduceKind kind) {
  return kind == ReduceKind::sum ? T(0) : identity<T>(kind);
}

template <class T>
T row_reference(ReduceKind kind, const std::vector<T>& x) {
  if (x.empty()) return empty<T>(kind);
  if (x.size() <= 4096) {
    std::vector<T> lanes(128, identity<T>(kind));
    for (size_t j = 0; j < x.size(); ++j) lanes[j % 128] = combine(kind, lanes[j % 128], x[j]);
    for (size_t s = 64; s > 0; s /= 2) {
      for (size_t l = 0; l < s; ++l) lanes[l] = combine(kind, lanes[l], lanes[l + s]);
    }
    return lanes[0];
  }
  std::vector<T> results;
  for (size_t begin = 0; begin < x.size(); begin += 4096) {
    const size_t end = std::min(x.size(), begin + 4096);
    results.push_back(row_reference(
        kind, std::vector<T>(x.begin() + static_cast<int64_t>(begin), x.begin() + static_cast<int64_t>(end))));
  }
  return row_reference(kind, results);
}

template <class T>
T column_reference(ReduceKind kind, const std::vector<T>& x) {
  if (x.empty()) return empty<T>(kind);
  std::vector<T> level;
  for (size_t begin = 0; begin < x.size(); begin += 32) {
    T chain = identity<T>(kind);
    for (size_t r = begin; r < std::min(x.size(), begin + 32); ++r) chain = combine(kind, chain, x[r]);
    level.push_back(chain);
  }
  while (level.size() > 1) {
    std::vector<T> next;
    for (size_t i = 0; i + 1 < level.size(); i += 2) next.push_back(combine(kind, level[i], level[i + 1]));
    if (level.size() % 2 != 0) next.push_back(level.back());
    level = next;
  }
  return level[0];
}

template <class T>
bool same_bits(T a, T b) {
  return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof(T)) == 0;
}

enum class Content { normal, zeros, special };

template <class T>
std::vector<T> numbers(std::mt19937& rng, int64_t n, Content content) {
  std::vector<T> x(static_cast<size_t>(n));
  std::normal_distribution<double> normal;
  for (T& v : x) {
    v = static_cast<T>(normal(rng));
    if (content == Content::zeros) v = rng() % 2 == 0 ? T(0) : -T(0);
    if (content == Content::special) {
      switch (rng() % 40) {
        case 0:
          v = std::numeric_limits<T>::quiet_NaN();
          break;
        case 1:
          v = std::numeric_limits<T>::infinity();
          break;
        case 2:
          v = -std::numeric_limits<T>::infinity();
          break;
        default:
          break;
      }
    }
  }
  return x;
}

/// The same elements through get(): copied into scratch, behind a canary, or pointed to.
template <class T>
struct Producer {
  const std::vector<T>* x;
  bool copies;
  static const T* get(void* ctx, int64_t begin, int64_t n, T* scratch) {
    const Producer& self = *static_cast<Producer*>(ctx);
    EXPECT_GE(begin, 0);
    EXPECT_GT(n, 0);
    EXPECT_LE(n, kReduceChunk);
    EXPECT_LE(begin + n, static_cast<int64_t>(self.x->size()));
    if (!self.copies) return self.x->data() + begin;
    std::copy_n(self.x->begin() + begin, n, scratch);
    return scratch;
  }
};

template <class T>
class Reduce : public testing::Test {
 protected:
  /// Runs body with the elements direct, through scratch, and through a producer's own memory.
  template <class Body>
  void with_streams(const std::vector<T>& x, const Body& body) {
    body(Stream<T>{x.data(), nullptr, nullptr}, "direct");
    Producer<T> copying{&x, true}, pointing{&x, false};
    body(Stream<T>{nullptr, Producer<T>::get, &copying}, "copying");
    body(Stream<T>{nullptr, Producer<T>::get, &pointing}, "pointing");
  }

  std::mt19937 rng_{11};
};

using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Reduce, Types);

constexpr ReduceKind kKinds[] = {ReduceKind::sum, ReduceKind::max, ReduceKind::min, ReduceKind::prod};
constexpr Content kContents[] = {Content::normal, Content::zeros, Content::special};

TYPED_TEST(Reduce, RowsEqualTheScalarOrder) {
  using T = TypeParam;
  for (const int64_t n :
       {0,   1,   2,   3,   4,   5,    7,    8,    9,    10,   15,   16,   17,   31,   32,   33,   47,
        63,  64,  65,  96,  100, 127,  128,  129,  143,  144,  145,  191,  192,  193,  200,  255,  256,
        257, 300, 500, 640, 768, 1000, 1023, 1024, 4095, 4096, 4097, 4224, 8191, 8192, 8193, 13000}) {
    for (const int64_t rows : {1, 2, 7, 8, 9, 16, 17, 37}) {
      if (n * rows > 70000) continue;
      for (const Content content : kContents) {
        const std::vector<T> x = numbers<T>(this->rng_, n * rows, content);
        for (const ReduceKind kind : kKinds) {
          std::vector<T> want;
          for (int64_t r = 0; r < rows; ++r) {
            want.push_back(row_reference(kind, std::vector<T>(x.begin() + r * n, x.begin() + (r + 1) * n)));
          }
          for (const Kernels<T>& isa : kernels<T>()) {
            this->with_streams(x, [&](const Stream<T>& stream, const char* how) {
              std::vector<T> y(static_cast<size_t>(rows) + 1, T(77));
              const int64_t cut = rows / 3;
              isa.row_reduce(kind, stream, n, 0, cut, y.data());
              isa.row_reduce(kind, stream, n, cut, rows, y.data());
              for (int64_t r = 0; r < rows; ++r) {
                const size_t at = static_cast<size_t>(r);
                ASSERT_TRUE(same_bits(y[at], want[at])) << isa.name << " " << how << " n " << n << " row " << r
                                                        << " of " << rows << ": " << y[at] << " vs " << want[at];
              }
              ASSERT_EQ(y.back(), T(77)) << "wrote beyond its rows";
            });
            if (this->HasFatalFailure()) return;
          }
        }
      }
    }
  }
}

TYPED_TEST(Reduce, ALongRowInPartsKeepsItsBits) {
  using T = TypeParam;
  for (const int64_t n :
       {int64_t{4097}, int64_t{100000}, int64_t{4096} * 130, int64_t{4096} * (sizeof(T) == 4 ? 4096 : 1) + 5}) {
    const std::vector<T> x = numbers<T>(this->rng_, n, Content::normal);
    const int64_t chunks = (n + kReduceChunk - 1) / kReduceChunk;
    for (const ReduceKind kind : kKinds) {
      const T want = row_reference(kind, x);
      for (const Kernels<T>& isa : kernels<T>()) {
        const Stream<T> stream{x.data(), nullptr, nullptr};
        T whole = 0, joined = 0;
        isa.row_reduce(kind, stream, n, 0, 1, &whole);
        EXPECT_TRUE(same_bits(whole, want)) << isa.name << " n " << n;
        std::vector<T> results(static_cast<size_t>(chunks));
        const int64_t cuts[] = {0, chunks / 3, chunks / 2, chunks};
        for (int p = 0; p < 3; ++p) isa.row_chunks(kind, stream, n, 0, cuts[p], cuts[p + 1], results.data());
        isa.row_reduce(kind, Stream<T>{results.data(), nullptr, nullptr}, chunks, 0, 1, &joined);
        EXPECT_TRUE(same_bits(joined, want)) << isa.name << " n " << n;
      }
    }
  }
}

TYPED_TEST(Reduce, ColumnsEqualTheScalarOrder) {
  using T = TypeParam;
  for (const int64_t n : {0, 1, 2, 31, 32, 33, 63, 64, 65, 95, 96, 97, 129, 160, 224, 1000}) {
    for (const int64_t inner : {1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 33, 63, 64, 65, 100, 127, 128, 129, 130, 300}) {
      for (const int64_t outer : {1, 3}) {
        if (n * inner * outer > 50000) continue;
        for (const Content content : kContents) {
          const std::vector<T> x = numbers<T>(this->rng_, outer * n * inner, content);
          for (const ReduceKind kind : kKinds) {
            std::vector<T> want;
            for (int64_t o = 0; o < outer; ++o) {
              for (int64_t i = 0; i < inner; ++i) {
                std::vector<T> column;
                for (int64_t r = 0; r < n; ++r) column.push_back(x[static_cast<size_t>((o * n + r) * inner + i)]);
                want.push_back(column_reference(kind, column));
              }
            }
            for (const Kernels<T>& isa : kernels<T>()) {
              this->with_streams(x, [&](const Stream<T>& stream, const char* how) {
                std::vector<T> y(want.size() + 1, T(77));
                const int64_t cut = inner / 2;
                isa.col_reduce(kind, stream, n, inner, {0, outer, 0, cut}, y.data());
                isa.col_reduce(kind, stream, n, inner, {0, outer, cut, inner}, y.data());
                for (size_t i = 0; i < want.size(); ++i) {
                  ASSERT_TRUE(same_bits(y[i], want[i])) << isa.name << " " << how << " " << outer << "x" << n << "x"
                                                        << inner << " at " << i << ": " << y[i] << " vs " << want[i];
                }
                ASSERT_EQ(y.back(), T(77)) << "wrote beyond its columns";
              });
              if (this->HasFatalFailure()) return;
            }
          }
        }
      }
    }
  }
}

TYPED_TEST(Reduce, ColumnsInChunksKeepTheirBits) {
  using T = TypeParam;
  for (const int64_t n : {1, 32, 33, 1000, 4096, 5001}) {
    for (const int64_t inner : {1, 10, 130}) {
      const std::vector<T> x = numbers<T>(this->rng_, n * inner, Content::normal);
      const Stream<T> stream{x.data(), nullptr, nullptr};
      for (const ReduceKind kind : kKinds) {
        for (const Kernels<T>& isa : kernels<T>()) {
          std::vector<T> whole(static_cast<size_t>(inner));
          isa.col_reduce(kind, stream, n, inner, {0, 1, 0, inner}, whole.data());
          for (const int64_t at_once : {1, 4, 5, 32}) {
            const int64_t count = (n + kColumnChunk - 1) / kColumnChunk;
            std::vector<T> parts(static_cast<size_t>(count * inner));
            for (int64_t p = 0; p < count; ++p) {
              const int64_t begin = p * kColumnChunk, end = std::min(n, begin + kColumnChunk);
              for (int64_t r = begin; r < end; r += at_once)
                isa.col_chain(kind, x.data() + r * inner, std::min(at_once, end - r), inner, r == begin,
                              parts.data() + p * inner);
            }
            isa.col_join(kind, parts.data(), count, inner);
            for (int64_t i = 0; i < inner; ++i)
              ASSERT_TRUE(same_bits(parts[static_cast<size_t>(i)], whole[static_cast<size_t>(i)]))
                  << isa.name << " " << n << "x" << inner << " by " << at_once;
          }
        }
      }
    }
  }
}

TYPED_TEST(Reduce, SignsOfZeroSums) {
  using T = TypeParam;
  for (const Kernels<T>& isa : kernels<T>()) {
    const std::vector<T> negative(5000, -T(0));
    T y = 1;
    for (const int64_t n : {1, 16, 100, 4096, 5000}) {
      isa.row_reduce(ReduceKind::sum, {negative.data(), nullptr, nullptr}, n, 0, 1, &y);
      EXPECT_TRUE(same_bits(y, -T(0))) << isa.name << " n " << n;
      isa.col_reduce(ReduceKind::sum, {negative.data(), nullptr, nullptr}, n, 1, {0, 1, 0, 1}, &y);
      EXPECT_TRUE(same_bits(y, -T(0))) << isa.name << " n " << n;
    }
    isa.row_reduce(ReduceKind::sum, {negative.data(), nullptr, nullptr}, 0, 0, 1, &y);
    EXPECT_TRUE(same_bits(y, T(0)));
    isa.col_reduce(ReduceKind::sum, {negative.data(), nullptr, nullptr}, 0, 1, {0, 1, 0, 1}, &y);
    EXPECT_TRUE(same_bits(y, T(0)));
  }
}

template <class T>
int64_t place_reference(ReduceKind kind, const std::vector<T>& x) {
  for (size_t j = 0; j < x.size(); ++j) {
    if (std::isnan(x[j])) return static_cast<int64_t>(j);
  }
  const auto at = kind == ReduceKind::max ? std::max_element(x.begin(), x.end()) : std::min_element(x.begin(), x.end());
  return at - x.begin();
}

TYPED_TEST(Reduce, PlacesAreOfTheFirstExtremumOrTheFirstNaN) {
  using T = TypeParam;
  for (const int64_t n : {1, 2, 3, 10, 15, 16, 17, 100, 129, 4095, 4096, 4097, 9000}) {
    for (const int64_t others : {1, 3, 20}) {
      if (n * others > 30000) continue;
      for (int trial = 0; trial < 12; ++trial) {
        std::vector<T> x = numbers<T>(this->rng_, n * others, trial % 4 == 0 ? Content::zeros : Content::normal);
        if (trial % 4 == 1) {
          for (T& v : x) v = std::floor(v);  // many ties
        }
        if (trial % 4 == 2)
          x[this->rng_() % x.size()] = x[this->rng_() % x.size()] = std::numeric_limits<T>::quiet_NaN();
        if (trial == 3) std::fill(x.begin(), x.end(), -std::numeric_limits<T>::infinity());
        if (trial == 7) std::fill(x.begin(), x.end(), std::numeric_limits<T>::infinity());
        for (const ReduceKind kind : {ReduceKind::max, ReduceKind::min}) {
          std::vector<int64_t> rows_want, cols_want;
          for (int64_t o = 0; o < others; ++o) {
            rows_want.push_back(place_reference(kind, std::vector<T>(x.begin() + o * n, x.begin() + (o + 1) * n)));
            std::vector<T> column;
            for (int64_t r = 0; r < n; ++r) column.push_back(x[static_cast<size_t>(r * others + o)]);
            cols_want.push_back(place_reference(kind, column));
          }
          for (const Kernels<T>& isa : kernels<T>()) {
            this->with_streams(x, [&](const Stream<T>& stream, const char* how) {
              std::vector<int64_t> y(static_cast<size_t>(others), -1);
              isa.row_place(kind, stream, n, 0, others, y.data());
              ASSERT_EQ(y, rows_want) << isa.name << " " << how << " n " << n << " trial " << trial;
              isa.col_place(kind, stream, n, others, {0, 1, 0, others}, y.data());
              ASSERT_EQ(y, cols_want) << isa.name << " " << how << " n " << n << " trial " << trial;
            });
            if (this->HasFatalFailure()) return;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace duet::cpu
