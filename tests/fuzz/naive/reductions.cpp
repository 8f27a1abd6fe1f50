// Reductions, scans, sorts, products of matrices.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "fuzz/naive/array.h"

namespace duet::fuzz::naive {
namespace {

/// A reduction of floats by f and of integers, to i64, by w.
template <class F, class W>
Arrays reduced(const Given& g, DType integers, F f, W w) {
  const Array& x = g.in[0];
  Array y = filled(x.is_float() ? x.dtype : integers, without(x.shape, g.attr(0), g.attr(1) != 0));
  each_row(x, g.attr(0), [&](size_t i, const std::vector<size_t>& places) {
    if (x.is_float()) {
      y.x[i] = f(taken(x, places));
      return;
    }
    std::vector<int64_t> row;
    for (size_t p : places) row.push_back(x.n[p].v), y.n[i].known &= x.n[p].known;
    y.n[i].v = w(row);
  });
  return {y};
}
using N = const std::vector<int64_t>&;
using X = const std::vector<Num>&;
int64_t total(N n) {
  uint64_t s = 0;
  for (int64_t v : n) s += static_cast<uint64_t>(v);
  return static_cast<int64_t>(s);
}
int64_t multiplied(N n) {
  uint64_t s = 1;
  for (int64_t v : n) s *= static_cast<uint64_t>(v);
  return static_cast<int64_t>(s);
}
Arrays truth(const Given& g, bool any) {
  const Array& x = g.in[0];
  Array y = filled(DType::boolean, without(x.shape, g.attr(0), g.attr(1) != 0));
  each_row(x, g.attr(0), [&](size_t i, const std::vector<size_t>& places) {
    Truth all = any ? Truth::no : Truth::yes;
    for (size_t p : places) {
      Truth t = Truth::maybe;
      if (x.is_float())
        t = ~equal(x.x[p], {});
      else if (x.n[p].known)
        t = x.n[p].v != 0 ? Truth::yes : Truth::no;
      all = any ? all | t : all & t;
    }
    y.n[i] = {all == Truth::yes, all != Truth::maybe};
  });
  return {y};
}
Arrays best(const Given& g, bool largest) {
  const Array& x = g.in[0];
  const int64_t axes = int64_t{1} << g.attr(0);
  Array y = filled(DType::i64, without(x.shape, axes, g.attr(1) != 0));
  each_row(x, axes, [&](size_t i, const std::vector<size_t>& places) { y.n[i] = best_place(x, places, largest); });
  return {y};
}

// The state of a scan is an f64; what is stored of it, and what it reads, is of the operands' type.
template <class F>
Arrays scanned(const Given& g, DType dtype, F f) {
  const bool to_wide = wide();
  Arrays in = g.in;
  for (Array& a : in)
    for (Num& v : a.x) v = converted(v, true);
  const Rounding in_f64(true);
  Array y = filled(dtype, in[0].shape);
  each_row(in[0], int64_t{1} << g.attr(0), [&](size_t, std::vector<size_t> places) {
    if (g.attr(1) != 0) std::reverse(places.begin(), places.end());
    f(in, y, places, [&](const Num& s) { return converted(s, to_wide); });
  });
  return {y};
}
Arrays cumsum(const Given& g) {
  const DType dtype = g.in[0].is_float() ? g.in[0].dtype : DType::i64;
  return scanned(g, dtype, [](const Arrays& in, Array& y, const std::vector<size_t>& places, auto store) {
    const Array& x = in[0];
    Num s;
    Whole n;
    for (size_t p : places) {
      if (y.is_float()) {
        s = p == places[0] ? x.x[p] : s + x.x[p];
        y.x[p] = store(s);
      } else {
        n = {total({n.v, x.n[p].v}), n.known && x.n[p].known};
        y.n[p] = n;
      }
    }
  });
}
Arrays exclusive_prod(const Given& g) {
  return scanned(g, g.in[0].dtype, [](const Arrays& in, Array& y, const std::vector<size_t>& places, auto store) {
    Num s{1};
    for (size_t p : places) {
      y.x[p] = store(s);
      s = p == places[0] ? in[0].x[p] : s * in[0].x[p];
    }
  });
}
Arrays recurrence(const Given& g) {
  return scanned(g, g.in[0].dtype, [](const Arrays& in, Array& y, const std::vector<size_t>& places, auto store) {
    const Array &a = in[0], &x = in[1];
    Num s;
    for (size_t p : places) {
      s = p == places[0] ? x.x[p] : a.x[p] * s + x.x[p];
      y.x[p] = store(s);
    }
  });
}

// Sorted rows along the last axis, stable; NaN is larger than any number.
Arrays sorted(const Given& g, bool descending, int64_t keep) {
  const Array& x = g.in[0];
  Dims shape = x.shape;
  const int64_t n = std::exchange(shape.back(), keep), rows = n == 0 ? 0 : count(x.shape) / n;
  Array y = like(x, shape), from = filled(DType::i64, shape);
  for (int64_t r = 0; r < rows; ++r) {
    auto number = [&](int64_t i) { return x.x[static_cast<size_t>(r * n + i)]; };
    auto integer = [&](int64_t i) { return x.n[static_cast<size_t>(r * n + i)]; };
    std::vector<int64_t> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), int64_t{0});
    auto before = [&](int64_t i, int64_t j) {
      if (descending) std::swap(i, j);
      if (!x.is_float()) return integer(i).v < integer(j).v;
      const double a = number(i).v, b = number(j).v;
      return b != b ? a == a : a < b;
    };
    std::stable_sort(order.begin(), order.end(), before);
    // Where neighbours may change places, all that is known is what the values are about.
    bool sure = true;
    double e = 0;
    for (size_t k = 0; k < order.size(); ++k) {
      if (!x.is_float()) {
        sure &= integer(order[k]).known;
        continue;
      }
      e = std::max(e, number(order[k]).e);
      if (k > 0 && (number(order[k]).e > 0 || number(order[k - 1]).e > 0))
        sure &= equal(number(order[k - 1]), number(order[k])) == Truth::no;
    }
    sure &= e <= 1e308;
    Num port;  // all that a derivative may go to
    if (!sure && x.is_float()) {
      std::vector<Num> row;
      for (int64_t i = 0; i < n; ++i) row.push_back(number(i));
      port = linked({0, e}, row, std::vector<Num>(row.size(), unknown()));
    }
    for (int64_t k = 0; k < keep; ++k) {
      const int64_t i = order[static_cast<size_t>(k)];
      const auto at = static_cast<size_t>(r * keep + k);
      from.n[at] = {i, sure};
      if (!x.is_float())
        y.n[at] = {integer(i).v, sure};
      else
        y.x[at] = sure ? number(i) : linked({number(i).v, e}, {port}, {Num{1}});
    }
  }
  return {y, from};
}
Arrays unsort(const Given& g) {
  const Array &x = g.in[0], &index = g.in[1];
  Dims shape = x.shape;
  const int64_t k = std::exchange(shape.back(), g.attr(0)), n = shape.back();
  Array y = like(x, shape);
  const Num nothing = lost({&x});
  for (size_t i = 0; i < index.n.size(); ++i) {
    const size_t row = i / static_cast<size_t>(k) * static_cast<size_t>(n);
    if (!index.n[i].known) {
      for (size_t p = row; p < row + static_cast<size_t>(n); ++p)
        y.is_float() ? void(y.x[p] = nothing) : void(y.n[p] = {0, false});
      continue;
    }
    const size_t to = row + static_cast<size_t>(index.n[i].v);
    if (y.is_float())
      y.x[to] = x.x[i];
    else
      y.n[to] = x.n[i];
  }
  return {y};
}
Arrays resort(const Given& g) {
  const Array &x = g.in[0], &index = g.in[1];
  Array y = like(x, index.shape);
  const Num nothing = lost({&x});
  for (size_t i = 0; i < index.n.size(); ++i) {
    const size_t row = i / static_cast<size_t>(index.shape.back()) * static_cast<size_t>(x.shape.back());
    const size_t from = row + static_cast<size_t>(index.n[i].v);
    if (y.is_float())
      y.x[i] = index.n[i].known ? x.x[from] : nothing;
    else
      y.n[i] = {x.n[from].v, x.n[from].known && index.n[i].known};
  }
  return {y};
}

}  // namespace

Whole best_place(const Array& x, const std::vector<size_t>& places, bool largest) {
  Whole w;
  for (size_t k = 1; k < places.size(); ++k) {
    const size_t b = places[static_cast<size_t>(w.v)], p = places[k];
    if (!x.is_float()) {
      if (largest ? x.n[p].v > x.n[b].v : x.n[p].v < x.n[b].v) w.v = static_cast<int64_t>(k);
      continue;
    }
    const double a = x.x[b].v, c = x.x[p].v;
    if (a == a && (c != c || (largest ? c > a : c < a))) w.v = static_cast<int64_t>(k);
  }
  const size_t b = places[static_cast<size_t>(w.v)];
  for (size_t p : places) {
    if (!x.is_float())
      w.known &= x.n[p].known;
    else if (x.x[b].v != x.x[b].v)
      w.known &= p > b || x.x[p].known();  // one before it that nobody knows may be NaN too
    else if (p != b && (x.x[p].e > 0 || x.x[b].e > 0))
      w.known &= (largest ? less(x.x[p], x.x[b]) : less(x.x[b], x.x[p])) == Truth::yes;
  }
  if (x.is_float()) w.known &= x.x[b].known();
  return w;
}

Array matrix_product(const Array& a, const Array& b) {
  const auto lead = [](const Dims& s) { return Dims(s.begin(), s.end() - 2); };
  const int64_t m = a.shape[a.shape.size() - 2], k = a.shape.back(), n = b.shape.back();
  if (b.shape[b.shape.size() - 2] != k) throw std::runtime_error("inner axes differ");
  Dims batch = common(lead(a.shape), lead(b.shape)), shape = batch;
  shape.push_back(m), shape.push_back(n);
  Array y = like(a, shape);
  if (count(shape) * k > 400'000) throw TooLarge();
  std::vector<Num> row(static_cast<size_t>(k)), column(row.size());
  each(batch, [&](size_t q, const Dims& at) {
    const size_t of_a = place(lead(a.shape), at) * static_cast<size_t>(m * k),
                 of_b = place(lead(b.shape), at) * static_cast<size_t>(k * n);
    for (size_t i = 0; i < static_cast<size_t>(m); ++i)
      for (size_t j = 0; j < static_cast<size_t>(n); ++j) {
        for (size_t l = 0; l < row.size(); ++l) {
          row[l] = a.x[of_a + i * row.size() + l];
          column[l] = b.x[of_b + l * static_cast<size_t>(n) + j];
        }
        if (k > 0) y.x[(q * static_cast<size_t>(m) + i) * static_cast<size_t>(n) + j] = dot(row, column);
      }
  });
  return y;
}

const Definitions& reductions() {
  static const Definitions all = {
      {"sum",
       [](const Given& g) {
         return reduced(
             g, DType::i64, [](X x) { return sum(x); }, total);
       }},
      {"prod",
       [](const Given& g) {
         return reduced(
             g, DType::i64, [](X x) { return product(x); }, multiplied);
       }},
      {"max",
       [](const Given& g) {
         return reduced(
             g, g.in[0].dtype, [](X x) { return extremum(x, true); },
             [](N n) { return *std::max_element(n.begin(), n.end()); });
       }},
      {"min",
       [](const Given& g) {
         return reduced(
             g, g.in[0].dtype, [](X x) { return extremum(x, false); },
             [](N n) { return *std::min_element(n.begin(), n.end()); });
       }},
      {"reduce_any", [](const Given& g) { return truth(g, true); }},
      {"reduce_all", [](const Given& g) { return truth(g, false); }},
      {"argmax", [](const Given& g) { return best(g, true); }},
      {"argmin", [](const Given& g) { return best(g, false); }},
      {"cumsum", cumsum},
      {"exclusive_prod", exclusive_prod},
      {"recurrence", recurrence},
      {"sort", [](const Given& g) { return sorted(g, g.attr(0) != 0, g.in[0].shape.back()); }},
      {"topk", [](const Given& g) { return sorted(g, true, g.attr(0)); }},
      {"unsort", unsort},
      {"resort", resort},
      {"matmul", [](const Given& g) -> Arrays { return {matrix_product(g.in[0], g.in[1])}; }},
  };
  return all;
}

}  // namespace duet::fuzz::naive
