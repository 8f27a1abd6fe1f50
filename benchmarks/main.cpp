// Prints what the figures depend on, then runs every benchmark, contenders in turns.
#include <algorithm>
#include <string>
#include <vector>

#include "bench.h"
#include "duet/core/machine.h"

namespace bench {

benchmark::internal::Benchmark* figures(benchmark::internal::Benchmark* b) {
  // One thread is measured by its own clock, which stands while other programs have the processor.
  duet::threads() == 1 ? b->MeasureProcessCPUTime() : b->UseRealTime();
  return b->MinTime(0.03)->Repetitions(9)->ReportAggregatesOnly()->ComputeStatistics(
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

  const duet::Machine machine = duet::machine();
  benchmark::AddCustomContext("cpu", machine.cpu);
  benchmark::AddCustomContext("isa", machine.isa);
  benchmark::AddCustomContext("threads", std::to_string(machine.threads));
  benchmark::AddCustomContext("build", machine.compiler + " " + machine.build);
  benchmark::Initialize(&count, args.data());
  if (benchmark::ReportUnrecognizedArguments(count, args.data())) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
