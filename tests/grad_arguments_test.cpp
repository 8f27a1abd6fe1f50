// Gradients for several arguments, and for arguments that are tuples themselves.
#include <duet/duet.h>
#include <gtest/gtest.h>

using namespace duet;

namespace {
// No aggregate: it says itself what its parts are.
class Box {
 public:
  explicit Box(Tensor t) : t_(std::move(t)) {}
  const Tensor& tensor() const { return t_; }
  friend auto tree_fields(Box& box) { return std::tie(box.t_); }

 private:
  Tensor t_;
};

using Floats = std::vector<float>;

// Arguments of one shape: gradients that change places would go unseen by shapes.
TEST(GradArguments, EachArgumentHasItsOwn) {
  auto f = [](const Tensor& a, const Tensor& b, const Tensor& c) { return sum(a * b * b + c); };
  Tensor a = tensor({1.0, 2.0}), b = tensor({3.0, 4.0}), c = tensor({5.0, 6.0});
  auto [da, db, dc] = grad<0, 1, 2>(f)(a, b, c);
  EXPECT_EQ(da.to_vector(), (Floats{9, 16}));
  EXPECT_EQ(db.to_vector(), (Floats{6, 16}));
  EXPECT_EQ(dc.to_vector(), (Floats{1, 1}));
  auto [dc2, da2] = grad<2, 0>(f)(a, b, c);  // in the order asked for
  EXPECT_EQ(dc2.to_vector(), (Floats{1, 1}));
  EXPECT_EQ(da2.to_vector(), (Floats{9, 16}));
}

TEST(GradArguments, PairStaysPair) {
  auto f = [](const std::pair<Tensor, Tensor>& p) { return sum(p.first * p.second); };
  std::pair<Tensor, Tensor> g = grad(f)(std::pair{tensor({1.0, 2.0}), tensor({3.0, 4.0})});
  EXPECT_EQ(g.first.to_vector(), (Floats{3, 4}));
  EXPECT_EQ(g.second.to_vector(), (Floats{1, 2}));
}

TEST(GradArguments, PullbackGivesTrees) {
  auto [y, pullback] = vjp([](const std::pair<Tensor, Tensor>& p) { return p.first * p.second; },
                           std::pair{tensor({1.0, 2.0}), tensor({3.0, 4.0})});
  auto [g] = pullback(ones({2}));
  EXPECT_EQ(g.first.to_vector(), (Floats{3, 4}));
  EXPECT_EQ(g.second.to_vector(), (Floats{1, 2}));
}

TEST(GradArguments, ClassesThatNameTheirParts) {
  const Box box(tensor({1.0, 2.0}));
  auto f = [](const Box& b) { return sum(square(b.tensor())); };
  EXPECT_EQ(grad(f)(box).tensor().to_vector(), (Floats{2, 4}));
  EXPECT_EQ(compile(f)(box).item(), 5);
  EXPECT_EQ(freeze(f)(box).item(), 5);
  EXPECT_EQ(explain(f, box).plans.at(0).inputs.at(0).name, "arg0.0");
}
}  // namespace
