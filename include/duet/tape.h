// A tape to hold in the hand, for those who learn what value_and_grad does by itself.
#pragma once

#include "duet/grad.h"

namespace duet {

/// Gradients the PyTorch way, for teaching: `Tape tape; tape.watch(w); …; auto g = tape.backward(loss); g(w)`.
class Tape {
 public:
  Tape() : scope_(tape_) {}

  /// The gradients of one loss.
  class Gradients {
   public:
    /// dL/dx, zeros where the loss does not depend on x. TraceError if x was not watched.
    Tensor operator()(const Tensor& x, std::source_location line = std::source_location::current()) const;

   private:
    friend class Tape;
    std::vector<uint64_t> ids_;
    std::vector<Tensor> grads_;
  };

  /// Watches the parameters of a tree: gives them fresh ids, so later uses are noted.
  template <class T>
  void watch(T& x) {
    for_each_parameter(x, [&](Tensor& t) {
      t = alias(t);
      tape_.watch(t.id());
      targets_.push_back(t.id());
    });
  }
  /// The gradients of a loss of one element; once. ShapeError for more elements, TraceError the second time.
  Gradients backward(const Tensor& loss, std::source_location line = std::source_location::current());

 private:
  TapeImpl tape_;
  TapeScope scope_;
  std::vector<uint64_t> targets_;
  bool used_ = false;
};

}  // namespace duet
