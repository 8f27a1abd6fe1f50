#include "tokens.h"

#include <cctype>

namespace mutants {
namespace {

constexpr std::string_view kOperators[] = {"<<=", ">>=", "<=>", "->*", "...", "::", "->", "++", "--",
                                           "<=",  ">=",  "==",  "!=",  "&&",  "||", "+=", "-=", "*=",
                                           "/=",  "%=",  "&=",  "|=",  "^=",  "<<", ">>"};

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

class Tokenizer {
 public:
  explicit Tokenizer(Source& s) : s_(s), text_(s.text) {}

  void run() {
    bool line_start = true;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') {
        ++line_, ++at_, line_start = true;
      } else if (is_space(c)) {
        ++at_;
      } else if (c == '#' && line_start) {
        directive();
      } else if (text_.substr(at_, 2) == "//") {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (text_.substr(at_, 2) == "/*") {
        move_to(text_.find("*/", at_), 2);
      } else {
        line_start = false;
        token(c);
      }
    }
  }

 private:
  void move_to(size_t end, size_t more) {
    end = end == std::string_view::npos ? text_.size() : end + more;
    for (; at_ < end; ++at_) line_ += text_[at_] == '\n';
  }

  // A line that the preprocessor reads, with what continues it. `verify_` is the depth of #if in an #ifdef DUET_VERIFY.
  void directive() {
    const size_t begin = at_;
    do {
      move_to(text_.find('\n', at_), 0);
      if (at_ == text_.size() || text_[at_ - 1] != '\\') break;
      move_to(at_, 1);
    } while (true);
    const std::string_view line = text_.substr(begin, at_ - begin);
    if (line.starts_with("#if")) {
      if (verify_ > 0 || line == "#ifdef DUET_VERIFY") ++verify_;
    } else if (line.starts_with("#endif") && verify_ > 0) {
      --verify_;
    } else if (line.starts_with("#else") && verify_ == 1) {
      verify_ = 0;
    }
  }

  void token(char c) {
    const size_t begin = at_;
    const int line = line_;
    Kind kind = Kind::op;
    if (std::isdigit(static_cast<unsigned char>(c))) {
      kind = Kind::number;
      while (at_ < text_.size() && (is_word(text_[at_]) || text_[at_] == '.' || text_[at_] == '\'' ||
                                    ((text_[at_] == '-' || text_[at_] == '+') && exponent(begin))))
        ++at_;
    } else if (text_.substr(at_, 3) == "R\"(") {
      kind = Kind::text;
      move_to(text_.find(")\"", at_), 2);
    } else if (is_word(c)) {
      kind = Kind::word;
      while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    } else if (c == '"' || c == '\'') {
      kind = Kind::text;
      for (++at_; at_ < text_.size() && text_[at_] != c; ++at_) at_ += text_[at_] == '\\';
      ++at_;
    } else {
      at_ += operator_length();
      if (c == '(' || c == '[' || c == '{') kind = Kind::open;
      if (c == ')' || c == ']' || c == '}') kind = Kind::close;
    }
    at_ = std::min(at_, text_.size());
    if (verify_ > 0) return;
    const bool spaced = begin > 0 && is_space(text_[begin - 1]) && at_ < text_.size() && is_space(text_[at_]);
    s_.tokens.push_back({kind, begin, at_, line, spaced});
    match();
  }

  // After 1e and 0x1p a sign belongs to the number.
  bool exponent(size_t begin) const {
    const bool hex = text_.substr(begin, 2) == "0x";
    const char before = static_cast<char>(std::tolower(static_cast<unsigned char>(text_[at_ - 1])));
    return before == (hex ? 'p' : 'e');
  }

  size_t operator_length() const {
    for (std::string_view op : kOperators) {
      if (text_.substr(at_, op.size()) != op) continue;
      // `>>` that ends two templates has no space before it.
      if (op == ">>" && at_ > 0 && !is_space(text_[at_ - 1])) return 1;
      return op.size();
    }
    return 1;
  }

  void match() {
    const int i = s_.count() - 1;
    Token& t = s_.tokens.back();
    const std::string_view what = s_.at(i);
    if (what == "<" && !t.spaced && s_.at(i - 1) != "operator") t.kind = Kind::open;
    if (t.kind == Kind::open) {
      open_.push_back(i);
      return;
    }
    const bool template_end = what == ">" && !t.spaced && !open_.empty() && s_.at(open_.back()) == "<";
    if (template_end) t.kind = Kind::close;
    if (t.kind != Kind::close) return;
    // A "<" without an end was an operator after all.
    while (!template_end && !open_.empty() && s_.at(open_.back()) == "<") {
      s_.tokens[static_cast<size_t>(open_.back())].kind = Kind::op;
      open_.pop_back();
    }
    if (open_.empty()) return;
    t.match = open_.back();
    s_.tokens[static_cast<size_t>(open_.back())].match = i;
    open_.pop_back();
  }

  Source& s_;
  std::string_view text_;
  size_t at_ = 0;
  int line_ = 1, verify_ = 0;
  std::vector<int> open_;
};

}  // namespace

Source tokenize(std::string text) {
  Source s{std::move(text), {}};
  Tokenizer(s).run();
  return s;
}

}  // namespace mutants
