// What operations over axes say of their operands, and the shapes they work with.
#pragma once

#include "duet/ops/reduce.h"

namespace duet {

/// A bit for each axis named; ShapeError for one that is not there or is named twice.
unsigned axis_mask(std::string_view op, const Tensor& x, const Axes& axes);
/// Elements along the axes.
int64_t count_along(const Shape& x, unsigned axes);
/// x without the axes, or with 1 in their place.
Shape reduced_shape(const Shape& x, unsigned axes, bool keepdims);

}  // namespace duet
