// Operands that are kept, and operands gathered one by one.
#pragma once

#include "duet/ops/record.h"

namespace duet {

/// An operand that a tape kept: a tensor, or a number as it was written.
struct Saved {
  Tensor tensor;
  Operand::Kind kind = Operand::Kind::tensor;
  double float_value = 0;
  int64_t int_value = 0;
};

/// Operands gathered one by one.
class OperandList {
 public:
  OperandList() = default;
  OperandList(const OperandList&) = delete;
  OperandList& operator=(const OperandList&) = delete;
  void add(const Tensor& t) { emplace(t); }
  void add(const Saved& s);
  void add(const Arg& a);
  Inputs inputs() const { return Inputs(std::span<const Inputs::Ref>(refs_, size_)); }

 private:
  void emplace(const Tensor& t) {
    DUET_INTERNAL_CHECK(size_ < Args::kMax);
    refs_[size_] = *new (storage_[size_]) Operand(t, std::source_location());
    ++size_;
  }
  alignas(Operand) char storage_[Args::kMax][sizeof(Operand)];
  Inputs::Ref refs_[Args::kMax];
  size_t size_ = 0;
};

}  // namespace duet
