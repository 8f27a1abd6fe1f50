// Gradients as an interface: choice of arguments, aux, tapes, pullbacks, what is differentiated and what is not.
#include <memory>
#include <stdexcept>

#include "expect.h"

namespace duet {
namespace {

using expect::bits;
using expect::floats;

TEST(Grad, Basics) {
  EXPECT_EQ(grad([](const Tensor& x) { return x * x * x; })(Tensor(2.f)).item(), 12);
  auto [y, g] = value_and_grad([](const Tensor& x) { return sum(exp(x)); })(tensor({0.0, 1.0}));
  EXPECT_EQ(bits(g), bits(exp(tensor({0.0, 1.0}))));
  EXPECT_EQ(bits(y), bits(sum(exp(tensor({0.0, 1.0})))));
  EXPECT_EQ(floats(grad([](const Tensor&) { return Tensor(1.f); })(tensor({1.0, 2.0}))), (std::vector<float>{0, 0}));
}

TEST(Grad, ChosenArguments) {
  auto f = [](const Tensor& a, const Tensor& b, const Tensor& c) { return sum(a * b * c); };
  const Tensor a = tensor({2.0}), b = tensor({3.0}), c = tensor({5.0});
  EXPECT_EQ(grad(f)(a, b, c).item(), 15);
  EXPECT_EQ(grad<1>(f)(a, b, c).item(), 10);
  auto [value, both] = value_and_grad<0, 2>(f)(a, b, c);
  EXPECT_EQ(value.item(), 30);
  EXPECT_EQ(std::get<0>(both).item(), 15);
  EXPECT_EQ(std::get<1>(both).item(), 6);
  auto turned = grad<2, 0>(f)(a, b, c);
  EXPECT_EQ(std::get<0>(turned).item(), 6);
  EXPECT_EQ(std::get<1>(turned).item(), 15);
}

// Trees that are pairs or tuples stay what they are.
TEST(Grad, PairsAsArguments) {
  auto f = [](const std::pair<Tensor, Tensor>& p) { return sum(p.first * p.second); };
  const std::pair<Tensor, Tensor> p{tensor({2.0}), tensor({3.0})};
  const std::pair<Tensor, Tensor> g = grad(f)(p);
  EXPECT_EQ(g.first.item(), 3);
  EXPECT_EQ(g.second.item(), 2);
  const std::pair<Tensor, Tensor> pulled = std::get<0>(vjp(f, p).second(Tensor(1.f)));
  EXPECT_EQ(pulled.first.item(), 3);
  const std::tuple<Tensor> one =
      grad([](const std::tuple<Tensor>& t) { return sum(square(std::get<0>(t))); })(std::tuple{tensor({2.0})});
  EXPECT_EQ(std::get<0>(one).item(), 4);
}

TEST(Grad, Aux) {
  auto f = [](const Tensor& x) {
    Tensor y = x * 3;
    return std::pair{sum(square(y)), y};
  };
  auto [out, g] = value_and_grad(f)(tensor({1.0, 2.0}));
  EXPECT_EQ(out.first.item(), 45);
  EXPECT_EQ(floats(out.second), (std::vector<float>{3, 6}));
  EXPECT_EQ(floats(g), (std::vector<float>{18, 36}));
  EXPECT_EQ(floats(compile(grad(f))(tensor({1.0, 2.0}))), (std::vector<float>{18, 36}));
}

// An argument is a value of its own: a captured copy of it is another constant.
TEST(Grad, CapturedCopyIsConstant) {
  Tensor cap = tensor({3.0});
  auto f = [&](const Tensor& x) { return sum(x * cap); };
  EXPECT_EQ(grad(f)(cap).item(), 3);
  EXPECT_EQ(compile(grad(f))(cap).item(), 3);
  EXPECT_EQ(freeze(grad(f))(cap).item(), 3);
  // And the same tensor in two argument places is two arguments.
  auto product = [](const Tensor& a, const Tensor& b) { return sum(a * b * b); };
  EXPECT_EQ(grad<0>(product)(cap, cap).item(), 9);
  EXPECT_EQ(grad<1>(product)(cap, cap).item(), 18);
}

TEST(Grad, StopGradient) {
  auto f = [](const Tensor& x) { return sum(stop_gradient(x) * x); };
  EXPECT_EQ(grad(f)(tensor({3.0})).item(), 3);
  EXPECT_EQ(compile(grad(f))(tensor({3.0})).item(), 3);
  EXPECT_EQ(grad([](const Tensor& x) { return sum(stop_gradient(square(x))); })(tensor({3.0})).item(), 0);
}

TEST(Grad, ThirdDerivatives) {
  auto f = [](const Tensor& x) { return sin(x) * exp(x); };
  auto third = grad(grad(grad(f)));
  const double x = 0.7;
  const double exact = 2 * std::exp(x) * (std::cos(x) - std::sin(x));  // of e^x sin x
  EXPECT_NEAR(third(Tensor(x)).item<double>(), exact, 1e-12);
  EXPECT_NEAR(third(Tensor(0.7f)).item<double>(), exact, 2e-6);
  const std::string eager = bits(third(Tensor(0.7f)));
  EXPECT_EQ(bits(compile(third)(Tensor(0.7f))), eager);
  EXPECT_EQ(bits(freeze(third)(Tensor(0.7f))), eager);
  EXPECT_EQ(bits(grad(compile(grad(grad(f))))(Tensor(0.7f))), eager);
  EXPECT_NEAR(grad(third)(Tensor(x)).item<double>(), -4 * std::exp(x) * std::sin(x), 1e-11);
}

TEST(Grad, LossErrors) {
  const Tensor x = tensor({1.0, 2.0});
  EXPECT_ERROR(ShapeError, grad([](const Tensor& t) { return t * 2; })(x),
               "grad: the loss has more than one element: f32[2]; reduce it, as in mean(loss)");
  EXPECT_ERROR(DTypeError, grad([](const Tensor& t) { return argmax(t); })(x),
               "grad: the loss is not a floating number: i64[]; return one of f32 or f64");
  EXPECT_ERROR(TraceError, grad([](const Tensor&) { return Tensor(); })(x),
               "grad: the function returned an empty Tensor; return the loss");
  EXPECT_EQ(thread_state.tape, nullptr);
  EXPECT_THROW(grad([](const Tensor& t) -> Tensor { throw std::runtime_error(to_string(t)); })(x), std::runtime_error);
  EXPECT_EQ(thread_state.tape, nullptr);  // closed also when the function throws
}

TEST(Tape, BackwardOnce) {
  Tensor w = tensor({1.0, 2.0}), other = w, unused = tensor({4.0});
  Tape tape;
  tape.watch(w);
  tape.watch(unused);
  Tensor loss = sum(w * w + other);
  auto g = tape.backward(loss);
  EXPECT_EQ(floats(g(w)), (std::vector<float>{2, 4}));
  EXPECT_EQ(floats(g(unused)), (std::vector<float>{0}));
  EXPECT_ERROR(TraceError, g(other),
               "gradients: this tensor was not watched: f32[2]; call tape.watch(x) before using x");
  EXPECT_ERROR(TraceError, tape.backward(loss),
               "backward: this tape was already walked; open a new Tape for another gradient");
}

TEST(Tape, LossErrors) {
  Tape tape;
  Tensor w = tensor({1.0, 2.0});
  tape.watch(w);
  EXPECT_ERROR(ShapeError, tape.backward(w * 2),
               "backward: the loss has more than one element: f32[2]; reduce it, as in mean(loss)");
  EXPECT_ERROR(TraceError, tape.backward(Tensor()), "backward: the function returned an empty Tensor; return the loss");
  EXPECT_EQ(floats(tape.backward(sum(w * 2))(w)),
            (std::vector<float>{2, 2}));  // a refused loss does not use the tape up
}

TEST(Tape, NestAndCloseInAnyOrder) {
  Tensor x = Tensor(3.f);
  auto outer = std::make_unique<Tape>();
  outer->watch(x);
  {
    auto inner = std::make_unique<Tape>();
    Tensor z = x;
    inner->watch(z);
    Tensor y = z * z * z;
    Tensor first = inner->backward(y)(z);
    EXPECT_EQ(first.item(), 27);
    EXPECT_EQ(outer->backward(first)(x).item(), 18);
    outer.reset();  // before the inner one
  }
  EXPECT_EQ(thread_state.tape, nullptr);
}

TEST(Tape, ReleasesWhatItKept) {
  Tensor x = ones({5000});
  const int64_t before = memory_stats().live_bytes;
  {
    Tape tape;
    tape.watch(x);
    Tensor loss = sum(exp(exp(exp(x * 0.1f))));
    EXPECT_GT(memory_stats().live_bytes - before, 2 * 20000);
    auto g = tape.backward(loss);
    EXPECT_LT(memory_stats().live_bytes - before, 2 * 20000 + 4096);
  }
  EXPECT_LT(memory_stats().live_bytes - before, 4096);
}

TEST(Vjp, Pullback) {
  const Tensor x = tensor({1.0, 2.0}), w = tensor({3.0, 4.0});
  auto [y, pullback] = vjp([](const Tensor& a, const Tensor& b) { return a * b; }, x, w);
  EXPECT_EQ(floats(y), (std::vector<float>{3, 8}));
  const auto& pull = pullback;
  EXPECT_ERROR(ShapeError, pull(ones({3})), "pullback: dy is f32[3], the result was f32[2]; they must be the same");
  EXPECT_ERROR(ShapeError, pull(Tensor()), "pullback: dy is empty, the result was f32[2]; they must be the same");
  auto [dx, dw] = pullback(tensor({10.0, 1.0}));
  EXPECT_EQ(floats(dx), (std::vector<float>{30, 4}));
  EXPECT_EQ(floats(dw), (std::vector<float>{10, 2}));
  EXPECT_ERROR(TraceError, pull(ones({2})),
               "pullback: this tape was already walked; call vjp again for another gradient");
}

// Backward operations name the line of the operation they differentiate.
TEST(Grad, LinesOfBackwardOperations) {
  static std::vector<std::string> lines;
  lines.clear();
  set_debug(2);
  set_debug_sink([](std::string_view line) { lines.emplace_back(line); });
  grad([](const Tensor& x) { return sum(tanh(x)); })(tensor({1.0}));
  set_debug(0);
  set_debug_sink(nullptr);
  bool found = false;
  for (const std::string& line : lines) {
    found |= line.find("run tanh_vjp f32[1] grad of grad_test.cpp:") == 0;
    EXPECT_NE(line.find("grad_test.cpp:"), std::string::npos) << line;
  }
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace duet
