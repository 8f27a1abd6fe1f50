// Walks the op lists: op types by their row, and loops over integers known to the compiler.
#pragma once

#include <utility>

#include "duet/ops/op.h"

namespace duet::kernel {

template <class T>
struct Type {
  using type = T;
};
template <int I, class First, class... Rest>
constexpr auto type_at() {
  if constexpr (I == 0)
    return Type<First>();
  else
    return type_at<I - 1, Rest...>();
}
template <int Row, class... Ops>
constexpr auto row_of(const OpList<Ops...>*) {
  return type_at<Row, Ops...>();
}
/// The op in a row of a family.
template <class Family, int Row>
using OpAt = typename decltype(row_of<Row>(static_cast<const Family*>(nullptr)))::type;

template <int... I, class F>
constexpr void for_each_of(std::integer_sequence<int, I...>, F f) {
  (f(std::integral_constant<int, I>()), ...);
}
template <int N, class F>
constexpr void for_each_below(F f) {
  for_each_of(std::make_integer_sequence<int, N>(), f);
}

}  // namespace duet::kernel
