// One Adam step of an MLP 64-128-64-10 on a batch of digits, in the three lives, and what its first call costs.
#include "bench.h"
#include "duet/duet.h"
#include "graph/execute.h"

using namespace duet;

namespace {

// Nothing is learnt: after some thousand steps on one batch gradients and moments would be denormal, and slow.
constexpr float kRate = 1e-12f;

struct Mlp {
  nn::Linear first, second, out;
};

Tensor loss(const Mlp& m, const Tensor& x, const Tensor& y) {
  return cross_entropy(m.out(relu(m.second(relu(m.first(x))))), y);
}

Tensor train(Mlp& m, optim::Adam& adam, const Tensor& x, const Tensor& y, float lr) {
  auto [l, g] = value_and_grad(loss)(m, x, y);
  adam.update(m, g, lr);
  return l;
}

struct Setting {
  explicit Setting(int64_t batch) {
    auto [k1, k2, k3, k4, k5] = split<5>(Key(7));
    m = {nn::Linear::init(64, 128, k1), nn::Linear::init(128, 64, k2), nn::Linear::init(64, 10, k3)};
    adam = optim::Adam::init(m);
    x = uniform(k4, {batch, 64});
    y = (uniform(k5, {batch}) * 10.0f).to(i32);
  }
  Mlp m;
  optim::Adam adam;
  Tensor x, y;
};

template <class Step>
void steps(benchmark::State& state, int64_t batch, const Step& step) {
  Setting s(batch);
  step(s.m, s.adam, s.x, s.y, kRate);
  const uint64_t dispatched = thread_state.dispatches, launched = thread_state.launches;
  for (auto _ : state) step(s.m, s.adam, s.x, s.y, kRate);
  const auto n = static_cast<double>(state.iterations());
  state.counters["ops"] = static_cast<double>(thread_state.dispatches - dispatched) / n;
  state.counters["kernels"] = static_cast<double>(thread_state.launches - launched) / n;
}

// The kernels of the frozen step's plan, called one after the other on storage of their own: what is left for a frozen
// call when everything else costs nothing.
void kernels_alone(benchmark::State& state, int64_t batch) {
  Setting s(batch);
  auto step = freeze(train);
  step(s.m, s.adam, s.x, s.y, kRate);
  auto plan = step.cache().plans().at(0);
  const graph::Graph& g = plan->graph();
  const graph::Executable& e = plan->executable();
  std::vector<Tensor> storage;
  std::vector<char*> base;
  Number8 number{};
  number.f32 = kRate;
  for (const graph::Value& v : g.values) {
    storage.push_back(v.spec.dtype == f32 ? full(v.spec.shape, 0.5f) : zeros(v.spec.shape, v.spec.dtype));
    const bool is_number = v.origin == graph::Origin::number;
    const auto* constant = reinterpret_cast<const char*>(is_number ? &number : &v.constant);
    base.push_back(is_number || v.origin == graph::Origin::constant ? const_cast<char*>(constant)
                                                                    : static_cast<char*>(storage.back().block().data));
  }
  for (auto [product, home] : e.product_in) base[static_cast<size_t>(product)] = base[static_cast<size_t>(home)];
  std::vector<const void*> in;
  std::vector<void*> out;
  for (auto _ : state)
    for (const graph::Launch& l : e.launches) graph::run_launch(l, g, e.layouts, base, in, out);
  state.counters["kernels"] = static_cast<double>(e.launches.size());
}

// A fresh compiled function, called once: recorded, optimised, planned, run.
void first_call(benchmark::State& state, int64_t batch) {
  Setting s(batch);
  double plan_us = 0;
  for (auto _ : state) {
    auto step = compile(train);
    step(s.m, s.adam, s.x, s.y, kRate);
    plan_us += step.cache().plans().at(0)->compile_us();
  }
  state.counters["passes_and_plan_us"] = plan_us / static_cast<double>(state.iterations());
}

#define DUET_TRAIN(batch)                                                                                      \
  DUET_BENCH("digits_step/" #batch "/eager", [](benchmark::State& s) { steps(s, batch, eager(train)); });      \
  DUET_BENCH("digits_step/" #batch "/compiled", [](benchmark::State& s) { steps(s, batch, compile(train)); }); \
  DUET_BENCH("digits_step/" #batch "/frozen", [](benchmark::State& s) { steps(s, batch, freeze(train)); })
DUET_TRAIN(1);
DUET_TRAIN(32);
DUET_TRAIN(1024);
DUET_BENCH("digits_step/32/kernels_alone", [](benchmark::State& s) { kernels_alone(s, 32); });
DUET_BENCH("digits_step/32/first_call", [](benchmark::State& s) { first_call(s, 32); });

}  // namespace
