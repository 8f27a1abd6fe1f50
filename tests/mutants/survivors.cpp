#include "survivors.h"

#include <algorithm>
#include <fstream>
#include <regex>
#include <stdexcept>

namespace mutants {

const Survivors::Entry* Survivors::find(const std::string& name) const {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

Survivors read_survivors(const std::filesystem::path& file) {
  Survivors survivors;
  std::ifstream in(file);
  std::string line;
  for (int n = 1; std::getline(in, line); ++n) {
    if (line.empty() || line[0] == '#') continue;
    if (!line.starts_with("  ")) {
      survivors.entries.push_back({line, "", false});
      continue;
    }
    const std::string text = line.substr(2);
    const bool equivalent = text.starts_with("equivalent: "), slower = text.starts_with("slower: ");
    if (survivors.entries.empty() || !survivors.entries.back().reason.empty() || equivalent == slower)
      throw std::runtime_error("mutants: " + file.string() + ":" + std::to_string(n) +
                               ": a reason begins with \"equivalent: \" or \"slower: \", and stands below its mutant");
    survivors.entries.back().reason = text;
    survivors.entries.back().equivalent = equivalent;
  }
  for (const Survivors::Entry& e : survivors.entries)
    if (e.reason.empty()) throw std::runtime_error("mutants: " + file.string() + ": no reason: " + e.name);
  return survivors;
}

std::set<std::string> read_dropped(const std::filesystem::path& folder) {
  std::set<std::string> names;
  std::ifstream in(folder / "dropped.txt");
  for (std::string line; std::getline(in, line);) names.insert(line);
  return names;
}

bool drop(const std::filesystem::path& folder, const std::vector<Mutant>& mutants) {
  std::set<std::string> names = read_dropped(folder);
  const size_t before = names.size();
  const std::regex place("([^ :]+):([0-9]+):[0-9]+: +(fatal error|error|  required from).*");
  std::ifstream in(folder / "build.log");
  for (std::string line; std::getline(in, line);) {
    std::smatch found;
    if (!std::regex_match(line, found, place)) continue;
    const int at = std::stoi(found[2]);
    for (const Mutant& m : mutants)
      if (found[1].str().ends_with(m.file) && m.site.first_line <= at && at <= m.site.last_line) names.insert(m.name());
  }
  std::string text;
  for (const std::string& name : names) text += name + "\n";
  write_text(folder / "dropped.txt", text);
  return names.size() > before;
}

}  // namespace mutants
