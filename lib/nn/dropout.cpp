#include "duet/nn/dropout.h"

#include "ops/operands.h"

namespace duet::nn {

Tensor Dropout::operator()(const Operand& x, const std::optional<Key>& key) const {
  LineScope scope(x.line());
  return key ? dropout(x, static_cast<double>(p), *key) : floating("dropout", x);
}

}  // namespace duet::nn
