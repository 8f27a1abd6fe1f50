// Where which mode pays: an SGD training step of an MLP 64-H-H-10 over batch and width H, in three modes. What a step
// is bound by is the largest of three estimates: calls of kernels, bytes, flops. draw.py makes pictures of it.
#include <fmt/format.h>

#include <thread>

#include "duet/core/machine.h"
#include "suite.h"

namespace bench {
namespace {

struct Mlp {
  nn::Linear first, second, out;
};

std::unique_ptr<Program> step_of(int64_t batch, int64_t width, bool first_call) {
  auto [k1, k2, k3, k4, k5] = split<5>(Key(1));
  const Mlp m{nn::Linear::init(64, width, k1), nn::Linear::init(width, width, k2), nn::Linear::init(width, 10, k3)};
  auto step = [](Mlp& mlp, const Tensor& x, const Tensor& y, float lr) {
    auto [l, g] =
        value_and_grad([&](const Mlp& n) { return cross_entropy(n.out(relu(n.second(relu(n.first(x))))), y); })(mlp);
    optim::Sgd().update(mlp, g, lr);
    return l;
  };
  const auto b = double(batch), h = double(width), weights = 64 * h + h * h + 10 * h;
  const Work work{2 * b * (3 * weights - 64 * h), 4 * (2 * weights + b * (64 + 4 * h + 10))};
  const Tensor x = normal(k4, {batch, 64}), y = (uniform(k5, {batch}) * 10.0f).to(i32);
  using Step = decltype(step);
  if (first_call) return std::make_unique<FirstCalls<Step, Mlp, Tensor, Tensor, float>>(work, step, m, x, y, 1e-3f);
  return lives(work, step, m, x, y, 1e-3f);
}

}  // namespace

nlohmann::json crossover(int threads) {
  use_processors(threads);
  Floors floors;
  const Machine machine = duet::machine();
  nlohmann::json j{{"cpu", machine.cpu},
                   {"isa", machine.isa},
                   {"compiler", machine.compiler},
                   {"build", machine.build},
                   {"threads", threads},
                   {"processors", std::thread::hardware_concurrency()},
                   {"gflops", floors.flops() * 1e-9},
                   {"points", nlohmann::json::array()}};
  fmt::print(
      "{}\nMLP 64-H-H-10, SGD step; µs a call, calls after which compiling or freezing has paid\n\n"
      "{:>6}{:>7}{:>11}{:>11}{:>11}{:>8}{:>8}{:>10}{:>10}  {}\n",
      machine_line(threads), "batch", "width", "eager", "compiled", "frozen", "c/e", "f/e", "c pays", "f pays",
      "bound by");
  double launch_us = 0;  // of an eager kernel on next to no data
  for (int64_t width : {32, 64, 128, 256, 512, 1024})
    for (int64_t batch : {1, 4, 16, 64, 256, 1024, 4096}) {
      progress(fmt::format("batch {}, width {}", batch, width));
      auto program = step_of(batch, width, false), first = step_of(batch, width, true);
      const Check check = program->check();
      if (!check.difference.empty()) throw std::runtime_error("bench: crossover: bits differ: " + check.difference);
      double us[3], first_us[3];
      int64_t kernels[3];
      std::vector<double> samples[3];
      int64_t batches[3];
      for (Mode mode : kModes) batches[size_t(mode)] = batch_of(*program, mode);
      for (int round = 0; round < 7; ++round)
        for (Mode mode : kModes)
          for (double x : sample(*program, mode, batches[size_t(mode)], 0.02)) samples[size_t(mode)].push_back(x);
      for (Mode mode : kModes) {
        const auto i = size_t(mode);
        us[i] = *std::min_element(samples[i].begin(), samples[i].end());
        const std::vector<double> firsts = sample(*first, mode, 1, 0.02);
        first_us[i] = *std::min_element(firsts.begin(), firsts.end());
        kernels[i] = program->cost(mode).kernels;
      }
      if (launch_us == 0) launch_us = us[0] / double(kernels[0]);
      const Work& work = program->work();
      const double parts[] = {launch_us * double(kernels[2]), work.bytes / floors.best_rate(work.footprint) * 1e6,
                              work.flops / floors.flops() * 1e6};
      const char* regimes[] = {"overhead", "bandwidth", "flops"};
      const char* regime = regimes[std::max_element(parts, parts + 3) - parts];
      // Calls until the first call's extra time is earned back; never is −1.
      auto pays = [&](size_t i) {
        if (us[i] >= us[0]) return -1.0;
        return std::max(1.0, std::ceil((first_us[i] - first_us[0]) / (us[0] - us[i])));
      };
      progress("");
      auto calls = [](double n) { return n < 0 ? std::string("never") : fmt::format("{:.0f}", n); };
      fmt::print("{:>6}{:>7}{:>11.1f}{:>11.1f}{:>11.1f}{:>8.2f}{:>8.2f}{:>10}{:>10}  {}\n", batch, width, us[0], us[1],
                 us[2], us[1] / us[0], us[2] / us[0], calls(pays(1)), calls(pays(2)), regime);
      std::fflush(stdout);
      j["points"].push_back({{"batch", batch},
                             {"width", width},
                             {"eager_us", us[0]},
                             {"compiled_us", us[1]},
                             {"frozen_us", us[2]},
                             {"first_us", first_us},
                             {"kernels", kernels},
                             {"overhead_us", parts[0]},
                             {"bandwidth_us", parts[1]},
                             {"flops_us", parts[2]},
                             {"regime", regime},
                             {"compiled_pays_after", pays(1)},
                             {"frozen_pays_after", pays(2)}});
    }
  return j;
}

}  // namespace bench
