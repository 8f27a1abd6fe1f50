// mutants: changes one thing in the library at a time, and sees whether the tests notice. `./run mutants` calls it.
//
// All mutants are built at once, in a copy of the sources: where `a < b` stood, there is
// `(duet_mutant(7) ? (a <= b) : (a < b))`, and DUET_MUTANT=7 in the environment wakes the seventh.
#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <fstream>
#include <thread>
#include <unistd.h>

#include "kill.h"
#include "survivors.h"

namespace fs = std::filesystem;
using namespace mutants;

namespace {

constexpr const char* kBuild = "tree/build/release";

void list(const std::vector<Mutant>& chosen) {
  for (const Mutant& m : chosen)
    std::printf("%4d %-8s %-10s %s:%d: %s -> %s\n", m.id, m.room.c_str(), m.site.kind.c_str(), m.file.c_str(),
                m.site.first_line, m.site.before.c_str(), m.site.after.c_str());
}

const char* word(Fate fate) {
  switch (fate) {
    case Fate::failed:
      return "failed";
    case Fate::crashed:
      return "crashed";
    case Fate::timed_out:
      return "timed out";
    case Fate::survived:
      return "survived";
    case Fate::not_reached:
      return "not reached";
  }
  return "";
}

// Rooms, then kinds of mutants, as rows.
void print_table(const std::vector<Mutant>& run, const std::map<int, Verdict>& verdicts, const Survivors& known) {
  std::vector<std::string> rows;
  std::map<std::string, std::array<int, 5>> counts;  // all, killed, survivors by reason
  for (const Mutant& m : run)
    for (const std::string& row : {m.room, "- " + m.site.kind, std::string("all")}) {
      if (std::find(rows.begin(), rows.end(), row) == rows.end()) rows.push_back(row);
      auto& n = counts[row];
      ++n[0];
      const Survivors::Entry* entry = known.find(m.name());
      if (!verdicts.at(m.id).test.empty())
        ++n[1];
      else if (entry == nullptr)
        ++n[4];
      else
        ++n[entry->equivalent ? 2 : 3];
    }
  std::stable_sort(rows.begin(), rows.end(), [](const std::string& a, const std::string& b) {
    const auto rank = [](const std::string& r) { return r == "all" ? 1 : r[0] == '-' ? 2 : 0; };
    return rank(a) < rank(b);
  });
  std::printf("%-12s %8s %7s %8s %11s %11s %12s\n", "", "planted", "killed", "", "equivalent", "only slower",
              "unexplained");
  for (const std::string& row : rows) {
    const auto& n = counts[row];
    std::printf("%-12s %8d %7d %6.1f %% %11d %11d %12d\n", row.c_str(), n[0], n[1], 100.0 * n[1] / n[0], n[2], n[3],
                n[4]);
  }
}

int kill_all(const fs::path& root, const fs::path& folder, std::vector<Mutant> chosen, const std::vector<int>& only,
             int jobs, bool tell_all) {
  std::erase_if(chosen, [&](const Mutant& m) {
    return !only.empty() && std::find(only.begin(), only.end(), m.id) == only.end();
  });
  const Survivors known = read_survivors(root / "tests/mutants/survivors.txt");
  const bool progress = ::isatty(2) != 0;
  std::vector<Test> tests = fast_tests(folder / kBuild);
  learn(tests, jobs, progress);
  double alone = 0;
  for (const Test& t : tests) alone += t.seconds;
  std::printf("%zu mutants, %zu tests (%.0f s without a mutant)\n", chosen.size(), tests.size(), alone);
  std::fflush(stdout);
  std::ofstream log(folder / "verdicts.txt");
  size_t done = 0, alive = 0;
  const std::map<int, Verdict> verdicts = kill(chosen, tests, jobs, [&](const Mutant& m, const Verdict& v) {
    log << m.id << '\t' << word(v.fate) << '\t' << v.test << '\t' << v.seconds << '\t' << m.name() << std::endl;
    ++done, alive += v.test.empty();
    if (progress) std::fprintf(stderr, "\r\033[K%zu of %zu mutants, %zu alive", done, chosen.size(), alive);
  });
  if (progress) std::fprintf(stderr, "\r\033[K");

  int killed = 0, equivalent = 0, wrong = 0;
  for (const Mutant& m : chosen) {
    const Verdict& v = verdicts.at(m.id);
    const bool dead = !v.test.empty();
    killed += dead;
    const Survivors::Entry* entry = known.find(m.name());
    const bool listed = entry != nullptr;
    equivalent += listed && !dead && entry->equivalent;
    if (dead == listed) ++wrong;
    if (!tell_all && dead != listed) continue;
    std::printf("%d %s%s%s%s\n  %s\n", m.id, word(v.fate), dead ? ": " : "", v.test.c_str(),
                dead && listed     ? "; take it off the list"
                : !dead && !listed ? "; not in survivors.txt"
                                   : "",
                m.name().c_str());
  }
  print_table(chosen, verdicts, known);
  const int all = static_cast<int>(chosen.size());
  std::printf("killed: %.1f %% of all, %.1f %% of those that are not equivalent\n", 100.0 * killed / all,
              100.0 * killed / (all - equivalent));
  if (wrong > 0) std::printf("%d differ from tests/mutants/survivors.txt\n", wrong);
  const bool enough = !only.empty() || 10 * killed >= 9 * all;
  if (!enough) std::printf("fewer than 90 %% were killed\n");
  return wrong == 0 && enough ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app("Changes one thing in the library at a time, and sees whether the tests notice");
  std::string step, root;
  int count = 320, jobs = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  std::vector<int> only;
  bool tell_all = false;
  app.add_option("STEP", step,
                 "list the mutants; plant them in build/mutants/tree; targets to build there; drop those that a "
                 "compiler refused; kill the others")
      ->required()
      ->check(CLI::IsMember({"list", "plant", "targets", "drop", "kill"}));
  app.add_option("--root", root, "Where the sources are")->required();
  app.add_option("--sample", count, "So many mutants, as many from each room")
      ->check(CLI::Range(1, 90000))
      ->capture_default_str();
  app.add_option("--only", only, "These mutants, by number")->delimiter(',');
  app.add_option("--jobs", jobs, "Tests at a time")->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_flag("--verbose", tell_all, "What killed each mutant");
  CLI11_PARSE(app, argc, argv);

  const fs::path folder = fs::path(root) / "build/mutants";
  std::vector<Mutant> chosen = choose(root, count);
  if (step == "list") return list(chosen), 0;
  const std::set<std::string> dropped = read_dropped(folder);
  if (step == "drop") return drop(folder, chosen) ? 0 : 1;
  std::erase_if(chosen, [&](const Mutant& m) { return dropped.contains(m.name()); });
  if (step == "targets") {
    for (const std::string& name : fast_targets(folder / kBuild)) std::printf("%s\n", name.c_str());
    return 0;
  }
  if (step == "plant") return plant(root, folder / "tree", chosen), 0;
  return kill_all(root, folder, std::move(chosen), only, jobs, tell_all);
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
