// What runs each family's ops on a device: for every op of a list an overload of run_op, or the table in run.cpp does
// not compile.
#pragma once

#include "cuda/launch.h"
#include "cuda/memory.h"
#include "cuda/operands.h"
#include "cuda/record.h"
#include "duet/core/error.h"
#include "duet/duet.h"

namespace duet::cuda {

void run_pointwise(State& s, const KernelCall& call);

template <class Op>
struct Of {};

void run_op(Of<Full>, State& s, const KernelCall& call);
void run_op(Of<Arange>, State& s, const KernelCall& call);
void run_op(Of<Unslice>, State& s, const KernelCall& call);
void run_op(Of<Concat>, State& s, const KernelCall& call);
void run_op(Of<Copy>, State& s, const KernelCall& call);
void run_op(Of<Cast>, State& s, const KernelCall& call);
void run_op(Of<Pad>, State& s, const KernelCall& call);
void run_op(Of<Tril>, State& s, const KernelCall& call);
void run_op(Of<Triu>, State& s, const KernelCall& call);
void run_op(Of<Update>, State& s, const KernelCall& call);

void run_op(Of<Gather>, State& s, const KernelCall& call);
void run_op(Of<Take>, State& s, const KernelCall& call);
void run_op(Of<Embedding>, State& s, const KernelCall& call);
void run_op(Of<ScatterAdd>, State& s, const KernelCall& call);
void run_op(Of<OneHot>, State& s, const KernelCall& call);
void run_op(Of<TakeAlongAxis>, State& s, const KernelCall& call);
void run_op(Of<ScatterAddAlongAxis>, State& s, const KernelCall& call);

void run_op(Of<Sum>, State& s, const KernelCall& call);
void run_op(Of<Max>, State& s, const KernelCall& call);
void run_op(Of<Min>, State& s, const KernelCall& call);
void run_op(Of<Prod>, State& s, const KernelCall& call);
void run_op(Of<Any>, State& s, const KernelCall& call);
void run_op(Of<All>, State& s, const KernelCall& call);
void run_op(Of<Argmax>, State& s, const KernelCall& call);
void run_op(Of<Argmin>, State& s, const KernelCall& call);

void run_op(Of<Matmul>, State& s, const KernelCall& call);

void run_op(Of<Cumsum>, State& s, const KernelCall& call);
void run_op(Of<ExclusiveProd>, State& s, const KernelCall& call);
void run_op(Of<Recurrence>, State& s, const KernelCall& call);
void run_op(Of<Sort>, State& s, const KernelCall& call);
void run_op(Of<TopK>, State& s, const KernelCall& call);
void run_op(Of<Unsort>, State& s, const KernelCall& call);
void run_op(Of<Resort>, State& s, const KernelCall& call);

void run_op(Of<Uniform>, State& s, const KernelCall& call);
void run_op(Of<Normal>, State& s, const KernelCall& call);
void run_op(Of<Permutation>, State& s, const KernelCall& call);
void run_op(Of<Split>, State& s, const KernelCall& call);
void run_op(Of<FoldIn>, State& s, const KernelCall& call);

void run_op(Of<Unfold>, State& s, const KernelCall& call);
void run_op(Of<Fold>, State& s, const KernelCall& call);
void run_op(Of<MaxPoolIndex>, State& s, const KernelCall& call);
void run_op(Of<Unwindows>, State& s, const KernelCall& call);

/// Queues a copy of x, in its own shape, to y.
void copy_elements(State& s, DType dtype, const kernel::Operand& x, const kernel::Operand& y, int64_t n);
/// Queues zeros.
void fill_zeros(State& s, void* p, size_t bytes);

/// The type that moves elements of a width: bits only.
inline int width_type(DType t) {
  return size_bytes(t) == 8   ? kernel::kI64
         : size_bytes(t) == 4 ? kernel::kI32
         : size_bytes(t) == 2 ? kernel::kF16
                              : kernel::kU8;
}
/// An operand in its own shape.
inline kernel::Operand operand(const KernelCall& call, int i) {
  return operand(call, i, *call.in[static_cast<size_t>(i)].shape);
}
inline kernel::Operand dense(const void* p) {
  kernel::Operand x{};
  x.data = p;
  x.kind = kernel::Operand::dense;
  return x;
}

/// Device memory for the length of a call: whoever gets it next is queued behind.
class Room {
 public:
  Room(const State& s, size_t bytes)
      : device_(s.device),
        bytes_(bytes),
        replay_(Replay::active()),
        data_(replay_ != nullptr ? replay_->room(device_, bytes) : allocate(device_, bytes)) {}
  ~Room() {
    if (replay_ == nullptr) deallocate(device_, data_, bytes_);
  }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  void* data() const { return data_; }

 private:
  Device device_;
  size_t bytes_;
  Replay* replay_;
  void* data_;
};

}  // namespace duet::cuda
