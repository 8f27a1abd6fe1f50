#include "duet/ops/create.h"

#include <cmath>

#include "duet/grad.h"
#include "ops/records.h"

namespace duet {

DUET_DEFINE_FAMILY(CreateOps)

namespace {

// [dtype, extents…]
struct ShapeAttrs {
  int64_t v[1 + kMaxRank];
  size_t n;
  ShapeAttrs(DType dtype, const Shape& shape) : v{static_cast<int64_t>(dtype)}, n(1) {
    for (int64_t d : shape) v[n++] = d;
  }
  operator Attrs() const { return Attrs(v, n); }
};

Tensor filled(const Shape& shape, double v, DType dtype, const std::source_location& line) {
  LineScope scope(line);
  checked_numel(shape, dtype);
  return dispatch(op<Full>(), {Operand::constant(v, line)}, ShapeAttrs(dtype, shape));
}

}  // namespace

void Full::infer(const Args& in, Attrs attrs, Spec* out) {
  check<ShapeError>(in[0].tensor == nullptr, "full: the value is a tensor: {}; use broadcast_to", in.text(0));
  out[0] = {static_cast<DType>(attrs[0]), Shape(attrs.data() + 1, static_cast<int>(attrs.size()) - 1)};
  checked_numel(out[0].shape, out[0].dtype);
}

void Full::run(const KernelCall& call) {
  const Strided& y = call.out[0];
  visit(y.dtype, [&](auto zero) {
    using T = decltype(zero);
    std::fill_n(static_cast<T*>(y.data), y.shape->numel(), *static_cast<const T*>(call.in[0].data));
  });
}

void Arange::infer(const Args&, Attrs attrs, Spec* out) {
  check<ShapeError>(attrs[1] >= 0, "arange: the number of elements is negative: {}; give 0 or more", attrs[1]);
  check<DTypeError>(static_cast<DType>(attrs[0]) != DType::boolean, "arange: there is no range of bool; use i32");
  out[0] = {static_cast<DType>(attrs[0]), Shape{attrs[1]}};
  checked_numel(out[0].shape, out[0].dtype);
}

void Arange::run(const KernelCall& call) {
  const Strided& y = call.out[0];
  visit(y.dtype, [&](auto zero) {
    using T = decltype(zero);
    T start = *static_cast<const T*>(call.in[0].data), step = *static_cast<const T*>(call.in[1].data);
    T* to = static_cast<T*>(y.data);
    for (int64_t i = 0; i < call.attrs[1]; ++i) {
      if constexpr (std::is_floating_point_v<T>)  // one rounding, however long the range
        to[i] = static_cast<T>(static_cast<double>(start) + static_cast<double>(i) * static_cast<double>(step));
      else
        to[i] = static_cast<T>(static_cast<uint64_t>(start) + static_cast<uint64_t>(i) * static_cast<uint64_t>(step));
    }
  });
}

Tensor full(const Shape& shape, const Operand& value, DType dtype) {
  LineScope scope(value.line());
  checked_numel(shape, dtype);
  return dispatch(op<Full>(), {value}, ShapeAttrs(dtype, shape));
}

Tensor zeros(const Shape& shape, DType dtype, std::source_location line) { return filled(shape, 0, dtype, line); }
Tensor ones(const Shape& shape, DType dtype, std::source_location line) { return filled(shape, 1, dtype, line); }

Tensor arange(int64_t n, DType dtype, std::source_location line) {
  LineScope scope(line);
  int64_t attrs[] = {static_cast<int64_t>(dtype), n};
  return dispatch(op<Arange>(), {Operand::constant(0), Operand::constant(1)}, attrs);
}

Tensor arange(double start, double stop, double step, DType dtype, std::source_location line) {
  LineScope scope(line);
  check<ShapeError>(step != 0 && std::isfinite(start) && std::isfinite(stop) && std::isfinite(step),
                    "arange: {} to {} by {} is no range; give finite numbers and a step that is not 0", start, stop,
                    step);
  double count = std::ceil((stop - start) / step);
  check<ShapeError>(count < 0x1p53, "arange: {} to {} by {} has too many elements; give a larger step", start, stop,
                    step);
  int64_t attrs[] = {static_cast<int64_t>(dtype), count > 0 ? static_cast<int64_t>(count) : 0};
  return dispatch(op<Arange>(), {Operand::constant(start), Operand::constant(step)}, attrs);
}

Tensor eye(int64_t n, DType dtype, std::source_location line) {
  LineScope scope(line);
  Tensor i = arange(n, DType::i64);
  return cast(eq(reshape(i, {n, 1}), i), dtype);
}

}  // namespace duet
