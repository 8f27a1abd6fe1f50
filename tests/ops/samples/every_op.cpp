// The lists together.
#include "ops/samples.h"

namespace duet::testing {

const std::vector<Sampled>& every_op() {
  static const std::vector<Sampled> all = [] {
    std::vector<Sampled> ops;
    for_each_family([&]<class Family>(const char*) {
      const std::vector<Sampled>& list = samples_of<Family>();
      ops.insert(ops.end(), list.begin(), list.end());
    });
    return ops;
  }();
  return all;
}

std::vector<Sample> family_samples(const std::vector<Sampled>& list) {
  constexpr size_t kMaxSamples = 150;
  std::vector<Sample> all;
  for (const Sampled& op : list) {
    std::vector<Sample> mine = op.samples();
    if (mine.empty() || mine.size() > kMaxSamples)
      throw std::runtime_error(fmt::format("{}: {} samples", std::string(op.name), mine.size()));
    const size_t step = small_size() ? 9 : 1;
    for (size_t i = 0; i < mine.size(); i += step) all.push_back(std::move(mine[i]));
  }
  return all;
}

}  // namespace duet::testing
