// No memory in calls that change what they are given: optimisers, layers with statistics, compiled training steps.
// A step that fails leaves model and optimiser as they were, bit by bit.
#include "graph/training_steps.h"
#include "faults/sweep.h"

namespace duet {
namespace {

using faults::sweep;
using testing::Mlp;

template <class Optimiser>
struct Training {
  Mlp model = Mlp::init(2, 6, 5, 3, Key(1));
  Optimiser optimiser;
  Tensor x = expect::numbers({4, 6}), y = testing::labels({4}, 3);
  Training() : optimiser(Optimiser::init(model)) {}
};
template <class T>
std::string bits_of(const T& s) {
  return expect::tree_bits(s.model) + expect::tree_bits(s.optimiser) + expect::bits(s.x) + expect::bits(s.y);
}

template <class Optimiser>
void optimisers(const char* name) {
  struct Step : Training<Optimiser> {
    Mlp gradients = Mlp::init(2, 6, 5, 3, Key(9));
  };
  sweep(
      name, [] { return Step(); }, bits_of<Step>,
      [](Step& s) {
        s.optimiser.update(s.model, s.gradients, 0.01f);
        return s.model.layers[0].weight;
      });
}

TEST(StateFaults, OptimisersEagerly) {
  optimisers<optim::Adam>("Adam");
  optimisers<optim::AdamW>("AdamW");
  optimisers<optim::Sgd>("SGD");
  optimisers<optim::Lion>("Lion");
}

TEST(StateFaults, TrainingStepCompiled) {
  using State = Training<optim::Adam>;
  auto call = [](State& s) {
    auto step = compile([](Mlp& m, optim::Adam& o, const Tensor& x, const Tensor& y) {
      return testing::train_step(m, o, x, y, 0.01f);
    });
    return step(s.model, s.optimiser, s.x, s.y);
  };
  sweep(
      "compiled training step, first call", [] { return State(); }, bits_of<State>, call);
  sweep(
      "… in a new thread", [] { return State(); }, bits_of<State>, call, faults::In::new_thread);
}

Tensor step_of(Mlp& m, optim::Adam& o, const Tensor& x, const Tensor& y) {
  return testing::train_step(m, o, x, y, 0.01f);
}

TEST(StateFaults, TrainingStepAgain) {
  struct State : Training<optim::Adam> {
    decltype(compile(&step_of)) step = compile(&step_of);
    State() { step(model, optimiser, x, y); }
  };
  sweep(
      "compiled training step, plan cached", [] { return State(); }, bits_of<State>,
      [](State& s) { return s.step(s.model, s.optimiser, s.x, s.y); });
}

TEST(StateFaults, TrainingStepFrozen) {
  struct State : Training<optim::Adam> {
    decltype(freeze(&step_of)) step = freeze(&step_of);
  };
  sweep(
      "frozen training step, first call", [] { return State(); }, bits_of<State>,
      [](State& s) { return s.step(s.model, s.optimiser, s.x, s.y); });
  struct Ready : State {
    Ready() { this->step(this->model, this->optimiser, this->x, this->y); }
  };
  sweep(
      "frozen training step, plan cached", [] { return Ready(); }, bits_of<Ready>,
      [](Ready& s) { return s.step(s.model, s.optimiser, s.x, s.y); });
}

// A net whose kernels need room while they run: products, sorting, scans, reductions between donated updates.
struct Roomy {
  Tensor a = expect::numbers({33, 65}, 1), b = expect::numbers({65}, 2), index = testing::labels({9}, 33);
};
Tensor roomy_step(Roomy& s) {
  const Tensor g = sum(sort(s.a, 0).values * 0.5f, 0) + cumsum(s.b, 0);
  s.a = s.a * 0.9f + gather(s.a, argsort(sum(s.a, 1)), 0);
  s.b = s.b - g * 0.1f + mean(gather(s.a, s.index, 0));
  return sum(s.b) + sum(matmul(s.a.transpose(), s.a));
}
TEST(StateFaults, RoomOfKernelsInAStep) {
  struct State : Roomy {
    decltype(compile(&roomy_step)) step = compile(&roomy_step);
  };
  auto bits = [](const Roomy& s) { return expect::bits(s.a) + expect::bits(s.b); };
  auto call = [](State& s) { return s.step(static_cast<Roomy&>(s)); };
  sweep(
      "room of kernels, first call", [] { return State(); }, bits, call);
  sweep(
      "… in a new thread", [] { return State(); }, bits, call, faults::In::new_thread);
  struct Ready : State {
    Ready() { this->step(static_cast<Roomy&>(*this)); }
  };
  sweep(
      "room of kernels, plan cached", [] { return Ready(); }, bits, call);
  sweep(
      "… in a new thread", [] { return Ready(); }, bits, call, faults::In::new_thread);
}

TEST(StateFaults, Layers) {
  struct State {
    nn::BatchNorm norm = nn::BatchNorm::init(6);
    nn::MultiHeadAttention attention = nn::MultiHeadAttention::init(6, 2, Key(3));
    Tensor x = expect::numbers({2, 4, 6});
  };
  sweep(
      "layers", [] { return State(); },
      [](const State& s) { return expect::tree_bits(s.norm) + expect::tree_bits(s.attention) + expect::bits(s.x); },
      [](State& s) { return s.attention(s.x) + s.attention(s.x); });
}

}  // namespace
}  // namespace duet
