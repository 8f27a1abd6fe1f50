// Runs the benchmarks of single kernels and calls, contenders in turns, and keeps the fastest repetition and the
// median.
#include <fmt/format.h>

#include "bench.h"
#include "suite.h"

namespace bench {

std::vector<std::pair<std::string, benchmark::internal::Benchmark*>>& single_benchmarks() {
  static std::vector<std::pair<std::string, benchmark::internal::Benchmark*>> all;
  return all;
}

namespace {

class Reporter : public benchmark::BenchmarkReporter {
 public:
  Reporter(nlohmann::json& rows, bool cpu_time) : rows_(rows), cpu_time_(cpu_time) {}
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    nlohmann::json row;
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Aggregate) continue;
      row["name"] = run.run_name.function_name;
      const double ns = cpu_time_ ? run.GetAdjustedCPUTime() : run.GetAdjustedRealTime();
      if (run.aggregate_name == "min") row["min_ns"] = ns;
      if (run.aggregate_name != "median") continue;
      row["median_ns"] = ns;
      for (const auto& [name, counter] : run.counters) row["counters"][name] = counter.value;
    }
    if (row.is_null()) return;
    progress("");
    std::string counters;
    if (row.contains("counters"))
      for (const auto& [name, value] : row["counters"].items())
        counters += fmt::format("  {} {:.4g}", name, value.get<double>());
    fmt::print("{:<32}{:>12.1f}{:>12.1f}{}\n", row["name"].get<std::string>(), row["min_ns"].get<double>(),
               row["median_ns"].get<double>(), counters);
    rows_.push_back(std::move(row));
  }

 private:
  nlohmann::json& rows_;
  bool cpu_time_;
};

}  // namespace

void run_single(const Options& options, Suite& suite) {
  const int count = options.threads > 0 ? options.threads : 1;
  use_processors(count);
  std::string filter;
  for (const auto& [name, b] : single_benchmarks()) {
    if (!wanted(options, name)) continue;
    filter += (filter.empty() ? "^(" : "|") + name;
    // One thread is measured by its own clock, which stands while other programs have the processor.
    count == 1 ? b->MeasureProcessCPUTime() : b->UseRealTime();
    b->MinTime(0.03)->Repetitions(9)->ReportAggregatesOnly()->ComputeStatistics(
        "min", [](const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); });
  }
  if (filter.empty()) return;
  std::string turns = "--benchmark_enable_random_interleaving=true", program = "bench";
  char* args[] = {program.data(), turns.data(), nullptr};
  int given = 2;
  benchmark::Initialize(&given, args);
  progress("single kernels and calls");
  Reporter reporter(suite.single, count == 1);
  fmt::print("{:<32}{:>12}{:>12}\n", "", "ns min", "median");
  benchmark::RunSpecifiedBenchmarks(&reporter, filter + ")(/process_time|/real_time|/min_time.*|/repeats.*)?$");
  fmt::print("\n");
}

}  // namespace bench
