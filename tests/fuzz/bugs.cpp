#include "fuzz/bugs.h"

#include "planted.h"

#include "fuzz/apart.h"
#include "fuzz/program.h"

namespace duet::fuzz {
namespace {

struct Bug {
  const char* name;
  const char* what;
  int limit;  // graphs
};
constexpr Bug kBugs[] = {
    {"add_zero", "simplify takes x + 0 for x: −0 stays −0", 2000},
    {"mul_zero", "simplify takes x · 0 for 0: NaN and inf are lost", 2000},
    {"transposes", "simplify drops two transposes whose axes do not cancel", 2000},
    {"cse_attributes", "cse does not look at attributes", 500},
    {"cse_numbers", "cse takes two run-time numbers for one", 500},
    {"dce_throw", "dce removes an operation that may find a bad index", 3000},
    {"fuse_path", "fuse does not see a path that leaves a kernel and comes back", 1000},
    {"relu_nan", "relu drops NaN in compiled kernels only", 2000},
    {"broadcast_stride", "a fused kernel reads a repeated operand with a wrong stride", 500},
    {"view_offset", "a view of a view forgets the first one's offset", 500},
    {"tile_tail", "the last tile of a fused kernel is one element short", 500},
    {"arena_overlap", "two buffers lie at the same place", 500},
    {"short_life", "a buffer is given up one kernel early", 500},
    {"in_place", "a kernel overwrites an operand that it reads in another order", 2000},
    {"donation", "the storage of a value that is held outside is overwritten", 500},
    {"key_dtype", "a plan is found without regard to element types", 2000},
    {"scalar_slot", "a run-time number is bound to the slot before its own", 500},
    {"frozen_scalar", "a frozen function's number is bound to the wrong argument", 500},
};

}  // namespace

bool find_planted([[maybe_unused]] uint32_t seed) {
  bool all = true;
#ifdef DUET_VERIFY
  fmt::print("{:<17} {:>6} {:>6}  {}\n", "bug", "found", "limit", "what it does");
  const auto rules = static_cast<uint32_t>(rule_names().size());
  for (const Bug& bug : kBugs) {
    Note at;
    const int status = run_apart(
        [&] {
          plant(bug.name);
          for (int i = 1; i <= bug.limit; ++i) {
            at.write(std::to_string(i));
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
