// The arguments of a program's calls.
#include <utility>

#include "fuzz/interpret.h"

namespace duet::fuzz {
namespace {

/// A leaf's elements, in the order in which they lie in memory; `bad`: the first one is an index out of range.
std::vector<double> draw_leaf(const Program& p, const Leaf& l, Rng& rng, bool bad) {
  const auto kind = p.specials ? testing::Draw::special : testing::Draw::plain;
  auto plain = testing::drawing(rng, kind, l.spec.dtype);
  std::vector<double> values;
  auto draw = [&]() -> double {
    if (l.bound == 0) return p.specials && is_float(l.spec.dtype) && below(rng, 6) == 0 ? -0.0 : plain();
    const int64_t n = std::abs(l.bound);
    if (std::exchange(bad, false)) return static_cast<double>(n + 5);
    return static_cast<double>(l.bound > 0 ? below(rng, 2 * n) - n : below(rng, n));
  };
  testing::laid_out(l.spec.shape, l.spec.dtype, l.layout, [&] { return values.emplace_back(draw()); });
  return values;
}

}  // namespace

Data::Data(const Program& p) : leaves_(p.leaves) {
  Rng rng(p.seed * 77u + 5);
  for (const Leaf& l : leaves_)
    if (l.kind == Leaf::state) state_.push_back({&l, draw_leaf(p, l, rng, false)});
  for (int call = 0; call < kCalls; ++call) {
    rng.seed(p.seed * 31u + 1000003u * static_cast<uint32_t>(call));
    bool bad = p.bad_index && call == 1;
    std::vector<Drawn>& drawn = inputs_.emplace_back();
    for (const Leaf& l : leaves_) {
      if (l.kind == Leaf::state) continue;
      drawn.push_back({&l, draw_leaf(p, l, rng, bad && l.bound != 0)});
      bad = bad && l.bound == 0;
    }
    held_.push_back(fresh_inputs(call));
    Tensors& copies = copies_.emplace_back();
    for (const Tensor& t : held_.back()) copies.push_back(copy(t));
  }
}
Tensor Data::make(const Drawn& d) {
  size_t next = 0;
  return testing::laid_out(d.leaf->spec.shape, d.leaf->spec.dtype, d.leaf->layout, [&] { return d.values[next++]; });
}
Tensors Data::state() const {
  Tensors all;
  for (const Drawn& d : state_) all.push_back(make(d));
  return all;
}
Tensors Data::fresh_inputs(int call) const {
  Tensors all;
  for (const Drawn& d : inputs_.at(static_cast<size_t>(call))) all.push_back(make(d));
  return all;
}
bool Data::unchanged(int call) const {
  const Tensors &now = held_.at(static_cast<size_t>(call)), &before = copies_.at(static_cast<size_t>(call));
  for (size_t i = 0; i < now.size(); ++i)
    if (!same(before[i], now[i])) return false;
  return true;
}

std::pair<float, float> make_numbers(const Program& p, int call) {
  static constexpr float kPlain[][2] = {{0.75f, -0.5f}, {1.5f, 2.0f}, {0.75f, 3.0f}};
  static constexpr float kSpecial[][2] = {{0.75f, -0.5f}, {INFINITY, -0.0f}, {0.0f, NAN}};
  const auto& n = p.specials && p.seed % 2 == 0 ? kSpecial[call % 3] : kPlain[call % 3];
  return {n[0], n[1]};
}

}  // namespace duet::fuzz
