// What the suite prints, and its JSON.
#include <fmt/format.h>

#include <ctime>
#include <thread>

#include "duet/core/machine.h"
#include "suite.h"

namespace bench {
namespace {

// From nanoseconds to seconds in at most seven characters.
std::string micro(double us) {
  if (us < 10) return fmt::format("{:.3f}", us);
  if (us < 100) return fmt::format("{:.2f}", us);
  return us < 10000 ? fmt::format("{:.1f}", us) : fmt::format("{:.0f}", us);
}

const Row* find(const Result& r, const std::string& who) {
  for (const Row& row : r.rows)
    if (row.who == who) return &row;
  return nullptr;
}

const Row* best_peer(const Result& r, bool eager_only) {
  const Row* best = nullptr;
  for (const Row& row : r.rows)
    if (row.is_peer && (!eager_only || row.who == "torch" || row.who == "libtorch"))
      if (best == nullptr || row.min_us < best->min_us) best = &row;
  return best;
}

/// A bar, what was reached, and against whom.
struct Verdict {
  std::string what, against;
  double bar = 0, reached = 0, ours = 0, theirs = 0;  // no peer: reached is 0
  bool met() const { return reached > 0 && reached <= bar; }
};

std::vector<Verdict> verdicts(const Result& r) {
  std::vector<Verdict> all;
  auto ratio = [&](const char* life, const Row* peer, double bar) {
    if (bar == 0) return;
    const Row* ours = find(r, life);
    Verdict v{life, peer != nullptr ? peer->who : "no peer", bar};
    if (ours != nullptr && peer != nullptr)
      v = {life, peer->who, bar, ours->min_us / peer->min_us, ours->min_us, peer->min_us};
    all.push_back(v);
  };
  ratio("frozen", best_peer(r, false), r.bars.frozen);
  ratio("eager", best_peer(r, true), r.bars.eager);
  if (r.bars.memory > 0) {
    const Row *least = nullptr, *frozen = find(r, "frozen");
    for (const Row& row : r.rows)
      if (row.is_peer && row.peak_bytes > 0 && (least == nullptr || row.peak_bytes < least->peak_bytes)) least = &row;
    Verdict v{"peak memory", least != nullptr ? least->who : "no peer", r.bars.memory};
    if (least != nullptr && frozen != nullptr)
      v = {"peak memory",      least->who,       r.bars.memory, frozen->peak_bytes / least->peak_bytes,
           frozen->peak_bytes, least->peak_bytes};
    all.push_back(v);
  }
  if (r.bars.first_ms > 0)
    if (const Row* compiled = find(r, "compiled"))
      all.push_back({"compiled, ms", "the clock", r.bars.first_ms, compiled->min_us * 1e-3, compiled->min_us, 0});
  return all;
}

/// How one contender compares with another over all cases that both have.
struct Comparison {
  std::string ours, theirs;
  int wins = 0, cases = 0;
  double geometric_mean = 0;
  std::vector<std::pair<std::string, double>> ratios;
};

Comparison compare(const Suite& suite, const std::string& ours, const std::string& theirs) {
  Comparison c{.ours = ours, .theirs = theirs, .ratios = {}};
  for (const Result& r : suite.results) {
    const Row *a = find(r, ours), *b = find(r, theirs);
    if (a == nullptr || b == nullptr) continue;
    const double ratio = a->min_us / b->min_us;
    c.ratios.emplace_back(r.c->name + (r.threads > 1 ? fmt::format(" ({} threads)", r.threads) : ""), ratio);
    c.wins += ratio < 1 ? 1 : 0;
    c.geometric_mean += std::log(ratio);
    ++c.cases;
  }
  if (c.cases > 0) c.geometric_mean = std::exp(c.geometric_mean / c.cases);
  return c;
}

std::vector<Comparison> comparisons(const Suite& suite) {
  return {compare(suite, "compiled", "torch.compile"), compare(suite, "compiled", "jax"),
          compare(suite, "frozen", "ort"), compare(suite, "eager", "torch")};
}

}  // namespace

std::string machine_line(int threads) {
  Machine m = machine();
  m.threads = threads;
  return to_string(m);
}

std::string floors_text(const nlohmann::json& f) {
  auto get = [&](const char* key) { return f.contains(key) ? f[key].get<double>() : 0; };
  return fmt::format(
      "measured: {:.0f} GFLOP/s multiply-add · triad {:.1f} GB/s, with streaming stores {:.1f} · read from L2 {:.0f} "
      "GB/s, "
      "from L3 {:.0f}\n\n",
      get("gflops"), get("triad_gbs"), get("triad_streaming_gbs"), get("l2_read_gbs"), get("l3_read_gbs"));
}

std::string table_head() {
  return fmt::format("{:<26}{:>10}{:>10}{:>10}{:>9}{:>14}{:>13}\n", "", "µs min", "median", "of floor", "kernels",
                     "bytes", "peak bytes");
}

std::string to_string(const Result& r) {
  std::string text = fmt::format(
      "{}{}: floor {} µs by {}, {}, max error {:.1e}\n", r.c->name,
      r.threads > 1 ? fmt::format(", {} threads", r.threads) : "", micro(r.floor_us), r.by_flops ? "flops" : "bytes",
      r.check.difference.empty() ? "bits equal" : "BITS DIFFER: " + r.check.difference, r.check.error);
  for (const Row& row : r.rows) {
    text += fmt::format("  {:<24}{:>10}{:>10}{:>9.0f}%", row.who, micro(row.min_us), micro(row.median_us),
                        100 * r.floor_us / row.min_us);
    if (!row.is_peer)
      text += fmt::format("{:>9}{:>14}", with_commas(row.cost.kernels), with_commas(row.cost.bytes));
    else if (row.peak_bytes >= 0)
      text += fmt::format("{:>9}{:>14}", "", "");
    if (row.peak_bytes >= 0) text += fmt::format("{:>13}", with_commas(static_cast<int64_t>(row.peak_bytes)));
    text += "\n";
  }
  return text;
}

std::string bars_table(const Suite& suite) {
  std::vector<std::vector<std::string>> rows{{"", "", "duet", "best peer", "", "ratio", "bar", ""}};
  int met = 0, lost = 0;
  for (const Result& r : suite.results)
    for (const Verdict& v : verdicts(r)) {
      const bool known = v.reached > 0;
      (known && v.met() ? met : lost) += known ? 1 : 0;
      rows.push_back({r.c->name + (r.threads > 1 ? fmt::format(" ({} threads)", r.threads) : ""), v.what,
                      known ? micro(v.ours) : "", v.theirs > 0 ? micro(v.theirs) : "", v.against,
                      known ? fmt::format("{:.2f}", v.reached) : "", fmt::format("{:.2f}", v.bar),
                      !known    ? "not measured"
                      : v.met() ? "met"
                                : "MISSED"});
    }
  if (rows.size() == 1) return "";
  return text_table(rows) + fmt::format("{} bars met, {} missed\n", met, lost);
}

std::string headlines(const Suite& suite) {
  std::string text;
  for (const Comparison& c : comparisons(suite)) {
    if (c.cases == 0) continue;
    text += fmt::format("{} against {}: faster in {} of {} cases, {:.2f} of its time in the geometric mean", c.ours,
                        c.theirs, c.wins, c.cases, c.geometric_mean);
    std::string losses;
    for (const auto& [name, ratio] : c.ratios)
      if (ratio >= 1) losses += fmt::format("{}{} {:.2f}", losses.empty() ? "" : ", ", name, ratio);
    text += losses.empty() ? "\n" : "; slower: " + losses + "\n";
  }
  for (const PeerNote& p : suite.peers)
    if (!p.why_not.empty()) text += fmt::format("{}: not available: {}\n", p.name, p.why_not);
  return text;
}

nlohmann::json to_json(const Suite& suite, const std::string& command) {
  const Machine m = machine();
  char date[32];
  const std::time_t now = std::time(nullptr);
  std::strftime(date, sizeof date, "%Y-%m-%d %H:%M", std::gmtime(&now));
  nlohmann::json j{{"command", command},
                   {"processors", std::thread::hardware_concurrency()},
                   {"load", {suite.load_before, load_average()}},
                   {"date", date},
                   {"cpu", m.cpu},
                   {"isa", m.isa},
                   {"compiler", m.compiler},
                   {"build", m.build},
                   {"floors", suite.floors},
                   {"results", nlohmann::json::array()},
                   {"peers", nlohmann::json::array()},
                   {"comparisons", nlohmann::json::array()},
                   {"single", suite.single}};
  for (const Result& r : suite.results) {
    nlohmann::json rows = nlohmann::json::array(), bars = nlohmann::json::array();
    for (const Row& row : r.rows) {
      rows.push_back({{"who", row.who}, {"peer", row.is_peer}, {"min_us", row.min_us}, {"median_us", row.median_us}});
      if (!row.is_peer) rows.back().update({{"kernels", row.cost.kernels}, {"bytes", row.cost.bytes}});
      if (row.peak_bytes >= 0) rows.back()["peak_bytes"] = row.peak_bytes;
    }
    for (const Verdict& v : verdicts(r))
      bars.push_back({{"what", v.what},
                      {"against", v.against},
                      {"bar", v.bar},
                      {"ratio", v.reached},
                      {"measured", v.reached > 0},
                      {"met", v.met()},
                      {"ours", v.ours},
                      {"theirs", v.theirs}});
    j["results"].push_back({{"case", r.c->name},
                            {"threads", r.threads},
                            {"flops", r.work.flops},
                            {"bytes", r.work.bytes},
                            {"floor_us", r.floor_us},
                            {"floor_by", r.by_flops ? "flops" : "bytes"},
                            {"bits_equal", r.check.difference.empty()},
                            {"difference", r.check.difference},
                            {"max_error", r.check.error},
                            {"rows", rows},
                            {"bars", bars}});
  }
  for (const PeerNote& p : suite.peers)
    j["peers"].push_back({{"name", p.name}, {"version", p.version}, {"why_not", p.why_not}, {"threads", p.threads}});
  for (const Comparison& c : comparisons(suite)) {
    if (c.cases == 0) continue;
    nlohmann::json ratios = nlohmann::json::array();
    for (const auto& [name, ratio] : c.ratios) ratios.push_back({{"case", name}, {"ratio", ratio}});
    j["comparisons"].push_back({{"ours", c.ours},
                                {"theirs", c.theirs},
                                {"wins", c.wins},
                                {"geometric_mean", c.geometric_mean},
                                {"ratios", ratios}});
  }
  return j;
}

}  // namespace bench
