#include "duet/ops/windows.h"

#include "duet/grad.h"
#include "ops/axis.h"
#include "ops/records.h"

namespace duet {

DUET_DEFINE_FAMILY(WindowOps)

namespace {

// How windows lie along one of the two axes.
struct Along {
  int64_t size, stride, dilation;
  Along(Attrs attrs, size_t axis) : size(attrs[axis]), stride(attrs[axis + 2]), dilation(attrs[axis + 4]) {}
  bool valid() const { return size >= 1 && stride >= 1 && dilation >= 1; }
  // Written so that nothing overflows.
  bool fits(int64_t extent) const { return extent >= 1 && size - 1 <= (extent - 1) / dilation; }
  int64_t count(int64_t extent) const { return (extent - dilation * (size - 1) - 1) / stride + 1; }
};

}  // namespace

void Windows::infer(const Args& in, Attrs attrs, Spec* out) {
  const Shape& x = *in[0].shape;
  const Along h(attrs, 0), w(attrs, 1);
  check<ShapeError>(x.rank() >= 2 && x.rank() <= 4, "windows: an image has 2 to 4 axes: {}; reshape it", in.text(0));
  check<ShapeError>(h.valid() && w.valid(),
                    "windows: sizes {}x{}, strides {}x{} and dilations {}x{} must all be at least 1: {}", h.size,
                    w.size, h.stride, w.stride, h.dilation, w.dilation, in.text(0));
  const int last = x.rank() - 1;
  check<ShapeError>(h.fits(x[last - 1]) && w.fits(x[last]),
                    "windows: {}x{} elements, {}x{} apart, are more than the image: {}; pad it", h.size, w.size,
                    h.dilation, w.dilation, in.text(0));
  Shape y = x;
  y[last - 1] = h.count(x[last - 1]);
  y[last] = w.count(x[last]);
  y.push_back(h.size);
  y.push_back(w.size);
  checked_numel(y, in[0].dtype);
  out[0] = {in[0].dtype, y};
}

bool Windows::view(const Strided& in, Attrs attrs, const Shape& out, int64_t* strides, int64_t& offset) {
  offset = 0;
  const Along h(attrs, 0), w(attrs, 1);
  const int last = out.rank() - 3;  // W
  for (int a = 0; a < last - 1; ++a) strides[a] = in.strides[a];
  const int64_t step_h = in.strides[last - 1], step_w = in.strides[last];
  // An axis of extent 1 takes no step, and its product might not fit.
  strides[last - 1] = out[last - 1] == 1 ? 0 : step_h * h.stride;
  strides[last] = out[last] == 1 ? 0 : step_w * w.stride;
  strides[last + 1] = h.size == 1 ? 0 : step_h * h.dilation;
  strides[last + 2] = w.size == 1 ? 0 : step_w * w.dilation;
  return true;
}

void Windows::vjp(VjpContext& c) {
  int64_t attrs[8];
  std::copy_n(c.attrs().begin(), 6, attrs);
  const Shape& x = c.in_shape(0);
  attrs[6] = x[x.rank() - 2];
  attrs[7] = x[x.rank() - 1];
  c.set(0, call_op<Unwindows>(attrs, c.dy()));
}

void Unwindows::infer(const Args& in, Attrs attrs, Spec* out) {
  const Shape& x = *in[0].shape;
  const Along h(attrs, 0), w(attrs, 1);
  const int last = x.rank() - 3;  // W
  const bool fits = x.rank() >= 4 && h.valid() && w.valid() && h.fits(attrs[6]) && w.fits(attrs[7]) &&
                    x[last - 1] == h.count(attrs[6]) && x[last] == w.count(attrs[7]) && x[last + 1] == h.size &&
                    x[last + 2] == w.size;
  check<ShapeError>(fits, "unwindows: {} are no windows of {}x{} elements on {}x{}", in.text(0), h.size, w.size,
                    attrs[6], attrs[7]);
  check<DTypeError>(in[0].dtype != DType::boolean, "unwindows: takes numbers, not bool: {}; use .to(f32)", in.text(0));
  Shape y(x.begin(), last - 1);
  y.push_back(attrs[6]);
  y.push_back(attrs[7]);
  out[0] = {in[0].dtype, y};
}

void Unwindows::run(const KernelCall& call) {
  const Strided &x = call.in[0], &y = call.out[0];
  const Along h(call.attrs, 0), w(call.attrs, 1);
  const int last = x.shape->rank() - 3;
  const int64_t height = call.attrs[6], width = call.attrs[7], n = y.shape->numel();
  if (n == 0) return;
  const int64_t oh = (*x.shape)[last - 1], ow = (*x.shape)[last];
  const int64_t* step = x.strides + last - 1;  // of OH, OW, KH, KW
  visit(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (!std::is_same_v<T, bool>) {
      // Row by row of the image, so that each element has one thread and its places come in ascending order.
      in_parts(n / width, x.shape->numel(), [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          const T* plane = static_cast<const T*>(x.data) + row_offset(*y.shape, x.strides, r, last - 1);
          T* to = static_cast<T*>(y.data) + r * width;
          std::fill_n(to, width, T(0));
          for (int64_t i = 0; i < h.size; ++i) {
            const int64_t above = r % height - i * h.dilation;
            if (above < 0 || above % h.stride != 0 || above / h.stride >= oh) continue;
            const T* row = plane + above / h.stride * step[0] + i * step[2];
            for (int64_t j = 0; j < w.size; ++j) {
              const T* from = row + j * step[3];
              T* place = to + j * w.dilation;
              for (int64_t o = 0; o < ow; ++o) accumulate(place[o * w.stride], from[o * step[1]]);
            }
          }
        }
      });
    }
  });
}

void Unwindows::vjp(VjpContext& c) { c.set(0, call_op<Windows>(c.attrs().first(6), c.dy())); }

Tensor windows(const Operand& x, int64_t kh, int64_t kw, int64_t stride_h, int64_t stride_w, int64_t dilation_h,
               int64_t dilation_w) {
  const int64_t attrs[] = {kh, kw, stride_h, stride_w, dilation_h, dilation_w};
  return dispatch(op<Windows>(), {x}, attrs);
}

}  // namespace duet
