// Reductions, scans and sorts name the user's line.
#include "lines/here.h"

namespace duet {
namespace {

TEST(Lines, Reductions) {
  for (const Tensor& x : {kEmpty, Tensor(1.f)}) {
    EXPECT_HERE(duet::min(x, 3));
    EXPECT_HERE(prod(x, 3));
    EXPECT_HERE(reduce_any(x, 3));
    EXPECT_HERE(reduce_all(x, 3));
    EXPECT_HERE(argmin(x, 3));
    EXPECT_HERE(var(x, 3));
    EXPECT_HERE(var(x, 3, 1));
    EXPECT_HERE(stddev(x, 3));
    EXPECT_HERE(logsumexp(x, 3));
    EXPECT_HERE(var(x, {.axis = {0, 0}}, 1));
    EXPECT_HERE(cumsum(x, 3));
    EXPECT_HERE(sort(x, 3));
    EXPECT_HERE(argsort(x, 3));
    EXPECT_HERE(topk(x, 1, 3));
  }
  EXPECT_HERE(duet::min(zeros({0})));
  EXPECT_HERE(argmin(zeros({2, 0})));
  EXPECT_HERE(prod(x23(), {.axis = {0, 0}, .keepdims = true}));
  EXPECT_HERE(reduce_any(1.5f));
  EXPECT_HERE(logsumexp(tensor({1, 2})));
  EXPECT_HERE(stddev(2));
  EXPECT_HERE(cumsum(true, 0));
  EXPECT_HERE(sort(x23(), -3, true));
  EXPECT_HERE(topk(x23(), 4));
}

}  // namespace
}  // namespace duet
