// The mutants of a tree of sources: which there are, and how they are written down.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sites.h"

namespace mutants {

/// Part of the library, with a share of the mutants of its own.
struct Room {
  const char* name;
  std::vector<std::string> files;  // paths from the root; one that ends in "/" is all below it
};

struct Mutant {
  int id = 0;
  std::string room, file, line_text;  // line_text is what stands there, on one line
  int copy = 1;                       // which one of those lines in the file
  Site site;

  /// What it is called in the list of survivors: this holds while the line does, wherever it moves.
  std::string name() const;
};

/// The rooms of duet, or of the toy that the tool is tested with.
std::vector<Room> rooms_of(const std::filesystem::path& root);

/// `count` mutants, the same for the same sources: as many from every room, from every kind of change in turn, at most
/// one a line. Where a line stands does not matter, only what it says, so that an edit elsewhere leaves the others as
/// they were.
std::vector<Mutant> choose(const std::filesystem::path& root, int count);

/// Copies the tree with all mutants planted, each asleep until DUET_MUTANT is its number.
void plant(const std::filesystem::path& root, const std::filesystem::path& tree, const std::vector<Mutant>& mutants);

std::string read_text(const std::filesystem::path& file);
/// Leaves a file that says so already as it is, so that nothing is compiled again for it.
void write_text(const std::filesystem::path& file, const std::string& text);

}  // namespace mutants
