// Normalisations, losses, dropout, attention and layers name the user's line.
#include "lines/here.h"

namespace duet {
namespace {

TEST(NeuralLines, Operations) {
  const Tensor c = ones({3}), four = ones({4});
  for (const Tensor& x : {kEmpty, Tensor(1.f)}) {
    EXPECT_HERE(rms_norm(x, c));
    EXPECT_HERE(group_norm(x, 1, c, c));
    EXPECT_HERE(batch_norm(x, c, c, c, c));
    EXPECT_HERE(batch_statistics(x));
    EXPECT_HERE(attention(x, x23(), x23()));
  }
  EXPECT_HERE(rms_norm(x23(), four));
  EXPECT_HERE(group_norm(x23(), 2, c, c));
  EXPECT_HERE(batch_norm(x23(), c, c, four, c));
  EXPECT_HERE(binary_cross_entropy(x23(), four));
  EXPECT_HERE(huber(x23(), four));
  EXPECT_HERE(huber(x23(), x23(), -1));
  EXPECT_HERE(dropout(x23(), 2, Key(1)));
  EXPECT_HERE(dropout(kEmpty, 0.5, Key(1)));
  EXPECT_HERE(attention(x23(), x23(), ones({4, 3})));
  EXPECT_HERE(attention(x23(), x23(), x23(), {.mask = four}));
  const Tensor image = ones({1, 2, 3, 3});
  for (const Tensor& x : {kEmpty, Tensor(1.f)}) {
    EXPECT_HERE(conv2d(x, image));
    EXPECT_HERE(conv2d(image, x));
    EXPECT_HERE(max_pool2d(x, 2));
    EXPECT_HERE(avg_pool2d(x, 2));
    EXPECT_HERE(unfold(x, 2));
  }
  EXPECT_HERE(conv2d(image, image, {.stride = 0}));
  EXPECT_HERE(max_pool2d(image, 4));
  EXPECT_HERE(avg_pool2d(image, 4));
  EXPECT_HERE(unfold(image, 4));
}

TEST(NeuralLines, Layers) {
  EXPECT_HERE(nn::Embedding::init(0, 3, Key(1)));
  EXPECT_HERE(nn::Embedding::init(4, 3, Key(1))(tensor({4})));
  EXPECT_HERE(nn::Conv2d::init(0, 1, 1, Key(1)));
  EXPECT_HERE(nn::Conv2d::init(1, 1, 1, Key(1))(x23()));
  EXPECT_HERE(nn::LayerNorm::init(0));
  EXPECT_HERE(nn::LayerNorm::init(4)(x23()));
  EXPECT_HERE(nn::RMSNorm::init(0));
  EXPECT_HERE(nn::RMSNorm::init(4)(x23()));
  EXPECT_HERE(nn::GroupNorm::init(2, 3));
  EXPECT_HERE(nn::GroupNorm::init(2, 4)(x23()));
  EXPECT_HERE(nn::BatchNorm::init(0));
  EXPECT_HERE(nn::BatchNorm::init(4)(x23()));
  EXPECT_HERE(nn::BatchNorm::init(4).train(x23()));
  EXPECT_HERE(nn::Dropout{2}(x23(), Key(1)));
  EXPECT_HERE(nn::Dropout{}(kEmpty));
  EXPECT_HERE(nn::GruCell::init(0, 3, Key(1)));
  EXPECT_HERE(nn::GruCell::init(3, 2, Key(1))(x23(), x23()));
  EXPECT_HERE(nn::GruCell::init(3, 2, Key(1))(ones({4}), ones({2})));
  EXPECT_HERE(nn::MultiHeadAttention::init(4, 3, Key(1)));
  EXPECT_HERE(nn::MultiHeadAttention::init(4, 2, Key(1))(x23()));
  EXPECT_HERE(nn::MultiHeadAttention::init(3, 1, Key(1)).attend(x23(), ones({4})));
  nn::BatchNorm norm = nn::BatchNorm::init(3);
  EXPECT_HERE(nn::set_buffers(norm, {}));
}

}  // namespace
}  // namespace duet
