// A product with the pass over its elements in one kernel: duet's tiles, whose elements go through the pass before they
// leave the multiprocessor. By shape alone, since bits are the provider's: what cuBLAS may take keeps its own kernel.
#include "cuda/codegen/builder.h"
#include "duet/cuda.h"

namespace duet::cuda {
namespace {

constexpr int64_t kSide = 16, kOneChain = 256, kMultiprocessors = 132;

// A product as its kernel takes it.
struct Product {
  int64_t batches = 1, m, n, k;
  Type type;
};

const Shape& shape_of(const LaunchScope& scope, int v) { return scope.g.value(v).spec.shape; }

Product product_of(const LaunchScope& scope) {
  const graph::Launch& l = scope.launch;
  const Shape &y = shape_of(scope, l.outputs[0]), &a = shape_of(scope, l.inputs[0]);
  Product p{1, y[y.rank() - 2], y[y.rank() - 1], a[a.rank() - 1], type_of(scope.g.value(l.outputs[0]).spec.dtype)};
  for (int i = 0; i + 2 < y.rank(); ++i) p.batches *= y[i];
  return p;
}

// The largest tiles that give every multiprocessor one.
int64_t results_a_thread(const Product& p) {
  int64_t each = p.type == Type::f64 ? 4 : 8;
  auto tiles = [&] { return ceil_div(p.m, kSide * each) * ceil_div(p.n, kSide * each) * p.batches; };
  while (each > 2 && tiles() < kMultiprocessors) each /= 2;
  return each;
}

// "a = {at<float>(p.a) + row * 32, 32, 1};", which is element (k, i) of a factor at first + i * by_i + k * by_k.
std::string factor(Builder& b, int input, char name, std::string_view place, bool transposed) {
  const LaunchScope& scope = b.scope();
  const graph::Launch& l = scope.launch;
  const int v = l.inputs[static_cast<size_t>(input)];
  const graph::Layout& layout = scope.e.layouts[static_cast<size_t>(v)];
  const Shape &x = shape_of(scope, v), &y = shape_of(scope, l.outputs[0]);
  const int rank = x.rank();
  int64_t by_i = layout.strides[rank - 2], by_k = layout.strides[rank - 1];
  if (transposed) std::swap(by_i, by_k);
  // Where the factor of a batch begins.
  cpu::Source batch;
  for (int i = 0; i + 2 < y.rank(); ++i) {
    const int at = i + rank - y.rank();
    batch.extent[batch.axes] = y[i];
    batch.stride[batch.axes++] = at >= 0 && x[at] != 1 ? layout.strides[at] : 0;
  }
  std::string first = fmt::format("{} + {} * {}", b.operand(input), place, by_i);
  if (const std::string from = offset_text(batch, 0, batch.axes, "batch"); from != "0") first += " + " + from;
  return fmt::format("{} = {{{}, {}, {}}};", name, first, by_i, by_k);
}

}  // namespace

bool has_own_epilogue(const graph::Graph& g, const graph::Executable& e, const graph::Launch& l, std::string& why) {
  if (l.kind != graph::LaunchKind::matmul || l.segments.empty()) return false;
  const Shape &y = g.value(l.outputs[0]).spec.shape, &a = g.value(l.inputs[0]).spec.shape;
  const int64_t n = y[y.rank() - 1], k = a[a.rank() - 1];
  const MatmulProvider provider = matmul_provider();
  if (provider == MatmulProvider::cublas) {
    why = "cuBLAS, as asked for";
    return false;
  }
  if (provider == MatmulProvider::automatic && (n > kNarrowColumns || k > kNarrowDepth)) {
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
                !s.stages[0].elements.empty() && s.rows * s.row == y.numel() && y.numel() > 0;
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
  const Shape& a = g.value(l.inputs[0]).spec.shape;
  return a[a.rank() - 1] <= kOneChain && has_own_epilogue(g, e, l, why);
}

void add_product(Builder& b, bool keeps_product) {
  LaunchScope& scope = b.scope();
  const graph::Launch& l = scope.launch;
  const cpu::Pass& pass = l.segments[0].stages[0].elements;
  const Product p = product_of(scope);
  const int64_t each = results_a_thread(p), numel = p.batches * p.m * p.n;
  const bool stored = keeps_product || p.k > kOneChain;
  const Element f = b.functions().element(
      pass, [&](const cpu::Place& place, Type wanted) { return scope.type_of_place(place, wanted); },
      b.name() + "_element");

  std::string body, call;
  line(body, "  DUET_FUSED_SHARED TileRoom<{}, {}> room;", name(p.type), each);
  line(body, "  multiply<{}, Tiles::{}>(", each, stored ? "followed" : "passing");
  line(body, "      {}, {}, {}, {}, {}, room,", p.m, p.n, p.k, p.batches,
       stored ? b.product() : fmt::format("at<{}>(nullptr)", name(p.type)));
  line(body,
       "      [&]([[maybe_unused]] i64 batch, i64 row, i64 column, Factor<{}>& a, Factor<{}>& b) {{\n        {}\n"
       "        {}\n      }},",
       name(p.type), name(p.type), factor(b, 0, 'a', "row", false), factor(b, 1, 'b', "column", true));
  line(body, "      [&]({} product, i64 at_i) {{", name(p.type));
  line(body, "        const {} i = static_cast<{}>(at_i);", index_type(pass, numel), index_type(pass, numel));
  for (size_t k = 0; k < f.sources.size(); ++k) {
    const cpu::Place& place = pass.in[static_cast<size_t>(f.sources[k])];
    const int v = place.kind == cpu::Place::Kind::source ? l.sources[static_cast<size_t>(place.index)] : -1;
    const bool is_product = v >= 0 && scope.e.layouts[static_cast<size_t>(v)].root == l.outputs[0];
    call += is_product ? "product, " : element_text(b.read(pass, f.sources[k], f.source_types[k]), "i") + ", ";
  }
  std::string stores;
  for (size_t k = 0; k < pass.out.size(); ++k) {
    line(body, "        {} y{};", name(f.output_types[k]), k);
    line(stores, "        {}[i] = y{};", b.pointer(pass.out[k], f.output_types[k]), k);
    call += fmt::format("{}y{}", k > 0 ? ", " : "", k);
  }
  line(body, "        {}({});\n{}      }});", f.function, call, stores);
  b.set_body(body, std::min<int64_t>(ceil_div(p.m, kSide * each) * ceil_div(p.n, kSide * each) * p.batches, 1 << 20),
             kSide * kSide);
}

}  // namespace duet::cuda
