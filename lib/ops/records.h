// Makes a family's constant table of records out of its list.
#pragma once

#include "duet/ops/record.h"

namespace duet {

template <class... Ops>
struct KernelRecords {
  static constexpr OpRecord table[] = {make_kernel_record<Ops>()...};
};
template <class... Ops>
constexpr KernelRecords<Ops...> kernel_records(const OpList<Ops...>*) {
  return {};
}

/// builtin(const Family*, i) for a family of ops that bring their own functions.
#define DUET_DEFINE_FAMILY(Family)                                                  \
  const OpRecord& builtin(const Family*, int i) {                                   \
    return decltype(kernel_records(static_cast<const Family*>(nullptr)))::table[i]; \
  }

/// x with two of its axes exchanged; a view.
Tensor swap_axes(const Tensor& x, int a, int b);

}  // namespace duet
