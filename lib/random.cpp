#include "duet/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "cpu/kernels.h"
#include "cpu/tiles.h"
#include "duet/core/debug.h"
#include "duet/ops/create.h"
#include "duet/ops/pointwise.h"
#include "duet/ops/reduce.h"
#include "ops/operands.h"
#include "ops/parts.h"
#include "ops/records.h"
#include "recomputation.h"

namespace duet {

DUET_DEFINE_FAMILY(RandomOps)

namespace {

void check_key(std::string_view op, const Args& in) {
  check<DTypeError>(in[0].dtype == DType::i32 && *in[0].shape == Shape{2},
                    "{}: operand 1 is no key: {}; keys come from Key(seed), split and fold_in", op, in.text(0));
}

struct Words {
  uint32_t k0, k1;
};
Words words(const Strided& key) {
  auto* p = static_cast<const int32_t*>(key.data);
  return {static_cast<uint32_t>(p[0]), static_cast<uint32_t>(p[key.strides[0]])};
}

// Streams of the same key for other purposes differ in the counter's third word.
enum : uint32_t { kSplitStream = 1, kFoldStream = 2, kPermutationStream = 3 };
math::PhiloxWords<math::ScalarBits> philox_block(Words key, uint64_t counter, uint32_t stream) {
  using B = math::ScalarBits;
  return math::philox(B(static_cast<uint32_t>(counter)), B(static_cast<uint32_t>(counter >> 32)), B(stream), B(0u),
                      B(key.k0), B(key.k1));
}

void infer_shape(std::string_view op, const Args& in, Attrs attrs, Spec* out) {
  check_key(op, in);
  out[0] = {DType::f32, Shape(attrs.data(), static_cast<int>(attrs.size()))};
  checked_numel(out[0].shape, out[0].dtype);
}

void fill(cpu::Distribution d, const KernelCall& call) {
  Words key = words(call.in[0]);
  auto* y = static_cast<float*>(call.out[0].data);
  const int64_t n = call.out[0].shape->numel();
  constexpr int64_t kCost = 4;  // of an element, beside one that is only moved
  in_parts(n, kCost * n, [&](int64_t begin, int64_t end) {
    cpu::kernels().random(d, key.k0, key.k1, begin, end - begin, y + begin);
  });
}

// Using a key twice gives the same numbers twice, hardly ever what was meant: DUET_DEBUG=1 and debug builds say so.
void note_use(const Key& key, const char* op, const Line& line) {
#ifdef NDEBUG
  if (debug_level() < 1) return;
#endif
  if (Recomputation::active()) return;
  struct Use {
    uint64_t id = 0;
    Line line;
  };
  static thread_local Use recent[64];
  static thread_local unsigned next = 0;
  for (const Use& use : recent)
    if (use.id == key.data().id()) {
      debug_line(fmt::format("{}: this key was used before, at {}; the numbers repeat, use split or fold_in [{}]", op,
                             to_string(use.line), to_string(line)));
      return;
    }
  recent[next++ % 64] = {key.data().id(), line};
}

Attrs dims(const Shape& s) { return Attrs(s.begin(), static_cast<size_t>(s.rank())); }

}  // namespace

Key::Key(uint64_t seed) {
  int32_t v[] = {static_cast<int32_t>(seed), static_cast<int32_t>(seed >> 32)};
  data_ = from_span(std::span<const int32_t>(v), {2});
}

Key::Key(Tensor data, Here line) : data_(std::move(data)) {
  LineScope scope(line);
  if (!data_.defined() || data_.dtype() != DType::i32 || data_.shape() != Shape{2})
    fail<DTypeError>("Key: a key is i32[2]: {}; make one with Key(seed)",
                     data_.defined() ? to_string(data_.spec()) : "empty");
}

void Uniform::infer(const Args& in, Attrs attrs, Spec* out) { infer_shape(name, in, attrs, out); }
void Uniform::run(const KernelCall& call) { fill(cpu::Distribution::uniform, call); }
void Normal::infer(const Args& in, Attrs attrs, Spec* out) { infer_shape(name, in, attrs, out); }
void Normal::run(const KernelCall& call) { fill(cpu::Distribution::normal, call); }

void Permutation::infer(const Args& in, Attrs attrs, Spec* out) {
  check_key(name, in);
  out[0] = {DType::i64, Shape{attrs[0]}};
  checked_numel(out[0].shape, out[0].dtype);
}

void Permutation::run(const KernelCall& call) {
  Words key = words(call.in[0]);
  const int64_t n = call.attrs[0];
  std::vector<uint64_t> weight(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    auto w = philox_block(key, static_cast<uint64_t>(i / 2), kPermutationStream);
    weight[static_cast<size_t>(i)] = (uint64_t{w.v[2 * (i % 2)].v} << 32) | w.v[2 * (i % 2) + 1].v;
  }
  auto* y = static_cast<int64_t*>(call.out[0].data);
  std::iota(y, y + n, int64_t{0});
  std::stable_sort(
      y, y + n, [&](int64_t a, int64_t b) { return weight[static_cast<size_t>(a)] < weight[static_cast<size_t>(b)]; });
}

void Split::infer(const Args& in, Attrs attrs, Spec* out) {
  check_key(name, in);
  check<ShapeError>(attrs[0] >= 0, "split: the number of keys is negative: {}; give 0 or more", attrs[0]);
  out[0] = {DType::i32, Shape{attrs[0], 2}};
  checked_numel(out[0].shape, out[0].dtype);
}

void Split::run(const KernelCall& call) {
  Words key = words(call.in[0]);
  auto* y = static_cast<int32_t*>(call.out[0].data);
  for (int64_t i = 0; i < call.attrs[0]; ++i) {
    auto w = philox_block(key, static_cast<uint64_t>(i), kSplitStream);
    y[2 * i] = static_cast<int32_t>(w.v[0].v);
    y[2 * i + 1] = static_cast<int32_t>(w.v[1].v);
  }
}

void FoldIn::infer(const Args& in, Attrs, Spec* out) {
  check_key(name, in);
  check<DTypeError>(!is_float(in[1].dtype) && in[1].dtype != DType::boolean && in[1].shape->numel() == 1,
                    "fold_in: the number must be one integer: {}", in.text(1));
  out[0] = {DType::i32, Shape{2}};
}

void FoldIn::run(const KernelCall& call) {
  int64_t i = 0;
  visit(call.in[1].dtype, [&](auto v) { i = static_cast<int64_t>(*static_cast<const decltype(v)*>(call.in[1].data)); });
  auto w = philox_block(words(call.in[0]), static_cast<uint64_t>(i), kFoldStream);
  auto* y = static_cast<int32_t*>(call.out[0].data);
  y[0] = static_cast<int32_t>(w.v[0].v);
  y[1] = static_cast<int32_t>(w.v[1].v);
}

Tensor uniform(const Key& key, const Shape& shape, double low, double high, Here line) {
  LineScope scope(line);
  note_use(key, "uniform", line);
  Tensor u = call_op<Uniform>(dims(shape), key.data());
  if (low == 0 && high == 1) return u;
  return add(mul(std::move(u), high - low), low);
}

Tensor normal(const Key& key, const Shape& shape, double mean, double deviation, Here line) {
  LineScope scope(line);
  note_use(key, "normal", line);
  Tensor z = call_op<Normal>(dims(shape), key.data());
  if (mean == 0 && deviation == 1) return z;
  return add(mul(std::move(z), deviation), mean);
}

Tensor bernoulli(const Key& key, double p, const Shape& shape, Here line) {
  LineScope scope(line);
  note_use(key, "bernoulli", line);
  check<Error>(p >= 0 && p <= 1, "bernoulli: {} is no probability; give a number in 0 to 1", p);
  return lt(Tensor(call_op<Uniform>(dims(shape), key.data())), p);
}

Tensor dropout(const Operand& x, double p, const Key& key) {
  LineScope scope(x.line());
  note_use(key, "dropout", x.line());
  check<Error>(p >= 0 && p < 1, "dropout: {} is no share to drop; give a number from 0 up to, not including, 1", p);
  const Tensor& t = floating("dropout", x);
  // Computed by operations, so that p may be an argument of a frozen function, and in f64, as C++ would.
  const Tensor share = sub(1, full({}, p, f64));
  const Tensor kept = lt(Tensor(call_op<Uniform>(dims(t.shape()), key.data())), cast(share, f32));
  return where(kept, mul(t, cast(div(1, share), t.dtype())), Operand::constant(0));
}

Tensor categorical(const Key& key, const Operand& logits, int axis, Here line) {
  LineScope scope(line);
  note_use(key, "categorical", line);
  const Tensor& x = floating("categorical", logits);
  const int at = checked_axis("categorical", axis, x);
  check<ShapeError>(x.shape()[at] > 0, "categorical: there is no index among no logits: {}; give at least one",
                    x.spec());
  // A uniform 0 would be noise of -inf: half a step stands for it.
  const Tensor u = maximum(Tensor(call_op<Uniform>(dims(x.shape()), key.data())), 0x1p-25);
  const Tensor noise = neg(log(neg(log(u))));
  return argmax(x + (x.dtype() == f32 ? noise : cast(noise, x.dtype())), at);
}

Tensor permutation(const Key& key, int64_t n, Here line) {
  LineScope scope(line);
  note_use(key, "permutation", line);
  check<ShapeError>(n >= 0, "permutation: the number of elements is negative: {}; give 0 or more", n);
  return call_op<Permutation>(Attrs(&n, 1), key.data());
}

std::vector<Key> split(const Key& key, int64_t n, Here line) {
  LineScope scope(line);
  note_use(key, "split", line);
  Tensor all = call_op<Split>(Attrs(&n, 1), key.data());
  std::vector<Key> keys;
  for (int64_t i = 0; i < n; ++i) keys.emplace_back(all[i]);
  return keys;
}

Key fold_in(const Key& key, const Operand& i) {
  LineScope scope(i.line());
  return Key(Tensor(dispatch(op<FoldIn>(), {Operand(key.data()), i})));
}

}  // namespace duet
