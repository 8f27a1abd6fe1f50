// The parameters of trees, side by side.
#pragma once

#include "duet/tree.h"

namespace duet::detail {

/// What can be trained of a tree, to walk several trees of one shape side by side.
template <class T>
auto parameters(T& x) {
  std::vector<std::conditional_t<std::is_const_v<T>, const Tensor, Tensor>*> all;
  for_each_parameter(x, [&](auto& t) { all.push_back(&t); });
  return all;
}

}  // namespace duet::detail
