#include "graph/packs.h"

#include "cpu/threads.h"
#include "ops/matmul_loop.h"

namespace duet::graph {
namespace {

cpu::Gemm product_of(const Launch& l, const Graph& g, const Executable& e, const std::vector<char*>& base) {
  return cpu::matrices<float>(strided(l.inputs[0], g, e.layouts, base), strided(l.inputs[1], g, e.layouts, base),
                              g.value(l.outputs[0]).spec.shape);
}

bool is_foreign(const Block& b) { return (b.root != nullptr ? b.root : &b)->give_back != nullptr; }

}  // namespace

Packs::Packs(const Graph& g, const Executable& e) : launches_(e.launches.size()) {
  for (size_t k = 0; k < launches_ && !g.device.is_cuda(); ++k) {
    const Launch& l = e.launches[k];
    if (l.kind != LaunchKind::matmul) continue;
    const Spec &b = g.value(l.inputs[1]).spec, &y = g.value(l.outputs[0]).spec;
    const Value& root = g.value(e.layouts[static_cast<size_t>(l.inputs[1])].root);
    const int64_t m = y.shape[y.shape.rank() - 2], n = y.shape[y.shape.rank() - 1];
    if (y.dtype == f32 && b.shape.rank() == 2 && y.shape.numel() == m * n && root.origin == Origin::slot &&
        cpu::should_pack_once(m, n, b.shape[0], cpu::gemm_work(m, n, b.shape[0]) >= 2 * cpu::kGemmMinWork))
      products_.push_back({k, root.index, m == 1, {}});
  }
}

void Packs::look(const Plan::Run& run, const Graph& g, const Executable& e, const std::vector<char*>& base,
                 std::vector<Seen>& seen) {
  if (products_.empty()) return;
  seen.resize(launches_);
  for (Product& p : products_) {
    Seen& s = seen[p.launch];
    const auto slot = static_cast<size_t>(p.slot);
    const uint64_t id = run.ids.empty() ? 0 : run.ids[slot];
    const bool alone = p.one_row && cpu::threads() == 1;
    if (alone || id != s.id || id == 0) {
      if (s.pack != nullptr) {  // of a value that this plan no longer uses
        std::lock_guard lock(mutex_);
        if (p.shared.id == s.id) p.shared = {};
      }
      s = {alone ? 0 : id, nullptr};
    } else if ((s.pack == nullptr || s.pack->made_by != &cpu::kernels()) && !is_foreign(*run.slots[slot])) {
      s.pack = make(p, id, g, e, base);
    }
  }
}

std::shared_ptr<const Pack> Packs::make(Product& p, uint64_t id, const Graph& g, const Executable& e,
                                        const std::vector<char*>& base) {
  std::lock_guard lock(mutex_);
  Seen& shared = p.shared;
  const cpu::Kernels& kernels = cpu::kernels();
  if (shared.id == id && shared.pack != nullptr && shared.pack->made_by == &kernels) return shared.pack;
  try {
    const cpu::Gemm product = product_of(e.launches[p.launch], g, e, base);
    auto pack = std::make_shared<Pack>();
    pack->storage.allocate(Device::cpu(),
                           cpu::gemm_pack_elements(product.n, product.k) * static_cast<int64_t>(sizeof(float)));
    pack->panel = kernels.gemm_pack(product, reinterpret_cast<float*>(pack->storage.data()));
    pack->made_by = &kernels;
    ++thread_state.launches;
    shared = {id, std::move(pack)};
  } catch (const OutOfMemory&) {
    shared = {};
  } catch (const std::bad_alloc&) {
    shared = {};
  }
  return shared.pack;
}

int64_t Packs::bytes() const {
  std::lock_guard lock(mutex_);
  int64_t n = 0;
  for (const Product& p : products_) n += p.shared.pack != nullptr ? p.shared.pack->storage.bytes() : 0;
  return n;
}

}  // namespace duet::graph
