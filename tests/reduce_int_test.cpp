// Integer reductions: exact, wrapping, first of equals.

#include "cpu/reduce_int.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace duet::cpu {
namespace {

TEST(ReduceIntegers, RowsColumnsAndArgmax) {
  const std::vector<int32_t> x{3, -7, 3, 2, 9, 9};
  const Stream<int32_t> stream{x.data(), nullptr, nullptr};
  std::vector<int64_t> y(2);
  row_reduce_int(ReduceKind::sum, stream, 3, 0, 2, y.data());
  EXPECT_EQ(y, (std::vector<int64_t>{-1, 20}));
  row_reduce_int(ReduceKind::max, stream, 3, 0, 2, y.data());
  EXPECT_EQ(y, (std::vector<int64_t>{3, 9}));
  row_argmax_int(stream, 3, 0, 2, y.data());
  EXPECT_EQ(y, (std::vector<int64_t>{0, 1}));
  y.resize(3);
  col_reduce_int(ReduceKind::sum, stream, 2, 3, {0, 1, 0, 3}, y.data());
  EXPECT_EQ(y, (std::vector<int64_t>{5, 2, 12}));
  col_reduce_int(ReduceKind::max, stream, 2, 3, {0, 1, 0, 3}, y.data());
  EXPECT_EQ(y, (std::vector<int64_t>{3, 9, 9}));
  col_argmax_int(stream, 2, 3, {0, 1, 0, 3}, y.data());
  EXPECT_EQ(y, (std::vector<int64_t>{0, 1, 1}));
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
}

}  // namespace
}  // namespace duet::cpu
