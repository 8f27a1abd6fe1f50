#include "duet/core/machine.h"

#include <fmt/format.h>

#include <fstream>

#include "cpu/kernels.h"
#include "cpu/threads.h"

namespace duet {
namespace {

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name"))
      if (size_t at = line.find(": "); at != line.npos) return line.substr(at + 2);
  return "unknown";
}

}  // namespace

Machine machine() {
#if defined(__clang__)
  std::string compiler = fmt::format("clang++ {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  std::string compiler = fmt::format("g++ {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
  return {cpu_name(), std::string(cpu::kernels().isa), threads(), compiler, DUET_BUILD};
}

std::string to_string(const Machine& m) {
  return fmt::format("{} · {} kernels · {} thread{} · {} · {}", m.cpu, m.isa, m.threads, m.threads == 1 ? "" : "s",
                     m.compiler, m.build);
}

void set_threads(int count) { cpu::set_threads(count); }
int threads() { return cpu::threads(); }

}  // namespace duet
