#include <cmath>

#include "duet/optim/adam.h"
#include "duet/optim/clip.h"
#include "duet/optim/lion.h"
#include "duet/optim/loss_scale.h"
#include "duet/optim/sgd.h"
#include "ops/operands.h"

namespace duet::optim::detail {

void check_trees(const char* who, const std::vector<Tensor*>& parameters, const std::vector<const Tensor*>& gradients,
                 const std::vector<const Tensor*>& state) {
  check<ShapeError>(
      parameters.size() == gradients.size() && parameters.size() == state.size(),
      "{}: the trees differ: {} parameters, {} gradients, state for {}; init the optimiser from this model", who,
      parameters.size(), gradients.size(), state.size());
  auto spec = [](const Tensor& t) { return t.defined() ? to_string(t.spec()) : "empty"; };
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Tensor &p = *parameters[i], &g = *gradients[i], &s = *state[i];
    auto same = [&](const Tensor& t, DType dtype) {
      return t.defined() && t.dtype() == dtype && t.shape() == p.shape();
    };
    const bool state_is_f32 = is_half(p.dtype()) && s.defined() && &s != &g;
    if (!same(s, state_is_f32 ? DType::f32 : p.dtype()) || !same(g, p.dtype()))
      fail<ShapeError>(
          "{}: the trees differ: parameter {} is {}, its gradient {}, its state {}; init the optimiser from this model",
          who, i + 1, spec(p), spec(g), spec(s));
    for (const Tensor* t : {&p, &g, &s}) check_alive(who, *t);
  }
}

void check_rate(const char* who, const std::vector<Tensor*>& parameters, const Operand& lr) {
  if (!lr.is_tensor()) return;
  const Tensor& t = lr.tensor();
  if (!t.defined() || t.rank() != 0)
    fail<ShapeError>("{}: the learning rate must be a number or one element: {}", who,
                     t.defined() ? to_string(t.spec()) : "empty");
  check_alive(who, t);
  for (size_t i = 0; i < parameters.size(); ++i)
    check<DTypeError>(t.dtype() == DType::f32 || t.dtype() == parameters[i]->dtype(),
                      "{}: the learning rate is {}, parameter {} is {}; use .to(f32)", who, t.spec(), i + 1,
                      parameters[i]->spec());
}

namespace {

// Rates are computed once, in f64 where all parameters are, else in f32; a parameter of another dtype has its own copy.
Tensor beside(DType dtype, const Tensor& t) { return t.dtype() == dtype ? t : cast(t, dtype); }
Tensor beside(const Tensor& p, const Tensor& t) { return beside(p.dtype(), t); }

// 16-bit parameters are updated in f32 and rounded at the end.
Tensor widened(const Tensor& t) { return is_half(t.dtype()) ? cast(t, DType::f32) : t; }

// 1 − β^step, exactly enough for small steps: −expm1(step·log β). β may change from step to step in one plan.
Tensor bias_correction(const Tensor& step, double beta) { return neg(expm1(mul(step, std::log(beta)))); }

void check_decays(const char* who, const std::vector<uint8_t>& decays, size_t parameters) {
  check<ShapeError>(decays.size() == parameters,
                    "{}: the trees differ: {} parameters, decay said of {}; init the optimiser from this model", who,
                    parameters, decays.size());
}

bool all_are_f64(const std::vector<Tensor*>& parameters) {
  for (const Tensor* p : parameters)
    if (p->dtype() != DType::f64) return false;
  return !parameters.empty();
}
// A rate that may be used several times is no temporary, whose storage its first use may take; and f64 where all
// parameters are, so that what is made of it has their precision.
bool is_steady(const Operand& lr, const std::vector<Tensor*>& parameters) {
  return lr.kind() != Operand::Kind::rvalue &&
         (!all_are_f64(parameters) || (lr.is_tensor() && lr.tensor().dtype() == DType::f64));
}
Tensor steady(const Operand& lr, const std::vector<Tensor*>& parameters) {
  if (!lr.is_tensor()) return mul(ones({}, DType::f64), lr);
  return all_are_f64(parameters) ? beside(DType::f64, lr.tensor()) : lr.tensor();
}

// What a parameter that decays is multiplied by: 1 − lr·weight_decay.
Tensor kept_part(const Operand& lr, float weight_decay) {
  return sub(Operand::constant(1), mul(lr, static_cast<double>(weight_decay)));
}

// The new values of a step, which take their places together: a step that fails half-way, for want of memory, has
// changed nothing.
class Rebinds {
 public:
  explicit Rebinds(size_t most) { all_.reserve(most); }
  void later(Tensor& place, Tensor value) { all_.emplace_back(&place, std::move(value)); }
  void now() noexcept {
    for (auto& [place, value] : all_) *place = std::move(value);
  }

 private:
  std::vector<std::pair<Tensor*, Tensor>> all_;
};

}  // namespace

void check_sgd(const Sgd& sgd) {
  check<Error>(!sgd.nesterov || sgd.momentum != 0, "Sgd: Nesterov's step needs momentum: {}; give 0.9", sgd.momentum);
}

void sgd_update(Sgd& sgd, const std::vector<Tensor*>& parameters, const std::vector<const Tensor*>& gradients,
                const Operand& lr) {
  const bool moves = sgd.momentum != 0;
  const double momentum = static_cast<double>(sgd.momentum);
  check_sgd(sgd);
  check_trees("Sgd", parameters, gradients, moves ? state_of(sgd.velocity) : gradients);
  check_rate("Sgd", parameters, lr);
  Rebinds all(2 * parameters.size());
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Tensor p = widened(*parameters[i]);
    Tensor g = widened(*gradients[i]);
    if (sgd.weight_decay != 0) g = add(g, mul(p, static_cast<double>(sgd.weight_decay)));
    if (moves) {
      const Tensor v = add(mul(sgd.velocity[i], momentum), g);
      g = sgd.nesterov ? add(g, mul(v, momentum)) : v;
      all.later(sgd.velocity[i], v);
    }
    auto step = [&](const Operand& rate) { return dispatch(op<SgdUpdate>(), {Operand(p), Operand(g), rate})[0]; };
    all.later(*parameters[i], beside(*parameters[i], lr.is_tensor() ? step(beside(p, lr.tensor())) : step(lr)));
  }
  all.now();
}

void check_betas(const char* who, float beta1, float beta2) {
  auto is_decay = [](float beta) { return beta >= 0 && beta < 1; };
  check<Error>(is_decay(beta1), "{}: beta1 must be at least 0 and below 1: {}", who, beta1);
  check<Error>(is_decay(beta2), "{}: beta2 must be at least 0 and below 1: {}", who, beta2);
}

void check_adam(const char* who, float beta1, float beta2, float epsilon) {
  check_betas(who, beta1, beta2);
  check<Error>(epsilon > 0, "{}: epsilon must be positive: {}", who, epsilon);
}

void adam_update(const char* who, const std::vector<Tensor*>& parameters, const std::vector<const Tensor*>& gradients,
                 const AdamState& state, const Operand& lr) {
  check_adam(who, state.beta1, state.beta2, state.epsilon);
  check_trees(who, parameters, gradients, state_of(state.m));
  check_trees(who, parameters, gradients, state_of(state.v));
  if (state.decays != nullptr) check_decays(who, *state.decays, parameters.size());
  check_rate(who, parameters, lr);
  if (!is_steady(lr, parameters)) {
    const Tensor rate = steady(lr, parameters);
    return adam_update(who, parameters, gradients, state, rate);
  }
  const double beta1 = static_cast<double>(state.beta1), beta2 = static_cast<double>(state.beta2),
               epsilon = static_cast<double>(state.epsilon);
  auto decays = [&](size_t i) { return state.decays != nullptr && state.weight_decay != 0 && (*state.decays)[i] != 0; };
  bool any = false;
  for (size_t i = 0; i < parameters.size(); ++i) any = any || decays(i);
  // What all elements share is computed once: lr / c1, 1 / sqrt(c2) and 1 − lr·decay.
  Tensor next = state.step + 1;
  const Tensor count = lr.is_tensor() ? beside(lr.tensor(), next) : next, rate = div(lr, bias_correction(count, beta1)),
               scale = rsqrt(bias_correction(count, beta2)), keep = any ? kept_part(lr, state.weight_decay) : Tensor();
  Rebinds all(1 + 3 * parameters.size());
  all.later(state.step, std::move(next));
  for (size_t i = 0; i < parameters.size(); ++i) {
    Tensor &m = state.m[i].value, &v = state.v[i].value;
    const Tensor p = widened(*parameters[i]), g = widened(*gradients[i]);
    const Tensor r = beside(p, rate), s = beside(p, scale);
    const Operand b1(beta1), b2(beta2), rest1(1 - beta1), rest2(1 - beta2), e(epsilon);
    Outputs y;
    if (decays(i))
      y = dispatch(op<AdamWUpdate>(), {Operand(p), Operand(g), Operand(m), Operand(v), Operand(r), b1, rest1, b2, rest2,
                                       e, Operand(s), Operand(beside(p, keep))});
    else
      y = dispatch(op<AdamUpdate>(),
                   {Operand(p), Operand(g), Operand(m), Operand(v), Operand(r), b1, rest1, b2, rest2, e, Operand(s)});
    all.later(*parameters[i], beside(*parameters[i], y[0]));
    all.later(m, std::move(y[1]));
    all.later(v, std::move(y[2]));
  }
  all.now();
}

void lion_update(Lion& lion, const std::vector<Tensor*>& parameters, const std::vector<const Tensor*>& gradients,
                 const Operand& lr) {
  check_betas("Lion", lion.beta1, lion.beta2);
  check_trees("Lion", parameters, gradients, state_of(lion.m));
  check_decays("Lion", lion.decays, parameters.size());
  check_rate("Lion", parameters, lr);
  if (!is_steady(lr, parameters)) {
    const Tensor rate = steady(lr, parameters);
    return lion_update(lion, parameters, gradients, rate);
  }
  const double beta1 = static_cast<double>(lion.beta1), beta2 = static_cast<double>(lion.beta2);
  auto decays = [&](size_t i) { return lion.weight_decay != 0 && lion.decays[i] != 0; };
  bool any = false;
  for (size_t i = 0; i < parameters.size(); ++i) any = any || decays(i);
  const Tensor keep = any ? kept_part(lr, lion.weight_decay) : Tensor();
  Rebinds all(2 * parameters.size());
  for (size_t i = 0; i < parameters.size(); ++i) {
    Tensor& m = lion.m[i].value;
    const Tensor p = widened(*parameters[i]), g = widened(*gradients[i]);
    auto step = [&](const Operand& rate, const Operand& kept) {
      Outputs y = dispatch(op<LionUpdate>(), {Operand(p), Operand(g), Operand(m), rate, Operand(beta1),
                                              Operand(1 - beta1), Operand(beta2), Operand(1 - beta2), kept});
      all.later(*parameters[i], beside(*parameters[i], y[0]));
      all.later(m, std::move(y[1]));
    };
    auto with_rate = [&](const Operand& kept) {
      if (lr.is_tensor())
        step(beside(p, lr.tensor()), kept);
      else
        step(lr, kept);
    };
    if (decays(i))
      with_rate(beside(p, keep));
    else
      with_rate(Operand::constant(1));
  }
  all.now();
}

Tensor clip(const std::vector<Tensor*>& gradients, const Operand& max_norm) {
  const char* who = "clip_by_global_norm";
  if (max_norm.is_tensor()) {
    const Tensor& t = max_norm.tensor();
    check<ShapeError>(t.defined() && t.rank() == 0, "{}: the largest norm must be a number or one element: {}", who,
                      t.defined() ? to_string(t.spec()) : "empty");
  } else {
    const bool whole = max_norm.kind() == Operand::Kind::int_number || max_norm.kind() == Operand::Kind::bool_number;
    const double v = whole ? static_cast<double>(max_norm.int_value()) : max_norm.float_value();
    check<Error>(v > 0, "{}: the largest norm must be positive: {}", who, v);
  }
  DType dtype = DType::f32;
  for (const Tensor* g : gradients)
    if (g->dtype() == DType::f64) dtype = DType::f64;
  const DeviceScope there(gradients.empty() ? default_device() : gradients[0]->device());
  Tensor squares = zeros({}, dtype);
  for (const Tensor* g : gradients) {
    const Tensor more = beside(squares, sum(square(widened(*g))));
    squares = add(Operand(std::move(squares)), more);
  }
  Tensor norm = sqrt(squares);
  // The 1e-6 keeps a norm of 0 from dividing; below max_norm the factor is 1 and no bit changes.
  const Tensor largest = max_norm.is_tensor() ? beside(norm, max_norm.tensor()) : Tensor();
  const Tensor room = add(norm, Operand::constant(1e-6));
  const Tensor factor = minimum(max_norm.is_tensor() ? div(largest, room) : div(max_norm, room), Operand::constant(1));
  Rebinds all(gradients.size());
  for (Tensor* g : gradients) all.later(*g, mul(*g, beside(*g, factor)));
  all.now();
  return norm;
}

}  // namespace duet::optim::detail

namespace duet::optim {

LossScale LossScale::init(float scale, LossScaleOptions options, std::source_location line) {
  LineScope scope(line);
  check<Error>(scale > 0 && std::isfinite(scale), "LossScale: the scale must be positive and finite: {}", scale);
  check<Error>(options.growth > 1 && options.backoff > 0 && options.backoff < 1 && options.interval > 0,
               "LossScale: growth {} must be above 1, backoff {} between 0 and 1, interval {} positive", options.growth,
               options.backoff, options.interval);
  return {options.growth, options.backoff, static_cast<float>(options.interval), full({}, scale), zeros({})};
}

Tensor LossScale::scaled(const Operand& loss) const {
  LineScope at(loss.line());
  return mul(cast(floating("LossScale", loss, "loss"), DType::f32), scale);
}

Tensor LossScale::unscale(const std::vector<Tensor*>& gradients) const {
  const DeviceScope there(scale.device());
  const Tensor back = div(Operand::constant(1), scale);
  detail::Rebinds all(gradients.size());
  Tensor total;  // of zeros, or NaN where a gradient is not finite
  for (size_t i = 0; i < gradients.size(); ++i) {
    const Tensor& g = *gradients[i];
    check<DTypeError>(g.dtype() == DType::f32 || g.dtype() == DType::f64,
                      "LossScale: gradient {} is {}; keep the parameters in f32 and compute under Autocast(f16)", i + 1,
                      g.spec());
    const Tensor zero = cast(sum(mul(g, Operand::constant(0))), DType::f32);
    total = total.defined() ? add(total, zero) : zero;
    all.later(*gradients[i], mul(g, detail::beside(g, back)));
  }
  all.now();
  return total.defined() ? eq(total, Operand::constant(0)) : ones({}, DType::boolean);
}

void LossScale::adjust(const Tensor& finite) {
  const Tensor steps = add(good_steps, Operand::constant(1)), due = ge(steps, interval);
  const Tensor grown = minimum(mul(scale, growth), Operand::constant(0x1p127));
  const Tensor next = where(finite, where(due, grown, scale), maximum(mul(scale, backoff), Operand::constant(1)));
  good_steps = where(logical_and(finite, logical_not(due)), steps, Operand::constant(0));
  scale = next;
}

}  // namespace duet::optim
