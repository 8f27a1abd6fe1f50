// Wrong calls of what makes tensors and random numbers, of optimisers and schedules.
#pragma once

#include <fmt/format.h>

#include "bad_calls/call.h"

namespace duet::bad {

inline void add_creation(std::vector<Function>& all) {
  auto made = [&](const char* name, std::vector<Argument> arguments, OfValues f, std::vector<std::string> says = {}) {
    all.push_back(
        {"creation", name, std::move(arguments), [f](const Values& v) { return Tensors{f(v)}; }, std::move(says)});
  };
  const Shape some{2, 3};
  for (DType t : {f32, f64, i32, i64, u8, boolean}) {
    made("zeros", {extents("shape", some)}, [t](const Values& v) { return zeros(v.s(0), t); });
    made("ones", {extents("shape", some)}, [t](const Values& v) { return ones(v.s(0), t); });
    made("full", {extents("shape", some)}, [t](const Values& v) { return full(v.s(0), 1, t); });
    made("full",
         {extents("shape", some), tensor("value", zeros({}, t).to(t), Types::any)
                                      .without("")
                                      .also("a tensor", ones({2, 3}))
                                      .also("empty", Tensor())},
         [t](const Values& v) {
           return v.t(1).defined() && v.t(1).rank() == 0 ? full(v.s(0), 0, t) : full(v.s(0), v.t(1), t);
         });
  }
  made("full", {fixed("shape", some), choices("value", 1, {-1, 256, 300, INT_MAX, INT_MIN, INT64_MAX, INT64_MIN})},
       [](const Values& v) { return full(v.s(0), v.n(1), u8); });
  made("full",
       {fixed("shape", some), choices("value", 1, {int64_t{INT_MAX} + 1, int64_t{INT_MIN} - 1, INT64_MAX, INT64_MIN})},
       [](const Values& v) { return full(v.s(0), v.n(1), i32); });
  made("full", {fixed("shape", some), choices("value", 1, {2, -1, 300})},
       [](const Values& v) { return full(v.s(0), v.n(1), boolean); });
  for (DType t : {i32, i64, u8, boolean})
    made("full", {fixed("shape", some), reals("value", 1, {0.5, 2, kNaN, kInf, 1e300})},
         [t](const Values& v) { return v.d(1) == 1 ? full(v.s(0), 1, t) : full(v.s(0), v.d(1), t); });
  for (DType t : {f32, f64, i32, i64})
    made("arange", {count("n", 4)}, [t](const Values& v) { return arange(v.n(0), t); });
  made("arange", {fixed("n", int64_t{3}), Argument{"dtype", i32, {{"bool", boolean}}}},
       [](const Values& v) { return arange(v.n(0), v.type(1)); });
  for (DType t : {f32, i32, i64, u8})
    made("arange",
         {reals("start", 0, {kNaN, kInf, -kInf, -1e300}), reals("stop", 4, {kNaN, kInf, -kInf, 1e300}),
          reals("step", 1, {0, kNaN, kInf, -kInf})},
         [t](const Values& v) { return arange(v.d(0), v.d(1), v.d(2), t); });
  made("arange", {reals("start", 0, {0.5, -0.25}), reals("step", 1, {0.5, 1.5})},
       [](const Values& v) { return arange(v.d(0), 4.0, v.d(1), i32); });
  made("arange", {reals("start", 0, {-1, -300, 256, 1e18})},
       [](const Values& v) { return arange(v.d(0), v.d(0) + 256, 1, u8); });
  made("eye", {count("n", 3)}, [](const Values& v) { return eye(v.n(0)); }, {"arange"});
  made("from_span",
       {extents("shape", some)
            .also("[7]", Shape{7})
            .also("[]", Shape{})
            .also("[0]", Shape{0})
            .also("[3,3]", Shape{3, 3})},
       [](const Values& v) { return from_vector(std::vector<float>(6), v.s(0)); });
  made("from_span", {extents("shape", some).also("[7]", Shape{7}).also("[]", Shape{}).also("[0,6]", Shape{0, 6})},
       [](const Values& v) { return from_vector(std::vector<int64_t>(6), v.s(0)); });
  made("tensor", {choices("length of the second row", 2, {0, 1, 3})}, [](const Values& v) {
    return v.n(0) == 0   ? duet::tensor({{1., 2.}, {}})
           : v.n(0) == 1 ? duet::tensor({{1., 2.}, {1.}})
           : v.n(0) == 3 ? duet::tensor({{1., 2.}, {1., 2., 3.}})
                         : duet::tensor({{1., 2.}, {3., 4.}});
  });
  made("shape", {choices("axes", 3, {7, 8, 100})}, [](const Values& v) {
    if (v.n(0) == 7) return zeros({1, 1, 1, 1, 1, 1, 1});
    if (v.n(0) == 8) return zeros({1, 1, 1, 1, 1, 1, 1, 1});
    const std::vector<int64_t> ones(static_cast<size_t>(v.n(0)), 1);
    return zeros(Shape(ones.data(), static_cast<int>(ones.size()), std::source_location::current()));
  });
}

inline void add_random(std::vector<Function>& all) {
  const Tensor data = Key(5).data(), x = expect::numbers({2, 3}, 1);
  auto key = [&] {
    return tensor("key", data, Types::alike)
        .also("[3]", zeros({3}, i32))
        .also("[1]", zeros({1}, i32))
        .also("[2,2]", zeros({2, 2}, i32))
        .also("a scalar", zeros({}, i32));
  };
  auto drawn = [&](const char* name, std::vector<Argument> more, std::function<Tensor(const Key&, const Values&)> f,
                   std::vector<std::string> says = {}) {
    std::vector<Argument> arguments = {key()};
    for (Argument& a : more) arguments.push_back(std::move(a));
    for (const char* of : {"Key", "uniform"}) says.emplace_back(of);
    all.push_back({"random", name, std::move(arguments), [f](const Values& v) { return Tensors{f(Key(v.t(0)), v)}; },
                   std::move(says)});
  };
  drawn("uniform", {extents("shape", Shape{2, 3})}, [](const Key& k, const Values& v) { return uniform(k, v.s(1)); });
  drawn("normal", {extents("shape", Shape{2, 3})},
        [](const Key& k, const Values& v) { return normal(k, v.s(1), 1, 2); });
  const Argument p = reals("p", 0.5, {-0.1, 1.5, kNaN, kInf, -kInf, -1e-9, 1 + 1e-9});
  drawn("bernoulli", {p, extents("shape", Shape{2, 3})},
        [](const Key& k, const Values& v) { return bernoulli(k, v.d(1), v.s(2)); });
  drawn("dropout", {tensor("x", x, Types::floats), reals("p", 0.5, {-0.1, 1, 1.5, kNaN, kInf, -kInf})},
        [](const Key& k, const Values& v) { return dropout(v.t(1), v.d(2), k); });
  drawn("categorical",
        {tensor("logits", x, Types::floats).also("a scalar", zeros({})).also("none", zeros({2, 0})), axis(1, 2)},
        [](const Key& k, const Values& v) { return categorical(k, v.t(1), v.axis(2)); });
  drawn("permutation", {count("n", 5)}, [](const Key& k, const Values& v) { return permutation(k, v.n(1)); });
  drawn("split", {count("n", 2)}, [](const Key& k, const Values& v) { return split(k, v.n(1))[0].data(); });
  drawn("fold_in",
        {tensor("i", duet::tensor({3}).reshape({}), Types::integers)
             .also("two", duet::tensor({1, 2}))
             .also("none", zeros({0}, i32))},
        [](const Key& k, const Values& v) { return fold_in(k, v.t(1)).data(); });
}

struct Two {
  Tensor a, b;
};

inline void add_training(std::vector<Function>& all) {
  const Tensor a = expect::numbers({7}, 1), b = expect::numbers({2, 3}, 2);
  const Tensor rate = full({}, 0.1f);
  // A model, its gradients and a rate; what fails leaves model and state as they were.
  auto optimiser = [&](const char* name, auto init) {
    auto like = [](const char* what, const Tensor& t) { return tensor(what, t, Types::alike, Fits::exactly); };
    all.push_back({"training",
                   name,
                   {like("gradient 1", a), like("gradient 2", b),
                    tensor("rate", rate, Types::alike)
                        .also("two numbers", duet::tensor({0.1, 0.2}))
                        .also("[1]", duet::tensor({0.1}))},
                   [=](const Values& v) {
                     Two m{a, b};
                     auto state = init(m);
                     const bool recorded = thread_state.trace != nullptr;
                     const std::string before = recorded ? "" : expect::tree_bits(m) + expect::tree_bits(state);
                     try {
                       state.update(m, Two{v.t(0), v.t(1)}, v.t(2));
                     } catch (const Error&) {
                       if (!recorded && expect::tree_bits(m) + expect::tree_bits(state) != before)
                         throw std::logic_error("the failed update changed the model or its state");
                       throw;
                     }
                     return Tensors{m.a, m.b};
                   },
                   {"cast", "div"}});
  };
  optimiser("Sgd", [](const Two& m) { return optim::Sgd::init(m, 0.9f); });
  optimiser("Sgd", [](const Two& m) { return optim::Sgd::init(m, 0, {.weight_decay = 0.1f}); });
  optimiser("Adam", [](const Two& m) { return optim::Adam::init(m); });
  optimiser("AdamW", [](const Two& m) { return optim::AdamW::init(m); });
  optimiser("Lion", [](const Two& m) { return optim::Lion::init(m); });
  auto made = [&](const char* name, std::vector<Argument> arguments, auto f) {
    all.push_back({"training", name, std::move(arguments), [=](const Values& v) {
                     f(Two{a, b}, v);
                     return Tensors{a};
                   }});
  };
  auto decay = [](const char* name, double good) {
    return reals(name, good, {1, -0.5, 1.5, -1e-6, kNaN, kInf, -kInf});
  };
  const Argument epsilon = reals("epsilon", 1e-8, {0, -1e-8, kNaN, -kInf});
  made("Adam", {decay("beta1", 0.9), decay("beta2", 0.99), epsilon},
       [](const Two& m, const Values& v) { optim::Adam::init(m, v.f(0), v.f(1), v.f(2)); });
  made("AdamW", {decay("beta1", 0.9), decay("beta2", 0.99), epsilon}, [](const Two& m, const Values& v) {
    optim::AdamW::init(m, {.beta1 = v.f(0), .beta2 = v.f(1), .epsilon = v.f(2)});
  });
  made("Lion", {decay("beta1", 0.9), decay("beta2", 0.99)},
       [](const Two& m, const Values& v) { optim::Lion::init(m, {.beta1 = v.f(0), .beta2 = v.f(1)}); });
  made("Sgd", {reals("momentum", 0.9, {0})},
       [](const Two& m, const Values& v) { optim::Sgd::init(m, v.f(0), {.nesterov = true}); });
  // What is empty or has integers is no parameter.
  all.push_back({"training",
                 "clip_by_global_norm",
                 {tensor("gradient", a, Types::any).without("empty"), reals("norm", 1, {0, -1, kNaN, -kInf})},
                 [b](const Values& v) {
                   return Tensors{optim::clip_by_global_norm(Two{v.t(0), b}, v.d(1)).gradients.a};
                 },
                 {"Tensor", "square", "mul"}});
  all.push_back({"training",
                 "clip_by_global_norm",
                 {fixed("gradient", a),
                  tensor("norm", full({}, 1.f), Types::any).also("none", zeros({0})).also("two numbers", ones({2}))},
                 [b](const Values& v) {
                   return Tensors{optim::clip_by_global_norm(Two{v.t(0), b}, v.t(1)).gradients.a};
                 },
                 {"div", "cast"}});
  auto schedule = [&](const char* name, std::vector<Argument> arguments, float (*f)(const Values&)) {
    all.push_back({"training", name, std::move(arguments), [f](const Values& v) { return Tensors{full({}, f(v))}; }});
  };
  const Argument step = choices("step", 3, {-1, -2, INT_MIN, INT64_MIN});
  const Argument length = choices("warmup", 2, {-1, -2, INT_MIN, INT64_MIN});
  const Argument factor = reals("factor", 0.5, {-0.5, -kInf, kNaN});
  schedule("constant", {step}, [](const Values& v) { return optim::constant(v.n(0), 0.1f); });
  schedule("warmup", {step, length}, [](const Values& v) { return optim::warmup(v.n(0), 0.1f, v.n(1)); });
  schedule("warmup_cosine", {step, length, choices("steps", 9, {2, 1, 0, -1, INT64_MIN})},
           [](const Values& v) { return optim::warmup_cosine(v.n(0), 0.1f, v.n(1), v.n(2)); });
  schedule("exponential_decay", {step, factor, positive("every", 2)},
           [](const Values& v) { return optim::exponential_decay(v.n(0), 0.1f, v.f(1), v.n(2)); });
  schedule("step_decay", {step, factor, positive("every", 2)},
           [](const Values& v) { return optim::step_decay(v.n(0), 0.1f, v.f(1), v.n(2)); });
}

}  // namespace duet::bad
