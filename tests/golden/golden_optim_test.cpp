// 100 steps of each optimiser down a quadratic valley.
#include "golden/cases.h"

namespace duet::golden {

struct Valley {
  Tensor a, b;
};

inline constexpr Tolerance kSteps{1e-5, 1e-5, 1e-5, true, "a hundred steps add up their rounding"};

/// Parameters after 1, 10 and 100 steps with the gradients steepness·(p − bottom).
template <class Make>
void optimiser(Cases& cases, const std::string& op, const char* which, double lr, Make make, Mode mode) {
  cases(
      op, {which},
      [=](const Tensors& x) {
        Valley p{x[0], x[1]};
        auto state = make(p);
        auto step = with_mode(mode, [](Valley& q, decltype(state)& s, const Tensors& v, double rate) {
          s.update(q, Valley{v[2] * (q.a - v[4]), v[3] * (q.b - v[5])}, rate);
          return sum(q.a);
        });
        Tensors seen;
        for (int i = 1; i <= 100; ++i) {
          step(p, state, x, lr);
          if (i == 1 || i == 10 || i == 100) seen.insert(seen.end(), {p.a, p.b});
        }
        return seen;
      },
      kSteps);
}

Cases optim_cases(Mode mode) {
  using namespace optim;
  Cases cases;
  auto add = [&](const std::string& op, const char* which, float lr, auto make) {
    optimiser(cases, op, which, static_cast<double>(lr), make, mode);
  };
  add("Sgd", "plain", 0.05f, [](const Valley& p) { return Sgd::init(p); });
  add("Sgd", "momentum", 0.02f, [](const Valley& p) { return Sgd::init(p, 0.9f); });
  add("Sgd", "nesterov", 0.02f, [](const Valley& p) { return Sgd::init(p, 0.9f, {.nesterov = true}); });
  add("Sgd", "weight_decay", 0.02f, [](const Valley& p) { return Sgd::init(p, 0.5f, {.weight_decay = 0.1f}); });
  add("Adam", "default", 0.01f, [](const Valley& p) { return Adam::init(p); });
  add("Adam", "betas", 0.03f, [](const Valley& p) { return Adam::init(p, 0.8f, 0.95f, 1e-4f); });
  add("AdamW", "default", 0.01f, [](const Valley& p) { return AdamW::init(p, {.weight_decay = 0.01f}); });
  add("AdamW", "some", 0.02f, [](const Valley& p) {
    return AdamW::init(p, {.weight_decay = 0.2f}, [](std::string_view name) { return name == "a"; });
  });
  auto clipped = [](double norm) {
    return [norm](const Tensors& x) -> Tensors {
      auto [g, had] = clip_by_global_norm(Valley{x[0], x[1]}, norm);
      return {g.a, g.b, had};
    };
  };
  cases("clip_by_global_norm", {"above"}, clipped(1), kSums);
  cases("clip_by_global_norm", {"below"}, clipped(100), kSums);
  return cases;
}

namespace {

TEST(GoldenOptim, AgreesWithPyTorch) { check_family("optim", optim_cases(Mode::eager)); }
TEST(GoldenOptim, CompiledStepsAgree) { check_family("optim", optim_cases(Mode::compiled)); }
TEST(GoldenOptim, FrozenStepsAgree) { check_family("optim", optim_cases(Mode::frozen)); }

}  // namespace
}  // namespace duet::golden
