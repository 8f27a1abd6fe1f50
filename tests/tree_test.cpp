// Trees: which tensors an aggregate has, what they are called, and which of them are trained.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>

#include "expect.h"

namespace duet {
namespace {

struct Block2 {
  nn::Linear in, out;
  Buffer mean;
};
enum class Kind { a, b };
struct Net {
  std::vector<Block2> layers;
  std::array<Tensor, 2> pair;
  std::optional<Tensor> bias;
  std::tuple<Tensor, int> odd;
  Key key{1};
  float rate = 0.5f;
  Kind kind = Kind::a;
  std::string label = "net";
};

Tensor t() { return zeros({1}); }
Net net(bool bias) {
  Net n;
  n.layers = {Block2{{t(), t()}, {t(), t()}, {t()}}, Block2{{t(), t()}, {t(), t()}, {t()}}};
  n.pair = {t(), t()};
  if (bias) n.bias = t();
  n.odd = {t(), 3};
  return n;
}

template <class T>
std::vector<std::string> names(const T& x) {
  std::vector<std::string> all;
  for_each_named_leaf(x, [&](std::string_view name, const Tensor&) { all.emplace_back(name); });
  return all;
}

TEST(Tree, Names) {
  EXPECT_EQ(names(net(true)), (std::vector<std::string>{"layers.0.in.weight", "layers.0.in.bias", "layers.0.out.weight",
                                                        "layers.0.out.bias", "layers.0.mean", "layers.1.in.weight",
                                                        "layers.1.in.bias", "layers.1.out.weight", "layers.1.out.bias",
                                                        "layers.1.mean", "pair.0", "pair.1", "bias", "odd.0", "key"}));
  EXPECT_EQ(names(net(false)).size(), 14u);
  EXPECT_EQ(names(Tensor(1.f)), (std::vector<std::string>{""}));
  EXPECT_EQ(names(std::pair{Tensor(1.f), std::vector<Tensor>{Tensor(1.f)}}), (std::vector<std::string>{"0", "1.0"}));
}

template <class T>
int count(T&& x, bool parameters) {
  int n = 0;
  if (parameters)
    for_each_parameter(x, [&](const Tensor&) { ++n; });
  else
    for_each_leaf(x, [&](const Tensor&) { ++n; });
  return n;
}

// A field that cannot be made from nothing, such as a key, may stand anywhere.
struct NeedsKey {
  nn::Linear layer;
  Key key;
  Tensor last;
  int64_t epoch = 0;
};
struct KeysOnly {
  Key first, second;
};
TEST(Tree, FieldsWithoutADefault) {
  EXPECT_EQ(names(NeedsKey{{t(), t()}, Key(1), t()}),
            (std::vector<std::string>{"layer.weight", "layer.bias", "key", "last"}));
  EXPECT_EQ(names(KeysOnly{Key(1), Key(2)}), (std::vector<std::string>{"first", "second"}));
  static_assert(tree::arity<NeedsKey>() == 4 && tree::arity<KeysOnly>() == 2);
  struct None {};
  static_assert(tree::arity<None>() == 0 && tree::is_tree<None>());
  struct HoldsReference {
    Tensor& x;
    NeedsKey& y;
  };
  static_assert(tree::arity<HoldsReference>() == 2);
}

TEST(Tree, ParametersAreFloatingAndNoBuffers) {
  Net n = net(true);
  EXPECT_EQ(count(n, false), 15);
  EXPECT_EQ(count(n, true), 12);  // neither the two buffers nor the key
  n.pair[0] = tensor({1, 2});     // integers are carried along
  n.pair[1] = Tensor();           // so is what is empty
  EXPECT_EQ(count(n, true), 10);
}

TEST(Tree, GradientsCarryTheRestAlong) {
  struct Model {
    Tensor w;
    Buffer mean;
    Tensor table;
    Key key{5};
    int steps = 3;
  };
  Model m{tensor({2.0}), {tensor({7.0})}, tensor({1, 2})};
  Model g = grad([](const Model& x) { return sum(x.w * x.w * x.mean.value); })(m);
  EXPECT_EQ(g.w.item(), 28);
  EXPECT_EQ(g.mean.value.item(), 7);
  EXPECT_EQ(g.table.to_vector<int>(), (std::vector<int>{1, 2}));
  EXPECT_EQ(g.steps, 3);
}

// A class with private members is a tree by its own word.
class Closed {
 public:
  explicit Closed(double v) : a_(tensor({v})), b_(tensor({2 * v})) {}
  friend auto tree_fields(Closed& c) { return std::tie(c.a_, c.b_); }
  Tensor total() const { return a_ + b_; }

 private:
  Tensor a_, b_;
};

TEST(Tree, TreeFields) {
  Closed c(1.5);
  EXPECT_EQ(names(c), (std::vector<std::string>{"0", "1"}));
  for_each_parameter(c, [](Tensor& x) { x = x * 2; });
  EXPECT_EQ(c.total().item(), 9);
  EXPECT_EQ(grad([](const Closed& x) { return sum(square(x.total())); })(c).total().item(), 36);
  auto f = compile([](Closed& x) { for_each_parameter(x, [](Tensor& y) { y = y + 1; }); });
  f(c);
  EXPECT_EQ(c.total().item(), 11);
}

struct Wide {
  Tensor a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, c0, c1, c2, c3, c4, c5, c6, c7,
      c8, c9, d0, last;
};
TEST(Tree, ThirtyTwoFields) {
  const auto all = names(Wide{});
  ASSERT_EQ(all.size(), 32u);
  EXPECT_EQ(all[0], "a0");
  EXPECT_EQ(all[31], "last");
}

struct Unknown {
  std::unique_ptr<Tensor> p;
};
static_assert(tree::is_tree<Net>() && tree::is_tree<std::vector<Net>>() && tree::is_tree<Closed>());
static_assert(!tree::is_tree<Unknown>() && !tree::is_tree<int*>() && !tree::is_tree<std::vector<Unknown>>());

// What is no tree gets one sentence with the way out.
TEST(Tree, NotATreeDoesNotCompile) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the compiler's word does not depend on sanitizers";
#endif
  const std::string base = ::testing::TempDir() + "duet_not_a_tree";
  std::ofstream(base + ".cpp")
      << "#include <duet/tree.h>\n#include <memory>\nstruct Unknown { std::unique_ptr<duet::Tensor> p; };\n"
         "void f(Unknown& u) { duet::for_each_leaf(u, [](duet::Tensor&) {}); }\n";
  const std::string command =
      "c++ -std=c++20 -fsyntax-only -I" DUET_SOURCE_DIR "/include " + base + ".cpp > " + base + ".txt 2>&1";
  EXPECT_NE(std::system(command.c_str()), 0);
  std::ifstream in(base + ".txt");
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EXPECT_NE(text.find("duet: this type is not a tree of tensors; make it an aggregate, or add a function "
                      "`auto tree_fields(T& t) { return std::tie(t.a, t.b); }` in its namespace"),
            std::string::npos)
      << text;
}

}  // namespace
}  // namespace duet
