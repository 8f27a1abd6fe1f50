// A census of what is decided over many programs: kernels, reasons, bytes, passes. A change that alters a decision
// shows in tests/explain/golden/census.txt by how much, for better or worse.
#include <map>

#include "explain/golden.h"
#include "graph/execute.h"
#include "graph/training_steps.h"
#include "ops/random_program.h"

namespace duet::testing {
namespace {

using Counts = std::map<std::string, int64_t>;

void count(const graph::Plan& plan, Counts& n) {
  ++n["plans"];
  const graph::Report& report = plan.report();
  for (const graph::PassRecord& p : report.passes) n["operations after " + p.name] += p.nodes_after;
  for (const graph::FusionRecord& f : report.fusions) {
    const std::string who = f.beside ? "beside: " : "one after the other: ";
    ++n[who + (f.fused ? "fused" : f.reason)];
    n["bytes that fusion saves"] += f.bytes;
  }
  ++n["order: " + report.schedule.order];
  n["bytes between kernels"] += report.schedule.peak_bytes;
  n["bytes between kernels, in trace order"] += report.schedule.trace_peak_bytes;
  const graph::MemoryPlan& m = plan.memory();
  n["arena: bytes"] += m.arena_bytes;
  n["arena: bytes without reuse"] += m.naive_bytes;
  n["arena: least bytes"] += m.lower_bound_bytes;
  n["arena: proven to be the smallest"] += m.proven_optimal;
  for (const graph::Buffer& b : m.buffers) ++n[b.shares >= 0 ? "buffers in another's place" : "buffers"];
  const graph::Executable& e = plan.executable();
  for (const graph::OutputPlan& o : e.outputs) {
    ++n["outputs"];
    n["outputs: storage they could have"] += static_cast<int64_t>(o.donors.size());
  }
  n["products in an output"] += static_cast<int64_t>(e.product_in.size());
  n["bytes read and written"] += plan.cost().bytes;
  for (const graph::Launch& l : e.launches) {
    static constexpr const char* kKinds[] = {"of one operation", "products", "fused"};
    ++n[std::string("kernels: ") + kKinds[static_cast<size_t>(l.kind)]];
    n["kernels: segments"] += static_cast<int64_t>(l.segments.size());
    n["kernels: small steps before"] += static_cast<int64_t>(l.before.size());
    n["kernels: small steps after"] += static_cast<int64_t>(l.after.size());
    n["kernels: bytes of their own"] += l.workspace_bytes;
    n["kernels: that check labels"] += !l.checks.empty();
    n["kernels: that may throw"] += l.may_throw;
    n["kernels: products that are never stored"] += l.passes_by;
    n["kernels: values read"] += static_cast<int64_t>(l.sources.size());
    n["kernels: values written"] += static_cast<int64_t>(l.results.size());
    for (const cpu::Segment& s : l.segments) {
      n["segments: stages"] += static_cast<int64_t>(s.stages.size());
      n["segments: storage for a row"] += static_cast<int64_t>(s.locals.size());
      n["segments: long rows in chunks"] += s.in_chunks;
      n["segments: rows of a block"] += s.block_rows;
      for (const cpu::Stage& stage : s.stages) {
        n["segments: reductions of rows"] += static_cast<int64_t>(stage.reductions.size());
        n["segments: reductions of columns"] += static_cast<int64_t>(stage.columns.size());
      }
    }
    for_each_pass(l, [&](const cpu::Pass& pass) {
      n["passes over elements"] += !pass.empty();
      n["passes: instructions"] += static_cast<int64_t>(pass.program.steps.size());
    });
  }
}

std::string text(const std::string& title, const Counts& counts) {
  std::string s = title + "\n";
  for (const auto& [what, n] : counts)
    if (n != 0) s += fmt::format("  {:10}  {}\n", n, what);
  return s;
}

// Its last values are returned.
Tensors program(uint32_t seed, int64_t max_numel, const Tensors& x) {
  Style style;
  style.steps = 6 + static_cast<int>(seed % 30);
  style.max_numel = max_numel;
  Program p(Rng(seed), style, 0.5f, 1.5f);
  for (const Tensor& t : x) p.add(t);
  p.add(exp(ones({3, 4})) * Operand::constant(1));
  p.run();
  return {p.pool().begin() + static_cast<std::ptrdiff_t>(p.pool().size() * 3 / 4), p.pool().end()};
}

std::string random_programs(const std::string& title, uint32_t programs, int64_t max_numel, const Tensors& x) {
  Counts counts;
  for (uint32_t seed = 1; seed <= programs; ++seed) {
    auto compiled = compile([&](const Tensors& in) { return program(seed, max_numel, in); });
    compiled(x);
    for (const auto& plan : compiled.cache().plans()) count(*plan, counts);
  }
  return text(title, counts);
}

// Scans are kernels of their own, so what they make is in memory until somebody has read it: kernels that could be one
// hold it longer then.
Tensors scans(uint32_t seed) {
  Rng rng(seed);
  Tensors wide, results;
  for (int64_t rows : {32, 64, 64, 96, 128, 256}) wide.push_back(normal(Key(static_cast<uint64_t>(rows)), {rows, 256}));
  const auto any = [&]() -> const Tensor& { return wide[static_cast<size_t>(below(rng, std::ssize(wide)))]; };
  for (int step = 0; step < 24; ++step) {
    const Tensor a = any(), b = any();
    const int64_t kind = below(rng, 6);
    if (kind < 2)
      wide.push_back(cumsum(a, 0));
    else if (kind == 2)
      wide.push_back(a * sum(b) + 1);
    else if (kind == 3 && a.shape() == b.shape())
      results.push_back(sum(a * b));
    else if (kind == 4)
      results.push_back(sum(b * b, 0));
    else
      results.push_back(sum(a * a));
  }
  results.push_back(wide.back());
  return results;
}

TEST(Census, OfDecisions) {
  const Tensor index = tensor({3, 1, 2});
  std::string all = random_programs(
      "300 random programs", 300, 20'000,
      {normal(Key(1), {3, 4}), normal(Key(2), {4, 200}), normal(Key(3), {4}), normal(Key(4), {40, 200}), index});
  all += random_programs("\n60 random programs over large values", 60, 400'000,
                         {normal(Key(1), {300, 300}), normal(Key(2), {300}), normal(Key(3), {20, 5000}), index});
  Counts held, steps;
  for (uint32_t seed = 1; seed <= 80; ++seed) {
    auto compiled = compile([seed](float) { return scans(seed); });
    compiled(1.f);
    for (const auto& plan : compiled.cache().plans()) count(*plan, held);
  }
  all += text("\n80 random programs of scans and sums", held);
  for_each_training_step([&](const std::string&, auto model, auto optimiser, const Tensor& in, const Tensor& out) {
    auto step = compile(&train_step<decltype(model), decltype(optimiser)>);
    step(model, optimiser, in, out, 1e-3f);
    for (const auto& plan : step.cache().plans()) count(*plan, steps);
  });
  expect_golden("census.txt", all + text("\nTraining steps of MLPs, a conv net and a transformer", steps));
}

}  // namespace
}  // namespace duet::testing
