// Pointwise operations name the user's line.
#include "lines/here.h"

namespace duet {
namespace {

TEST(PointwiseLines, Functions) {
  using Unary = Tensor (*)(const Operand&);
  const Unary all[] = {sign, log1p, floor, ceil, round, isnan, isinf, logical_not};
  for (Unary f : all) EXPECT_HERE(f(kEmpty));
  const Tensor bad = ones({4}), mask = x23() > 0;
  EXPECT_HERE(leaky_relu(kEmpty));
  EXPECT_HERE(leaky_relu(tensor({1, 2}), 0.1f));
  EXPECT_HERE(clamp(x23(), x23(), bad));
  EXPECT_HERE(clamp(x23(), 0, bad));
  EXPECT_HERE(clamp(tensor({1, 2}), 0.5, 2));
  EXPECT_HERE(logical_and(mask, x23()));
  EXPECT_HERE(logical_or(mask, bad > 0));
  EXPECT_HERE(mask & x23());
  EXPECT_HERE(x23() | mask);
  EXPECT_HERE(mask | (bad > 0));
}

// The language has a ! of its own for what converts to bool, so this one can take no Operand, which knows the line.
TEST(PointwiseLines, NotNamesNoLineRatherThanOneInsideDuet) {
  try {
    !kEmpty;
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& e) {
    EXPECT_EQ(e.line().file, nullptr);
    EXPECT_STREQ(e.what(), "logical_not: operand 1 is an empty Tensor; give it a value first");
  }
}

}  // namespace
}  // namespace duet
