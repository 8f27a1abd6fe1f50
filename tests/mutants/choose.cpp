#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "table.h"

namespace mutants {
namespace {

namespace fs = std::filesystem;

uint64_t hash(const std::string& text) {  // FNV-1a, then mixed
  uint64_t h = 0xcbf29ce484222325;
  for (char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  h ^= h >> 29, h *= 0xbf58476d1ce4e5b9, h ^= h >> 32;
  return h;
}

std::vector<std::string> files_of(const fs::path& root, const Room& room) {
  std::vector<std::string> files;
  for (const std::string& name : room.files) {
    if (!name.ends_with('/')) {
      files.push_back(name);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(root / name)) {
      const fs::path& path = entry.path();
      if (path.extension() == ".cpp" || path.extension() == ".h") files.push_back(fs::relative(path, root).string());
    }
  }
  // Not the registers' own operations: their immediates must be known to the compiler.
  std::erase_if(files, [](const std::string& f) { return f.starts_with("lib/cpu/packet"); });
  std::sort(files.begin(), files.end());
  return files;
}

// The tokens of each line.
std::vector<std::string> lines_of(const Source& source) {
  std::vector<std::string> lines(2);
  for (const Token& t : source.tokens) {
    const auto line = static_cast<size_t>(t.line);
    if (lines.size() <= line) lines.resize(line + 1);
    if (!lines[line].empty()) lines[line] += ' ';
    lines[line].append(source.text, t.begin, t.end - t.begin);
  }
  return lines;
}

std::string one_line_at(const Source& source, int line) {
  const auto first = std::ranges::find(source.tokens, line, &Token::line);
  const auto last = std::ranges::find_if(first, source.tokens.end(), [&](const Token& t) { return t.line != line; });
  return one_line(source, first->begin, (last - 1)->end);
}

struct Candidate {
  uint64_t order;
  Mutant mutant;
};

}  // namespace

std::string Mutant::name() const {
  std::string what = file + ": " + site.before + " -> " + site.after;
  if (line_text != site.before) what += " in: " + line_text;
  if (copy > 1) what += " (" + std::to_string(copy) + ")";
  return what;
}

std::vector<Room> rooms_of(const fs::path& root) {
  if (!fs::exists(root / "lib/graph")) return {{"toy", {"toy.cpp"}}};
  std::vector<std::string> planner = {"lib/graph/bytes.h"};
  for (const char* name : {"cache", "execute", "formulas", "freeze", "groups", "in_place", "lower", "lower_segments",
                           "place", "place_best", "place_exact", "plan", "trace"})
    planner.push_back("lib/graph/" + std::string(name) + ".cpp");
  for (const char* name : {"execute", "groups", "lower_segments"})
    planner.push_back("lib/graph/" + std::string(name) + ".h");
  return {{"passes", {"lib/graph/passes/", "lib/graph/passes.cpp"}},
          {"planner", planner},
          {"shapes", {"lib/ops/", "lib/core/shape.cpp", "lib/batch.cpp"}},
          {"kernels", {"lib/cpu/"}}};
}

std::vector<Mutant> choose(const fs::path& root, int count) {
  const std::vector<Room> rooms = rooms_of(root);
  std::vector<Mutant> chosen;
  int rooms_left = static_cast<int>(rooms.size());
  for (const Room& room : rooms) {
    std::map<std::string, std::vector<Candidate>> by_kind;
    for (const std::string& file : files_of(root, room)) {
      const Source source = tokenize(read_text(root / file));
      const std::vector<std::string> lines = lines_of(source);
      std::map<std::string, int> copies;
      std::vector<int> copy(lines.size(), 0);
      for (size_t i = 1; i < lines.size(); ++i) copy[i] = ++copies[lines[i]];
      std::map<std::string, int> same;  // sites of a line that read alike
      for (const Site& site : find_sites(source)) {
        const auto line = static_cast<size_t>(site.first_line);
        Mutant m{0, room.name, file, lines[line], copy[line], site};
        const std::string name = m.name();
        const int nth = same[name]++;
        if (nth > 0) continue;  // one of them is enough
        // How the line is laid out does not matter either.
        m.line_text = one_line_at(source, site.first_line);
        by_kind[site.kind].push_back({hash(name), std::move(m)});
      }
    }
    for (auto& [kind, list] : by_kind)
      std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.order > b.order; });
    const int wanted = (count - static_cast<int>(chosen.size())) / rooms_left--;
    std::set<std::pair<std::string, int>> taken;  // lines
    for (int found = 0, before = -1; found < wanted && found != before;) {
      before = found;
      for (const char* kind : kKinds) {
        std::vector<Candidate>& list = by_kind[kind];
        while (!list.empty() && found < wanted) {
          Mutant m = std::move(list.back().mutant);
          list.pop_back();
          bool free = true;
          for (int l = m.site.first_line; l <= m.site.last_line; ++l) free = free && !taken.contains({m.file, l});
          if (!free) continue;
          for (int l = m.site.first_line; l <= m.site.last_line; ++l) taken.insert({m.file, l});
          chosen.push_back(std::move(m));
          ++found;
          break;
        }
      }
    }
  }
  std::stable_sort(chosen.begin(), chosen.end(), [](const Mutant& a, const Mutant& b) {
    return std::tie(a.file, a.site.first_line) < std::tie(b.file, b.site.first_line);
  });
  for (size_t i = 0; i < chosen.size(); ++i) chosen[i].id = static_cast<int>(i) + 1;
  return chosen;
}

}  // namespace mutants
