#include "cuda/codegen/builder.h"

#include "duet/core/error.h"

namespace duet::cuda {

using Kind = cpu::Place::Kind;

Type LaunchScope::type_of_place(const cpu::Place& place, Type wanted) const {
  const auto i = static_cast<size_t>(place.index);
  if (place.kind == Kind::source) {
    const int v = launch.sources[i];
    return v < 0 ? wanted : type_of(g.value(v).spec.dtype);
  }
  if (place.kind == Kind::result) return type_of(g.value(launch.results[i]).spec.dtype);
  const auto found = types.find({place.kind, place.index});
  DUET_INTERNAL_CHECK(found != types.end());
  return found->second;
}

void LaunchScope::set_type(const cpu::Place& place, Type type) { types[{place.kind, place.index}] = type; }

int Builder::parameter(Parameter::Kind kind, int index, const std::string& member, bool packs) {
  const Parameter wanted{kind, index};
  auto& all = made_.parameters;
  auto found = std::find(all.begin(), all.end(), wanted);
  if (found == all.end()) {
    line(members_, "  {}", member);
    found = all.insert(all.end(), wanted);
  }
  const auto at = static_cast<int>(found - all.begin());
  if (packs && std::find(made_.packed.begin(), made_.packed.end(), at) == made_.packed.end())
    made_.packed.push_back(at);
  return at;
}

std::string Builder::pointer(const cpu::Place& place, Type type, bool packs) {
  const auto i = static_cast<size_t>(place.index);
  auto shown = [&](int v) {
    return fmt::format("{}: {}", scope_.names[static_cast<size_t>(v)], scope_.g.value(v).spec);
  };
  std::string member;
  switch (place.kind) {
    case Kind::source:
      member = fmt::format("s{}", place.index);
      parameter(Parameter::Kind::source, place.index,
                fmt::format("void* {};  // {}", member, shown(scope_.launch.sources[i])), packs);
      break;
    case Kind::result:
      member = fmt::format("r{}", place.index);
      parameter(Parameter::Kind::result, place.index,
                fmt::format("void* {};  // {}", member, shown(scope_.launch.results[i])), packs);
      break;
    case Kind::shared:
      member = fmt::format("h{}", place.index);
      parameter(Parameter::Kind::shared, place.index, fmt::format("void* {};  // between steps", member), packs);
      break;
    case Kind::local:
      DUET_INTERNAL_CHECK(false);
  }
  return place.offset == 0 ? fmt::format("at<{}>(p.{})", cuda::name(type), member)
                           : fmt::format("at<{}>(p.{}, {})", cuda::name(type), member, place.offset);
}

std::string Builder::scratch(int64_t bytes) {
  made_.scratch_bytes = std::max(made_.scratch_bytes, bytes);
  parameter(Parameter::Kind::scratch, 0, "void* scratch;");
  return "p.scratch";
}

std::string Builder::operand(int k) {
  const int v = scope_.launch.inputs[static_cast<size_t>(k)];
  const char letter = static_cast<char>('a' + k);
  parameter(Parameter::Kind::operand, k,
            fmt::format("void* {};  // {}: {}", letter, scope_.names[static_cast<size_t>(v)], scope_.g.value(v).spec));
  return fmt::format("at<{}>(p.{})", cuda::name(type_of(scope_.g.value(v).spec.dtype)), letter);
}

std::string Builder::product() {
  const int v = scope_.launch.outputs[0];
  parameter(Parameter::Kind::product, 0,
            fmt::format("void* product;  // {}: {}", scope_.names[static_cast<size_t>(v)], scope_.g.value(v).spec));
  return fmt::format("at<{}>(p.product)", cuda::name(type_of(scope_.g.value(v).spec.dtype)));
}

std::string Builder::wide() {
  parameter(Parameter::Kind::wide, 0, "i64 wide;");
  return "p.wide != 0";
}

Read Builder::read(const cpu::Pass& pass, int k, Type type, bool packs) {
  Read x;
  x.type = type;
  x.source = &pass.program.sources[static_cast<size_t>(k)];
  const cpu::Place& place = pass.in[static_cast<size_t>(k)];
  if (place.kind == Kind::source) {
    const int v = scope_.launch.sources[static_cast<size_t>(place.index)];
    if (v < 0) {
      x.counts = true;
      return x;
    }
    const graph::Value& value = scope_.g.value(scope_.e.layouts[static_cast<size_t>(v)].root);
    if (value.origin == graph::Origin::constant) {
      x.number = literal(value.constant, value.spec.dtype);
      return x;
    }
    if (value.origin == graph::Origin::number) {
      DUET_INTERNAL_CHECK(!is_half(value.spec.dtype));  // numbers beside 16-bit floats are f32
      constexpr const char* kMembers[] = {"f32", "f64", "i32", "i64", "u8", "boolean"};
      parameter(Parameter::Kind::source, place.index,
                fmt::format("Number s{};  // {}", place.index, scope_.names[static_cast<size_t>(v)]));
      x.number = fmt::format("p.s{}.{}", place.index, kMembers[static_cast<int>(type_of(value.spec.dtype))]);
      return x;
    }
  }
  x.pointer = pointer(place, type, packs);
  if (x.source->single) x.number = x.pointer + "[0]", x.pointer.clear();
  return x;
}

std::string filled(const Call& call, const std::string& at, int64_t count) {
  std::string text = call.text;
  auto replace = [&](std::string_view what, const std::string& by) {
    for (size_t found = text.find(what); found != text.npos; found = text.find(what))
      text.replace(found, what.size(), by);
  };
  replace("@AT@", at);
  replace("@COUNT@", fmt::format("{}", count));
  return text;
}

void Builder::add_segment(const Call& call) {
  const std::string at = blocks_ == 0 ? "block()" : fmt::format("block() - {}", blocks_);
  blocks_ += call.blocks;
  line(body_, "  if (block() < {}) return {};", blocks_, filled(call, at, call.blocks));
  made_.blocks = blocks_;
}

void Builder::set_body(const std::string& body, int64_t blocks, int64_t threads) {
  body_ = body;
  made_.blocks = blocks;
  made_.threads = static_cast<int>(threads);
}

void Builder::add_step(const std::string& statement) {
  if (!body_.empty()) line(body_, "  barrier();");
  line(body_, "  {};", statement);
}

std::string Builder::text(std::string_view comment) const {
  std::string to(comment);
  line(to, "struct {}_parameters {{\n{}}};", name(), members_);
  to += functions_text_;
  line(to, "DUET_FUSED_KERNEL({}, {}, {}_parameters) {{", made_.threads, name(), name());
  if (shared_bytes_ > 0) line(to, "  DUET_FUSED_SHARED double shared[{}];", (shared_bytes_ + 7) / 8);
  to += body_ + "}\n\n";
  return to;
}

std::string Builder::text_within(const std::string& entry, int which) {
  const std::string function = name(), parameters = function + "_parameters";
  made_.name = entry;
  made_.which = which;
  return fmt::format("struct {} {{\n{}}};\nDUET_FUSED_FN void {}(const {}& p) {{\n{}}}\n\n", parameters, members_,
                     function, parameters, body_);
}

std::string offset_text(const cpu::Source& s, int first, int end, const std::string& position) {
  std::string sum;
  int64_t below = 1;
  for (int a = end - 1; a >= first; --a) {
    if (s.stride[a] != 0) {
      std::string i = below == 1 ? position : fmt::format("{} / {}", position, below);
      if (a > first) i = fmt::format("{} % {}", i, s.extent[a]);
      if (s.stride[a] != 1) i = fmt::format("{} * {}", i.find(' ') == i.npos ? i : "(" + i + ")", s.stride[a]);
      sum = sum.empty() ? i : i + " + " + sum;
    }
    below *= s.extent[a];
  }
  return sum.empty() ? "0" : sum;
}

std::string element_text(const Read& x, const std::string& position) {
  if (!x.number.empty()) return x.number;
  const std::string at = x.source->dense ? position : offset_text(*x.source, 0, x.source->axes, position);
  if (x.counts) return fmt::format("static_cast<{}>({})", name(x.type), at);
  return fmt::format("{}[{}]", x.pointer, at);
}

const char* index_type(const cpu::Pass& pass, int64_t numel) {
  bool fits = numel < kMostNarrow;
  for (const cpu::Source& s : pass.program.sources) {
    int64_t last = 0;
    for (int a = 0; a < s.axes; ++a) {
      fits = fits && s.stride[a] >= 0 && s.stride[a] < kMostNarrow && s.extent[a] < kMostNarrow;
      if (fits) last += (s.extent[a] - 1) * s.stride[a];
      fits = fits && last < kMostNarrow;
    }
  }
  return fits ? "u32" : "i64";
}

}  // namespace duet::cuda
