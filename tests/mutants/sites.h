// Places where one small change makes a program that is likely wrong.
#pragma once

#include <string>
#include <vector>

#include "tokens.h"

namespace mutants {

struct Site {
  std::string kind;           // "compare", "condition", …: kKinds
  size_t begin = 0, end = 0;  // what is replaced, in the source
  int first_line = 0, last_line = 0;
  std::string before, after;  // on one line
};

inline constexpr const char* kKinds[] = {"compare", "arithmetic", "logic",  "condition", "exit",
                                         "check",   "constant",   "minmax", "flag",      "assign"};

/// All sites of a file, in order. Left out is what the compiler evaluates (constexpr variables, template arguments,
/// case labels), what checks duet itself, planted bugs, and what changes no result: reserve(), how hashes are mixed, the
/// values that members of classes begin with.
std::vector<Site> find_sites(const Source& source);

/// The text of a range on one line, without comments.
std::string one_line(const Source& source, size_t begin, size_t end);

}  // namespace mutants
