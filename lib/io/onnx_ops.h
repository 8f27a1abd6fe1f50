// How the nodes of an ONNX graph are computed: a table of operators by name, and what one node's operator sees.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "duet/ops/op.h"
#include "io/onnx_file.h"

namespace duet::onnx {

struct OpEntry;

/// A value while a graph runs. `known`: made of constants and shapes alone, so it is computed at once, also while a
/// compiled function records, and the host may read it.
struct Value {
  Tensor t;
  bool known = false;
};

struct Node {
  const OpEntry* op = nullptr;
  std::string label;                 // "Reshape 'node name'"
  std::vector<int> inputs, outputs;  // values; −1: absent
  std::vector<io::OnnxAttribute> attributes;
  int64_t opset = 0;
};

/// One node being run.
class Call {
 public:
  Call(const Node& node, const std::vector<Value>& values) : node_(node), values_(values) {}

  const std::string& label() const { return node_.label; }
  int64_t opset() const { return node_.opset; }
  int inputs() const { return static_cast<int>(node_.inputs.size()); }
  int outputs() const { return static_cast<int>(node_.outputs.size()); }
  bool has(int i) const { return i < inputs() && value(i).defined(); }
  bool wants(int i) const { return i < outputs() && node_.outputs[static_cast<size_t>(i)] >= 0; }
  const Tensor& operator[](int i) const;

  /// Elements of an input on the host, converted to i64 or f64.
  std::vector<int64_t> host_ints(int i) const;
  std::vector<double> host_numbers(int i) const;
  /// The same of an input with one element.
  int64_t host_int(int i) const;
  double host_number(int i) const;

  bool given(std::string_view name) const { return find(name) != nullptr; }
  int64_t integer(std::string_view name, int64_t fallback) const;
  double number(std::string_view name, double fallback) const;
  std::string_view text(std::string_view name, std::string_view fallback) const;
  std::vector<int64_t> integers(std::string_view name, std::vector<int64_t> fallback = {}) const;
  const io::OnnxAttribute* find(std::string_view name) const;

  /// Throws the Error `<operator>: <what>`.
  template <class... A>
  void require(bool ok, fmt::format_string<A...> format, A&&... args) const {
    if (!ok) reject(formatted(format, fmt::make_format_args(args...)));
  }
  [[noreturn]] void reject(const std::string& what) const;

 private:
  const Tensor& value(int i) const;
  const Node& node_;
  const std::vector<Value>& values_;
};

using Results = std::vector<Tensor>;

struct OpEntry {
  std::string_view name;
  int least, most;              // inputs
  std::string_view attributes;  // that are understood, between spaces
  unsigned host;                // inputs that the host reads, a bit each
  Results (*run)(const Call&);
  int64_t since = 1;  // the first operator set in which it has this meaning
};

std::span<const OpEntry> pointwise_ops();
std::span<const OpEntry> reduce_ops();
std::span<const OpEntry> movement_ops();
std::span<const OpEntry> index_ops();
std::span<const OpEntry> neural_ops();
std::span<const OpEntry> loss_ops();
std::span<const OpEntry> resize_ops();
std::span<const OpEntry> recurrent_ops();

/// An axis from the end made one from the front; Error when there is none.
int axis_of(const Call& c, int64_t axis, int rank);
Shape shape_of(const Call& c, const std::vector<int64_t>& extents);
/// NumPy's transpose with the axes in a vector.
Tensor permute(const Tensor& x, const std::vector<int>& axes);

}  // namespace duet::onnx
