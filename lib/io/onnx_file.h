// What an ONNX file says (onnx.proto of version 1.12), read and checked, but not yet understood as operations.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "duet/io/safetensors.h"

namespace duet::io {

struct OnnxAttribute {
  std::string name;
  enum Kind : uint8_t { none, number, integer, text, tensor, numbers, integers, other } kind = none;
  double f = 0;
  int64_t i = 0;
  std::string s;
  Tensor t;
  std::vector<double> floats;
  std::vector<int64_t> ints;
};

struct OnnxNode {
  std::string op, name, domain;
  std::vector<std::string> inputs, outputs;  // an empty name: absent
  std::vector<OnnxAttribute> attributes;
};

struct OnnxModel {
  std::vector<std::pair<std::string, int64_t>> opsets;  // domain ("" is ONNX's own) and version
  std::vector<OnnxNode> nodes;
  NamedTensors initializers;
  std::vector<std::string> inputs, outputs;
};

/// ParseError, starting with `where`, when the bytes are not a model of tensors that duet has.
OnnxModel parse_onnx_model(std::string_view where, std::span<const uint8_t> file);
/// A TensorProto and the name in it.
std::pair<std::string, Tensor> parse_onnx_tensor(std::string_view where, std::span<const uint8_t> message);
/// The DType of an ONNX element type; ParseError, by its ONNX name, for one that duet has not.
DType onnx_dtype(std::string_view where, int64_t type);

}  // namespace duet::io
