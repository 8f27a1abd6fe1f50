#include "cpu/threads.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace duet::cpu {
namespace {

using Clock = std::chrono::steady_clock;

// Long enough to bridge the gap between two kernels of a training step, short enough not to heat an idle machine.
constexpr auto kSpin = std::chrono::microseconds(50);
constexpr auto kAlone = std::chrono::microseconds(5);
constexpr int kMaxThreads = 1024;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Waits for ready() without sleeping, for about kSpin. After a while it lets others run: on a busy machine the thread
/// that is waited for may be queued on this very processor. The clock is read rarely, as it costs more than a look at
/// memory.
template <class Ready>
bool spin(Ready ready) {
  const auto begin = Clock::now();
  for (;;) {
    for (int i = 0; i < 64; ++i) {
      if (ready()) return true;
      relax();
    }
    const auto waited = Clock::now() - begin;
    if (waited > kSpin) return ready();
    if (waited > kAlone) std::this_thread::yield();
  }
}

struct Job {
  void (*fn)(void* ctx, int64_t task) = nullptr;
  void* ctx = nullptr;
  int64_t tasks = 0;
  int workers = 1;  // threads that share the tasks, the caller being number 0

  void run(int worker) const {
    const int64_t whole = tasks / workers, rest = tasks % workers;
    const int64_t begin = whole * worker + std::min<int64_t>(rest, worker);
    const int64_t end = begin + whole + (worker < rest ? 1 : 0);
    for (int64_t task = begin; task < end; ++task) fn(ctx, task);
  }
};

thread_local bool inside_task = false;

int default_threads() {
  if (const char* text = std::getenv("DUET_THREADS")) {
    char* end = nullptr;
    const long count = std::strtol(text, &end, 10);
    if (end != text && *end == '\0' && count > 0) return static_cast<int>(std::min<long>(count, kMaxThreads));
  }
  return std::max(1, static_cast<int>(std::min<unsigned>(std::thread::hardware_concurrency(), kMaxThreads)));
}

class Pool {
 public:
  ~Pool() { stop(); }

  /// False when somebody else is using the pool or there is nobody to share with. What a task throws, in any thread, is
  /// thrown here once all threads have stopped: their tasks look at what the caller holds.
  bool run(Job job, int threads) {
    job.workers = static_cast<int>(std::min<int64_t>(threads, job.tasks));
    if (job.workers <= 1) return false;
    const std::unique_lock<std::mutex> owner(owner_, std::try_to_lock);
    if (!owner.owns_lock()) return false;
    if (!start(threads)) return false;
    job_ = job;
    left_.store(job.workers - 1, std::memory_order_relaxed);
    announce(static_cast<uint64_t>(job.workers));
    inside_task = true;
    run_share(job, 0);
    inside_task = false;
    const auto finished = [this] { return left_.load(std::memory_order_acquire) == 0; };
    if (!spin(finished)) {
      std::unique_lock<std::mutex> lock(mutex_);
      done_.wait(lock, finished);
    }
    if (error_ != nullptr) [[unlikely]]
      std::rethrow_exception(std::exchange(error_, nullptr));
    return true;
  }

 private:
  static constexpr uint64_t kStop = 0;  // in the place of a number of workers

  /// False, and no thread is left, when the system has no memory or threads for all of them.
  bool start(int threads) {
    if (static_cast<int>(workers_.size()) == threads - 1) return true;
    stop();
    const uint64_t round = round_.load(std::memory_order_relaxed);
    try {
      for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i, round] { work(i, round); });
    } catch (const std::bad_alloc&) {
      stop();
      return false;
    } catch (const std::system_error&) {
      stop();
      return false;
    }
    return true;
  }

  /// A worker's tasks up to the first that throws.
  void run_share(const Job& job, int worker) noexcept {
    try {
      job.run(worker);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (error_ == nullptr) error_ = std::current_exception();
    }
  }

  void stop() {
    announce(kStop);
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
  }

  /// Begins a round. Its number of workers travels with it, so that a late worker never looks at a job that is not its.
  void announce(uint64_t workers) {
    bool wake = false;
    {
      // The lock makes a worker either see the new round before it sleeps or be counted as sleeping here.
      const std::lock_guard<std::mutex> lock(mutex_);
      const uint64_t next = (round_.load(std::memory_order_relaxed) >> kWorkerBits) + 1;
      round_.store(next << kWorkerBits | workers, std::memory_order_release);
      wake = sleeping_ > 0;
    }
    if (wake) wake_.notify_all();
  }

  void work(int number, uint64_t seen) {
    inside_task = true;
    for (;;) {
      uint64_t round = seen;
      const auto called = [&] { return (round = round_.load(std::memory_order_acquire)) != seen; };
      if (!spin(called)) {
        std::unique_lock<std::mutex> lock(mutex_);
        ++sleeping_;
        wake_.wait(lock, called);
        --sleeping_;
      }
      seen = round;
      const uint64_t workers = round & ((uint64_t{1} << kWorkerBits) - 1);
      if (workers == kStop) return;
      if (static_cast<uint64_t>(number) >= workers) continue;
      run_share(job_, number);
      if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        const std::lock_guard<std::mutex> lock(mutex_);
        done_.notify_one();
      }
    }
  }

  static constexpr int kWorkerBits = 16;

  std::mutex owner_;  // held by the one caller whose tasks are running
  std::vector<std::thread> workers_;
  Job job_;
  alignas(64) std::atomic<uint64_t> round_{0};  // counts jobs; the low bits are the number of workers
  alignas(64) std::atomic<int> left_{0};        // workers that have not finished
  std::exception_ptr error_;                    // the first one of a job
  std::mutex mutex_;                            // guards sleeping_, error_ and both waits
  int sleeping_ = 0;
  std::condition_variable wake_, done_;
};

std::atomic<int> thread_count{0};  // 0 until first asked for
std::atomic<Pool*> live_pool{nullptr};

/// Null once the program is ending.
Pool* pool() {
  struct Owner {
    Owner() {
      live_pool = new Pool;
      // A forked child has no workers. It leaves the parent's pool as it was and gets its own.
      pthread_atfork(nullptr, nullptr, [] {
        if (live_pool != nullptr) live_pool = new Pool;
      });
    }
    ~Owner() { delete live_pool.exchange(nullptr); }
  };
  static const Owner owner;
  return live_pool;
}

}  // namespace

void set_threads(int count) { thread_count = count <= 0 ? default_threads() : std::min(count, kMaxThreads); }

int threads() {
  int count = thread_count.load(std::memory_order_relaxed);
  if (count == 0) {
    const int fallback = default_threads();
    if (thread_count.compare_exchange_strong(count, fallback)) count = fallback;
  }
  return count;
}

void parallel_for(int64_t tasks, void (*fn)(void* ctx, int64_t task), void* ctx) {
  if (tasks > 1 && !inside_task && threads() > 1) {
    Pool* shared = nullptr;
    try {
      shared = pool();
    } catch (const std::bad_alloc&) {  // alone, this time
    }
    if (shared != nullptr && shared->run({fn, ctx, tasks, 1}, threads())) return;
  }
  for (int64_t task = 0; task < tasks; ++task) fn(ctx, task);
}

}  // namespace duet::cpu
