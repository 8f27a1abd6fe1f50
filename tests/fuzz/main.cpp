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
#include "fuzz/oracle.h"
#include "fuzz/program.h"

namespace duet::fuzz {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Settings {
  uint64_t graphs = testing::small_size() ? 600 : 5000;
  uint32_t seed = 1;
  double seconds = 0;  // 0: no limit
  unsigned jobs = 1;
  std::string keep = DUET_SOURCE_DIR "/tests/regress";
  bool bugs = false, print = false, refused = false;
  std::vector<std::string> files;
};

constexpr double kLeastShare = 0.9;

/// What a child tells of its part of a campaign.
struct Progress {
  uint64_t graphs = 0, steps = 0, refused = 0, failures = 0;
  uint64_t elements = 0, compared = 0;  // by the second oracle
  std::string text() const {
    return fmt::format("{} {} {} {} {} {}", graphs, steps, refused, failures, elements, compared);
  }
  void read(const std::string& text) {
    std::istringstream(text) >> graphs >> steps >> refused >> failures >> elements >> compared;
  }
  Progress& operator+=(const Progress& o) {
    graphs += o.graphs, steps += o.steps, refused += o.refused, failures += o.failures;
    elements += o.elements, compared += o.compared;
    return *this;
  }
  /// How many of the elements that the second oracle saw its bounds said something of.
  double share() const { return elements == 0 ? 1 : static_cast<double>(compared) / static_cast<double>(elements); }
};

Program program_of(uint32_t seed) { return grow(seed, static_cast<int>(seed % rule_names().size())); }

void add_names(const Body& b, std::set<std::string>& names) {
  for (const Step& s : b.steps) {
    names.insert(s.op);
    if (s.body != nullptr) add_names(*s.body, names);
  }
}

/// Every `jobs`-th graph is a job's own.
uint64_t graph_of(const Settings& o, unsigned job, uint64_t i) { return job + i * o.jobs; }

/// Runs a job's graphs from the next one on until one fails or all are done; `note` has the progress.
int run_graphs(const Settings& o, unsigned job, Clock::time_point start, Note& note, Progress p) {
  const bool shows = job == 0 && isatty(STDERR_FILENO) != 0;
  double shown = 0;
  const Progress before = p;
  for (uint64_t i = p.graphs; graph_of(o, job, i) < o.graphs; ++i) {
    if (o.seconds > 0 && seconds_since(start) >= o.seconds) return 0;
    const uint32_t seed = o.seed + static_cast<uint32_t>(graph_of(o, job, i));
    ++p.graphs;
    note.write(p.text());
    const Program program = program_of(seed);
    const Failure f = check(program, modes_of(program));
    if (f && !f.refused) return 3;
    p.steps += static_cast<uint64_t>(count_steps(program.body));
    p.refused += f.refused;
    p.elements = before.elements + looked().elements, p.compared = before.compared + looked().compared;
    if (f.refused && o.refused) fmt::print("seed {}: refused: {}\n", seed, f.what);
    note.write(p.text());
    if (p.graphs % 10000 == 0 && !shows)  // a long campaign's log
      fmt::print(stderr, "{} graphs, {} operations, {} failed, to seed {}\n", p.graphs, p.steps, p.failures, seed);
    if (const double now = seconds_since(start); shows && now - shown > 0.2) {
      shown = now;
      const uint64_t all = graph_of(o, 0, i + 1);  // about
      fmt::print(stderr, "\r\033[Kseed {}: {} graphs, {:.0f} a second", seed, all, static_cast<double>(all) / now);
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

/// A job's part of a campaign.
int run_job(const Settings& o, unsigned job, Clock::time_point start, Note& note) {
  Progress p;
  constexpr int kMaxFailures = 20;
  while (graph_of(o, job, p.graphs) < o.graphs && p.failures < kMaxFailures) {
    note.write(p.text());
    const int status = run_apart([&] { return run_graphs(o, job, start, note, p); }, false);
    p.read(note.read());
    if (job == 0 && isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K");
    if (status == 0) break;
    ++p.failures;
    report(o.seed + static_cast<uint32_t>(graph_of(o, job, p.graphs - 1)), o);
    std::fflush(stdout);
  }
  note.write(p.text());
  return 0;
}

int campaign(const Settings& o) {
  const auto start = Clock::now();
  std::vector<Note> notes(o.jobs);
  std::vector<int> jobs;
  for (unsigned job = 0; job < o.jobs; ++job)
    jobs.push_back(start_apart([&, job] { return run_job(o, job, start, notes[job]); }, false));
  Progress p;
  for (unsigned job = 0; job < o.jobs; ++job) {
    Progress part;
    if (wait_apart(jobs[job]) != 0) throw std::runtime_error("a job ended by itself");
    part.read(notes[job].read());
    p += part;
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
  fmt::print(
      "fuzz: {} graphs from seed {}, {} operations, {:.1f} % of {} elements compared with f64, {} refused, {} failed, "
      "{:.1f} s ({:.0f} graphs/s)\n",
      p.graphs, o.seed, p.steps, 100 * p.share(), p.elements, p.refused, p.failures, seconds,
      static_cast<double>(p.graphs) / seconds);
  const bool blind = p.graphs >= 100 && p.share() < kLeastShare;
  if (blind) fmt::print("too few elements were compared with f64\n");
  return p.failures > 0 || !missing.empty() || blind ? 1 : 0;
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
  app.add_option("--jobs", o.jobs, "processes that share the programs")->check(CLI::Range(1, 256));
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
