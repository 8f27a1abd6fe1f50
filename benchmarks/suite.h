// The suite: every case in its three lives, and the peers, in turns; what is printed of it and what is kept as JSON.
#pragma once

#include <nlohmann/json.hpp>

#include "case.h"
#include "floors.h"
#include "peers.h"

namespace bench {

/// What one contender, a life of duet or a peer, needs for a case.
struct Row {
  std::string who;  // "frozen", "torch.compile"
  bool is_peer = false;
  double min_us = 0, median_us = 0;
  Cost cost = {};          // of a life
  double peak_bytes = -1;  // beyond the arguments; of a peer only where the case has a bar for it
};

/// A case with so many threads.
struct Result {
  const Case* c = nullptr;
  int threads = 1;
  Bars bars = {};
  Work work = {};
  Check check = {};
  double floor_us = 0;
  bool by_flops = false;
  std::vector<Row> rows;
};

/// How many programs wanted to run in the last minute: more than one beside a run, and its times are too long.
double load_average();

struct PeerNote {
  std::string name, version, why_not;
  int threads = 1;
};

struct Suite {
  std::vector<Result> results;
  std::vector<PeerNote> peers;
  nlohmann::json floors = nlohmann::json::array();
  nlohmann::json single = nlohmann::json::array();  // of kernels and calls, by google-benchmark
  double load_before = load_average();
};

/// Which cases to run and how.
struct Options {
  int threads = 0;  // 0: one, and two for the cases that have bars for two
  bool peers = false;
  std::vector<std::string> only;  // names, or beginnings of names; all when empty
};
bool wanted(const Options& options, const std::string& name);

/// Runs the cases and prints each when it is done.
void run_cases(const Options& options, Suite& suite);
/// Runs those benchmarks of single kernels and calls that are wanted: kernels.cpp, ops.cpp.
void run_single(const Options& options, Suite& suite);
/// Three training steps of an MLP over batch and width, as JSON for draw.py.
nlohmann::json crossover(int threads);

/// Best times of batches of calls within the time given, as peers measure: microseconds a call, one each batch.
std::vector<double> sample(Program& program, Mode mode, int64_t batch, double seconds);
/// How many calls take about a millisecond.
int64_t batch_of(Program& program, Mode mode);
double median_of(std::vector<double> x);

/// Uses the last of the processors that this program may use, so many; all peers inherit it.
void use_processors(int threads);

/// A line that is written over on a terminal, and nothing elsewhere.
void progress(const std::string& text);

// What is printed.
std::string machine_line(int threads);
std::string floors_text(const nlohmann::json& floors);
std::string table_head();
std::string to_string(const Result& r);
std::string headlines(const Suite& suite);
std::string bars_table(const Suite& suite);
nlohmann::json to_json(const Suite& suite, const std::string& command);

}  // namespace bench
