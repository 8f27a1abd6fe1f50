// Movements made of others, and flip.

#include <gtest/gtest.h>

#include "ops/checks.h"

namespace duet::testing {
namespace {

void fail(const std::string& wrong) { ADD_FAILURE() << wrong; }

TEST(RearrangeOpsTest, EveryOpOfTheList) { check_samples(family_samples<RearrangeOps>(), fail); }
TEST(RearrangeTest, EveryComposite) { check_samples(family_samples<RearrangeComposites>(), fail); }

TEST(RearrangeTest, ViewsShareStorageAndLaunchNothing) {
  const Tensor x = normal(Key(1), {1, 4, 5});
  const uint64_t before = thread_state.launches;
  EXPECT_EQ(squeeze(x).data<float>(), x.data<float>());
  EXPECT_EQ(squeeze(x, 0).data<float>(), x.data<float>());
  EXPECT_EQ(unsqueeze(x, 2).data<float>(), x.data<float>());
  EXPECT_EQ(roll(x, 10, 2).data<float>(), x.data<float>());
  EXPECT_EQ(repeat(x, {1, 1, 1}).data<float>(), x.data<float>());
  EXPECT_EQ(pad(x, {{0, 0}, {0, 0}, {0, 0}}).data<float>(), x.data<float>());
  const Tensor twice = flip(flip(x, 1), 1), rows = repeat(x, {3, 1, 1});
  EXPECT_EQ(twice.data<float>(), x.data<float>());
  EXPECT_FALSE(flip(x, 2).is_contiguous());
  EXPECT_TRUE(flip(x, 0).is_contiguous());
  EXPECT_EQ(rows.shape(), (Shape{3, 4, 5}));
  EXPECT_EQ(thread_state.launches, before);
}

TEST(RearrangeTest, StackOfMoreThanOneCallTakes) {
  Tensors all;
  for (int i = 0; i < 150; ++i) all.push_back(full({2}, i));
  const Tensor y = stack(all, 1);
  EXPECT_EQ(y.shape(), (Shape{2, 150}));
  EXPECT_EQ(y.to_vector<float>()[149], 149);
}

}  // namespace
}  // namespace duet::testing
