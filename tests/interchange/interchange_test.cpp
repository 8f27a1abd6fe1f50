// Files that NumPy, safetensors and PyTorch wrote (fixtures/, by make.py), against tensors computed here: every bit.
#include "files.h"
#include "expect.h"
#include "interchange/expected.h"

namespace duet {
namespace {

using namespace interchange;

std::string fixture(const std::string& name) { return DUET_SOURCE_DIR "/tests/interchange/fixtures/" + name; }

void expect_same(const std::string& label, const Tensor& got, const Tensor& expected) {
  ASSERT_EQ(got.spec(), expected.spec()) << label;
  EXPECT_TRUE(got.is_contiguous()) << label;
  const Tensor dense = expected.contiguous();
  EXPECT_EQ(std::memcmp(got.block().data, dense.block().data, got.size_bytes()), 0) << label;
}

// The same names in any order.
void expect_same(const std::string& file, const io::NamedTensors& got, const io::NamedTensors& expected) {
  EXPECT_EQ(got.size(), expected.size()) << file;
  for (const auto& [name, t] : expected) {
    const auto it = std::find_if(got.begin(), got.end(), [&name = name](const auto& e) { return e.first == name; });
    ASSERT_NE(it, got.end()) << file << " lacks " << name;
    expect_same(file + " " + name, it->second, t);
  }
}

TEST(Interchange, ReadsNpy) {
  for (const Shape& shape : kShapes) {
    const Spec spec{f32, shape};
    expect_same(label(spec), io::load_npy(fixture(label(spec) + ".npy")), tensor_of(spec));
  }
  for (DType dtype : kAll) {
    const Spec spec{dtype, {2, 3, 4}};
    const std::string code(name(dtype));
    for (const std::string& file : {label(spec), code + "_fortran", code + "_big", code + "_big_fortran"})
      expect_same(file, io::load_npy(fixture(file + ".npy")), tensor_of(spec));
  }
  for (const auto& [code, t] : specials())
    expect_same(code + " special", io::load_npy(fixture(code + "_special.npy")), t);
  for (const char* version : {"version_2.npy", "version_3.npy"})
    expect_same(version, io::load_npy(fixture(version)), tensor_of({f32, {2, 3}}));
}

TEST(Interchange, ReadsNpz) {
  expect_same("stored", io::load_npz(fixture("stored.npz")), everything());
  expect_same("deflated", io::load_npz(fixture("deflated.npz")), everything());
  expect_same("zeros", io::load_npz(fixture("zeros.npz")), {{"zeros", zeros({64, 1024})}});
  expect_same("positional", io::load_npz(fixture("positional.npz")),
              {{"arr_0", tensor_of({i32, {3}})}, {"arr_1", tensor_of({f64, {3, 2}})}});
  expect_same("names", io::load_npz(fixture("names.npz")),
              {{"naïve ✓", tensor_of({u8, {2}})}, {"layer.0.weight", tensor_of({f32, {2, 2}})}});
  EXPECT_TRUE(io::load_npz(fixture("empty.npz")).empty());
}

// In the order of its directory.
TEST(Interchange, NpzKeepsTheOrder) {
  const io::NamedTensors got = io::load_npz(fixture("deflated.npz")), expected = everything();
  for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i].first, expected.at(i).first);
}

// Byte for byte what numpy.savez writes, NumPy's own files are the witnesses.
TEST(Interchange, WritesNpzAsNumPyDoes) {
  TempFolder folder;
  const std::string path = folder / "t.npz";
  io::save_npz(path, everything());
  EXPECT_TRUE(file_bytes(path) == file_bytes(fixture("stored.npz")));
  io::save_npz(path, {{"naïve ✓", tensor_of({u8, {2}})}, {"layer.0.weight", tensor_of({f32, {2, 2}})}});
  EXPECT_TRUE(file_bytes(path) == file_bytes(fixture("names.npz")));
  io::save_npz(path, {});
  EXPECT_TRUE(file_bytes(path) == file_bytes(fixture("empty.npz")));
  for (const Shape& shape : kShapes) {
    io::save_npy(folder / "t.npy", tensor_of({f32, shape}));
    EXPECT_TRUE(file_bytes(folder / "t.npy") == file_bytes(fixture(label({f32, shape}) + ".npy"))) << shape.rank();
  }
}

TEST(Interchange, ReadsSafetensors) {
  expect_same("all", io::load_safetensors(fixture("all.safetensors")), everything());
  expect_same("special", io::load_safetensors(fixture("special.safetensors")), specials());
  EXPECT_TRUE(io::load_safetensors(fixture("empty.safetensors")).empty());
}

TEST(Interchange, ReadsATorchStateDict) {
  const auto parameter = [](const Shape& shape, float i) {
    return from_index<float>(shape, [i](int64_t k) { return static_cast<float>(k) * 0.25f - i; });
  };
  expect_same("torch_mlp", io::load_safetensors(DUET_SOURCE_DIR "/tests/interchange/torch_mlp.safetensors"),
              {{"hidden.weight", parameter({3, 4}, 0)},
               {"hidden.bias", parameter({3}, 1)},
               {"out.weight", parameter({2, 3}, 2)},
               {"out.bias", parameter({2}, 3)}});
}

TEST(Interchange, ReadsHalves) {
  const Tensor wanted = arange(3, f16);
  EXPECT_EQ(expect::bits(io::load_npy(fixture("f16.npy"))), expect::bits(wanted));
  EXPECT_EQ(expect::bits(io::load_npz(fixture("half.npz"))[1].second), expect::bits(wanted));
  EXPECT_EQ(expect::bits(io::load_safetensors(fixture("f16.safetensors"))[0].second), expect::bits(wanted));
  EXPECT_EQ(expect::bits(io::load_safetensors(fixture("bf16.safetensors"))[0].second), expect::bits(arange(3, bf16)));
}

TEST(Interchange, RefusesWhatDuetHasNot) {
  struct Case {
    std::string file, message;
  };
  const std::string npy = " is not supported; supported are f2, f4, f8, i4, i8, u1 and b1";
  const Case cases[] = {
      {"i16.npy", "dtype '<i2'" + npy},
      {"c64.npy", "dtype '<c8'" + npy},
      {"text.npy", "dtype '<U2'" + npy},
      {"object.npy", "object arrays are refused: they are programs, not data"},
      {"fields.npy", "structured dtypes are not supported"},
  };
  for (const Case& c : cases) {
    const std::string path = fixture(c.file);
    const std::string message = error_of<ParseError>([&] { io::load_npy(path); });
    EXPECT_EQ(message, "load: " + path + ": " + c.message);
  }
}

}  // namespace
}  // namespace duet
