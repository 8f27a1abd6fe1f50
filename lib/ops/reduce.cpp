#include "duet/ops/reduce.h"

#include <limits>

#include "cpu/reduce_int.h"
#include "cpu/threads.h"
#include "cpu/tiles.h"
#include "duet/core/memory.h"
#include "duet/grad.h"
#include "ops/records.h"

namespace duet {

DUET_DEFINE_FAMILY(ReduceOps)

Axes::Axes(std::initializer_list<int> list, std::source_location line) : count(static_cast<int>(list.size())) {
  LineScope scope(line);
  check<ShapeError>(count <= kMaxRank, "axes: {} are too many; a tensor has at most {}", count, kMaxRank);
  int i = 0;
  for (int a : list) axis[i++] = a;
}

namespace {

constexpr int64_t kParallelElements = 64 * 1024;

// A reduction cut into the two stages of lib/cpu/reduce.h: trailing reduced axes are rows, the others columns.
struct Stages {
  int64_t row = 1;  // elements of a row
  bool has_row = false;
  Shape rest;            // axes before the trailing run
  unsigned reduced = 0;  // of those
  int64_t outer = 1, columns = 1, inner = 1;
  Shape permuted_shape;  // reduced axes of the rest brought together
  int order[kMaxRank] = {};
  bool permuted = false;

  Stages(const Shape& shape, unsigned axes) {
    int last = shape.rank();
    while (last > 0 && ((axes >> (last - 1)) & 1u)) row *= shape[--last], has_row = true;
    rest = Shape(shape.begin(), last);
    reduced = axes & ((1u << last) - 1);
    if (reduced == 0) return;
    int first = 0, end = last;
    while (!((reduced >> first) & 1u)) ++first;
    while (!((reduced >> (end - 1)) & 1u)) --end;
    for (int a = first; a < end; ++a) permuted |= !((reduced >> a) & 1u);
    int n = 0;
    auto take = [&](int a) {
      order[n++] = a;
      permuted_shape.push_back(rest[a]);
    };
    if (permuted) {
      for (int a = 0; a < last; ++a)
        if ((reduced >> a) & 1u) take(a), columns *= rest[a];
      for (int a = 0; a < last; ++a)
        if (!((reduced >> a) & 1u)) take(a), inner *= rest[a];
    } else {
      for (int a = 0; a < last; ++a) {
        take(a);
        (a < first ? outer : a < end ? columns : inner) *= rest[a];
      }
    }
  }
};

// A strided operand as a stream.
template <class T>
struct StridedStream {
  cpu::Source source;
  const void* data;
  cpu::Stream<T> stream;
  StridedStream(const Strided& x, const Shape& shape, const int64_t* strides)
      : source(cpu::make_source(x.dtype, shape, strides, shape)), data(x.data) {
    if (source.dense || shape.numel() == 1) stream.data = static_cast<const T*>(data);
    stream.ctx = this;
    stream.get = [](void* ctx, int64_t begin, int64_t n, T* scratch) -> const T* {
      auto* self = static_cast<StridedStream*>(ctx);
      cpu::gather(self->source, self->data, begin, n, scratch);
      return scratch;
    };
  }
  StridedStream(const StridedStream&) = delete;
};

template <class T>
const cpu::Reductions<T>& reductions() {
  if constexpr (std::is_same_v<T, float>)
    return cpu::kernels().reduce_f32;
  else
    return cpu::kernels().reduce_f64;
}

struct Temporary {
  size_t bytes;
  void* data;
  explicit Temporary(size_t n) : bytes(n), data(memory::allocate(n)) {}
  ~Temporary() { memory::deallocate(data, bytes); }
  Temporary(const Temporary&) = delete;
};

void in_parts(int64_t total, int64_t work, auto&& body) {
  int64_t parts = work < kParallelElements ? 1 : std::min<int64_t>(cpu::threads(), total);
  if (parts <= 1) return body(int64_t{0}, total);
  cpu::parallel_for(parts, [&](int64_t p) { body(total * p / parts, total * (p + 1) / parts); });
}

template <class T>
void row_stage(cpu::ReduceKind kind, const cpu::Stream<T>& x, int64_t n, int64_t rows, T* y) {
  const auto& k = reductions<T>();
  if (rows == 1 && n >= kParallelElements && cpu::threads() > 1) {
    // One long row: its chunks are shared out, and their results are a row reduced by the same rule.
    int64_t chunks = (n + cpu::kReduceChunk - 1) / cpu::kReduceChunk;
    Temporary results(static_cast<size_t>(chunks) * sizeof(T));
    auto* r = static_cast<T*>(results.data);
    in_parts(chunks, n, [&](int64_t b, int64_t e) { k.row_chunks(kind, x, n, 0, b, e, r); });
    cpu::Stream<T> again;
    again.data = r;
    return k.row(kind, again, chunks, 0, 1, y);
  }
  in_parts(rows, rows * n, [&](int64_t b, int64_t e) { k.row(kind, x, n, b, e, y); });
}

template <class T>
void col_stage(cpu::ReduceKind kind, const cpu::Stream<T>& x, const Stages& s, T* y) {
  const auto& k = reductions<T>();
  int64_t work = s.outer * s.columns * s.inner;
  if (s.outer >= s.inner)
    in_parts(s.outer, work, [&](int64_t b, int64_t e) { k.col(kind, x, s.columns, s.inner, {b, e, 0, s.inner}, y); });
  else
    in_parts(s.inner, work, [&](int64_t b, int64_t e) { k.col(kind, x, s.columns, s.inner, {0, s.outer, b, e}, y); });
}

template <class T>
void reduce(cpu::ReduceKind kind, const Strided& in, const Stages& s, T* y) {
  int64_t rows = s.rest.numel();
  if (s.reduced == 0) {
    StridedStream<T> x(in, *in.shape, in.strides);
    return row_stage<T>(kind, x.stream, s.row, rows, y);
  }
  if (!s.has_row) {
    int64_t strides[kMaxRank];
    for (int i = 0; i < s.rest.rank(); ++i) strides[i] = in.strides[s.order[i]];
    StridedStream<T> x(in, s.permuted_shape, strides);
    return col_stage<T>(kind, x.stream, s, y);
  }
  Temporary between(static_cast<size_t>(rows) * sizeof(T));
  {
    StridedStream<T> x(in, *in.shape, in.strides);
    row_stage<T>(kind, x.stream, s.row, rows, static_cast<T*>(between.data));
  }
  ++thread_state.launches;
  int64_t dense[kMaxRank], strides[kMaxRank];
  dense_strides(s.rest, dense);
  for (int i = 0; i < s.rest.rank(); ++i) strides[i] = dense[s.order[i]];
  Strided middle{between.data, in.dtype, true, &s.rest, dense};
  StridedStream<T> x(middle, s.permuted_shape, strides);
  col_stage<T>(kind, x.stream, s, y);
}

// Integers have one result in any order: all reduced axes at once, through i64.
template <class T, class Y>
void reduce_int(cpu::ReduceKind kind, const Strided& in, unsigned axes, Y* y) {
  Shape shape;
  int64_t strides[kMaxRank];
  int n = 0;
  int64_t rows = 1, row = 1;
  for (bool wanted : {false, true})
    for (int a = 0; a < in.shape->rank(); ++a)
      if (((axes >> a) & 1u) == unsigned(wanted)) {
        shape.push_back((*in.shape)[a]);
        strides[n++] = in.strides[a];
        (wanted ? row : rows) *= (*in.shape)[a];
      }
  StridedStream<T> x(in, shape, strides);
  Temporary results(static_cast<size_t>(rows) * sizeof(int64_t));
  auto* r = static_cast<int64_t*>(results.data);
  cpu::row_reduce_int(kind, x.stream, row, 0, rows, r);
  for (int64_t i = 0; i < rows; ++i) y[i] = static_cast<Y>(r[i]);
}

void run_reduction(cpu::ReduceKind kind, const KernelCall& call) {
  const Strided& in = call.in[0];
  const Strided& out = call.out[0];
  if (out.shape->numel() == 0) return;
  const auto axes = static_cast<unsigned>(call.attrs[0]);
  if (is_float(in.dtype)) {
    Stages stages(*in.shape, axes);
    if (in.dtype == DType::f32) return reduce<float>(kind, in, stages, static_cast<float*>(out.data));
    return reduce<double>(kind, in, stages, static_cast<double*>(out.data));
  }
  visit(in.dtype, [&](auto from) {
    using From = std::conditional_t<std::is_same_v<decltype(from), bool>, uint8_t, decltype(from)>;
    if constexpr (std::is_integral_v<From>) {
      visit(out.dtype, [&](auto to) {
        using To = std::conditional_t<std::is_same_v<decltype(to), bool>, uint8_t, decltype(to)>;
        if constexpr (std::is_integral_v<To>) reduce_int<From>(kind, in, axes, static_cast<To*>(out.data));
      });
    }
  });
}

Shape reduced_shape(const Shape& x, unsigned axes, bool keepdims) {
  Shape y;
  for (int a = 0; a < x.rank(); ++a) {
    if (!((axes >> a) & 1u))
      y.push_back(x[a]);
    else if (keepdims)
      y.push_back(1);
  }
  return y;
}

unsigned axis_mask(std::string_view op, const Tensor& x, const Axes& axes) {
  if (axes.count < 0) return (1u << x.rank()) - 1;
  unsigned mask = 0;
  for (int i = 0; i < axes.count; ++i) {
    int a = checked_axis(op, axes.axis[i], x);
    check<ShapeError>(!((mask >> a) & 1u), "{}: axis {} is named twice: {}; name each axis once", op, axes.axis[i],
                      x.spec());
    mask |= 1u << a;
  }
  return mask;
}

const Tensor& tensor_operand(std::string_view op, const Operand& x) {
  check<ShapeError>(x.is_tensor(), "{}: the operand is a number; give a tensor", op);
  check<Error>(x.tensor().defined(), "{}: operand 1 is an empty Tensor; give it a value first", op);
  return x.tensor();
}

// A reduced value in a shape that broadcasts to what it was reduced from: extents 1 in place of reduced axes, which
// leading axes do not need.
Tensor with_axes(const Tensor& y, const Shape& x, unsigned axes) {
  const Shape kept = reduced_shape(x, axes, true);
  int lead = 0;
  while (lead < x.rank() && ((axes >> lead) & 1u)) ++lead;
  if (y.shape() == kept || y.shape() == Shape(kept.begin() + lead, kept.rank() - lead)) return y;
  return reshape(y, kept);
}

}  // namespace

void Sum::infer(const Args& in, Attrs attrs, Spec* out) {
  out[0] = {is_float(in[0].dtype) ? in[0].dtype : DType::i64,
            reduced_shape(*in[0].shape, static_cast<unsigned>(attrs[0]), attrs[1] != 0)};
}
void Sum::run(const KernelCall& call) { run_reduction(cpu::ReduceKind::sum, call); }
void Sum::vjp(VjpContext& c) {
  c.set(0, broadcast_to(with_axes(c.dy(), c.in_shape(0), static_cast<unsigned>(c.attrs()[0])), c.in_shape(0)));
}

void Max::infer(const Args& in, Attrs attrs, Spec* out) {
  const auto axes = static_cast<unsigned>(attrs[0]);
  for (int a = 0; a < in[0].shape->rank(); ++a)
    check<ShapeError>(!((axes >> a) & 1u) || (*in[0].shape)[a] > 0, "max: there is no maximum of no elements: {}",
                      in.text(0));
  out[0] = {in[0].dtype, reduced_shape(*in[0].shape, axes, attrs[1] != 0)};
}
void Max::run(const KernelCall& call) { run_reduction(cpu::ReduceKind::max, call); }
void Max::vjp(VjpContext& c) {
  const Shape& shape = c.in_shape(0);
  const auto axes = static_cast<unsigned>(c.attrs()[0]);
  Tensor is_max = cast(eq(c.input(0).tensor, with_axes(c.output(), shape, axes)), c.in_dtype(0));
  int64_t keep[] = {c.attrs()[0], 1};
  Tensor share = with_axes(c.dy(), shape, axes) / Tensor(call_op<Sum>(keep, is_max));
  c.set(0, is_max * share);
}

void Argmax::infer(const Args& in, Attrs attrs, Spec* out) {
  check<ShapeError>((*in[0].shape)[static_cast<int>(attrs[0])] > 0, "argmax: there is no maximum of no elements: {}",
                    in.text(0));
  out[0] = {DType::i64, reduced_shape(*in[0].shape, 1u << attrs[0], attrs[1] != 0)};
}

void Argmax::run(const KernelCall& call) {
  const Strided& in = call.in[0];
  auto* y = static_cast<int64_t*>(call.out[0].data);
  if (call.out[0].shape->numel() == 0) return;
  const auto axis = static_cast<int>(call.attrs[0]);
  // The axis last: one row an answer.
  Shape shape;
  int64_t strides[kMaxRank];
  int n = 0;
  for (int a = 0; a <= in.shape->rank(); ++a) {
    int from = a == in.shape->rank() ? axis : a;
    if (a == axis) continue;
    shape.push_back((*in.shape)[from]);
    strides[n++] = in.strides[from];
  }
  const int64_t row = (*in.shape)[axis], rows = shape.numel() / row;
  visit(in.dtype, [&](auto v) {
    using T = std::conditional_t<std::is_same_v<decltype(v), bool>, uint8_t, decltype(v)>;
    StridedStream<T> x(in, shape, strides);
    if constexpr (std::is_floating_point_v<T>)
      in_parts(rows, rows * row, [&](int64_t b, int64_t e) { reductions<T>().row_argmax(x.stream, row, b, e, y); });
    else
      cpu::row_argmax_int(x.stream, row, 0, rows, y);
  });
}

Tensor sum(const Operand& x, const ReduceOver& over) {
  LineScope scope(x.line());
  int64_t attrs[] = {axis_mask("sum", tensor_operand("sum", x), over.axis), over.keepdims};
  return dispatch(op<Sum>(), {x}, attrs);
}

Tensor mean(const Operand& x, const ReduceOver& over) {
  LineScope scope(x.line());
  const Tensor& t = tensor_operand("mean", x);
  if (!is_float(t.dtype())) return mean(cast(t, DType::f32), over);
  unsigned axes = axis_mask("mean", t, over.axis);
  int64_t n = 1;
  for (int a = 0; a < t.rank(); ++a)
    if ((axes >> a) & 1u) n *= t.shape()[a];
  int64_t attrs[] = {axes, over.keepdims};
  return div(Tensor(dispatch(op<Sum>(), {x}, attrs)), Operand::constant(static_cast<double>(n)));
}

Tensor max(const Operand& x, const ReduceOver& over) {
  LineScope scope(x.line());
  int64_t attrs[] = {axis_mask("max", tensor_operand("max", x), over.axis), over.keepdims};
  return dispatch(op<Max>(), {x}, attrs);
}

Tensor argmax(const Operand& x, int axis, bool keepdims) {
  LineScope scope(x.line());
  const Tensor& t = tensor_operand("argmax", x);
  int64_t attrs[] = {checked_axis("argmax", axis, t), keepdims};
  return dispatch(op<Argmax>(), {x}, attrs);
}

Tensor sum_to(const Operand& x, const Shape& shape) {
  const Tensor& t = tensor_operand("sum_to", x);
  if (t.shape() == shape) return t;
  int lead = t.rank() - shape.rank();
  unsigned axes = 0;
  for (int a = 0; a < t.rank(); ++a)
    if (a < lead || (shape[a - lead] == 1 && t.shape()[a] != 1)) axes |= 1u << a;
  int64_t attrs[] = {axes, lead == 0};
  Tensor y = axes == 0 ? t : Tensor(dispatch(op<Sum>(), {x}, attrs));
  return y.shape() == shape ? y : reshape(y, shape);
}

}  // namespace duet
