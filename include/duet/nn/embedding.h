// Vectors for the words of a vocabulary.
//   V words   E width
#pragma once

#include "duet/random.h"

namespace duet::nn {

/// A row of weight for each index.
struct Embedding {
  Tensor weight;  // f32[V,E]

  /// Normal with mean 0 and deviation 1, as PyTorch's default.
  static Embedding init(int64_t words, int64_t width, const Key& key,
                        std::source_location line = std::source_location::current());
  /// index of any integer type […], result f32[…,E]. IndexError for an index outside of the vocabulary.
  Tensor operator()(const Operand& index) const;
};

}  // namespace duet::nn
