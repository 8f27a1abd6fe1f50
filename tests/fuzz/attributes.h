// Attributes that belong to their operands.
#pragma once

#include "fuzz/program.h"

namespace duet::fuzz {

/// Whether an op may be dispatched with these attributes on operands of these shapes, as far as its own `infer` does
/// not say it.
bool attributes_fit(std::string_view op, const std::vector<int64_t>& attrs, const std::vector<Shape>& in);

}  // namespace duet::fuzz
