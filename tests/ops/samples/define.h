// The body of samples_of, for the file that has the samples of a list.
#pragma once

#include "ops/samples.h"

namespace duet::testing {

template <class List>
const std::vector<Sampled>& samples_of() {
  static const std::vector<Sampled> all = [] {
    std::vector<Sampled> list;
    for_each_op<List>([&]<class Op>() {
      const OpRecord* record = nullptr;
      if constexpr (requires { typename Op::Family; }) record = &op<Op>();
      list.push_back({Op::name, record, &Generator<Op>::samples});
    });
    return list;
  }();
  return all;
}

}  // namespace duet::testing
