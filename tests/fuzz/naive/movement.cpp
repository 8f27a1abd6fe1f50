// Elements in other places, and casts.
#include <cmath>
#include <limits>

#include "fuzz/naive/array.h"

namespace duet::fuzz::naive {
namespace {

size_t axis(const Given& g, size_t attr = 0) { return static_cast<size_t>(g.attr(attr)); }
Dims with(Dims shape, size_t a, int64_t n) {
  shape[a] = n;
  return shape;
}

Arrays reshape(const Given& g) {
  Array y = g.in[0];
  y.shape = g.attrs();
  return {y};
}
Arrays transpose(const Given& g) {
  Dims shape;
  for (int64_t a : g.attrs()) shape.push_back(g.in[0].shape[static_cast<size_t>(a)]);
  return {moved(g.in[0], shape, [&](const Dims& at) {
    Dims from(at.size());
    for (size_t i = 0; i < at.size(); ++i) from[axis(g, i)] = at[i];
    return std::optional(from);
  })};
}
Arrays broadcast_to(const Given& g) {
  const Dims& x = g.in[0].shape;
  return {moved(g.in[0], g.attrs(), [&](const Dims& at) {
    return std::optional(Dims(at.end() - static_cast<std::ptrdiff_t>(x.size()), at.end()));
  })};
}
Arrays slice(const Given& g) {
  const size_t a = axis(g);
  return {moved(g.in[0], with(g.in[0].shape, a, g.attr(2)), [&](Dims at) {
    at[a] = g.attr(1) + at[a] * g.attr(3);
    return std::optional(at);
  })};
}
Arrays unslice(const Given& g) {
  const size_t a = axis(g);
  return {moved(g.in[0], with(g.in[0].shape, a, g.attr(2)), [&](Dims at) -> std::optional<Dims> {
    const int64_t k = at[a] - g.attr(1);
    if (k < 0 || k % g.attr(3) != 0 || k / g.attr(3) >= g.in[0].shape[a]) return {};
    at[a] = k / g.attr(3);
    return at;
  })};
}
/// Arrays one after the other along an axis.
Array joined(const Arrays& parts, size_t a) {
  int64_t all = 0;
  for (const Array& p : parts) all += p.shape[a];
  Array y = like(parts[0], with(parts[0].shape, a, all));
  each(y.shape, [&](size_t i, Dims at) {
    size_t k = 0;
    while (at[a] >= parts[k].shape[a]) at[a] -= parts[k++].shape[a];
    const size_t from = place(parts[k].shape, at);
    if (y.is_float())
      y.x[i] = parts[k].x[from];
    else
      y.n[i] = parts[k].n[from];
  });
  return y;
}
Arrays concat(const Given& g) { return {joined(g.in, axis(g))}; }
Arrays stack(const Given& g) {
  Arrays parts = g.in;
  for (Array& p : parts) p.shape.insert(p.shape.begin() + g.attr(0), 1);
  return {joined(parts, axis(g))};
}
Arrays same(const Given& g) { return {g.in[0]}; }

Whole truncated(DType to, const Num& x) {
  if (to == DType::boolean) {
    const Truth zero = equal(x, {});
    return {zero == Truth::no, zero != Truth::maybe};
  }
  if (!x.known()) return {0, false};
  if (x.v != x.v) return {0, true};
  double low = 0, high = 255;
  if (to == DType::i32) low = std::numeric_limits<int32_t>::min(), high = std::numeric_limits<int32_t>::max();
  if (to == DType::i64) low = -0x1p63, high = 0x1p63;
  auto whole = [&](double v) -> int64_t {
    if (v <= low) return to == DType::i64 ? std::numeric_limits<int64_t>::min() : static_cast<int64_t>(low);
    if (v >= high) return to == DType::i64 ? std::numeric_limits<int64_t>::max() : static_cast<int64_t>(high);
    return static_cast<int64_t>(v);
  };
  return {whole(x.v), whole(x.v - x.e) == whole(x.v + x.e)};
}
Arrays cast(const Given& g) {
  const Array& x = g.in[0];
  const auto to = static_cast<DType>(g.attr(0));
  Array y = filled(to, x.shape);
  for (size_t i = 0; i < y.x.size(); ++i) {
    if (x.is_float()) {
      y.x[i] = x.dtype == to ? x.x[i] : converted(x.x[i], to == DType::f64);
    } else if (!x.n[i].known) {
      y.x[i] = unknown();
    } else {
      const auto v = static_cast<double>(x.n[i].v);
      y.x[i].v = to == DType::f64 ? v : static_cast<double>(static_cast<float>(x.n[i].v));
    }
  }
  for (size_t i = 0; i < y.n.size(); ++i)
    y.n[i] = x.is_float() ? truncated(to, x.x[i]) : Whole{wrapped(to, x.n[i].v), x.n[i].known};
  return {y};
}
Arrays flip(const Given& g) {
  const size_t a = axis(g);
  return {moved(g.in[0], g.in[0].shape, [&](Dims at) {
    at[a] = g.in[0].shape[a] - 1 - at[a];
    return std::optional(at);
  })};
}
Arrays roll(const Given& g) {
  const size_t a = axis(g, 1);
  const int64_t n = g.in[0].shape[a];
  return {moved(g.in[0], g.in[0].shape, [&](Dims at) {
    at[a] = ((at[a] - g.attr(0)) % n + n) % n;
    return std::optional(at);
  })};
}
Arrays pad(const Given& g) {
  const Array &x = g.in[0], &value = g.in[1];
  Dims shape = x.shape;
  for (size_t a = 0; a < shape.size(); ++a) shape[a] += g.attr(2 * a) + g.attr(2 * a + 1);
  Array y = like(x, shape);
  each(shape, [&](size_t i, Dims at) {
    bool inside = true;
    for (size_t a = 0; a < at.size(); ++a) {
      at[a] -= g.attr(2 * a);
      inside &= at[a] >= 0 && at[a] < x.shape[a];
    }
    const size_t from = inside ? place(x.shape, at) : 0;
    if (y.is_float())
      y.x[i] = inside ? x.x[from] : value.x[0];
    else
      y.n[i] = inside ? x.n[from] : value.n[0];
  });
  return {y};
}
Arrays triangle(const Given& g, bool upper) {
  return {moved(g.in[0], g.in[0].shape, [&](const Dims& at) -> std::optional<Dims> {
    const int64_t row = at[at.size() - 2], column = at[at.size() - 1];
    if (upper ? column < row + g.attr(0) : column > row + g.attr(0)) return {};
    return at;
  })};
}
Arrays update(const Given& g) {
  const Array& value = g.in[1];
  const size_t a = axis(g);
  Array y = g.in[0];
  each(y.shape, [&](size_t i, Dims at) {
    at[a] -= g.attr(1);
    if (at[a] < 0 || at[a] >= value.shape[a]) return;
    const size_t from = place(value.shape, at);
    if (y.is_float())
      y.x[i] = value.x[from];
    else
      y.n[i] = value.n[from];
  });
  return {y};
}

// Windows over the last two axes: attributes size, stride, dilation, each for rows and columns.
Arrays windows(const Given& g) {
  const Dims& x = g.in[0].shape;
  const size_t r = x.size() - 2;
  Dims shape(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(r));
  for (size_t i = 0; i < 2; ++i) shape.push_back((x[r + i] - g.attr(4 + i) * (g.attr(i) - 1) - 1) / g.attr(2 + i) + 1);
  for (size_t i = 0; i < 2; ++i) shape.push_back(g.attr(i));
  return {moved(g.in[0], shape, [&](const Dims& at) {
    Dims from(at.begin(), at.end() - 2);
    for (size_t i = 0; i < 2; ++i) from[r + i] = at[r + i] * g.attr(2 + i) + at[r + 2 + i] * g.attr(4 + i);
    return std::optional(from);
  })};
}
Arrays unwindows(const Given& g) {
  const Array& x = g.in[0];
  const size_t r = x.shape.size() - 4;
  Dims shape(x.shape.begin(), x.shape.end() - 4);
  shape.push_back(g.attr(6)), shape.push_back(g.attr(7));
  Array y = like(x, shape);
  std::vector<std::vector<Num>> parts(y.x.size());
  each(x.shape, [&](size_t i, const Dims& at) {
    Dims to(at.begin(), at.end() - 2);
    for (size_t k = 0; k < 2; ++k) to[r + k] = at[r + k] * g.attr(2 + k) + at[r + 2 + k] * g.attr(4 + k);
    const size_t p = place(shape, to);
    if (y.is_float()) {
      parts[p].push_back(x.x[i]);
    } else {
      y.n[p].v =
          wrapped(y.dtype, static_cast<int64_t>(static_cast<uint64_t>(y.n[p].v) + static_cast<uint64_t>(x.n[i].v)));
      y.n[p].known &= x.n[i].known;
    }
  });
  for (size_t p = 0; p < parts.size(); ++p)
    if (!parts[p].empty()) y.x[p] = sum(parts[p]);
  return {y};
}

Arrays full(const Given& g) {
  Array y = filled(g.in[0].dtype, Dims(g.attrs().begin() + 1, g.attrs().end()));
  std::fill(y.x.begin(), y.x.end(), y.is_float() ? g.in[0].x[0] : Num());
  std::fill(y.n.begin(), y.n.end(), y.is_float() ? Whole() : g.in[0].n[0]);
  return {y};
}
Arrays arange(const Given& g) {
  Array y = filled(g.in[0].dtype, {g.attr(1)});
  for (size_t i = 0; i < y.x.size(); ++i) {  // in f64, rounded once
    const double start = g.in[0].x[0].v, step = g.in[1].x[0].v, v = start + static_cast<double>(i) * step;
    y.x[i] = rounded(v, std::isfinite(v) ? 0x1p-51 * (std::abs(start) + std::abs(static_cast<double>(i) * step)) : 0);
  }
  for (size_t i = 0; i < y.n.size(); ++i)
    y.n[i].v = wrapped(y.dtype, static_cast<int64_t>(static_cast<uint64_t>(g.in[0].n[0].v) +
                                                     i * static_cast<uint64_t>(g.in[1].n[0].v)));
  return {y};
}

}  // namespace

const Definitions& movement() {
  static const Definitions all = {
      {"reshape", reshape},
      {"transpose", transpose},
      {"broadcast_to", broadcast_to},
      {"slice", slice},
      {"unslice", unslice},
      {"concat", concat},
      {"copy", same},
      {"cast", cast},
      {"alias", same},
      {"item", same},  // x · (1 + 0 · a count)
      {"flip", flip},
      {"roll", roll},
      {"stack", stack},
      {"pad", pad},
      {"tril", [](const Given& g) { return triangle(g, false); }},
      {"triu", [](const Given& g) { return triangle(g, true); }},
      {"update", update},
      {"windows", windows},
      {"unwindows", unwindows},
      {"full", full},
      {"arange", arange},
  };
  return all;
}

}  // namespace duet::fuzz::naive
