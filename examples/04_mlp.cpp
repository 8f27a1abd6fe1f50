// An MLP on real digits, trained eagerly, compiled and frozen in step, to the same bits. `04_mlp --help`: options.
#include <fmt/format.h>

#include <duet/duet.h>

#include "mlp_report.h"

using namespace duet;

struct Mlp {  // a tree: differentiated, compiled, optimised and saved as it is
  std::vector<nn::Linear> layers;
};

Tensor forward(const Mlp& m, Tensor x) {  // f32[B,I] -> f32[B,10]
  for (size_t i = 0; i + 1 < m.layers.size(); ++i) x = relu(m.layers[i](x));
  return m.layers.back()(x);
}
Tensor loss(const Mlp& m, const Tensor& x, const Tensor& y) { return cross_entropy(forward(m, x), y); }

// One step of training, written once for all lives.
template <class Optimizer>
Tensor train_step(Mlp& m, Optimizer& optimizer, const Tensor& x, const Tensor& y, float lr) {
  auto [l, g] = value_and_grad(loss)(m, x, y);
  optimizer.update(m, g, lr);
  return l;
}

template <class Optimizer>
struct Life {
  Mlp model;
  Optimizer optimizer;
  WithMode<decltype(&train_step<Optimizer>)> step;
  Device device = Device::cpu();
  Meter meter{std::string(name(step.mode())) + (device.is_cuda() ? " " + to_string(device) : ""),
              step.mode() == Mode::eager ? nullptr : &step.cache(), device};
  double loss = 0;  // mean over the last epoch
};

Mlp make_mlp(const Options& o, int64_t inputs, const Key& key) {
  Mlp m;
  for (int64_t outputs : o.hidden)
    m.layers.push_back(nn::Linear::init(std::exchange(inputs, outputs), outputs, fold_in(key, m.layers.size())));
  m.layers.push_back(nn::Linear::init(inputs, kClasses, fold_in(key, m.layers.size())));
  if (!o.load.empty()) io::load(o.load, m);
  return m;
}

template <class Optimizer>
void run(const Options& o, const data::TrainTest& digits) {
  auto [init_key, data_key] = split<2>(Key(o.seed));
  const Mlp start = make_mlp(o, digits.train.x.shape(1), init_key);
  std::vector<Life<Optimizer>> lives;
  for (Mode mode : o.modes()) lives.push_back({start, Optimizer::init(start), with_mode(mode, &train_step<Optimizer>)});
  if (o.device.is_cuda()) {  // one life more, whose tensors lie there; duet's own products have the CPU's bits
    if (cuda::matmul_provider() == cuda::MatmulProvider::automatic)
      cuda::set_matmul_provider(cuda::MatmulProvider::duet);
    lives.push_back({start, Optimizer::init(start), with_mode(Mode::eager, &train_step<Optimizer>), o.device});
    move_to(lives.back().model, o.device);
    move_to(lives.back().optimizer, o.device);
  }

  const int64_t batches = digits.train.batches(o.batch).size(), steps = o.epochs * batches;
  data::Progress progress("training", steps);
  for (int64_t epoch = 0, done = 0; epoch < o.epochs; ++epoch)
    for (const auto& [x, y] : digits.train.batches(o.batch, fold_in(data_key, epoch))) {
      const float lr = o.rate(done++, steps);
      for (auto& life : lives) {  // in step: what disturbs the machine disturbs all lives
        const Tensor xd = x.to(life.device), yd = y.to(life.device);
        Tensor l = life.meter([&] { return life.step(life.model, life.optimizer, xd, yd, lr); });
        if (epoch + 1 == o.epochs) life.loss += l.item<double>() / static_cast<double>(batches);
      }
      progress.step(fmt::format("epoch {}", epoch + 1));
    }

  std::vector<Trained> trained;
  for (auto& life : lives) {
    const Tensor x = digits.test.x.to(life.device), y = digits.test.y.to(life.device);
    const Tensor hits = argmax(forward(life.model, x), -1) == y;
    trained.push_back({mean(hits).item(), life.loss, bits_hash(life.model), life.meter.report()});
  }
  bool equal = print(trained);

  // The same step on other batch sizes, and without each pass.
  for (int64_t n : o.compared_batches()) {
    auto [x, y] = digits.train.batches(n).at(0);
    const DuelReport r =
        duel(DuelOptions{.device = o.device}, &train_step<Optimizer>, start, Optimizer::init(start), x, y, o.lr);
    fmt::print("batch {}: {}\n", x.shape(0), speedups(r));
    equal = equal && r.bits_equal();
  }
  if (o.ablate) {
    auto [x, y] = digits.train.batches(o.batch).at(0);
    const DuelReport r = ablate(&train_step<Optimizer>, start, Optimizer::init(start), x, y, o.lr);
    fmt::print("\n{}", differences(r));
    equal = equal && r.bits_equal();
  }

  if (!o.save.empty()) io::save(o.save, lives[0].model);
  if (!o.json.empty()) write_json(o.json, trained, equal);
  check<Error>(equal, "04_mlp: the lives differ");
  check<Error>(o.recipe() != Recipe() || trained[0].accuracy >= 0.9, "04_mlp: test accuracy below 0.90");
}

int main(int argc, char** argv) try {
  const Options o = parse_options(argc, argv);
  set_threads(o.threads);
  const data::TrainTest digits = load_digits(o.data);
  o.optimizer == "adam" ? run<optim::Adam>(o, digits) : run<optim::Sgd>(o, digits);
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
