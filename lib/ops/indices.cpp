#include "ops/indices.h"

#include "cpu/tiles.h"

namespace duet {

namespace {

// each(position, index in [0, extent)) for all indices.
template <class F>
void each_index(std::string_view op, const Strided& index, int64_t extent, bool negative_allowed, std::string_view what,
                F&& each) {
  cpu::Source source = cpu::make_source(index.dtype, *index.shape, index.strides, *index.shape);
  visit(index.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_integral_v<T>) {
      T tile[cpu::kTile];
      const int64_t n = index.shape->numel();
      for (int64_t i = 0; i < n; i += cpu::kTile) {
        int64_t count = std::min(cpu::kTile, n - i);
        cpu::gather(source, index.data, i, count, tile);
        for (int64_t k = 0; k < count; ++k) {
          auto v = static_cast<int64_t>(tile[k]);
          int64_t at = v < 0 && negative_allowed ? v + extent : v;
          if (extent == 0)
            fail<IndexError>("{}: {} {} is out of range: element {} of {}{}; the axis is empty", op, what, v, i + k,
                             index.dtype, *index.shape);
          if (at < 0 || at >= extent)
            fail<IndexError>("{}: {} {} is out of range: element {} of {}{}; it must be in {} to {}", op, what, v,
                             i + k, index.dtype, *index.shape, negative_allowed ? -extent : 0, extent - 1);
          each(i + k, at);
        }
      }
    }
  });
}

}  // namespace

std::vector<int64_t> checked_indices(std::string_view op, const Strided& index, int64_t extent, bool negative_allowed,
                                     std::string_view what) {
  std::vector<int64_t> result(static_cast<size_t>(index.shape->numel()));
  each_index(op, index, extent, negative_allowed, what,
             [&](int64_t i, int64_t at) { result[static_cast<size_t>(i)] = at; });
  return result;
}

void check_labels(std::string_view op, const Strided& labels, int64_t classes) {
  each_index(op, labels, classes, false, "label", [](int64_t, int64_t) {});
}

void check_index_dtype(std::string_view op, const Args& in, int i) {
  check<DTypeError>(!is_float(in[i].dtype) && in[i].dtype != DType::boolean,
                    "{}: indices must be integers: {}; use .to(i64)", op, in.text(i));
}

}  // namespace duet
