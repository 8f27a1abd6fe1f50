// Labelled images from IDX files: MNIST, Fashion-MNIST and whatever has their layout.
#pragma once

#include <string>

#include "duet/data/batches.h"

namespace duet::data {

/// Images and their labels. N images of height x width pixels, a row each.
struct Images {
  Tensor x;  // f32[N, height * width], 0..1
  Tensor y;  // i32[N]
  int64_t height = 0, width = 0;
  int64_t classes = 0;  // largest label + 1

  int64_t size() const { return y.numel(); }
  /// Batches in a random order that depends on the key alone; the last one may be short.
  Batches batches(int64_t batch, const Key& key, BatchOptions options = {},
                  std::source_location line = std::source_location::current()) const {
    return Batches(x, y, batch, &key, options, line);
  }
  /// Batches in file order.
  Batches batches(int64_t batch, BatchOptions options = {},
                  std::source_location line = std::source_location::current()) const {
    return Batches(x, y, batch, nullptr, options, line);
  }
};

struct TrainTest {
  Images train, test;
};

/// Reads train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte from a
/// folder; also as .gz, and with a dot for the first dash of "-idx". ParseError, naming the file, when one is missing,
/// damaged or does not fit the others; OutOfMemory when one does not fit into memory.
TrainTest load_idx(const std::string& folder, std::source_location line = std::source_location::current());

}  // namespace duet::data
