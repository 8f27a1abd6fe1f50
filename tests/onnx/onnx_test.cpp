#include "duet/io/onnx.h"

#include <cstdlib>
#include <random>

#include "duet/duet.h"
#include "files.h"
#include "io/onnx_file.h"
#include "io/wire.h"
#include "modes.h"
#include "onnx/write.h"

using namespace duet;
using namespace duet::wire;

namespace {

std::span<const uint8_t> as_bytes(const std::string& s) {
  return {reinterpret_cast<const uint8_t*>(s.data()), s.size()};
}

/// relu(x·W + b), reshaped by an input that decides the shape.
std::string small_model() {
  return model(initializer(tensor("W", 1, {2, 2}, raw<float>({1, 2, 3, 4}))) +
               initializer(tensor("b", 1, {2}, raw<float>({-10, 1}))) + value(11, "x") + value(11, "shape", 7) +
               node("MatMul", {"x", "W"}, {"xw"}) + node("Add", {"xw", "b"}, {"h"}, {}, "bias") +
               node("Relu", {"h"}, {"r"}) + node("Reshape", {"r", "shape"}, {"y"}, {attribute("allowzero", 0)}) +
               value(12, "y"));
}

TEST(Wire, ReadsEveryKindOfField) {
  const std::string message = integer(1, -1) + bytes(2, "ab") + number(3, 2.5f) + bytes(4, varint(1) + varint(300)) +
                              integer(4, 7) + varint(5 << 3 | 1) + std::string(8, '\0');
  io::WireReader r("m", as_bytes(message));
  ASSERT_TRUE(r.next());
  EXPECT_EQ(r.integer(), -1);
  ASSERT_TRUE(r.next());
  EXPECT_EQ(r.text(), "ab");
  ASSERT_TRUE(r.next());
  EXPECT_EQ(r.f32(), 2.5f);
  std::vector<int64_t> list;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(r.next());
    EXPECT_EQ(r.field(), 4u);
    r.numbers<int64_t>([&](int64_t v) { list.push_back(v); });
  }
  EXPECT_EQ(list, (std::vector<int64_t>{1, 300, 7}));
  ASSERT_TRUE(r.next());
  EXPECT_EQ(r.f64(), 0.0);
  EXPECT_FALSE(r.next());
}

std::string wire_error(const std::string& message) {
  try {
    io::WireReader r("m", as_bytes(message));
    while (r.next()) r.integer();
  } catch (const ParseError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Wire, SaysWhatIsWrong) {
  EXPECT_EQ(wire_error("\x08"), "m: cut in a protobuf integer");
  EXPECT_EQ(wire_error("\x08" + std::string(10, '\x80') + '\1'), "m: a protobuf integer has more than 64 bits");
  EXPECT_EQ(wire_error("\x08" + std::string(9, '\xff') + '\2'), "m: a protobuf integer has more than 64 bits");
  EXPECT_EQ(wire_error(std::string("\0\0", 2)), "m: bad protobuf field 0");
  EXPECT_EQ(wire_error(varint(uint64_t{1} << 32) + '\0'), "m: bad protobuf field 536870912");
  EXPECT_EQ(wire_error("\x0b"), "m: protobuf field 1 has the unknown wire type 3");
  EXPECT_EQ(wire_error("\x12\x05"
                       "abc"),
            "m: cut in protobuf field 2: 5 bytes, 3 are left");
  EXPECT_EQ(wire_error("\x12" + varint(UINT64_MAX)),
            "m: cut in protobuf field 2: 18446744073709551615 bytes, 0 are left");
  EXPECT_EQ(wire_error(bytes(2, "x")), "m: protobuf field 2 has another wire type than it should");
}

TEST(Onnx, LoadsAFunctionForEveryMode) {
  TempFolder folder;
  write_file(folder / "m.onnx", small_model());
  const onnx::Function f = onnx::load(folder / "m.onnx");
  EXPECT_EQ(f.inputs(), (std::vector<std::string>{"x", "shape"}));
  EXPECT_EQ(f.outputs(), (std::vector<std::string>{"y"}));
  EXPECT_EQ(f.shape_inputs(), (std::vector<std::string>{"shape"}));
  const std::vector<Tensor> x = {from_vector<float>({1, 2, 3, 4}, {2, 2})};
  const onnx::Function g = f.with("shape", from_vector<int64_t>({4}, {1}));
  EXPECT_EQ(g.inputs(), (std::vector<std::string>{"x"}));
  EXPECT_EQ(g(x)[0].to_vector(), (std::vector<float>{0, 11, 5, 23}));
  EXPECT_EQ(expect::in_every_mode(g, x), expect::tree_bits(f({x[0], from_vector<int64_t>({-1}, {1})})));
  const Tensor dx = grad([&](const Tensor& t) { return sum(g({t})[0]); })(x[0]);
  EXPECT_EQ(dx.to_vector(), (std::vector<float>{2, 4, 3, 7}));
}

TEST(Onnx, SaysWhatACallDoesWrong) {
  TempFolder folder;
  write_file(folder / "m.onnx", small_model());
  const onnx::Function f = onnx::load(folder / "m.onnx");
  const Tensor x = ones({2, 2}), shape = from_vector<int64_t>({4}, {1});
  auto error = [](auto&& call) {
    try {
      call();
    } catch (const Error& e) {
      const std::string what = e.what();
      return what.substr(0, what.find(" ["));
    }
    return std::string("nothing was thrown");
  };
  EXPECT_EQ(error([&] { f({x}); }), "onnx: 1 arguments for 2 inputs");
  EXPECT_EQ(error([&] { f({Tensor(), shape}); }), "onnx: MatMul: input 0 is missing");
  EXPECT_EQ(error([&] { f.with("z", x); }), "onnx: there is no input 'z'");
  EXPECT_EQ(error([&] { f.with("x", Tensor()); }), "onnx: the value of input 'x' is an empty Tensor");
  EXPECT_EQ(error([&] { onnx::Function()({}); }), "onnx: the function is empty; load one");
  const std::string unknown =
      "onnx: Reshape: input 1 decides shapes and is not known when the function is recorded; fix it by with()";
  const std::vector<Tensor> both = {x, shape};
  EXPECT_EQ(error([&] { compile(f)(both); }), unknown);
  EXPECT_EQ(error([&] { freeze(f)(both); }), unknown);
}

TEST(Onnx, SaysWhatIsWrongInAFile) {
  TempFolder folder;
  const std::string path = folder / "m.onnx", at = "load: " + path + ": ";
  const std::string x = value(11, "x"), y = value(12, "y"), relu = node("Relu", {"x"}, {"y"});
  const std::string W = tensor("W", 1, {2}, raw<float>({1, 2}));
  const struct {
    std::string file, message;
  } cases[] = {
      {"", "not an ONNX model: there is no graph"},
      {model(x + relu + y) + bytes(7, ""), "more than one graph"},
      {model(x + relu + y, 0), "operator set 0 is not supported; supported are 1 to 17"},
      {model(x + relu + y, 18), "operator set 18 is not supported; supported are 1 to 17"},
      {bytes(7, x + relu + y), "it names no operator set of ONNX's own"},
      {model(x + node("Frob", {"x"}, {"y"}, {}, "n7") + y), "operator 'Frob' 'n7' is not supported"},
      {model(x + node("Relu", {"x"}, {"y"}, {attribute("slope", 1)}) + y),
       "operator 'Relu': attribute 'slope' is not supported"},
      {model(x + node("Softmax", {"x"}, {"y"}, {bytes(1, "axis") + bytes(6, "")}) + y),
       "operator 'Softmax': attribute 'axis' is not supported"},
      {model(x + node("Softmax", {"x"}, {"y"}) + y, 12),
       "operator 'Softmax' is supported from operator set 13 on, not in 12"},
      {model(x + node("Relu", {"x", "x"}, {"y"}) + y), "operator 'Relu' has 2 inputs"},
      {model(x + bytes(1, bytes(1, "x") + bytes(2, "y") + bytes(4, "Relu") + bytes(7, "my")) + y),
       "operator 'Relu' of domain 'my' is not supported"},
      {model(x + node("Relu", {"z"}, {"y"}) + y), "nothing before its use makes the value 'z'"},
      {model(x + relu + value(12, "z")), "nothing before its use makes the value 'z'"},
      {model(x + node("Relu", {"x"}, {"x"}) + y), "two values are named 'x'"},
      {model(value(11, "") + relu + y), "a value has no name"},
      {model(value(11, "x", 8) + relu + y),
       "element type string is not supported; supported are float, double, float16, bfloat16, int32, int64, uint8 and "
       "bool"},
      {model(value(11, "x", 99) + relu + y), "element type 99 is unknown"},
      {model(bytes(11, bytes(1, "x") + bytes(2, bytes(4, ""))) + relu + y),
       "sequences, maps and optional values are not supported"},
      {model(initializer(W + bytes(13, "")) + x + relu + y),
       "tensors in other files are not supported; save the model with its weights inside"},
      {model(initializer(W + integer(14, 1)) + x + relu + y),
       "tensors in other files are not supported; save the model with its weights inside"},
      {model(initializer(W + bytes(3, "")) + x + relu + y), "a tensor in segments is not supported"},
      {model(initializer(tensor("W", 1, {3}, raw<float>({1, 2}))) + x + relu + y),
       "f32[3] holds 12 bytes, the file has 8"},
      {model(initializer(integer(1, 3) + integer(2, 1) + bytes(8, "W") + number(4, 1)) + x + relu + y),
       "f32[3] holds 3 elements, the file has 1"},
      {model(initializer(tensor("W", 1, {int64_t{1} << 62}, "")) + x + relu + y),
       "impossible shape f32[4611686018427387904]"},
      {model(initializer(tensor("W", 1, {-1}, "")) + x + relu + y), "impossible shape f32[-1]"},
      {model(initializer(tensor("W", 1, {1, 1, 1, 1, 1, 1, 1}, raw<float>({1}))) + x + relu + y),
       "more than 6 axes are not supported"},
      {model(initializer(tensor("W", 9, {1}, "\2")) + x + relu + y), "a bool is neither 0 nor 1: 2"},
      {model(initializer(integer(1, 1) + integer(2, 2) + bytes(8, "W") + integer(5, 256)) + x + relu + y),
       "256 is no u8"},
      {model(bytes(15, "") + x + relu + y), "sparse initialisers are not supported"},
      {model(x + relu + y) + bytes(25, ""), "functions of the model's own are not supported"},
  };
  for (const auto& c : cases) {
    write_file(path, c.file);
    EXPECT_EQ(error_of<ParseError>([&] { onnx::load(path); }), at + c.message);
  }
  EXPECT_EQ(error_of<ParseError>([&] { onnx::load(folder / "none"); }),
            "load: " + (folder / "none") + ": no such file");
}

TEST(Onnx, CountsAreCapped) {
  TempFolder folder;
  std::string inputs;
  for (int i = 0; i <= 1000; ++i) inputs += bytes(1, "x");
  write_file(folder / "m", model(value(11, "x") + bytes(1, inputs + bytes(4, "Sum") + bytes(2, "y"))));
  EXPECT_EQ(error_of<ParseError>([&] { onnx::load(folder / "m"); }),
            "load: " + (folder / "m") + ": more than 1000 inputs of a node");
  std::string nodes;
  for (int i = 0; i <= 100'000; ++i) nodes += bytes(1, "");
  write_file(folder / "m", model(nodes));
  EXPECT_EQ(error_of<ParseError>([&] { onnx::load(folder / "m"); }),
            "load: " + (folder / "m") + ": more than 100000 nodes");
}

/// Loads or is a ParseError in one line; tensors take no more than the file is long.
void attempt(const std::string& path, const std::string& file) {
  write_file(path, file);
  const int64_t before = memory_stats().live_bytes;
  reset_peak();
  try {
    onnx::load(path);
  } catch (const ParseError& error) {
    EXPECT_EQ(std::string_view(error.what()).find_first_of("\n\r\t"), std::string_view::npos) << error.what();
  }
  EXPECT_LE(memory_stats().peak_bytes - before, static_cast<int64_t>(8 * file.size() + 4096));
}

// A message cut between two fields is a message: what must hold is that nothing but a ParseError comes out.
TEST(Onnx, CutAndFlippedFilesAreRefusedOrLoad) {
  TempFolder folder;
  const std::string good = small_model(), path = folder / "m";
  for (size_t n = 0; n <= good.size(); ++n) attempt(path, good.substr(0, n));
  for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    attempt(path, bad);
  }
  const char* size = std::getenv("DUET_TEST_SIZE");
  std::mt19937 random(7);
  for (int i = 0; i < (size != nullptr && std::string_view(size) == "small" ? 2'000 : 20'000); ++i) {
    std::string bad = good;
    for (unsigned k = random() % 4 + 1; k > 0; --k) {
      const size_t at = random() % bad.size();
      if (random() % 2 == 0)
        bad[at] = static_cast<char>(random());
      else if (random() % 2 == 0)
        bad.insert(at, bad.substr(random() % bad.size(), random() % 20));
      else
        bad.erase(at, random() % 5);
      if (bad.empty()) break;
    }
    attempt(path, bad);
  }
}

}  // namespace
