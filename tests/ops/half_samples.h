// The samples of the lists with 16-bit floats in place of f32, lying in memory as those did.
#pragma once

#include "ops/samples.h"

namespace duet::testing {

inline Tensor as_half(const Tensor& t, DType half) {
  if (t.dtype() != f32) return t;
  Block& b = t.block();
  if (b.root == nullptr || b.numel == 0) return t.to(half);
  block::retain(b.root);
  const Tensor root = Tensor::adopt(b.root, fresh_ids(1)).to(half);
  const auto before = (static_cast<char*>(b.data) - static_cast<char*>(b.root->data)) / 2;
  return Tensor::adopt(block::view(&root.block(), b.shape, b.strides, static_cast<char*>(root.block().data) + before),
                       fresh_ids(1));
}

/// Every third sample with f32 operands; f16 and bf16 in turn.
template <class Family>
std::vector<Sample> half_samples() {
  std::vector<Sample> all;
  int n = 0;
  for (Sample& s : family_samples<Family>()) {
    bool any = false;
    for (const Tensor& t : s.inputs) any |= t.dtype() == f32;
    if (!any || n++ % 3 != 0) continue;
    const DType half = n % 2 == 0 ? f16 : bf16;
    for (Tensor& t : s.inputs) t = as_half(t, half);
    s.what += fmt::format(" as {}", half);
    all.push_back(std::move(s));
  }
  return all;
}

}  // namespace duet::testing
