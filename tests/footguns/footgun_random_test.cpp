// Random numbers: keys used twice, keys that are not threaded, seeds from host code.
#include "duet/core/debug.h"
#include "expect.h"

namespace duet {
namespace {

using expect::bits;

// Collects what the library notes about keys.
std::vector<std::string>& noted() {
  static std::vector<std::string> lines;
  return lines;
}
struct Noting {
  Noting() {
    noted().clear();
    set_debug(1);
    set_debug_sink([](std::string_view line) {
      if (line.find("this key was used before") != line.npos) noted().emplace_back(line);
    });
  }
  ~Noting() {
    set_debug(0);
    set_debug_sink(nullptr);
  }
};

// One key used twice. The same in all modes: the same numbers twice. Debug builds and DUET_DEBUG=1 say so: eager and
// compiled at each call, frozen when it is recorded.
TEST(FootgunRandom, SameKeyTwice) {
  Noting noting;
  auto f = [](const Key& k) {
    Tensor a = uniform(k, {4}), b = uniform(k, {4});
    return std::pair{a, b};
  };
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen}) {
    auto g = with_mode(mode, f);
    noted().clear();
    for (int i = 0; i < 3; ++i) {
      auto [a, b] = g(Key(1));
      EXPECT_EQ(bits(a), bits(b));
    }
    EXPECT_EQ(noted().size(), mode == Mode::frozen ? 2u : 3u);
  }
}

// A captured key that nobody threads. The same in all modes: the same numbers at each call, for no mode hides a
// generator whose state goes on; and it is noted as a key used twice, but by frozen, which runs no host code.
TEST(FootgunRandom, KeyNotThreaded) {
  Noting noting;
  const Key key(3);
  auto f = [key](const Tensor& x) { return x + uniform(key, {3}); };
  const std::string expected = bits(uniform(key, {3}));
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen}) {
    auto g = with_mode(mode, f);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(bits(g(zeros({3}))), expected) << std::string(name(mode));
  }
}

// A key that is threaded, as an argument that the function splits. The same in all modes: new numbers at each call, the
// same ones everywhere, one plan.
TEST(FootgunRandom, KeyThreaded) {
  auto f = [](Key& key) {
    auto [next, now] = split<2>(key);
    key = next;
    return normal(now, {5});
  };
  std::string all[3];
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen}) {
    auto g = with_mode(mode, f);
    Key key(11);
    std::string last;
    for (int i = 0; i < 4; ++i) {
      const std::string now = bits(g(key));
      EXPECT_NE(now, last);
      all[static_cast<int>(mode)] += last = now;
    }
    EXPECT_EQ(g.cache().plans().size(), mode == Mode::eager ? 0u : 1u);
  }
  EXPECT_EQ(all[1], all[0]);
  EXPECT_EQ(all[2], all[0]);
}

// A key made from a counter of host code. eager and compiled: new numbers at each call, one plan. frozen: refused, the
// key is another one in the second recording.
TEST(FootgunRandom, KeyFromACounter) {
  uint64_t step = 0;
  auto f = [&](const Tensor& x) { return x + uniform(Key(++step), {3}); };
  auto compiled = compile(f);
  for (uint64_t i = 1; i <= 3; ++i) EXPECT_EQ(bits(compiled(zeros({3}))), bits(uniform(Key(i), {3})));
  EXPECT_EQ(compiled.cache().plans().size(), 1u);
  EXPECT_ERROR(TraceError, freeze(f)(zeros({3})),
               "freeze: a tensor differs between two recordings: i32[2]; pass it as an argument, or use compile");
}

// A step number folded into a key. eager and compiled: it is a number of the call, new numbers and one plan. frozen: an
// integer belongs to the signature; as a tensor it does not.
TEST(FootgunRandom, StepFoldedIn) {
  auto f = [](const Key& key, int step) { return uniform(fold_in(key, step), {3}); };
  auto compiled = compile(f);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(bits(compiled(Key(5), i)), bits(f(Key(5), i)));
  EXPECT_EQ(compiled.cache().plans().size(), 1u);
  auto frozen = freeze(f);
  frozen(Key(5), 0);
  EXPECT_THROW(frozen(Key(5), 1), TraceError);
}

}  // namespace
}  // namespace duet
