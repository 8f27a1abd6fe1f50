#include "duet/ops/scan.h"

#include "cpu/scan.h"
#include "duet/grad.h"
#include "ops/operands.h"
#include "ops/records.h"
#include "ops/reduce_axes.h"
#include "ops/stream.h"

namespace duet {

DUET_DEFINE_FAMILY(ScanOps)

namespace {

void run_chains(const cpu::Scan<float>& s) { cpu::kernels().scan_f32(s); }
void run_chains(const cpu::Scan<double>& s) { cpu::kernels().scan_f64(s); }
void run_chains(const cpu::Scan<int64_t>& s) { cpu::kernels().scan_i64(s); }

// Scans dense elements along attrs[0], backwards if attrs[1] says so.
template <class T>
void scan(cpu::ScanKind kind, const Shape& shape, Attrs attrs, const T* x, const T* a, T* y) {
  const auto axis = static_cast<int>(attrs[0]);
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < axis; ++i) outer *= shape[i];
  for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  const int64_t n = shape[axis];
  in_parts(outer * inner, outer * inner * n, [&](int64_t begin, int64_t end) {
    run_chains(cpu::Scan<T>{kind, attrs[1] != 0, x, a, y, n, inner, begin, end});
  });
}

// An operand's elements, dense: its own, or copied to `room`.
template <class T>
const T* dense_elements(const Strided& x, T* room) {
  if (x.dense) return static_cast<const T*>(x.data);
  cpu::gather(cpu::make_source(x.dtype, *x.shape, x.strides, *x.shape), x.data, 0, x.shape->numel(), room);
  return room;
}

template <class T>
void scan_floats(cpu::ScanKind kind, const KernelCall& call) {
  T* y = static_cast<T*>(call.out[0].data);
  const Strided& values = call.in[call.in.size() - 1];
  if (kind != cpu::ScanKind::recurrence || call.in[0].dense)
    return scan(kind, *values.shape, call.attrs, dense_elements(values, y), static_cast<const T*>(call.in[0].data), y);
  cpu::Temporary room(static_cast<size_t>(values.shape->numel()) * sizeof(T));
  const T* a = dense_elements(call.in[0], static_cast<T*>(room.data()));
  scan(kind, *values.shape, call.attrs, dense_elements(values, y), a, y);
}

void run_scan(cpu::ScanKind kind, const KernelCall& call) {
  if (call.out[0].shape->numel() == 0) return;
  call.out[0].dtype == DType::f32 ? scan_floats<float>(kind, call) : scan_floats<double>(kind, call);
}

// Elements moved by one place along an axis towards its beginning, or its end; a zero comes in.
Tensor shifted(const Tensor& x, int axis, bool to_end) {
  const int64_t n = x.shape()[axis];
  if (n == 0) return x;
  Tensor rest = to_end ? slice_axis(x, axis, 0, n - 1) : slice_axis(x, axis, 1, n);
  int64_t attrs[] = {axis, to_end ? 1 : 0, n, 1};
  return call_op<Unslice>(attrs, rest);
}

void check_floats(std::string_view op, const Args& in) {
  check<DTypeError>(is_float(in[0].dtype), "{}: takes floating numbers: {}; use .to(f32)", op, in.text(0));
}

}  // namespace

void Cumsum::infer(const Args& in, Attrs, Spec* out) {
  out[0] = {is_float(in[0].dtype) ? in[0].dtype : DType::i64, *in[0].shape};
  checked_numel(out[0].shape, out[0].dtype);
}

void Cumsum::run(const KernelCall& call) {
  const Strided& in = call.in[0];
  if (is_float(in.dtype)) return run_scan(cpu::ScanKind::sum, call);
  if (call.out[0].shape->numel() == 0) return;
  int64_t converted[] = {static_cast<int64_t>(DType::i64)};
  Cast::run({op<Cast>(), call.in, call.out, converted});
  auto* y = static_cast<int64_t*>(call.out[0].data);
  scan<int64_t>(cpu::ScanKind::sum, *in.shape, call.attrs, y, nullptr, y);
}

void Cumsum::vjp(VjpContext& c) {
  int64_t attrs[] = {c.attrs()[0], 1 - c.attrs()[1]};
  c.set(0, call_op<Cumsum>(attrs, c.dy()));
}

void ExclusiveProd::infer(const Args& in, Attrs, Spec* out) {
  check_floats(name, in);
  out[0] = in.spec(0);
}

void ExclusiveProd::run(const KernelCall& call) { run_scan(cpu::ScanKind::exclusive_product, call); }

// With E the result: dx[k] = sum over i > k of dy[i] · (product of x[j], j < i, j ≠ k) = E[k]·S[k], where
// S[k] = dy[k+1] + x[k+1]·S[k+1].
void ExclusiveProd::vjp(VjpContext& c) {
  const bool reverse = c.attrs()[1] != 0;
  int64_t attrs[] = {c.attrs()[0], reverse ? 0 : 1};
  Tensor sums = call_op<Recurrence>(attrs, c.input(0).tensor, c.dy());
  c.set(0, c.output() * shifted(sums, static_cast<int>(attrs[0]), reverse));
}

void Recurrence::infer(const Args& in, Attrs, Spec* out) {
  check_floats(name, in);
  check<ShapeError>(in.spec(0) == in.spec(1), "recurrence: factors and values differ: {} and {}; they must be the same",
                    in.text(0), in.text(1));
  out[0] = in.spec(1);
}

void Recurrence::run(const KernelCall& call) { run_scan(cpu::ScanKind::recurrence, call); }

// dx[t] = dy[t] + a[t+1]·dx[t+1] and da[t] = dx[t]·y[t−1].
void Recurrence::vjp(VjpContext& c) {
  const auto axis = static_cast<int>(c.attrs()[0]);
  const bool reverse = c.attrs()[1] != 0;
  int64_t attrs[] = {axis, reverse ? 0 : 1};
  Tensor dx = call_op<Recurrence>(attrs, shifted(c.input(0).tensor, axis, reverse), c.dy());
  if (c.wants(0)) c.set(0, dx * shifted(c.output(), axis, !reverse));
  if (c.wants(1)) c.set(1, dx);
}

Tensor cumsum(const Operand& x, int axis, bool reverse) {
  LineScope scope(x.line());
  int64_t attrs[] = {checked_axis("cumsum", axis, checked_tensor("cumsum", x)), reverse};
  return dispatch(op<Cumsum>(), {x}, attrs);
}

}  // namespace duet
