// Transforms of bodies. Derivatives come from the tape: one number at a time, backwards or forwards.
#include "fuzz/naive/array.h"

namespace duet::fuzz::naive {
namespace {

Arrays run(const Given& g, const Array& first) {
  Arrays parameters = g.in;
  parameters[0] = first;
  return g.run(*g.step.body, std::move(parameters));
}
Array variables(const Array& x) {
  Array v = x;
  for (Num& a : v.x) a = variable(a);
  return v;
}

// Of sum(f(x)) + sum(x²)/2 for x, and its value.
Arrays grad(const Given& g) {
  const Array x = variables(g.in[0]);
  const Array y = run(g, x)[0];
  std::vector<Num> squares;
  for (const Num& a : x.x) squares.push_back(square(a));
  Array loss = like(x, {}), dx = x;
  loss.x[0] = sum(y.x) + sum(squares) * Num{0.5};
  dx.x = gradient({loss.x[0]}, {Num{1}}, x.x);
  return {dx, loss};
}
// f(x), and its derivative along tanh(x).
Arrays jvp(const Given& g) {
  std::vector<Num> direction;
  for (const Num& a : g.in[0].x) direction.push_back(tanh(a));
  const Array x = variables(g.in[0]);
  const Array y = run(g, x)[0];
  Array dy = y;
  dy.x = tangents(y.x, x.x, direction);
  return {y, dy};
}
// The body once an example.
Arrays vmap(const Given& g) {
  const Array& x = g.in[0];
  const Dims rest(x.shape.begin() + 1, x.shape.end());
  Array all;
  for (int64_t i = 0; i < x.shape[0]; ++i) {
    const Array y = run(g, moved(x, rest, [&](Dims at) {
                          at.insert(at.begin(), i);
                          return std::optional(at);
                        }))[0];
    if (i == 0) {
      all = {y.dtype, y.shape, {}, {}};
      all.shape.insert(all.shape.begin(), x.shape[0]);
    }
    all.x.insert(all.x.end(), y.x.begin(), y.x.end());
    all.n.insert(all.n.end(), y.n.begin(), y.n.end());
  }
  if (x.shape[0] == 0) {  // nothing says what f would give
    all = run(g, like(x, rest))[0];
    all.shape.insert(all.shape.begin(), 0);
    all.x.clear(), all.n.clear();
  }
  return {all};
}
Arrays plain(const Given& g) { return g.run(*g.step.body, g.in); }
// What it says its gradient is: tanh(x)·sum(dy) for the first operand, nothing for the others.
Arrays custom_vjp(const Given& g) {
  Arrays cut = g.in;
  std::vector<Num> slopes;
  for (Array& a : cut)
    for (Num& x : a.x) x = constant(x);
  Array y = g.run(*g.step.body, cut)[0];
  for (const Num& x : g.in[0].x) slopes.push_back(x.node < 0 ? Num() : tanh(x));
  const Num port = linked(Num(), g.in[0].x, slopes);  // what all of dy goes through
  for (Num& v : y.x) v = linked(v, {port}, {Num{1}});
  return {y};
}

}  // namespace

const Definitions& transformed() {
  static const Definitions all = {
      {"grad", grad},      {"jvp", jvp},          {"vmap", vmap},
      {"compiled", plain}, {"checkpoint", plain}, {"custom_vjp", custom_vjp},
  };
  return all;
}

}  // namespace duet::fuzz::naive
