#include "fuzz/bugs.h"

#include <unistd.h>

#include "fuzz/apart.h"
#include "fuzz/program.h"
#include "jit/jit_test.h"
#include "planted.h"

namespace duet::fuzz {
namespace {

struct Bug {
  const char* name;
  const char* what;
  int limit;  // graphs
  bool jit = false;
};
[[maybe_unused]] constexpr Bug kBugs[] = {
    // only test builds carry them
    {"add_zero", "simplify takes x + 0 for x: −0 stays −0", 1500},
    {"mul_zero", "simplify takes x · 0 for 0: NaN and inf are lost", 300},
    {"transposes", "simplify drops two transposes whose axes do not cancel", 4000},
    {"cse_attributes", "cse does not look at attributes", 300},
    {"cse_numbers", "cse takes two run-time numbers for one", 50},
    {"dce_throw", "dce removes an operation that may find a bad index", 300},
    {"fuse_path", "fuse does not see a path that leaves a kernel and comes back", 100},
    {"relu_nan", "relu drops NaN in compiled kernels only", 1000},
    {"broadcast_stride", "a fused kernel reads a repeated operand with a wrong stride", 100},
    {"view_offset", "a view of a view forgets the first one's offset", 100},
    {"tile_tail", "the last tile of a fused kernel reads from one element too early", 300},
    {"arena_overlap", "two buffers lie at the same place", 50},
    {"short_life", "a buffer is given up one kernel early", 50},
    {"in_place", "a kernel overwrites an operand that it reads in another order", 4000},
    {"donation", "the storage of a value that is held outside is overwritten", 50},
    {"key_dtype", "a plan is found without regard to element types", 100},
    {"scalar_slot", "a run-time number is bound to the slot before its own", 50},
    {"contraction", "machine code rounds a·b + c once", 500, true},
    {"jit_max", "machine code takes max(a, b) for max(b, a)", 500, true},
    {"jit_slot", "machine code overwrites a value on the stack that is still read", 1500, true},
    {"missing_alias", "a buffer is given up while a view of it is still read", 100},
    {"casts", "simplify drops two casts whose first one loses digits", 1000},
    {"reduce_axis", "a sum goes over the other axis of a square", 2000},
    {"early_sum", "a row's elements are computed before the sum that they read", 500},
    {"column_join", "the last rows are missing in a sum of columns", 500},
    {"shared_overlap", "a kernel's two shared buffers lie at the same place", 500},
    {"epilogue_batch", "what follows a batched product goes to its first matrix only", 1000},
    {"leak", "a block that an argument gives to a result is never given back", 100},
    {"frozen_scalar", "a frozen function's number is bound to the wrong argument", 50},
    // no bit changes: found by what is counted
    {"lost_donation", "arguments that are given away are not written in", 200},
    {"recompute_merged", "cse takes what a checkpoint computes again for what was computed first", 1000},
    // eager, compiled and frozen are wrong in the same way: found by the definitions
    {"mean_count", "a mean is divided by one more than there are elements", 300},
    {"variance_ddof", "a variance is divided by one less than there are elements", 1000},
    {"attention_scale", "attention is scaled by 1/D for 1/√D", 2000},
    {"broadcast_gradient", "the gradient of what is repeated is a mean for a sum", 300},
    {"negative_index", "a negative index is one too small", 300},
};

}  // namespace

bool find_planted([[maybe_unused]] uint32_t seed) {
  bool all = true;
#ifdef DUET_VERIFY
  fmt::print("{:<17} {:>6} {:>6}  {}\n", "bug", "found", "limit", "what it does");
  const auto rules = static_cast<uint32_t>(rule_names().size());
  for (const Bug& bug : kBugs) {
    if (bug.jit && !kJitBuilt) continue;
    Note at;
    const int status = run_apart(
        [&] {
          plant(bug.name);
          for (int i = 1; i <= bug.limit; ++i) {
            at.write(std::to_string(i));
            alarm(20);  // a bug may make a loop endless
            const uint32_t s = seed + static_cast<uint32_t>(i) - 1;
            const Program p = grow(s, static_cast<int>(s % rules));
            const Failure f = check(p, modes_of(p));
            if (f && !f.refused) return 3;
          }
          return 0;
        },
        true);
    all &= status != 0;
    fmt::print("{:<17} {:>6} {:>6}  {}\n", bug.name, status != 0 ? at.read() : "no", bug.limit, bug.what);
    std::fflush(stdout);
  }
#else
  fmt::print("this build has no planted bugs: configure with -DDUET_VERIFY=ON\n");
#endif
  return all;
}

}  // namespace duet::fuzz
