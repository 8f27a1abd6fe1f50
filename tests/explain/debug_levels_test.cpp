// Every level of DUET_DEBUG shows what it promises and all that the levels below show; docs/debugging.md has it.
#include <duet/duet.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>

#include "modes.h"

using namespace duet;

namespace {

std::vector<std::string>& noted() {
  static std::vector<std::string> lines;
  return lines;
}
template <class F>
std::vector<std::string> lines_of(int level, F&& f) {
  noted().clear();
  set_debug(level);
  set_debug_sink([](std::string_view line) {
    noted().push_back(
        std::regex_replace(std::string(line), std::regex(" *(grad of )?debug_levels_test.cpp:[0-9]+"), ""));
  });
  f();
  set_debug(0);
  set_debug_sink(nullptr);
  return noted();
}
bool begins(const std::string& line, const char* text) { return line.rfind(text, 0) == 0; }
size_t count(const std::vector<std::string>& lines, const char* text) {
  size_t n = 0;
  for (const std::string& line : lines) n += begins(line, text);
  return n;
}
using Lines = std::vector<std::string>;

TEST(DebugLevels, EachShowsMore) {
  Lines shown[6];
  const Tensor x = ones({2});
  for (int level = 0; level <= 5; ++level) {
    auto f = compile([](const Tensor& t) { return tanh(t * 2.0f); });  // a new one has its plan to make
    shown[level] = lines_of(level, [&] { f(x); });
  }
  EXPECT_TRUE(shown[0].empty());
  EXPECT_EQ(shown[1], (Lines{"plan 1: first call"}));
  EXPECT_EQ(shown[2], (Lines{"record %0 mul f32[2]", "record %1 tanh f32[2]", "plan 1: first call",
                             "launch k0 mul+tanh f32[2]"}));
  EXPECT_EQ(shown[3],
            (Lines{"record %0 mul f32[2]", "record %1 tanh f32[2]", "recorded: 2 operations",
                   "  %0: f32[2] = mul(arg0, number0)", "  %1: f32[2] = tanh(%0)", "  outputs %1",
                   "after fuse: 2 operations", "  k0 %0: f32[2] = mul(arg0, number0)", "  k0 %1: f32[2] = tanh(%0)",
                   "  outputs %1", "plan 1: first call", "launch k0 mul+tanh f32[2]"}));
  for (int level = 1; level <= 5; ++level)
    for (const std::string& line : shown[level - 1])
      EXPECT_EQ(std::count(shown[level].begin(), shown[level].end(), line) > 0, true) << level << ": " << line;
  EXPECT_EQ(shown[5].back(), "  %1: f32[2] = 0.9640276, 0.9640276");
}

TEST(DebugLevels, PassesThatChangeNothingAreNotShown) {
  auto f = compile([](const Tensor& x) { return exp(x) + exp(x); });
  const Tensor x = ones({2});
  const Lines lines = lines_of(3, [&] { f(x); });
  EXPECT_EQ(count(lines, "after simplify"), 0u);
  EXPECT_EQ(count(lines, "after cse"), 1u);
  EXPECT_EQ(count(lines, "after dce: 2 operations"), 1u);
  EXPECT_EQ(count(lines, "after fuse"), 1u);
  EXPECT_EQ(lines_of(3, [&] { f(x); }).size(), 4u) << "a call that finds its plan: record and launch";
}

TEST(DebugLevels, ConstantsAreNumbersOfTheirType) {
  for (const DType t : {f32, f64, i32, i64, u8}) {
    auto f = compile([](const Tensor& x) { return x * Operand::constant(3); });
    const Lines lines = lines_of(3, [&] { f(ones({2}, t)); });
    EXPECT_EQ(count(lines, fmt::format("  %0: {}[2] = mul(arg0, 3)", t).c_str()), 1u);
  }
}

TEST(DebugLevels, FormulasAreTheInstructionsOfTheKernel) {
  auto f = compile([](const Tensor& x, const Tensor& m) {
    const Tensor positive = relu(x), twice = positive * 2.0f, third = x / 3.0f;
    return where(m, twice, third);
  });
  const Lines lines = lines_of(4, [&] { f(ones({2}), ones({2}) > 0.0f); });
  auto from = std::find_if(lines.begin(), lines.end(), [](auto& l) { return begins(l, "formula k0"); });
  ASSERT_NE(from, lines.end());
  const Lines formula(from, std::find_if(from, lines.end(), [](auto& l) { return begins(l, "launch"); }));
  EXPECT_EQ(std::count(formula.begin(), formula.end(), "    %1 = mul(%0, number0)"), 1);
  EXPECT_EQ(std::count(formula.begin(), formula.end(), "    %2 = div(arg0, number1)"), 1);
  EXPECT_EQ(std::count(formula.begin(), formula.end(), "    %3 = select(arg1, %1, %2)"), 1);
}

TEST(DebugLevels, FormulasOfGradientsTakeTheRulesOperands) {
  auto f =
      compile([](const Tensor& x, const Tensor& y) { return grad([&](const Tensor& v) { return sum(v / y); })(x); });
  const Lines lines = lines_of(4, [&] { f(ones({2}), ones({2})); });
  size_t rules = 0;
  for (size_t i = 0; i + 1 < lines.size(); ++i) {
    std::smatch m;
    static const std::regex kRule(R"(  (%\d+): f32\[2\] = div_vjp\((.*), (.*)\))");
    if (!std::regex_match(lines[i], m, kRule)) continue;
    if (lines[i + 1].rfind("    ", 0) != 0) continue;  // the graph after a pass
    ++rules;
    EXPECT_EQ(lines[i + 1], fmt::format("    {} = div({}, {})", m[1].str(), m[2].str(), m[3].str()));
  }
  EXPECT_EQ(rules, 1u);
}

// In f32 a magnitude is taken by its bits, in f64 by choice: the operand's type decides, not the mask that is made.
TEST(DebugLevels, FormulasAreThoseOfTheOperandsType) {
  for (const DType t : {f32, f64}) {
    auto f = compile([](const Tensor& x) { return isinf(sqrt(x)); });
    const Lines lines = lines_of(4, [&] { f(ones({2}, t)); });
    const bool by_bits =
        std::any_of(lines.begin(), lines.end(), [](auto& l) { return l.find("= bits_and(") != std::string::npos; });
    EXPECT_EQ(by_bits, t == f32);
  }
}

// Every pointwise op and gradient has a formula that can be shown, whichever element type it computes in.
TEST(DebugLevels, EveryOpHasAFormula) {
  for (DType t : {f32, f64}) {
    const Tensor x = full({3}, 0.5, t);
    auto f = compile([&](const Tensor& a) {
      auto loss = [&](const Tensor& v) {
        return sum(exp(v) + expm1(v) + log(v) + log1p(v) + sin(v) + cos(v) + tanh(v) + erf(v) + sqrt(v) + rsqrt(v) +
                   pow(v, v) + gelu(v) + gelu_tanh(v) + silu(v) + softplus(v) + sigmoid(v) + maximum(v, 0.25f) +
                   clamp(v, 0.0f, 1.0f) + leaky_relu(v) + reciprocal(v) + square(v) + abs(v));
      };
      return grad(loss)(a);
    });
    const Lines lines = lines_of(4, [&] { f(x); });
    int shown = 0;
    for (size_t i = 0; i < lines.size(); ++i) {
      static const std::regex kPointwise(R"(  %\d+: f\d\d\[3\].* = .*)");
      if (!std::regex_match(lines[i], kPointwise) || i + 1 == lines.size()) continue;
      if (lines[i].find("broadcast_to") != std::string::npos) continue;
      bool in_formula = false;
      for (size_t k = i; k-- > 0 && !in_formula;) {
        in_formula = begins(lines[k], "formula");
        if (begins(lines[k], "recorded") || begins(lines[k], "after")) break;
      }
      if (!in_formula) continue;
      ++shown;
      EXPECT_TRUE(begins(lines[i + 1], "    ")) << lines[i] << " has no instruction";
    }
    EXPECT_GE(shown, 40);
  }
}

TEST(DebugLevels, ValuesAreTheResultsOfEachKernel) {
  auto g = [](const Tensor& x) {
    const Tensor twice = relu(x) * 2.0f;
    return std::pair{twice, sum(x)};
  };
  const Tensor x = tensor({1.0f, -2.0f, 3.0f, 4.0f, 5.0f, 6.0f});
  auto f = compile(g);
  const Lines compiled = lines_of(5, [&] { f(x); });
  EXPECT_EQ(count(compiled, "  %1: f32[6] = 2, 0, 6, 8, …"), 1u);
  EXPECT_EQ(count(compiled, "  %2: f32[] = 17"), 1u);
  EXPECT_EQ(count(compiled, "  %0: f32[6] = 1"), 0u) << "it is in registers alone";
  const Lines eager = lines_of(5, [&] { g(x); });
  EXPECT_EQ(count(eager, "  f32[6] = 2, 0, 6, 8, …"), 1u);
  EXPECT_EQ(count(eager, "  f32[] = 17"), 1u);
}

TEST(DebugLevels, BitsStayTheSame) {
  auto f = [](const Tensor& x) {
    return grad([](const Tensor& v) { return sum(softmax(matmul(v, v.transpose()), -1) * 0.5f); })(x);
  };
  const Tensor x = expect::numbers({7, 5});
  const std::string quiet = expect::in_every_mode(f, x);
  std::string loud;
  lines_of(5, [&] { loud = expect::in_every_mode(f, x); });
  EXPECT_EQ(loud, quiet);
}

// The samples of docs/debugging.md are lines of tests/lessons, which are compared with what is printed.
TEST(DebugLevels, SamplesInTheDocumentation) {
  auto read = [](const std::string& path) {
    std::ifstream file(std::string(DUET_SOURCE_DIR) + path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string printed = read("/tests/lessons/debug_1.txt") + read("/tests/lessons/debug_5.txt");
  const std::string page = read("/docs/debugging.md");
  int samples = 0;
  for (size_t at = 0, end; (at = page.find("duet: ", at)) != page.npos; at = end) {
    end = page.find('\n', at);
    ++samples;
    EXPECT_NE(printed.find(page.substr(at, end - at) + "\n"), printed.npos) << page.substr(at, end - at);
  }
  EXPECT_GE(samples, 20);
}

}  // namespace
