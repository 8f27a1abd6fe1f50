#include "duet/nn/embedding.h"

#include "duet/ops/index.h"

namespace duet::nn {

Embedding Embedding::init(int64_t words, int64_t width, const Key& key, std::source_location line) {
  LineScope scope(line);
  check<ShapeError>(words > 0 && width > 0, "Embedding: {} words of width {} make no layer; sizes must be positive",
                    words, width);
  return {normal(key, {words, width})};
}

Tensor Embedding::operator()(const Operand& index) const {
  LineScope scope(index.line());
  return embedding(weight, index);
}

}  // namespace duet::nn
