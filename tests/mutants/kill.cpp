#include "kill.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "process.h"

namespace mutants {
namespace {

namespace fs = std::filesystem;

// Tests of other parts (files, documentation, packages), and those that take long: kernels of planted builds are slow.
constexpr const char* kLeftOut[] = {"consume_",
                                    "budget_",
                                    "docs_",
                                    "example_",
                                    "lesson_",
                                    "readme_",
                                    "footgun_table",
                                    "run_script",
                                    "bench_draw",
                                    "mutants_",
                                    "interchange",
                                    "duet_plan",
                                    "mlp_test",
                                    "resume_test",
                                    "csv_test",
                                    "gemm_test",
                                    "data_test",
                                    "npy_test",
                                    "npz_test",
                                    "safetensors_test",
                                    "save_load_test",
                                    "checkpoint_test",
                                    "fault",
                                    "cuda_",
                                    "gpu_",
                                    "fuzz_",
                                    "onnx",
                                    "random_graph_test",
                                    "footgun_memory_test",
                                    "explain_environment_test"};

bool is_fast(const std::string& name) {
  if (name.ends_with("_on_fake_device")) return false;
  return std::none_of(std::begin(kLeftOut), std::end(kLeftOut), [&](const char* p) { return name.starts_with(p); });
}

// What tests write goes where the next mutant does not find it.
class Folder {
 public:
  explicit Folder(int worker)
      : path_((fs::exists("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path()) /
              ("mutants_" + std::to_string(::getpid()) + "_" + std::to_string(worker))) {
    clear();
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  void clear() const {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

Ended run(const Test& test, int mutant, const Folder& folder, const Limits& limits) {
  std::vector<std::string> environment = test.environment, command = test.command;
  environment.push_back("DUET_TEST_SIZE=small");
  environment.push_back("GTEST_FAIL_FAST=1");
  environment.push_back("DUET_MUTANT=" + std::to_string(mutant));
  environment.push_back("DUET_MUTANTS_REACHED=" + folder.path().string());
  environment.push_back("TMPDIR=" + folder.path().string());
  const Ended ended = run_process(command, environment, test.folder, limits);
  return ended;
}

// Calls f(item, worker) for all items, a thread a job. An exception ends the others after their item, and is thrown
// again.
void for_all(size_t items, int jobs, const std::function<void(size_t, int)>& f) {
  std::atomic<size_t> next = 0;
  std::exception_ptr error;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int j = 0; j < jobs; ++j)
    threads.emplace_back([&, j] {
      try {
        for (size_t i; (i = next++) < items;) f(i, j);
      } catch (...) {
        const std::lock_guard lock(mutex);
        error = std::current_exception();
        next = items;
      }
    });
  for (std::thread& t : threads) t.join();
  if (error) std::rethrow_exception(error);
}

nlohmann::json known_tests(const fs::path& build) {
  const std::string command = "ctest --test-dir '" + build.string() + "' --show-only=json-v1";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  std::string text;
  char buffer[65536];
  for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, n);
  if (::pclose(pipe) != 0) throw std::runtime_error("mutants: ctest lists no tests in " + build.string());
  return nlohmann::json::parse(text)["tests"];
}

}  // namespace

std::vector<Test> fast_tests(const fs::path& build) {
  std::vector<Test> tests;
  const nlohmann::json known = known_tests(build);
  for (const auto& t : known) {
    Test test;
    test.name = t["name"];
    if (!is_fast(test.name) || !t.contains("command")) continue;
    test.command = t["command"];
    for (const auto& p : t["properties"]) {
      if (p["name"] == "ENVIRONMENT") test.environment = p["value"];
      if (p["name"] == "WORKING_DIRECTORY") test.folder = p["value"];
    }
    tests.push_back(std::move(test));
  }
  // Of the fuzzer a few programs; its campaign takes a minute. Of products, and of what a plan knows of devices, what
  // is fast.
  auto add = [&](const char* program, std::initializer_list<const char*> arguments) {
    if (!fs::exists(build / program)) return;
    Test test;
    test.name = program;
    test.command = {(build / program).string()};
    for (const char* a : arguments) test.name += std::string(" ") + a, test.command.emplace_back(a);
    tests.push_back(std::move(test));
  };
  add("tests/fuzz/fuzz", {"--graphs", "60", "--keep", "/dev/null"});
  add("tests/gemm_test", {"--gtest_filter=*Split*:*Row*Batch:*Zero*"});
  add("tests/cuda_compiled_test", {"--gtest_filter=*OneDeviceAtATime"});
  return tests;
}

std::set<std::string> fast_targets(const fs::path& build) {
  std::set<std::string> targets;
  for (const auto& t : known_tests(build)) {
    const std::string name = t["name"];
    if (is_fast(name) && name.ends_with("_test")) targets.insert(name);
  }
  if (fs::exists(build / "tests/fuzz")) targets.insert({"fuzz", "gemm_test", "cuda_compiled_test"});
  return targets;
}

void learn(std::vector<Test>& tests, int jobs, bool progress) {
  std::atomic<int> done = 0;
  for_all(tests.size(), jobs, [&](size_t i, int worker) {
    Test& test = tests[i];
    const Folder folder(worker);
    const Ended ended = run(test, 0, folder, {});
    if (ended.status != 0) {
      std::printf("left out, as it fails without a mutant: %s (status %d)\n", test.name.c_str(), ended.status);
      test.command.clear();
      return;
    }
    test.seconds = ended.seconds;
    test.cpu_seconds = ended.cpu_seconds;
    for (const auto& file : fs::directory_iterator(folder.path())) {
      std::ifstream ids(file.path());
      for (int id; ids >> id;) test.reaches.insert(id);
    }
    if (progress) std::fprintf(stderr, "\r\033[K%d of %zu tests without a mutant", ++done, tests.size());
  });
  if (progress) std::fprintf(stderr, "\r\033[K");
  std::erase_if(tests, [](const Test& t) { return t.command.empty(); });
  std::sort(tests.begin(), tests.end(), [](const Test& a, const Test& b) { return a.seconds < b.seconds; });
}

std::map<int, Verdict> kill(const std::vector<Mutant>& mutants, const std::vector<Test>& tests, int jobs,
                            const std::function<void(const Mutant&, const Verdict&)>& done) {
  std::map<int, Verdict> verdicts;
  std::map<std::string, std::map<std::string, int>> kills;  // by file and test: what killed here kills again
  std::mutex mutex;
  std::vector<std::unique_ptr<Folder>> folders;
  for (int j = 0; j < jobs; ++j) folders.push_back(std::make_unique<Folder>(j));
  for_all(mutants.size(), jobs, [&](size_t i, int worker) {
    const Mutant& m = mutants[i];
    const Folder& folder = *folders[static_cast<size_t>(worker)];
    std::vector<const Test*> order;
    for (const Test& t : tests)
      if (t.reaches.contains(m.id)) order.push_back(&t);
    {
      const std::lock_guard lock(mutex);
      std::map<std::string, int>& here = kills[m.file];
      std::stable_sort(order.begin(), order.end(), [&](const Test* a, const Test* b) {
        return (here[a->name] + 0.1) / (a->seconds + 0.05) > (here[b->name] + 0.1) / (b->seconds + 0.05);
      });
    }
    Verdict v;
    v.fate = order.empty() ? Fate::not_reached : Fate::survived;
    for (const Test* t : order) {
      // Other mutants run beside it, so the clock may go slowly.
      const Ended ended = run(*t, m.id, folder, {30 + 20 * t->seconds, 2 + 8 * t->cpu_seconds});
      folder.clear();
      v.seconds += ended.seconds;
      if (ended.status == 0 && !ended.timed_out) continue;
      v.fate = ended.timed_out ? Fate::timed_out : WIFSIGNALED(ended.status) ? Fate::crashed : Fate::failed;
      v.test = t->name;
      break;
    }
    const std::lock_guard lock(mutex);
    if (!v.test.empty()) ++kills[m.file][v.test];
    verdicts[m.id] = v;
    done(m, v);
  });
  return verdicts;
}

}  // namespace mutants
