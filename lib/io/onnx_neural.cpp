// ONNX's layers: products, convolutions, pools, normalisations by channel, made of duet's operations.
//   N batch   C channels   H, W an image   O channels out
#include <algorithm>
#include <limits>

#include "duet/ops/conv.h"
#include "duet/ops/create.h"
#include "duet/ops/index.h"
#include "duet/ops/matmul.h"
#include "duet/ops/movement.h"
#include "duet/ops/normalise.h"
#include "duet/ops/pad.h"
#include "duet/ops/pointwise.h"
#include "duet/ops/rearrange.h"
#include "duet/ops/reduce.h"
#include "duet/ops/stats.h"
#include "duet/ops/windows.h"
#include "io/onnx_ops.h"

namespace duet::onnx {
namespace {

Results gemm(const Call& c) {
  c.require(c[0].rank() == 2 && c[1].rank() == 2, "takes matrices: {}, {}", c[0].spec(), c[1].spec());
  Tensor y = matmul(c.integer("transA", 0) != 0 ? transpose(c[0]) : c[0],
                    c.integer("transB", 0) != 0 ? transpose(c[1]) : c[1]);
  if (c.number("alpha", 1) != 1) y = y * c.number("alpha", 1);
  if (!c.has(2)) return {y};
  return {y + (c.number("beta", 1) == 1 ? c[2] : c[2] * c.number("beta", 1))};
}
Results matmul_of(const Call& c) { return {matmul(c[0], c[1])}; }

// What slides over an image: extents for rows and columns; an image of one axis has one row.
struct Sliding {
  int64_t kernel[2] = {1, 1}, stride[2] = {1, 1}, dilation[2] = {1, 1}, before[2] = {}, after[2] = {};
};
constexpr int64_t kLargest = int64_t{1} << 30;

Sliding sliding(const Call& c, const Tensor& x, const std::vector<int64_t>& kernel) {
  const int axes = x.rank() - 2;
  c.require(axes == 1 || axes == 2, "only images of one or two axes are supported: {}", x.spec());
  Sliding s;
  auto set = [&](std::vector<int64_t> from, int64_t* to, const char* what, int64_t least, size_t offset = 0) {
    if (from.empty()) return;
    c.require(from.size() >= offset + static_cast<size_t>(axes), "{} for {} axes: {} numbers", what, axes, from.size());
    for (int i = 0; i < axes; ++i) {
      const int64_t v = from[offset + static_cast<size_t>(i)];
      c.require(v >= least && v <= kLargest, "{} of {}", what, v);
      to[2 - axes + i] = v;
    }
  };
  set(kernel, s.kernel, "a kernel", 1);
  set(c.integers("strides"), s.stride, "a stride", 1);
  set(c.integers("dilations"), s.dilation, "a dilation", 1);
  set(c.integers("pads"), s.before, "a padding", 0);
  set(c.integers("pads"), s.after, "a padding", 0, static_cast<size_t>(axes));
  const std::string_view automatic = c.text("auto_pad", "NOTSET");
  for (int i = 2 - axes; i < 2; ++i) {
    const int64_t n = x.shape()[x.rank() - 2 + i], span = s.dilation[i] * (s.kernel[i] - 1) + 1;
    if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
      const int64_t out = (n + s.stride[i] - 1) / s.stride[i];
      const int64_t pad = std::max<int64_t>((out - 1) * s.stride[i] + span - n, 0);
      s.before[i] = automatic == "SAME_UPPER" ? pad / 2 : pad - pad / 2;
      s.after[i] = pad - s.before[i];
    } else {
      c.require(automatic == "NOTSET" || automatic == "VALID", "auto_pad '{}' is not supported", automatic);
    }
    // The last window may reach beyond the edge, but must begin inside.
    if (c.integer("ceil_mode", 0) != 0) {
      const int64_t have = n + s.before[i] + s.after[i] - span, rest = have % s.stride[i];
      if (have >= 0 && rest != 0 && have - rest + s.stride[i] < n + s.before[i]) s.after[i] += s.stride[i] - rest;
    }
  }
  return s;
}
Tensor images(const Tensor& x) { return x.rank() == 3 ? unsqueeze(x, 2) : x; }
Tensor padded(const Tensor& x, const Sliding& s, double value) {
  return pad(x, {{0, 0}, {0, 0}, {s.before[0], s.after[0]}, {s.before[1], s.after[1]}}, Operand::constant(value));
}
Tensor all_windows(const Tensor& x, const Sliding& s) {
  return windows(x, s.kernel[0], s.kernel[1], s.stride[0], s.stride[1], s.dilation[0], s.dilation[1]);
}
Tensor as_given(const Tensor& y, const Tensor& x) { return x.rank() == 3 ? squeeze(y, 2) : y; }

std::vector<int64_t> trailing(const Tensor& w) {
  std::vector<int64_t> v;
  for (int i = 2; i < w.rank(); ++i) v.push_back(w.shape()[i]);
  return v;
}
Tensor with_bias(const Call& c, const Tensor& y, int input) {
  return c.has(input) ? y + reshape(c[input], {1, c[input].numel(), 1, 1}) : y;
}
Tensor convolved(const Call& c, const Tensor& x, const Tensor& w) {
  const Sliding s = sliding(c, x, trailing(w));
  return conv2d(padded(images(x), s, 0), images(w),
                {.stride = {s.stride[0], s.stride[1]},
                 .dilation = {s.dilation[0], s.dilation[1]},
                 .groups = c.integer("group", 1)});
}
Results conv(const Call& c) { return {as_given(with_bias(c, convolved(c, c[0], c[1]), 2), c[0])}; }
Results conv_integer(const Call& c) {
  Tensor x = cast(c[0], f64), w = cast(c[1], f64);
  if (c.has(2)) x = x - cast(reshape(c[2], {}), f64);
  if (c.has(3)) w = w - cast(reshape(c[3], {}), f64);
  return {cast(as_given(convolved(c, x, w), c[0]), i32)};
}

// The gradient of a convolution as one: x with stride − 1 zeros between its elements, the kernel turned round.
Tensor spread(const Tensor& x, int axis, int64_t stride) {
  if (stride == 1) return x;
  Tensor y = unsqueeze(x, axis + 1);
  std::vector<std::pair<int64_t, int64_t>> pairs(static_cast<size_t>(y.rank()));
  pairs[static_cast<size_t>(axis) + 1].second = stride - 1;
  y = pad(y, pairs);
  Shape s = x.shape();
  s[axis] *= stride;
  return slice_axis(reshape(y, s), axis, 0, s[axis] - stride + 1);
}
Results conv_transpose(const Call& c) {
  const Tensor x = images(c[0]), w = images(c[1]);
  c.require(c.integer("group", 1) == 1, "groups are not supported");
  Sliding s = sliding(c, c[0], trailing(c[1]));
  const int axes = c[0].rank() - 2;
  const auto extra = c.integers("output_padding"), wanted = c.integers("output_shape");
  c.require((extra.empty() || static_cast<int>(extra.size()) == axes) &&
                (wanted.empty() || static_cast<int>(wanted.size()) == axes),
            "output_padding and output_shape have a number an axis");
  const std::string_view automatic = c.text("auto_pad", "NOTSET");
  Tensor y = x;
  std::vector<std::pair<int64_t, int64_t>> pairs(4);
  for (int i = 0; i < 2; ++i) {
    const int k = i - (2 - axes);
    const int64_t n = x.shape()[2 + i], span = s.dilation[i] * (s.kernel[i] - 1) + 1;
    const int64_t more = k < 0 || extra.empty() ? 0 : extra[static_cast<size_t>(k)];
    c.require(more >= 0 && more <= kLargest, "an output padding of {}", more);
    const bool same = automatic == "SAME_UPPER" || automatic == "SAME_LOWER";
    if (k >= 0 && (!wanted.empty() || same)) {
      const int64_t out = wanted.empty() ? n * s.stride[i] : wanted[static_cast<size_t>(k)];
      const int64_t total = (n - 1) * s.stride[i] + more + span - out;
      const int64_t half = total >> 1;  // rounded down, below 0 too
      s.before[i] = automatic == "SAME_UPPER" ? half : total - half;
      s.after[i] = total - s.before[i];
    }
    y = spread(y, 2 + i, s.stride[i]);
    const int64_t before = span - 1 - s.before[i], after = span - 1 - s.after[i] + more;
    const int64_t extent = y.shape()[2 + i], cut = std::max<int64_t>(-before, 0),
                  end = extent - std::max<int64_t>(-after, 0);
    c.require(cut <= end && end <= extent && before <= kLargest && after <= kLargest, "paddings of {} and {}", before,
              after);
    y = slice_axis(y, 2 + i, cut, end);
    pairs[static_cast<size_t>(2 + i)] = {std::max<int64_t>(before, 0), std::max<int64_t>(after, 0)};
  }
  const Tensor turned = flip(flip(permute(w, {1, 0, 2, 3}), 2), 3);
  y = conv2d(pad(y, pairs), contiguous(turned), {.dilation = {s.dilation[0], s.dilation[1]}});
  return {as_given(with_bias(c, y, 2), c[0])};
}

std::vector<int64_t> kernel_of(const Call& c) {
  c.require(c.given("kernel_shape"), "attribute 'kernel_shape' is missing");
  return c.integers("kernel_shape");
}
// Where in x, taken as one row, the first maximum of each window is; with storage_order 1 the row goes down columns.
Tensor max_positions(const Call& c, const Tensor& x, const Tensor& all, const Sliding& s) {
  const Shape &in = x.shape(), &w = all.shape();  // w: [N,C,OH,OW,KH,KW]
  const bool columns = c.integer("storage_order", 0) != 0;
  std::vector<int64_t> places;
  for (int64_t k = 0; k < w[4]; ++k)
    for (int64_t l = 0; l < w[5]; ++l) {
      const int64_t row = k * s.dilation[0] - s.before[0], column = l * s.dilation[1] - s.before[1];
      places.push_back(columns ? column * in[2] + row : row * in[3] + column);
    }
  const Tensor first = argmax(reshape(all, {w[0], w[1], w[2], w[3], w[4] * w[5]}), 4);
  const Tensor in_window = gather(from_vector(places, {w[4] * w[5]}), first);
  const int64_t down = s.stride[0] * (columns ? 1 : in[3]), across = s.stride[1] * (columns ? in[2] : 1);
  const Tensor image = reshape(arange(w[0] * w[1], i64), {w[0], w[1], 1, 1}) * (in[2] * in[3]);
  return image + reshape(arange(w[2], i64), {1, 1, w[2], 1}) * down +
         reshape(arange(w[3], i64), {1, 1, 1, w[3]}) * across + in_window;
}
Results max_pool(const Call& c) {
  c.require(is_float(c[0].dtype()) || c[0].dtype() == u8, "takes float, double or uint8: {}", c[0].spec());
  const Sliding s = sliding(c, c[0], kernel_of(c));
  const double least = c[0].dtype() == u8 ? 0 : -std::numeric_limits<double>::infinity();
  const Tensor x = images(c[0]), all = all_windows(padded(x, s, least), s);
  Results out = {as_given(max(all, {.axis = {4, 5}}), c[0])};
  if (!c.wants(1)) return out;
  c.require(is_float(x.dtype()), "positions are supported for float and double only: {}", x.spec());
  out.push_back(as_given(max_positions(c, x, all, s), c[0]));
  return out;
}
Results average_pool(const Call& c) {
  Sliding s = sliding(c, c[0], kernel_of(c));
  const Tensor x = images(c[0]);
  const Tensor total = sum(all_windows(padded(x, s, 0), s), {.axis = {4, 5}});
  // What ceil_mode adds never counts; padding only where it is asked for.
  Tensor one = ones({1, 1, x.shape()[2], x.shape()[3]}, x.dtype());
  if (c.integer("count_include_pad", 0) != 0) {
    c.require(c.integer("ceil_mode", 0) == 0, "count_include_pad with ceil_mode is not supported");
    one = padded(one, s, 1);
  } else {
    one = padded(one, s, 0);
  }
  return {as_given(total / sum(all_windows(one, s), {.axis = {4, 5}}), c[0])};
}
ReduceOver beyond_channels(const Call& c) {
  c.require(c[0].rank() >= 3, "takes [N,C,…]: {}", c[0].spec());
  ReduceOver o;
  o.axis.count = 0;
  for (int i = 2; i < c[0].rank(); ++i) o.axis.axis[o.axis.count++] = i;
  o.keepdims = true;
  return o;
}
Results global_average_pool(const Call& c) { return {mean(c[0], beyond_channels(c))}; }
Results global_max_pool(const Call& c) { return {max(c[0], beyond_channels(c))}; }

Results batch_normalization(const Call& c) {
  const double eps = c.number("epsilon", 1e-5), momentum = c.number("momentum", 0.9);
  if (c.integer("training_mode", 0) == 0) return {batch_norm(c[0], c[1], c[2], c[3], c[4], eps)};
  const BatchStatistics now = batch_statistics(c[0]);
  return {batch_norm(c[0], c[1], c[2], now.mean, now.variance, eps), c[3] * momentum + now.mean * (1 - momentum),
          c[4] * momentum + now.variance * (1 - momentum)};
}
Results instance_normalization(const Call& c) {
  c.require(c[0].rank() >= 3, "takes [N,C,…]: {}", c[0].spec());
  return {group_norm(c[0], c[0].shape()[1], c[1], c[2], c.number("epsilon", 1e-5))};
}
// x / (bias + alpha/size · the sum of squares over neighbouring channels)^beta
Results local_response(const Call& c) {
  const int64_t size = c.integer("size", 1);
  c.require(c[0].rank() == 4 && size > 0 && size <= kLargest, "takes [N,C,H,W]: {}, size {}", c[0].spec(), size);
  const int64_t before = (size - 1) / 2, n = c[0].shape()[1];
  const Tensor squares = pad(square(c[0]), {{0, 0}, {before, size - 1 - before}, {0, 0}, {0, 0}});
  Tensor total = slice_axis(squares, 1, 0, n);
  for (int64_t i = 1; i < size; ++i) total = total + slice_axis(squares, 1, i, i + n);
  const double scale = c.number("alpha", 1e-4) / static_cast<double>(size);
  return {c[0] / pow(c.number("bias", 1) + scale * total, c.number("beta", 0.75))};
}
Results dropout(const Call& c) {
  const bool training = c.has(2) && c.host_int(2) != 0;
  const double ratio = c.has(1) ? c.host_number(1) : c.number("ratio", 0.5);
  c.require(!training || ratio == 0, "dropout while training draws numbers that are not ONNX's; not supported");
  return {c[0], ones(c[0].shape(), DType::boolean)};
}

constexpr std::string_view kSliding = "auto_pad dilations kernel_shape pads strides group";
constexpr std::string_view kPool =
    "auto_pad dilations kernel_shape pads strides ceil_mode storage_order count_include_pad";
constexpr OpEntry kOps[] = {
    {"AveragePool", 1, 1, kPool, 0, average_pool},
    {"BatchNormalization", 5, 5, "epsilon momentum training_mode", 0, batch_normalization, 7},
    {"Conv", 2, 3, kSliding, 0, conv},
    {"ConvInteger", 2, 4, kSliding, 0, conv_integer},
    {"ConvTranspose", 2, 3, "auto_pad dilations kernel_shape pads strides group output_padding output_shape", 0,
     conv_transpose},
    {"Dropout", 1, 3, "ratio seed", 0b110, dropout, 7},
    {"Gemm", 2, 3, "alpha beta transA transB", 0, gemm},
    {"GlobalAveragePool", 1, 1, "", 0, global_average_pool},
    {"GlobalMaxPool", 1, 1, "", 0, global_max_pool},
    {"InstanceNormalization", 3, 3, "epsilon", 0, instance_normalization},
    {"LRN", 1, 1, "alpha beta bias size", 0, local_response},
    {"MatMul", 2, 2, "", 0, matmul_of},
    {"MaxPool", 1, 1, kPool, 0, max_pool},
};

}  // namespace

std::span<const OpEntry> neural_ops() { return kOps; }

}  // namespace duet::onnx
