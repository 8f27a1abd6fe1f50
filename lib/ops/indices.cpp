#include "ops/indices.h"

#include "cpu/tiles.h"
#include "planted.h"

namespace duet {

CheckedIndices::CheckedIndices(std::string_view op, const Strided& index, int64_t extent, bool negative_allowed,
                               std::string_view what)
    : size_(static_cast<size_t>(index.shape->numel())), room_(size_ * sizeof(int64_t)) {
  auto* result = static_cast<int64_t*>(room_.data());
  cpu::Source source = cpu::make_source(index.dtype, *index.shape, index.strides, *index.shape);
  visit(index.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_integral_v<T>) {
      T tile[cpu::kTile];
      const auto n = static_cast<int64_t>(size_);
      for (int64_t i = 0; i < n; i += cpu::kTile) {
        int64_t count = std::min(cpu::kTile, n - i);
        cpu::gather(source, index.data, i, count, tile);
        for (int64_t k = 0; k < count; ++k) {
          auto v = static_cast<int64_t>(tile[k]);
          int64_t at = v < 0 && negative_allowed ? v + extent - (planted("negative_index") && -v < extent) : v;
          if (extent == 0)
            fail<IndexError>("{}: {} {} is out of range: element {} of {}{}; the axis is empty", op, what, v, i + k,
                             index.dtype, *index.shape);
          if (at < 0 || at >= extent)
            fail<IndexError>("{}: {} {} is out of range: element {} of {}{}; it must be in {} to {}", op, what, v,
                             i + k, index.dtype, *index.shape, negative_allowed ? -extent : 0, extent - 1);
          result[i + k] = at;
        }
      }
    }
  });
}

void check_index_dtype(std::string_view op, const Args& in, int i) {
  check<DTypeError>(!is_float(in[i].dtype) && in[i].dtype != DType::boolean,
                    "{}: indices must be integers: {}; use .to(i64)", op, in.text(i));
}

}  // namespace duet
