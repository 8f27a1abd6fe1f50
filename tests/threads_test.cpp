#include "cpu/threads.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "duet/core/memory.h"

namespace duet::cpu {
namespace {

class Threads : public testing::Test {
 protected:
  void TearDown() override { set_threads(0); }
};

std::vector<int> times_called(int64_t tasks) {
  std::vector<int> times(static_cast<size_t>(tasks));
  parallel_for(tasks, [&](int64_t task) { ++times[static_cast<size_t>(task)]; });
  return times;
}

TEST_F(Threads, EveryTaskRunsOnce) {
  for (const int count : {1, 2, 3, 4, 7}) {
    set_threads(count);
    EXPECT_EQ(threads(), count);
    for (const int64_t tasks : {0, 1, 2, 3, 5, 64, 1000}) {
      EXPECT_EQ(times_called(tasks), std::vector<int>(static_cast<size_t>(tasks), 1)) << count << " threads";
    }
  }
}

TEST_F(Threads, TasksAreSharedInRunsOfNeighbours) {
  set_threads(4);
  for (int round = 0; round < 3; ++round) {  // the threads are there from the second on
    std::vector<std::thread::id> who(10);
    parallel_for(10, [&](int64_t task) { who[static_cast<size_t>(task)] = std::this_thread::get_id(); });
    EXPECT_EQ(who[0], std::this_thread::get_id());
    const size_t first[] = {0, 3, 6, 8, 10};
    std::set<std::thread::id> ids;
    for (int w = 0; w < 4; ++w) {
      for (size_t task = first[w]; task < first[w + 1]; ++task) EXPECT_EQ(who[task], who[first[w]]);
      ids.insert(who[first[w]]);
    }
    EXPECT_EQ(ids.size(), 4u);
  }
}

TEST_F(Threads, ManyShortRoundsSeeEachOthersWrites) {
  set_threads(4);
  std::vector<int64_t> cells(4, 0);
  for (int round = 0; round < 4000; ++round) {
    // Between one and four tasks, so that workers also sit rounds out.
    const int64_t tasks = 1 + round % 4;
    parallel_for(tasks, [&](int64_t task) { cells[static_cast<size_t>((task + round) % 4)] += task + 1; });
  }
  EXPECT_EQ(std::accumulate(cells.begin(), cells.end(), int64_t{0}), 1000 * (1 + 3 + 6 + 10));
}

TEST_F(Threads, WorkersThatSleptAreWoken) {
  set_threads(3);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(times_called(3), std::vector<int>(3, 1));
  }
}

TEST_F(Threads, ASlowWorkerIsWaitedFor) {
  set_threads(2);
  std::atomic<bool> finished{false};
  parallel_for(2, [&](int64_t task) {
    if (task == 1) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      finished = true;
    }
  });
  EXPECT_TRUE(finished);
}

TEST_F(Threads, NestedCallsRunInline) {
  set_threads(3);
  std::atomic<int> inner{0}, elsewhere{0};
  parallel_for(3, [&](int64_t) {
    const auto self = std::this_thread::get_id();
    parallel_for(5, [&](int64_t) {
      ++inner;
      if (std::this_thread::get_id() != self) ++elsewhere;
    });
  });
  EXPECT_EQ(inner, 15);
  EXPECT_EQ(elsewhere, 0);
}

TEST_F(Threads, CallsFromManyThreadsAtOnce) {
  set_threads(2);
  std::atomic<int64_t> total{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 500; ++round) parallel_for(8, [&](int64_t task) { total += task; });
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(total, 4 * 500 * 28);
}

TEST_F(Threads, CountChangesBetweenAndInsideCalls) {
  for (int round = 0; round < 20; ++round) {
    set_threads(1 + round % 4);
    EXPECT_EQ(times_called(9), std::vector<int>(9, 1));
  }
  set_threads(2);
  parallel_for(2, [](int64_t) { set_threads(3); });
  EXPECT_EQ(threads(), 3);
  EXPECT_EQ(times_called(9), std::vector<int>(9, 1));
}

// A sanitizer of threads does not follow a fork.
#if !defined(__SANITIZE_THREAD__)
int exit_code_of_child(int (*body)()) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(Threads, AForkedChildGetsItsOwnWorkers) {
  set_threads(3);
  EXPECT_EQ(times_called(3), std::vector<int>(3, 1));
  EXPECT_EQ(exit_code_of_child([] { return times_called(7) == std::vector<int>(7, 1) ? 0 : 1; }), 0);
  EXPECT_EQ(times_called(3), std::vector<int>(3, 1));
}

TEST_F(Threads, AForkedChildCanAskForMemoryWhateverOtherThreadsDid) {
  memory::deallocate(memory::allocate(64), 64);
  std::atomic<bool> done{false};
  std::thread asking([&] {
    while (!done) memory_stats();
  });
  int failed = 0;
  for (int i = 0; i < 100 && failed == 0; ++i)
    failed = exit_code_of_child([] {
      alarm(10);  // a child that waits for ever ends by it
      return memory_stats().live_bytes < 0 ? 1 : 0;
    });
  done = true;
  asking.join();
  EXPECT_EQ(failed, 0);
}
#endif

TEST_F(Threads, DefaultComesFromTheEnvironment) {
  setenv("DUET_THREADS", "5", 1);
  set_threads(0);
  EXPECT_EQ(threads(), 5);
  unsetenv("DUET_THREADS");
  set_threads(0);
  const int processors = threads();
  EXPECT_GE(processors, 1);
  for (const char* nonsense : {"", "0", "-2", "four", "3 "}) {
    setenv("DUET_THREADS", nonsense, 1);
    set_threads(0);
    EXPECT_EQ(threads(), processors) << '"' << nonsense << '"';
  }
  unsetenv("DUET_THREADS");
}

// A task may throw in any thread, for want of memory: the caller gets it once all threads have stopped, and the pool
// goes on.
TEST_F(Threads, WhatATaskThrowsComesToTheCaller) {
  set_threads(4);
  for (int64_t bad = 0; bad < 8; ++bad) {
    std::atomic<int> running{0};
    const auto task = [&](int64_t i) {
      ++running;
      if (i == bad) {
        --running;
        throw std::bad_alloc();
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      --running;
    };
    EXPECT_THROW(parallel_for(8, task), std::bad_alloc);
    EXPECT_EQ(running, 0);
    std::atomic<int64_t> sum{0};
    parallel_for(8, [&](int64_t i) { sum += i; });
    EXPECT_EQ(sum, 28);
  }
  set_threads(0);
}

}  // namespace
}  // namespace duet::cpu
