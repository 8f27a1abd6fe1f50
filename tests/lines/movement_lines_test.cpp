// Movements and operations with indices name the user's line.
#include "lines/here.h"

namespace duet {
namespace {

TEST(Lines, Rearrange) {
  for (const Tensor& x : {kEmpty, Tensor(1.f)}) {
    EXPECT_HERE(squeeze(x, 1));
    EXPECT_HERE(unsqueeze(x, 5));
    EXPECT_HERE(stack({x, x}, 4));
    EXPECT_HERE(flip(x, 1));
    EXPECT_HERE(roll(x, 1, 2));
    EXPECT_HERE(repeat(x, {-1}));
    EXPECT_HERE(pad(x, {{-1, 1}}));
    EXPECT_HERE(tril(x));
    EXPECT_HERE(triu(x));
    EXPECT_HERE(update(x, 0, 0, x));
    EXPECT_HERE(windows(x, 2, 2));
    EXPECT_HERE(take_along_axis(x, tensor({0}), 0));
    EXPECT_HERE(scatter_add_along_axis(x, tensor({0}), x, 0));
    EXPECT_HERE(take(x, tensor({7})));
    EXPECT_HERE(embedding(x, tensor({7})));
  }
  EXPECT_HERE(squeeze(kEmpty));
  EXPECT_HERE(stack({}));
  EXPECT_HERE(pad(x23(), {{1, 1}, {1, 1}}, x23()));
  EXPECT_HERE(repeat(x23(), {1, 1, 1, 1, 1, 1, 1}));
}

TEST(Lines, IndicesInTheData) {
  const Tensor bad = tensor({{7, 0, 0}});
  EXPECT_HERE(take(x23(), bad));
  EXPECT_HERE(embedding(x23(), bad));
  EXPECT_HERE(take_along_axis(x23(), bad, 1));
  EXPECT_HERE(scatter_add_along_axis(x23(), bad, x23(), 1));
  EXPECT_HERE(compile([](const Tensor& x, const Tensor& k) { return take_along_axis(x, k, 1); })(x23(), bad));
  EXPECT_HERE(freeze([](const Tensor& x, const Tensor& k) { return embedding(x, k); })(x23(), bad));
}

}  // namespace
}  // namespace duet
