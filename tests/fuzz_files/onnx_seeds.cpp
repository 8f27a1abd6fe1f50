// onnx_seeds FOLDER: writes the networks that fuzzing of ONNX files begins with. Every operator is in one of them with
// its attributes; beside them stand files that are wrong in one way each.
#include <cstdio>
#include <fstream>

#include "onnx/write.h"

using namespace duet::wire;

namespace {

enum : int64_t { f32 = 1, u8 = 2, i32 = 6, i64 = 7, boolean = 9, f64 = 11 };
std::string folder;

void write(const std::string& name, const std::string& file) {
  std::ofstream out(folder + "/" + name + ".onnx", std::ios::binary);
  out << file;
  if (!out.flush()) std::exit((std::perror(name.c_str()), 1));
}

std::string floats(const std::string& name, const std::vector<int64_t>& dims, std::vector<float> v = {}) {
  int64_t n = 1;
  for (int64_t d : dims) n *= d;
  while (static_cast<int64_t>(v.size()) < n) v.push_back(0.25f * static_cast<float>(v.size() % 7) - 0.5f);
  return initializer(tensor(name, f32, dims, raw(v)));
}
std::string ints(const std::string& name, const std::vector<int64_t>& v) {
  return initializer(tensor(name, i64, {static_cast<int64_t>(v.size())}, raw(v)));
}
std::string scalar(const std::string& name, int64_t v) { return initializer(tensor(name, i64, {}, raw<int64_t>({v}))); }
std::string real(const std::string& name, float v) { return bytes(1, name) + number(2, v); }
std::string text(const std::string& name, const std::string& v) { return bytes(1, name) + bytes(4, v); }
std::string list(const std::string& name, const std::vector<int64_t>& v) {
  std::string s = bytes(1, name);
  for (int64_t i : v) s += integer(8, i);
  return s + integer(20, 7);
}

/// A network of nodes, each of which has one result: o0, o1 …; all of them are the network's.
class Net {
 public:
  explicit Net(std::string before) : graph_(std::move(before)) {}
  Net& add(const std::string& op, const std::vector<std::string>& in, const std::vector<std::string>& attributes = {}) {
    const std::string out = "o" + std::to_string(count_++);
    graph_ += node(op, in, {out}, attributes);
    outputs_ += value(12, out);
    return *this;
  }
  void write(const std::string& name, int64_t opset = 17) const { ::write(name, model(graph_ + outputs_, opset)); }

 private:
  std::string graph_, outputs_;
  int count_ = 0;
};

const std::string x = value(11, "x"), X = value(11, "X"), b = value(11, "b", boolean), i = value(11, "i", i64);

void pointwise() {
  Net one(x);
  for (const char* op :
       {"Abs",       "Acosh",    "Asinh", "Atanh",    "Ceil",     "Cos",  "Cosh",       "Erf",  "Exp",   "Floor",
        "HardSwish", "Identity", "IsInf", "IsNaN",    "Log",      "Neg",  "Reciprocal", "Relu", "Round", "Sigmoid",
        "Sign",      "Sin",      "Sinh",  "Softplus", "Softsign", "Sqrt", "Tan",        "Tanh"})
    one.add(op, {"x"});
  one.write("unary");
  Net two(x + floats("r", {3}) + floats("c", {2, 1}));
  for (const char* op : {"Add", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Mul", "PRelu",
                         "Pow", "Sub", "CastLike"})
    two.add(op, {"x", "r"});
  for (const char* op : {"Max", "Mean", "Min", "Sum"}) two.add(op, {"x", "r", "c"});
  two.write("binary");
  Net logic(b + x);
  for (const char* op : {"And", "Or", "Xor"}) logic.add(op, {"b", "b"});
  logic.add("Not", {"b"}).add("Where", {"b", "x", "x"}).write("logic");
  Net(x)
      .add("Celu", {"x"}, {real("alpha", 2)})
      .add("Elu", {"x"}, {real("alpha", 2)})
      .add("HardSigmoid", {"x"}, {real("alpha", 0.5f), real("beta", 0.25f)})
      .add("LeakyRelu", {"x"}, {real("alpha", 0.5f)})
      .add("Selu", {"x"}, {real("alpha", 2), real("gamma", 3)})
      .add("Shrink", {"x"}, {real("lambd", 1.5f), real("bias", 1.5f)})
      .add("ThresholdedRelu", {"x"}, {real("alpha", 2)})
      .add("IsInf", {"x"}, {attribute("detect_positive", 0), attribute("detect_negative", 1)})
      .add("Cast", {"x"}, {attribute("to", 6)})
      .write("parameters");
  Net(x + floats("l", {}) + initializer(tensor("z", u8, {}, "\3")))
      .add("Clip", {"x", "l", ""})
      .add("QuantizeLinear", {"x", "l", "z"}, {attribute("axis", 0)})
      .add("DequantizeLinear", {"o1", "l", "z"}, {attribute("axis", 0)})
      .add("DynamicQuantizeLinear", {"x"})
      .add("Transpose", {"o1"})
      .add("MatMulInteger", {"o1", "o4", "z", "z"})
      .add("QLinearMatMul", {"o1", "l", "z", "o4", "l", "z", "l", "z"})
      .write("quantized");
}

void reductions() {
  Net axes(x);
  for (const char* op : {"L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare"})
    axes.add(std::string("Reduce") + op, {"x"}, {list("axes", {-1}), attribute("keepdims", 0)});
  axes.write("reduce");
  Net(x + ints("a", {1}) + scalar("k", 1) + ints("n", {2}) + floats("s", {3}))
      .add("ReduceSum", {"x", "a"}, {attribute("noop_with_empty_axes", 1)})
      .add("ArgMax", {"x"}, {attribute("axis", 1), attribute("keepdims", 0), attribute("select_last_index", 1)})
      .add("ArgMin", {"x"}, {attribute("axis", -1)})
      .add("CumSum", {"x", "k"}, {attribute("exclusive", 1), attribute("reverse", 1)})
      .add("Hardmax", {"x"}, {attribute("axis", 0)})
      .add("LayerNormalization", {"x", "s", "s"}, {attribute("axis", 1), real("epsilon", 0.5f)})
      .add("LogSoftmax", {"x"}, {attribute("axis", 0)})
      .add("Softmax", {"x"}, {attribute("axis", 1)})
      .add("TopK", {"x", "n"}, {attribute("axis", 1), attribute("largest", 0), attribute("sorted", 1)})
      .write("along_an_axis");
  Net(X).add("MeanVarianceNormalization", {"X"}, {list("axes", {0, 2, 3})}).write("mean_variance");
}

void movement() {
  Net(x + ints("to", {3, 1, -1}) + ints("twice", {2, 2}) + ints("one", {1}) + ints("big", {2, 2, 3}))
      .add("Reshape", {"x", "to"}, {attribute("allowzero", 0)})
      .add("Tile", {"x", "twice"})
      .add("Expand", {"x", "big"})
      .add("Unsqueeze", {"x", "one"})
      .add("Squeeze", {"o3", "one"})
      .add("Transpose", {"x"}, {list("perm", {1, 0})})
      .add("Flatten", {"x"}, {attribute("axis", 1)})
      .add("Concat", {"x", "x"}, {attribute("axis", -1)})
      .add("Shape", {"x"}, {attribute("start", 0), attribute("end", 1)})
      .add("Size", {"x"})
      .add("EyeLike", {"x"}, {attribute("dtype", 1), attribute("k", 1)})
      .add("Trilu", {"x"}, {attribute("upper", 0)})
      .add("ConstantOfShape", {"big"}, {bytes(1, "value") + bytes(5, tensor("", f32, {1}, raw<float>({7})))})
      .write("shapes");
  Net(x + ints("from", {0, 2}) + ints("end", {2, -9}) + ints("axes", {0, 1}) + ints("by", {1, -1}) +
      ints("pads", {0, 1, 1, 0}) + floats("v", {}, {9}))
      .add("Slice", {"x", "from", "end", "axes", "by"})
      .add("Pad", {"x", "pads", "v"}, {text("mode", "constant")})
      .add("Pad", {"x", "pads"}, {text("mode", "reflect")})
      .add("Pad", {"x", "pads"}, {text("mode", "edge")})
      .write("slices");
  write("split", model(x + ints("parts", {1, 2}) + node("Split", {"x", "parts"}, {"p", "q"}, {attribute("axis", 1)}) +
                       value(12, "p") + value(12, "q")));
  Net(scalar("n", 5) + scalar("zero", 0) + scalar("two", 2))
      .add("HannWindow", {"n"}, {attribute("periodic", 0)})
      .add("HammingWindow", {"n"}, {attribute("output_datatype", 1)})
      .add("BlackmanWindow", {"n"})
      .add("Range", {"zero", "n", "two"})
      .add("Constant", {}, {attribute("value_int", 3)})
      .add("Constant", {}, {list("value_ints", {3, 4})})
      .add("Constant", {}, {real("value_float", 3)})
      .write("made");
  Net(value(11, "X") + floats("D", {1, 4, 1, 1}))
      .add("DepthToSpace", {"D"}, {attribute("blocksize", 2), text("mode", "CRD")})
      .add("SpaceToDepth", {"X"}, {attribute("blocksize", 2)})
      .write("space");
}

void indices() {
  Net(x + i + scalar("d", 3) + floats("onoff", {2}) + initializer(tensor("at", i64, {1, 2}, raw<int64_t>({1, 2}))) +
      floats("u", {1, 2}) + floats("e", {1}) + initializer(tensor("keep", boolean, {2}, std::string("\1\0", 2))))
      .add("Gather", {"x", "i"}, {attribute("axis", 1)})
      .add("GatherElements", {"x", "at"}, {attribute("axis", 1)})
      .add("GatherND", {"x", "at"}, {attribute("batch_dims", 0)})
      .add("OneHot", {"i", "d", "onoff"}, {attribute("axis", -1)})
      .add("Scatter", {"x", "at", "u"}, {attribute("axis", 1)})
      .add("ScatterElements", {"x", "at", "u"}, {attribute("axis", 1), text("reduction", "add")})
      .add("ScatterND", {"x", "at", "e"}, {text("reduction", "add")})
      .add("ReverseSequence", {"x", "i"}, {attribute("batch_axis", 0), attribute("time_axis", 1)})
      .add("Compress", {"x", "keep"}, {attribute("axis", 0)})
      .write("indices");
  Net(x + i)
      .add("NegativeLogLikelihoodLoss", {"x", "i"}, {attribute("ignore_index", 1), text("reduction", "mean")})
      .add("SoftmaxCrossEntropyLoss", {"x", "i"}, {attribute("ignore_index", 1), text("reduction", "sum")})
      .write("losses");
}

void networks() {
  Net(x + floats("W", {3, 2}) + floats("B", {2}))
      .add("MatMul", {"x", "W"})
      .add("Add", {"o0", "B"})
      .add("Relu", {"o1"})
      .add("Gemm", {"x", "W", "B"},
           {real("alpha", 0.5f), real("beta", 2), attribute("transA", 0), attribute("transB", 0)})
      .add("Dropout", {"x"}, {attribute("seed", 1)})
      .write("layers");
  const std::vector<std::string> window = {list("kernel_shape", {3, 2}), list("strides", {2, 1}),
                                           list("pads", {1, 0, 1, 1}), list("dilations", {1, 2})};
  Net(X + floats("W", {2, 2, 3, 2}) + floats("B", {2}))
      .add("Conv", {"X", "W", "B"}, window)
      .add("Conv", {"X", "W"}, {text("auto_pad", "SAME_UPPER"), attribute("group", 1)})
      .add("ConvTranspose", {"X", "W", "B"}, {list("strides", {2, 1}), list("output_padding", {1, 0})})
      .write("convolution");
  Net(initializer(tensor("q", u8, {1, 1, 3, 3}, "123456789")) + initializer(tensor("k", u8, {1, 1, 2, 2}, "abcd")) +
      initializer(tensor("z", u8, {}, "\3")))
      .add("ConvInteger", {"q", "k", "z"}, {list("pads", {1, 1, 0, 0})})
      .write("convolution_of_bytes");
  Net(X)
      .add("MaxPool", {"X"}, window)
      .add("AveragePool", {"X"},
           {list("kernel_shape", {2, 2}), list("pads", {0, 1, 1, 0}), attribute("count_include_pad", 1)})
      .add("AveragePool", {"X"}, {list("kernel_shape", {3, 3}), list("strides", {2, 2}), attribute("ceil_mode", 1)})
      .add("GlobalAveragePool", {"X"})
      .add("GlobalMaxPool", {"X"})
      .write("pools");
  Net(X + floats("s", {2}) + floats("v", {2}, {1, 2}))
      .add("BatchNormalization", {"X", "s", "s", "s", "v"}, {real("epsilon", 0.5f), attribute("training_mode", 0)})
      .add("InstanceNormalization", {"X", "s", "s"}, {real("epsilon", 0.5f)})
      .add("LRN", {"X"}, {real("alpha", 1), real("beta", 0.5f), real("bias", 2), attribute("size", 3)})
      .write("normalised");
  Net(X + floats("by", {4}, {1, 1, 2, 1.5f}) + ints("to", {1, 2, 3, 8}))
      .add("Resize", {"X", "", "by"}, {text("mode", "linear"), text("coordinate_transformation_mode", "align_corners")})
      .add("Resize", {"X", "", "", "to"}, {text("mode", "nearest"), text("nearest_mode", "floor")})
      .add("Resize", {"X", "", "by"}, {text("mode", "cubic"), real("cubic_coeff_a", -0.5f)})
      .write("resize");
  Net(X + floats("by", {4}, {1, 1, 2, 2})).add("Upsample", {"X", "by"}, {text("mode", "nearest")}).write("upsample", 9);
  const std::string steps = floats("S", {2, 1, 3});
  Net(steps + floats("W", {1, 2, 3}) + floats("R", {1, 2, 2}))
      .add("RNN", {"S", "W", "R"}, {attribute("hidden_size", 2), text("direction", "forward")})
      .write("rnn");
  Net(steps + floats("W", {1, 6, 3}) + floats("R", {1, 6, 2}) + floats("B", {1, 12}))
      .add("GRU", {"S", "W", "R", "B"}, {attribute("hidden_size", 2), attribute("layout", 0)})
      .write("gru");
  Net(steps + floats("W", {1, 8, 3}) + floats("R", {1, 8, 2}))
      .add("LSTM", {"S", "W", "R"}, {attribute("hidden_size", 2)})
      .write("lstm");
}

// What stands in a tensor, and what is said twice, never or by another wire type.
void files() {
  const std::string relu = node("Relu", {"x"}, {"y"}) + value(12, "y"), W = integer(1, 2) + bytes(8, "W");
  const auto with = [&](const std::string& t) { return model(initializer(t) + x + relu); };
  write("nothing", "");
  write("no_graph", integer(1, 8));
  write("no_operator_set", bytes(7, x + relu));
  write("two_graphs", model(x + relu) + bytes(7, ""));
  write("default", model(floats("x", {2}) + x + relu));
  write("typed_floats", with(W + integer(2, f32) + number(4, 1) + number(4, 2)));
  write("packed_floats", with(W + integer(2, f32) + bytes(4, raw<float>({1, 2}))));
  write("packed_doubles", with(W + integer(2, f64) + bytes(10, raw<double>({1, 2}))));
  write("packed_ints", with(W + integer(2, i32) + bytes(5, varint(3) + varint(UINT64_MAX))));
  write("packed_longs", with(W + integer(2, i64) + bytes(7, varint(3) + varint(UINT64_MAX))));
  write("packed_dims",
        with(bytes(1, varint(1) + varint(2)) + integer(2, f32) + bytes(8, "W") + bytes(9, raw<float>({1, 2}))));
  write("halves", with(W + integer(2, 10) + integer(5, 15360) + integer(5, 65535)));
  write("bad_bool", with(W + integer(2, boolean) + bytes(9, "\1\2")));
  write("strings", with(W + integer(2, 8) + bytes(6, "a") + bytes(6, "b")));
  write("too_large", with(integer(1, int64_t{1} << 62) + integer(1, 4) + integer(2, f32) + bytes(8, "W")));
  write("no_elements", with(integer(1, int64_t{1} << 40) + integer(1, 0) + integer(2, f32) + bytes(8, "W")));
  write("elsewhere", with(W + integer(2, f32) + bytes(13, bytes(1, "location") + bytes(2, "/etc/passwd"))));
  write("sparse", model(bytes(15, "") + x + relu));
  write("own_functions", model(x + relu) + bytes(25, ""));
  write("subgraph", model(x + node("If", {"x"}, {"y"}, {bytes(1, "then_branch") + bytes(6, "")}) + value(12, "y")));
  write("wrong_wire_type", model(x + integer(1, 7) + relu));
  write("unknown_fields", model(x + relu + number(99, 1) + bytes(100, "?")) + varint(101 << 3 | 1) + "12345678");
  write("cut", model(x + relu).substr(0, 24));
  write("sequence", model(bytes(11, bytes(1, "x") + bytes(2, bytes(4, ""))) + relu));
  write("missing_value", model(x + node("Add", {"x", "w"}, {"y"}) + value(12, "y")));
  write("cycle", model(x + node("Relu", {"z"}, {"y"}) + node("Relu", {"y"}, {"z"}) + value(12, "y")));
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  folder = arguments[1];
  pointwise();
  reductions();
  movement();
  indices();
  networks();
  files();
  return 0;
}
