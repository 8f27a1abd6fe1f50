// Convolution, pooling, unfold and fold, from their lists; and their special cases.
#include <gtest/gtest.h>

#include "ops/checks.h"

namespace duet::testing {
namespace {

TEST(ConvOpsTest, EveryOneOfTheLists) {
  auto fails = [](const std::string& wrong) { ADD_FAILURE() << wrong; };
  check_samples(family_samples<ConvComposites>(), fails);
  check_samples(family_samples<ConvOps>(), fails);
}

TEST(ConvOpsTest, TheFirstMaximumTakesTheGradient) {
  const Tensor x = reshape(tensor({1.f, 2.f, 2.f, 0.f, 3.f, NAN, 5.f, NAN, -1.f, -1.f, 7.f, 7.f, -1.f, -1.f, 7.f, 7.f}),
                           {1, 1, 4, 4});
  auto f = [](const Tensor& v) { return sum(max_pool2d(v, 2) * reshape(arange(4) + 1, {1, 1, 2, 2})); };
  const std::vector<float> g = grad(f)(x).to_vector();
  //                                   1  2  2  0  3  N  5  N            (the NaN of the first two windows)
  EXPECT_EQ(g, (std::vector<float>{0, 0, 0, 0, 0, 1, 0, 2, 3, 0, 4, 0, 0, 0, 0, 0}));
}

TEST(ConvOpsTest, ColumnsAndTheirGradientsAreThoseOfWindows) {
  Rng rng(4);
  const Tensor x = laid_out({3, 2, 7, 8}, f32, Layout::dense, drawing(rng, Draw::plain, f32));
  for (const Conv2dOptions& o : {Conv2dOptions{.padding = 1}, Conv2dOptions{.stride = {2, 1}, .padding = {0, 2}},
                                 Conv2dOptions{.padding = 2, .dilation = {1, 2}}}) {
    auto columns = [&](const Tensor& v) { return unfold(v, {3, 2}, o); };
    auto by_windows = [&](const Tensor& v) {
      const int64_t ph = o.padding.h, pw = o.padding.w;
      const Tensor y = transpose(windows(pad(v, {{0, 0}, {0, 0}, {ph, ph}, {pw, pw}}), 3, 2, o.stride.h, o.stride.w,
                                         o.dilation.h, o.dilation.w),
                                 {1, 4, 5, 0, 2, 3});
      return reshape(y, {2, 6, 3, y.shape(4), y.shape(5)});
    };
    EXPECT_EQ(bits(columns(x)), bits(contiguous(by_windows(x))));
    auto through = [](const auto& f) { return grad([f](const Tensor& v) { return sum(square(f(v)) * f(v)); }); };
    EXPECT_EQ(bits(through(columns)(x)), bits(through(by_windows)(x)));
  }
}

TEST(ConvOpsTest, ASampleDoesNotDependOnItsBatch) {
  Rng rng(3);
  const Tensor x = laid_out({9, 3, 6, 7}, f32, Layout::dense, drawing(rng, Draw::plain, f32)),
               w = laid_out({5, 3, 3, 3}, f32, Layout::dense, drawing(rng, Draw::plain, f32));
  const Tensor all = conv2d(x, w, {.padding = 1});
  for (int64_t i : {0, 4, 8}) EXPECT_EQ(bits(conv2d(x.slice(0, i, i + 1), w, {.padding = 1})[0]), bits(all[i]));
}

}  // namespace
}  // namespace duet::testing
