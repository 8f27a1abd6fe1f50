// What random programs are made of besides the operations of random_program.h itself: a list a family.
#pragma once

#include "ops/steps/pointwise_steps.h"
#include "ops/steps/reduce_steps.h"
#include "ops/steps/movement_steps.h"
#include "ops/steps/neural_steps.h"
#include "ops/steps/transform_steps.h"
#include "ops/steps/update_steps.h"

namespace duet::testing {

inline const std::vector<Step>& all_steps() {
  static const std::vector<Step> all = [] {
    std::vector<Step> v;
    for (const auto* list : {&kPointwiseSteps, &kReduceSteps, &kMovementSteps, &kNeuralSteps, &kTransformSteps,
                             &kUpdateSteps})
      v.insert(v.end(), list->begin(), list->end());
    return v;
  }();
  return all;
}

}  // namespace duet::testing
