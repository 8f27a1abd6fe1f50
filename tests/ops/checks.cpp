#include "ops/checks.h"

#include <fmt/format.h>

#include "cpu/kernels.h"
#include "cpu/threads.h"

namespace duet::testing {

void use_machine(const char* isa, int threads) {
  if (!cpu::set_isa(isa)) cpu::set_isa("v3");
  cpu::set_threads(threads);
}

std::string check_values(const Sample& s) {
  use_machine(s.isa, s.threads);
  std::vector<Values> x;
  std::vector<Shape> shapes;
  for (const Tensor& t : s.inputs) {
    x.push_back(values_of(t));
    shapes.push_back(t.shape());
  }
  const Tensor result = s.f(s.inputs, kNumber);
  const Expected e = s.reference(x, shapes, static_cast<double>(kNumber));
  const Values y = values_of(result);
  if (y.size() != e.y.size()) return fmt::format("{} elements, {} are expected", y.size(), e.y.size());
  const double eps = result.dtype() == f32 ? 0x1p-24 : 0x1p-53;
  for (size_t i = 0; i < y.size(); ++i) {
    if (y[i] == e.y[i] || (y[i] != y[i] && e.y[i] != e.y[i])) continue;
    const double distance = ulp_distance(y[i], e.y[i], result.dtype());
    if (distance <= s.ulps) continue;
    if (!e.scale.empty() && std::abs(y[i] - e.y[i]) <= e.scale[i] * eps + 1e-44) continue;
    const double at = s.inputs.empty() || x[0].empty() ? 1 : std::abs(x[0][i % x[0].size()]);
    if (std::abs(y[i] - e.y[i]) <= s.absolute * std::max(1.0, at)) continue;
    return fmt::format("element {} is {}, the reference {}: {} ULP", i, y[i], e.y[i], distance);
  }
  return "";
}

Tensors WithGradients::operator()(const Tensors& x, float n) const {
  Tensors results;
  Tensor y = sample->f(x, n);
  results.push_back(y);
  results.push_back(y.dtype() == boolean                   ? where(y, n, 2.5f)
                    : y.dtype() == f32 || y.dtype() == f64 ? y * n + y
                                                           : cast(y, f32) * n);
  for (size_t i = 0; i < x.size(); ++i) {
    if (!is_float(x[i].dtype()) || !is_float(y.dtype())) continue;
    results.push_back(grad([&](const Tensor& v) {
      Tensors changed = x;
      changed[i] = v;
      Tensor z = sample->f(changed, n);
      return sum(z * z) + sum(v).to(z.dtype());
    })(x[i]));
    if (i == 1) break;
  }
  return results;
}

std::string check_modes(const Sample& s) {
  const WithGradients f{&s};
  std::vector<std::vector<uint8_t>> before;
  for (const Tensor& t : s.inputs) before.push_back(bits(t));
  use_machine("v4", 1);
  Tensors wanted[2] = {f(s.inputs, kNumber), f(s.inputs, -1.25f)};
  std::string wrong;
  auto compare = [&](const std::string& how, const auto& g) {
    for (int turn : {0, 1, 0}) {
      Tensors y = g(s.inputs, turn == 0 ? kNumber : -1.25f);
      for (size_t i = 0; i < y.size() && wrong.empty(); ++i)
        if (std::string d = difference(wanted[turn][i], y[i]); !d.empty())
          wrong = fmt::format("{}, result {}: {}", how, i, d);
    }
  };
  auto compiled = compile(f);
  auto frozen = freeze(f);
  for (auto [isa, threads] : {std::pair("v3", 1), std::pair("v4", 2), std::pair("v3", 2), std::pair("v4", 1)}) {
    use_machine(isa, threads);
    const std::string machine = fmt::format(" ({}, {} threads)", isa, threads);
    compare("eager" + machine, f);
    compare("compiled" + machine, compiled);
    if (threads == 2 || std::string_view(isa) == "v4") compare("frozen" + machine, frozen);
  }
  use_machine("v4", 1);
  compare("compiled without passes",
          compile(f, {{"fold", "simplify", "cse", "dce", "fuse", "combine", "schedule", "plan_memory"}}));
  for (size_t i = 0; i < before.size() && wrong.empty(); ++i)
    if (bits(s.inputs[i]) != before[i]) wrong = fmt::format("input {} changed", i);
  return wrong;
}

std::string check_launches(const Sample& s) {
  use_machine(s.isa, 1);
  auto f = [&](const Tensors& x, float n) {
    Tensor y = s.f(x, n);
    return y.dtype() == boolean                                      ? where(y, n, 2.5f)
           : y.dtype() == i64 || y.dtype() == u8 || y.dtype() == i32 ? y * y
                                                                     : square(y);
  };
  auto compiled = compile(f);
  compiled(s.inputs, kNumber);
  uint64_t start = thread_state.launches;
  f(s.inputs, kNumber);
  const uint64_t eager = thread_state.launches - start;
  start = thread_state.launches;
  compiled(s.inputs, kNumber);
  const uint64_t fused = thread_state.launches - start;
  if (s.fuses ? fused >= eager : fused > eager) return fmt::format("{} kernels compiled, {} eagerly", fused, eager);
  return "";
}

std::string check_gradients(const Sample& s) {
  use_machine(s.isa, 1);
  Rng rng(7);
  auto random_like = [&](const Tensor& t) {
    return laid_out(t.shape(), f64, Layout::dense, drawing(rng, Draw::plain, f64, -1, 1));
  };
  const Tensor weight = random_like(s.f(s.inputs, kNumber));
  for (size_t i = 0; i < s.inputs.size(); ++i) {
    const Tensor& x = s.inputs[i];
    if (x.dtype() != f64 || x.numel() == 0) continue;
    auto loss = [&](const Tensor& v) {
      Tensors changed = s.inputs;
      changed[i] = v;
      return sum(s.f(changed, kNumber) * weight);
    };
    const Tensor direction = random_like(x), direction2 = random_like(x);
    auto slope = [&](const Tensor& v) { return sum(grad(loss)(v) * direction); };
    auto differences = [&](const auto& f, const Tensor& along) {
      const double h = 1e-5;
      return (f(x + along * h).template item<double>() - f(x - along * h).template item<double>()) / (2 * h);
    };
    const double g = slope(x).item<double>(), expected = differences(loss, direction);
    double scale = 1 + std::abs(g) + sum(abs(grad(loss)(x))).item<double>();
    if (!(std::abs(g - expected) <= 3e-7 * scale))
      return fmt::format("gradient of input {}: {} along a direction, differences say {}", i, g, expected);
    const Tensor second = grad(slope)(x);
    const double g2 = sum(second * direction2).item<double>(), expected2 = differences(slope, direction2);
    scale = 1 + std::abs(g2) + sum(abs(second)).item<double>();
    if (!(std::abs(g2 - expected2) <= 1e-6 * scale))
      return fmt::format("second gradient of input {}: {} along a direction, differences say {}", i, g2, expected2);
  }
  return "";
}

void check_samples(const std::vector<Sample>& samples, const std::function<void(const std::string&)>& report) {
  for (const Sample& s : samples) {
    try {
      for (auto [name, check] : {std::pair("values", &check_values), std::pair("modes", &check_modes),
                                 std::pair("kernels", &check_launches)})
        if (std::string wrong = check(s); !wrong.empty()) report(fmt::format("{}: {}: {}", s.what, name, wrong));
      if (s.smooth)
        if (std::string wrong = check_gradients(s); !wrong.empty()) report(fmt::format("{}: {}", s.what, wrong));
    } catch (const std::exception& e) {
      report(fmt::format("{}: threw {}", s.what, e.what()));
    }
  }
  use_machine("v4", 0);
}

}  // namespace duet::testing
