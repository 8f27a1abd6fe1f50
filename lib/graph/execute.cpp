#include "graph/execute.h"

#include "cuda/memory.h"
#include "duet/ops/movement.h"
#include "graph/packs.h"
#include "graph/show.h"
#include "ops/indices.h"
#include "ops/matmul_loop.h"
#include "planted.h"

namespace duet::graph {
namespace {

// The pass over a product's elements, a tile of the product at a time.
struct EpilogueCall {
  const Launch& l;
  const std::vector<Layout>& layouts;
  const cpu::Tables& tables;
  int64_t m, n, element_bytes;  // of the product
  static void run(void* ctx, int64_t batch, const cpu::GemmBlock& b) {
    auto* call = static_cast<EpilogueCall*>(ctx);
    const cpu::Pass& pass = call->l.segments[0].stages[0].elements;
    const int64_t first = ((planted("epilogue_batch") ? 0 : batch) * call->m + b.i) * call->n + b.j;
    const auto* c = static_cast<const char*>(b.c);
    if (b.cols == call->n && b.c_row == b.cols)
      return cpu::run_pass(pass, call->with_product(first, c), first, b.rows * b.cols);
    const bool apart = call->l.passes_by;
    if (cpu::run_block(pass, call->with_product(first, c),
                       {first, b.rows, b.cols, call->n, apart ? c - first * call->element_bytes : nullptr, b.c_row}))
      return;
    for (int64_t r = 0; r < b.rows; ++r, c += b.c_row * call->element_bytes)
      cpu::run_pass(pass, call->with_product(first + r * call->n, c), first + r * call->n, b.cols);
  }

 private:
  // The tables; where the product passes by, with it at the place where it would begin, were its element `first` at c.
  cpu::Tables with_product(int64_t first, const char* c) const {
    if (!l.passes_by) return tables;
    thread_local std::vector<const void*> sources;
    sources.assign(tables.sources, tables.sources + l.sources.size());
    for (size_t s = 0; s < sources.size(); ++s)
      if (l.sources[s] >= 0 && layouts[static_cast<size_t>(l.sources[s])].root == l.outputs[0])
        sources[s] = c - first * element_bytes;
    return {sources.data(), tables.results, tables.shared};
  }
};

size_t size_bytes(const cpu::Pass& p) {
  return p.program.sources.size() * sizeof(cpu::Source) + p.program.steps.size() * sizeof(cpu::Step) +
         p.code.code_bytes();
}

}  // namespace

void* allocate_on(Device device, size_t bytes) {
  return device.is_cuda() ? cuda::allocate(device, bytes) : memory::allocate(bytes);
}
void Storage::allocate(Device device, int64_t bytes) {
  if (bytes == 0) return;
  data_ = allocate_on(device, static_cast<size_t>(bytes));
  device_ = device;
  bytes_ = static_cast<size_t>(bytes);
}
Storage::~Storage() {
  if (data_ == nullptr) return;
  device_.is_cuda() ? cuda::deallocate(device_, data_, bytes_) : memory::deallocate(data_, bytes_);
}

Strided strided(int v, const Graph& g, const std::vector<Layout>& layouts, const std::vector<char*>& base) {
  const Layout& l = layouts[static_cast<size_t>(v)];
  const Spec& s = g.value(v).spec;
  return {base[static_cast<size_t>(l.root)] + l.offset * static_cast<int64_t>(size_bytes(s.dtype)),
          s.dtype,
          l.dense,
          s.shape.numel(),
          &s.shape,
          l.strides};
}

size_t size_bytes(const Launch& l) {
  size_t n = sizeof(Launch);
  for (const auto& c : l.constants) n += c.size();
  n += (l.sources.size() + l.results.size()) * (sizeof(int) + sizeof(std::pair<int, int>) + sizeof(Access));
  n += (l.before.size() + l.after.size()) * sizeof(cpu::SmallStep);
  for (const cpu::Segment& s : l.segments) n += sizeof s + s.stages.size() * sizeof(cpu::Stage) + s.code.code_bytes();
  for_each_pass(l, [&](const cpu::Pass& pass) { n += size_bytes(pass); });
  return n;
}

void run_launch(const Launch& l, const Graph& g, const std::vector<Layout>& layouts, const std::vector<char*>& base,
                char* workspace, LaunchTables& tables) {
  ++thread_state.launches;
  const ShownLaunch shown(l, g, layouts, base);
  tables.sources.resize(l.sources.size());
  tables.results.resize(l.results.size());
  tables.shared.resize(l.shared.size());
  for (const LabelCheck& c : l.checks) {
    LineOverride line(c.line);
    const CheckedIndices check(c.op, strided(c.value, g, layouts, base), c.classes, false, "label");
  }
  char* const* const roots = base.data();
  const void** source = tables.sources.data();
  for (const auto& [root, offset] : l.source_at)
    *source++ = root >= 0 ? roots[root] + offset : l.constants[static_cast<size_t>(-1 - root)].data();
  void** result = tables.results.data();
  for (int v : l.results) *result++ = roots[v];
  for (size_t k = 0; k < l.shared.size(); ++k) tables.shared[k] = workspace + l.shared[k];
  const cpu::Tables places{tables.sources.data(), tables.results.data(), tables.shared.data()};
  for (const cpu::SmallStep& s : l.before) cpu::run_step(s, places);
  if (l.kind == LaunchKind::fused) {
    cpu::run_segments(l.segments, places);
    for (const cpu::SmallStep& s : l.after) cpu::run_step(s, places);
    return;
  }

  LineOverride line(l.line);  // errors in the data name the operation's line
  Strided inputs[Args::kMax], outputs[kMaxOutputs];
  for (size_t i = 0; i < l.inputs.size(); ++i) inputs[i] = strided(l.inputs[i], g, layouts, base);
  for (size_t k = 0; k < l.outputs.size(); ++k) outputs[k] = strided(l.outputs[k], g, layouts, base);
  const Pack* pack = tables.pack;
  if (l.kind == LaunchKind::matmul && (pack != nullptr || !l.segments.empty())) {
    const Shape& y = *outputs[0].shape;
    EpilogueCall call{
        l, layouts, places, y[y.rank() - 2], y[y.rank() - 1], static_cast<int64_t>(size_bytes(outputs[0].dtype))};
    if (l.passes_by) outputs[0].data = nullptr;
    const cpu::Epilogue epilogue = l.segments.empty() ? cpu::Epilogue() : cpu::Epilogue{EpilogueCall::run, &call};
    if (outputs[0].dtype == DType::f64) return cpu::run_matmul<double>(inputs[0], inputs[1], outputs[0], epilogue);
    return cpu::run_matmul<float>(inputs[0], inputs[1], outputs[0], epilogue, pack != nullptr ? pack->data() : nullptr,
                                  pack != nullptr ? pack->panel : 0);
  }
  const OpRecord& op = l.op->view != nullptr ? duet::op<Copy>() : *l.op;  // a view that needs a copy
  Strided copied = outputs[0];
  static constexpr int64_t kNoStrides[kMaxRank] = {};
  if (l.op->view != nullptr) {
    if (inputs[0].numel == 1)
      inputs[0] = {inputs[0].data, inputs[0].dtype, false,
                   copied.numel,   copied.shape,    kNoStrides};  // a number, repeated
    else
      copied.shape = inputs[0].shape;
  }
  op.run({op, std::span(inputs, l.inputs.size()),
          l.op->view != nullptr ? std::span<const Strided>(&copied, 1)
                                : std::span<const Strided>(outputs, l.outputs.size()),
          l.attrs});
}

}  // namespace duet::graph
