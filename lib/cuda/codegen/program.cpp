#include "cuda/codegen/program.h"

#include "cuda/codegen/builder.h"
#include "duet/cuda.h"
#include "graph/show.h"

namespace duet::cuda {
namespace {

// Parameters of a kernel are at most so many, of 8 bytes each: the driver takes 4 KiB.
constexpr size_t kMostParameters = 400;

// "// %6: f32[32,128] = add(%4, arg1)   mlp.cpp:7" for each operation.
std::string comment(const graph::Graph& g, const graph::Launch& l, const std::vector<std::string>& names) {
  constexpr size_t kMost = 64;
  std::string to;
  for (size_t k = 0; k < l.nodes.size() && k < kMost; ++k) {
    const graph::Node& n = g.node(l.nodes[k]);
    const std::string where = to_string(n.line);
    line(to, "// {}{}{}", graph::node_text(g, n, names), where.empty() ? "" : "   ", where);
  }
  if (l.nodes.size() > kMost) line(to, "// and {} operations more", l.nodes.size() - kMost);
  return to;
}

void generate_launch(LaunchScope& scope, std::string& text, GeneratedLaunch& to) {
  const graph::Launch& l = scope.launch;
  text += comment(scope.g, l, scope.names);
  add_steps(scope, l.before, "before", text, to.before);
  // As many segments a kernel as its parameters allow.
  int64_t elements = 0;
  for (const cpu::Segment& s : l.segments) elements += s.rows * s.row;
  std::unique_ptr<Builder> b;
  int kernels = 0;
  auto end = [&] {
    if (b != nullptr && b->parameters() > 0) text += b->text(""), to.behind.push_back(b->kernel());
    b.reset();
  };
  for (size_t k = 0; k < l.segments.size(); ++k) {
    const cpu::Segment& s = l.segments[k];
    if (s.rows * s.row == 0) continue;
    if (b != nullptr && b->parameters() > kMostParameters) end();
    if (b == nullptr)
      b = std::make_unique<Builder>(scope, scope.kernel_name + (kernels++ == 0 ? "" : fmt::format("_part{}", kernels)));
    if (!s.only_elements)
      add_rows(*b, s, static_cast<int>(k));
    else if (!s.stages[0].elements.empty())
      b->add_segment(call_elements(*b, s.stages[0].elements, s.rows * s.row, elements > kMostApart));
  }
  end();
  add_steps(scope, l.after, "after", text, to.behind);
}

}  // namespace

Program generate(const graph::Graph& g, const graph::Executable& e) {
  Program program;
  Functions functions;
  std::string kernels;
  const std::vector<std::string> names = graph::value_names(g);
  program.launches.resize(e.launches.size());
  bool any = false;
  for (size_t k = 0; k < e.launches.size(); ++k) {
    const graph::Launch& l = e.launches[k];
    if (l.kind != graph::LaunchKind::fused && l.segments.empty() && l.before.empty() && l.after.empty()) continue;
    std::string ops;
    for (int n : l.nodes)
      if (ops.size() < 40) ops += "_" + std::string(g.node(n).op->name);
    LaunchScope scope{g, e, l, names, functions, fmt::format("k{}{}", k, identifier(ops).substr(0, 48))};
    generate_launch(scope, kernels, program.launches[k]);
    any = any || !program.launches[k].behind.empty() || !program.launches[k].before.empty();
  }
  if (any)
    program.source =
        "#include \"kernels/fused.h\"\n\nnamespace duet {\nnamespace fused {\nnamespace DUET_PROGRAM {\n\n" +
        functions.text() + "\n" + kernels + "}\n}\n}\n";
  return program;
}

}  // namespace duet::cuda

namespace duet {

std::string cuda_source(const graph::Plan& plan) { return cuda::generate(plan.graph(), plan.executable()).source; }

}  // namespace duet
