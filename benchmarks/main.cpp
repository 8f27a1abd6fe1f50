// ./run bench: the arguments; what they ask for is done in suite.cpp, single.cpp and crossover.cpp.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>

#include "duet/core/machine.h"
#include "suite.h"

namespace {

std::string names() {
  std::string text;
  for (const bench::Case& c : bench::cases()) text += (text.empty() ? "" : " ") + c.name;
  return text;
}

void write_json(const std::string& path, const nlohmann::json& j) {
  std::ofstream file(path);
  file << j.dump(1) << "\n";
  if (!file.flush()) throw std::runtime_error("bench: cannot write " + path);
}

/// As typed, for whoever wants to run it again.
std::string command(int argc, char** argv) {
  std::string text = "./run bench";
  for (int i = 1; i < argc; ++i)
    if (std::string_view(argv[i]) == "--json")
      text += " --json FILE", ++i;
    else
      text += std::string(" ") + argv[i];
  return text;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures duet eagerly, compiled and frozen against the machine's floor and against other frameworks."};
  app.name("./run bench");
  bench::Options options;
  std::string json;
  app.add_option("--threads", options.threads, "threads of duet and of the peers (one, and two where a bar is for two)")
      ->check(CLI::Range(1, duet::threads()));
  app.add_flag("--peers", options.peers, "other frameworks in turns with duet; benchmarks/peers/setup installs them");
  app.add_option("--json", json, "write everything there, for benchmarks/draw.py");
  app.add_option("CASE", options.only,
                 "names or their beginnings; all without any: kernels and calls one by one, and " + names());
  CLI::App* cross = app.add_subcommand("crossover", "a training step over batch and width: where which mode pays");
  cross->fallthrough();
  CLI11_PARSE(app, argc, argv);

  if (cross->parsed()) {
    const nlohmann::json j = bench::crossover(options.threads > 0 ? options.threads : 1);
    if (!json.empty()) write_json(json, j);
    return 0;
  }
  bench::Suite suite;
  bench::run_cases(options, suite);
  bench::run_single(options, suite);
  if (suite.results.empty() && suite.single.empty()) {
    fmt::print(stderr, "bench: no case begins with that; cases: {}\n", names());
    return 1;
  }
  fmt::print("{}\n{}", options.peers ? bench::bars_table(suite) : "", bench::headlines(suite));
  if (!json.empty()) write_json(json, bench::to_json(suite, command(argc, argv)));
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
