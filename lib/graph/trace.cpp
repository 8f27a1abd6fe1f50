#include "duet/graph/trace.h"

#include <fmt/format.h>

#include <algorithm>

#include "duet/batch.h"
#include "duet/core/debug.h"
#include "duet/cuda.h"
#include "duet/graph/cache.h"
#include "planted.h"
#include "core/limits.h"

namespace duet::graph {
namespace {

// Stands in Block::trace of values whose trace died.
alignas(Trace) char poison_storage[1];
Trace* poison() { return reinterpret_cast<Trace*>(poison_storage); }

// An operand's word: what it is in the low bits, which one above.
enum Tag : uint64_t { kNode = 0, kSlot = 1, kNumber = 2, kConstant = 3 };
constexpr uint64_t word(Tag tag, uint64_t n) { return n << 2 | tag; }

size_t hash_pointer(const Block* b) {
  return static_cast<size_t>((reinterpret_cast<uintptr_t>(b) >> 6) * 0x9e3779b97f4a7c15u >> 32);
}

}  // namespace

void reject_foreign(std::string_view what, const Block& b) {
  if (batch::is_example(b)) batch::reject(what, b);
  if (b.trace == poison())
    fail<TraceError>("{}: the value was never computed: {}; the compiled function that recorded it threw", what,
                     Spec{b.dtype, b.shape});
  fail<TraceError>("{}: the value is being recorded by another compiled function: {}; use it where it is returned",
                   what, Spec{b.dtype, b.shape});
}

Trace::~Trace() { drop(); }

void Trace::begin(PlanCache& cache, bool may_split) {
  cache_ = &cache;
  may_split_ = may_split;
  positions_ = nullptr;
  segment_ = 0;
  region_ = regions_ = 0;
}

// Where the block is in the table, or the empty place that would be its own.
size_t Trace::place_of(const Block* b) const {
  size_t at = hash_pointer(b) & (table_.size() - 1);
  while (table_[at].first != nullptr && table_[at].first != b) at = (at + 1) & (table_.size() - 1);
  return at;
}

void Trace::fill_table(size_t size) {
  table_.assign(size, {nullptr, 0});
  for (size_t i = 0; i < slots_.size(); ++i) table_[place_of(slots_[i])] = {slots_[i], static_cast<int>(i)};
}

int Trace::find_slot(const Block* b) const {
  const size_t at = place_of(b);
  return table_[at].first != nullptr ? table_[at].second : -1;
}

int Trace::slot_of(Block* b, uint64_t id, std::vector<uint64_t>& words) {
  if (table_.size() < 2 * (slots_.size() + 1)) fill_table(std::max<size_t>(64, table_.size() * 2));
  const size_t at = place_of(b);
  if (table_[at].first != nullptr) return table_[at].second;
  const int slot = static_cast<int>(slots_.size());
  ids_.push_back(id), slots_.push_back(b);
  block::retain(b);
  table_[at] = {b, slot};
  // The slot's spec stands where it is first used.
  words.push_back(word(kSlot, static_cast<uint64_t>(slot)));
  words.push_back(static_cast<uint64_t>(planted("key_dtype") ? f32 : b->dtype) |
                  static_cast<uint64_t>(b->shape.rank()) << 8 | uint64_t{b->dense} << 16);
  for (int64_t d : b->shape) words.push_back(static_cast<uint64_t>(d));
  if (!b->dense)
    for (int i = 0; i < b->shape.rank(); ++i) words.push_back(static_cast<uint64_t>(b->strides[i]));
  return -1;
}

Outputs Trace::record(const OpRecord& op, const Args& in, Attrs attrs, const Spec* specs) {
  if (op.view == nullptr)  // what could not be computed eagerly is refused at its line, and no plan counts with it
    for (int k = 0; k < op.outputs; ++k)
      memory::check_size(static_cast<size_t>(specs[k].shape.numel()) * size_bytes(specs[k].dtype));
  if (marks_.empty()) device_ = in.device();
  check<DeviceError>(in.device() == device_, "{}: a compiled function works on one device: on {} here, on {} before",
                     op.name, in.device(), device_);
  const size_t marks = marks_.size(), words = words_.size(), numbers = numbers_.size(), slots = slots_.size(),
               pending = pending_.size();
  // An operation is recorded whole or not at all: host code may catch what is thrown here, and go on.
  const auto take_back = [&]() noexcept {
    marks_.erase(marks_.begin() + static_cast<ptrdiff_t>(marks), marks_.end());
    words_.resize(words), ids_.resize(slots);
    numbers_.erase(numbers_.begin() + static_cast<ptrdiff_t>(numbers), numbers_.end());
    for (; pending_.size() > pending; pending_.pop_back()) block::release(pending_.back());
    if (slots_.size() == slots) return;
    for (; slots_.size() > slots; slots_.pop_back()) block::release(slots_.back());
    fill_table(table_.size());  // no larger, so without memory
  };
  try {
    marks_.push_back({&op, thread_state.line, words_.size()});
    words_.push_back(reinterpret_cast<uintptr_t>(&op));
    words_.push_back(static_cast<uint64_t>(in.size()) | static_cast<uint64_t>(attrs.size()) << 16 |
                     uint64_t{region_} << 32);
    for (int64_t a : attrs) words_.push_back(static_cast<uint64_t>(a));
    for (int i = 0; i < in.size(); ++i) {
      const Arg& a = in[i];
      if (a.tensor != nullptr) {
        Block& b = a.tensor->block();
        if (b.trace == this) {
          words_.push_back(word(kNode, static_cast<uint64_t>(b.node_output)));
        } else {
          int slot = slot_of(&b, a.tensor->id(), words_);
          if (slot >= 0) words_.push_back(word(kSlot, static_cast<uint64_t>(slot)));
        }
      } else if (a.kind == Operand::Kind::constant) {
        words_.push_back(word(kConstant, static_cast<uint64_t>(a.dtype)));
        words_.push_back(a.number.bits);
      } else {
        words_.push_back(word(kNumber, static_cast<uint64_t>(a.dtype) | static_cast<uint64_t>(a.kind) << 8));
        numbers_.push_back({a.number, a.dtype, a.kind, a.float_value, thread_state.line});
      }
    }
    Outputs y;
    y.count = op.outputs;
    uint64_t id = fresh_ids(op.outputs);
    for (int k = 0; k < op.outputs; ++k) {
      Tensor made =
          Tensor::adopt(block::make(specs[k].dtype, specs[k].shape, false, device_), id + static_cast<uint64_t>(k));
      Block* b = &made.block();
      pending_.push_back(b);
      b->refs.store(2, std::memory_order_relaxed);  // the handle's and the trace's
      b->trace = this;
      b->dense = op.view == nullptr;  // how a view lies is known when it runs: contiguous() has to record a copy
      b->node_output = static_cast<int>(pending_.size()) - 1;
      y.values[k] = std::move(made);
    }
    if (debug_level() >= 2) [[unlikely]]
      debug_line(fmt::format("record %{} {} {} {}", y.values[0].block().node_output, op.name, to_string(specs[0]),
                             to_string(thread_state.line)));
    return y;
  } catch (...) {
    take_back();
    throw;
  }
}

std::vector<int> Trace::seal() {
  std::vector<int> outputs;
  for (size_t i = 0; i < pending_.size(); ++i)
    if (pending_[i]->refs.load(std::memory_order_acquire) > 1) outputs.push_back(static_cast<int>(i));
  words_.push_back(~uint64_t{0});
  for (int o : outputs) words_.push_back(static_cast<uint64_t>(o));
  words_.push_back(static_cast<uint64_t>(device_.index()));
  // A device's plan has products of the provider of its time in it.
  if (device_.is_cuda()) words_.push_back(static_cast<uint64_t>(cuda::matmul_provider()));
  return outputs;
}

Graph Trace::decode(const std::vector<int>& outputs) const {
  Graph g;
  std::vector<int> of_output, of_slot;  // values
  auto add = [&](const Value& v) {
    g.values.push_back(v);
    return static_cast<int>(g.values.size()) - 1;
  };
  size_t at = 0;
  for (size_t n = 0; n < marks_.size(); ++n) {
    Node node;
    node.op = reinterpret_cast<const OpRecord*>(words_[at++]);
    const uint64_t counts = words_[at++];
    node.region = static_cast<int>(counts >> 32);
    for (uint64_t k = counts >> 16 & 0xffff; k > 0; --k) node.attrs.push_back(static_cast<int64_t>(words_[at++]));
    for (uint64_t k = counts & 0xffff; k > 0; --k) {
      const uint64_t w = words_[at++];
      const uint64_t index = w >> 2;
      Value v;
      switch (static_cast<Tag>(w & 3)) {
        case kNode:
          node.inputs.push_back(of_output[index]);
          continue;
        case kSlot:
          if (index < of_slot.size()) {
            node.inputs.push_back(of_slot[index]);
            continue;
          }
          v.origin = Origin::slot;
          v.index = static_cast<int>(index);
          {
            const Block* b = slots_[index];
            v.spec = {b->dtype, b->shape};
            v.dense = b->dense;
            std::copy_n(b->strides, kMaxRank, v.strides);
            at += 1 + static_cast<size_t>(b->shape.rank()) * (b->dense ? 1 : 2);
          }
          of_slot.push_back(add(v));
          node.inputs.push_back(of_slot.back());
          continue;
        case kNumber:
          v.origin = Origin::number;
          v.index = std::max(0, g.numbers++ - planted("scalar_slot"));
          v.spec.dtype = static_cast<DType>(index & 0xff);
          v.number_kind = static_cast<Operand::Kind>(index >> 8);
          break;
        case kConstant:
          v.origin = Origin::constant;
          v.spec.dtype = static_cast<DType>(index);
          v.constant.bits = words_[at++];
          break;
      }
      node.inputs.push_back(add(v));
    }
    for (int k = 0; k < node.op->outputs; ++k) {
      const Block* b = pending_[of_output.size()];
      Value v;
      v.origin = Origin::node;
      v.spec = {b->dtype, b->shape};
      v.index = static_cast<int>(n);
      v.output = k;
      of_output.push_back(add(v));
      node.outputs.push_back(of_output.back());
    }
    node.line = marks_[n].line;
    g.nodes.push_back(std::move(node));
  }
  g.slots = static_cast<int>(slots_.size());
  g.device = device_;
  const std::vector<LeafPosition> arguments = positions().arguments;
  for (Value& v : g.values) {
    if (v.origin != Origin::slot) continue;
    auto at = std::ranges::find(arguments, slots_[static_cast<size_t>(v.index)], &LeafPosition::block);
    if (at != arguments.end()) v.argument = at->argument, v.leaf = at->leaf;
  }
  for (int o : outputs) g.outputs.push_back(of_output[static_cast<size_t>(o)]);
  return g;
}

void Trace::run_segment(bool last) {
  if (pending_.empty()) return;
  // Also when a kernel throws: host code may catch it and go on in a new segment.
  struct Dropper {
    Trace& trace;
    ~Dropper() { trace.drop(); }
  } dropper{*this};
  const std::vector<int> outputs = seal();
  if (!outputs.empty()) {
    std::shared_ptr<const Plan> plan = cache_->find(*this, outputs);
    results_.clear();
    for (int o : outputs) results_.push_back(pending_[static_cast<size_t>(o)]);
    kept_.assign(slots_.size(), 0);
    // Only the last segment: what host code does after a split may throw, and then arguments must be as before.
    for (const Block* b : discounted_)
      if (int slot = last && !slots_.empty() ? find_slot(b) : -1; slot >= 0) ++kept_[static_cast<size_t>(slot)];
    donated_.clear();
    for (size_t s = 0; s < slots_.size(); ++s)
      donated_.push_back((block::sole_owner(slots_[s], kept_[s]) && !planted("lost_donation")) || planted("donation"));
    values_.clear();
    for (const TracedNumber& n : numbers_) values_.push_back(n.value);
    plan->run({slots_, donated_, values_, results_, ids_});
    for (Block* b : results_) b->trace = nullptr;
    ++segment_;
  }
}

Line Trace::line_of(int output) const {
  for (const Mark& m : marks_)
    if ((output -= m.op->outputs) < 0) return m.line;
  return {};
}

void Trace::split(const char* why) {
  check<TraceError>(
      may_split_,
      "{}: a frozen function has no values while it is traced; compute with tensors (where, maximum), or use compile",
      why);
  cache_->note({"split", why, thread_state.line});
  if (debug_level() >= 1) [[unlikely]]
    debug_line(fmt::format("split at {} {}", why, to_string(thread_state.line)));
  run_segment(false);
}

void Trace::finish() { run_segment(true); }

void Trace::abandon() noexcept {
  for (Block* b : pending_)
    if (b->trace == this) b->trace = poison();
  drop();
  discounted_.clear();
}

void Trace::drop() noexcept {
  for (Block* b : pending_) {
    if (b->trace == this) b->trace = poison();  // nobody outside holds it, or it has died with the trace
    block::release(b);
  }
  for (Block* b : slots_) block::release(b);
  pending_.clear();
  slots_.clear(), ids_.clear();
  numbers_.clear();
  words_.clear();
  marks_.clear();
  std::fill(table_.begin(), table_.end(), std::pair<Block*, int>(nullptr, 0));
}

namespace {
// Traces of this thread that are not recording: their arrays are reused.
thread_local std::vector<std::unique_ptr<Trace>> idle;
constexpr size_t kMostIdle = 8;
}  // namespace

Recording::Recording(PlanCache& cache, bool may_split) {
  idle.reserve(kMostIdle);  // here, because the destructor must not fail
  if (idle.empty()) {
    trace_ = std::make_unique<Trace>();
  } else {
    trace_ = std::move(idle.back());
    idle.pop_back();
  }
  trace_->begin(cache, may_split);
  thread_state.trace = trace_.get();
}

Recording::~Recording() {
  thread_state.trace = nullptr;
  trace_->abandon();
  if (idle.size() < kMostIdle) idle.push_back(std::move(trace_));
}

void Recording::finish() {
  trace_->finish();
  thread_state.trace = nullptr;
}

}  // namespace duet::graph
