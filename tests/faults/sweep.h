// The k-th allocation of a call fails, for every k, once and from there on. The call must say so by bad_alloc or
// OutOfMemory, or do without that block; nothing is lost, what it was given is as it was, and the next call is right.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "cpu/jit/memory.h"
#include "expect.h"
#include "faults.h"
#include "modes.h"

namespace duet::faults {

inline bool small_sizes() {
  const char* size = std::getenv("DUET_TEST_SIZE");
  return size != nullptr && std::strcmp(size, "small") == 0;
}

/// How an armed call ended.
struct Ended {
  bool threw = false;
  int64_t calls = 0;
  std::string result;
};

/// What `call(state)` gives, as bits; `state` as bits is compared by the caller.
template <class State, class Call>
Ended armed_call(State& state, const Call& call, int64_t k, bool onwards) {
  Ended e;
  using Result = decltype(call(state));
  std::optional<Result> result;
  arm(Kind::memory, k, onwards);
  try {
    result.emplace(call(state));
  } catch (const std::bad_alloc&) {
    e.threw = true;
  } catch (const OutOfMemory&) {
    e.threw = true;
  } catch (const std::exception& other) {
    disarm();
    ADD_FAILURE() << "block " << k << (onwards ? " and all after it: " : ": ") << other.what();
    e.threw = true;
  }
  e.calls = disarm();
  if (result) e.result = expect::tree_bits(*result);
  return e;
}

/// The threads that faulty calls run in: this one, or a new one each, which has no memory of its own yet.
enum class In { this_thread, new_thread };

/// make() gives a state, bits(state) its bits, call(state) a tree of tensors. Every call begins with a state of its
/// own.
template <class Make, class Bits, class Call>
void sweep(const char* name, const Make& make, const Bits& bits, const Call& call, In where = In::this_thread) {
  set_cache_limit(0);  // so that every block comes from the system
  std::string before, after, right;
  for (int warm = 0; warm < 2; ++warm) {
    auto state = make();
    before = bits(state);
    right = expect::tree_bits(call(state));
    after = bits(state);
  }
  int64_t points = 0, absorbed = 0;
  const int64_t tensors = memory_stats().live_bytes;
  const size_t code = cpu::jit::mapped_bytes();
  for (bool onwards : {false, true}) {
    for (int64_t k = 0;; k += small_sizes() ? 1 + k / 8 : 1) {
      bool done = false;
      {
        auto state = make();
        Ended e;
        if (where == In::this_thread)
          e = armed_call(state, call, k, onwards);
        else
          std::thread([&] { e = armed_call(state, call, k, onwards); }).join();
        done = !struck();
        ++points;
        absorbed += !e.threw && !done;
        if (e.threw) {
          ASSERT_EQ(bits(state), before) << name << ": block " << k << ", onwards " << onwards << ": its state changed";
          expect::clean_thread();
          const std::string again = expect::tree_bits(call(state));
          ASSERT_EQ(again, right) << name << ": block " << k << ", onwards " << onwards << ": the next call is wrong";
        } else {
          ASSERT_EQ(e.result, right) << name << ": block " << k << ", onwards " << onwards << ": silently wrong";
        }
        ASSERT_EQ(bits(state), after) << name << ": block " << k << ", onwards " << onwards << ": state after the call";
      }
      ASSERT_EQ(memory_stats().live_bytes, tensors) << name << ": block " << k << ", onwards " << onwards << ": lost";
      ASSERT_EQ(cpu::jit::mapped_bytes(), code) << name << ": block " << k << ", onwards " << onwards << ": code lost";
      if (done) break;
    }
  }
  std::printf("%s: %lld faults, %lld of them needed no error\n", name, static_cast<long long>(points - 2),
              static_cast<long long>(absorbed));
  set_cache_limit(size_t{512} << 20);
}

}  // namespace duet::faults
