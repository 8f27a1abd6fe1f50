// The second translation unit: the same headers once more, and templates that main.cpp instantiates too.
#include <duet/duet.h>

#include "model.h"

duet::Tensor train_elsewhere(Model& m, const duet::Tensor& x, const duet::Tensor& y) {
  return duet::compile(train)(m, x, y, 0.125f);
}
