#include "duet/ops/saved.h"

namespace duet {

void OperandList::add(const Saved& s) {
  if (s.kind <= Operand::Kind::rvalue) return emplace(s.tensor);
  DUET_INTERNAL_CHECK(size_ < Args::kMax);
  refs_[size_] = *new (storage_[size_]) Operand(Operand::number(s.kind, s.float_value, s.int_value));
  ++size_;
}

void OperandList::add(const Arg& a) {
  if (a.tensor != nullptr) return emplace(*a.tensor);
  add(Saved{Tensor(), a.kind, a.float_value, a.int_value});
}

}  // namespace duet
