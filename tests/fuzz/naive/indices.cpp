// Operations with indices in their data, windows of images, random numbers.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "fuzz/naive/array.h"

namespace duet::fuzz::naive {

Whole checked(Whole k, int64_t n, bool negative) {
  if (!k.known) return {0, false};
  if (k.v >= n || k.v < (negative ? -n : 0)) throw OutOfRange();
  return {k.v < 0 ? k.v + n : k.v, true};
}

namespace {

void forget(Array& y, size_t i, const Num& nothing) {
  y.is_float() ? void(y.x[i] = nothing) : void(y.n[i] = {0, false});
}
void set(Array& y, size_t i, const Array& x, size_t from) {
  y.is_float() ? void(y.x[i] = x.x[from]) : void(y.n[i] = x.n[from]);
}

// Slices along axis attrs[0]; the first attrs[1] axes of both go together.
Arrays gather(const Given& g, bool negative) {
  const Array &x = g.in[0], &index = g.in[1];
  const auto a = static_cast<std::ptrdiff_t>(g.attr(0)), batch = static_cast<std::ptrdiff_t>(g.attr(1));
  const auto inner = static_cast<std::ptrdiff_t>(index.shape.size()) - batch;
  const int64_t n = x.shape[static_cast<size_t>(a)];
  for (const Whole& k : index.n) checked(k, n, negative);
  Dims shape(x.shape.begin(), x.shape.begin() + a);
  shape.insert(shape.end(), index.shape.begin() + batch, index.shape.end());
  shape.insert(shape.end(), x.shape.begin() + a + 1, x.shape.end());
  Array y = like(x, shape);
  const Num nothing = lost({&x});
  each(shape, [&](size_t i, const Dims& at) {
    Dims which(at.begin(), at.begin() + batch), from(at.begin(), at.begin() + a);
    which.insert(which.end(), at.begin() + a, at.begin() + a + inner);
    const Whole k = checked(index.n[place(index.shape, which)], n, negative);
    from.push_back(k.v);
    from.insert(from.end(), at.begin() + a + inner, at.end());
    k.known ? set(y, i, x, place(x.shape, from)) : forget(y, i, nothing);
  });
  return {y};
}
// base + updates; `to` is where an update goes, if that is known.
template <class F>
Arrays added(const Array& base, const Array& updates, F to) {
  Array y = base;
  bool sure = true;
  each(updates.shape, [&](size_t i, const Dims& at) {
    const std::optional<Dims> where = to(at);
    if (!where) {
      sure = false;
      return;
    }
    const size_t p = place(base.shape, *where);
    if (y.is_float()) {
      y.x[p] = y.x[p] + updates.x[i];
    } else {
      y.n[p].v = wrapped(y.dtype,
                         static_cast<int64_t>(static_cast<uint64_t>(y.n[p].v) + static_cast<uint64_t>(updates.n[i].v)));
      y.n[p].known &= updates.n[i].known;
    }
  });
  if (sure) return {y};
  const Num nothing = lost({&base, &updates});
  for (size_t i = 0; i < std::max(y.x.size(), y.n.size()); ++i) forget(y, i, nothing);
  return {y};
}
Arrays scatter_add(const Given& g) {
  const Array &base = g.in[0], &index = g.in[1], &updates = g.in[2];
  const auto a = static_cast<size_t>(g.attr(0));
  if (g.attr(1) != 0 || index.shape.size() != 1) throw std::runtime_error("scatter_add of another form");
  for (const Whole& k : index.n) checked(k, base.shape[a], true);
  return added(base, updates, [&](Dims at) -> std::optional<Dims> {
    const Whole k = checked(index.n[static_cast<size_t>(at[a])], base.shape[a], true);
    at[a] = k.v;
    return k.known ? std::optional(at) : std::nullopt;
  });
}
Arrays scatter_add_along_axis(const Given& g) {
  const Array &base = g.in[0], &index = g.in[1];
  const auto a = static_cast<size_t>(g.attr(0));
  for (const Whole& k : index.n) checked(k, base.shape[a], true);
  return added(base, g.in[2], [&](Dims at) -> std::optional<Dims> {
    const Whole k = checked(index.n[place(index.shape, at)], base.shape[a], true);
    at[a] = k.v;
    return k.known ? std::optional(at) : std::nullopt;
  });
}
Arrays take_along_axis(const Given& g) {
  const Array &x = g.in[0], &index = g.in[1];
  const auto a = static_cast<size_t>(g.attr(0));
  Array y = like(x, index.shape);
  const Num nothing = lost({&x});
  each(index.shape, [&](size_t i, Dims at) {
    const Whole k = checked(index.n[i], x.shape[a], true);
    at[a] = k.v;
    k.known ? set(y, i, x, place(x.shape, at)) : forget(y, i, nothing);
  });
  return {y};
}
Arrays one_hot(const Given& g) {
  Dims shape = g.in[0].shape;
  shape.push_back(g.attr(1));
  Array y = filled(static_cast<DType>(g.attr(0)), shape);
  for (size_t i = 0; i < g.in[0].n.size(); ++i) {
    const Whole k = checked(g.in[0].n[i], g.attr(1), false);
    const size_t row = i * static_cast<size_t>(g.attr(1));
    for (size_t c = 0; c < static_cast<size_t>(g.attr(1)) && !k.known; ++c) forget(y, row + c, unknown());
    if (!k.known) continue;
    y.is_float() ? void(y.x[row + static_cast<size_t>(k.v)].v = 1) : void(y.n[row + static_cast<size_t>(k.v)].v = 1);
  }
  return {y};
}

// --- images: attributes kernel, stride, padding, dilation, each for rows and columns ---

using Attrs = std::vector<int64_t>;
int64_t places_of(int64_t n, const Attrs& a, size_t i) {
  return (n + 2 * a[4 + i] - a[6 + i] * (a[i] - 1) - 1) / a[2 + i] + 1;
}
/// Where the element (ky, kx) of the window at (oy, ox) lies; nothing beyond the edges.
std::optional<std::pair<int64_t, int64_t>> seen(const Attrs& a, int64_t h, int64_t w, int64_t oy, int64_t ox,
                                                int64_t k) {
  const int64_t y = oy * a[2] - a[4] + k / a[1] * a[6], x = ox * a[3] - a[5] + k % a[1] * a[7];
  if (y < 0 || x < 0 || y >= h || x >= w) return {};
  return std::pair(y, x);
}
Arrays fold(const Given& g) {
  const Array& x = g.in[0];  // [C,kh·kw,N,OH,OW]
  const Attrs& a = g.attrs();
  const Dims shape{x.shape[2], x.shape[0], a[8], a[9]};
  Array y = like(x, shape);
  std::vector<std::vector<Num>> parts(y.x.size());
  each(x.shape, [&](size_t i, const Dims& at) {
    if (const auto p = seen(a, a[8], a[9], at[3], at[4], at[1]))
      parts[place(shape, {at[2], at[0], p->first, p->second})].push_back(x.x[i]);
  });
  for (size_t p = 0; p < parts.size(); ++p)
    if (!parts[p].empty()) y.x[p] = sum(parts[p]);
  return {y};
}

// --- random numbers: Philox 4x32-10, Salmon et al. 2011 ---

struct Block {
  uint32_t w[4];
};
Block philox(const Array& key, uint64_t counter, uint32_t stream) {
  uint32_t c[4] = {static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), stream, 0};
  uint32_t k[2] = {static_cast<uint32_t>(key.n[0].v), static_cast<uint32_t>(key.n[1].v)};
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * c[0], b = uint64_t{0xCD9E8D57} * c[2];
    const uint32_t next[4] = {static_cast<uint32_t>(b >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(b),
                              static_cast<uint32_t>(a >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(a)};
    std::copy(next, next + 4, c);
    k[0] += 0x9E3779B9, k[1] += 0xBB67AE85;
  }
  return {{c[0], c[1], c[2], c[3]}};
}
bool known(const Array& key) { return key.n[0].known && key.n[1].known; }
double fraction(uint32_t word) { return static_cast<double>(word >> 8) * 0x1p-24; }

Arrays normal(const Given& g) {
  Array y = filled(DType::f32, g.attrs());
  for (size_t i = 0; i < y.x.size(); ++i) {
    if (!known(g.in[0])) {
      y.x[i] = unknown();
      continue;
    }
    const Block b = philox(g.in[0], i / 4, 0);
    const size_t pair = i % 4 / 2 * 2;
    const Rounding narrow(false);
    const Num radius = sqrt(Num{-2} * log(Num{fraction(b.w[pair]) + 0x1p-24}));
    const Num angle = Num{6.283185307179586, 0x1p-22} * Num{fraction(b.w[pair + 1])};
    y.x[i] = radius * (i % 2 == 0 ? cos(angle) : sin(angle));
  }
  return {y};
}
Arrays permutation(const Given& g) {
  const int64_t n = g.attr(0);
  Array y = filled(DType::i64, {n});
  std::vector<std::pair<uint64_t, int64_t>> order;
  for (int64_t i = 0; i < n; ++i) {
    const Block b = philox(g.in[0], static_cast<uint64_t>(i / 2), 3);
    order.emplace_back(uint64_t{b.w[i % 2 * 2]} << 32 | b.w[i % 2 * 2 + 1], i);
  }
  std::sort(order.begin(), order.end());
  for (size_t i = 0; i < order.size(); ++i) y.n[i] = {order[i].second, known(g.in[0])};
  return {y};
}
Arrays split(const Given& g) {
  Array y = filled(DType::i32, {g.attr(0), 2});
  for (size_t i = 0; i < y.n.size(); ++i)
    y.n[i] = {static_cast<int32_t>(philox(g.in[0], i / 2, 1).w[i % 2]), known(g.in[0])};
  return {y};
}
Arrays fold_in(const Given& g) {
  Array y = filled(DType::i32, {2});
  const Block b = philox(g.in[0], static_cast<uint64_t>(g.in[1].n[0].v), 2);
  for (size_t i = 0; i < 2; ++i) y.n[i] = {static_cast<int32_t>(b.w[i]), known(g.in[0]) && g.in[1].n[0].known};
  return {y};
}
Array below(const Array& key, const Dims& shape, double p) {
  const Array u = uniform(key, shape);
  Array y = filled(DType::boolean, shape);
  for (size_t i = 0; i < y.n.size(); ++i) y.n[i] = {u.x[i].v < p, u.x[i].known()};
  return y;
}
Arrays dropout(const Given& g) {
  const double p = 0.25 * static_cast<double>(g.attr(0));
  const Array kept = below(g.in[1], g.in[0].shape, 1 - p);
  Array y = g.in[0];
  const Num factor = converted({1 / (1 - p)}, wide());
  for (size_t i = 0; i < y.x.size(); ++i) {
    const Truth t = !kept.n[i].known ? Truth::maybe : kept.n[i].v != 0 ? Truth::yes : Truth::no;
    y.x[i] = select(t, y.x[i] * factor, Num{0});
  }
  return {y};
}
Arrays bernoulli(const Given& g) {
  return {below(g.in[0], Dims(g.attrs().begin() + 1, g.attrs().end()), 0.25 * static_cast<double>(g.attr(0)))};
}
Arrays categorical(const Given& g) {
  const Array& logits = g.in[1];
  Array noisy = uniform(g.in[0], logits.shape);
  for (size_t i = 0; i < noisy.x.size(); ++i)
    noisy.x[i] = constant(logits.x[i]) + -log(-log(noisy.x[i].v == 0 ? Num{0x1p-25, noisy.x[i].e} : noisy.x[i]));
  const int64_t axes = int64_t{1} << (logits.shape.size() - 1);
  Array y = filled(DType::i64, without(logits.shape, axes, false));
  each_row(noisy, axes, [&](size_t i, const std::vector<size_t>& places) { y.n[i] = best_place(noisy, places, true); });
  return {y};
}

}  // namespace

Array unfolded(const Array& x, const Attrs& a) {
  const int64_t h = x.shape[2], w = x.shape[3];
  return moved(x, {x.shape[1], a[0] * a[1], x.shape[0], places_of(h, a, 0), places_of(w, a, 1)},
               [&](const Dims& at) -> std::optional<Dims> {
                 const auto p = seen(a, h, w, at[3], at[4], at[1]);
                 if (!p) return {};
                 return Dims{at[2], at[0], p->first, p->second};
               });
}
Array window_places(const Array& x, const Attrs& a) {
  const int64_t h = x.shape[2], w = x.shape[3];
  const Dims shape{x.shape[0], x.shape[1], places_of(h, a, 0), places_of(w, a, 1)};
  Array y = filled(DType::i64, shape);
  each(shape, [&](size_t i, const Dims& at) {
    std::vector<size_t> places;
    for (int64_t k = 0; k < a[0] * a[1]; ++k)
      if (const auto p = seen(a, h, w, at[2], at[3], k))
        places.push_back(place(x.shape, {at[0], at[1], p->first, p->second}));
    const Whole best = best_place(x, places, true);
    y.n[i] = {static_cast<int64_t>(places[static_cast<size_t>(best.v)]), best.known};
  });
  return y;
}
Array uniform(const Array& key, const Dims& shape) {
  Array y = filled(DType::f32, shape);
  for (size_t i = 0; i < y.x.size(); ++i)
    y.x[i] = known(key) ? Num{fraction(philox(key, i / 4, 0).w[i % 4])} : unknown();
  return y;
}

const Definitions& indices() {
  static const Definitions all = {
      {"gather", [](const Given& g) { return gather(g, true); }},
      {"take", [](const Given& g) { return gather(g, true); }},
      {"embedding", [](const Given& g) { return gather(g, false); }},
      {"scatter_add", scatter_add},
      {"scatter_add_along_axis", scatter_add_along_axis},
      {"take_along_axis", take_along_axis},
      {"one_hot", one_hot},
  };
  return all;
}
const Definitions& images() {
  static const Definitions all = {
      {"unfold", [](const Given& g) -> Arrays { return {unfolded(g.in[0], g.attrs())}; }},
      {"fold", fold},
      {"max_pool_index", [](const Given& g) -> Arrays { return {window_places(g.in[0], g.attrs())}; }},
  };
  return all;
}
const Definitions& randoms() {
  static const Definitions all = {
      {"uniform", [](const Given& g) -> Arrays { return {uniform(g.in[0], g.attrs())}; }},
      {"normal", normal},
      {"permutation", permutation},
      {"split", split},
      {"fold_in", fold_in},
      {"dropout", dropout},
      {"bernoulli", bernoulli},
      {"categorical", categorical},
  };
  return all;
}

}  // namespace duet::fuzz::naive
