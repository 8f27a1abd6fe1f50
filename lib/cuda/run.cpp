#include "cuda/run.h"

#include <unordered_map>

#include "cuda/runners.h"
#include "duet/ops/windows.h"

namespace duet::cuda {
namespace {

using Runner = void (*)(State& s, const KernelCall& call);
using Table = std::unordered_map<const OpRecord*, Runner>;

// An op that is a view wherever it is allowed needs no kernel: what cannot be a view is a copy.
template <class Op>
void add(Table& table) {
  if constexpr (requires { &Op::run; })
    table[&op<Op>()] = [](State& s, const KernelCall& call) { run_op(Of<Op>(), s, call); };
}
template <class... Ops>
void add_all(Table& table, const OpList<Ops...>*) {
  (add<Ops>(table), ...);
}
template <class... Families>
Table table_of() {
  Table table;
  (add_all(table, static_cast<const Families*>(nullptr)), ...);
  return table;
}

}  // namespace

void run(const KernelCall& call) {
  static const Table table = table_of<CreateOps, MovementOps, PadOps, RearrangeOps, IndexOps, AlongOps, ReduceOps,
                                      MatmulOps, ScanOps, SortOps, RandomOps, ConvOps, WindowOps>();
  State& s = state(call.device);
  if (call.op.kind == OpClass::pointwise) return run_pointwise(s, call);
  const auto found = table.find(&call.op);
  check<DeviceError>(found != table.end(), "{}: has no CUDA kernel: {}; use .to(Device::cpu())", call.op.name,
                     call.device);
  found->second(s, call);
}

}  // namespace duet::cuda
