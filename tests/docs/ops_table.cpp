// Prints docs/ops.md: what every operation accepts, and which tests look at it. All of it is derived: dtypes, values
// and gradients from the samples of the op tests and from the records, PyTorch's part from the golden cases,
// descriptions from the headers. What is missing needs a reason here, and a reason for what is not missing is an error
// too.
#include <fmt/format.h>

#include "docs/documented.h"
#include "golden/cases.h"
#include "ops/samples.h"
#include "ops/basic_composites.h"
#include "ops/families.h"
#include "ops/neural_composites.h"
#include "ops/stats_composites.h"

namespace duet::docs {
namespace {

const Texts kNoGolden = {
    {"sgd_update", "part of optim::Sgd"},
    {"adam_update", "part of optim::Adam"},
    {"adamw_update", "part of optim::AdamW"},
    {"lion_update", "part of optim::Lion"},
    {"alias", "only tapes see it"},
    {"copy", "contiguous has"},
    {"exclusive_prod", "part of prod's gradient"},
    {"recurrence", "part of prod's gradient"},
    {"unsort", "part of sort's gradient"},
    {"resort", "part of sort's gradient"},
    {"unwindows", "part of windows' gradient"},
    {"fold", "part of unfold's gradient"},
    {"max_pool_index", "part of max_pool2d"},
    {"uniform", "random numbers by key"},
    {"normal", "random numbers by key"},
    {"bernoulli", "random numbers by key"},
    {"categorical", "random numbers by key"},
    {"dropout", "random numbers by key"},
    {"permutation", "random numbers by key"},
    {"split", "random numbers by key"},
    {"fold_in", "random numbers by key"},
    {"Dropout", "random numbers by key"},
    {"Lion", "PyTorch has none"},
};
const Texts kNoGradient = {
    {"adam_update", "optimisers are not differentiated"},
    {"adamw_update", "optimisers are not differentiated"},
    {"lion_update", "optimisers are not differentiated"},
    {"Adam", "optimisers are not differentiated"},
    {"AdamW", "optimisers are not differentiated"},
    {"Lion", "optimisers are not differentiated"},
    {"Sgd", "optimisers are not differentiated"},
    {"clip_by_global_norm", "optimisers are not differentiated"},
    {"zeros", "nothing to differentiate"},
    {"ones", "nothing to differentiate"},
    {"eye", "nothing to differentiate"},
    {"argsort", "integers or bool"},
    {"bernoulli", "integers or bool"},
    {"categorical", "integers or bool"},
};
/// Functions that are an operation of a list under another name.
const Texts kOperation = {{"slice_axis", "slice"}};
/// What has neither samples nor golden cases: the test that checks it in all modes.
const Texts kTestedIn = {{"Dropout", "nn_test"}, {"Lion", "optim_test"}};

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
        std::pair("matmul", golden::matmul_cases()), std::pair("neural", golden::neural_cases()),
        std::pair("layers", golden::layers_cases()), std::pair("optim", golden::optim_cases(Mode::eager))}) {
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
  if (set == kStored || set == kAnyDType) return "any";
  if (set == kFloats) return "float";
  std::string s;
  for (int i = 0; i < kDTypes; ++i)
    if ((set >> i) & 1u) s += (s.empty() ? "" : " ") + std::string(name(static_cast<DType>(i)));
  return s;
}

/// What an operation's samples show.
struct Shown {
  DTypeSet in = 0, out = 0;
  bool sampled = false, smooth = false, same = true;
  size_t arity = 0;
  void add(const std::vector<testing::Sample>& samples) {
    for (const testing::Sample& s : samples) {
      sampled = true;
      smooth |= s.smooth;
      const DType y = s.f(s.inputs, testing::kNumber).dtype();
      out |= set_of(y);
      arity = std::max(arity, s.inputs.size());
      for (const Tensor& x : s.inputs) in |= set_of(x.dtype()), same &= x.dtype() == y;
    }
  }
};

/// The three tables. What is in golden cases, headers or lists and in no table is a problem.
class Tables {
 public:
  template <class Family>
  void operations(const char* list) {
    lists_.insert(list);
    for (const testing::Sampled& op : testing::samples_of<Family>()) row(*op.op, op.samples());
  }
  /// Samples of functions; of "name.part" for each part of several results.
  template <class List>
  void composites() {
    for (const testing::Sampled& function : testing::samples_of<List>())
      composites_[std::string(function.name.substr(0, function.name.find('.')))].add(function.samples());
  }

  std::string operation_rows() {
    if (lists_ != documented_.lists)
      throw std::runtime_error(
          fmt::format("{} op lists are here, the headers have {}", lists_.size(), documented_.lists.size()));
    return rows_;
  }

  /// Functions that are no operation of a list: made of those that are.
  std::string composite_rows() {
    std::string rows;
    for (const std::string& name : documented_.functions) {
      if (operations_.count(name) || kOperation.count(name)) continue;
      seen_.insert(name);
      rows += composite_row(name, name, composites_[name]);
    }
    return rows;
  }
  std::string layer_rows() {
    std::string rows;
    for (const std::string& name : documented_.layers) {
      seen_.insert(name);
      rows += composite_row(name, "nn::" + name, {});
    }
    return rows;
  }

  void check_that_all_were_seen() const {
    for (const auto& [name, golden] : golden_)
      if (golden.cases > 0 && !seen_.count(name)) problems.push_back(name + ": golden cases of no operation");
    for (const auto& [name, shown] : composites_)
      if (!seen_.count(name)) problems.push_back(name + ": samples of no function");
  }

 private:
  std::string described(const std::string& name) {
    const std::string text = documented_.sentences[name];
    if (text.empty()) problems.push_back(name + ": no docstring");
    return text;
  }
  std::string golden_cases(const std::string& name) {
    const int n = golden_[name].cases;
    const std::string text = answer(n > 0, name, "golden", kNoGolden);
    return n == 0 ? text : fmt::format("{} case{}", n, n == 1 ? "" : "s");
  }

  void row(const OpRecord& op, const std::vector<testing::Sample>& samples) {
    const std::string name(op.name);
    operations_.insert(name), seen_.insert(name);
    Shown shown;
    if (op.kind == OpClass::pointwise) shown.in = op.accepts;
    shown.add(samples);
    const Golden g = golden_[name];
    std::string gradient, second;
    if (op.vjp == nullptr && ((shown.out & kFloats) == 0 || (shown.in & kFloats) == 0)) {
      gradient = second = shown.in == 0 ? "no: nothing to differentiate" : "no: integers or bool";
    } else if (op.vjp == nullptr && g.gradient) {
      gradient = second = "zero, as PyTorch's";
    } else {
      gradient = answer(op.vjp != nullptr && (shown.smooth || g.gradient), name, "gradient", kNoGradient);
      second = answer(op.vjp != nullptr && (shown.smooth || g.second), name, "second gradient", kNoGradient);
    }
    const std::string in = dtypes(shown.in);
    rows_ += fmt::format("| `{}` | {} | {} → {} | {} | {} | {} | {} | {} |\n", name, described(name),
                         op.inputs < 0                      ? in + " …"
                         : op.inputs > 1 && shown.arity > 1 ? fmt::format("{} ×{}", in, op.inputs)
                                                            : in,
                         shown.same && shown.out == shown.in ? "the same" : dtypes(shown.out),
                         answer(shown.sampled, name, "values", {}), gradient, second,
                         answer(shown.sampled, name, "compiled", {}), golden_cases(name));
  }

  /// Golden cases run in all modes, as samples do.
  std::string composite_row(const std::string& name, const std::string& key, const Shown& shown) {
    const Golden g = golden_[name];
    const auto elsewhere = kTestedIn.find(name);
    const bool tested = shown.sampled || g.cases > 0;
    if (tested == (elsewhere != kTestedIn.end()))
      problems.push_back(name + (tested ? ": tested, and said to be tested elsewhere" : ": tested nowhere"));
    if (elsewhere != kTestedIn.end() &&
        read(fs::path(DUET_SOURCE_DIR "/tests") / (elsewhere->second + ".cpp")).find(name) == std::string::npos)
      problems.push_back(fmt::format("{}: {} does not mention it", name, elsewhere->second));
    const std::string values = elsewhere == kTestedIn.end() ? "yes" : "`" + elsewhere->second + "`";
    auto differentiated = [&](bool yes, const char* which) {
      return elsewhere != kTestedIn.end() && !kNoGradient.count(name)
                 ? values
                 : answer(yes || shown.smooth, name, which, kNoGradient);
    };
    return fmt::format("| `{}` | {} | {} | {} | {} | {} | {} |\n", name, described(key), values,
                       differentiated(g.gradient, "gradient"), differentiated(g.second, "second gradient"), values,
                       golden_cases(name));
  }

  Documented documented_ = read_headers();
  std::map<std::string, Golden> golden_ = read_golden();
  std::map<std::string, Shown> composites_;
  std::set<std::string> lists_, operations_, seen_;
  std::string rows_;
};

constexpr const char* kHeading = R"(# Operations

What each operation takes and gives, and which tests look at it. `tests/docs/ops_table.cpp` derives this page from the lists
of operations, their samples and the golden cases; a test compares the two, `./run docs` writes it anew.

- **takes**: where f32 is taken, f16 and bf16 are too, computed in f32 and rounded ([numerics.md](numerics.md)); tests take every
  operation through them in every mode. What takes «any» moves their bits
- **values**: against an independent reference in f64, over shapes, dtypes, layouts in memory, instruction sets and threads,
  or against PyTorch; else the test that looks at it
- **gradient**, **second**: against central differences in f64, or PyTorch's
- **modes**: eager, compiled and frozen give the same bits, gradients included
- **PyTorch**: cases in `tests/golden`, values and gradients, each in the three modes

## Operations of the lists

| operation | what | takes → gives | values | gradient | second | modes | PyTorch |
|---|---|---|---|---|---|---|---|
)";
constexpr const char* kCompositeHeading = R"(
## Made of others

| function | what | values | gradient | second | modes | PyTorch |
|---|---|---|---|---|---|---|
)";
constexpr const char* kLayerHeading = R"(
## Layers and optimisers

Gradients are those of inputs and parameters.

| name | what | values | gradient | second | modes | PyTorch |
|---|---|---|---|---|---|---|
)";

void print() {
  Tables t;
  testing::for_each_family([&]<class Family>(const char* list) { t.operations<Family>(list); });
  t.composites<testing::Composites>();
  t.composites<testing::NeuralOps>();
  t.composites<testing::ConvComposites>();
  t.composites<testing::Statistics>();
  t.composites<testing::RearrangeComposites>();
  fmt::print("{}{}", kHeading, t.operation_rows());
  fmt::print("{}{}", kCompositeHeading, t.composite_rows());
  fmt::print("{}{}", kLayerHeading, t.layer_rows());
  t.check_that_all_were_seen();
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
