// Random programs over a state that is passed by reference: rebinding, aliasing, swapping, views, item(), failing
// calls. All lives must agree call by call, failed calls must leave the state as it was, and nothing handed out may
// change.
#include <fmt/format.h>

#include <cstdlib>
#include <random>

#include "expect.h"

namespace duet {
namespace {

using State = std::vector<Tensor>;

struct Statement {
  int what, to, a, b;
};
struct Program {
  std::vector<Statement> statements;
  std::vector<int> returned;
};

constexpr int kTensors = 4;

Program make(unsigned seed, bool may_split) {
  std::mt19937 random(seed);
  auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  Program p;
  const int n = 3 + pick(10);
  for (int i = 0; i < n; ++i)
    p.statements.push_back({pick(may_split ? 13 : 12), pick(kTensors), pick(kTensors), pick(kTensors)});
  for (int i = pick(3); i > 0; --i) p.returned.push_back(pick(kTensors + 1));
  return p;
}

// What is returned: some of the state as it was in the middle, and a view.
std::vector<Tensor> run(const Program& p, State& s, const Tensor& x, const Tensor& index, float lr) {
  std::vector<Tensor> results;
  Tensor old = s[0];
  for (const Statement& i : p.statements) {
    Tensor &to = s[static_cast<size_t>(i.to)], &a = s[static_cast<size_t>(i.a)], &b = s[static_cast<size_t>(i.b)];
    switch (i.what) {
      case 0:
        to = a + b;
        break;
      case 1:
        to = a * lr - b;
        break;
      case 2:
        to = a;
        break;
      case 3:
        std::swap(to, a);
        break;
      case 4:
        to = a.transpose();
        break;
      case 5:
        to += b;
        break;
      case 6:
        to = tanh(a);
        break;
      case 7:
        to = matmul(a, b) * 0.25f;
        break;
      case 8:
        to = gather(a, index);
        break;
      case 9:
        to = std::move(a), a = x;
        break;
      case 10:
        to = broadcast_to(sum(a, 0), {3, 3}) * 0.5f;
        break;
      case 11:
        results.push_back(to);
        break;
      default:
        to = tanh(a * tanh(sum(b)).item());
        break;
    }
  }
  for (int i : p.returned) results.push_back(i == kTensors ? old : s[static_cast<size_t>(i)]);
  results.push_back(x * lr);  // a frozen function must use its rate
  return results;
}

State start(unsigned seed) {
  State s;
  for (int i = 0; i < kTensors; ++i) s.push_back(expect::numbers({3, 3}, static_cast<int>(seed) * 10 + i) + 0);
  if (seed % 3 == 0) s[1] = s[0];                          // shared
  if (seed % 5 == 0) s[2] = s[3].transpose();              // a view of another
  if (seed % 7 == 0) s[3] = (s[3] * 2).slice(0, 0, 3, 1);  // a view that owns its storage alone
  return s;
}

void compare(unsigned seed, Mode mode, bool splits) {
  SCOPED_TRACE(fmt::format("program {} {}", seed, std::string(name(mode))));
  const Program p = make(seed, splits);
  auto f = with_mode(
      mode, [&p](State& s, const Tensor& x, const Tensor& index, float lr) { return run(p, s, x, index, lr); });
  State expected = start(seed), got = start(seed);
  std::vector<Tensor> kept;
  std::string kept_bits;
  const Tensor good = tensor({2, 0, 1}), bad = tensor({0, 1, 9});
  for (int call = 0; call < 5; ++call) {
    const Tensor x = expect::numbers({3, 3}, call + 50);
    const float lr = 0.5f + 0.125f * static_cast<float>(call);
    if (call == 2) {
      State scratch = expected;
      bool throws = false;
      try {
        run(p, scratch, x, bad, lr);
      } catch (const IndexError&) {
        throws = true;
      }
      if (throws) {
        const std::string before = expect::tree_bits(got);
        EXPECT_THROW(f(got, x, bad, lr), IndexError);
        EXPECT_EQ(expect::tree_bits(got) == before, true);
      }
    }
    const std::string a = expect::tree_bits(run(p, expected, x, good, lr));
    std::vector<Tensor> results = f(got, x, good, lr);
    ASSERT_EQ(expect::tree_bits(results) == a, true) << call;
    ASSERT_EQ(expect::tree_bits(got) == expect::tree_bits(expected), true) << call;
    if (call % 2 == 0) {  // otherwise the call owned all it made
      kept.insert(kept.end(), results.begin(), results.end());
      kept_bits += a;
    }
    ASSERT_EQ(expect::tree_bits(kept) == kept_bits, true) << call;
  }
}

TEST(FootgunState, RandomPrograms) {
  const char* size = std::getenv("DUET_TEST_SIZE");
  const unsigned programs = size != nullptr && std::string(size) == "small" ? 60 : 600;
  for (unsigned seed = 0; seed < programs && !::testing::Test::HasFatalFailure(); ++seed)
    for (Mode mode : {Mode::compiled, Mode::frozen}) compare(seed, mode, false);
}

TEST(FootgunState, RandomProgramsWithSplits) {
  const char* size = std::getenv("DUET_TEST_SIZE");
  const unsigned programs = size != nullptr && std::string(size) == "small" ? 60 : 600;
  for (unsigned seed = 1000; seed < 1000 + programs && !::testing::Test::HasFatalFailure(); ++seed)
    compare(seed, Mode::compiled, true);
}

}  // namespace
}  // namespace duet
