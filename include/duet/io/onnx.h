// Networks in the ONNX format (https://onnx.ai), as functions over tensors.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "duet/core/tensor.h"

namespace duet::onnx {

struct Graph;

/// An imported network: a function of tensors, to be called as it is, compiled or frozen. Copies share the network.
class Function {
 public:
  /// Names of the arguments and of the results, in order.
  const std::vector<std::string>& inputs() const { return inputs_; }
  const std::vector<std::string>& outputs() const { return outputs_; }
  /// Those inputs whose values decide shapes (Reshape's shape, Slice's starts …). Compiled and frozen functions need
  /// them fixed before: see with().
  std::vector<std::string> shape_inputs() const;
  /// The function without an input, which always has this value. Error when there is no such input.
  Function with(const std::string& input, const Tensor& value,
                std::source_location line = std::source_location::current()) const;

  /// The results; an empty Tensor stands for an optional input that is left out. Errors are those of the operations;
  /// also Error when the number of arguments is wrong, or when a shape must be read from an argument while a compiled
  /// function records.
  std::vector<Tensor> operator()(const std::vector<Tensor>& arguments) const;

 private:
  friend Function load(const std::string& path, std::source_location line);
  std::shared_ptr<const Graph> graph_;
  std::vector<std::string> inputs_, outputs_;
  std::vector<std::pair<int, Tensor>> fixed_;  // which value of the graph
  std::vector<int> arguments_;
};

/// Reads a .onnx file of operator sets 1 to 17, weights inside, of the operators in docs/onnx.md. ParseError, naming
/// the file and the node, when it is missing, damaged, or has an operator, attribute or element type duet has not.
Function load(const std::string& path, std::source_location line = std::source_location::current());

}  // namespace duet::onnx
