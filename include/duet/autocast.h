// Mixed precision: products of 16-bit numbers, everything else in f32.
#pragma once

#include "duet/core/dtype.h"
#include "duet/core/error.h"

namespace duet {

/// While it lives, products of this thread (matmul, linear, conv2d, attention, layers) take their operands rounded to
/// `dtype`, bf16 or f16, add up in f32 and give f32; f32 switches an outer scope off. All other operations are as ever,
/// f64 stays f64. The gradient of a product rounds as the product did, wherever it is asked for. Compiled functions
/// record what they meet; a frozen one is made for the scope around its first call. DTypeError for another dtype.
///
///   Autocast scope(bf16);
///   auto [l, g] = value_and_grad(loss)(m, x, y);  // m, l and g are f32
class [[nodiscard]] Autocast {
 public:
  explicit Autocast(DType dtype, std::source_location line = std::source_location::current());
  ~Autocast() { thread_state.autocast = outer_; }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  uint8_t outer_;
};

}  // namespace duet
