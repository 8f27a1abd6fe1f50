// Runs the tests on each mutant.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "table.h"

namespace mutants {

struct Test {
  std::string name, folder;
  std::vector<std::string> command, environment;  // NAME=VALUE
  double seconds = 0, cpu_seconds = 0;            // without a mutant
  std::set<int> reaches;                          // mutants whose place it runs
};

enum class Fate { survived, failed, crashed, timed_out, not_reached };

struct Verdict {
  Fate fate = Fate::survived;
  std::string test;  // that killed it
  double seconds = 0;
};

/// The fast tests that ctest knows in a build folder, as far as they are built.
std::vector<Test> fast_tests(const std::filesystem::path& build);

/// The programs of these tests, by the names of their targets.
std::set<std::string> fast_targets(const std::filesystem::path& build);

/// Runs every test without a mutant: what each takes and reaches. A test that fails is an error: it would kill all.
void learn(std::vector<Test>& tests, int jobs, bool progress);

/// Each mutant's tests, the likeliest first, up to the first that fails; `done` hears of each verdict, one at a time.
/// Every test is a process of its own, with a limit of time (a few times what it needs) and of memory.
std::map<int, Verdict> kill(const std::vector<Mutant>& mutants, const std::vector<Test>& tests, int jobs,
                            const std::function<void(const Mutant&, const Verdict&)>& done);

}  // namespace mutants
