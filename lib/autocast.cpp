#include "duet/autocast.h"

namespace duet {

Autocast::Autocast(DType dtype, std::source_location line) : outer_(thread_state.autocast) {
  LineScope scope(line);
  check<DTypeError>(is_half(dtype) || dtype == DType::f32,
                    "Autocast: products are not computed in {}; give bf16 or f16, or f32 for none", dtype);
  thread_state.autocast = static_cast<uint8_t>(dtype);
}

}  // namespace duet
