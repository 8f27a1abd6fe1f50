// io::save and io::load: a tree is a file.
#include <fmt/format.h>

#include "duet/io/checkpoint.h"
#include "saved_model.h"

using namespace duet;

namespace {

TEST(SaveLoad, SavesLeavesUnderTheirNamesAndLoadsThem) {
  TempFolder folder;
  std::string path = folder / "m.safetensors";
  io::save(path, model(1));
  EXPECT_EQ(names(path), (std::vector<std::string>{"hidden.weight", "hidden.bias", "rest.0.weight", "rest.0.bias",
                                                   "rest.1.weight", "rest.1.bias", "mean", "scale"}));
  Model m = model(9);
  uint64_t old_id = m.hidden.weight.id();
  Tensor kept = m.hidden.weight;
  io::load(path, m);
  EXPECT_EQ(m.hidden.weight.to_vector(), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(m.rest[1].bias.to_vector(), (std::vector<float>{1, 6}));
  EXPECT_EQ(m.mean.value.to_vector(), (std::vector<float>{1}));
  EXPECT_EQ(m.scale->to_vector(), (std::vector<float>{1, 1, 1}));
  EXPECT_EQ(m.step, 7);
  EXPECT_NE(m.hidden.weight.id(), old_id);
  EXPECT_EQ(kept.to_vector(), (std::vector<float>{9, 2, 3, 4}));

  Layer any;
  io::save(path, model(3).hidden);
  io::load(path, any);
  EXPECT_EQ(any.bias.to_vector(), (std::vector<float>{3, 6}));
}

TEST(SaveLoad, NpyHoldsATreeOfOneTensor) {
  TempFolder folder;
  std::string path = folder / "t.npy";
  io::save(path, std::vector<Tensor>{from_vector<float>({1, 2}, {2})});
  Tensor t;
  io::load(path, t);
  EXPECT_EQ(t.to_vector(), (std::vector<float>{1, 2}));
  EXPECT_EQ(error_of<Error>([&] { io::save(path, model(1)); }),
            "save: " + path + ": a .npy file holds one tensor, the tree has 8; use .safetensors or .npz");
  Model m = model(1);
  EXPECT_EQ(error_of<ParseError>([&] { io::load(path, m); }),
            "load: " + path + ": a .npy file holds one tensor, the tree has 8; use .safetensors or .npz");
  Tensor other = from_vector<float>({1, 2, 3}, {3});
  EXPECT_EQ(error_of<ParseError>([&] { io::load(path, other); }),
            "load: " + path + ": tensor '' is f32[2] in the file, f32[3] in the tree");
  EXPECT_EQ(other.to_vector(), (std::vector<float>{1, 2, 3}));
}

TEST(SaveLoad, AFailedLoadSaysWhichLeafAndChangesNothing) {
  TempFolder folder;
  std::string path = folder / "m.safetensors", at = "load: " + path + ": ";
  Model m = model(1);
  auto unchanged = [&] {
    Model same = model(1);
    std::vector<std::vector<float>> now, before;
    for_each_leaf(m, [&](Tensor& t) { now.push_back(t.to_vector()); });
    for_each_leaf(same, [&](Tensor& t) { before.push_back(t.to_vector()); });
    return now == before;
  };
  auto refuses = [&](const Model& other, const std::string& message) {
    io::save(path, other);
    EXPECT_EQ(error_of<ParseError>([&] { io::load(path, m); }), at + message);
    EXPECT_TRUE(unchanged()) << message;
  };
  Model other = model(5);
  other.scale.reset();
  refuses(other, "the file has no tensor 'scale'");
  other = model(5);
  other.rest.push_back(other.hidden);
  refuses(other, "the tree has no tensor 'rest.2.weight'");
  other = model(5);
  other.rest[1].bias = from_vector<float>({1, 2, 3}, {3});
  refuses(other, "tensor 'rest.1.bias' is f32[3] in the file, f32[2] in the tree");
  other = model(5);
  other.mean.value = from_vector<int32_t>({1}, {});
  refuses(other, "tensor 'mean' is i32[] in the file, f32[] in the tree");

  io::save(path, model(5));
  std::string good = file_bytes(path);
  for (size_t n : {size_t{4}, size_t{100}, good.size() - 1}) {
    write_file(path, good.substr(0, n));
    EXPECT_THROW(io::load(path, m), ParseError);
    EXPECT_TRUE(unchanged());
  }
  EXPECT_EQ(error_of<ParseError>([&] { io::load("weights.bin", m); }),
            "load: weights.bin: unknown kind of file; use .safetensors, .npz or .npy");
  EXPECT_EQ(error_of<Error>([&] { io::save("weights.bin", m); }),
            "save: weights.bin: unknown kind of file; use .safetensors, .npz or .npy");
  EXPECT_EQ(error_of<Error>([&] { io::save(path, Model()); }),
            "save: " + path + ": tensor 'hidden.weight' is empty: default-constructed or moved from");
  EXPECT_EQ(file_bytes(path), good.substr(0, good.size() - 1));
}

// In a container every start of a program may have the same process number.
TEST(SaveLoad, WhatAKilledNamesakeLeftIsNoObstacle) {
  TempFolder folder;
  const std::string path = folder / "m.safetensors";
  for (int n = 0; n < 1000; ++n) write_file(fmt::format("{}.{}.{}.tmp", path, ::getpid(), n), "half a file");
  io::save(path, model(1).hidden);
  EXPECT_EQ(names(path).size(), 2u);
  EXPECT_EQ(folder.files(), 1001);
}

TEST(SaveLoad, SurvivesEveryCutAndFlippedBit) {
  TempFolder folder;
  const std::string model_path = folder / "m.safetensors";
  io::save(model_path, model(1));
  Model m = model(2);
  const std::string model_file = file_bytes(model_path);
  abuse(model_path, model_file, model_file.rfind('}') + 1, 1, [&] {
    try {
      io::load(model_path, m);
      m = model(2);
    } catch (const ParseError&) {
      EXPECT_EQ(m.hidden.weight.to_vector()[0], 2);
      EXPECT_EQ(m.scale->to_vector()[0], 2);
      throw;
    }
  });
}

}  // namespace
