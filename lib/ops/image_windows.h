// Windows over images: their geometry, checked in the name of the word that asked for them.
#pragma once

#include <algorithm>

#include "duet/ops/record.h"

namespace duet {

/// Windows along rows or columns of an image.
struct ImageWindows {
  int64_t extent, kernel, stride, padding, dilation, count;

  ImageWindows(std::string_view op, const Spec& x, int64_t size, Attrs attrs, int axis)
      : extent(size),
        kernel(attrs[static_cast<size_t>(axis)]),
        stride(attrs[static_cast<size_t>(axis + 2)]),
        padding(attrs[static_cast<size_t>(axis + 4)]),
        dilation(attrs[static_cast<size_t>(axis + 6)]) {
    constexpr int64_t kMost = int64_t{1} << 31;  // products of two stay in 63 bits
    check<ShapeError>(kernel > 0 && stride > 0 && dilation > 0 && padding >= 0 && kernel < kMost && stride < kMost &&
                          dilation < kMost && padding < kMost,
                      "{}: kernel {}, stride {}, padding {}, dilation {} make no windows; padding may be 0, the others "
                      "are above 0",
                      op, kernel, stride, padding, dilation);
    const int64_t reach = dilation * (kernel - 1) + 1, room = extent + 2 * padding - reach;
    check<ShapeError>(room >= 0,
                      "{}: a window of {} does not fit {} with padding {}: {}; give a smaller kernel or more padding",
                      op, reach, extent, padding, x);
    count = room / stride + 1;
  }
  /// Where window o has its place k; outside of [0, extent) in the padding.
  int64_t at(int64_t o, int64_t k) const { return o * stride - padding + k * dilation; }
  /// The windows whose place k is inside: from first to last.
  int64_t first(int64_t k) const {
    const int64_t before = padding - k * dilation;
    return before <= 0 ? 0 : std::min(count, (before + stride - 1) / stride);
  }
  int64_t last(int64_t k) const {
    const int64_t room = extent - 1 + padding - k * dilation;
    return room < 0 ? 0 : std::min(count, room / stride + 1);
  }
};

/// Images [N,C,H,W] and their windows (attributes: kernel, stride, padding, dilation, each for rows and columns).
struct ImageGeometry {
  int64_t n, c;
  ImageWindows h, w;
  ImageGeometry(std::string_view op, const Spec& x, Attrs attrs)
      : n(x.shape[0]), c(x.shape[1]), h(op, x, x.shape[2], attrs, 0), w(op, x, x.shape[3], attrs, 1) {}
};

}  // namespace duet
