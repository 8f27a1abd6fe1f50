#include "suite.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <thread>

#include "duet/core/machine.h"

namespace bench {
namespace {

// Long enough for a thousand short calls, short enough that a contender's turn comes often: the minimum is then of the
// quiet moments of a machine that others use too.
constexpr int kRounds = 7;
constexpr double kSliceSeconds = 0.05, kBatchSeconds = 0.001;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

nlohmann::json measure_floors(Floors& floors, int threads) {
  const auto l2 = static_cast<double>(l2_bytes()), l3 = static_cast<double>(l3_bytes());
  constexpr double kBeyond = 192e6;
  nlohmann::json j{{"threads", threads},
                   {"gflops", floors.flops() * 1e-9},
                   {"triad_gbs", floors.triad_rate(kBeyond, false) * 1e-9},
                   {"triad_streaming_gbs", floors.triad_rate(kBeyond, true) * 1e-9},
                   {"l2_bytes", l2_bytes()},
                   {"l3_bytes", l3_bytes()}};
  if (l2 > 0) j["l2_read_gbs"] = floors.read_rate(l2 / 2) * 1e-9;
  // Of an L3 larger than what one program can hope to have of it, a part.
  if (l3 > 0) j["l3_read_gbs"] = floors.read_rate(std::min(l3 / 2, 4 * l2)) * 1e-9;
  return j;
}

struct Contender {
  Row row;
  std::function<std::vector<double>()> turn;
  std::vector<double> us = {};
};

Result run_case(const Case& c, int threads, Floors& floors, std::vector<std::unique_ptr<Peer>>& peers,
                const std::string& title) {
  progress(title);
  Result result;
  result.c = &c;
  result.threads = threads;
  result.bars = threads == 1 ? c.bars : c.two_threads;
  std::unique_ptr<Program> program = c.make(c.sizes);
  result.work = program->work();
  result.check = program->check();
  std::vector<Contender> contenders;
  auto enter = [&](std::string who, bool is_peer, std::function<std::vector<double>()> turn) {
    contenders.emplace_back();
    contenders.back().row.who = std::move(who);
    contenders.back().row.is_peer = is_peer;
    contenders.back().turn = std::move(turn);
  };
  for (Mode mode : kModes) {
    const int64_t batch = batch_of(*program, mode);
    enter(std::string(name(mode)), false, [&, mode, batch] { return sample(*program, mode, batch, kSliceSeconds); });
  }
  std::vector<Peer*> ready;
  for (auto& peer : peers) {
    progress(title + " · " + peer->name());
    if (!peer->alive() || !peer->prepare(c)) continue;
    ready.push_back(peer.get());
    enter(peer->name(), true, [p = peer.get()] { return p->sample(kSliceSeconds); });
  }
  progress(title);
  for (size_t round = 0; round < kRounds; ++round) {
    floors.try_again(result.work.footprint);
    for (size_t i = 0; i < contenders.size(); ++i) {  // nobody is always first
      Contender& now_you = contenders[(i + round) % contenders.size()];
      const std::vector<double> us = now_you.turn();
      now_you.us.insert(now_you.us.end(), us.begin(), us.end());
    }
  }
  for (size_t i = 0; i < contenders.size(); ++i) {
    Contender& one = contenders[i];
    if (one.us.empty()) continue;  // it died
    one.row.min_us = *std::min_element(one.us.begin(), one.us.end());
    one.row.median_us = median_of(one.us);
    if (!one.row.is_peer) {
      one.row.cost = program->cost(kModes[i]);
      one.row.peak_bytes = static_cast<double>(one.row.cost.peak_bytes);
    } else if (result.bars.memory > 0) {
      one.row.peak_bytes = ready[i - std::size(kModes)]->peak_bytes();
    }
    result.rows.push_back(one.row);
  }
  result.floor_us = floors.floor_us(result.work, &result.by_flops);
  return result;
}

}  // namespace

std::vector<double> sample(Program& program, Mode mode, int64_t batch, double seconds) {
  std::vector<double> us;
  const double end = now() + seconds;
  do {
    const double start = now();
    program.call(mode, batch);
    us.push_back((now() - start) / static_cast<double>(batch) * 1e6);
  } while (now() < end);
  return us;
}

int64_t batch_of(Program& program, Mode mode) {
  program.call(mode, 3);
  for (int64_t batch = 1;; batch *= 2) {
    const double start = now();
    program.call(mode, batch);
    if (now() - start > kBatchSeconds / 2) return batch;
  }
}

double load_average() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : -1;
}

double median_of(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return x.empty() ? 0 : x[x.size() / 2];
}

void use_processors(int threads) {
  static const cpu_set_t all = [] {
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    return set;
  }();
  cpu_set_t some;
  CPU_ZERO(&some);
  for (int cpu = CPU_SETSIZE - 1, left = threads; cpu >= 0 && left > 0; --cpu)
    if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &some), --left;
  sched_setaffinity(0, sizeof some, &some);
  set_threads(threads);
}

void progress(const std::string& text) {
  if (isatty(2)) fmt::print(stderr, "\r\033[K{}", text);
}

bool wanted(const Options& options, const std::string& name) {
  auto is_case = [](const std::string& text) {
    return std::any_of(cases().begin(), cases().end(), [&](const Case& c) { return c.name == text; });
  };
  return options.only.empty() || std::any_of(options.only.begin(), options.only.end(), [&](const std::string& o) {
           return name == o || (name.starts_with(o) && !is_case(o));
         });
}

void run_cases(const Options& options, Suite& suite) {
  const int processors = static_cast<int>(std::thread::hardware_concurrency());
  std::vector<std::pair<int, std::vector<const Case*>>> passes;
  for (int threads : options.threads > 0 ? std::vector{options.threads} : std::vector{1, 2}) {
    passes.push_back({threads, {}});
    for (const Case& c : cases())
      if (wanted(options, c.name) &&
          (options.threads > 0 || threads == 1 || (c.two_threads.frozen > 0 && processors > 1)))
        passes.back().second.push_back(&c);
  }
  for (const auto& [threads, some] : passes) {
    if (some.empty()) continue;
    use_processors(threads);
    progress("measuring the machine");
    Floors floors;
    suite.floors.push_back(measure_floors(floors, threads));
    std::vector<std::unique_ptr<Peer>> peers;
    if (options.peers) {
      progress("starting the peers");
      peers = start_peers(threads);
    }
    progress("");
    fmt::print("{}\n{}{}", machine_line(threads), floors_text(suite.floors.back()), table_head());
    for (size_t i = 0; i < some.size(); ++i) {
      const std::string title = fmt::format("[{}/{}] {}", i + 1, some.size(), some[i]->name);
      suite.results.push_back(run_case(*some[i], threads, floors, peers, title));
      progress("");
      fmt::print("{}", to_string(suite.results.back()));
      std::fflush(stdout);
    }
    suite.floors.back() = measure_floors(floors, threads);  // the quieter moments of the run included
    for (const auto& peer : peers) suite.peers.push_back({peer->name(), peer->version(), peer->why_not(), threads});
    fmt::print("\n");
  }
}

}  // namespace bench
