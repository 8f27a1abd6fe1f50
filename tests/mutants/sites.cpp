#include "sites.h"

#include <algorithm>
#include <map>
#include <set>

namespace mutants {
namespace {

using std::string;
using std::string_view;

// How tightly binary operators bind.
const std::map<string_view, int> kBinding = {
    {"*", 13}, {"/", 13}, {"%", 13}, {"+", 12},  {"-", 12},  {"<<", 11}, {">>", 11}, {"<", 9},
    {"<=", 9}, {">", 9},  {">=", 9}, {"==", 8},  {"!=", 8},  {"&", 7},   {"^", 6},   {"|", 5},
    {"&&", 4}, {"||", 3}, {"=", 1},  {"+=", 1},  {"-=", 1},  {"*=", 1},  {"/=", 1},  {"%=", 1},
    {"&=", 1}, {"|=", 1}, {"^=", 1}, {"<<=", 1}, {">>=", 1}, {"?", 1},   {":", 1},   {"->", 1}};

struct Swap {
  string_view kind, other;
};
const std::map<string_view, Swap> kOperatorSwaps = {
    {"<", {"compare", "<="}},   {"<=", {"compare", "<"}},     {">", {"compare", ">="}},     {">=", {"compare", ">"}},
    {"==", {"compare", "!="}},  {"!=", {"compare", "=="}},    {"+", {"arithmetic", "-"}},   {"-", {"arithmetic", "+"}},
    {"*", {"arithmetic", "+"}}, {"/", {"arithmetic", "*"}},   {"%", {"arithmetic", "/"}},   {"&", {"arithmetic", "|"}},
    {"|", {"arithmetic", "&"}}, {"<<", {"arithmetic", ">>"}}, {">>", {"arithmetic", "<<"}}, {"&&", {"logic", "||"}},
    {"||", {"logic", "&&"}},    {"+=", {"assign", "-="}},     {"-=", {"assign", "+="}},     {"*=", {"assign", "+="}},
    {"/=", {"assign", "*="}},   {"&=", {"assign", "|="}},     {"|=", {"assign", "&="}}};
const std::map<string_view, string_view> kNameSwaps = {
    {"min", "max"}, {"max", "min"}, {"any_of", "all_of"}, {"all_of", "any_of"}, {"none_of", "any_of"}};

const std::set<string_view> kKeywords = {"return", "if",  "while",  "for",  "switch",    "else",  "case", "do",
                                         "throw",  "new", "delete", "goto", "constexpr", "const", "auto"};
// Words before brackets in which nothing is changed.
const std::set<string_view> kFrozenCalls = {
    "static_assert", "alignas",  "__attribute__", "asm",     "decltype",
    "sizeof",        "noexcept", "requires",      "reserve", "DUET_INTERNAL_CHECK"};

class Finder {
 public:
  explicit Finder(const Source& s) : s_(s), frozen_(s.tokens.size(), 0) {}

  std::vector<Site> run() {
    for (int i = 0; i < s_.count(); ++i) freeze(i);
    for (int i = 0; i < s_.count(); ++i) {
      if (frozen_[static_cast<size_t>(i)]) continue;
      switch (s_.token(i).kind) {
        case Kind::op:
          operator_site(i);
          break;
        case Kind::word:
          word_site(i);
          break;
        case Kind::number:
          number_site(i);
          break;
        default:
          break;
      }
    }
    return std::move(sites_);
  }

 private:
  bool is(int i, string_view what) const { return s_.at(i) == what; }
  bool is_kind(int i, Kind kind) const { return i >= 0 && i < s_.count() && s_.token(i).kind == kind; }
  bool ends_operand(int i) const {
    if (i < 0 || i >= s_.count() || kKeywords.contains(s_.at(i))) return false;
    return s_.token(i).kind != Kind::op && s_.token(i).kind != Kind::open;
  }
  // The binding of a binary operator, or 0.
  int binding(int i) const {
    if (!is_kind(i, Kind::op)) return 0;
    const auto found = kBinding.find(s_.at(i));
    if (found == kBinding.end()) return 0;
    if (is(i, ":") || is(i, "?")) return 1;
    return s_.token(i).spaced && (ends_operand(i - 1) || is(i - 1, "]")) ? found->second : 0;
  }
  int match(int i) const { return s_.token(i).match; }

  void freeze_range(int first, int last) {
    for (int i = std::max(first, 0); i <= last && i < s_.count(); ++i) frozen_[static_cast<size_t>(i)] = 1;
  }
  int find(int i, std::initializer_list<string_view> what) const {
    while (i < s_.count() && std::find(what.begin(), what.end(), s_.at(i)) == what.end()) ++i;
    return i;
  }

  void freeze(int i) {
    const string_view word = s_.at(i);
    if (word == "<" && match(i) >= 0) freeze_range(i, match(i));
    if (word == "[" && match(i) >= 0 && is_kind(i - 1, Kind::word) &&
        (is(match(i) + 1, ";") || is(match(i) + 1, "=")) && (ends_operand(i - 2) || is(i - 2, "*")) &&
        !s_.token(i - 2).spaced)
      freeze_range(i, match(i));  // the size of an array: T name[size];
    if (s_.token(i).kind != Kind::word) return;
    const bool frozen =
        kFrozenCalls.contains(word) || word.starts_with("_mm");  // some arguments of _mm… are immediates
    if (frozen && is(i + 1, "(")) freeze_range(i + 1, match(i + 1));
    if ((word == "mix" || word.starts_with("hash")) && is(i + 1, "(") && is(match(i + 1) + 1, "{"))
      freeze_range(i, match(match(i + 1) + 1));
    if (word == "struct" || word == "class") freeze_members(find(i, {"{", ";", ")", ">"}));
    if (word == "case" || word == "using" || word == "enum") freeze_range(i, find(i, {word == "case" ? ":" : ";"}));
    if (word == "planted") {
      int first = i, last = i;
      while (first > 0 && !is(first - 1, ";") && !is(first - 1, "{") && !is(first - 1, "}")) --first;
      while (last < s_.count() && !is(last, ";") && !is(last, "{") && !is(last, "}")) ++last;
      freeze_range(first, last);
    }
    if (word != "constexpr" && word != "consteval") return;
    if (is(i - 1, "if")) {
      freeze_range(i, match(i + 1));
    } else if (const int next = find(i, {"=", "{", "(", ";"}); !is(next, "(")) {
      freeze_range(i, find(i, {";"}));
    }
  }

  // What members begin as, in a class whose bracket is at `open`: most are set before anybody reads them.
  void freeze_members(int open) {
    if (!is(open, "{")) return;
    for (int i = open + 1; i < match(open); ++i) {
      if (is_kind(i, Kind::open) && match(i) >= 0) i = match(i);
      if (is(i, "=")) freeze_range(i, find(i, {",", ";", "{"}));
    }
  }

  // The first token of an operator's left operand.
  int left_operand(int i) const {
    const int own = binding(i);
    int start = i - 1;
    while (true) {
      if (is_kind(start, Kind::close) && match(start) >= 0) start = match(start);
      const int p = start - 1;
      if (p < 0 || is_kind(p, Kind::open) || is(p, ";") || is(p, ",")) return start;
      if (const int b = binding(p); b > 0) {
        if (b < own || own == 1) return start;
        start = p - 1;
      } else if (is_kind(p, Kind::op)) {
        const bool glue = is(p, ".") || is(p, "->") || is(p, "::");
        const bool touches = p > 0 && s_.token(p - 1).end == s_.token(p).begin;
        start = p;
        if ((glue || touches) && ends_operand(p - 1))
          start = p - 1;
        else if (ends_operand(p - 1) || kKeywords.contains(s_.at(p - 1)))
          return start;
      } else {  // two operands in a row: a call, or the end of a declaration or of a statement
        const bool brackets = is_kind(start, Kind::open);
        const bool head = is(p, ")") && match(p) > 0 && kKeywords.contains(s_.at(match(p) - 1));
        if (is(p, "sizeof")) {
          start = p;
          continue;
        }
        if (!brackets || head || is(p, "}") || kKeywords.contains(s_.at(p))) return start;
        start = p;
      }
    }
  }

  // The last token of the operand that begins at i, for an operator that binds so.
  int right_operand(int i, int own) const {
    int j = i, questions = 0;
    for (; j < s_.count(); ++j) {
      if (is(j, ";") || is(j, ",") || is_kind(j, Kind::close)) break;
      if (is(j, "?")) ++questions;
      if (const int b = j > i ? binding(j) : 0; b > 0 && (own == 1 ? is(j, ":") && questions-- == 0 : b <= own)) break;
      if (is_kind(j, Kind::open) && match(j) >= 0) j = match(j);
    }
    return j - 1;
  }

  string text(int first, int last) const {
    return first > last ? string() : one_line(s_, s_.token(first).begin, s_.token(last).end);
  }

  void add(string_view kind, int first, int last, string after) {
    const Token& a = s_.token(first);
    const Token& b = s_.token(last);
    for (int i = first; i <= last; ++i)
      if (is_kind(i, Kind::text) && s_.at(i).find('\n') != string_view::npos) return;
    Site site{string(kind), a.begin, b.end, a.line, b.line, text(first, last), std::move(after)};
    if (site.before.size() <= 300) sites_.push_back(std::move(site));
  }

  void operator_site(int i) {
    if (is(i, "!") && !ends_operand(i - 1) && !is(i - 1, "operator")) {
      const int last = right_operand(i + 1, 14);
      if (last > i) add("logic", i, last, "static_cast<bool>(" + text(i + 1, last) + ")");
      return;
    }
    const auto swap = kOperatorSwaps.find(s_.at(i));
    if (swap == kOperatorSwaps.end() || binding(i) == 0 || is(i - 1, "operator")) return;
    const int first = left_operand(i), last = right_operand(i + 1, binding(i));
    if (last <= i || kKeywords.contains(s_.at(first))) return;
    // Strings are only ever added.
    for (int k = first; k <= last; ++k)
      if (s_.at(i).starts_with('+') && (is_kind(k, Kind::text) || is(k, "string") || is(k, "fmt"))) return;
    add(swap->second.kind, first, last,
        text(first, i - 1) + " " + string(swap->second.other) + " " + text(i + 1, last));
  }

  void word_site(int i) {
    const string_view word = s_.at(i);
    if (word == "true" || word == "false") add("flag", i, i, word == "true" ? "false" : "true");
    if (word == "if" && is(i + 1, "(")) condition_site(i + 1);
    if (word == "check" && !is(i - 1, ".") && !is(i - 1, "->")) {
      int open = i + 1;
      if (is(open, "<") && match(open) > 0) open = match(open) + 1;
      if (is(open, "(")) {
        const int last = right_operand(open + 1, 0);
        if (is(last + 1, ",") && last > open + 1) add("check", open + 1, last, "true");
      }
    }
    if (const auto swap = kNameSwaps.find(word); swap != kNameSwaps.end() && is(i - 1, "::")) {
      int open = i + 1;
      if (is(open, "<") && match(open) > 0) open = match(open) + 1;
      int first = i;
      while (is(first - 1, "::") && is_kind(first - 2, Kind::word)) first -= 2;
      if (is(open, "(") && is(first, "std"))
        add("minmax", first, match(open), text(first, i - 1) + string(swap->second) + text(i + 1, match(open)));
    }
  }

  // if (init; condition): negated; and, where the body gives a result or throws, never true. Other exits are shortcuts.
  void condition_site(int open) {
    const int close = match(open);
    int first = open + 1;
    for (int i = open + 1; i < close; ++i) {
      if (is_kind(i, Kind::open) && match(i) >= 0)
        i = match(i);
      else if (is(i, ";"))
        first = i + 1;
    }
    for (int i = first; i < close; ++i) {
      if (is_kind(i, Kind::open) && match(i) >= 0)
        i = match(i);
      else if (is(i, "="))
        return;  // a declaration
    }
    if (first >= close) return;
    add("condition", first, close - 1, "!(" + text(first, close - 1) + ")");
    const int body = is(close + 1, "{") ? close + 2 : close + 1;
    if (is(body, "throw") || (is(body, "return") && !is(body + 1, ";")))
      add("exit", first, close - 1, "static_cast<bool>(" + text(first, close - 1) + ") && false");
  }

  void number_site(int i) {
    const string_view number = s_.at(i);
    const size_t digits = std::min(number.find_first_not_of("0123456789"), number.size());
    const string_view suffix = number.substr(digits);
    if (digits > 9 || suffix.find_first_not_of("uUlL") != string_view::npos || (digits > 1 && number[0] == '0')) return;
    if (is(i - 1, "=") && is(i - 2, ")")) return;  // a function without a body
    const int value = std::stoi(string(number.substr(0, digits)));
    // 0 and 1 may be flags: one is the other. Else one more or one less, by column: both are tried somewhere.
    const size_t column = s_.token(i).begin - s_.text.rfind('\n', s_.token(i).begin);
    const int other = value == 0 || (value != 1 && column % 2 == 0) ? value + 1 : value - 1;
    add("constant", i, i, std::to_string(other) + string(suffix));
  }

  const Source& s_;
  std::vector<char> frozen_;
  std::vector<Site> sites_;
};

}  // namespace

string one_line(const Source& source, size_t begin, size_t end) {
  string out;
  size_t last = begin;
  for (const Token& t : source.tokens) {
    if (t.begin < begin || t.end > end) continue;
    if (t.begin > last && !out.empty()) out += ' ';
    out.append(source.text, t.begin, t.end - t.begin);
    last = t.end;
  }
  return out;
}

std::vector<Site> find_sites(const Source& source) { return Finder(source).run(); }

}  // namespace mutants
