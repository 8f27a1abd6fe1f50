// Messages that no other test pins: whole strings, of errors and of DUET_DEBUG.
#include <fmt/format.h>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "expect.h"

namespace duet {
namespace {

TEST(Messages, Operands) {
  const Tensor x = ones({2}), whole = tensor({1, 2});
  EXPECT_ERROR(Error, x + Tensor(), "add: operand 2 is an empty Tensor; give it a value first");
  EXPECT_ERROR(DTypeError, whole + 2.5, "add: the floating number 2.5 beside i32 tensors; convert them with .to(f32)");
  EXPECT_ERROR(DTypeError, whole + 0.1f, "add: the floating number 0.1 beside i32 tensors; convert them with .to(f32)");
  EXPECT_ERROR(DTypeError, whole + 2.0, "add: the floating number 2 beside i32 tensors; convert them with .to(f32)");
  EXPECT_ERROR(DTypeError, whole.to(u8) + 300, "add: 300 does not fit u8; convert the tensor to a wider type");
  EXPECT_ERROR(Error, stop_gradient(Tensor()), "stop_gradient: the operand is an empty Tensor; give it a value first");
  const Operand operand(x);
  const std::vector<Inputs::Ref> many(65, Inputs::Ref(operand));
  const int64_t axis = 0;
  EXPECT_ERROR(ShapeError, dispatch(op<Concat>(), Inputs(std::span<const Inputs::Ref>(many)), Attrs(&axis, 1)),
               "concat: 65 operands are too many; at most 64");
  EXPECT_ERROR(ShapeError, nn::Linear::init(0, 3, Key(1)),
               "Linear: 0 inputs and 3 outputs make no layer; sizes must be positive");
  EXPECT_ERROR(ShapeError, sum(x, {.axis = {0, 0, 0, 0, 0, 0, 0}}), "axes: 7 are too many; a tensor has at most 6");
}

TEST(Messages, NotAKey) {
  Key key(1);
  key.data() = ones({2});
  EXPECT_ERROR(DTypeError, uniform(key, {1}),
               "uniform: operand 1 is no key: f32[2]; keys come from Key(seed), split and fold_in");
}

TEST(Messages, Passes) {
  const std::string all = "; the passes are fold, simplify, cse, dce, fuse, combine, schedule, plan_memory";
  auto f = [](const Tensor& x) { return x + 1; };
  EXPECT_ERROR(Error, compile(f, {.without = {"fusion"}}), "passes: there is no pass fusion" + all);
  EXPECT_ERROR(Error, freeze(f, {.without = {"fusion"}}), "passes: there is no pass fusion" + all);
  auto what = [&](const char* value) -> std::string {
    setenv("DUET_PASSES", value, 1);
    std::string text;
    try {
      compile(f)(ones({1}));
    } catch (const Error& e) {
      text = e.what();
    }
    unsetenv("DUET_PASSES");
    return text;
  };
  EXPECT_EQ(what("fuse"), "DUET_PASSES: fuse does not begin with a minus; write DUET_PASSES=-fuse");
  EXPECT_EQ(what("-fuse,-nothing"), "passes: there is no pass nothing" + all);
  EXPECT_EQ(what("-fuse,-plan_memory"), "");
  EXPECT_EQ(what(""), "");
}

// Two recordings that compute the same and give it back otherwise.
TEST(Messages, ImpureResults) {
  int calls = 0;
  auto other_result = freeze([&](const Tensor& x) {
    Tensor a = x + 1, b = x * 2;
    return ++calls % 2 == 0 ? std::pair{a, b} : std::pair{b, a};
  });
  EXPECT_ERROR(TraceError, other_result(ones({1})),
               "freeze: two recordings return different values; the function is not pure, use compile");
  auto other_kept = freeze([&](const Tensor& x) {
    Tensor a = x + 1, b = x * 2;
    return ++calls % 2 == 0 ? a : b;
  });
  EXPECT_ERROR(TraceError, other_kept(ones({1})),
               "freeze: two recordings differ in what they keep; the function is not pure, use compile");
  Tensor first = ones({1}), second = zeros({1});
  auto other_capture = freeze([&](const Tensor& x) {
    Tensor used = x + 1;
    return std::pair{used, ++calls % 2 == 0 ? first : second};
  });
  EXPECT_ERROR(TraceError, other_capture(ones({1})),
               "freeze: two recordings return different values; the function is not pure, use compile");
}

// The instruction set is chosen once, so another process is asked.
TEST(Messages, DISABLED_PrintsTheChoiceOfKernels) {
  try {
    (void)(ones({1}) + 1);
    std::puts("fine");
  } catch (const Error& e) {
    std::puts(e.what());
  }
}
std::string with_isa(const std::string& isa) {
  char self[4096] = {};
  if (readlink("/proc/self/exe", self, sizeof self - 1) <= 0) return "";
  const std::string command =
      "DUET_ISA=" + isa + " " + self + " --gtest_also_run_disabled_tests --gtest_filter='*PrintsTheChoice*'";
  FILE* pipe = popen(command.c_str(), "r");
  std::string text;
  for (char line[512]; std::fgets(line, sizeof line, pipe) != nullptr;) text += line;
  pclose(pipe);
  return text;
}
TEST(Messages, InstructionSets) {
  const std::string text = with_isa("v9");
  EXPECT_NE(text.find("DUET_ISA: this machine or build has no kernels v9; use v3 or v4, or unset it"),
            std::string::npos)
      << text;
#if defined(__x86_64__)
  EXPECT_NE(with_isa("v3").find("fine\n"), std::string::npos);
#endif
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(Messages, OutOfMemory) {
  const size_t bytes = size_t{1} << 46;  // what no machine gives
  try {
    memory::deallocate(memory::allocate(bytes), bytes);
    GTEST_SKIP() << "the system promises more than it has";
  } catch (const OutOfMemory& e) {
    EXPECT_EQ(std::string(e.what()), fmt::format("allocate: the system has no {} bytes more; {} bytes are live", bytes,
                                                 memory_stats().live_bytes));
  }
}
#endif

std::vector<std::string>& noted() {
  static std::vector<std::string> lines;
  return lines;
}
template <class F>
std::vector<std::string> debug_lines(int level, F&& f) {
  noted().clear();
  set_debug(level);
  set_debug_sink([](std::string_view line) { noted().emplace_back(line); });
  f();
  set_debug(0);
  set_debug_sink(nullptr);
  return noted();
}

TEST(Messages, Debug) {
  const Tensor x = ones({2}), wide = ones({3});
  const unsigned line = __LINE__ + 2;
  auto g = compile([](const Tensor& t) {
    Tensor y = sum(exp(t));
    return y.item() * t;
  });
  const std::string at = "messages_test.cpp:";
  EXPECT_EQ(
      debug_lines(1, [&] { g(x), g(x); }),
      (std::vector<std::string>{fmt::format("split at item {}{}", at, line + 1), "plan 1: first call",
                                "plan 2: first call, after split 1", fmt::format("split at item {}{}", at, line + 1)}));
  EXPECT_EQ(debug_lines(2, [&] { g(x); }),
            (std::vector<std::string>{
                fmt::format("record %0 exp f32[2] {}{}", at, line), fmt::format("record %1 sum f32[] {}{}", at, line),
                fmt::format("split at item {}{}", at, line + 1), fmt::format("launch k0 exp+sum f32[] {}{}", at, line),
                fmt::format("record %0 mul f32[2] {}{}", at, line + 1),
                fmt::format("launch k0 mul f32[2] {}{}", at, line + 1)}));
  EXPECT_EQ(debug_lines(1, [&] { g(wide); })[1], "plan 3: arg0 is f32[3], was f32[2]: axis 0 differs");
  const unsigned here = __LINE__ + 1;  // outside of a macro, whose line compilers see differently
  auto add_one = [&] { (void)(x + 1); };
  EXPECT_EQ(debug_lines(2, add_one), (std::vector<std::string>{fmt::format("run add f32[2] {}{}", at, here)}));
  EXPECT_TRUE(debug_lines(0, [&] { g(x); }).empty());
}

TEST(Messages, InternalErrorsAskForAReport) {
  try {
    internal_error("a == b", "file.cpp", 7);
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "duet internal error: a == b does not hold (file.cpp:7); please report it");
    return;
  }
  FAIL();
}

}  // namespace
}  // namespace duet
