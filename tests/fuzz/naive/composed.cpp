// Functions of several operations: normalisation, statistics, losses, attention, images.
#include <cmath>

#include "fuzz/naive/array.h"

namespace duet::fuzz::naive {
namespace {

using Row = std::vector<Num>;

/// A number as it stands in a program of the type that is computed in.
Num literal(double v) { return {wide() ? v : static_cast<double>(static_cast<float>(v))}; }
Num mean_of(const Row& row) { return sum(row) / literal(static_cast<double>(row.size())); }
Row each_of(Row row, const std::function<Num(const Num&)>& f) {
  for (Num& x : row) x = f(x);
  return row;
}
int64_t axis_bit(int64_t a) { return int64_t{1} << a; }
int64_t last_bit(const Array& x) { return axis_bit(static_cast<int64_t>(x.shape.size()) - 1); }

/// f of each row, in its place.
template <class F>
Array by_rows(const Array& x, int64_t axes, F f) {
  Array y = x;
  each_row(x, axes, [&](size_t, const std::vector<size_t>& places) {
    const Row row = f(taken(x, places));
    for (size_t k = 0; k < places.size(); ++k) y.x[places[k]] = row[k];
  });
  return y;
}
/// A number of each row.
template <class F>
Array of_rows(const Array& x, int64_t axes, bool keepdims, F f) {
  Array y = like(x, without(x.shape, axes, keepdims));
  each_row(x, axes, [&](size_t i, const std::vector<size_t>& places) { y.x[i] = f(taken(x, places)); });
  return y;
}
template <Num (*f)(const Row&)>
Arrays over_axes(const Given& g) {
  return {of_rows(g.in[0], g.attr(0), g.attr(1) != 0, f)};
}

Row shifted(const Row& row) {
  const Num top = constant(extremum(row, true));
  return each_of(row, [&](const Num& x) { return x - top; });
}
Row softmax_of(const Row& row) {
  const Row e = each_of(shifted(row), exp);
  const Num total = sum(e);
  return each_of(e, [&](const Num& x) { return x / total; });
}
Row log_softmax_of(const Row& row) {
  const Row s = shifted(row);
  const Num l = log(sum(each_of(s, exp)));
  return each_of(s, [&](const Num& x) { return x - l; });
}
Row standardised(const Row& row) {
  const Num m = mean_of(row);
  const Row centred = each_of(row, [&](const Num& x) { return x - m; });
  const Num scale = rsqrt(mean_of(each_of(centred, square)) + literal(1e-5));
  return each_of(centred, [&](const Num& x) { return x * scale; });
}
Num variance_of(const Row& row) {
  const Num m = mean_of(row);
  return mean_of(each_of(row, [&](const Num& x) { return square(x - m); }));
}
Num deviation_of(const Row& row) {
  const Num v = variance_of(row);
  return select(less(Num{0}, v), sqrt(v), v * Num{0});
}
Num logsumexp_of(const Row& row) {
  const Num top = constant(extremum(row, true));
  if (!top.known()) return linked(unknown(), row, Row(row.size(), unknown()));
  const Num shift = std::isinf(top.v) || top.v != top.v ? Num{0} : top;
  const Num total = sum(each_of(row, [&](const Num& x) { return exp(x - shift); }));
  return select(~equal(total, Num{0}), log(total) + shift, Num{-__builtin_inf()});
}

/// y·a + b, with a and b one number for each place of an axis; b may be missing.
Array scaled(Array y, size_t axis, const Arrays& in) {
  each(y.shape, [&](size_t i, const Dims& at) {
    const auto k = static_cast<size_t>(at[axis]);
    y.x[i] = y.x[i] * in[1].x[k];
    if (in.size() > 2) y.x[i] = y.x[i] + in[2].x[k];
  });
  return y;
}
Arrays layer_norm(const Given& g) {
  return {scaled(by_rows(g.in[0], last_bit(g.in[0]), standardised), g.in[0].shape.size() - 1, g.in)};
}
Arrays rms_norm(const Given& g) {
  const Array y = by_rows(g.in[0], last_bit(g.in[0]), [](const Row& row) {
    const Num scale = rsqrt(mean_of(each_of(row, square)) + literal(1e-6));
    return each_of(row, [&](const Num& x) { return x * scale; });
  });
  return {scaled(y, g.in[0].shape.size() - 1, g.in)};
}
Arrays group_norm(const Given& g) {
  Array x = g.in[0];
  const int64_t samples = x.shape[0], groups = g.attr(0), n = count(x.shape);
  x.shape = {samples, groups, samples * groups == 0 ? 0 : n / samples / groups};
  Array y = by_rows(x, 4, standardised);
  y.shape = g.in[0].shape;
  return {scaled(y, 1, g.in)};
}
Arrays batch_norm(const Given& g) {
  const Array& x = g.in[0];
  const int64_t axes = ((int64_t{1} << x.shape.size()) - 1) & ~int64_t{2};
  Array y = x;
  each_row(x, axes, [&](size_t c, const std::vector<size_t>& places) {
    const Row row = taken(x, places);
    const Num m = mean_of(row), factor = g.in[1].x[c] * rsqrt(variance_of(row) + literal(1e-5));
    for (size_t k = 0; k < row.size(); ++k) y.x[places[k]] = (row[k] - m) * factor + g.in[2].x[c];
  });
  return {y};
}

Array scalar(const Array& x, const Num& v) {
  Array y = like(x, {});
  y.x[0] = v;
  return y;
}
Arrays mse(const Given& g) {
  const Array d = mapped(g.in, [](const Row& x) { return square(x[0] - x[1]); });
  return {scalar(d, mean_of(d.x))};
}
Arrays huber(const Given& g) {
  const Array d = mapped(g.in, [](const Row& x) {
    const Num difference = x[0] - x[1], c = maximum(minimum(difference, Num{1}), Num{-1});
    return c * (difference - c * Num{0.5});
  });
  return {scalar(d, mean_of(d.x))};
}
Arrays cross_entropy(const Given& g) {
  const Array &logits = g.in[0], &labels = g.in[1];
  const int64_t classes = logits.shape.back();
  const Array l = by_rows(logits, last_bit(logits), log_softmax_of);
  const Num nothing = lost({&logits});
  Row picked;
  for (size_t i = 0; i < labels.n.size(); ++i) {
    const Whole k = checked(labels.n[i], classes, false);
    picked.push_back(k.known ? l.x[i * static_cast<size_t>(classes) + static_cast<size_t>(k.v)] : nothing);
  }
  return {scalar(logits, sum(picked) / Num{-static_cast<double>(picked.size())})};
}

Array swapped(const Array& x, size_t a, size_t b) {
  Dims shape = x.shape;
  std::swap(shape[a], shape[b]);
  return moved(x, shape, [&](Dims at) {
    std::swap(at[a], at[b]);
    return std::optional(at);
  });
}
Arrays linear(const Given& g) {
  Array x = g.in[0];
  const Dims lead(x.shape.begin(), x.shape.end() - 1);
  x.shape = {count(lead), x.shape.back()};
  const Array y = matrix_product(x, g.in[1]);
  Array z = mapped({y, g.in[2]}, [](const Row& v) { return v[0] + v[1]; });
  z.shape = lead;
  z.shape.push_back(y.shape.back());
  return {z};
}
Arrays attention(const Given& g) {
  const Array &k = g.in[1], &v = g.in[2];
  Array q = g.in[0];
  const Num scale = literal(1 / std::sqrt(static_cast<double>(q.shape.back())));
  for (Num& x : q.x) x = x * scale;
  const size_t r = q.shape.size();
  Array s = matrix_product(q, swapped(k, r - 2, r - 1));
  if (g.attr(0) != 0)
    each(s.shape, [&](size_t i, const Dims& at) {
      if (at[r - 1] > at[r - 2]) s.x[i] = Num{-__builtin_inf()};
    });
  const int64_t last = axis_bit(static_cast<int64_t>(r) - 1);
  const Array e = by_rows(s, last, [](const Row& row) { return each_of(shifted(row), exp); });
  const Array total = of_rows(e, last, true, [](const Row& row) { return sum(row); });
  return {mapped({matrix_product(e, v), total}, [](const Row& x) { return x[0] / x[1]; })};
}
Arrays conv2d(const Given& g) {
  Array columns = unfolded(g.in[0], g.attrs()), w = g.in[1];  // [C,kh·kw,N,OH,OW], [O,C,kh,kw]
  const Dims s = columns.shape;
  columns.shape = {s[0] * s[1], s[2] * s[3] * s[4]};
  w.shape = {w.shape[0], columns.shape[0]};
  Array y = matrix_product(w, columns);
  y.shape = {w.shape[0], s[2], s[3], s[4]};
  return {swapped(y, 0, 1)};
}
Arrays max_pool2d(const Given& g) {
  const Array at = window_places(g.in[0], g.attrs());
  Array y = like(g.in[0], at.shape);
  const Num nothing = lost({&g.in[0]});
  for (size_t i = 0; i < y.x.size(); ++i) y.x[i] = at.n[i].known ? g.in[0].x[static_cast<size_t>(at.n[i].v)] : nothing;
  return {y};
}
Arrays avg_pool2d(const Given& g) { return {swapped(of_rows(unfolded(g.in[0], g.attrs()), 2, false, mean_of), 0, 1)}; }

}  // namespace

const Definitions& composed() {
  static const Definitions all = {
      {"softmax", [](const Given& g) -> Arrays { return {by_rows(g.in[0], axis_bit(g.attr(0)), softmax_of)}; }},
      {"log_softmax", [](const Given& g) -> Arrays { return {by_rows(g.in[0], axis_bit(g.attr(0)), log_softmax_of)}; }},
      {"layer_norm", layer_norm},
      {"rms_norm", rms_norm},
      {"group_norm", group_norm},
      {"batch_norm", batch_norm},
      {"mean", over_axes<mean_of>},
      {"var", over_axes<variance_of>},
      {"stddev", over_axes<deviation_of>},
      {"logsumexp", over_axes<logsumexp_of>},
      {"mse", mse},
      {"huber", huber},
      {"cross_entropy", cross_entropy},
      {"linear", linear},
      {"attention", attention},
      {"conv2d", conv2d},
      {"max_pool2d", max_pool2d},
      {"avg_pool2d", avg_pool2d},
  };
  return all;
}

}  // namespace duet::fuzz::naive
