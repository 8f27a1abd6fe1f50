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

// Products whose tiles have the same code: one kernel of them all, as that code is most of what is compiled.
struct Products {
  struct One {
    std::string function;
    size_t launch;
  };
  int count = 0;  // of launches
  std::vector<One> made;

  std::string text(const std::string& kernel, std::vector<GeneratedLaunch>& launches) const {
    size_t words = 0;
    for (const One& one : made) words = std::max(words, launches[one.launch].behind[0].parameters.size() + 1);
    std::string members, calls;
    for (size_t k = 0; k < made.size(); ++k) {
      launches[made[k].launch].behind[0].words = words;
      line(members, "    {}_parameters of{};", made[k].function, k);
      line(calls, "  if (p.which == {}) return {}(p.of{});", k, made[k].function, k);
    }
    return fmt::format(
        "struct {}_parameters {{\n  i64 which;\n  union {{\n{}  }};\n}};\nDUET_FUSED_KERNEL(256, {}, {}_parameters) "
        "{{\n{}}}\n\n",
        kernel, members, kernel, kernel, calls);
  }
};

void generate_launch(LaunchScope& scope, size_t number, bool keeps_product, std::map<std::string, Products>& products,
                     std::string& text, GeneratedLaunch& to) {
  const graph::Launch& l = scope.launch;
  text += comment(scope.g, l, scope.names);
  if (to.has_product) {
    const std::string code = product_code(scope.g, scope.e, l, keeps_product);
    Products& alike = products[code];
    Builder b(scope, scope.kernel_name);
    add_product(b, keeps_product);
    if (alike.count == 1) {
      text += b.text("");
    } else {
      alike.made.push_back({scope.kernel_name, number});
      text += b.text_within(code, static_cast<int>(alike.made.size()) - 1);
    }
    to.behind.push_back(b.kernel());
    return;
  }
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

// By value: the last launch that reads a root; behind all launches where the program returns it.
std::vector<size_t> last_readers(const graph::Graph& g, const graph::Executable& e) {
  std::vector<size_t> last(g.values.size(), 0);
  auto read = [&](int v, size_t by) {
    if (v >= 0) last[static_cast<size_t>(e.layouts[static_cast<size_t>(v)].root)] = by;
  };
  for (size_t k = 0; k < e.launches.size(); ++k) {
    for (int v : e.launches[k].sources) read(v, k);
    for (int v : e.launches[k].inputs) read(v, k);
  }
  for (int v : g.outputs) read(v, e.launches.size());
  return last;
}

// The headers that a program needs: parsing those it does not would be a good part of compiling it.
std::string included(std::string_view program) {
  struct Words {
    const char* header;
    std::vector<std::string_view> words;
  };
  static const Words kWords[] = {
      {"fused_numbers.h",
       {"add<", "sub<", "mul<", "neg<", "mul_hi(", "sar(", "to_i32(", "to_i64(", "to_u8(", "_of(", "round_to_odd(",
        "sticky_double(", "pio2_"}},
      {"fused_reduce.h", {"kSum", "kMax", "kMin", "kProd", "Registers<", "Lanes<"}},
      {"fused_product.h", {"tile_of<"}},
  };
  std::string text = "#include \"kernels/fused.h\"\n";
  for (const auto& [header, words] : kWords)
    if (std::any_of(words.begin(), words.end(), [&](std::string_view w) { return program.find(w) != program.npos; }))
      line(text, "#include \"kernels/{}\"", header);
  return text;
}

}  // namespace

Program generate(const graph::Graph& g, const graph::Executable& e) {
  Program program;
  Functions functions;
  std::string kernels;
  const std::vector<std::string> names = graph::value_names(g);
  program.launches.resize(e.launches.size());
  std::map<std::string, Products> products;
  std::vector<char> keeps(e.launches.size(), 0);
  const std::vector<size_t> last = last_readers(g, e);
  for (size_t k = 0; k < e.launches.size(); ++k) {
    GeneratedLaunch& to = program.launches[k];
    to.has_product = has_own_epilogue(g, e, e.launches[k], to.epilogue);
    if (!to.epilogue.empty())
      to.epilogue = (to.has_product ? "in the product's kernel: " : "behind the product's kernel: ") + to.epilogue;
    if (!to.has_product) continue;
    keeps[k] = last[static_cast<size_t>(e.launches[k].outputs[0])] > k;
    ++products[product_code(g, e, e.launches[k], keeps[k] != 0)].count;
  }
  bool any = false;
  for (size_t k = 0; k < e.launches.size(); ++k) {
    const graph::Launch& l = e.launches[k];
    if (l.kind != graph::LaunchKind::fused && l.segments.empty() && l.before.empty() && l.after.empty()) continue;
    std::string ops;
    for (int n : l.nodes)
      if (ops.size() < 40) ops += "_" + std::string(g.node(n).op->name);
    LaunchScope scope{g, e, l, names, functions, fmt::format("k{}{}", k, identifier(ops).substr(0, 48))};
    generate_launch(scope, k, keeps[k] != 0, products, kernels, program.launches[k]);
    any = any || !program.launches[k].behind.empty() || !program.launches[k].before.empty();
  }
  if (!any) return program;
  for (const auto& [kernel, alike] : products)
    if (alike.count > 1) kernels += alike.text(kernel, program.launches);
  const std::string body = functions.text() + "\n" + kernels;
  program.source =
      included(body) + "\nnamespace duet {\nnamespace fused {\nnamespace DUET_PROGRAM {\n\n" + body + "}\n}\n}\n";
  return program;
}

}  // namespace duet::cuda

namespace duet {

std::string cuda_source(const graph::Plan& plan) { return cuda::generate(plan.graph(), plan.executable()).source; }

}  // namespace duet
