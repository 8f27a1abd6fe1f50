#include "duet/transform/rule.h"

#include "duet/batch.h"

namespace duet {

void TapeImpl::reject_captured(const Tensor& t, std::string_view used_by) const {
  for (const TapeImpl* tape = who_ != nullptr ? parent_ : nullptr; tape != nullptr; tape = tape->parent_)
    check<TraceError>(tape->paused_ || !tape->watches(t.id()),
                      "{}: the function captures a tensor that is differentiated: {} in {}; pass it as an argument",
                      who_, t.spec(), used_by);
}

HideTapes::HideTapes(const char* who) {
  auto hide = [&](TapeImpl*& list) {
    if (list == nullptr) return;
    hiding_.push_back(std::make_unique<TapeImpl>(who));
    hiding_.back()->open(list);
  };
  hide(thread_state.tape);
  for (BatchLevel* b = thread_state.batch; b != nullptr; b = b->parent) hide(b->tape);
}
HideTapes::~HideTapes() = default;

namespace detail {

int open_tapes() {
  int open = 0;
  auto count = [&](const TapeImpl* tape) {
    for (; tape != nullptr; tape = tape->parent()) ++open;
  };
  count(thread_state.tape);
  for (const BatchLevel* b = thread_state.batch; b != nullptr; b = b->parent) count(b->tape);
  return open;
}

bool is_watched(const std::vector<Tensor>& tensors, const char* who) {
  bool watched = false;
  for (const TapeImpl* tape = thread_state.tape; tape != nullptr; tape = tape->parent())
    for (const Tensor& t : tensors) {
      tape->reject_captured(t, who);
      watched |= tape->watches(t.id());
    }
  if (thread_state.batch == nullptr) return watched;
  std::vector<Tensor> wholes;
  for (const Tensor& t : tensors) wholes.push_back(batch::hides(t) ? batch::whole(t) : t);
  batch::Leave outside;
  return is_watched(wholes, who) || watched;
}

namespace {

// A batch wherever an input or output is one: then a gradient of an output is one too, and never a sum over examples.
bool any_example(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  for (const auto* list : {&a, &b})
    for (const Tensor& t : *list)
      if (batch::hides(t)) return true;
  return false;
}

void note(const std::shared_ptr<TransformRule>& rule, const std::vector<Tensor>& inputs,
          const std::vector<Tensor>& outputs) {
  for (TapeImpl* tape = thread_state.tape; tape != nullptr; tape = tape->parent()) tape->note(rule, inputs, outputs);
}

}  // namespace

std::vector<Tensor> note_rule(const std::shared_ptr<TransformRule>& rule, const std::vector<Tensor>& inputs,
                              const std::vector<Tensor>& outputs) {
  std::vector<Tensor> named;
  if (thread_state.batch != nullptr) {
    if (any_example(inputs, outputs)) {
      TransformRule::Batch b{thread_state.batch->id, thread_state.batch->size, {}};
      std::vector<Tensor> whole_inputs, whole_outputs;
      for (const Tensor& t : inputs) {
        b.inputs.push_back(batch::hides(t));
        whole_inputs.push_back(b.inputs.back() ? batch::whole(t) : t);
      }
      for (const Tensor& t : outputs) whole_outputs.push_back(batch::whole_or_repeated(t));
      std::vector<Tensor> wholes = [&] {
        batch::Leave outside;
        return note_rule(rule->batched(b), whole_inputs, whole_outputs);
      }();
      for (const Tensor& t : wholes) named.push_back(batch::example(t));
    } else {
      {
        batch::Leave outside;
        named = note_rule(rule, inputs, outputs);
      }
      note(rule, inputs, named);
      return named;
    }
  } else {
    named = outputs;
  }
  uint64_t id = fresh_ids(static_cast<int>(named.size()));
  for (Tensor& t : named) {
    block::retain(&t.block());
    t = Tensor::adopt(&t.block(), id++);
  }
  note(rule, inputs, named);
  return named;
}

}  // namespace detail
}  // namespace duet
