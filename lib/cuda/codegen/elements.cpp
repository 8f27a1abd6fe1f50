// Passes over elements that do not know of rows: 4 neighbouring elements a thread at a time, each operand read 16 bytes
// at a time where its elements lie side by side.
#include "cuda/codegen/builder.h"

namespace duet::cuda {
namespace {

constexpr int kWide = 4;

enum class Access : uint8_t {
  number,  // one for all
  packed,  // neighbours of the space are neighbours in memory
  repeat,  // neighbours of the space are one element
  apart,
};

Access access_of(const Read& x) {
  if (!x.number.empty()) return Access::number;
  if (x.counts) return Access::apart;
  const cpu::Source& s = *x.source;
  if (s.dense) return Access::packed;
  const int last = s.axes - 1;
  if (s.extent[last] % kWide != 0) return Access::apart;
  if (s.stride[last] == 0) return Access::repeat;
  bool whole = s.stride[last] == 1;
  for (int a = 0; a < last; ++a) whole = whole && s.stride[a] % kWide == 0;
  return whole ? Access::packed : Access::apart;
}

}  // namespace

Call call_elements(Builder& b, const cpu::Pass& pass, int64_t numel, bool packs) {
  LaunchScope& scope = b.scope();
  const Element f = b.functions().element(
      pass, [&](const cpu::Place& place, Type wanted) { return scope.type_of_place(place, wanted); },
      b.name() + "_element");
  const char* index = index_type(pass, numel);

  // A group of W elements, its operands as parameters, so that segments of one kind share it.
  std::string parameters, arguments, loads, call, stores, passed;
  for (size_t k = 0; k < f.sources.size(); ++k) {
    Read x = b.read(pass, f.sources[k], f.source_types[k]);
    const Access access = access_of(x);
    if (access == Access::packed && packs) x = b.read(pass, f.sources[k], f.source_types[k], true);
    const std::string_view type = name(x.type);
    if (k > 0) call += ", ";
    if (access == Access::number) {
      parameters += fmt::format("{} x{}, ", type, k);
      arguments += x.number + ", ";
      passed += fmt::format("x{}, ", k);
      call += fmt::format("x{}", k);
      continue;
    }
    if (!x.counts) {
      parameters += fmt::format("const {}* x{}, ", type, k);
      arguments += x.pointer + ", ";
      passed += fmt::format("x{}, ", k);
      x.pointer = fmt::format("x{}", k);
    }
    call += fmt::format("a{}.v[w]", k);
    const cpu::Source& s = *x.source;
    const std::string at = s.dense ? "i" : offset_text(s, 0, s.axes, "i");
    if (access == Access::packed)
      line(loads, "  const Pack<{}, W> a{} = load<W>(x{} + ({}));", type, k, k, at);
    else if (access == Access::repeat)
      line(loads, "  const Pack<{}, W> a{} = repeat<W, {}>(x{}[{}]);", type, k, type, k, at);
    else
      line(loads, "  Pack<{}, W> a{};\n  DUET_UNROLL\n  for (int w = 0; w < W; ++w) a{}.v[w] = {};", type, k, k,
           element_text(x, fmt::format("(i + {}(w))", index)));
  }
  for (size_t k = 0; k < pass.out.size(); ++k) {
    const Type t = f.output_types[k];
    if (pass.out[k].kind != cpu::Place::Kind::result) scope.set_type(pass.out[k], t);
    parameters += fmt::format("{}* y{}, ", name(t), k);
    arguments += b.pointer(pass.out[k], t, packs) + ", ";
    passed += fmt::format("y{}, ", k);
    line(loads, "  Pack<{}, W> b{};", name(t), k);
    call += fmt::format("{}b{}.v[w]", call.empty() ? "" : ", ", k);
    line(stores, "  store<W>(y{} + i, b{});", k, k);
  }
  std::string group =
      fmt::format("template <int W>\nDUET_FUSED_FN void @NAME@({}{} i) {{\n", parameters, index) + loads;
  line(group, "  DUET_UNROLL\n  for (int w = 0; w < W; ++w) {}({});", f.function, call);
  group += stores + "}\n";
  const std::string of_group = b.functions().add(group, b.name() + "_group");

  Functions::Loop loop;
  loop.parameters = fmt::format("{}{} n, ", parameters, index);
  line(loop.apart, "  each_of<{}>(n, mine, count, [&]({} i) {{ {}<1>({}i); }});", index, index, of_group, passed);
  line(loop.packed, "  const {} packs = wide ? n / {} : 0;", index, kWide);
  line(loop.packed, "  each_of<{}>(packs, mine, count, [&]({} i) {{ {}<{}>({}i * {}); }});", index, index, of_group,
       kWide, passed, kWide);
  line(loop.packed, "  each_of<{}>(n - packs * {}, mine, count, [&]({} i) {{ {}<1>({}packs * {} + i); }});", index,
       kWide, index, of_group, passed, kWide);
  const std::string function = b.functions().loop(loop, packs, b.name() + "_elements");
  const int64_t threads = packs ? ceil_div(numel, kWide) : numel;
  return {fmt::format("{}({}{}, {}, @AT@, @COUNT@)", function, arguments, numel, packs ? b.wide() : "false"),
          std::clamp<int64_t>(ceil_div(threads, kThreads), 1, kBlocksOfDevice)};
}

}  // namespace duet::cuda
