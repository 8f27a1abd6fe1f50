// No memory in the first calls of a process: tables that are made at first use, threads that start, caches that are
// empty. Each fault has a process of its own, forked from one that never used duet.
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "graph/training_steps.h"
#include "duet/io/checkpoint.h"
#include "faults/sweep.h"
#include "files.h"

namespace duet {
namespace {

using faults::Kind;

enum Outcome { kRight = 0, kWrong = 1, kOver = 2, kOtherError = 3 };

/// Runs `work` in a child while block k cannot be had, then again without a fault: what it gives must be `right`.
template <class Work>
int outcome(const Work& work, int64_t k, bool onwards, const std::string& right) {
  const pid_t child = ::fork();
  if (child == 0) {
    bool struck = false;
    faults::arm(Kind::memory, k, onwards);
    try {
      work();
    } catch (const std::bad_alloc&) {
    } catch (const OutOfMemory&) {
    } catch (...) {
      ::_exit(kOtherError);
    }
    faults::disarm();
    struck = faults::struck();
    bool same = false;
    try {
      same = expect::tree_bits(work()) == right;
    } catch (...) {
    }
    ::_exit(!same ? kWrong : struck ? kRight : kOver);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// What `work` gives, from a child.
template <class Work>
std::string right_bits(const Work& work) {
  TempFolder folder;
  const std::string path = folder / "bits";
  const pid_t child = ::fork();
  if (child == 0) {
    write_file(path, expect::tree_bits(work()));
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return file_bytes(path);
}

template <class Work>
void cold(const char* name, const Work& work) {
  const std::string right = right_bits(work);
  ASSERT_FALSE(right.empty());
  int64_t points = 0;
  for (bool onwards : {false, true})
    for (int64_t k = 0;; k += faults::small_sizes() ? 1 + k / 8 : 1 + k / 64) {
      const int end = outcome(work, k, onwards, right);
      if (end == kOver) break;
      ++points;
      ASSERT_EQ(end, kRight) << name << ": block " << k << ", onwards " << onwards;
    }
  std::printf("%s: %lld faults\n", name, static_cast<long long>(points));
}

TEST(ColdFaults, TrainingStep) {
  cold("first training step of a process", [] {
    using namespace testing;
    Mlp m = Mlp::init(2, 6, 5, 3, Key(1));
    optim::Adam adam = optim::Adam::init(m);
    auto step = compile(
        [](Mlp& model, optim::Adam& o, const Tensor& x, const Tensor& y) { return train_step(model, o, x, y, 0.01f); });
    const Tensor l = step(m, adam, expect::numbers({4, 6}), labels({4}, 3));
    return std::vector<Tensor>{l, m.layers[0].weight, m.layers[1].bias};
  });
}

TEST(ColdFaults, Threads) {
  cold("first kernels of several threads", [] {
    set_threads(3);
    const Tensor x = expect::numbers({160, 160});
    return std::vector<Tensor>{matmul(x, x.transpose()), sum(x, 0), exp(x) * x};
  });
}

TEST(ColdFaults, Files) {
  TempFolder folder;
  cold("first files of a process", [&] {
    std::vector<Tensor> all;
    for (const char* name : {"/m.safetensors", "/m.npz"}) {
      std::vector<Tensor> tree = {expect::numbers({3, 4}), tensor({1, 2})};
      io::save(folder.path() + name, tree);
      tree = {};
      tree.resize(2);
      io::load(folder.path() + name, tree);
      all.insert(all.end(), tree.begin(), tree.end());
    }
    return all;
  });
}

}  // namespace
}  // namespace duet
