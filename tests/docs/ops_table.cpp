// Prints docs/ops.md: what every operation accepts, and which tests look at it. All of it is derived: dtypes, values
// and gradients from the samples of the op tests and from the records, PyTorch's part from the golden cases,
// descriptions from the headers. What is missing needs a reason here, and a reason for what is not missing is an error
// too.
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "golden/index_cases.h"
#include "golden/matmul_cases.h"
#include "golden/movement_cases.h"
#include "golden/neural_cases.h"
#include "golden/pointwise_cases.h"
#include "golden/reduce_cases.h"
#include "ops/families.h"

namespace duet::docs {
namespace {

namespace fs = std::filesystem;
using Texts = std::map<std::string, std::string>;

const Texts kNoGolden = {
    {"adam_update", "part of optim::Adam"},
    {"alias", "only tapes see it"},
    {"copy", "contiguous has"},
    {"exclusive_prod", "part of prod's gradient"},
    {"recurrence", "part of prod's gradient"},
    {"unsort", "part of sort's gradient"},
    {"resort", "part of sort's gradient"},
    {"unwindows", "part of windows' gradient"},
    {"uniform", "random numbers by key"},
    {"normal", "random numbers by key"},
    {"bernoulli", "random numbers by key"},
    {"permutation", "random numbers by key"},
    {"split", "random numbers by key"},
    {"fold_in", "random numbers by key"},
};
const Texts kNoGradient = {
    {"adam_update", "optimisers are not differentiated"},
    {"zeros", "nothing to differentiate"},
    {"ones", "nothing to differentiate"},
    {"eye", "nothing to differentiate"},
    {"argsort", "integers or bool"},
    {"bernoulli", "integers or bool"},
};
/// Functions that are an operation of a list under another name.
const Texts kOperation = {{"slice_axis", "slice"}};
const Texts kNoSample = {};

/// What the headers say of each name: the first sentence of its docstring.
struct Documented {
  Texts sentences;
  std::vector<std::string> functions;  // in reading order
  std::set<std::string> lists;
};

std::string first_sentence(const std::string& text) {
  std::smatch end;
  const bool found = std::regex_search(text, end, std::regex(R"(( \(attribute|\b(?!al\.)\w*\S?(\.|;|:)( |$)))"));
  std::string s = found ? text.substr(0, static_cast<size_t>(end.position())) + end.str() : text;
  s = std::regex_replace(s, std::regex(R"(( \(attribute|\.|;|:) ?$)"), "");
  return std::regex_replace(s, std::regex(R"(\|)"), "\\|");
}

Documented read_headers() {
  Documented d;
  std::vector<fs::path> headers{DUET_SOURCE_DIR "/include/duet/random.h"};
  for (const auto& file : fs::directory_iterator(DUET_SOURCE_DIR "/include/duet/ops")) headers.push_back(file.path());
  std::sort(headers.begin(), headers.end());
  static const std::regex function(
      R"(^(?:inline )?(?!Outputs)[A-Z]\w* ([a-z]\w*)\((?:const (?:Operand|Tensor|Shape|Key|std)|int|double).*)");
  static const std::regex name_of_struct(R"re(.*string_view name = "(\w+)";)re");
  static const std::regex list(R"(struct\s+(\w+)\s*:\s*OpList<)");
  for (const fs::path& path : headers) {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    const std::string all = text.str();
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
  return d;
}

/// What the golden files hold of an operation.
struct Golden {
  int cases = 0;
  bool gradient = false, second = false;
};
std::map<std::string, Golden> read_golden() {
  std::map<std::string, Golden> all;
  for (auto [family, cases] :
       {std::pair("pointwise", golden::pointwise_cases()), std::pair("reduce", golden::reduce_cases()),
        std::pair("movement", golden::movement_cases()), std::pair("index", golden::index_cases()),
        std::pair("matmul", golden::matmul_cases()), std::pair("neural", golden::neural_cases())}) {
    const golden::File file = golden::load(family);
    for (const golden::Case& c : cases) {
      Golden& g = all[c.op()];
      ++g.cases;
      g.gradient |= file.at(c.name).count("dy") > 0;
      g.second |= file.at(c.name).count("w0") > 0;
    }
  }
  return all;
}

/// The names that tests of samples mention: `composite_samples("softmax", …)`.
std::set<std::string> read_sampled() {
  std::set<std::string> names;
  static const std::regex mention(R"re(_samples\(\s*"(\w+))re");
  for (const auto& file : fs::directory_iterator(DUET_SOURCE_DIR "/tests/ops")) {
    std::ifstream in(file.path());
    std::stringstream text;
    text << in.rdbuf();
    const std::string all = text.str();
    for (std::sregex_iterator i(all.begin(), all.end(), mention), end; i != end; ++i) names.insert((*i)[1]);
  }
  return names;
}

/// "yes" or "no: why"; notes where a reason is missing or stale.
std::vector<std::string> problems;
std::string answer(bool yes, const std::string& op, const char* column, const Texts& reasons) {
  auto why = reasons.find(op);
  if (yes == (why != reasons.end()))
    problems.push_back(
        fmt::format("{}: {}: {}", op, column, yes ? "yes, and a reason why not" : "no, and no reason why"));
  return yes ? "yes" : why == reasons.end() ? "no" : "no: " + why->second;
}

std::string dtypes(DTypeSet set) {
  if (set == 0) return "numbers";
  if (set == kAnyDType) return "any";
  if (set == kFloats) return "float";
  std::string s;
  for (int i = 0; i < kDTypes; ++i)
    if ((set >> i) & 1u) s += (s.empty() ? "" : " ") + std::string(name(static_cast<DType>(i)));
  return s;
}

class Table {
 public:
  template <class Family>
  void family(const char* list) {
    lists_.insert(list);
    testing::for_each_op<Family>([&]<class Op>() { row(op<Op>(), testing::Generator<Op>::samples()); });
  }

  std::string text() {
    if (lists_ != documented_.lists)
      throw std::runtime_error(
          fmt::format("{} op lists are here, the headers have {}", lists_.size(), documented_.lists.size()));
    return rows_;
  }

  /// Functions that are no operation of a list: made of those that are.
  std::string composites() {
    const std::set<std::string> sampled = read_sampled();
    std::string rows;
    for (const std::string& name : documented_.functions) {
      if (ops_.count(name) || kOperation.count(name)) continue;
      const Golden g = golden_[name];
      const bool tested = sampled.count(name) || g.cases > 0;
      const std::string values = answer(tested, name, "values", kNoSample);
      rows += fmt::format("| `{}` | {} | {} | {} | {} | {} | {} |\n", name, documented_.sentences[name], values,
                          answer(g.gradient, name, "gradient", kNoGradient),
                          answer(g.second, name, "second gradient", kNoGradient), values,
                          g.cases ? fmt::format("{} case{}", g.cases, g.cases == 1 ? "" : "s")
                                  : answer(false, name, "golden", kNoGolden));
    }
    return rows;
  }

 private:
  void row(const OpRecord& op, const std::vector<testing::Sample>& samples) {
    const std::string name(op.name);
    ops_.insert(name);
    DTypeSet in = op.kind == OpClass::pointwise ? op.accepts : 0, out = 0;
    bool smooth = false, same = true;
    size_t arity = 0;
    for (const testing::Sample& s : samples) {
      smooth |= s.smooth;
      const DType y = s.f(s.inputs, testing::kNumber).dtype();
      out |= set_of(y);
      arity = std::max(arity, s.inputs.size());
      for (const Tensor& x : s.inputs) in |= set_of(x.dtype()), same &= x.dtype() == y;
    }
    const Golden g = golden_[name];
    const bool floats = (out & kFloats) != 0 && (in & kFloats) != 0;
    std::string gradient, second;
    if (op.vjp == nullptr && !floats) {
      gradient = in == 0 ? "no: nothing to differentiate" : "no: integers or bool";
      second = gradient;
    } else if (op.vjp == nullptr && g.gradient) {
      gradient = second = "zero, as PyTorch's";
    } else {
      gradient = answer(op.vjp != nullptr && (smooth || g.gradient), name, "gradient", kNoGradient);
      second = answer(op.vjp != nullptr && (smooth || g.second), name, "second gradient", kNoGradient);
    }
    const bool sampled = !samples.empty();
    rows_ += fmt::format("| `{}` | {} | {} → {} | {} | {} | {} | {} | {} |\n", name, documented_.sentences[name],
                         op.inputs < 0                ? dtypes(in) + " …"
                         : op.inputs > 1 && arity > 1 ? fmt::format("{} ×{}", dtypes(in), op.inputs)
                                                      : dtypes(in),
                         same && out == in ? "the same" : dtypes(out), answer(sampled, name, "values", kNoSample),
                         gradient, second, answer(sampled, name, "compiled", kNoSample),
                         g.cases ? fmt::format("{} case{}", g.cases, g.cases == 1 ? "" : "s")
                                 : answer(false, name, "golden", kNoGolden));
  }

  Documented documented_ = read_headers();
  std::map<std::string, Golden> golden_ = read_golden();
  std::set<std::string> lists_, ops_;
  std::string rows_;
};

constexpr const char* kHeading = R"(# Operations

What each operation takes and gives, and which tests look at it. `tests/docs/ops_table.cpp` derives this page from the lists
of operations, their samples and the golden cases; a test compares the two.

- **values**: against an independent reference in f64, over shapes, dtypes, layouts in memory, instruction sets and threads
- **gradient**, **second**: against central differences in f64, or PyTorch's
- **compiled**: eager, compiled and frozen give the same bits, gradients included
- **PyTorch**: cases in `tests/golden`, values and gradients, each eagerly and compiled

## Operations of the lists

| operation | what | takes → gives | values | gradient | second | compiled | PyTorch |
|---|---|---|---|---|---|---|---|
)";
constexpr const char* kCompositeHeading = R"(
## Made of others

| function | what | values | gradient | second | compiled | PyTorch |
|---|---|---|---|---|---|---|
)";
constexpr const char* kFooting = R"(
Written by `build/dev/tests/docs/ops_table > docs/ops.md`.
)";

void print() {
  Table t;
  testing::for_each_family([&]<class Family>(const char* list) { t.family<Family>(list); });
  const std::string operations = t.text();
  fmt::print("{}{}{}{}{}", kHeading, operations, kCompositeHeading, t.composites(), kFooting);
}

}  // namespace
}  // namespace duet::docs

int main() {
  try {
    duet::docs::print();
    for (const std::string& p : duet::docs::problems) fmt::print(stderr, "ops_table: {}\n", p);
    return duet::docs::problems.empty() ? 0 : 1;
  } catch (const std::exception& e) {
    fmt::print(stderr, "ops_table: {}\n", e.what());
    return 1;
  }
}
