#include "duet/transform/custom_vjp.h"

#include "duet/batch.h"

namespace duet::detail {
namespace {

class BatchOfRule : public TransformRule {
 public:
  BatchOfRule(std::shared_ptr<TransformRule> one, Batch batch) : one_(std::move(one)), batch_(std::move(batch)) {}

  void add_gradients(const std::vector<Tensor>& dy, std::vector<Tensor>& sums,
                     const std::vector<bool>& wanted) override {
    std::vector<Tensor> gradients(sums.size());
    {
      batch::Enter level(batch_.level, batch_.size);
      std::vector<Tensor> examples;
      for (const Tensor& t : dy) examples.push_back(t.defined() ? batch::example(t) : Tensor());
      one_->add_gradients(examples, gradients, wanted);
      for (Tensor& g : gradients)
        if (g.defined()) g = batch::whole_or_repeated(g);
    }
    for (size_t i = 0; i < sums.size(); ++i) {
      Tensor& g = gradients[i];
      if (!g.defined()) continue;
      if (!batch_.inputs[i]) g = sum(g, 0);  // every example had the same
      sums[i] = sums[i].defined() ? sums[i] + g : g;
    }
  }
  std::shared_ptr<TransformRule> batched(const Batch& batch) override {
    return batch_of_rule(shared_from_this(), batch);
  }

 private:
  std::shared_ptr<TransformRule> one_;
  Batch batch_;
};

}  // namespace

void add_argument_gradients(size_t argument, const std::vector<LeafSpec>& leaves, std::vector<Tensor> given,
                            std::vector<Tensor>& sums, const std::vector<bool>& wanted, size_t& next) {
  if (given.empty() || (given.size() == 1 && !given[0].defined())) given.resize(leaves.size());
  check<ShapeError>(
      given.size() == leaves.size(),
      "custom_vjp: backward gave {} gradients for argument {}, which has {} tensors; return a tree like it",
      given.size(), argument + 1, leaves.size());
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (!leaves[i].floating) continue;
    const size_t k = next++;
    if (!given[i].defined()) continue;
    const Spec g = given[i].spec(), &x = leaves[i].spec;
    check<ShapeError>(g.shape == x.shape,
                      "custom_vjp: backward gave {} as the gradient of {} in argument {}; they must be the same", g, x,
                      argument + 1);
    check<DTypeError>(g.dtype == x.dtype,
                      "custom_vjp: backward gave {} as the gradient of {} in argument {}; they must be the same", g, x,
                      argument + 1);
    if (wanted[k]) sums[k] = sums[k].defined() ? sums[k] + given[i] : given[i];
  }
}

std::shared_ptr<TransformRule> batch_of_rule(std::shared_ptr<TransformRule> one, const TransformRule::Batch& batch) {
  return std::make_shared<BatchOfRule>(std::move(one), batch);
}

}  // namespace duet::detail
