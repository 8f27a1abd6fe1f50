// libtorch, PyTorch's C++ library, as a peer: the protocol of worker.py, for the cases in which a host language's own
// cost would show. Built by setup.
#include <torch/torch.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>

namespace {

using Call = std::function<void()>;
using Sizes = std::vector<int64_t>;
using torch::Tensor;
namespace F = torch::nn::functional;

constexpr double kRate = 1e-12, kBatchSeconds = 0.001;  // as in inputs.py and worker.py
const Sizes kMnist{784, 512, 256, 10}, kDigits{64, 128, 64, 10};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Without a gradient, as fast as libtorch can.
Call inference(Call f) {
  return [f] {
    c10::InferenceMode mode;
    f();
  };
}

std::vector<Tensor> layers(const Sizes& widths, bool train) {
  std::vector<Tensor> p;
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    p.push_back(torch::randn({widths[i], widths[i + 1]}) * std::sqrt(2.0 / double(widths[i])));
    p.push_back(torch::zeros({widths[i + 1]}));
  }
  for (Tensor& t : p) t.requires_grad_(train);
  return p;
}

Tensor mlp(Tensor x, const std::vector<Tensor>& p) {
  for (size_t i = 0; i < p.size(); i += 2) {
    x = torch::addmm(p[i + 1], x, p[i]);
    if (i + 2 < p.size()) x = torch::relu(x);
  }
  return x;
}

template <class Optimizer>
Call training(const Sizes& widths, int64_t batch) {
  auto p = layers(widths, true);
  auto optimizer = std::make_shared<Optimizer>(p, kRate);
  const Tensor x = torch::randn({batch, widths[0]}), y = torch::randint(10, {batch});
  return [=] {
    optimizer->zero_grad();
    F::cross_entropy(mlp(x, p), y).backward();
    optimizer->step();
  };
}

Call add(const Sizes& s) {
  c10::InferenceMode mode;
  const Tensor a = torch::ones({s[0]}), b = torch::ones({s[0]});
  return inference([=] { Tensor c = a + b; });
}

Call scalar_chain(const Sizes& s) {
  Tensor x = torch::ones({1}).requires_grad_();
  return [x, n = s[0]]() mutable {
    Tensor y = x;
    for (int64_t i = 0; i < n / 2; ++i) y = y * 0.9 + x;
    y.backward();
    x.mutable_grad() = Tensor();
  };
}

Call infer(const Sizes& s) {
  c10::InferenceMode mode;
  const auto p = layers(kMnist, false);
  const Tensor x = torch::randn({s[0], 784});
  return inference([=] { Tensor y = mlp(x, p); });
}

const std::map<std::string, std::function<Call(const Sizes&)>> kCases = {
    {"add", add},
    {"scalar_chain", scalar_chain},
    {"mlp", infer},
    {"mlp_sgd", [](const Sizes& s) { return training<torch::optim::SGD>(kMnist, s[0]); }},
    {"mlp_adam", [](const Sizes& s) { return training<torch::optim::Adam>(kMnist, s[0]); }},
    {"digits_adam", [](const Sizes& s) { return training<torch::optim::Adam>(kDigits, s[0]); }}};

int64_t batch_of(const Call& f) {
  for (int64_t n = 1;; n *= 2) {
    const double start = now();
    for (int64_t i = 0; i < n; ++i) f();
    if (now() - start > kBatchSeconds / 2) return n;
  }
}

std::string sample(const Call& f, int64_t n, double seconds) {
  std::string text;
  for (const double end = now() + seconds;;) {
    const double start = now();
    for (int64_t i = 0; i < n; ++i) f();
    const double stop = now();
    text += std::to_string((stop - start) / double(n) * 1e6) + " ";
    if (stop > end) return text;
  }
}

}  // namespace

int main(int, char** argv) {
  torch::set_num_threads(std::atoi(argv[1]));
  torch::manual_seed(0);
  std::cout << "ready " << TORCH_VERSION << std::endl;
  Call f;
  int64_t batch = 1;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string word, family;
    words >> word;
    if (word == "case") {
      Sizes sizes;
      words >> family;
      for (int64_t size; words >> size;) sizes.push_back(size);
      f = nullptr;
      const auto found = kCases.find(family);
      if (found != kCases.end()) {
        f = found->second(sizes);
        for (int i = 0; i < 4; ++i) f();
        batch = batch_of(f);
      }
      std::cout << (f ? "ok" : "no such case") << std::endl;
    } else if (word == "run") {
      double seconds = 0;
      words >> seconds;
      std::cout << sample(f, batch, seconds) << std::endl;
    } else if (word == "memory") {
      std::cout << -1 << std::endl;
    }
  }
}
