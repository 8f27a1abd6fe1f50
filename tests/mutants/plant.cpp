#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>

#include "table.h"

namespace mutants {
namespace {

namespace fs = std::filesystem;

// Where the compiler evaluates, nothing is planted. What is reached is written down when DUET_MUTANT is 0.
constexpr const char* kHeader = R"(#pragma once

extern int duet_mutant_planted;
extern unsigned char duet_mutants_reached[];

__attribute__((always_inline)) static inline constexpr bool duet_mutant(int id) {
  if (__builtin_is_constant_evaluated()) return false;
  if (__builtin_expect(duet_mutant_planted == 0, 0)) duet_mutants_reached[id] = 1;
  return __builtin_expect(duet_mutant_planted == id, 0);
}
)";
constexpr const char* kBody = R"(#include "duet_mutant.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

unsigned char duet_mutants_reached[100000];

int duet_mutant_planted = -1;

__attribute__((constructor(101))) static void wake() {
  if (const char* text = std::getenv("DUET_MUTANT")) duet_mutant_planted = std::atoi(text);
}

__attribute__((destructor)) static void write_reached() {
  const char* folder = std::getenv("DUET_MUTANTS_REACHED");
  if (duet_mutant_planted != 0 || folder == nullptr) return;
  std::FILE* file = std::fopen((std::string(folder) + "/" + std::to_string(::getpid())).c_str(), "w");
  for (int id = 1; id < 100000; ++id)
    if (duet_mutants_reached[id]) std::fprintf(file, "%d\n", id);
  std::fclose(file);
}
)";

// What is planted need not be tidy, and is compiled in half the time. DUET_VERIFY's checks are part of what the tests
// have, but not of the tests' own flags, so that these are compiled as in the release build.
constexpr const char* kFlags = R"(
foreach(target duet ${isas})
  if(NOT target STREQUAL duet)
    set(target duet_kernels_${target})
  endif()
  target_compile_options(${target} PRIVATE -w -Wno-narrowing -O1)
endforeach()
target_compile_definitions(duet PRIVATE DUET_VERIFY)
)";

std::string planted_text(std::string text, const std::vector<const Mutant*>& mutants) {
  for (auto m = mutants.rbegin(); m != mutants.rend(); ++m) {
    const Site& s = (*m)->site;
    const std::string original = text.substr(s.begin, s.end - s.begin);
    text.replace(s.begin, s.end - s.begin,
                 "(::duet_mutant(" + std::to_string((*m)->id) + ") ? (" + s.after + ") : (" + original + "))");
  }
  // Lines keep their numbers: messages and compilers' errors say them.
  return "#include \"duet_mutant.h\"\n#line 1\n" + text;
}

}  // namespace

std::string read_text(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error("mutants: cannot read " + file.string());
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void write_text(const fs::path& file, const std::string& text) {
  if (fs::exists(file) && read_text(file) == text) return;
  fs::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::binary);
  out << text;
  if (!out.flush()) throw std::runtime_error("mutants: cannot write " + file.string());
}

void plant(const fs::path& root, const fs::path& tree, const std::vector<Mutant>& mutants) {
  std::map<std::string, std::vector<const Mutant*>> by_file;
  for (const Mutant& m : mutants) by_file[m.file].push_back(&m);
  std::set<fs::path> kept;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator(); ++it) {
    const fs::path name = fs::relative(it->path(), root);
    if (it->is_directory()) {
      if (it.depth() == 0 && (name == "build" || name == ".git")) it.disable_recursion_pending();
      continue;
    }
    if (!it->is_regular_file() || name == ".git") continue;
    std::string text = read_text(it->path());
    if (const auto found = by_file.find(name.string()); found != by_file.end())
      text = planted_text(std::move(text), found->second);
    if (name == "lib/CMakeLists.txt") text += kFlags;
    write_text(tree / name, text);
    fs::permissions(tree / name, it->status().permissions());
    kept.insert(name);
  }
  const fs::path lib = fs::exists(root / "lib") ? "lib" : "";
  for (const auto& [name, text] :
       {std::pair(lib / "duet_mutant.h", kHeader), std::pair(lib / "duet_mutant.cpp", kBody)}) {
    write_text(tree / name, text);
    kept.insert(name);
  }
  // What the sources no longer have goes; what was built from them stays.
  std::vector<fs::path> gone;
  for (auto it = fs::recursive_directory_iterator(tree); it != fs::recursive_directory_iterator(); ++it) {
    const fs::path name = fs::relative(it->path(), tree);
    if (it.depth() == 0 && name == "build")
      it.disable_recursion_pending();
    else if (it->is_regular_file() && !kept.contains(name))
      gone.push_back(it->path());
  }
  for (const fs::path& path : gone) fs::remove(path);
}

}  // namespace mutants
