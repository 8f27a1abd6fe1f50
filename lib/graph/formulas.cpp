// The scalar instructions of kernels, for DUET_DEBUG=4.
#include <fmt/format.h>

#include "graph/show.h"
#include "ops/recorded.h"

namespace duet::graph {
namespace {

// The instructions of a node; none where its operation has no formula of floats.
const ExprList& instructions(const Node& n, DType dtype) {
  static const ExprList kNone;
  if (n.op->formula == nullptr && (n.op->kernel < 0 || (!is_float(dtype) && dtype != DType::boolean))) return kNone;
  return recorded(*n.op, dtype == DType::f64);
}

constexpr const char* kNames[kExprOps] = {
    "input",    "input",    "constant", "move",        "add",       "sub",          "mul",       "div",
    "neg",      "fma",      "sqrt",     "libm",        "pow",       "lt",           "le",        "eq",
    "ne",       "mask_and", "mask_or",  "mask_not",    "select",    "bits",         "from_bits", "bits_constant",
    "bits_add", "bits_sub", "bits_and", "bits_or",     "bits_xor",  "shl",          "shr",       "sar",
    "mul_lo",   "mul_hi",   "bits_eq",  "bits_select", "pio2_rest", "pio2_quadrant"};
constexpr const char* kLibm[] = {"exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "erf"};

}  // namespace

std::vector<std::string> formula_texts(const Graph& g, const Kernel& kernel, const std::vector<std::string>& names) {
  std::vector<std::string> lines;
  int temporaries = 0;
  auto name = [&](int v) { return names[static_cast<size_t>(v)]; };
  for (int i : kernel.nodes) {
    const Node& n = g.node(i);
    lines.push_back(fmt::format("{} {}", node_text(g, n, names), to_string(n.line)));
    if (n.op->kind != OpClass::pointwise) continue;
    DType dtype = g.value(n.outputs[0]).spec.dtype;
    for (size_t k = n.inputs.size(); k-- > 0;)
      if (!((n.op->bool_in >> k) & 1u)) dtype = g.value(n.inputs[k]).spec.dtype;
    const ExprList& list = instructions(n, dtype);
    std::vector<std::string> result(list.nodes.size());
    for (size_t k = 0; k < list.nodes.size(); ++k) {
      const ExprNode& e = list.nodes[k];
      Number8 number;
      number.bits = e.imm;
      if (e.op == ExprOp::input || e.op == ExprOp::input_mask) {
        result[k] = name(n.inputs[e.imm]);
      } else if (e.op == ExprOp::constant) {
        result[k] = number_text(number, list.is_double ? DType::f64 : DType::f32);
      } else if (e.op == ExprOp::bits_constant) {
        result[k] = fmt::format("{:#x}", e.imm);
      } else {
        std::string operands;
        for (int operand : {e.a, e.b, e.c})
          if (operand >= 0) operands += (operands.empty() ? "" : ", ") + result[static_cast<size_t>(operand)];
        if (e.op == ExprOp::shl || e.op == ExprOp::shr || e.op == ExprOp::sar) operands += fmt::format(", {}", e.imm);
        for (size_t o = 0; o < list.outputs.size(); ++o)
          if (list.outputs[o] == static_cast<int>(k)) result[k] = name(n.outputs[o]);
        if (result[k].empty()) result[k] = fmt::format("t{}", temporaries++);
        lines.push_back(fmt::format("  {} = {}({})", result[k],
                                    e.op == ExprOp::libm ? kLibm[e.imm] : kNames[static_cast<int>(e.op)], operands));
      }
    }
    // Gradients that are an operand as it is, or that two operands share.
    for (size_t o = 0; o < list.outputs.size(); ++o)
      if (const std::string& from = result[static_cast<size_t>(list.outputs[o])]; from != name(n.outputs[o]))
        lines.push_back(fmt::format("  {} = {}", name(n.outputs[o]), from));
  }
  return lines;
}

}  // namespace duet::graph
