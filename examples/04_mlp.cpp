// An MLP on real digits, trained eagerly, compiled and frozen in step, with the same bits. `04_mlp --help` lists the
// options.
#include <duet/duet.h>
#include <fmt/core.h>

#include "mlp_report.h"

using namespace duet;

constexpr int64_t kClasses = 10;  // of digits, MNIST and Fashion-MNIST

struct Mlp {
  std::vector<nn::Linear> layers;
};  // a tree: differentiated, compiled, optimised, saved as it is

Tensor forward(const Mlp& m, Tensor x) {  // f32[B,I] -> f32[B,10]
  for (size_t i = 0; i + 1 < m.layers.size(); ++i) x = relu(m.layers[i](x));
  return m.layers.back()(x);
}
Tensor loss(const Mlp& m, const Tensor& x, const Tensor& y) { return cross_entropy(forward(m, x), y); }

// One step of training, written once for all lives.
struct TrainStep {
  template <class Optimizer>
  Tensor operator()(Mlp& m, Optimizer& optimizer, const Tensor& x, const Tensor& y, float lr) const {
    auto [l, g] = value_and_grad(loss)(m, x, y);
    optimizer.update(m, g, lr);
    return l;
  }
};

template <class Optimizer>
struct Life {
  Mlp model;
  Optimizer optimizer;
  WithMode<TrainStep> step;
  Meter meter{std::string(name(step.mode())), step.mode() == Mode::eager ? nullptr : &step.cache()};
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
bool run(const Options& o, const data::TrainTest& digits) {
  auto [init_key, data_key] = split<2>(Key(o.seed));
  const Mlp start = make_mlp(o, digits.train.x.shape(1), init_key);
  std::vector<std::unique_ptr<Life<Optimizer>>> lives;
  for (Mode mode : o.modes())
    lives.emplace_back(new Life<Optimizer>{start, Optimizer::init(start), with_mode(mode, TrainStep())});

  const int64_t batches = digits.train.batches(o.batch).size(), steps = o.epochs * batches;
  data::Progress progress("training", steps);
  for (int64_t epoch = 0, done = 0; epoch < o.epochs; ++epoch)
    for (const auto& [x, y] : digits.train.batches(o.batch, fold_in(data_key, epoch))) {
      const float lr = o.rate(done++, steps);
      for (auto& life : lives) {  // in step: what disturbs the machine disturbs all lives
        Tensor l = life->meter([&] { return life->step(life->model, life->optimizer, x, y, lr); });
        if (epoch + 1 == o.epochs) life->loss += l.item<double>() / static_cast<double>(batches);
      }
      progress.step(fmt::format("epoch {}", epoch + 1));
    }

  std::vector<Trained> trained;
  DuelReport report;
  for (auto& life : lives) {
    const Tensor hits = argmax(forward(life->model, digits.test.x), -1) == digits.test.y;
    const double accuracy = mean(hits).item<double>();
    trained.push_back({accuracy, life->loss, bits_hash(life->model), life->meter.report()});
    report.lives.push_back(trained.back().cost);
    report.lives.back().more = {{"accuracy", fmt::format("{:.4f}", accuracy)},
                                {"loss", fmt::format("{:.5f}", life->loss)}};
    if (trained.back().hash != trained[0].hash) report.lives.back().difference = "weights";
  }
  fmt::print("{}\n\n{}\n", to_string(machine()), report);
  bool equal = report.bits_equal();
  fmt::print("weights bit-equal: {} ({})\n", equal ? "yes" : "NO", trained[0].hash);

  // The same step on other batch sizes, and without each pass.
  auto rows = [&](int64_t n) { return digits.train.batches(std::min(n, digits.train.size())).at(0); };
  auto compare = [&](auto compared, int64_t n) {
    auto [x, y] = rows(n);
    DuelReport r = compared(DuelOptions{.max_seconds = 0.3}, TrainStep(), start, Optimizer::init(start), x, y, o.lr);
    equal = equal && r.bits_equal();
    return r;
  };
  if (o.mode == "duel")
    for (int64_t n : {1, 1024})
      fmt::print("batch {}: {}\n", n, speedups(compare([](auto&&... a) { return duel(a...); }, n)));
  if (o.ablate) fmt::print("\n{}", differences(compare([](auto&&... a) { return ablate(a...); }, o.batch)));

  if (!o.save.empty()) io::save(o.save, lives[0]->model);
  if (!o.json.empty()) write_json(o.json, trained, equal);
  check<Error>(equal, "04_mlp: the lives differ");
  return static_cast<const Recipe&>(o) != Recipe() || trained[0].accuracy >= 0.9;
}

int main(int argc, char** argv) try {
  const Options o = parse_options(argc, argv);
  set_threads(o.threads);
  const data::TrainTest digits = data::load_idx(o.data);
  const int64_t classes = std::max(digits.train.classes, digits.test.classes);
  check<ParseError>(classes <= kClasses, "04_mlp: {}: a label is out of range: {} of 0 to {}", o.data, classes - 1,
                    kClasses - 1);
  check<Error>(o.optimizer == "adam" ? run<optim::Adam>(o, digits) : run<optim::Sgd>(o, digits),
               "04_mlp: test accuracy below 0.90");
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
