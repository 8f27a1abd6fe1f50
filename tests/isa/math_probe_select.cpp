// Which copies of the probe run here; compiled for the baseline processor.

#include "math_probe.h"

#define DUET_DECLARE_PROBE(isa)         \
  namespace duet::cpu::isa {            \
  extern const probe::Probe math_probe; \
  }
DUET_DECLARE_PROBE(base)
#if defined(DUET_HAS_ISA_v3)
DUET_DECLARE_PROBE(v3)
DUET_DECLARE_PROBE(v4)
#endif

namespace duet::probe {

int available(const Probe* (&probes)[4]) {
  int count = 0;
#if defined(DUET_HAS_ISA_v3)
  if (__builtin_cpu_supports("avx") && __builtin_cpu_supports("fma")) probes[count++] = &cpu::base::math_probe;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) probes[count++] = &cpu::v3::math_probe;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    probes[count++] = &cpu::v4::math_probe;
  }
#else
  probes[count++] = &cpu::base::math_probe;
#endif
  return count;
}

}  // namespace duet::probe
