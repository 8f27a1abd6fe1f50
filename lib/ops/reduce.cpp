#include "duet/ops/reduce.h"

#include "cpu/reduce_int.h"
#include "duet/grad.h"
#include "duet/ops/scan.h"
#include "ops/operands.h"
#include "ops/records.h"
#include "ops/reduce_axes.h"
#include "ops/reduce_stages.h"
#include "planted.h"

namespace duet {

DUET_DEFINE_FAMILY(ReduceOps)

Axes::Axes(std::initializer_list<int> list, std::source_location line) : count(static_cast<int>(list.size())) {
  LineScope scope(line);
  check<ShapeError>(count <= kMaxRank, "axes: {} are too many; a tensor has at most {}", count, kMaxRank);
  int i = 0;
  for (int a : list) axis[i++] = a;
}

// --- axes ---

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

int64_t count_along(const Shape& x, unsigned axes) {
  int64_t n = 1;
  for (int a = 0; a < x.rank(); ++a)
    if ((axes >> a) & 1u) n *= x[a];
  return n;
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

namespace {

// The operand with some axes last: one row a result.
struct RowsLast {
  Shape shape;
  int64_t strides[kMaxRank];
  int64_t rows = 1, row = 1;
  RowsLast(const Strided& in, unsigned axes) {
    int n = 0;
    for (bool wanted : {false, true})
      for (int a = 0; a < in.shape->rank(); ++a)
        if (((axes >> a) & 1u) == unsigned(wanted)) {
          shape.push_back((*in.shape)[a]);
          strides[n++] = in.strides[a];
          (wanted ? row : rows) *= (*in.shape)[a];
        }
  }
};

// What has one result in any order: all reduced axes at once, as columns where the operand lies so, else as rows.
template <class T>
void at_once(const Strided& in, unsigned axes, auto&& rows, auto&& columns) {
  const Stages stages(*in.shape, axes);
  if (stages.columns_alone()) {
    StridedStream<T> x(in);
    return in_column_parts(stages, [&](const cpu::ColumnRange& range) { columns(x.stream, stages, range); });
  }
  const RowsLast last(in, axes);
  StridedStream<T> x(in, last.shape, last.strides);
  in_parts(last.rows, last.rows * last.row, [&](int64_t b, int64_t e) { rows(x.stream, last.row, b, e); });
}

// Integers, through i64.
template <class T, class Y>
void reduce_int(cpu::ReduceKind kind, const Strided& in, unsigned axes, int64_t n, Y* y) {
  cpu::Temporary results(static_cast<size_t>(n) * sizeof(int64_t));
  auto* r = static_cast<int64_t*>(results.data());
  at_once<T>(
      in, axes, [&](const auto& x, int64_t row, int64_t b, int64_t e) { cpu::row_reduce_int(kind, x, row, b, e, r); },
      [&](const auto& x, const Stages& s, const cpu::ColumnRange& range) {
        cpu::col_reduce_int(kind, x, s.columns, s.inner, range, r);
      });
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<Y>(r[i]);
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
    using From = Stored<decltype(from)>;
    if constexpr (std::is_integral_v<From>) {
      visit(out.dtype, [&](auto to) {
        using To = Stored<decltype(to)>;
        if constexpr (std::is_integral_v<To>)
          reduce_int<From>(kind, in, axes, out.shape->numel(), static_cast<To*>(out.data));
      });
    }
  });
}

template <bool kAll>
void run_truth(const KernelCall& call) {
  if (call.out[0].shape->numel() == 0) return;
  auto* y = static_cast<uint8_t*>(call.out[0].data);
  visit(call.in[0].dtype, [&](auto zero) {
    at_once<Stored<decltype(zero)>>(
        call.in[0], static_cast<unsigned>(call.attrs[0]),
        [&](const auto& x, int64_t row, int64_t b, int64_t e) { cpu::row_truth<kAll>(x, row, b, e, y); },
        [&](const auto& x, const Stages& s, const cpu::ColumnRange& range) {
          cpu::col_truth<kAll>(x, s.columns, s.inner, range, y);
        });
  });
}

void run_place(cpu::ReduceKind kind, const KernelCall& call) {
  if (call.out[0].shape->numel() == 0) return;
  auto* y = static_cast<int64_t*>(call.out[0].data);
  visit(call.in[0].dtype, [&](auto zero) {
    using T = Stored<decltype(zero)>;
    at_once<T>(
        call.in[0], 1u << call.attrs[0],
        [&](const auto& x, int64_t row, int64_t b, int64_t e) {
          if constexpr (std::is_floating_point_v<T>)
            reductions<T>().row_place(kind, x, row, b, e, y);
          else
            cpu::row_place_int(kind, x, row, b, e, y);
        },
        [&](const auto& x, const Stages& s, const cpu::ColumnRange& range) {
          if constexpr (std::is_floating_point_v<T>)
            reductions<T>().col_place(kind, x, s.columns, s.inner, range, y);
          else
            cpu::col_place_int(kind, x, s.columns, s.inner, range, y);
        });
  });
}

// Of a sum or product: integers and bool give i64.
void infer_total(const Args& in, Attrs attrs, Spec* out) {
  out[0] = {is_float(in[0].dtype) ? in[0].dtype : DType::i64,
            reduced_shape(*in[0].shape, static_cast<unsigned>(attrs[0]), attrs[1] != 0)};
}

void infer_extremum(std::string_view op, std::string_view what, const Args& in, Attrs attrs, Spec* out) {
  const auto axes = static_cast<unsigned>(attrs[0]);
  check<ShapeError>(count_along(*in[0].shape, axes) > 0,
                    "{}: there is no {} of no elements: {}; reduce over at least one", op, what, in.text(0));
  out[0] = {in[0].dtype, reduced_shape(*in[0].shape, axes, attrs[1] != 0)};
}

void infer_place(std::string_view op, std::string_view what, const Args& in, Attrs attrs, Spec* out) {
  check<ShapeError>((*in[0].shape)[static_cast<int>(attrs[0])] > 0,
                    "{}: there is no {} of no elements: {}; reduce over at least one", op, what, in.text(0));
  out[0] = {DType::i64, reduced_shape(*in[0].shape, 1u << attrs[0], attrs[1] != 0)};
}

void infer_truth(const Args& in, Attrs attrs, Spec* out) {
  out[0] = {DType::boolean, reduced_shape(*in[0].shape, static_cast<unsigned>(attrs[0]), attrs[1] != 0)};
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

// dy to the elements that are the extremum, in equal shares.
void extremum_vjp(VjpContext& c) {
  const Shape& shape = c.in_shape(0);
  const auto axes = static_cast<unsigned>(c.attrs()[0]);
  Tensor is_it = cast(eq(c.input(0).tensor, with_axes(c.output(), shape, axes)), c.in_dtype(0));
  int64_t keep[] = {c.attrs()[0], 1};
  Tensor share = with_axes(c.dy(), shape, axes) / Tensor(call_op<Sum>(keep, is_it));
  c.set(0, is_it * share);
}

// For each element the product of the others along the axes: of those before it and those behind it. No division, so
// zeros are no special case.
Tensor product_of_others(const Tensor& x, unsigned axes) {
  auto along = [](const Tensor& t, int axis) {
    int64_t forwards[] = {axis, 0}, backwards[] = {axis, 1};
    return Tensor(call_op<ExclusiveProd>(forwards, t)) * Tensor(call_op<ExclusiveProd>(backwards, t));
  };
  if (axes == 0) return ones(x.shape(), x.dtype());
  if ((axes & (axes - 1)) == 0) return along(x, __builtin_ctz(axes));
  // Several axes are brought together at the end, where they become one.
  int64_t order[kMaxRank], inverse[kMaxRank];
  Shape moved, joined;
  int n = 0;
  for (bool wanted : {false, true})
    for (int a = 0; a < x.rank(); ++a)
      if (((axes >> a) & 1u) == unsigned(wanted)) {
        inverse[a] = n;
        order[n++] = a;
        moved.push_back(x.shape()[a]);
        if (!wanted) joined.push_back(x.shape()[a]);
      }
  joined.push_back(count_along(x.shape(), axes));
  const auto rank = static_cast<size_t>(n);
  Tensor rows = reshape(Tensor(call_op<Transpose>(Attrs(order, rank), x)), joined);
  Tensor y = reshape(along(rows, joined.rank() - 1), moved);
  return call_op<Transpose>(Attrs(inverse, rank), y);
}

template <class Op>
Tensor over_axes(const Operand& x, const ReduceOver& over) {
  LineScope scope(x.line());
  int64_t attrs[] = {axis_mask(Op::name, checked_tensor(Op::name, x), over.axis), over.keepdims};
  return dispatch(op<Op>(), {x}, attrs);
}

template <class Op>
Tensor over_axis(const Operand& x, int axis, bool keepdims) {
  LineScope scope(x.line());
  int64_t attrs[] = {checked_axis(Op::name, axis, checked_tensor(Op::name, x)), keepdims};
  return dispatch(op<Op>(), {x}, attrs);
}

}  // namespace

// --- the ops ---

void Sum::infer(const Args& in, Attrs attrs, Spec* out) { infer_total(in, attrs, out); }
void Sum::run(const KernelCall& call) { run_reduction(cpu::ReduceKind::sum, call); }
void Sum::vjp(VjpContext& c) {
  c.set(0, broadcast_to(with_axes(c.dy(), c.in_shape(0), static_cast<unsigned>(c.attrs()[0])), c.in_shape(0)));
}

void Prod::infer(const Args& in, Attrs attrs, Spec* out) { infer_total(in, attrs, out); }
void Prod::run(const KernelCall& call) { run_reduction(cpu::ReduceKind::prod, call); }
void Prod::vjp(VjpContext& c) {
  const auto axes = static_cast<unsigned>(c.attrs()[0]);
  // In f64: the two parts of a product that f32 holds may lie outside of it.
  const Tensor& x = c.input(0).tensor;
  const Tensor others = x.dtype() == DType::f32 ? cast(product_of_others(cast(x, DType::f64), axes), DType::f32)
                                                : product_of_others(x, axes);
  c.set(0, others * with_axes(c.dy(), c.in_shape(0), axes));
}

void Max::infer(const Args& in, Attrs attrs, Spec* out) { infer_extremum(name, "maximum", in, attrs, out); }
void Max::run(const KernelCall& call) { run_reduction(cpu::ReduceKind::max, call); }
void Max::vjp(VjpContext& c) { extremum_vjp(c); }

void Min::infer(const Args& in, Attrs attrs, Spec* out) { infer_extremum(name, "minimum", in, attrs, out); }
void Min::run(const KernelCall& call) { run_reduction(cpu::ReduceKind::min, call); }
void Min::vjp(VjpContext& c) { extremum_vjp(c); }

void Any::infer(const Args& in, Attrs attrs, Spec* out) { infer_truth(in, attrs, out); }
void Any::run(const KernelCall& call) { run_truth<false>(call); }
void All::infer(const Args& in, Attrs attrs, Spec* out) { infer_truth(in, attrs, out); }
void All::run(const KernelCall& call) { run_truth<true>(call); }

void Argmax::infer(const Args& in, Attrs attrs, Spec* out) { infer_place(name, "maximum", in, attrs, out); }
void Argmax::run(const KernelCall& call) { run_place(cpu::ReduceKind::max, call); }
void Argmin::infer(const Args& in, Attrs attrs, Spec* out) { infer_place(name, "minimum", in, attrs, out); }
void Argmin::run(const KernelCall& call) { run_place(cpu::ReduceKind::min, call); }

// --- the words ---

Tensor sum(const Operand& x, const ReduceOver& over) { return over_axes<Sum>(x, over); }
Tensor prod(const Operand& x, const ReduceOver& over) { return over_axes<Prod>(x, over); }
Tensor max(const Operand& x, const ReduceOver& over) { return over_axes<Max>(x, over); }
Tensor min(const Operand& x, const ReduceOver& over) { return over_axes<Min>(x, over); }
Tensor reduce_any(const Operand& x, const ReduceOver& over) { return over_axes<Any>(x, over); }
Tensor reduce_all(const Operand& x, const ReduceOver& over) { return over_axes<All>(x, over); }
Tensor argmax(const Operand& x, int axis, bool keepdims) { return over_axis<Argmax>(x, axis, keepdims); }
Tensor argmin(const Operand& x, int axis, bool keepdims) { return over_axis<Argmin>(x, axis, keepdims); }

Tensor mean(const Operand& x, const ReduceOver& over) {
  LineScope scope(x.line());
  const Tensor& t = checked_tensor("mean", x);
  if (!is_float(t.dtype())) return mean(cast(t, DType::f32), over);
  unsigned axes = axis_mask("mean", t, over.axis);
  int64_t attrs[] = {axes, over.keepdims};
  const int64_t count = count_along(t.shape(), axes) + (planted("mean_count") ? 1 : 0);
  return div(Tensor(dispatch(op<Sum>(), {x}, attrs)), Operand::constant(static_cast<double>(count)));
}

Tensor sum_to(const Operand& x, const Shape& shape) {
  LineScope scope(x.line());
  const Tensor& t = checked_tensor("sum_to", x);
  if (t.shape() == shape) return t;
  Shape broadcast;
  check<ShapeError>(broadcast_shapes(t.shape(), shape, broadcast) && broadcast == t.shape(),
                    "sum_to: {} is not what {} broadcasts to; give a shape whose axes are equal or 1", t.spec(), shape);
  int lead = t.rank() - shape.rank();
  unsigned axes = 0;
  for (int a = 0; a < t.rank(); ++a)
    if (a < lead || (shape[a - lead] == 1 && t.shape()[a] != 1)) axes |= 1u << a;
  int64_t attrs[] = {axes, lead == 0};
  Tensor y = axes == 0 ? t : Tensor(dispatch(op<Sum>(), {x}, attrs));
  if (planted("broadcast_gradient") && axes != 0) y = y / static_cast<double>(count_along(t.shape(), axes));
  return y.shape() == shape ? y : reshape(y, shape);
}

}  // namespace duet
