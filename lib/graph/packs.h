// Weights as products read them: a value that a plan meets twice in a row is packed then, once for all later calls.
#pragma once

#include <memory>
#include <mutex>

#include "graph/execute.h"

namespace duet::graph {

/// A packed second operand, see gemm_pack().
struct Pack {
  const cpu::Kernels* made_by = nullptr;
  int64_t panel = 0;
  Storage storage;
  const float* data() const { return reinterpret_cast<const float*>(storage.data()); }
};

/// The packs of a plan. Values keep their ids and never change, so an id says what a pack holds.
class Packs {
 public:
  struct Seen {
    uint64_t id = 0;
    std::shared_ptr<const Pack> pack;
  };

  /// Finds the products worth it: of 32-bit floats, by a matrix that comes from outside.
  Packs(const Graph& g, const Executable& e);

  /// Fills in `seen`, which a workspace keeps by launch, for a call; empty where no product is worth it. Without memory
  /// for a pack there is none.
  void look(const Plan::Run& run, const Graph& g, const Executable& e, const std::vector<char*>& base,
            std::vector<Seen>& seen);

  int64_t bytes() const;

 private:
  struct Product {
    size_t launch;
    int slot;
    bool one_row;  // packed for several threads only
    Seen shared;   // what another call may have made
  };
  std::shared_ptr<const Pack> make(Product& p, uint64_t id, const Graph& g, const Executable& e,
                                   const std::vector<char*>& base);

  size_t launches_;
  std::vector<Product> products_;
  mutable std::mutex mutex_;  // of what calls share
};

}  // namespace duet::graph
