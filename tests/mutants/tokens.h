// C++ as a list of tokens: enough to find operators and their operands in code that clang-format has laid out.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mutants {

enum class Kind { word, number, text, op, open, close };

struct Token {
  Kind kind;
  size_t begin, end;  // in the source
  int line;           // from 1
  bool spaced;        // white space on both sides: binary operators have it, unary ones and template brackets have not
  int match = -1;     // of brackets, those of templates among them
};

struct Source {
  std::string text;
  std::vector<Token> tokens;  // without comments, preprocessor lines, and what only DUET_VERIFY compiles

  std::string_view at(int i) const {
    if (i < 0 || i >= static_cast<int>(tokens.size())) return {};
    const Token& t = tokens[static_cast<size_t>(i)];
    return std::string_view(text).substr(t.begin, t.end - t.begin);
  }
  const Token& token(int i) const { return tokens[static_cast<size_t>(i)]; }
  int count() const { return static_cast<int>(tokens.size()); }
};

Source tokenize(std::string text);

}  // namespace mutants
