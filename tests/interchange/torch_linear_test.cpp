// Weights of PyTorch's nn.Linear in duet's, and back: torch_linear.safetensors is what make_linear.py wrote.
#include <cmath>

#include "expect.h"
#include "files.h"

using namespace duet;

namespace {

const std::string kFile = DUET_SOURCE_DIR "/tests/interchange/torch_linear.safetensors";

struct Block {
  nn::Linear hidden, square;
  nn::LayerNorm norm;
  std::vector<nn::Linear> out;
  Tensor x, y;

  Tensor forward(const Tensor& in) const {
    const Tensor h = norm(relu(square(relu(hidden(in)))));
    return concat({out[0](h), out[1](h)}, -1);
  }
};

Block block(int64_t in = 6, int64_t wide = 10) {
  auto [k1, k2, k3, k4] = split<4>(Key(3));
  return {nn::Linear::init(in, wide, k1),
          nn::Linear::init(wide, wide, k2),
          nn::LayerNorm::init(wide),
          {nn::Linear::init(wide, 3, k3), nn::Linear::init(wide, 2, k4)},
          {},
          {}};
}

io::NamedTensors sorted(const std::string& path) {
  io::NamedTensors all = io::load_safetensors(path);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return all;
}

// The largest difference, relative to the largest element of the truth.
double relative_error(const Tensor& y, const Tensor& truth) {
  double error = 0, largest = 0;
  const std::vector<double> got = y.to(f64).to_vector<double>(), wanted = truth.to_vector<double>();
  for (size_t i = 0; i < wanted.size(); ++i) {
    error = std::max(error, std::abs(got[i] - wanted[i]));
    largest = std::max(largest, std::abs(wanted[i]));
  }
  return error / largest;
}

TEST(TorchLinear, WeightsComputeWhatTorchComputed) {
  Block m = block();
  io::load(kFile, m, {.linear = Layout::out_in});
  ASSERT_EQ(m.hidden.weight.spec(), (Spec{f32, {6, 10}}));
  ASSERT_EQ(m.y.spec(), (Spec{f64, {4, 5}}));
  EXPECT_TRUE(m.hidden.weight.is_contiguous());
  EXPECT_LE(relative_error(m.forward(m.x), m.y), 1e-6);

  // The square weight is transposed too: in f64 nothing is left of the difference.
  Block wide = m;
  for_each_leaf(wide, [](Tensor& t) { t = t.to(f64); });
  EXPECT_LE(relative_error(wide.forward(wide.x), m.y), 1e-11);  // eps is a float
  wide.square.weight = wide.square.weight.transpose();
  EXPECT_GT(relative_error(wide.forward(wide.x), m.y), 1e-3);
}

TEST(TorchLinear, SavingGivesTheFilesTensorsBack) {
  TempFolder folder;
  const std::string path = folder / "m.safetensors";
  Block m = block();
  io::load(kFile, m, {.linear = Layout::out_in});
  io::save(path, m, {.linear = Layout::out_in});
  const io::NamedTensors first = sorted(kFile), second = sorted(path);
  ASSERT_EQ(first.size(), 12u);
  ASSERT_EQ(second.size(), first.size());
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(second[i].first, first[i].first);
    EXPECT_EQ(expect::bits(second[i].second), expect::bits(first[i].second)) << first[i].first;
  }

  // duet's own layout is what there is without the option.
  io::save(path, m);
  Block again = block();
  io::load(path, again);
  EXPECT_EQ(expect::tree_bits(again), expect::tree_bits(m));
}

TEST(TorchLinear, EmptyWeightsTakeAnyShape) {
  Block m, full = block();
  m.out.resize(2);
  io::load(kFile, m, {.linear = Layout::out_in});
  io::load(kFile, full, {.linear = Layout::out_in});
  EXPECT_EQ(expect::tree_bits(m), expect::tree_bits(full));
}

struct Deep {
  Tensor weight;  // not that of a Linear
  nn::MultiHeadAttention attention;
  std::vector<std::pair<nn::GruCell, std::optional<nn::Linear>>> cells;
  Buffer mean;
  Key key;
};

TEST(TorchLinear, OnlyWeightsOfLinearAreTransposedWhereverTheyAre) {
  TempFolder folder;
  const std::string path = folder / "m.safetensors";
  auto [k1, k2, k3, k4] = split<4>(Key(5));
  Deep m{expect::numbers({2, 3}),
         nn::MultiHeadAttention::init(4, 2, k1),
         {{nn::GruCell::init(2, 3, k2), nn::Linear::init(3, 5, k3)}},
         {expect::numbers({2, 5})},
         k4};
  for (nn::Linear* p : {&m.attention.query, &m.attention.key, &m.attention.value, &m.attention.out})
    if (!p->bias.defined()) p->bias = zeros({4});
  io::save(path, m, {.linear = Layout::out_in});
  std::string seen;
  io::Slots slots;
  for_each_named_leaf(m, [&](std::string_view name, Tensor& t) { slots.emplace_back(name, &t); });
  for (const auto& [name, t] : io::load_safetensors(path)) {
    const auto slot = std::find_if(slots.begin(), slots.end(), [&n = name](const auto& s) { return s.first == n; });
    ASSERT_NE(slot, slots.end()) << name;
    const std::string here = expect::bits(t);
    if (here == expect::bits(*slot->second)) continue;
    EXPECT_EQ(here, expect::bits(slot->second->transpose())) << name;
    seen += name + " ";
  }
  for (std::string_view name :
       {"attention.query.weight ", "attention.key.weight ", "attention.value.weight ", "attention.out.weight ",
        "cells.0.0.input.weight ", "cells.0.0.hidden.weight ", "cells.0.1.weight "})
    EXPECT_NE(seen.find(name), seen.npos) << name << "in " << seen;
  EXPECT_EQ(std::count(seen.begin(), seen.end(), ' '), 7) << seen;

  Deep again = m;
  for_each_leaf(again, [](Tensor& t) { t = t.dtype() == f32 ? zeros(t.shape()) : t; });
  io::load(path, again, {.linear = Layout::out_in});
  EXPECT_EQ(expect::tree_bits(again), expect::tree_bits(m));
}

TEST(TorchLinear, AMismatchSaysWhatToDo) {
  TempFolder folder;
  const std::string at = "load: " + kFile + ": ";
  Block m = block();
  const std::string before = expect::tree_bits(block());
  EXPECT_EQ(error_of<ParseError>([&] { io::load(kFile, m); }),
            at + "tensor 'hidden.weight' is f32[10,6] in the file, f32[6,10] in the tree; it looks like [out,in]: load "
                 "with {.linear = Layout::out_in}");
  EXPECT_EQ(expect::tree_bits(m), before);

  const std::string ours = folder / "m.safetensors";
  m.x = m.y = zeros({1});
  io::save(ours, m);
  m = block();
  EXPECT_EQ(error_of<ParseError>([&] { io::load(ours, m, {.linear = Layout::out_in}); }),
            "load: " + ours +
                ": tensor 'hidden.weight' is f32[6,10] in the file, f32[6,10] in the tree; it looks "
                "like [in,out]: load without {.linear = Layout::out_in}");

  Block narrow = block(7);
  EXPECT_EQ(error_of<ParseError>([&] { io::load(kFile, narrow, {.linear = Layout::out_in}); }),
            at + "tensor 'hidden.weight' is f32[10,6] in the file, f32[7,10] in the tree, f32[10,7] as [out,in]");
  EXPECT_EQ(error_of<ParseError>([&] { io::load(kFile, narrow); }),
            at + "tensor 'hidden.weight' is f32[10,6] in the file, f32[7,10] in the tree");
  m.hidden.weight = m.hidden.weight.to(f64);
  EXPECT_EQ(error_of<ParseError>([&] { io::load(kFile, m); }),
            at + "tensor 'hidden.weight' is f32[10,6] in the file, f64[6,10] in the tree");

  nn::Linear flat{zeros({3}), zeros({3})};
  io::save(ours, flat);
  EXPECT_EQ(error_of<ParseError>([&] { io::load(ours, flat, {.linear = Layout::out_in}); }),
            "load: " + ours + ": tensor 'weight' is f32[3] in the file; [out,in] has two axes");
}

TEST(TorchLinear, LoadsAndSavesInsideACompiledFunction) {
  TempFolder folder;
  const std::string path = folder / "m.safetensors";
  Block plain = block();
  io::load(kFile, plain, {.linear = Layout::out_in});
  const std::string eager = expect::bits(plain.forward(plain.x));
  auto f = compile([&](const Tensor& one) {
    Block m = block();
    io::load(kFile, m, {.linear = Layout::out_in});
    m.hidden.weight = m.hidden.weight * one;
    io::save(path, m, {.linear = Layout::out_in});
    return m.forward(m.x);
  });
  for (int i = 0; i < 2; ++i) EXPECT_EQ(expect::bits(f(Tensor(1.f))), eager);
  EXPECT_EQ(expect::bits(sorted(path)[1].second), expect::bits(sorted(kFile)[1].second));
}

}  // namespace
