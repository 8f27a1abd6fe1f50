// fuzz: grows random programs and runs each eagerly, compiled and frozen, under pass subsets, other orders of kernels,
// thread counts and instruction sets: the bits must be the same. docs/fuzzer.md tells more.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <fstream>
#include <iterator>
#include <limits>
#include <set>

#include "fuzz/apart.h"
#include "fuzz/bugs.h"
#include "fuzz/program.h"

namespace duet::fuzz {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Settings {
  uint64_t graphs = testing::small_size() ? 600 : 5000;
  uint32_t seed = 1;
  double seconds = 0;  // 0: no limit
  std::string keep = DUET_SOURCE_DIR "/tests/regress";
  bool bugs = false, print = false, refused = false;
  std::vector<std::string> files;
};

/// What a child tells of its part of a campaign.
struct Progress {
  uint64_t graphs = 0, steps = 0, refused = 0;
};

Program program_of(uint32_t seed) { return grow(seed, static_cast<int>(seed % rule_names().size())); }

void add_names(const Body& b, std::set<std::string>& names) {
  for (const Step& s : b.steps) {
    names.insert(s.op);
    if (s.body != nullptr) add_names(*s.body, names);
  }
}

/// Runs graphs first, first + 1, … until one fails or all are done; `note` has the progress.
int run_graphs(uint64_t first, const Settings& o, Clock::time_point start, Note& note, Progress p) {
  const bool terminal = isatty(STDERR_FILENO) != 0;
  double shown = 0;
  for (uint64_t i = first; i < o.graphs; ++i) {
    if (o.seconds > 0 && seconds_since(start) >= o.seconds) return 0;
    const uint32_t seed = o.seed + static_cast<uint32_t>(i);
    ++p.graphs;
    note.write(fmt::format("{} {} {}", p.graphs, p.steps, p.refused));
    const Program program = program_of(seed);
    const Failure f = check(program, modes_of(program));
    if (f && !f.refused) return 3;
    p.steps += static_cast<uint64_t>(count_steps(program.body));
    p.refused += f.refused;
    if (f.refused && o.refused) fmt::print("seed {}: refused: {}\n", seed, f.what);
    note.write(fmt::format("{} {} {}", p.graphs, p.steps, p.refused));
    if (const double now = seconds_since(start); terminal && now - shown > 0.2) {
      shown = now;
      fmt::print(stderr, "\r\033[Kseed {}: {} graphs, {:.0f} a second", seed, i + 1, static_cast<double>(i + 1) / now);
    }
  }
  return 0;
}

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

void report(uint32_t seed, const Settings& o) {
  Program p = program_of(seed);
  Failure f = check_apart(p, modes_of(p));
  if (!f) {
    fmt::print("seed {}: failed once and not again\n", seed);
    return;
  }
  p = shrink(p, f);
  const std::string path = fmt::format("{}/seed_{}.txt", o.keep, seed);
  const std::string text =
      write(Case{p, {*f.mode}}, fmt::format("# Found by seed {}: {}\n", seed, f.what.substr(0, f.what.find('\n'))));
  std::ofstream(path) << text;
  fmt::print("seed {}: {}\nreproduce: ./run fuzz --graphs 1 --seed {}\nshrunk to {} operations, in {}:\n{}\n", seed,
             f.what, seed, count_steps(p.body), path, text);
}

int campaign(const Settings& o) {
  const auto start = Clock::now();
  Progress p;
  int failures = 0;
  constexpr int kMaxFailures = 20;
  while (p.graphs < o.graphs && failures < kMaxFailures) {
    Note note;
    note.write(fmt::format("{} {} {}", p.graphs, p.steps, p.refused));
    const int status = run_apart([&] { return run_graphs(p.graphs, o, start, note, p); }, false);
    std::istringstream(note.read()) >> p.graphs >> p.steps >> p.refused;
    if (isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K");
    if (status == 0) break;
    ++failures;
    report(o.seed + static_cast<uint32_t>(p.graphs) - 1, o);
  }
  // What was grown has to have had every operation in it.
  std::set<std::string> seen, missing;
  const std::vector<std::string> names = rule_names();
  if (p.graphs >= 4 * names.size()) {
    for (uint64_t i = 0; i < 4 * names.size(); ++i) add_names(program_of(o.seed + static_cast<uint32_t>(i)).body, seen);
    for (const std::string& name : names)
      if (seen.count(name) == 0) missing.insert(name);
    for (const std::string& name : missing) fmt::print("no program has the operation {}\n", name);
  }
  const double seconds = seconds_since(start);
  fmt::print("fuzz: {} graphs from seed {}, {} operations, {} refused, {} failed, {:.1f} s ({:.0f} graphs/s)\n",
             p.graphs, o.seed, p.steps, p.refused, failures, seconds, static_cast<double>(p.graphs) / seconds);
  return failures > 0 || !missing.empty() ? 1 : 0;
}

int replay(const std::vector<std::string>& files) {
  int failures = 0;
  for (const std::string& path : files) {
    Case c = read_case(text_of(path));
    // The modes of the file, and those of any program.
    for (Mode& m : modes_of(c.program)) c.modes.push_back(std::move(m));
    const Failure f = check_apart(c.program, c.modes);
    if (!f) continue;
    ++failures;
    fmt::print("{}: {}{}\nreproduce: ./run fuzz {}\n", path, f.mode ? "mode " + write(*f.mode) + ": " : "", f.what,
               path);
  }
  fmt::print("fuzz: {} files, {} failed\n", files.size(), failures);
  return failures > 0 ? 1 : 0;
}

}  // namespace
}  // namespace duet::fuzz

int main(int argc, char** argv) {
  using namespace duet::fuzz;
  Settings o;
  CLI::App app("Random programs: eager, compiled and frozen must give the same bits", "fuzz");
  auto* graphs = app.add_option("--graphs", o.graphs, "how many programs")->capture_default_str();
  app.add_option("--seed", o.seed, "of the first one; the others follow")->capture_default_str();
  app.add_option("--seconds", o.seconds, "stop after so long; without --graphs nothing else does");
  app.add_option("--keep", o.keep, "folder for programs that failed")->capture_default_str();
  app.add_flag("--planted", o.bugs, "find the planted bugs instead, and print a table");
  app.add_flag("--print", o.print, "print the program of the seed instead of running it");
  app.add_flag("--refused", o.refused, "say why programs are refused, whose shapes or types do not fit");
  app.add_option("files", o.files, "programs to run instead");
  CLI11_PARSE(app, argc, argv);
  if (o.seconds > 0 && graphs->count() == 0) o.graphs = std::numeric_limits<uint32_t>::max();
  try {
    if (o.print) {
      const Program p = program_of(o.seed);
      fmt::print("{}", write(Case{p, modes_of(p)}, ""));
      return 0;
    }
    if (o.bugs) return find_planted(o.seed) ? 0 : 1;
    return o.files.empty() ? campaign(o) : replay(o.files);
  } catch (const std::exception& e) {
    fmt::print(stderr, "fuzz: {}\n", e.what());
    return 1;
  }
}
