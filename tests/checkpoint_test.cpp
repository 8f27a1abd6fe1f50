#include "duet/io/checkpoint.h"

#include "duet/random.h"
#include "files.h"

using namespace duet;

namespace {

struct Layer {
  Tensor weight, bias;
};
struct Model {
  Layer hidden;
  std::vector<Layer> rest;
  Buffer mean;
  std::optional<Tensor> scale;
  int64_t step = 0;
};

Model model(float first) {
  auto layer = [&] { return Layer{from_vector<float>({first, 2, 3, 4}, {2, 2}), from_vector<float>({first, 6}, {2})}; };
  return {layer(), {layer(), layer()}, {from_vector<float>({first}, {})}, from_vector<float>({first, 1, 1}, {3}), 7};
}

std::vector<std::string> names(const std::string& path) {
  std::vector<std::string> all;
  for (const auto& [name, t] : io::load_safetensors(path)) all.push_back(name);
  return all;
}

TEST(Checkpoint, SavesLeavesUnderTheirNamesAndLoadsThem) {
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

TEST(Checkpoint, NpyHoldsATreeOfOneTensor) {
  TempFolder folder;
  std::string path = folder / "t.npy";
  io::save(path, std::vector<Tensor>{from_vector<float>({1, 2}, {2})});
  Tensor t;
  io::load(path, t);
  EXPECT_EQ(t.to_vector(), (std::vector<float>{1, 2}));
  EXPECT_EQ(error_of<Error>([&] { io::save(path, model(1)); }),
            "save: " + path + ": a .npy file holds one tensor, the tree has 8; use .safetensors");
  Model m = model(1);
  EXPECT_EQ(error_of<ParseError>([&] { io::load(path, m); }),
            "load: " + path + ": a .npy file holds one tensor, the tree has 8; use .safetensors");
  Tensor other = from_vector<float>({1, 2, 3}, {3});
  EXPECT_EQ(error_of<ParseError>([&] { io::load(path, other); }),
            "load: " + path + ": tensor '' is f32[2] in the file, f32[3] in the tree");
  EXPECT_EQ(other.to_vector(), (std::vector<float>{1, 2, 3}));
}

TEST(Checkpoint, AFailedLoadSaysWhichLeafAndChangesNothing) {
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
            "load: weights.bin: unknown kind of file; use .safetensors or .npy");
  EXPECT_EQ(error_of<Error>([&] { io::save("weights.bin", m); }),
            "save: weights.bin: unknown kind of file; use .safetensors or .npy");
  EXPECT_EQ(error_of<Error>([&] { io::save(path, Model()); }),
            "save: " + path + ": tensor 'hidden.weight' is empty: default-constructed or moved from");
  EXPECT_EQ(file_bytes(path), good.substr(0, good.size() - 1));
}

}  // namespace
