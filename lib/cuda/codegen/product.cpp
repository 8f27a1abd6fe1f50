// A product with the pass over its elements in one kernel: duet's tiles, whose elements go through the pass before they
// leave the multiprocessor. By shape alone, since bits are the provider's: what cuBLAS may take keeps its own kernel.
#include "cuda/codegen/builder.h"
#include "duet/cuda.h"

namespace duet::cuda {
namespace {

constexpr int64_t kSide = 16, kOneChain = 256, kMultiprocessors = 132;

int64_t depth(const graph::Graph& g, const graph::Launch& l) {
  const Shape& a = g.value(l.inputs[0]).spec.shape;
  return a[a.rank() - 1];
}

// A product, and the code of its tiles.
struct Product {
  int64_t batches = 1, m, n, k;
  Type type;
  int64_t each;  // results a thread are so many squared
  bool stored;   // its elements go through memory
  bool wide;     // positions need 64 bits

  int64_t side() const { return kSide * each; }
  int64_t tiles() const { return ceil_div(m, side()) * ceil_div(n, side()) * batches; }
};

Product product_of(const graph::Graph& g, const graph::Executable& e, const graph::Launch& l, bool keeps) {
  const Spec& y = g.value(l.outputs[0]).spec;
  const int rank = y.shape.rank();
  Product p{1, y.shape[rank - 2], y.shape[rank - 1], depth(g, l), type_of(y.dtype), 4, keeps, false};
  for (int i = 0; i + 2 < rank; ++i) p.batches *= y.shape[i];
  p.stored |= p.k > kOneChain;
  if (p.tiles() < kMultiprocessors) p.each = 2;  // the larger tiles where they give every multiprocessor one
  const cpu::Pass& pass = l.segments[0].stages[0].elements;
  p.wide = std::string_view(index_type(pass, y.shape.numel())) != "u32";
  for (int v : l.inputs) {
    const Shape& x = g.value(v).spec.shape;
    int64_t last = 0;
    for (int i = 0; i < x.rank(); ++i) {
      const int64_t stride = std::abs(e.layouts[static_cast<size_t>(v)].strides[i]);
      p.wide |= stride >= kMostNarrow || x[i] >= kMostNarrow;
      if (!p.wide) last += (x[i] - 1) * stride;
    }
    p.wide |= last >= kMostNarrow;
  }
  return p;
}

// "at<float>(p.a) + row * 32, 32, 1": where a factor of a tile begins, and its steps by row and by column.
std::string factor(Builder& b, int input, std::string_view index) {
  const LaunchScope& scope = b.scope();
  const int v = scope.launch.inputs[static_cast<size_t>(input)];
  const graph::Layout& layout = scope.e.layouts[static_cast<size_t>(v)];
  const Shape &x = scope.g.value(v).spec.shape, &y = scope.g.value(scope.launch.outputs[0]).spec.shape;
  const int rank = x.rank();
  const int64_t by_row = layout.strides[rank - 2], by_column = layout.strides[rank - 1];
  cpu::Source batch;
  for (int i = 0; i + 2 < y.rank(); ++i) {
    const int at = i + rank - y.rank();
    batch.extent[batch.axes] = y[i];
    batch.stride[batch.axes++] = at >= 0 && x[at] != 1 ? layout.strides[at] : 0;
  }
  std::string first = b.operand(input);
  if (const std::string from = offset_text(batch, 0, batch.axes, "batch"); from != "0") first += " + " + from;
  first += input == 0 ? fmt::format(" + row * {}", by_row) : fmt::format(" + column * {}", by_column);
  return fmt::format("{}, {}({}), {}({})", first, index, by_row, index, by_column);
}

}  // namespace

bool has_own_epilogue(const graph::Graph& g, const graph::Executable& e, const graph::Launch& l, std::string& why) {
  if (l.kind != graph::LaunchKind::matmul || l.segments.empty()) return false;
  const Shape &y = g.value(l.outputs[0]).spec.shape, &a = g.value(l.inputs[0]).spec.shape;
  const int64_t n = y[y.rank() - 1], k = a[a.rank() - 1];
  if (e.provider == MatmulProvider::cublas) {
    why = "cuBLAS, as asked for";
    return false;
  }
  if (e.provider == MatmulProvider::automatic && (n > kNarrowColumns || k > kNarrowDepth)) {
    why = n > kNarrowColumns ? fmt::format("{} columns are more than {}: cuBLAS's", n, kNarrowColumns)
                             : fmt::format("a depth of {} is more than {}: cuBLAS's", k, kNarrowDepth);
    return false;
  }
  auto layout = [&](int v) -> const graph::Layout& { return e.layouts[static_cast<size_t>(v)]; };
  // Numbers lie in the memory of the host.
  for (int v : l.inputs) {
    const graph::Origin origin = g.value(layout(v).root).origin;
    if (origin == graph::Origin::number || origin == graph::Origin::constant) {
      why = "a factor is a number";
      return false;
    }
  }
  const cpu::Segment& s = l.segments[0];
  bool simple = l.segments.size() == 1 && s.only_elements && l.before.empty() && l.after.empty() &&
                !s.stages[0].elements.empty() && s.rows * s.row == y.numel() && y.numel() > 0 &&
                y.numel() < kMostNarrow;
  // It is read where it is made: element by element.
  const cpu::Pass& pass = s.stages[0].elements;
  for (size_t i = 0; i < pass.in.size() && simple; ++i) {
    if (pass.in[i].kind != cpu::Place::Kind::source) continue;
    const int v = l.sources[static_cast<size_t>(pass.in[i].index)];
    if (v >= 0 && layout(v).root == l.outputs[0]) simple = pass.program.sources[i].dense && layout(v).offset == 0;
  }
  why = simple ? fmt::format("{} columns, a depth of {}", n, k) : "it is no pass over the product's elements";
  return simple;
}

bool product_passes_by(const graph::Graph& g, const graph::Executable& e, const graph::Launch& l) {
  std::string why;
  return depth(g, l) <= kOneChain && has_own_epilogue(g, e, l, why);
}

std::string product_code(const graph::Graph& g, const graph::Executable& e, const graph::Launch& l, bool keeps) {
  const Product p = product_of(g, e, l, keeps);
  return fmt::format("products_{}_{}{}{}", name(p.type), p.each, p.stored ? "_stored" : "", p.wide ? "_wide" : "");
}

void add_product(Builder& b, bool keeps) {
  LaunchScope& scope = b.scope();
  const graph::Launch& l = scope.launch;
  const cpu::Pass& pass = l.segments[0].stages[0].elements;
  const Product p = product_of(scope.g, scope.e, l, keeps);
  const Element f = b.functions().element(
      pass, [&](const cpu::Place& place, Type wanted) { return scope.type_of_place(place, wanted); },
      b.name() + "_element");
  const std::string_view position = index_type(pass, p.batches * p.m * p.n), index = p.wide ? "i64" : "i32";
  const int64_t across = ceil_div(p.n, p.side()), down = ceil_div(p.m, p.side());

  std::string body;
  line(body, "  [[maybe_unused]] const u32 tile = static_cast<u32>(block());");
  auto define = [&](const char* what, const std::string& value) {
    line(body, "  const {} {} = static_cast<{}>({});", index, what, index, value);
  };
  if (p.batches > 1) define("batch", fmt::format("tile / {}", across * down));
  define("row", down == 1 ? "0" : fmt::format("tile / {} % {} * {}", across, down, p.side()));
  define("column", across == 1 ? "0" : fmt::format("tile % {} * {}", across, p.side()));
  line(body, "  const {} rows = {} - row, columns = {} - column, first = {}row * {} + column;", index, p.m, p.n,
       p.batches > 1 ? fmt::format("batch * {} + ", p.m * p.n) : "", p.n);
  const std::string y = p.stored ? b.product() + " + first" : fmt::format("static_cast<{}*>(nullptr)", name(p.type));
  line(body, "  tile_of<{}, {}, {}, {}>({},", p.each, p.stored, name(p.type), index, factor(b, 0, index));
  line(body, "      {},\n      rows, columns, {}, {}, {});", factor(b, 1, index), p.k, y, p.n);
  line(body, "  each_element<{}, {}, {}>(rows, columns, {}, {}, [&]({} product, int row_in, int column_in) {{", p.each,
       name(p.type), index, y, p.n, name(p.type));
  line(body, "    const {} i = static_cast<{}>(first + row_in * {} + column_in);", position, position, p.n);
  std::string call, stores;
  for (size_t k = 0; k < f.sources.size(); ++k) {
    const cpu::Place& place = pass.in[static_cast<size_t>(f.sources[k])];
    const int v = place.kind == cpu::Place::Kind::source ? l.sources[static_cast<size_t>(place.index)] : -1;
    const bool is_product = v >= 0 && scope.e.layouts[static_cast<size_t>(v)].root == l.outputs[0];
    call += is_product ? "product, " : element_text(b.read(pass, f.sources[k], f.source_types[k]), "i") + ", ";
  }
  for (size_t k = 0; k < pass.out.size(); ++k) {
    line(body, "    {} y{};", name(f.output_types[k]), k);
    line(stores, "    {}[i] = y{};", b.pointer(pass.out[k], f.output_types[k]), k);
    call += fmt::format("{}y{}", k > 0 ? ", " : "", k);
  }
  line(body, "    {}({});\n{}  }});", f.function, call, stores);
  b.set_body(body, p.tiles(), kSide * kSide);
}

}  // namespace duet::cuda
