// Prints what the figures depend on, then runs every benchmark, contenders in turns.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "bench.h"
#include "cpu/kernels.h"
#include "cpu/threads.h"

namespace bench {

benchmark::internal::Benchmark* figures(benchmark::internal::Benchmark* b) {
  return b->UseRealTime()->MinTime(0.03)->Repetitions(9)->ReportAggregatesOnly()->ComputeStatistics(
      "min", [](const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); });
}

}  // namespace bench

int main(int argc, char** argv) {
  // First, so that the user's own arguments win.
  std::string turns = "--benchmark_enable_random_interleaving=true";
  std::vector<char*> args{argv[0], turns.data()};
  args.insert(args.end(), argv + 1, argv + argc);
  args.push_back(nullptr);
  int count = static_cast<int>(args.size()) - 1;

  std::string cpu = "unknown", line;
  for (std::ifstream info("/proc/cpuinfo"); std::getline(info, line);)
    if (line.starts_with("model name")) {
      cpu = line.substr(line.find(':') + 2);
      break;
    }
  benchmark::AddCustomContext("cpu", cpu);
  benchmark::AddCustomContext("isa", std::string(duet::cpu::kernels().isa));
  benchmark::AddCustomContext("threads", std::to_string(duet::cpu::threads()));
#ifdef NDEBUG
  benchmark::AddCustomContext("build", "release, " __VERSION__);
#else
  benchmark::AddCustomContext("build", "DEBUG: these figures mean nothing, " __VERSION__);
#endif
  benchmark::Initialize(&count, args.data());
  if (benchmark::ReportUnrecognizedArguments(count, args.data())) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
