// ONNX's own node cases: a model of mostly one operator, its inputs, and what must come out.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "duet/io/onnx.h"
#include "io/onnx_file.h"
#include "modes.h"

namespace duet {

/// Where Debian's libonnx-testdata puts them.
inline const std::string kOnnxCases = "/usr/share/libonnx-testdata/data/node";

/// How far a result may be from the case's: 1e-6 + 1e-4·|expected|; integers and bools are equal. The window
/// functions' were computed with 3.1415 for pi: for these 1e-3·|expected|, which is ONNX's own measure.
inline double onnx_tolerance(const std::string& name, double expected) {
  return 1e-6 + (name.find("window") == std::string::npos ? 1e-4 : 1e-3) * std::abs(expected);
}

struct OnnxOutcome {
  std::string name;
  enum Kind { passed, skipped, failed } kind = passed;
  std::string why;
};

inline std::vector<Tensor> onnx_tensors(const std::string& folder, const std::string& stem) {
  std::vector<Tensor> all;
  for (int i = 0;; ++i) {
    std::ifstream file(folder + "/" + stem + "_" + std::to_string(i) + ".pb", std::ios::binary);
    if (!file) return all;
    std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    all.push_back(io::parse_onnx_tensor(stem, bytes).second);
  }
}

/// What is wrong with a result, or "".
inline std::string onnx_difference(const std::string& name, const Tensor& got, const Tensor& want) {
  if (!(got.spec() == want.spec())) return to_string(got.spec()) + " instead of " + to_string(want.spec());
  if (!is_float(want.dtype())) return expect::bits(got) == expect::bits(want) ? "" : "other elements";
  const auto a = cast(got, f64).to_vector<double>(), b = cast(want, f64).to_vector<double>();
  for (size_t i = 0; i < a.size(); ++i) {
    const bool same = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]));
    if (!same && !(std::abs(a[i] - b[i]) <= onnx_tolerance(name, b[i])))
      return "element " + std::to_string(i) + " is " + shortest(a[i]) + ", expected " + shortest(b[i]);
  }
  return "";
}

/// Runs a case as it is, compiled and frozen; an Error is what duet has not, a wrong result a failure.
inline OnnxOutcome run_onnx_case(const std::string& name) {
  const std::string folder = kOnnxCases + "/" + name, path = folder + "/model.onnx";
  OnnxOutcome out{name, OnnxOutcome::passed, ""};
  auto fails = [&](const std::string& why) { out.kind = OnnxOutcome::failed, out.why = why; };
  try {
    onnx::Function f = onnx::load(path);
    std::vector<Tensor> inputs = onnx_tensors(folder + "/test_data_set_0", "input");
    const std::vector<Tensor> expected = onnx_tensors(folder + "/test_data_set_0", "output");
    const std::vector<Tensor> eager = f(inputs);
    if (eager.size() != expected.size()) fails("the number of outputs");
    for (size_t i = 0; i < eager.size() && out.why.empty(); ++i) {
      const std::string why = onnx_difference(name, eager[i], expected[i]);
      if (!why.empty()) fails("output " + std::to_string(i) + ": " + why);
    }
    for (const std::string& input : f.shape_inputs()) {
      const auto i = std::find(f.inputs().begin(), f.inputs().end(), input) - f.inputs().begin();
      f = f.with(input, inputs[static_cast<size_t>(i)]);
      inputs.erase(inputs.begin() + i);
    }
    const std::string bits = expect::tree_bits(eager);
    const auto compiled = compile(f);
    const auto frozen = freeze(f);
    for (int i = 0; i < 2; ++i) {
      if (expect::tree_bits(compiled(inputs)) != bits) fails("compiled has other bits");
      if (expect::tree_bits(frozen(inputs)) != bits) fails("frozen has other bits");
    }
  } catch (const Error& error) {
    out.kind = OnnxOutcome::skipped;
    out.why = error.what();
    out.why.erase(std::min(out.why.rfind(" ["), out.why.size()));
    if (const size_t at = out.why.find(path + ": "); at != std::string::npos) out.why.erase(0, at + path.size() + 2);
  }
  return out;
}

inline std::vector<OnnxOutcome> run_onnx_cases() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kOnnxCases)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  std::vector<OnnxOutcome> all;
  for (const std::string& name : names) all.push_back(run_onnx_case(name));
  return all;
}

}  // namespace duet
