#include "duet/ops/matmul.h"

#include <fmt/format.h>

#include "batch_call.h"
#include "cpu/kernels.h"
#include "cpu/threads.h"
#include "duet/grad.h"
#include "ops/matmul_loop.h"
#include "ops/operands.h"
#include "ops/records.h"

namespace duet {

DUET_DEFINE_FAMILY(MatmulOps)

Tensor swap_axes(const Tensor& x, int a, int b) {
  int64_t order[kMaxRank];
  for (int i = 0; i < x.rank(); ++i) order[i] = i;
  std::swap(order[a], order[b]);
  return call_op<Transpose>(Attrs(order, static_cast<size_t>(x.rank())), x);
}

namespace {

Tensor swap_last(const Tensor& x) { return swap_axes(x, x.rank() - 2, x.rank() - 1); }

// An operand as an Autocast wants it. The product of what was rounded is the product in f32: every product of two
// 16-bit numbers is exact there, and sums are what they are.
Tensor rounded(const Tensor& x) {
  if (thread_state.autocast == 0 || x.dtype() == DType::f64 || !is_float(x.dtype())) return x;
  return cast(cast(x, static_cast<DType>(thread_state.autocast)), DType::f32);
}

}  // namespace

void Matmul::infer(const Args& in, Attrs, Spec* out) {
  const Shape &a = *in[0].shape, &b = *in[1].shape;
  auto both = [&] { return fmt::format("{} · {}", in.text(0), in.text(1)); };
  if (a.rank() < 2 || b.rank() < 2) fail<ShapeError>("matmul: a matrix needs two axes: {}", both());
  if (in[0].dtype != in[1].dtype || !is_float(in[0].dtype))
    fail<DTypeError>("matmul: takes two floating tensors of one type: {}; use .to(f32)", both());
  int64_t k = a[a.rank() - 1], k2 = b[b.rank() - 2];
  if (k != k2)
    fail<ShapeError>("matmul: inner axes differ: {} ({} vs {}){}", both(), k, k2,
                     k == b[b.rank() - 1]    ? "; did you mean transpose(b)?"
                     : a[a.rank() - 2] == k2 ? "; did you mean transpose(a)?"
                                             : "; they must be equal");
  Shape batch;
  if (!broadcast_shapes(Shape(a.begin(), a.rank() - 2), Shape(b.begin(), b.rank() - 2), batch))
    fail<ShapeError>("matmul: leading axes do not broadcast: {}; they must be equal or 1", both());
  batch.push_back(a[a.rank() - 2]);
  batch.push_back(b[b.rank() - 1]);
  checked_numel(batch, in[0].dtype);
  out[0] = {in[0].dtype, batch};
}

void Matmul::run(const KernelCall& call) {
  if (call.out[0].dtype == DType::f32)
    cpu::run_matmul<float>(call.in[0], call.in[1], call.out[0]);
  else
    cpu::run_matmul<double>(call.in[0], call.in[1], call.out[0]);
}

Outputs Matmul::batch(const BatchCall& c) {
  const Shape &a = *c.in[0].shape, &b = *c.in[1].shape;
  if (c.is_batch(1) || b.rank() != 2 || a[a.rank() - 2] != 1) return batch_aligned(c);
  // One row an example, all with the same matrix: a single product of many rows. Its elements are the same chains.
  Outputs y;
  y.count = 1;
  int64_t count = c.size;
  for (int i = 0; i < a.rank() - 2; ++i) count *= a[i];
  const Tensor rows = reshape(c.whole(0), {count, b[0]});
  y.values[0] = reshape(Tensor(call_op<Matmul>({}, rows, *c.in[1].tensor)), c.with_batch(c.specs[0].shape));
  return y;
}

void Matmul::vjp(VjpContext& c) {
  const Tensor dy = rounded(c.dy());  // the operands were rounded, if they had to be
  if (c.wants(0)) c.set(0, sum_to(Tensor(call_op<Matmul>({}, dy, swap_last(c.input(1).tensor))), c.in_shape(0)));
  if (c.wants(1)) c.set(1, sum_to(Tensor(call_op<Matmul>({}, swap_last(c.input(0).tensor), dy)), c.in_shape(1)));
}

namespace {

Tensor product(const Operand& a, const Operand& b) {
  bool tensors = a.is_tensor() && b.is_tensor() && a.tensor().defined() && b.tensor().defined();
  if (!tensors || (a.tensor().rank() >= 2 && b.tensor().rank() >= 2)) return dispatch(op<Matmul>(), {a, b});
  // NumPy's rule for vectors: an axis of extent 1 is added, and taken away from the product.
  const Tensor &x = a.tensor(), &y = b.tensor();
  check<ShapeError>(x.rank() > 0 && y.rank() > 0,
                    "matmul: a matrix or vector is needed: {} · {}; multiply by a number with *", x.spec(), y.spec());
  Tensor left = x.rank() == 1 ? reshape(x, {1, x.shape()[0]}) : x;
  Tensor right = y.rank() == 1 ? reshape(y, {y.shape()[0], 1}) : y;
  Tensor xy = call_op<Matmul>({}, left, right);
  Shape shape;
  for (int i = 0; i < xy.rank(); ++i) {
    bool added = (x.rank() == 1 && i == xy.rank() - 2) || (y.rank() == 1 && i == xy.rank() - 1);
    if (!added) shape.push_back(xy.shape()[i]);
  }
  return reshape(xy, shape);
}

}  // namespace

Tensor matmul(const Operand& a, const Operand& b) {
  LineScope scope(a.line());
  if (thread_state.autocast == 0 || !a.is_tensor() || !b.is_tensor()) return product(a, b);
  return product(rounded(checked_tensor("matmul", a)), rounded(checked_tensor("matmul", b)));
}

Tensor linear(const Operand& x, const Operand& weight, const Operand& bias) {
  LineScope scope(x.line());
  auto rank_of = [](const Operand& o) { return o.is_tensor() && o.tensor().defined() ? o.tensor().rank() : 0; };
  const bool stack = rank_of(x) > 2 && rank_of(weight) == 2 && rank_of(bias) <= 1;
  if (!stack || x.tensor().shape()[x.tensor().rank() - 1] != weight.tensor().shape()[0])
    return add(matmul(x, weight), bias);
  // A stack of matrices is one tall matrix: its weight's gradient is one product, not a sum of one for each.
  Shape shape = x.tensor().shape();
  int64_t rows = 1;
  for (int a = 0; a + 1 < shape.rank(); ++a) rows *= shape[a];
  const Tensor y = add(matmul(reshape(x, {rows, shape[shape.rank() - 1]}), weight), bias);
  shape[shape.rank() - 1] = y.shape()[1];
  return reshape(y, shape);
}

}  // namespace duet
