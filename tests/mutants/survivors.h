// Mutants that are known: those that may live, and why; those that do not compile.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "table.h"

namespace mutants {

struct Survivors {
  struct Entry {
    std::string name, reason;
    bool equivalent = false;  // else it only costs time or memory
  };
  std::vector<Entry> entries;
  const Entry* find(const std::string& name) const;
};

/// A mutant's name on one line, and on the next, indented, "equivalent: why" or "slower: why". # begins a comment.
Survivors read_survivors(const std::filesystem::path& file);

/// Mutants that do not compile are written down by name, so that a tree that changes keeps them.
std::set<std::string> read_dropped(const std::filesystem::path& folder);
/// Adds those in whose lines build.log has errors; false if there are none.
bool drop(const std::filesystem::path& folder, const std::vector<Mutant>& mutants);

}  // namespace mutants
