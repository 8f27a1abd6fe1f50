#include "graph/execute.h"

#include <fmt/format.h>

#include "duet/core/debug.h"
#include "duet/ops/movement.h"
#include "ops/matmul_loop.h"

namespace duet::graph {
namespace {

// A plan's view of an operand.
Strided strided(int v, const Graph& g, const std::vector<Layout>& layouts, const std::vector<char*>& base) {
  const Layout& l = layouts[static_cast<size_t>(v)];
  const Spec& s = g.value(v).spec;
  return {base[static_cast<size_t>(l.root)] + l.offset * static_cast<int64_t>(size_bytes(s.dtype)), s.dtype, l.dense,
          &s.shape, l.strides};
}

[[gnu::cold]] void show(const Launch& l, const Graph& g) {
  std::string ops;
  for (int n : l.nodes) ops += (ops.empty() ? "" : "+") + std::string(g.node(n).op->name);
  debug_line(fmt::format("launch {} {} {}", ops, g.value(g.node(l.nodes.back()).outputs[0]).spec, to_string(l.line)));
}

struct EpilogueCall {
  const cpu::TileProgram* program;
  const void* const* in;
  void* const* out;
  int64_t m, n;
  static void run(void* ctx, int64_t batch, int64_t i, int64_t j, int64_t rows, int64_t cols) {
    auto* c = static_cast<EpilogueCall*>(ctx);
    const int64_t first = (batch * c->m + i) * c->n + j;
    if (cols == c->n) return cpu::run_tiles(*c->program, c->in, c->out, first, rows * cols);
    for (int64_t r = 0; r < rows; ++r) cpu::run_tiles(*c->program, c->in, c->out, first + r * c->n, cols);
  }
};

}  // namespace

void run_launch(const Launch& l, const Graph& g, const std::vector<Layout>& layouts, const std::vector<char*>& base,
                std::vector<const void*>& in, std::vector<void*>& out) {
  if (debug_level() >= 2) [[unlikely]]
    show(l, g);
  in.clear();
  out.clear();
  for (int v : l.sources) in.push_back(v < 0 ? nullptr : strided(v, g, layouts, base).data);
  for (int v : l.results) out.push_back(base[static_cast<size_t>(v)]);
  if (l.kind == LaunchKind::tiles) return cpu::run_tiles(l.program, in.data(), out.data());

  LineOverride line(l.line);  // errors in the data name the operation's line
  Strided inputs[Args::kMax], outputs[kMaxOutputs];
  for (size_t i = 0; i < l.inputs.size(); ++i) inputs[i] = strided(l.inputs[i], g, layouts, base);
  for (size_t k = 0; k < l.outputs.size(); ++k) outputs[k] = strided(l.outputs[k], g, layouts, base);
  if (l.kind == LaunchKind::matmul && !l.program.steps.empty()) {
    const Shape& y = *outputs[0].shape;
    EpilogueCall call{&l.program, in.data(), out.data(), y[y.rank() - 2], y[y.rank() - 1]};
    cpu::Epilogue epilogue{EpilogueCall::run, &call};
    if (outputs[0].dtype == DType::f32) return cpu::run_matmul<float>(inputs[0], inputs[1], outputs[0], epilogue);
    return cpu::run_matmul<double>(inputs[0], inputs[1], outputs[0], epilogue);
  }
  const OpRecord& op = l.op->view != nullptr ? duet::op<Copy>() : *l.op;  // a view that needs a copy
  Strided copied = outputs[0];
  static constexpr int64_t kNoStrides[kMaxRank] = {};
  if (l.op->view != nullptr) {
    if (inputs[0].shape->numel() == 1)
      inputs[0] = {inputs[0].data, inputs[0].dtype, false, copied.shape, kNoStrides};  // a number, repeated
    else
      copied.shape = inputs[0].shape;
  }
  op.run({op, std::span(inputs, l.inputs.size()),
          l.op->view != nullptr ? std::span<const Strided>(&copied, 1)
                                : std::span<const Strided>(outputs, l.outputs.size()),
          l.attrs});
}

}  // namespace duet::graph
