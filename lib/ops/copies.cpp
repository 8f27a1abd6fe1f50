// The operations of ops/movement.h that write new storage: unslice, concat, copy and cast. The views are in
// movement.cpp.
#include <algorithm>
#include <cstring>

#include "cpu/tiles.h"
#include "duet/grad.h"
#include "duet/ops/convert.h"
#include "duet/ops/movement.h"
#include "ops/convert.h"
#include "ops/axis.h"

namespace duet {

// --- the gradient of slice ---

void Unslice::infer(const Args& in, Attrs attrs, Spec* out) {
  Shape y = *in[0].shape;
  y[static_cast<int>(attrs[0])] = attrs[2];
  out[0] = {in[0].dtype, y};
}

void Unslice::run(const KernelCall& call) {
  const Strided& x = call.in[0];
  const Strided& y = call.out[0];
  const auto size = static_cast<int64_t>(size_bytes(x.dtype));
  const int64_t axis = call.attrs[0], start = call.attrs[1], step = call.attrs[3];
  AroundAxis around(*y.shape, axis);
  const int64_t rows = (*x.shape)[static_cast<int>(axis)], all = (*y.shape)[static_cast<int>(axis)];
  if (y.shape->numel() == 0) return;  // storage of nothing has no address
  std::memset(y.data, 0, static_cast<size_t>(y.shape->numel() * size));
  cpu::Source source = cpu::make_source(x.dtype, *x.shape, x.strides, *x.shape);
  for (int64_t o = 0; o < around.outer; ++o)
    for (int64_t r = 0; r < rows; ++r)
      cpu::gather(source, x.data, (o * rows + r) * around.inner, around.inner,
                  static_cast<char*>(y.data) + ((o * all + start + r * step) * around.inner) * size);
}

void Unslice::vjp(VjpContext& c) {
  int64_t axis = c.attrs()[0];
  int64_t attrs[] = {axis, c.attrs()[1], c.in_shape(0)[static_cast<int>(axis)], c.attrs()[3]};
  c.set(0, call_op<Slice>(attrs, c.dy()));
}

// --- concat ---

void Concat::infer(const Args& in, Attrs attrs, Spec* out) {
  check<ShapeError>(in.size() > 0, "concat: there are no tensors; give at least one");
  int axis = static_cast<int>(attrs[0]);
  Shape y = *in[0].shape;
  for (int i = 1; i < in.size(); ++i) {
    Shape x = *in[i].shape;
    check<DTypeError>(in[i].dtype == in[0].dtype, "concat: element types differ: {} and {}; convert one with .to({})",
                      in.text(0), in.text(i), in[0].dtype);
    bool same = x.rank() == y.rank();
    for (int a = 0; same && a < x.rank(); ++a) same = a == axis || x[a] == y[a];
    check<ShapeError>(same, "concat: shapes differ beside axis {}: {} and {}; only that axis may", axis, in.text(0),
                      in.text(i));
    y[axis] += x[axis];
  }
  checked_numel(y, in[0].dtype);
  out[0] = {in[0].dtype, y};
}

void Concat::run(const KernelCall& call) {
  const Strided& y = call.out[0];
  const auto size = static_cast<int64_t>(size_bytes(y.dtype));
  const auto axis = static_cast<int>(call.attrs[0]);
  AroundAxis around(*y.shape, axis);
  int64_t at = 0;
  for (const Strided& x : call.in) {
    const int64_t run = (*x.shape)[axis] * around.inner;
    cpu::Source source = cpu::make_source(x.dtype, *x.shape, x.strides, *x.shape);
    for (int64_t o = 0; o < around.outer && run > 0; ++o)
      cpu::gather(source, x.data, o * run, run,
                  static_cast<char*>(y.data) + (o * (*y.shape)[axis] * around.inner + at) * size);
    at += run;
  }
}

void Concat::vjp(VjpContext& c) {
  int axis = static_cast<int>(c.attrs()[0]);
  int64_t start = 0;
  for (int i = 0; i < c.inputs(); ++i) {
    int64_t extent = c.in_shape(i)[axis];
    if (c.wants(i)) c.set(i, slice_axis(c.dy(), axis, start, start + extent));
    start += extent;
  }
}

// --- copy and cast ---

void Copy::infer(const Args& in, Attrs, Spec* out) { out[0] = in.spec(0); }

void Copy::run(const KernelCall& call) {
  const Strided& x = call.in[0];
  const cpu::Source source = cpu::make_source(x.dtype, *x.shape, x.strides, *x.shape);
  const int64_t n = x.shape->numel();
  in_parts(n, n, [&](int64_t begin, int64_t end) {
    cpu::gather(source, x.data, begin, end - begin,
                static_cast<char*>(call.out[0].data) + begin * static_cast<int64_t>(source.bytes));
  });
}

void Copy::vjp(VjpContext& c) { c.set(0, c.dy()); }

void Cast::infer(const Args& in, Attrs attrs, Spec* out) { out[0] = {static_cast<DType>(attrs[0]), *in[0].shape}; }

namespace {

template <class From, class To>
void convert_tile(const cpu::TileCall& call) {
  const From* x = static_cast<const From*>(call.in[0]);
  To* y = static_cast<To*>(call.out[0]);
  if ((call.scalars & 1u) != 0) {
    std::fill_n(y, call.n, convert<To>(*x));
    return;
  }
  for (int64_t i = 0; i < call.n; ++i) y[i] = convert<To>(x[i]);
}

}  // namespace

cpu::TileFn cast_tile(DType from, DType to) {
  if (const cpu::TileFn fn = cpu::kernels().half(from, to)) return fn;
  cpu::TileFn fn = nullptr;
  visit_stored(from, [&](auto f) { visit_stored(to, [&](auto t) { fn = convert_tile<decltype(f), decltype(t)>; }); });
  return fn;
}

void Cast::run(const KernelCall& call) {
  const Strided& x = call.in[0];
  const Strided& y = call.out[0];
  cpu::TileProgram program;
  program.clear(x.shape->numel());
  const cpu::Register from = program.add_source(cpu::make_source(x.dtype, *x.shape, x.strides, *x.shape));
  program.add_cast(cast_tile(x.dtype, y.dtype), x.dtype, y.dtype, from, program.add_output(y.dtype));
  const void* in[] = {x.data};
  void* out[] = {y.data};
  cpu::run_tiles(program, in, out);
}

void Cast::vjp(VjpContext& c) { c.set(0, cast(c.dy(), c.in_dtype(0))); }

}  // namespace duet
