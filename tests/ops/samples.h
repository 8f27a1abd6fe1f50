// The samples of every operation, by the lists they are in. They are compiled once, in ops/samples, for all tests that
// go over them.
#pragma once

#include "ops/cases.h"
#include "ops/families.h"

namespace duet::testing {

// Lists of functions that are made of operations.
struct Composites;
struct NeuralOps;
struct ConvComposites;
struct Statistics;
struct RearrangeComposites;

/// An operation of a list, or a function that is none and has no record, and what makes its samples.
struct Sampled {
  std::string_view name;
  const OpRecord* op;
  std::vector<Sample> (*samples)();
};

/// What is in a list.
template <class List>
const std::vector<Sampled>& samples_of();

/// The samples of all of them; where tests are small, every ninth.
std::vector<Sample> family_samples(const std::vector<Sampled>& list);
template <class List>
std::vector<Sample> family_samples() {
  return family_samples(samples_of<List>());
}

/// Every operation of every list.
const std::vector<Sampled>& every_op();

}  // namespace duet::testing
