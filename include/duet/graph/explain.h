// explain: what compiling a function did, as data that prints. Names of values are those that DUET_DEBUG=2 shows.
#pragma once

#include "duet/graph/freeze.h"

namespace duet {

/// Everything the plans of a function show. Values are named %7 (the result that `record %7` made), arg0.3 (the fourth
/// tensor of argument 0; arg0.hidden.weight where explain was given the arguments), in2 (a tensor from elsewhere),
/// number0 (a C++ number, read at each run), or written out (a number of the program itself).
struct Explanation {
  struct Value {
    std::string name;
    Spec spec;
  };
  struct Operation {
    std::string_view op;
    std::vector<std::string> inputs;
    std::vector<Value> outputs;
    Line line;
  };
  /// One launch: a matmul or another kernel with the operations fused into it, or a run of pointwise operations.
  struct Kernel {
    std::string name;              // "matmul+add+relu"
    std::vector<Operation> views;  // made just before it; no work
    std::vector<Operation> operations;
    int64_t bytes = 0;        // read and written, from shapes
    int64_t bytes_apart = 0;  // the same with a kernel an operation
    int64_t code_bytes = 0;   // of machine code made for it
    std::string tiles;        // what makes the tile executor run some of it instead; empty: nothing does
    std::string epilogue;     // of a product on a device: which kernel computes what follows it, and why
    Line line;
  };
  /// A pair of operations that fuse or combine looked at.
  struct Fusion {
    Value producer, consumer;
    std::string_view producer_op, consumer_op;
    bool fused = false;
    std::string reason;   // of a refusal
    int64_t bytes = 0;    // of the value between them, written and read again: saved, or the price of the refusal
    bool beside = false;  // there is none: neither needs the other
    Line line;            // of the consumer
  };
  /// A tensor from outside of the arguments: read at each call, or, in a frozen function, a constant.
  struct Captured {
    Value value;
    bool constant = false;
    std::string contents;  // of a constant: its first elements
  };
  struct Number {
    std::string name;
    DType dtype = DType::f32;
    std::string value;  // "read at each call"; frozen: "argument 1", or what it was, for good
  };
  /// A buffer of the arena.
  struct Buffer {
    Value value;
    int first = 0, last = 0;  // kernels between which it is live
    int64_t bytes = 0, offset = 0;
    std::string in_place_of;  // the value whose storage it is computed in; empty for none
  };
  /// A value that lies in the storage of another one, and why that is safe.
  struct Alias {
    Value value;
    std::string of, reason;
  };
  struct Output {
    Value value;
    std::string becomes;                 // "result", "result.1", "arg0.2": what holds it; empty for an escape
    std::string escapes;                 // how it came to be an output all the same
    std::vector<std::string> may_reuse;  // inputs that give their storage when the call is their only owner
    std::string alias_of;                // an input or another output whose storage it shares
  };
  struct Plan {
    int number = 0;   // among all that were made
    std::string why;  // it was made
    Line line;
    int segment = 0;      // splits of its call before it
    bool splits = false;  // it ends at a split
    int recorded = 0;     // operations
    std::vector<graph::PassRecord> passes;
    std::vector<Value> inputs;
    std::vector<Captured> captured;  // some of the inputs
    std::vector<Number> numbers;
    std::vector<Kernel> kernels;
    std::vector<Operation> views;  // of outputs
    std::vector<Fusion> fusions;   // every pair, taken or refused
    std::vector<Output> outputs;
    std::vector<Buffer> buffers;
    std::vector<Alias> aliases;
    int64_t naive_bytes = 0, lower_bound_bytes = 0, arena_bytes = 0;
    int64_t packed_bytes = 0;            // of weights, packed when the plan met them a second time
    bool proven_optimal = false;         // no arena can be smaller
    graph::ScheduleRecord schedule;      // the order of the kernels
    int64_t bytes = 0, bytes_apart = 0;  // read and written by all kernels; with a kernel an operation
    double plan_us = 0;                  // passes and planning
    std::string device;                  // of a plan on one: its kernels, and how they were compiled
  };

  Mode mode = Mode::compiled;
  Line line;                         // where it was compiled or frozen
  bool switched_off = false;         // by DUET_COMPILE=0: calls run eagerly
  std::vector<Plan> plans;           // in the order in which they were made, those that the cache still has
  std::vector<graph::Event> events;  // every plan with its reason, every split with its place
  uint64_t hits = 0;                 // calls, or parts of calls, that found their plan

  /// Where memory lies as a text of blocks, a picture a plan: kernels from left to right, offsets from top to bottom.
  std::string chart(int width = 100) const;

  /// Writes a picture (.svg), the data (.json, docs/explain.schema.json describes it) or the text with the charts
  /// (.txt), by the end of the name. Error for another end; the file is written whole or stays as it was.
  void save(const std::string& path) const;
};

/// One paragraph a plan: its kernels with their operations, what was not fused and why, where memory lies.
std::string to_string(const Explanation& e);
/// The whole of the data as JSON.
std::string to_json(const Explanation& e);
/// The kernels of each plan as boxes with their operations, and below them where memory lies. For very many plans, the
/// first ones.
std::string to_svg(const Explanation& e);

namespace detail {

/// Names of the arguments' tensors in place of positions.
using LeafNames = std::vector<std::pair<std::string, std::string>>;  // "arg0.3", "arg0.hidden.weight"
Explanation explain_plans(const graph::PlanCache& cache, Mode mode, const LeafNames& names = {});

template <class A>
void add_names(const A& arg, int position, LeafNames& names) {
  if constexpr (tree::is_tree<A>()) {
    int leaf = 0;
    for_each_named_leaf(arg, [&](std::string_view name, const Tensor&) {
      graph::Value slot;
      slot.argument = position;
      slot.leaf = leaf++;
      if (!name.empty())
        names.emplace_back(graph::slot_name(slot), "arg" + std::to_string(position) + "." + std::string(name));
    });
  }
}

}  // namespace detail

/// An eager function plans nothing.
template <class F>
Explanation explain(const Eager<F>&) {
  Explanation e;
  e.mode = Mode::eager;
  return e;
}
/// What the calls of a compiled function made so far.
template <class F>
Explanation explain(const Compiled<F>& f) {
  return detail::explain_plans(f.cache(), Mode::compiled);
}
/// What the first call of a frozen function made; captured tensors are constants, among the inputs as in0, in1, ….
template <class F>
Explanation explain(const Frozen<F>& f) {
  return detail::explain_plans(f.cache(), Mode::frozen);
}
/// What the mode that was chosen made.
template <class F>
Explanation explain(const WithMode<F>& f) {
  return detail::explain_plans(f.cache(), f.mode());
}
/// Compiles any callable, calls it once on copies of the arguments and explains that; the arguments are left as they
/// are and name the inputs. Throws what f throws.
template <class F, class A0, class... A>
Explanation explain(F&& f, const A0& first, const A&... rest) {
  auto compiled = compile([&f](auto&... args) { return f(args...); }, {}, std::source_location());
  std::tuple<A0, A...> copies(first, rest...);
  std::apply(compiled, copies);
  detail::LeafNames names;
  int position = 0;
  (detail::add_names(first, position, names), ..., detail::add_names(rest, ++position, names));
  return detail::explain_plans(compiled.cache(), Mode::compiled, names);
}

}  // namespace duet

template <>
struct fmt::formatter<duet::Explanation> : duet::TextFormatter {};
