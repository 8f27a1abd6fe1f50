#include "lines/here.h"

namespace duet {
namespace {

TEST(Lines, Optimisers) {
  nn::Linear m = nn::Linear::init(3, 2, Key(1)), g = nn::Linear::init(3, 3, Key(1));
  optim::AdamW adamw = optim::AdamW::init(m);
  optim::Lion lion = optim::Lion::init(m);
  optim::Sgd sgd = optim::Sgd::init(m, 0.9f, {.nesterov = true});
  EXPECT_HERE(adamw.update(m, g, 0.1f));
  EXPECT_HERE(lion.update(m, g, 0.1f));
  EXPECT_HERE(sgd.update(m, g, 0.1f));
  EXPECT_HERE(adamw.update(m, m, kEmpty));
  EXPECT_HERE(lion.update(m, m, kEmpty));
  EXPECT_HERE(sgd.update(m, m, kEmpty));
  EXPECT_HERE(optim::Sgd::init(m, 0, {.nesterov = true}));
  EXPECT_HERE(optim::clip_by_global_norm(m, 0));
  EXPECT_HERE(optim::clip_by_global_norm(m, kEmpty));
}

TEST(Lines, Schedules) {
  EXPECT_HERE(optim::constant(-1, 1));
  EXPECT_HERE(optim::warmup(-1, 1, 1));
  EXPECT_HERE(optim::warmup_cosine(-1, 1, 1, 2));
  EXPECT_HERE(optim::warmup_cosine(0, 1, 2, 2));
  EXPECT_HERE(optim::exponential_decay(-1, 1, 0.5f));
  EXPECT_HERE(optim::step_decay(-1, 1, 0.5f, 2));
}

}  // namespace
}  // namespace duet
