#include "duet/grad.h"

#include <algorithm>
#include <optional>

#include "duet/autocast.h"
#include "duet/batch.h"
#include "duet/formula.h"

namespace duet {

struct TapeImpl::Node {
  const OpRecord* op;  // null: a rule of rules_
  Line line;
  uint64_t first_output;
  uint64_t wanted, needs;
  uint32_t ids, saved_inputs, saved_outputs, attrs;  // where the node's part of each array begins
  uint32_t inputs, outputs;
  uint16_t attr_count;
  uint8_t autocast;  // the rule computes as the operation did
};

TapeImpl::TapeImpl() : first_id_(fresh_ids(1) + 1) {
  // Room for a small function: growing step by step would cost more than its recording.
  watched_.reserve(256);
  nodes_.reserve(64);
  ids_.reserve(128);
  specs_.reserve(128);
  saved_inputs_.reserve(128);
  saved_outputs_.reserve(64);
}
TapeImpl::TapeImpl(const char* who) : who_(who) {}
TapeImpl::~TapeImpl() { close(); }

void TapeImpl::open(TapeImpl*& list) {
  parent_ = list;
  list = this;
  open_ = true;
}

void TapeImpl::close() {
  if (!open_) return;
  // Tapes close in any order when they are objects of the user's.
  auto remove_from = [&](TapeImpl** at) {
    while (*at != nullptr && *at != this) at = &(*at)->parent_;
    if (*at != nullptr) *at = parent_;
  };
  remove_from(&thread_state.tape);
  for (BatchLevel* b = thread_state.batch; b != nullptr; b = b->parent) remove_from(&b->tape);
  open_ = false;
}

void TapeImpl::watch(uint64_t id) {
  uint64_t k = id - first_id_;
  if (k == watched_.size()) return watched_.push_back(1);  // as a rule: values are watched in the order of their ids
  if (k > watched_.size()) watched_.resize(k + 1, 0);
  watched_[k] = 1;
}

void TapeImpl::note(const OpRecord& op, const Args& in, Attrs attrs, const Outputs& y) {
  if (paused_ || op.vjp == nullptr) return;
  for (int i = 0; who_ != nullptr && i < in.size(); ++i)
    if (in[i].tensor != nullptr) reject_captured(*in[i].tensor, op.name);
  uint64_t wanted = 0;
  for (int i = 0; i < in.size(); ++i)
    if (in[i].tensor != nullptr && watches(in[i].tensor->id()) && is_float(in[i].dtype)) wanted |= uint64_t{1} << i;
  if (wanted == 0 || !is_float(y.values[0].dtype())) return;
  Node n;
  n.op = &op;
  n.line = thread_state.line;
  n.autocast = thread_state.autocast;
  n.first_output = y.values[0].id();
  n.wanted = wanted;
  n.needs = op.needs(op, static_cast<unsigned>(wanted), attrs);
  n.ids = static_cast<uint32_t>(ids_.size());
  n.saved_inputs = static_cast<uint32_t>(saved_inputs_.size());
  n.saved_outputs = static_cast<uint32_t>(saved_outputs_.size());
  n.attrs = static_cast<uint32_t>(attrs_.size());
  n.inputs = static_cast<uint32_t>(in.size());
  n.attr_count = static_cast<uint16_t>(attrs.size());
  n.outputs = static_cast<uint32_t>(y.count);
  for (int i = 0; i < in.size(); ++i) {
    const Arg& a = in[i];
    ids_.push_back(a.tensor != nullptr ? a.tensor->id() : 0);
    specs_.push_back({a.dtype, *a.shape});
    if (i < 32 && ((n.needs >> i) & 1u)) {
      Saved s{a.tensor != nullptr ? *a.tensor : Tensor(), a.kind, a.float_value, a.int_value};
      saved_inputs_.push_back(std::move(s));
    } else {
      saved_inputs_.emplace_back();
    }
  }
  for (int i = 0; i < y.count; ++i) {
    saved_outputs_.push_back((n.needs >> (32 + i)) & 1u ? y.values[i] : Tensor());
    watch(y.values[i].id());
  }
  attrs_.insert(attrs_.end(), attrs.begin(), attrs.end());
  nodes_.push_back(n);
}

void TapeImpl::note(const std::shared_ptr<TapeRule>& rule, const std::vector<Tensor>& inputs,
                    const std::vector<Tensor>& outputs) {
  auto watched = [&](const Tensor& t) { return watches(t.id()); };
  if (paused_ || outputs.empty() || std::none_of(inputs.begin(), inputs.end(), watched)) return;
  Node n{};
  n.line = thread_state.line;
  n.autocast = thread_state.autocast;
  n.first_output = outputs[0].id();
  n.ids = static_cast<uint32_t>(ids_.size());
  n.inputs = static_cast<uint32_t>(inputs.size());
  n.outputs = static_cast<uint32_t>(outputs.size());
  n.saved_inputs = static_cast<uint32_t>(saved_inputs_.size());
  n.saved_outputs = static_cast<uint32_t>(saved_outputs_.size());
  n.attrs = static_cast<uint32_t>(attrs_.size());
  for (const Tensor& t : inputs) ids_.push_back(t.id()), specs_.push_back(t.spec());
  for (const Tensor& t : outputs) watch(t.id());
  rules_.push_back(rule);
  nodes_.push_back(n);
}

std::vector<Tensor> TapeImpl::backward(const std::vector<std::pair<uint64_t, Tensor>>& seeds,
                                       const std::vector<uint64_t>& targets) {
  check<TraceError>(!paused_, "pullback: this tape was already walked; call vjp again for another gradient");
  paused_ = true;
  std::vector<Tensor> grads(watched_.size());
  auto slot = [&](uint64_t id) -> Tensor* { return watches(id) ? &grads[id - first_id_] : nullptr; };
  auto accumulate = [&](uint64_t id, Tensor g) {
    Tensor* t = slot(id);
    if (t == nullptr || !g.defined()) return;
    if (t->defined())
      *t = dispatch(op<Add>(), {Operand(std::move(*t)), Operand(g)});
    else
      *t = std::move(g);
  };
  for (const auto& [id, g] : seeds) accumulate(id, g);
  std::vector<uint64_t> kept(targets);
  std::sort(kept.begin(), kept.end());
  std::vector<Tensor> results, dy;  // of one rule
  while (!nodes_.empty()) {
    const Node n = nodes_.back();
    nodes_.pop_back();
    std::shared_ptr<TapeRule> rule;
    if (n.op == nullptr) rule = std::move(rules_.back()), rules_.pop_back();
    dy.assign(n.outputs, Tensor());
    bool reached = false;
    const Spec* in_specs = specs_.data() + n.ids;
    for (uint32_t i = 0; i < n.outputs; ++i) {
      uint64_t id = n.first_output + i;
      Tensor* g = slot(id);
      if (g == nullptr || !g->defined()) continue;
      dy[i] = std::binary_search(kept.begin(), kept.end(), id) ? *g : std::move(*g);
      reached = true;
    }
    Line line = n.line;
    line.grad_of = true;
    LineOverride scope(line);
    const Autocast products(static_cast<DType>(n.autocast), std::source_location());
    std::optional<DeviceScope> where;  // for the constants of the rule
    if (reached)
      where.emplace(std::find_if(dy.begin(), dy.end(), [](const Tensor& t) { return t.defined(); })->device());
    if (reached && rule != nullptr) {
      std::vector<bool> wanted(n.inputs);
      results.resize(n.inputs);
      for (uint32_t i = 0; i < n.inputs; ++i)
        if (Tensor* t = slot(ids_[n.ids + i])) wanted[i] = true, results[i] = std::move(*t);
      rule->add_gradients(dy, results, wanted);
      for (uint32_t i = 0; i < n.inputs; ++i) accumulate(ids_[n.ids + i], std::move(results[i]));
      results.clear();
    } else if (reached) {
      // Of several results some may not have reached the loss; those of a pointwise op are alike.
      const Tensor& any = *std::find_if(dy.begin(), dy.end(), [](const Tensor& t) { return t.defined(); });
      for (Tensor& t : dy)
        if (!t.defined() && n.op->kind == OpClass::pointwise) t = zeros(any.shape(), any.dtype());
      results.resize(n.inputs);
      VjpContext c;
      c.op_ = n.op;
      c.attrs_ = Attrs(attrs_.data() + n.attrs, n.attr_count);
      c.inputs_ = static_cast<int>(n.inputs);
      c.wanted_ = n.wanted;
      c.dy_ = dy.data();
      c.saved_inputs_ = saved_inputs_.data() + n.saved_inputs;
      c.saved_outputs_ = saved_outputs_.data() + n.saved_outputs;
      c.in_specs_ = in_specs;
      c.grads_ = results.data();
      n.op->vjp(c);
      for (int i = 0; i < c.inputs_; ++i)
        if (c.wants(i)) accumulate(ids_[n.ids + static_cast<uint32_t>(i)], std::move(results[static_cast<size_t>(i)]));
      results.clear();
    }
    // Release what the node kept: memory falls as the walk goes on.
    ids_.resize(n.ids);
    specs_.resize(n.ids);
    saved_inputs_.resize(n.saved_inputs);
    saved_outputs_.resize(n.saved_outputs);
    attrs_.resize(n.attrs);
  }
  std::vector<Tensor> result;
  result.reserve(targets.size());
  for (uint64_t id : targets) {
    Tensor* g = slot(id);
    result.push_back(g != nullptr ? *g : Tensor());
  }
  return result;
}

void detail::check_pullback(const Tensor& dy, const Spec& y) {
  check<ShapeError>(dy.defined() && dy.spec() == y, "pullback: dy is {}, the result was {}; they must be the same",
                    dy.defined() ? to_string(dy.spec()) : "empty", y);
}

void detail::check_loss(const Tensor& loss, const char* who) {
  check<TraceError>(loss.defined(), "{}: the function returned an empty Tensor; return the loss", who);
  check<ShapeError>(loss.numel() == 1, "{}: the loss has more than one element: {}; reduce it, as in mean(loss)", who,
                    loss.spec());
  check<DTypeError>(is_float(loss.dtype()), "{}: the loss is not a floating number: {}; return one of f32 or f64", who,
                    loss.spec());
}

}  // namespace duet
