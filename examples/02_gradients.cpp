// You learn: gradients. Of a function, of a model that is a plain struct, the PyTorch way, and of a gradient itself;
// the same bits whether the function runs eagerly, compiled or frozen.
#include <duet/duet.h>
#include <fmt/core.h>

#include "lesson.h"

using namespace duet;

// A model is a struct of tensors and of other such structs. No base class, nothing to register.
struct Affine {
  Tensor slope, offset;  // f32[] f32[]
};

Tensor predict(const Affine& line, const Tensor& x) { return line.slope * x + line.offset; }
Tensor loss(const Affine& line, const Tensor& x, const Tensor& y) { return mse(predict(line, x), y); }

Tensor wave(const Tensor& x) { return sum(sin(x) * tanh(x)); }
Tensor slope(const Tensor& x) { return grad(wave)(x); }
Tensor curvature(const Tensor& x) {
  return grad([](const Tensor& v) { return sum(slope(v)); })(x);
}

int main() {
  // grad(f) is a function: the gradient of f's result, for its first argument.
  Tensor x = tensor({-1.0, 0.0, 0.5, 2.0});
  fmt::print("f'(x) = {}\n", slope(x));

  // The rule against the quotient of differences.
  for (float at : {-1.0f, 0.5f, 2.0f}) {
    const float h = 1e-2f;
    auto f = [](float v) { return wave(Tensor(v)).item(); };
    const float quotient = (f(at + h) - f(at - h)) / (2 * h);
    expect(std::abs(quotient - slope(Tensor(at)).item()) < 1e-3f, "gradient = quotient of differences");
  }

  // The gradient of a struct is such a struct. Fit y = 3x − 1 by walking downhill.
  Tensor xs = arange(-1, 1, 0.125), ys = 3 * xs - 1;
  Affine line{Tensor(0.0f), Tensor(0.0f)};
  for (int step = 0; step <= 40; ++step) {
    auto [l, g] = value_and_grad(loss)(line, xs, ys);
    if (step % 10 == 0)
      fmt::print("step {:2}: loss {:.6f}, slope {:.4f}, offset {:.4f}\n", step, l.item(), line.slope.item(),
                 line.offset.item());
    line.slope -= 0.3f * g.slope;
    line.offset -= 0.3f * g.offset;
  }
  expect(std::abs(line.slope.item() - 3) < 1e-3f && std::abs(line.offset.item() + 1) < 1e-3f, "the line is found");

  // Other arguments, several at once, and results that are carried along.
  auto with_aux = [](const Tensor& a, const Tensor& b) { return std::pair{sum(a * b), a + b}; };
  auto [result, gradients] = value_and_grad<0, 1>(with_aux)(tensor({1.0, 2.0}), tensor({3.0, 4.0}));
  auto [da, db] = gradients;
  fmt::print("d(a·b)/da = {}, /db = {}, carried along: {}\n", da, db, result.second);
  expect(da.to_vector() == std::vector<float>{3, 4} && db.to_vector() == std::vector<float>{1, 2}, "product rule");

  // The same the PyTorch way: a tape notes what happens to what it watches.
  Affine other{Tensor(0.0f), Tensor(0.0f)};
  Tape tape;
  tape.watch(other);
  Tensor l = loss(other, xs, ys);
  auto g = tape.backward(l);
  auto expected = grad(loss)(Affine{Tensor(0.0f), Tensor(0.0f)}, xs, ys);
  fmt::print("tape: d/dslope {:.4f}, d/doffset {:.4f}\n", g(other.slope).item(), g(other.offset).item());
  expect(g(other.slope).item() == expected.slope.item(), "a tape gives what grad gives");

  // stop_gradient makes a value a constant.
  auto half = [](const Tensor& v) { return sum(v * stop_gradient(v)); };
  fmt::print("d(v·stop(v))/dv = {}\n", grad(half)(tensor({1.0, 2.0})));

  // A gradient is made of operations, so it has a gradient; and every mode computes the same bits.
  auto compiled = compile(curvature);
  auto frozen = freeze(curvature);
  Tensor many = arange(-4, 4, 0.001);
  const std::string hashes[] = {bits_hash(curvature(many)), bits_hash(compiled(many)), bits_hash(frozen(many))};
  fmt::print("f''(x) = {}\n", curvature(x));
  fmt::print("hash of 8,000 second derivatives: eager {}, compiled {}, frozen {}\n", hashes[0], hashes[1], hashes[2]);
  expect(hashes[0] == hashes[1] && hashes[1] == hashes[2], "one hash in three modes");
}
