// What is passed and what is returned: the same tensor twice, swaps, inputs and views as results, donation, odd
// tensors.
#include "expect.h"

namespace duet {
namespace {

using expect::bits;
using expect::floats;
using expect::tree_bits;

constexpr Mode kModes[] = {Mode::eager, Mode::compiled, Mode::frozen};

// The same in all modes; frozen tells its arguments apart by position, not by storage.
TEST(FootgunArguments, SameTensorTwice) {
  auto f = [](const Tensor& a, const Tensor& b) { return a * 2 + b; };
  for (Mode mode : kModes) {
    auto g = with_mode(mode, f);
    Tensor x = tensor({1.0, 2.0}), y = tensor({10.0, 20.0});
    EXPECT_EQ(floats(g(x, x)), (std::vector<float>{3, 6}));
    EXPECT_EQ(floats(g(x, y)), (std::vector<float>{12, 24}));  // frozen keeps positions apart
    EXPECT_EQ(floats(g(y, x)), (std::vector<float>{21, 42}));
    EXPECT_EQ(floats(x), (std::vector<float>{1, 2}));
  }
}

// One object given away and read: nothing is computed in its storage.
TEST(FootgunArguments, SameObjectGivenAndRead) {
  auto f = [](const Tensor& a, const Tensor& b) {
    Tensor c = a + 1;
    return std::pair{c, b * c};
  };
  for (Mode mode : kModes) {
    auto g = with_mode(mode, f);
    for (int i = 0; i < 3; ++i) {
      Tensor x = tensor({1.0, 2.0});
      auto [c, d] = g(std::move(x), x);
      EXPECT_EQ(floats(c), (std::vector<float>{2, 3}));
      EXPECT_EQ(floats(d), (std::vector<float>{2, 6}));
    }
  }
}

// One object rebound through two references: eager and compiled do what C++ does; frozen cannot, and says so.
TEST(FootgunArguments, SameObjectReboundTwice) {
  auto f = [](Tensor& a, Tensor& b) {
    a = a + 1;
    b = b * 2;
  };
  for (Mode mode : {Mode::eager, Mode::compiled}) {
    auto g = with_mode(mode, f);
    for (int i = 0; i < 2; ++i) {
      Tensor x = tensor({3.0});
      g(x, x);
      EXPECT_EQ(x.item(), 8);
    }
  }
  auto frozen = freeze(f);
  Tensor a = tensor({3.0}), b = tensor({3.0});
  frozen(a, b);
  EXPECT_EQ(a.item(), 4);
  EXPECT_EQ(b.item(), 6);
  EXPECT_ERROR(TraceError, frozen(a, a),
               "frozen call: a tensor that the function rebinds is passed twice: f32[1]; pass a copy, or use compile");
  EXPECT_EQ(a.item(), 4);
  Tensor c = a;  // two objects of one value are two arguments
  frozen(a, c);
  EXPECT_EQ(a.item(), 5);
  EXPECT_EQ(c.item(), 8);
}

// An argument rebound to another's old value, also when that one is computed in place. The same in all modes.
TEST(FootgunArguments, Swap) {
  auto f = [](Tensor& a, Tensor& b, const Tensor& x) {
    Tensor old = a;
    a = a + b * x;
    b = old;
  };
  for (Mode mode : kModes) {
    auto g = with_mode(mode, f);
    Tensor a = tensor({1.0, 2.0}), b = tensor({10.0, 20.0}), ea = a, eb = b;
    const Tensor x = tensor({0.5, 0.25});
    a = a + 0, b = b + 0;  // sole owners
    for (int i = 0; i < 5; ++i) {
      g(a, b, x);
      f(ea, eb, x);
      EXPECT_EQ(bits(a) + bits(b), bits(ea) + bits(eb));
    }
  }
  auto pure = [](Tensor& p, Tensor& q) { std::swap(p, q); };
  for (Mode mode : kModes) {
    auto g = with_mode(mode, pure);
    Tensor p = tensor({1.0}), q = tensor({2.0});
    for (int i = 0; i < 3; ++i) g(p, q);
    EXPECT_EQ(p.item(), 2);
    EXPECT_EQ(q.item(), 1);
  }
}

// The old value of a rebound argument as result. The same in all modes.
TEST(FootgunArguments, OldValueReturned) {
  auto f = [](Tensor& a) {
    Tensor old = a;
    a = a * 2;
    return old;
  };
  for (Mode mode : kModes) {
    auto g = with_mode(mode, f);
    Tensor a = tensor({1.0, 3.0}) + 0;
    for (float k : {1.f, 2.f, 4.f}) {
      EXPECT_EQ(floats(g(a)), (std::vector<float>{k, 3 * k}));
      EXPECT_EQ(floats(a), (std::vector<float>{2 * k, 6 * k}));
    }
    auto h = with_mode(mode, [](Tensor b) {
      Tensor old = b;
      b = b * 2;
      return std::pair{old, b};
    });
    for (int i = 0; i < 3; ++i) {
      auto [old, b] = h(tensor({1.0, 3.0}) + 0);
      EXPECT_EQ(floats(old), (std::vector<float>{1, 3}));
      EXPECT_EQ(floats(b), (std::vector<float>{2, 6}));
    }
  }
}

// The same in all modes: an input that is returned is the input, a view of it shares its storage.
TEST(FootgunArguments, ReturnedInputsAndViews) {
  auto f = [](const Tensor& x) {
    Tensor y = x.transpose();
    return std::tuple{x, y, y.slice(0, 1, 3), x + 1, broadcast_to(x.reshape({1, 6}), {2, 6}), reshape(y, {6})};
  };
  for (Mode mode : kModes) {
    auto g = with_mode(mode, f);
    for (int i = 0; i < 3; ++i) {
      const Tensor x = expect::numbers({2, 3}, i);
      auto r = g(x);
      EXPECT_EQ(tree_bits(r), tree_bits(f(x)));
      EXPECT_EQ(&std::get<0>(r).block(), &x.block());  // the input itself, no copy
    }
    // A view of an argument that the call owned.
    auto r = g(expect::numbers({2, 3}, 9) + 0);
    EXPECT_EQ(tree_bits(r), tree_bits(f(expect::numbers({2, 3}, 9))));
  }
}

// The same in all modes: results may share storage, and none sees what is done to another.
TEST(FootgunArguments, OutputsThatShareStorage) {
  auto f = [](const Tensor& x) {
    Tensor y = exp(x);
    return std::tuple{y.slice(0, 1, 4), y, y, y.reshape({2, 4}).transpose(), exp(x)};
  };
  for (Mode mode : kModes) {
    auto g = with_mode(mode, f);
    const Tensor x = expect::numbers({8});
    const std::string expected = tree_bits(f(x));
    auto r = g(x);
    EXPECT_EQ(tree_bits(r), expected);
    // Each goes its own way: writing in place may not touch the others.
    std::get<0>(r) += 1;
    std::get<4>(r) *= 2;
    EXPECT_EQ(bits(std::get<1>(r)), bits(exp(x)));
    EXPECT_EQ(bits(std::get<3>(r)), bits(exp(x).reshape({2, 4}).transpose()));
  }
}

// The same in all modes: five results of five calls, kept alive, stay what they were.
TEST(FootgunArguments, OutputsAreNeverOverwritten) {
  auto f = [](const Tensor& x) { return std::pair{tanh(x) * 2, sum(x)}; };
  for (Mode mode : kModes) {
    auto g = with_mode(mode, f);
    std::vector<std::pair<Tensor, Tensor>> kept;
    std::string expected;
    for (int i = 0; i < 5; ++i) {
      const Tensor x = expect::numbers({300}, i);
      kept.push_back(g(x));
      expected += tree_bits(f(x));
    }
    std::string got;
    for (const auto& r : kept) got += tree_bits(r);
    EXPECT_EQ(got == expected, true);
  }
}

// compiled and frozen: storage that the call owns is used again, the result lies where the argument lay. In all modes a
// shared one is left alone.
TEST(FootgunArguments, DonatedStorage) {
  auto functional = [](Tensor m, const Tensor& x) { return m + x; };
  auto by_reference = [](Tensor& m, const Tensor& x) { m = m + x; };
  const Tensor x = ones({5000});
  for (Mode mode : kModes) {
    SCOPED_TRACE(std::string(name(mode)));
    auto f = with_mode(mode, functional);
    auto g = with_mode(mode, by_reference);
    Tensor m = zeros({5000}) + 0, shared;
    for (int i = 0; i < 4; ++i) {
      const float* before = m.data();
      m = f(std::move(m), x);
      const bool in_place = mode != Mode::eager && i > 0;
      EXPECT_TRUE(!in_place || m.data() == before);
      before = m.data();
      g(m, x);
      EXPECT_TRUE(!in_place || m.data() == before);
    }
    EXPECT_EQ(m.data()[4999], 8);
    shared = m;
    g(m, x);
    m = f(std::move(m), x);
    EXPECT_EQ(shared.data()[0], 8);
    EXPECT_EQ(m.data()[0], 10);
    // A view keeps the storage alive as well.
    Tensor view = m.slice(0, 0, 3);
    g(m, x);
    EXPECT_EQ(floats(view), (std::vector<float>{10, 10, 10}));
  }
}

// Moved from by the function: the argument is empty afterwards in every mode.
TEST(FootgunArguments, FunctionMovesFromItsArgument) {
  auto f = [](Tensor& a) {
    Tensor b = std::move(a);
    return b * 2;
  };
  for (Mode mode : kModes) {
    auto g = with_mode(mode, f);
    for (int i = 0; i < 2; ++i) {
      Tensor a = tensor({2.0}) + 0;
      EXPECT_EQ(g(a).item(), 4);
      EXPECT_FALSE(a.defined()) << std::string(name(mode));
    }
  }
}

// Empty tensors, tensors without elements, strided leaves, f64, integers and bools. The same in all modes.
struct Odd {
  Tensor none, zero, strided, wide, whole, flags;
};
TEST(FootgunArguments, OddTensors) {
  auto f = [](Odd& o, const Tensor& y) {
    o.zero = o.zero * 2 + 1;
    o.strided = o.strided * y;
    o.wide = exp(o.wide) * 0.1;
    o.whole = o.whole * 3 - 1;
    o.flags = o.whole > 2;
    return std::tuple{sum(o.zero), argmax(o.strided, 0), o.whole + 1, o.flags, o.none.defined(), max(o.wide)};
  };
  auto make = [] {
    return Odd{Tensor(),
               zeros({0, 3}),
               expect::numbers({4, 6}).transpose().slice(0, 1, 5, 2),
               expect::numbers({7}).to(f64),
               tensor({1, 2, 3}),
               Tensor()};
  };
  for (Mode mode : kModes) {
    SCOPED_TRACE(std::string(name(mode)));
    Odd a = make(), b = make();
    auto g = with_mode(mode, f);
    const Tensor y = expect::numbers({2, 4}, 3);
    for (int i = 0; i < 3; ++i) {
      auto got = g(a, y);
      auto expected = f(b, y);
      EXPECT_EQ(tree_bits(got), tree_bits(expected));
      EXPECT_EQ(std::get<4>(got), false);
      EXPECT_EQ(tree_bits(a), tree_bits(b));
      EXPECT_FALSE(a.none.defined());
    }
  }
}

// A vector argument whose size changes is another signature; layouts and emptiness as well. compiled: a plan each.
// frozen: refused with the reason, or recorded anew.
TEST(FootgunArguments, SignatureChanges) {
  auto f = [](const std::vector<Tensor>& all) {
    Tensor y = zeros({2});
    for (const Tensor& t : all)
      if (t.defined()) y = y + t;
    return y;
  };
  const Tensor x = tensor({1.0, 2.0});
  auto compiled = compile(f);
  for (size_t n : std::vector<size_t>{1, 2, 3, 2, 1})
    EXPECT_EQ(floats(compiled(std::vector<Tensor>(n, x))), floats(f(std::vector<Tensor>(n, x))));
  EXPECT_EQ(compiled.cache().plans().size(), 3u);
  auto frozen = freeze(f);
  frozen(std::vector<Tensor>{x, x});
  const std::string way_out = "; freeze again, or freeze(f, {.on_new_shape = OnNewShape::retrace})";
  const std::string start = "frozen call: the arguments are not those it was recorded with: ";
  EXPECT_ERROR(TraceError, frozen(std::vector<Tensor>{x}), start + "1 tensors in the arguments, were 2" + way_out);
  EXPECT_ERROR(TraceError, frozen(std::vector<Tensor>{x, zeros({3})}),
               start + "tensor 2 of the arguments is f32[3], was f32[2]" + way_out);
  EXPECT_ERROR(TraceError, frozen(std::vector<Tensor>{x, Tensor()}),
               start + "tensor 2 of the arguments is empty, was f32[2]" + way_out);
  EXPECT_ERROR(TraceError, frozen(std::vector<Tensor>{x, zeros({4}).slice(0, 0, 4, 2)}),
               start + "tensor 2 of the arguments has another layout: f32[2]" + way_out);
  auto empty = freeze(f);
  empty(std::vector<Tensor>{Tensor()});
  EXPECT_ERROR(TraceError, empty(std::vector<Tensor>{zeros({})}),
               start + "tensor 1 of the arguments is f32[], was empty" + way_out);
  auto retrace = freeze(f, {.on_new_shape = OnNewShape::retrace});
  for (size_t n : std::vector<size_t>{1, 2, 3, 2, 1})
    EXPECT_EQ(floats(retrace(std::vector<Tensor>(n, x))), floats(f(std::vector<Tensor>(n, x))));
}

// The last batch is short. compiled: one plan more, and the reason names the axis. frozen: as in SignatureChanges.
TEST(FootgunArguments, ShortLastBatch) {
  auto f = compile([](const Tensor& x) { return mean(exp(x)); });
  for (int rows : {32, 32, 32, 29, 32, 29}) f(zeros({rows, 4}));
  EXPECT_EQ(f.cache().plans().size(), 2u);
  EXPECT_EQ(f.cache().hits(), 4u);
  const auto events = f.cache().events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].why, "first call");
  EXPECT_EQ(events[1].why, "arg0 is f32[29,4], was f32[32,4]: axis 0 differs");
}

}  // namespace
}  // namespace duet
