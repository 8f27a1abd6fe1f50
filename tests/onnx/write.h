// Writes protobuf messages and small ONNX models, for tests.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace duet::wire {

inline std::string varint(uint64_t v) {
  std::string s;
  for (; v > 127; v >>= 7) s += static_cast<char>(v | 128);
  return s + static_cast<char>(v);
}
inline std::string integer(uint32_t field, int64_t v) { return varint(field << 3) + varint(static_cast<uint64_t>(v)); }
inline std::string bytes(uint32_t field, const std::string& v) { return varint(field << 3 | 2) + varint(v.size()) + v; }
inline std::string number(uint32_t field, float v) {
  std::string raw(4, '\0');
  std::memcpy(raw.data(), &v, 4);
  return varint(field << 3 | 5) + raw;
}

/// A TensorProto of ONNX's element type `type`.
inline std::string tensor(const std::string& name, int64_t type, const std::vector<int64_t>& dims,
                          const std::string& raw) {
  std::string s;
  for (int64_t d : dims) s += integer(1, d);
  return s + integer(2, type) + bytes(8, name) + bytes(9, raw);
}
template <class T>
std::string raw(const std::vector<T>& v) {
  return {reinterpret_cast<const char*>(v.data()), v.size() * sizeof(T)};
}

inline std::string attribute(const std::string& name, int64_t v) { return bytes(1, name) + integer(3, v); }
inline std::string node(const std::string& op, const std::vector<std::string>& in, const std::vector<std::string>& out,
                        const std::vector<std::string>& attributes = {}, const std::string& name = "") {
  std::string s;
  for (const auto& i : in) s += bytes(1, i);
  for (const auto& o : out) s += bytes(2, o);
  if (!name.empty()) s += bytes(3, name);
  s += bytes(4, op);
  for (const auto& a : attributes) s += bytes(5, a);
  return bytes(1, s);
}
inline std::string initializer(const std::string& tensor) { return bytes(5, tensor); }
/// A value of element type `type`; field 11 is an input, 12 an output.
inline std::string value(uint32_t field, const std::string& name, int64_t type = 1) {
  return bytes(field, bytes(1, name) + bytes(2, bytes(1, integer(1, type))));
}
inline std::string model(const std::string& graph, int64_t opset = 17) {
  return integer(1, 8) + bytes(7, graph) + bytes(8, integer(2, opset));
}

}  // namespace duet::wire
