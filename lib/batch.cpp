#include "duet/batch.h"

#include <atomic>

#include "batch_call.h"
#include "duet/ops/batch_rules.h"

namespace duet {
namespace batch {
namespace {

// Stands in Block::trace of examples, so that whoever asks for elements is refused.
alignas(16) char example_storage[1];
graph::Trace* example_mark() { return reinterpret_cast<graph::Trace*>(example_storage); }

bool is_of(const Block& b, int32_t level) { return b.trace == example_mark() && b.node_output == level; }

Shape with_front(int64_t n, const Shape& s) {
  Shape y{n};
  for (int64_t d : s) y.push_back(d);
  return y;
}

Tensor example_as(const Tensor& whole, uint64_t id) {
  const Shape& s = whole.shape();
  Block* b = block::make(whole.dtype(), Shape(s.begin() + 1, s.rank() - 1), false, whole.device());
  block::retain(&whole.block());
  b->root = &whole.block();
  b->owned_bytes = whole.id();
  b->trace = example_mark();
  b->node_output = thread_state.batch->id;
  return Tensor::adopt(b, id);
}

}  // namespace

int32_t new_level() {
  static std::atomic<int32_t> next{0};
  return next.fetch_add(1);
}

Enter::Enter(int32_t id, int64_t size) : level_{id, size, thread_state.batch, thread_state.tape} {
  thread_state.batch = &level_;
  thread_state.tape = nullptr;
}
Enter::~Enter() {
  thread_state.batch = level_.parent;
  thread_state.tape = level_.tape;
}

Leave::Leave() : level_(thread_state.batch) {
  thread_state.batch = level_->parent;
  std::swap(thread_state.tape, level_->tape);
}
Leave::~Leave() {
  std::swap(thread_state.tape, level_->tape);
  thread_state.batch = level_;
}

bool hides(const Tensor& t) { return is_of(t.block(), thread_state.batch->id); }

Tensor whole(const Tensor& t) {
  const Block& b = t.block();
  if (b.trace != example_mark()) return t;
  block::retain(b.root);
  return Tensor::adopt(b.root, b.owned_bytes);
}

Tensor example(const Tensor& whole) { return example_as(whole, fresh_ids(1)); }

Tensor whole_or_repeated(const Tensor& t) {
  if (hides(t)) return whole(t);
  const Shape shape = with_front(thread_state.batch->size, t.shape());
  Leave outside;
  return broadcast_to(t, shape);
}

bool is_example(const Block& b) { return b.trace == example_mark(); }

bool is_active(const Block& b) {
  for (const BatchLevel* l = thread_state.batch; l != nullptr; l = l->parent)
    if (is_of(b, l->id)) return true;
  return false;
}

void reject(std::string_view what, const Block& b) {
  const Spec spec{b.dtype, b.shape};
  if (!is_active(b))
    fail<TraceError>("{}: the value is one example of a batch, and its vmap is over: {}; return it from the function",
                     what, spec);
  fail<TraceError>(
      "{}: the value is one example of a batch: {}; inside vmap compute with tensors (where, maximum), and read the "
      "result",
      what, spec);
}

Outputs dispatch_batch(const OpRecord& op, const Args& in, Attrs attrs, const Spec* specs) {
  const BatchLevel& level = *thread_state.batch;
  const BatchCall call{op, in, attrs, specs, level.id, level.size};
  bool any = false;
  for (int i = 0; i < in.size(); ++i) any |= call.is_batch(i);
  if (!any) {
    Leave outside;
    OperandList list;
    for (int i = 0; i < in.size(); ++i) list.add(in[i]);
    return dispatch(op, list.inputs(), attrs);
  }
  if (op.batch == nullptr) call.fail_without_rule();
  for (int k = 0; k < op.outputs; ++k)
    check<ShapeError>(specs[k].shape.rank() < kMaxRank,
                      "{}: with the batch, the result {} has more than {} axes; reshape it to fewer", op.name,
                      to_string(specs[k]), kMaxRank);
  Outputs y = [&] {
    Leave outside;
    return op.batch(call);
  }();
  const uint64_t id = fresh_ids(op.outputs);
  for (int k = 0; k < op.outputs; ++k) {
    DUET_INTERNAL_CHECK(y.values[k].shape() == call.with_batch(specs[k].shape));
    y.values[k] = example_as(y.values[k], id + static_cast<uint64_t>(k));
  }
  return y;
}

}  // namespace batch

bool BatchCall::is_batch(int i) const { return in[i].tensor != nullptr && batch::is_of(in[i].tensor->block(), level); }

Shape BatchCall::with_batch(const Shape& example) const { return batch::with_front(size, example); }

Tensor BatchCall::leading(int i) const {
  return is_batch(i) ? whole(i) : broadcast_to(*in[i].tensor, with_batch(*in[i].shape));
}

Tensor BatchCall::aligned(int i, int rank) const {
  const Shape& s = *in[i].shape;
  if (s.rank() == rank) return whole(i);
  Shape shape{size};
  while (shape.rank() + s.rank() < rank + 1) shape.push_back(1);
  for (int64_t d : s) shape.push_back(d);
  return reshape(whole(i), shape);
}

void BatchCall::fail_without_rule() const {
  std::string operands;
  for (int i = 0; i < in.size(); ++i)
    operands += (i > 0 ? ", " : "") + to_string(in.text(i)) + (is_batch(i) ? " of a batch" : "");
  fail<Error>("{}: vmap has no rule for this operation: {}; compute it outside of vmap, or call it in a loop", op.name,
              operands);
}

namespace {

// The op itself on the operands that `operand(i)` gives.
template <class F>
Outputs on_whole(const BatchCall& c, Attrs attrs, const F& operand) {
  Tensor tensors[Args::kMax];
  OperandList list;
  for (int i = 0; i < c.in.size(); ++i) {
    if (c.in[i].tensor == nullptr)
      list.add(c.in[i]);
    else
      list.add(tensors[i] = operand(i));
  }
  return dispatch(c.op, list.inputs(), attrs);
}

Outputs with_first(const BatchCall& c, int64_t first) {
  std::vector<int64_t> attrs(c.attrs.begin(), c.attrs.end());
  attrs[0] = first;
  return on_whole(c, attrs, [&](int i) { return c.leading(i); });
}

}  // namespace

Outputs batch_aligned(const BatchCall& c) {
  int rank = 0;
  for (int i = 0; i < c.in.size(); ++i) rank = std::max(rank, c.in[i].shape->rank());
  return on_whole(c, c.attrs, [&](int i) { return c.is_batch(i) ? c.aligned(i, rank) : *c.in[i].tensor; });
}
Outputs batch_same(const BatchCall& c) {
  return on_whole(c, c.attrs, [&](int i) { return c.leading(i); });
}
Outputs batch_axis(const BatchCall& c) { return with_first(c, c.attrs[0] + 1); }
Outputs batch_axes(const BatchCall& c) { return with_first(c, c.attrs[0] << 1); }

}  // namespace duet
