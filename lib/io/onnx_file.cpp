// The format: https://github.com/onnx/onnx/blob/v1.12.0/onnx/onnx.proto. Field numbers below are from there.
#include "io/onnx_file.h"

#include <cstring>
#include <limits>

#include "io/file.h"
#include "io/wire.h"

namespace duet::io {
namespace {

// More than any network in use has, and few enough that no file makes the tables of a model much larger than itself.
constexpr size_t kMostNodes = 100'000, kMostNames = 1'000, kMostAttributes = 100, kMostOpsets = 100;

template <class T>
T& append(std::string_view where, std::vector<T>& list, size_t most, const char* what) {
  if (list.size() == most) fail<ParseError>("{}: more than {} {}", where, most, what);
  return list.emplace_back();
}

template <class T, class Stored>
void fill_from(Tensor& t, const std::vector<Stored>& values) {
  T* to = reinterpret_cast<T*>(storage(t).data());
  for (Stored v : values) *to++ = static_cast<T>(v);
}

// A TensorProto's elements may stand in one of several fields, by type; each at most once.
struct TensorFields {
  std::vector<float> floats;
  std::vector<double> doubles;
  std::vector<int64_t> ints;
  std::span<const uint8_t> raw;
  bool has_raw = false;
};

Tensor tensor_of(std::string_view where, const Spec& spec, const TensorFields& f) {
  const uint64_t bytes = checked_bytes(where, spec), count = bytes / size_bytes(spec.dtype);
  const bool floats = spec.dtype == DType::f32, doubles = spec.dtype == DType::f64;
  const uint64_t have = f.has_raw ? f.raw.size()
                        : floats  ? f.floats.size()
                        : doubles ? f.doubles.size()
                                  : f.ints.size();
  const uint64_t want = f.has_raw ? bytes : count;
  if (have != want || f.floats.size() + f.doubles.size() + f.ints.size() != (f.has_raw ? 0 : have))
    fail<ParseError>("{}: {} holds {} {}, the file has {}", where, spec, want, f.has_raw ? "bytes" : "elements", have);
  Tensor t = uninitialized(spec);
  if (f.has_raw) {
    if (!f.raw.empty()) std::memcpy(storage(t).data(), f.raw.data(), f.raw.size());
  } else if (floats) {
    fill_from<float>(t, f.floats);
  } else if (doubles) {
    fill_from<double>(t, f.doubles);
  } else {
    const int64_t lo = spec.dtype == DType::i32 ? std::numeric_limits<int32_t>::min() : 0;
    const int64_t hi = spec.dtype == DType::i32 ? std::numeric_limits<int32_t>::max()
                       : is_half(spec.dtype)    ? 65535
                                                : 255;
    for (int64_t v : f.ints)
      if (spec.dtype != DType::i64 && (v < lo || v > hi)) fail<ParseError>("{}: {} is no {}", where, v, spec.dtype);
    if (spec.dtype == DType::i64)
      fill_from<int64_t>(t, f.ints);
    else if (spec.dtype == DType::i32)
      fill_from<int32_t>(t, f.ints);
    else if (is_half(spec.dtype))
      fill_from<uint16_t>(t, f.ints);  // their bits
    else
      fill_from<uint8_t>(t, f.ints);
  }
  check_elements(where, t);
  return t;
}

OnnxAttribute attribute_of(std::string_view where, std::span<const uint8_t> message) {
  OnnxAttribute a;
  WireReader r(where, message);
  while (r.next()) {
    switch (r.field()) {
      case 1:
        a.name = r.text();
        break;
      case 2:
        a.f = static_cast<double>(r.f32()), a.kind = OnnxAttribute::number;
        break;
      case 3:
        a.i = r.integer(), a.kind = OnnxAttribute::integer;
        break;
      case 4:
        a.s = r.text(), a.kind = OnnxAttribute::text;
        break;
      case 5:
        a.t = parse_onnx_tensor(where, r.bytes()).second, a.kind = OnnxAttribute::tensor;
        break;
      case 7:
        r.numbers<float>([&](float v) { a.floats.push_back(static_cast<double>(v)); });
        a.kind = OnnxAttribute::numbers;
        break;
      case 8:
        r.numbers<int64_t>([&](int64_t v) { a.ints.push_back(v); });
        a.kind = OnnxAttribute::integers;
        break;
      case 13:  // doc_string
        break;
      case 20:  // type: what is there says it
        if (a.kind == OnnxAttribute::none && r.integer() == 7) a.kind = OnnxAttribute::integers;
        if (a.kind == OnnxAttribute::none && r.integer() == 6) a.kind = OnnxAttribute::numbers;
        break;
      default:  // a graph, a list of strings …
        a.kind = OnnxAttribute::other;
    }
  }
  return a;
}

OnnxNode node_of(std::string_view where, std::span<const uint8_t> message) {
  OnnxNode n;
  WireReader r(where, message);
  while (r.next()) {
    if (r.field() == 1) append(where, n.inputs, kMostNames, "inputs of a node") = r.text();
    if (r.field() == 2) append(where, n.outputs, kMostNames, "outputs of a node") = r.text();
    if (r.field() == 3) n.name = r.text();
    if (r.field() == 4) n.op = r.text();
    if (r.field() == 7) n.domain = r.text();
    if (r.field() == 5)
      append(where, n.attributes, kMostAttributes, "attributes of a node") = attribute_of(where, r.bytes());
  }
  return n;
}

// The name of a ValueInfoProto. Its type must be a tensor of a dtype that duet has; extents are found by running.
std::string value_name(std::string_view where, std::span<const uint8_t> message) {
  std::string name;
  WireReader r(where, message);
  while (r.next()) {
    if (r.field() == 1) name = r.text();
    if (r.field() != 2) continue;
    WireReader type(where, r.bytes());
    while (type.next()) {
      if (type.field() == 6) continue;  // denotation
      if (type.field() != 1) fail<ParseError>("{}: sequences, maps and optional values are not supported", where);
      WireReader tensor(where, type.bytes());
      while (tensor.next())
        if (tensor.field() == 1) onnx_dtype(where, tensor.integer());
    }
  }
  return name;
}

void graph_of(std::string_view where, std::span<const uint8_t> message, OnnxModel& m) {
  WireReader r(where, message);
  while (r.next()) {
    if (r.field() == 1) append(where, m.nodes, kMostNodes, "nodes") = node_of(where, r.bytes());
    if (r.field() == 5) append(where, m.initializers, kMostNodes, "initialisers") = parse_onnx_tensor(where, r.bytes());
    if (r.field() == 11) append(where, m.inputs, kMostNames, "inputs") = value_name(where, r.bytes());
    if (r.field() == 12) append(where, m.outputs, kMostNames, "outputs") = value_name(where, r.bytes());
    if (r.field() == 15) fail<ParseError>("{}: sparse initialisers are not supported", where);
  }
}

}  // namespace

DType onnx_dtype(std::string_view where, int64_t type) {
  constexpr const char* kNames[] = {"undefined", "float",  "uint8",     "int8",       "uint16",  "int16",
                                    "int32",     "int64",  "string",    "bool",       "float16", "double",
                                    "uint32",    "uint64", "complex64", "complex128", "bfloat16"};
  switch (type) {
    case 1:
      return DType::f32;
    case 2:
      return DType::u8;
    case 6:
      return DType::i32;
    case 7:
      return DType::i64;
    case 9:
      return DType::boolean;
    case 10:
      return DType::f16;
    case 11:
      return DType::f64;
    case 16:
      return DType::bf16;
    default:
      if (type < 0 || type > 16) fail<ParseError>("{}: element type {} is unknown", where, type);
      fail<ParseError>(
          "{}: element type {} is not supported; supported are float, double, float16, bfloat16, int32, int64, uint8 "
          "and bool",
          where, kNames[type]);
  }
}

std::pair<std::string, Tensor> parse_onnx_tensor(std::string_view where, std::span<const uint8_t> message) {
  std::string name;
  Spec spec;
  int64_t type = 0;
  TensorFields f;
  WireReader r(where, message);
  while (r.next()) {
    switch (r.field()) {
      case 1:
        r.numbers<int64_t>([&](int64_t d) {
          if (spec.shape.rank() == kMaxRank)
            fail<ParseError>("{}: more than {} axes are not supported", where, kMaxRank);
          spec.shape.push_back(d);
        });
        break;
      case 2:
        type = r.integer();
        break;
      case 4:
        r.numbers<float>([&](float v) { f.floats.push_back(v); });
        break;
      case 5:
      case 7:
        r.numbers<int64_t>([&](int64_t v) { f.ints.push_back(v); });
        break;
      case 8:
        name = r.text();
        break;
      case 9:
        f.raw = r.bytes(), f.has_raw = true;
        break;
      case 10:
        r.numbers<double>([&](double v) { f.doubles.push_back(v); });
        break;
      case 3:
        fail<ParseError>("{}: a tensor in segments is not supported", where);
      case 13:
      case 14:
        if (r.field() == 13 || r.integer() != 0)
          fail<ParseError>("{}: tensors in other files are not supported; save the model with its weights inside",
                           where);
        break;
      default:
        break;
    }
  }
  spec.dtype = onnx_dtype(where, type);
  return {std::move(name), tensor_of(where, spec, f)};
}

OnnxModel parse_onnx_model(std::string_view where, std::span<const uint8_t> file) {
  OnnxModel m;
  bool graph = false;
  WireReader r(where, file);
  while (r.next()) {
    if (r.field() == 8) {
      auto& [domain, version] = append(where, m.opsets, kMostOpsets, "operator sets");
      WireReader opset(where, r.bytes());
      while (opset.next()) {
        if (opset.field() == 1) domain = opset.text();
        if (opset.field() == 2) version = opset.integer();
      }
    }
    if (r.field() == 7) {
      if (std::exchange(graph, true)) fail<ParseError>("{}: more than one graph", where);
      graph_of(where, r.bytes(), m);
    }
    if (r.field() == 25) fail<ParseError>("{}: functions of the model's own are not supported", where);
  }
  if (!graph) fail<ParseError>("{}: not an ONNX model: there is no graph", where);
  return m;
}

}  // namespace duet::io
