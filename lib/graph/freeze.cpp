#include "duet/graph/freeze.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "graph/execute.h"
#include "planted.h"

namespace duet {

std::string_view name(Mode mode) {
  constexpr std::string_view kNames[] = {"eager", "compiled", "frozen"};
  return kNames[static_cast<int>(mode)];
}

namespace graph {
namespace {

Number8 as_number(double v, DType dtype) {
  Number8 n;
  n.bits = 0;
  if (dtype == DType::f32)
    n.f32 = static_cast<float>(v);
  else
    n.f64 = v;
  return n;
}

std::string text(const TracedNumber& n) {
  if (is_float(n.dtype)) return shortest(n.float_value);
  if (n.dtype == DType::i64) return fmt::format("{}", n.value.i64);
  return n.dtype == DType::i32 ? fmt::format("{}", n.value.i32) : fmt::format("{}", n.value.u8);
}

// The words of operation i.
std::span<const uint64_t> words_of(const FrozenTrace& t, size_t i) {
  size_t end = i + 1 < t.marks.size() ? t.marks[i + 1].first_word : t.words.size();
  return std::span(t.words).subspan(t.marks[i].first_word, end - t.marks[i].first_word);
}

bool same_contents(const Tensor& a, const Tensor& b) {
  const Block &x = a.block(), &y = b.block();
  if (&x == &y || x.data == y.data) return true;
  if (x.device != y.device) return false;
  if (x.device.is_cuda()) return same_contents(a.to(Device::cpu()), b.to(Device::cpu()));
  return x.dtype == y.dtype && x.shape == y.shape && x.dense && y.dense &&
         std::memcmp(x.data, y.data, x.data_bytes()) == 0;
}

[[noreturn]] void refuse(const Line& line, std::string what) {
  LineOverride here(line);
  throw TraceError(std::move(what));
}

void check_same_operations(const FrozenTrace& a, const FrozenTrace& b) {
  for (size_t i = 0; i < std::min(a.marks.size(), b.marks.size()); ++i) {
    if (a.marks[i].op != b.marks[i].op)
      refuse(b.marks[i].line,
             fmt::format("freeze: two recordings differ: {} and then {}; the function is not pure, use compile",
                         std::string(a.marks[i].op->name), std::string(b.marks[i].op->name)));
    if (!std::ranges::equal(words_of(a, i), words_of(b, i)) && i + 1 < std::min(a.marks.size(), b.marks.size()))
      refuse(b.marks[i].line,
             fmt::format("freeze: two recordings differ: {} with other operands or attributes; the function is not "
                         "pure, use compile",
                         std::string(a.marks[i].op->name)));
  }
  if (a.marks.size() != b.marks.size()) {
    const FrozenTrace& longer = a.marks.size() > b.marks.size() ? a : b;
    const Mark& extra = longer.marks[std::min(a.marks.size(), b.marks.size())];
    refuse(
        extra.line,
        fmt::format("freeze: two recordings differ: {} operations and then {}; the function is not pure, use compile",
                    a.marks.size(), b.marks.size()));
  }
  if (a.words != b.words)
    refuse(b.marks.empty() ? Line() : b.marks.back().line,
           "freeze: two recordings differ in what they keep; the function is not pure, use compile");
}

bool same_sources(const std::vector<LeafSource>& a, const std::vector<LeafSource>& b) {
  return std::ranges::equal(a, b, [](const LeafSource& x, const LeafSource& y) {
    return x.kind == y.kind && x.index == y.index &&
           (x.kind != LeafSource::captured || same_contents(x.tensor, y.tensor));
  });
}

// Whether one Tensor object is there twice. Fields of one object mostly come in the order of their addresses.
bool any_twice(const std::vector<const Tensor*>& leaves) {
  if (std::ranges::adjacent_find(leaves, std::greater_equal()) == leaves.end()) return false;
  thread_local std::vector<const Tensor*> sorted;
  sorted.assign(leaves.begin(), leaves.end());
  std::ranges::sort(sorted);
  return std::ranges::adjacent_find(sorted) != sorted.end();
}

}  // namespace

double perturbed(double v, int position) {
  const double factor = 1 / (1.25 + 0.125 * position);  // another one for each argument; a probability stays one
  return std::isfinite(v) && v != 0 ? v * factor : factor;
}

Tensor separate(const Tensor& t, const Line& line) {
  if (!t.defined()) return t;
  LineScope scope(line);
  materialize(t, "freeze");
  Block& b = t.block();
  return Tensor::adopt(block::view(&b, b.shape, b.strides, b.data), fresh_ids(1));
}

FrozenTrace read_trace(Trace& trace, const std::vector<Tensor>& leaves, const std::vector<const Tensor*>& after,
                       const std::vector<const Tensor*>& results) {
  FrozenTrace t;
  t.outputs = trace.seal();
  t.words = trace.words();
  t.marks = trace.marks();
  t.numbers = trace.numbers();
  for (Block* b : trace.slots()) {
    block::retain(b);
    t.slots.push_back(Tensor::adopt(b, fresh_ids(1)));
  }
  std::vector<int> handles(t.outputs.size(), 1);  // that are known: the trace's, and those in arguments and result
  auto source = [&](const Tensor& x) -> LeafSource {
    if (!x.defined()) return {};
    const Block& b = x.block();
    if (b.trace == &trace) {
      auto at = std::ranges::find(t.outputs, b.node_output) - t.outputs.begin();
      ++handles[static_cast<size_t>(at)];
      return {LeafSource::output, static_cast<int>(at), {}};
    }
    for (size_t i = 0; i < leaves.size(); ++i)
      if (leaves[i].defined() && &leaves[i].block() == &b) return {LeafSource::leaf, static_cast<int>(i), {}};
    return {LeafSource::captured, -1, x};
  };
  for (const Tensor* x : after) t.arguments.push_back(source(*x));
  for (const Tensor* x : results) t.results.push_back(source(*x));
  for (size_t k = 0; k < handles.size(); ++k) {
    int n = t.outputs[k];
    if (trace.pending()[static_cast<size_t>(n)]->refs.load() == handles[k]) continue;
    // Which operation made it: outputs are numbered in the order of operations.
    size_t i = 0;
    for (; i < t.marks.size() && n >= t.marks[i].op->outputs; ++i) n -= t.marks[i].op->outputs;
    refuse(
        t.marks[i].line,
        fmt::format(
            "freeze: a value is kept by host code after the call: the result of {}; return it instead, or use compile",
            std::string(t.marks[i].op->name)));
  }
  return t;
}

FrozenPlan bind(const FrozenTrace& a, const FrozenTrace& b, const std::vector<FloatArgument>& floats,
                const std::vector<Tensor>& leaves, std::shared_ptr<const Plan> plan, const Line& line) {
  check_same_operations(a, b);
  FrozenPlan p;
  p.plan = std::move(plan);
  for (const Tensor& t : leaves) {
    FrozenPlan::LeafSpec l{};
    if (t.defined()) {
      l = {t.spec(), true, t.is_contiguous(), t.device(), {}};
      std::copy_n(t.block().strides, kMaxRank, l.strides.begin());
    }
    p.leaves.push_back(l);
  }
  auto leaf_of = [&](const Tensor& slot) {
    for (size_t i = 0; i < leaves.size(); ++i)
      if (leaves[i].defined() && &leaves[i].block() == &slot.block()) return static_cast<int>(i);
    return -1;
  };
  for (size_t s = 0; s < a.slots.size(); ++s) {
    int leaf = leaf_of(a.slots[s]);
    p.slot_leaf.push_back(leaf);
    p.constants.push_back(leaf < 0 ? a.slots[s] : Tensor());
    if (leaf < 0 && !same_contents(a.slots[s], b.slots[s]))
      refuse(b.marks.front().line,
             fmt::format("freeze: a tensor differs between two recordings: {}; pass it as an argument, or use compile",
                         a.slots[s].spec()));
  }
  std::vector<char> used(floats.size(), 0);
  for (size_t i = 0; i < a.numbers.size(); ++i) {
    const TracedNumber &x = a.numbers[i], &y = b.numbers[i];
    int bound = -1;
    for (size_t f = 0; f < floats.size() && is_float(x.dtype); ++f)
      if (as_number(floats[f].value, x.dtype).bits == x.value.bits &&
          as_number(floats[f].changed, x.dtype).bits == y.value.bits)
        bound = static_cast<int>(f);
    if (bound < 0 && x.value.bits != y.value.bits)
      refuse(y.line,
             fmt::format("freeze: a number changes between two recordings: {} and then {}; C++ computed it from an "
                         "argument or from "
                         "outside: write x * lr * 0.5f for x * (lr * 0.5f), pass it as an argument, or use compile",
                         text(x), text(y)));
    if (bound >= 0) used[static_cast<size_t>(bound)] = 1;
    p.number_argument.push_back(bound < 0 ? -1
                                          : floats[planted("frozen_scalar") ? 0 : static_cast<size_t>(bound)].position);
    if (bound >= 0) p.bound_numbers.push_back(i);
    p.numbers.push_back(x.value);
    p.number_dtypes.push_back(x.dtype);
  }
  for (size_t f = 0; f < floats.size(); ++f)
    if (!used[f])
      refuse(line, fmt::format("freeze: argument {} ({}) reaches no operation as it is; use it as an operand (x * lr), "
                               "pass it as a tensor, or use compile",
                               floats[f].position + 1, shortest(floats[f].value)));
  if (!same_sources(a.arguments, b.arguments) || !same_sources(a.results, b.results))
    refuse(b.marks.empty() ? line : b.marks.back().line,
           "freeze: two recordings return different values; the function is not pure, use compile");
  for (size_t i = 0; i < a.arguments.size(); ++i)
    p.moves_leaves |= a.arguments[i].kind == LeafSource::leaf && a.arguments[i].index != static_cast<int>(i);
  p.arguments = a.arguments;
  p.results = a.results;
  p.kept.assign(leaves.size(), 0);
  for (const LeafSource& s : p.results)
    if (s.kind == LeafSource::leaf) p.kept[static_cast<size_t>(s.index)] = 1;
  for (size_t i = 0; i < p.arguments.size(); ++i)
    if (p.arguments[i].kind == LeafSource::leaf && p.arguments[i].index != static_cast<int>(i))
      p.kept[static_cast<size_t>(p.arguments[i].index)] = 1;
  if (p.plan != nullptr)
    for (size_t k = 0; k < a.outputs.size(); ++k) p.outputs.push_back(p.plan->output_spec(static_cast<int>(k)));
  return p;
}

bool matches(const FrozenPlan& p, const std::vector<const Tensor*>& leaves, const std::vector<uint64_t>& config,
             std::string* why) {
  if (p.plan != nullptr && p.plan->graph().device.is_cuda() &&
      p.plan->executable().provider != cuda::matmul_provider()) {
    if (why) *why = "matmul has another provider";
    return false;
  }
  if (leaves.size() != p.leaves.size()) {
    if (why) *why = fmt::format("{} tensors in the arguments, were {}", leaves.size(), p.leaves.size());
    return false;
  }
  for (size_t i = 0; i < leaves.size(); ++i) {
    const FrozenPlan::LeafSpec& l = p.leaves[i];
    if (!leaves[i]->defined()) {
      if (!l.defined) continue;
      if (why) *why = fmt::format("tensor {} of the arguments is empty, was {}", i + 1, l.spec);
      return false;
    }
    if (!l.defined) {
      if (why) *why = fmt::format("tensor {} of the arguments is {}, was empty", i + 1, leaves[i]->spec());
      return false;
    }
    const Block& b = leaves[i]->block();
    if (b.device != l.device) {
      if (why) *why = fmt::format("tensor {} of the arguments is on {}, was on {}", i + 1, b.device, l.device);
      return false;
    }
    if (b.dtype != l.spec.dtype || !(b.shape == l.spec.shape)) {
      if (why) *why = fmt::format("tensor {} of the arguments is {}, was {}", i + 1, leaves[i]->spec(), l.spec);
      return false;
    }
    if (b.dense != l.dense || (!b.dense && !std::equal(b.strides, b.strides + b.shape.rank(), l.strides.begin()))) {
      if (why) *why = fmt::format("tensor {} of the arguments has another layout: {}", i + 1, l.spec);
      return false;
    }
  }
  if (config == p.config) return true;
  auto scope = [](uint64_t dtype) { return dtype == 0 ? "none" : name(static_cast<DType>(dtype)); };
  if (why && config.back() != p.config.back())
    *why = fmt::format("the call is inside another Autocast: {}, was {}", scope(config.back()), scope(p.config.back()));
  else if (why)
    *why = "a number or size in the arguments differs";
  return false;
}

std::vector<Tensor> replay(const FrozenPlan& p, const std::vector<const Tensor*>& leaves,
                           const std::vector<Passed>& passed, std::span<const double> floats, const Line& line) {
  std::vector<Tensor> outputs;
  auto rebound = [&](size_t i) {
    const LeafSource& s = p.arguments[i];
    return passed[i] == Passed::reference && (s.kind != LeafSource::leaf || s.index != static_cast<int>(i));
  };
  // One Tensor object in two places has one reference: it must not be donated, and rebinding it in one place would not
  // be seen in the other, as it is when the function runs.
  const bool twice = any_twice(leaves);
  auto is_twice = [&](size_t i) { return twice && std::count(leaves.begin(), leaves.end(), leaves[i]) > 1; };
  for (size_t i = 0; twice && i < leaves.size(); ++i)
    if (rebound(i) && is_twice(i))
      refuse(line,
             fmt::format(
                 "frozen call: a tensor that the function rebinds is passed twice: {}; pass a copy, or use compile",
                 leaves[i]->defined() ? to_string(leaves[i]->spec()) : "empty"));
  if (p.plan == nullptr) return outputs;
  thread_local std::vector<Block*> slots, results;
  thread_local std::vector<uint8_t> donated;
  thread_local std::vector<uint64_t> ids;
  thread_local std::vector<Number8> numbers;
  slots.resize(p.slot_leaf.size()), donated.resize(p.slot_leaf.size()), ids.resize(p.slot_leaf.size());
  for (size_t s = 0; s < slots.size(); ++s) {
    int leaf = p.slot_leaf[s];
    const Tensor& value = leaf < 0 ? p.constants[s] : *leaves[static_cast<size_t>(leaf)];
    Block* b = &value.block();
    if (b->trace != nullptr) reject_foreign("frozen call", *b);
    slots[s] = b, ids[s] = value.id();
    const auto l = static_cast<size_t>(leaf);
    donated[s] = leaf >= 0 && !p.kept[l] && (passed[l] == Passed::temporary || rebound(l)) && block::sole_owner(b) &&
                 !is_twice(l);
  }
  numbers.assign(p.numbers.begin(), p.numbers.end());
  for (size_t i : p.bound_numbers)
    numbers[i] = as_number(floats[static_cast<size_t>(p.number_argument[i])], p.number_dtypes[i]);
  results.assign(p.outputs.size(), nullptr);  // the plan makes them, where it can out of blocks that are given
  outputs.reserve(p.outputs.size());
  auto take = [&] {
    uint64_t id = fresh_ids(static_cast<int>(results.size()));
    for (Block* b : results)
      if (b != nullptr) outputs.push_back(Tensor::adopt(b, id++));
  };
  try {
    p.plan->run({slots, donated, numbers, results, ids});
  } catch (...) {
    take();
    throw;
  }
  take();
  return outputs;
}

void reject_new_arguments(const std::string& why, const Line& line) {
  LineOverride here(line);
  fail<TraceError>(
      "frozen call: the arguments are not those it was recorded with: {}; freeze again, or freeze(f, {{.on_new_shape = "
      "OnNewShape::retrace}})",
      why);
}
void reject_changed_config(const Line& line) {
  LineOverride here(line);
  fail<TraceError>(
      "freeze: the function changes a plain number or a size in its arguments, which a replay would not; make it a "
      "tensor, or use compile");
}

void reject_changed_result(const Line& line) {
  LineOverride here(line);
  fail<TraceError>(
      "freeze: a plain number or a size in the result differs between two recordings, and a replay would repeat the "
      "first; return a "
      "tensor, or use compile");
}

}  // namespace graph
}  // namespace duet
