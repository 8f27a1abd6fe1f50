#include "cpu/kernels.h"

#include <atomic>
#include <cstdlib>

#include "duet/core/error.h"

namespace duet::cpu {
namespace {

const Kernels* find(std::string_view isa) {
#if defined(DUET_HAS_ISA_v4)
  if (isa == "v4" && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return &v4::kKernels;
#endif
#if defined(DUET_HAS_ISA_v3)
  if (isa == "v3" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &v3::kKernels;
#endif
#if defined(DUET_HAS_ISA_base)
  if (isa == "base") return &base::kKernels;
#endif
  return nullptr;
}

const Kernels* choose() {
  if (const char* wanted = std::getenv("DUET_ISA")) {
    const Kernels* k = find(wanted);
    check<Error>(k != nullptr, "DUET_ISA: this machine or build has no kernels {}; use v3 or v4, or unset it", wanted);
    return k;
  }
  for (const char* isa : {"v4", "v3", "base"})
    if (const Kernels* k = find(isa)) return k;
  fail<Error>("duet: the CPU lacks AVX2 or FMA, which duet needs (x86-64-v3)");
}

std::atomic<const Kernels*> current{nullptr};

}  // namespace

const Kernels& kernels() {
  const Kernels* k = current.load(std::memory_order_acquire);
  if (k == nullptr) [[unlikely]] {
    k = choose();
    current.store(k, std::memory_order_release);
  }
  return *k;
}

bool set_isa(std::string_view isa) {
  const Kernels* k = find(isa);
  if (k != nullptr) current.store(k, std::memory_order_release);
  return k != nullptr;
}

}  // namespace duet::cpu
