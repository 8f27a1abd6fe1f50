#include "gpu_bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <utility>

#include "cuda/blas.h"
#include "cuda/device.h"
#include "duet/duet.h"

namespace bench {
namespace {

using namespace duet;

double now_us() {
  using namespace std::chrono;
  return duration<double, std::micro>(steady_clock::now().time_since_epoch()).count();
}

/// The median over rounds of what one call takes; a round is as many calls as fill a fifth of the time.
double time_us(double seconds, const std::function<void()>& call) {
  auto round = [&](int n) {
    cuda::synchronize();
    const double start = now_us();
    for (int i = 0; i < n; ++i) call();
    cuda::synchronize();
    return (now_us() - start) / n;
  };
  round(2);
  const int n = std::max(1, static_cast<int>(seconds * 0.2e6 / std::max(round(3), 1.0)));
  std::vector<double> rounds;
  for (int i = 0; i < 5; ++i) rounds.push_back(round(n));
  std::nth_element(rounds.begin(), rounds.begin() + 2, rounds.end());
  return rounds[2];
}

/// Lines "name<TAB>value" of the peer; the first is its version. Empty without it.
std::map<std::string, double> ask_torch(const GpuOptions& o, std::string& version) {
  std::map<std::string, double> values;
  version = "not asked";
  if (o.torch.empty()) return values;
  FILE* f = popen(fmt::format("python3 -B '{}' {} {} {} {} {} {} 2>&1", o.torch, o.elements, o.matmul, o.vocabulary,
                              o.ops, o.steps, o.seconds)
                      .c_str(),
                  "r");
  char line[512];
  std::string last = "python3 does not start";
  version.clear();
  while (f != nullptr && std::fgets(line, sizeof(line), f) != nullptr) {
    std::string text = line;
    while (!text.empty() && text.back() == '\n') text.pop_back();
    if (!text.empty()) last = text;
    const size_t tab = text.find('\t');
    if (tab == text.npos) continue;
    if (text.starts_with("torch\t"))
      version = text.substr(tab + 1);
    else
      values[text.substr(0, tab)] = std::strtod(text.c_str() + tab + 1, nullptr);
  }
  if (f != nullptr) pclose(f);
  if (version.empty()) version = "not here: " + last;
  return values;
}

struct Bench {
  const GpuOptions& o;
  GpuReport report;
  std::map<std::string, double> torch;

  void add(std::string name, double us, double bar, double rate = 0, double floor = 0, std::string unit = "") {
    const auto found = torch.find(name);
    const double torch_us = found != torch.end() ? found->second : 0;
    report.figures.push_back({std::move(name), us, torch_us, rate, floor, std::move(unit), bar});
  }

  double copy_gb_s() {
    const Tensor x = zeros({o.elements}), y = zeros({o.elements});
    cuda::State& s = cuda::state(Device::cuda());
    const auto bytes = static_cast<size_t>(o.elements) * 4;
    const double us = time_us(o.seconds, [&] {
      cuda::check_result(s,
                         cuda::availability().driver->copy_on_device(reinterpret_cast<cuda::DevicePtr>(y.block().data),
                                                                     reinterpret_cast<cuda::DevicePtr>(x.block().data),
                                                                     bytes, s.stream),
                         "cuMemcpyDtoDAsync");
    });
    return 2 * static_cast<double>(bytes) / us * 1e-3;
  }

  /// Bytes that the kernels of a call read and write, by its time.
  void rate(const char* name, const std::function<Tensor()>& f, double bar = 0.85) {
    const uint64_t before = thread_state.bytes;
    f();
    const auto bytes = static_cast<double>(thread_state.bytes - before);
    const double us = time_us(o.seconds, [&] { f(); });
    add(name, us, bar, bytes / us * 1e-3, report.copy_gb_s, "GB/s");
  }

  void small_ops() {
    const Tensor x = ones({1});
    auto chain = [&] {
      Tensor y = x;
      for (int i = 0; i < o.ops; ++i) y = y + x;
    };
    add("add of 1 element", time_us(o.seconds, chain) / o.ops, 0.6);
  }

  void large_ops() {
    const int64_t n = o.elements, columns = 1024, rows = n / columns;
    const Tensor x = normal(Key(1), {rows, columns}), y = normal(Key(2), {rows, columns}),
                 b = normal(Key(3), {columns}), column = normal(Key(4), {rows, 1});
    const auto norm = nn::LayerNorm::init(columns);
    rate("add", [&] { return x + y; });
    rate("multiply by a number", [&] { return x * 2.0f; });
    rate("exp", [&] { return exp(x); });
    rate("gelu", [&] { return gelu(x); });
    rate("tanh", [&] { return tanh(x); });
    rate("add a row", [&] { return x + b; });
    rate("add a column", [&] { return x + column; });
    rate("greater", [&] { return x > y; });
    rate("sum of all", [&] { return sum(x); });
    rate("sum of rows", [&] { return sum(x, -1); });
    rate("sum of columns", [&] { return sum(x, 0); });
    rate("max of rows", [&] { return max(x, -1); });
    rate("softmax", [&] { return softmax(x, -1); });
    rate("layer norm", [&] { return norm(x); });
    rate(
        "transposed copy", [&] { return x.transpose().contiguous(); }, 0);
    rate(
        "normal numbers",
        [&] {
          return normal(Key(5), {rows, columns});
        },
        0);
  }

  void wide_rows() {
    const int64_t batch = std::max<int64_t>(1, o.elements / 4 / o.vocabulary);
    const Tensor logits = normal(Key(6), {batch, o.vocabulary});
    const Tensor labels = (uniform(Key(7), {batch}) * static_cast<float>(o.vocabulary)).to(i32);
    rate("cross-entropy, wide rows", [&] { return cross_entropy(logits, labels); });
  }

  // duet's matmul by cuBLAS against the same call of cuBLAS alone, and duet's own kernel.
  void products() {
    for (const auto& [m, k, n] : std::vector<std::array<int64_t, 3>>{
             {o.matmul, o.matmul, o.matmul}, {o.matmul / 4, o.matmul / 4, o.matmul / 4}, {o.matmul / 4, 784, 512}}) {
      const Tensor a = normal(Key(8), {m, k}), b = normal(Key(9), {k, n});
      const double flops = 2.0 * static_cast<double>(m) * static_cast<double>(k) * static_cast<double>(n);
      const std::string shape = fmt::format("matmul {}x{}x{}", m, k, n);
      double alone = 0;  // cuBLAS's own
      auto product = [&](const char* how, cuda::MatmulProvider provider, double bar) {
        cuda::set_matmul_provider(provider);
        const double us = time_us(o.seconds, [&] { matmul(a, b); });
        cuda::set_matmul_provider(cuda::MatmulProvider::automatic);
        add(shape + how, us, bar, flops / us * 1e-6, alone, "TFLOP/s");
      };
      if (cuda::blas_availability().blas != nullptr) {
        const Tensor y = zeros({m, n});
        cuda::State& s = cuda::state(Device::cuda());
        const cuda::BlasCall call{false,          m,     n,     k, 1, a.block().data, b.block().data,
                                  y.block().data, false, false, 0, 0};
        alone = flops / time_us(o.seconds, [&] { cuda::run_blas(s, call); }) * 1e-6;
        product("", cuda::MatmulProvider::cublas, 0.98);
        const double f32_alone = std::exchange(alone, 0);
        cuda::set_matmul_precision(cuda::MatmulPrecision::tf32);
        product(", TF32", cuda::MatmulProvider::cublas, 0);
        cuda::set_matmul_precision(cuda::MatmulPrecision::f32);
        alone = f32_alone;
      }
      product(", the CPU's bits", cuda::MatmulProvider::duet, 0);
    }
  }

  struct Mlp {
    std::vector<nn::Linear> layers;
  };
  static Tensor loss(const Mlp& m, const Tensor& x, const Tensor& y) {
    Tensor h = x;
    for (size_t i = 0; i + 1 < m.layers.size(); ++i) h = relu(m.layers[i](h));
    return cross_entropy(m.layers.back()(h), y);
  }
  void training(const char* name, const std::vector<int64_t>& widths) {
    constexpr int64_t kBatch = 64;
    Mlp m;
    for (size_t i = 0; i + 1 < widths.size(); ++i)
      m.layers.push_back(nn::Linear::init(widths[i], widths[i + 1], fold_in(Key(10), static_cast<int64_t>(i))));
    auto adam = optim::Adam::init(m);
    const Tensor x = normal(Key(11), {kBatch, widths[0]}), y = (uniform(Key(12), {kBatch}) * 10.0f).to(i32);
    auto step = [&] {
      auto [l, g] = value_and_grad(loss)(m, x, y);
      adam.update(m, g, 1e-3f);
    };
    step();
    cuda::synchronize();
    const double start = now_us();
    for (int i = 0; i < o.steps; ++i) step();
    cuda::synchronize();
    add(name, (now_us() - start) / o.steps, 0.8);
  }
};

}  // namespace

GpuReport run_gpu_bench(const GpuOptions& o) {
  const cuda::Info device = cuda::info();
  check<DeviceError>(device.available, "gpu_bench: {}", to_string(device));
  const DeviceScope there(Device::cuda());
  Bench b{o, {}, {}};
  b.report.device = device.name;
  b.torch = ask_torch(o, b.report.torch);
  b.report.copy_gb_s = b.copy_gb_s();
  b.small_ops();
  b.large_ops();
  b.wide_rows();
  b.products();
  b.training("training step, digits 64-128-64-10", {64, 128, 64, 10});
  b.training("training step, 784-512-256-10", {784, 512, 256, 10});
  return b.report;
}

std::string to_markdown(const GpuReport& r, const std::string& date) {
  std::string text = fmt::format(
      "# duet on {}\n\n{}. `./run gpu`; PyTorch: {}. A copy on the device moves {:.0f} GB/s, read and written. Each "
      "figure is the\nmedian of five rounds. Rates count what the kernels read and write; the floor is that copy, or "
      "cuBLAS alone.\n\n"
      "| case | us | PyTorch us | ratio | rate | floor | unit | ratio | bar |\n|---|---|---|---|---|---|---|---|---|\n",
      r.device, date, r.torch, r.copy_gb_s);
  auto number = [](double v) { return v == 0 ? std::string() : fmt::format("{:.4g}", v); };
  auto ratio = [](double a, double b) { return b == 0 ? std::string() : fmt::format("{:.2f}", a / b); };
  int met = 0, bars = 0;
  for (const GpuFigure& f : r.figures) {
    std::string bar;
    if (f.bar > 0) {
      const bool rate = f.floor > 0;
      bar = fmt::format("{} {}", rate ? ">=" : "<=", f.bar);
      if (rate || f.torch_us > 0) {
        const bool ok = rate ? f.rate >= f.bar * f.floor : f.us <= f.bar * f.torch_us;
        bar += ok ? ", met" : ", NOT met";
        met += ok;
        ++bars;
      } else {
        bar += ", no PyTorch";
      }
    }
    text += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", f.name, number(f.us), number(f.torch_us),
                        ratio(f.us, f.torch_us), number(f.rate), number(f.floor), f.unit, ratio(f.rate, f.floor), bar);
  }
  return text + fmt::format("\n{} of {} bars met.\n", met, bars);
}

std::string to_json(const GpuReport& r, const std::string& date) {
  std::string text = fmt::format(
      "{{\n  \"schema\": 1,\n  \"device\": \"{}\",\n  \"date\": \"{}\",\n  \"copy_gb_s\": {},\n  \"figures\": [",
      r.device, date, r.copy_gb_s);
  for (size_t i = 0; i < r.figures.size(); ++i) {
    const GpuFigure& f = r.figures[i];
    text += fmt::format(
        "{}\n    {{\"name\": \"{}\", \"us\": {}, \"torch_us\": {}, \"rate\": {}, \"floor\": {}, \"unit\": \"{}\", "
        "\"bar\": {}}}",
        i == 0 ? "" : ",", f.name, f.us, f.torch_us, f.rate, f.floor, f.unit, f.bar);
  }
  return text + "\n  ]\n}\n";
}

std::string file_name(const std::string& device) {
  std::string name;
  for (char c : device) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain)
      name += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    else if (!name.empty() && name.back() != '-')
      name += '-';
  }
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name.empty() ? "device" : name;
}

}  // namespace bench
