// What the public headers say: names and the first sentences of their docstrings.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace duet::docs {

namespace fs = std::filesystem;
using Texts = std::map<std::string, std::string>;

/// What the headers say of each name: the first sentence of its docstring.
struct Documented {
  Texts sentences;
  std::vector<std::string> functions, layers;
  std::set<std::string> lists;
};

/// Up to the first full stop, colon or semicolon outside of brackets, less what an op says of its attributes.
inline std::string first_sentence(const std::string& text) {
  size_t end = 0;
  for (int depth = 0; end < text.size(); ++end) {
    const char c = text[end];
    if (c == '(') ++depth;
    if (c == ')') depth = std::max(0, depth - 1);  // alone where it ends an interval
    const bool stops = c == '.' || c == ';' || c == ':', ends = end + 1 == text.size() || text[end + 1] == ' ';
    if (depth == 0 && stops && ends) break;
  }
  std::string s = std::regex_replace(text.substr(0, end), std::regex(R"( \((attributes?|operands)\b[^)]*\))"), "");
  return std::regex_replace(s, std::regex(R"(\|)"), "\\|");
}

inline std::string read(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

inline std::vector<fs::path> headers_in(const char* folder) {
  std::vector<fs::path> headers;
  for (const auto& file : fs::directory_iterator(std::string(DUET_SOURCE_DIR "/include/duet/") + folder))
    headers.push_back(file.path());
  std::sort(headers.begin(), headers.end());
  return headers;
}

/// Structs with a docstring and a call or an update, and functions of trees.
inline void read_layers(Documented& d) {
  static const std::regex call(R"(^  (Tensor operator\(\)|void update)\(.*)"), of_trees(R"(^\w+<T> ([a-z]\w*)\(.*)");
  for (const char* folder : {"nn", "optim"})
    for (const fs::path& path : headers_in(folder)) {
      std::istringstream text(read(path));
      std::string line, doc, name;
      std::smatch m;
      while (std::getline(text, line)) {
        if (line.rfind("///", 0) == 0) {
          doc += (doc.empty() ? "" : " ") + (line.size() > 4 ? line.substr(4) : "");
          continue;
        }
        if (line.rfind("struct ", 0) == 0) {
          name = doc.empty() ? "" : line.substr(7, line.find_first_of(" ;", 7) - 7);
          d.sentences.emplace("nn::" + name, first_sentence(doc));
        } else if (!name.empty() && std::regex_match(line, call)) {
          if (d.layers.empty() || d.layers.back() != name) d.layers.push_back(name);
        } else if (std::regex_match(line, m, of_trees)) {
          d.sentences.emplace("nn::" + m[1].str(), first_sentence(doc));
          d.layers.push_back(m[1]);
        }
        if (line.rfind("template", 0) != 0) doc.clear();
      }
    }
}

inline Documented read_headers() {
  Documented d;
  std::vector<fs::path> headers = headers_in("ops");
  headers.push_back(DUET_SOURCE_DIR "/include/duet/random.h");
  static const std::regex function(
      R"(^(?:inline )?(?!Outputs)[A-Z]\w* ([a-z]\w*)\((?:const (?:Operand|Tensor|Shape|Key|std)|int|double).*)");
  static const std::regex name_of_struct(R"re(.*string_view name = "(\w+)";)re");
  static const std::regex list(R"(struct\s+(\w+)\s*:\s*OpList<)");
  for (const fs::path& path : headers) {
    const std::string all = read(path);
    std::istringstream text(all);
    for (std::sregex_iterator i(all.begin(), all.end(), list), end; i != end; ++i) d.lists.insert((*i)[1]);
    std::string line, doc, doc_of_struct;
    bool docs_before = false;
    while (std::getline(text, line)) {
      std::smatch m;
      if (line.rfind("///", 0) == 0) {
        doc = (docs_before ? doc + " " : "") + (line.size() > 4 ? line.substr(4) : "");
        docs_before = true;
        continue;
      }
      if (std::regex_match(line, m, name_of_struct)) {
        d.sentences.emplace(m[1], first_sentence(doc_of_struct));
      } else if (line.rfind("struct ", 0) == 0) {
        doc_of_struct = docs_before ? doc : "";
      } else if (line.find("= delete") == std::string::npos && std::regex_match(line, m, function)) {
        if (docs_before) d.sentences[m[1]] = first_sentence(doc);
        if (std::find(d.functions.begin(), d.functions.end(), m[1]) == d.functions.end()) d.functions.push_back(m[1]);
      }
      docs_before = false;
    }
  }
  read_layers(d);
  return d;
}

}  // namespace duet::docs
