// Integer reductions: exact, wrapping, first of equals.

#include "cpu/reduce_int.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace duet::cpu {
namespace {

TEST(ReduceIntegers, RowsColumnsAndPlaces) {
  const std::vector<int32_t> x{3, -7, 3, 2, 9, 9};
  const Stream<int32_t> stream{x.data(), nullptr, nullptr};
  std::vector<int64_t> y(2);
  row_reduce_int(ReduceKind::sum, stream, 3, 0, 2, y.data());
  EXPECT_EQ(y, (std::vector<int64_t>{-1, 20}));
  row_reduce_int(ReduceKind::max, stream, 3, 0, 2, y.data());
  EXPECT_EQ(y, (std::vector<int64_t>{3, 9}));
  row_reduce_int(ReduceKind::min, stream, 3, 0, 2, y.data());
  EXPECT_EQ(y, (std::vector<int64_t>{-7, 2}));
  row_reduce_int(ReduceKind::prod, stream, 3, 0, 2, y.data());
  EXPECT_EQ(y, (std::vector<int64_t>{-63, 162}));
  row_place_int(ReduceKind::max, stream, 3, 0, 2, y.data());
  EXPECT_EQ(y, (std::vector<int64_t>{0, 1}));
  row_place_int(ReduceKind::min, stream, 3, 0, 2, y.data());
  EXPECT_EQ(y, (std::vector<int64_t>{1, 0}));
  y.resize(3);
  col_reduce_int(ReduceKind::sum, stream, 2, 3, {0, 1, 0, 3}, y.data());
  EXPECT_EQ(y, (std::vector<int64_t>{5, 2, 12}));
  col_reduce_int(ReduceKind::max, stream, 2, 3, {0, 1, 0, 3}, y.data());
  EXPECT_EQ(y, (std::vector<int64_t>{3, 9, 9}));
  col_reduce_int(ReduceKind::min, stream, 2, 3, {0, 1, 0, 3}, y.data());
  EXPECT_EQ(y, (std::vector<int64_t>{2, -7, 3}));
  col_reduce_int(ReduceKind::prod, stream, 2, 3, {0, 1, 0, 3}, y.data());
  EXPECT_EQ(y, (std::vector<int64_t>{6, -63, 27}));
  col_place_int(ReduceKind::max, stream, 2, 3, {0, 1, 0, 3}, y.data());
  EXPECT_EQ(y, (std::vector<int64_t>{0, 1, 1}));
  col_place_int(ReduceKind::min, stream, 2, 3, {0, 1, 0, 3}, y.data());
  EXPECT_EQ(y, (std::vector<int64_t>{1, 0, 0}));
}

TEST(ReduceIntegers, LongStreamsWrapAndCountBools) {
  std::vector<uint8_t> ones(10000, 1);
  struct Context {
    std::vector<uint8_t>* x;
  } context{&ones};
  const Stream<uint8_t> stream{nullptr,
                               [](void* ctx, int64_t begin, int64_t n, uint8_t* scratch) -> const uint8_t* {
                                 EXPECT_LE(n, kReduceChunk);
                                 std::copy_n(static_cast<Context*>(ctx)->x->begin() + begin, n, scratch);
                                 return scratch;
                               },
                               &context};
  int64_t y = 0;
  row_reduce_int(ReduceKind::sum, stream, 10000, 0, 1, &y);
  EXPECT_EQ(y, 10000);
  row_reduce_int(ReduceKind::sum, stream, 0, 0, 1, &y);
  EXPECT_EQ(y, 0);
  const std::vector<int64_t> large{std::numeric_limits<int64_t>::max(), 1};
  row_reduce_int(ReduceKind::sum, Stream<int64_t>{large.data(), nullptr, nullptr}, 2, 0, 1, &y);
  EXPECT_EQ(y, std::numeric_limits<int64_t>::min());
  row_reduce_int(ReduceKind::prod, stream, 0, 0, 1, &y);
  EXPECT_EQ(y, 1);
  row_reduce_int(ReduceKind::min, stream, 0, 0, 1, &y);
  EXPECT_EQ(y, std::numeric_limits<int64_t>::max());
  const std::vector<int64_t> powers{int64_t{1} << 62, 2, 3};
  row_reduce_int(ReduceKind::prod, Stream<int64_t>{powers.data(), nullptr, nullptr}, 3, 0, 1, &y);
  EXPECT_EQ(y, std::numeric_limits<int64_t>::min());
}

TEST(ReduceIntegers, TruthOfRows) {
  std::vector<float> x(3 * 9000, 0.0f);
  x[4000] = -0.0f;
  x[9000 + 8999] = std::numeric_limits<float>::quiet_NaN();
  std::fill_n(x.begin() + 18000, 9000, 1e-45f);
  const Stream<float> stream{x.data(), nullptr, nullptr};
  std::vector<uint8_t> y(3, 7);
  row_truth<false>(stream, 9000, 0, 3, y.data());
  EXPECT_EQ(y, (std::vector<uint8_t>{0, 1, 1}));
  row_truth<true>(stream, 9000, 0, 3, y.data());
  EXPECT_EQ(y, (std::vector<uint8_t>{0, 0, 1}));
  x[18000 + 5000] = 0;
  row_truth<true>(stream, 9000, 2, 3, y.data());
  EXPECT_EQ(y, (std::vector<uint8_t>{0, 0, 0})) << "row 2 alone";
  row_truth<false>(stream, 0, 0, 1, y.data());
  EXPECT_EQ(y[0], 0) << "of nothing";
  row_truth<true>(stream, 0, 0, 1, y.data());
  EXPECT_EQ(y[0], 1) << "of nothing";
}

TEST(ReduceIntegers, TruthOfColumns) {
  const std::vector<double> x{0, -0.0, 1, std::numeric_limits<double>::quiet_NaN(), 0, -2};
  const Stream<double> stream{x.data(), nullptr, nullptr};
  std::vector<uint8_t> y(3, 7);
  col_truth<false>(stream, 2, 3, {0, 1, 0, 3}, y.data());
  EXPECT_EQ(y, (std::vector<uint8_t>{1, 0, 1}));
  col_truth<true>(stream, 2, 3, {0, 1, 0, 3}, y.data());
  EXPECT_EQ(y, (std::vector<uint8_t>{0, 0, 1}));
  col_truth<true>(stream, 0, 3, {0, 1, 1, 3}, y.data());
  EXPECT_EQ(y, (std::vector<uint8_t>{0, 1, 1})) << "of nothing";
}

}  // namespace
}  // namespace duet::cpu
