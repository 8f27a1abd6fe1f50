#include "duet/transform/checkpoint.h"

#include <algorithm>

#include "duet/batch.h"
#include "duet/graph/trace.h"
#include "recomputation.h"

namespace duet::detail {
namespace {

// Operations of a second computation: cse must not find the first one's results for them.
class Region {
 public:
  Region() : trace_(thread_state.trace), outer_(trace_ != nullptr ? trace_->enter_region() : 0) {}
  ~Region() {
    if (trace_ != nullptr) trace_->leave_region(outer_);
  }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

 private:
  graph::Trace* trace_;
  uint32_t outer_;
};

/// The function on whole batches, for the tapes around a vmap.
class BatchOfRecompute : public RecomputeRule {
 public:
  BatchOfRecompute(std::shared_ptr<RecomputeRule> one, std::vector<Tensor> inputs, Batch batch)
      : RecomputeRule(std::move(inputs)), one_(std::move(one)), batch_(std::move(batch)) {}

  std::vector<Tensor> outputs(const std::vector<Tensor>& inputs) override {
    batch::Enter level(batch_.level, batch_.size);
    std::vector<Tensor> examples;
    for (size_t i = 0; i < inputs.size(); ++i)
      examples.push_back(batch_.inputs[i] ? batch::example(inputs[i]) : inputs[i]);
    std::vector<Tensor> y = one_->outputs(examples);
    for (Tensor& t : y) t = batch::whole_or_repeated(t);
    return y;
  }

 private:
  std::shared_ptr<RecomputeRule> one_;
  Batch batch_;
};

}  // namespace

Distinct::Distinct(const std::vector<Tensor>& all) {
  for (const Tensor& t : all) {
    auto same = std::find_if(values.begin(), values.end(), [&](const Tensor& v) { return v.id() == t.id(); });
    place.push_back(static_cast<size_t>(same - values.begin()));
    if (same == values.end()) values.push_back(t);
  }
}

void RecomputeRule::add_gradients(const std::vector<Tensor>& dy, std::vector<Tensor>& sums,
                                  const std::vector<bool>& wanted) {
  const Region region;
  const Recomputation again;
  TapeImpl tape;
  std::vector<Tensor> inputs;
  std::vector<uint64_t> targets;
  std::vector<std::pair<uint64_t, Tensor>> seeds;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    inputs.push_back(alias(inputs_[i]));
    targets.push_back(0);
    if (!wanted[i]) continue;
    targets.back() = inputs.back().id();
    tape.watch(targets.back());
    // What follows is added to what is there, in the order in which one tape would.
    if (sums[i].defined()) seeds.emplace_back(targets.back(), std::move(sums[i]));
  }
  const std::vector<Tensor> y = [&] {
    LineOverride own(Line{});  // operations have their own lines again
    TapeScope scope(tape);
    return outputs(inputs);
  }();
  for (size_t i = 0; i < y.size(); ++i)
    if (dy[i].defined()) seeds.emplace_back(y[i].id(), dy[i]);
  sums = tape.backward(seeds, targets);
}

std::shared_ptr<TransformRule> RecomputeRule::batched(const Batch& batch) {
  std::vector<Tensor> wholes;
  for (size_t i = 0; i < inputs_.size(); ++i) wholes.push_back(batch.inputs[i] ? batch::whole(inputs_[i]) : inputs_[i]);
  return std::make_shared<BatchOfRecompute>(std::static_pointer_cast<RecomputeRule>(shared_from_this()),
                                            std::move(wholes), batch);
}

}  // namespace duet::detail
