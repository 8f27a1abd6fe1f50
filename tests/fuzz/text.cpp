// Programs as text:
//
//   seed 17 specials moves
//   input f32[3,4] transposed
//   state f32[4]
//   input i64[5] dense 3
//   %3 = gather(%0, %2 : 0 0)
//   %4 %5 = grad(%3, s0) {
//     %2 = tanh(%0)
//     %3 = sum(%2 : 3 0)
//     return %3
//   }
//   return %4 %5 %4
//   rebind %1 = %4
//   mode compiled without=fuse schedule=3
#include <algorithm>
#include <sstream>

#include "fuzz/program.h"

namespace duet::fuzz {
namespace {

std::string write(const Ref& r) {
  switch (r.kind) {
    case Ref::value:
      return fmt::format("%{}", r.index);
    case Ref::number:
      return fmt::format("s{}", r.index);
    case Ref::literal:
      return fmt::format("{}", r.number_value);
    case Ref::integer:
      return fmt::format("i{}", static_cast<int64_t>(r.number_value));
    case Ref::constant:
      break;
  }
  return fmt::format("c{}", r.number_value);
}

void write_body(const Body& b, const std::string& indent, std::string& out) {
  int next = b.parameters;
  for (const Step& s : b.steps) {
    out += indent;
    for (int k = 0; k < s.outputs; ++k) out += fmt::format("%{} ", next++);
    out += "= " + s.op + "(";
    for (size_t i = 0; i < s.in.size(); ++i) out += (i > 0 ? ", " : "") + write(s.in[i]);
    if (!s.attrs.empty()) out += " :";
    for (int64_t a : s.attrs) out += fmt::format(" {}", a);
    out += ")";
    if (s.body != nullptr) {
      out += " {\n";
      write_body(*s.body, indent + "  ", out);
      out += indent + "}";
    }
    out += "\n";
  }
  out += indent + "return";
  for (int o : b.outputs) out += fmt::format(" %{}", o);
  out += "\n";
}

[[noreturn]] void bad(const std::string& line) { throw std::runtime_error("no line of a program: " + line); }

int value_of(const std::string& word, const std::string& line) {
  if (word.size() < 2 || word[0] != '%') bad(line);
  return std::stoi(word.substr(1));
}

Ref read_ref(const std::string& word, const std::string& line) {
  if (word.empty()) bad(line);
  const std::string rest = word.substr(1);
  switch (word[0]) {
    case '%':
      return {Ref::value, value_of(word, line), 0};
    case 's':
      return {Ref::number, std::stoi(rest), 0};
    case 'i':
      if (word == "inf") break;
      return {Ref::integer, 0, std::stod(rest)};
    case 'c':
      return {Ref::constant, 0, std::stod(rest)};
    default:
      break;
  }
  return {Ref::literal, 0, std::stod(word)};
}

Spec read_spec(const std::string& text, const std::string& line) {
  const size_t open = text.find('[');
  Spec s;
  bool known = false;
  for (int d = 0; d < kDTypes; ++d)
    if (name(static_cast<DType>(d)) == text.substr(0, open)) s.dtype = static_cast<DType>(d), known = true;
  if (!known || open == std::string::npos) bad(line);
  std::istringstream extents(text.substr(open + 1));
  for (int64_t d; extents >> d; extents.ignore()) s.shape.push_back(d);
  return s;
}

// The lines of a text without comments and empty ones.
class Lines {
 public:
  explicit Lines(const std::string& text) : in_(text) {}
  bool next(std::string& line) {
    while (std::getline(in_, line)) {
      line.erase(0, line.find_first_not_of(" \t"));
      if (!line.empty() && line[0] != '#') return true;
    }
    return false;
  }

 private:
  std::istringstream in_;
};

Step read_step(const std::string& line, Lines& lines);

// Reads up to the line that returns.
void read_body(Body& b, std::string line, Lines& lines) {
  do {
    if (line.rfind("return", 0) == 0) {
      std::istringstream words(line.substr(6));
      for (std::string w; words >> w;) b.outputs.push_back(value_of(w, line));
      return;
    }
    b.steps.push_back(read_step(line, lines));
  } while (lines.next(line));
  throw std::runtime_error("the program returns nothing");
}

Step read_step(const std::string& line, Lines& lines) {
  const size_t equals = line.find("= "), open = line.find('(', equals), close = line.find(')', open);
  if (equals == std::string::npos || open == std::string::npos || close == std::string::npos) bad(line);
  Step s;
  s.op = line.substr(equals + 2, open - equals - 2);
  s.outputs = static_cast<int>(std::count(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(equals), '%'));
  std::string inside = line.substr(open + 1, close - open - 1);
  std::replace(inside.begin(), inside.end(), ',', ' ');
  std::istringstream words(inside);
  bool attrs = false;
  for (std::string w; words >> w;) {
    if (w == ":")
      attrs = true;
    else if (attrs)
      s.attrs.push_back(std::stoll(w));
    else
      s.in.push_back(read_ref(w, line));
  }
  if (line.find('{', close) == std::string::npos) return s;
  auto body = std::make_shared<Body>();
  for (const Ref& r : s.in) body->parameters += r.kind == Ref::value;
  std::string first;
  if (!lines.next(first)) bad(line);
  read_body(*body, first, lines);
  if (!lines.next(first) || first != "}") bad(first);
  s.body = std::move(body);
  return s;
}

void read_leaf(const std::string& line, Program& p) {
  std::istringstream words(line);
  std::string kind, spec, layout;
  Leaf l;
  words >> kind >> spec >> layout >> l.bound;
  l.kind = kind == "state" ? Leaf::state : Leaf::input;
  l.spec = read_spec(spec, line);
  for (int i = 0; i < 5; ++i)
    if (layout == testing::kLayoutNames[i]) l.layout = static_cast<Layout>(i);
  if (l.kind == Leaf::state) p.rebinds.push_back(-1);
  p.leaves.push_back(l);
}

}  // namespace

std::string write(const Program& p) {
  std::string out = fmt::format("seed {}", p.seed);
  if (p.specials) out += " specials";
  if (p.moves) out += " moves";
  if (p.bad_index) out += " bad_index";
  out += "\n";
  for (const Leaf& l : p.leaves) {
    out += fmt::format("{} {} {}", l.kind == Leaf::state ? "state" : "input", to_string(l.spec),
                       testing::kLayoutNames[static_cast<int>(l.layout)]);
    if (l.bound != 0) out += fmt::format(" {}", l.bound);
    out += "\n";
  }
  write_body(p.body, "", out);
  size_t state = 0;
  for (size_t i = 0; i < p.leaves.size(); ++i)
    if (p.leaves[i].kind == Leaf::state && p.rebinds[state++] >= 0)
      out += fmt::format("rebind %{} = %{}\n", i, p.rebinds[state - 1]);
  return out;
}

std::string write(const Mode& m) {
  std::string out = m.life == Mode::eager ? "eager" : m.life == Mode::compiled ? "compiled" : "frozen";
  for (size_t i = 0; i < m.without.size(); ++i) out += (i == 0 ? " without=" : ",") + m.without[i];
  if (m.schedule != 0) out += fmt::format(" schedule={}", m.schedule);
  if (m.threads != 1) out += fmt::format(" threads={}", m.threads);
  if (m.v3) out += " v3";
  if (m.moved) out += " moved";
  if (m.twin) out += " twin";
  if (m.tiles) out += " tiles";
  return out;
}

Mode read_mode(const std::string& text) {
  Mode m;
  std::istringstream words(text);
  for (std::string w; words >> w;) {
    const std::string after = w.substr(w.find('=') + 1);
    if (w == "eager" || w == "compiled" || w == "frozen") {
      m.life = w == "eager" ? Mode::eager : w == "compiled" ? Mode::compiled : Mode::frozen;
    } else if (w == "v3") {
      m.v3 = true;
    } else if (w == "moved") {
      m.moved = true;
    } else if (w == "twin") {
      m.twin = true;
    } else if (w == "tiles") {
      m.tiles = true;
    } else if (w.rfind("schedule=", 0) == 0) {
      m.schedule = static_cast<uint32_t>(std::stoul(after));
    } else if (w.rfind("threads=", 0) == 0) {
      m.threads = std::stoi(after);
    } else if (w.rfind("without=", 0) == 0) {
      std::istringstream names(after);
      for (std::string pass; std::getline(names, pass, ',');) m.without.push_back(pass);
    } else {
      bad(text);
    }
  }
  return m;
}

std::string write(const Case& c, const std::string& comment) {
  std::string out = comment + write(c.program);
  for (const Mode& m : c.modes) out += "mode " + write(m) + "\n";
  return out;
}

Case read_case(const std::string& text) {
  Case c;
  Program& p = c.program;
  Lines lines(text);
  std::string line;
  while (lines.next(line)) {
    std::istringstream words(line);
    std::string first;
    words >> first;
    if (first == "seed") {
      words >> p.seed;
      for (std::string w; words >> w;) {
        if (w == "specials")
          p.specials = true;
        else if (w == "moves")
          p.moves = true;
        else if (w == "bad_index")
          p.bad_index = true;
        else
          bad(line);
      }
    } else if (first == "input" || first == "state") {
      read_leaf(line, p);
    } else if (first == "mode") {
      c.modes.push_back(read_mode(line.substr(5)));
    } else if (first == "rebind") {
      std::string leaf, equals, value;
      words >> leaf >> equals >> value;
      const auto at = static_cast<size_t>(value_of(leaf, line));
      if (at >= p.leaves.size() || p.leaves[at].kind != Leaf::state) bad(line);
      size_t state = 0;
      for (size_t i = 0; i < at; ++i) state += p.leaves[i].kind == Leaf::state;
      p.rebinds[state] = value_of(value, line);
    } else {
      p.body.parameters = static_cast<int>(p.leaves.size());
      read_body(p.body, line, lines);
    }
  }
  return c;
}

Program read(const std::string& text) { return read_case(text).program; }

std::vector<int> first_outputs(const Body& b) {
  std::vector<int> first;
  int next = b.parameters;
  for (const Step& s : b.steps) {
    first.push_back(next);
    next += s.outputs;
  }
  return first;
}

int count_steps(const Body& b) {
  int n = 0;
  for (const Step& s : b.steps) n += 1 + (s.body != nullptr ? count_steps(*s.body) : 0);
  return n;
}

bool has_op(const Body& b, std::string_view name) {
  return std::any_of(b.steps.begin(), b.steps.end(),
                     [&](const Step& s) { return s.op == name || (s.body != nullptr && has_op(*s.body, name)); });
}

}  // namespace duet::fuzz
