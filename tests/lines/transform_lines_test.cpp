// Lines of the transforms' errors.
#include "lines/here.h"

#include <fmt/format.h>

namespace duet {
namespace {

TEST(TransformLines, Here) {
  auto twice = [](const Tensor& t) { return t * 2; };
  EXPECT_HERE(jvp(twice, x23(), ones({2})));
  EXPECT_HERE(jvp(twice, x23(), ones({2, 3}, f64)));
  EXPECT_HERE(vmap(twice)(Tensor(1.f)));
  EXPECT_HERE(vmap(twice, {.unbatched = {0}})(x23()));
  EXPECT_HERE(vmap(twice, {.unbatched = {7}})(x23()));
  EXPECT_HERE(vmap([](const Tensor& t) { return t + ones({7}); })(x23()));
  EXPECT_HERE(vmap([](const Tensor& t) { return t * sum(t).item(); })(x23()));
  EXPECT_HERE(vmap([](const Tensor& t) { return reshape(t, {1, 1, 1, 1, 1, 3}); })(x23()));
  EXPECT_HERE(vmap([](const Tensor& t) { return fold_in(Key(1), cast(sum(t), i32)).data(); })(x23()));
  EXPECT_HERE(checkpoint([](const Tensor& t) { return t + ones({7}); })(x23()));
  EXPECT_HERE(grad(checkpoint([](const Tensor& t) { return sum(t + ones({7})); }))(x23()));
  EXPECT_HERE(grad([](const Tensor& t) { return sum(checkpoint([&](const Tensor& a) { return a * t; })(t)); })(x23()));
}

// The second computation of a checkpointed function names the lines of its own operations, and a rule's gradient the
// line of custom_vjp.
TEST(TransformLines, InTheWalk) {
  int calls = 0;
  auto f = checkpoint([&](const Tensor& t) { return t + ones({++calls > 1 ? 7 : 3}); });
  try {
    grad([&](const Tensor& t) { return sum(f(t)); })(x23());
    ADD_FAILURE();
  } catch (const ShapeError& e) {
    EXPECT_EQ(to_string(e.line()), fmt::format("transform_lines_test.cpp:{}", __LINE__ - 5));
  }
  const uint32_t here = __LINE__ + 1;
  auto g = custom_vjp([](const Tensor& t) { return t; },
                      [](const Tensor& t) {
                        return std::pair{t, 0};
                      },
                      [](int, const Tensor&) { return ones({9}); });
  try {
    grad([&](const Tensor& t) { return sum(g(t)); })(x23());
    ADD_FAILURE();
  } catch (const ShapeError& e) {
    EXPECT_STREQ(e.line().file, __FILE__);
    EXPECT_TRUE(e.line().grad_of);
    EXPECT_NEAR(e.line().line, here, 1);  // compilers differ in which line of a call it is
  }
  EXPECT_EQ(thread_state.line.file, nullptr);
}

}  // namespace
}  // namespace duet
