// vmap of every operation of every list: row i of the result is the function of row i, bit for bit, with gradients, and
// compiled too. A new operation needs a batching rule, or a reason here why it has none.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "ops/checks.h"

namespace duet::testing {
namespace {

const std::map<std::string_view, std::string_view> kNoRule = {
    {"full", "takes no tensor"},
    {"arange", "takes no tensor"},
    {"alias", "only tapes see it: duet::alias does without dispatch"},
    {"uniform", "keys are configuration: every example has the same"},
    {"normal", "keys are configuration: every example has the same"},
    {"permutation", "keys are configuration: every example has the same"},
    {"split", "keys are configuration: every example has the same"},
    {"fold_in", "keys are configuration: every example has the same"},
};

/// x and others like it as a batch: elements in other orders, so that they stay what the operation takes.
Tensor examples(const Tensor& x, bool in_front) {
  const Tensor row = reshape(x, {x.numel()});
  const Tensor all = stack({row, flip(row, 0), roll(row, 1, 0)}, in_front ? 0 : 1);
  Shape shape{3};
  for (int64_t d : x.shape()) shape.push_back(d);
  return reshape(in_front ? all : transpose(all), shape);
}

/// A sample's function and gradients, of some of its inputs (bit i: input i); the others stay as they are.
struct OfSome {
  const Sample* sample;
  unsigned mask;
  Tensors operator()(const Tensors& x) const {
    Tensors all = sample->inputs;
    auto next = x.begin();
    for (size_t i = 0; i < all.size(); ++i)
      if ((mask >> i) & 1u) all[i] = *next++;
    return WithGradients{sample}(all, kNumber);
  }
};

enum class Verdict { right, too_many_axes, wrong };

Verdict check_rows(const Sample& s, unsigned mask, bool in_front, std::string& wrong) {
  const OfSome f{&s, mask};
  Tensors batches, y;
  try {
    for (size_t i = 0; i < s.inputs.size(); ++i)
      if ((mask >> i) & 1u) batches.push_back(examples(s.inputs[i], in_front));
    y = vmap(f)(batches);
  } catch (const ShapeError& e) {
    // Where the batch is one axis too many, here or in an operation.
    const std::string_view text = e.what();
    if (text.find("with the batch, the result") != text.npos || text.find("at most 6") != text.npos)
      return Verdict::too_many_axes;
    throw;
  }
  for (int64_t row = 0; row < 3; ++row) {
    Tensors x;
    for (const Tensor& b : batches) x.push_back(b[row]);
    const Tensors expected = f(x);
    for (size_t k = 0; k < y.size(); ++k)
      if (wrong = difference(expected[k], y[k][row]); !wrong.empty()) {
        wrong = fmt::format("row {}, result {}: {}", row, k, wrong);
        return Verdict::wrong;
      }
  }
  const Tensors compiled = compile(vmap(f))(batches);
  for (size_t k = 0; k < y.size(); ++k)
    if (wrong = difference(y[k], compiled[k]); !wrong.empty()) {
      wrong = fmt::format("compiled, result {}: {}", k, wrong);
      return Verdict::wrong;
    }
  return Verdict::right;
}

void check_op(const Sampled& op) {
  const std::string name(op.name);
  const auto reason = kNoRule.find(op.name);
  ASSERT_EQ(op.op->batch != nullptr, reason == kNoRule.end())
      << name << (reason == kNoRule.end() ? " has no rule and no reason" : " has a rule, and a reason why not");
  if (reason != kNoRule.end()) return;
  const std::vector<Sample> samples = op.samples();
  const size_t step = small_size() ? 13 : 3;
  int right = 0;
  for (size_t i = 0; i < samples.size(); i += step) {
    const Sample& s = samples[i];
    use_machine(s.isa, s.threads);
    const auto inputs = static_cast<unsigned>(s.inputs.size());
    for (unsigned mask = 1; mask < 1u << inputs; ++mask) {
      // All of them, and each alone; of three also two.
      if (inputs > 3 && mask != (1u << inputs) - 1 && (mask & (mask - 1)) != 0) continue;
      std::string wrong;
      try {
        right += check_rows(s, mask, (i / step + mask) % 2 == 0, wrong) == Verdict::right;
      } catch (const std::exception& e) {
        wrong = fmt::format("threw {}", e.what());
      }
      EXPECT_EQ(wrong, "") << s.what << " of inputs " << mask;
    }
  }
  EXPECT_GT(right, 0) << name;
}

class VmapOfEveryOp : public ::testing::Test {
  void TearDown() override { use_machine("v4", 0); }
};

TEST_F(VmapOfEveryOp, RowsAreThoseOfExamples) {
  for (const Sampled& op : every_op()) check_op(op);
}

TEST_F(VmapOfEveryOp, ReasonsAreOfOperations) {
  std::set<std::string_view> names;
  for (const Sampled& op : every_op()) names.insert(op.name);
  for (const auto& [name, reason] : kNoRule) EXPECT_TRUE(names.count(name)) << name;
}

}  // namespace
}  // namespace duet::testing
