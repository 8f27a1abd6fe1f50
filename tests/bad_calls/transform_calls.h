// Wrong calls of transforms and of functions in them, of compile, freeze and trees.
#pragma once

#include <fmt/format.h>

#include "bad_calls/call.h"

namespace duet::bad {

inline Tensor squares(const Tensor& x) { return sum(x * x * 0.5f); }

inline void add_transforms(std::vector<Function>& all) {
  const Tensor x = expect::numbers({2, 3}, 1), w = expect::numbers({3}, 2);
  auto made = [&](const char* name, std::vector<Argument> arguments, OfValues f, std::vector<std::string> says = {}) {
    all.push_back(
        {"transforms", name, std::move(arguments), [f](const Values& v) { return Tensors{f(v)}; }, std::move(says)});
  };
  auto floats = [](const char* name, const Tensor& t) { return tensor(name, t, Types::alike); };
  made("grad",
       {floats("x", x)
            .without("of f64")
            .without("no elements of f64")
            .without("of f16")
            .without("no elements of f16")
            .without("of bf16")
            .without("no elements of bf16")},
       [](const Values& v) { return grad(squares)(v.t(0)); }, {"mul", "sum", "alias"});
  made("grad",
       {Argument{"result",
                 int64_t{0},
                 {{"a matrix", int64_t{1}},
                  {"whole", int64_t{2}},
                  {"bool", int64_t{3}},
                  {"empty", int64_t{4}},
                  {"no elements", int64_t{5}},
                  {"a vector", int64_t{6}}}},
        fixed("x", x)},
       [](const Values& v) {
         return grad([&](const Tensor& t) -> Tensor {
           switch (v.n(0)) {
             case 0:
               return sum(t);
             case 1:
               return t * 2;
             case 2:
               return sum(t.to(i32));
             case 3:
               return reduce_any(t > 0);
             case 4:
               return Tensor();
             case 5:
               return t.slice(0, 0, 0);
             default:
               return sum(t, 0);
           }
         })(v.t(1));
       });
  using Inner = std::function<Tensor(const Tensor&)>;
  // Each transform of a function that calls an operation wrongly: nothing of the transform stays behind.
  auto within = [&](const char* name, Tensor (*f)(const Tensor&, const Inner&)) {
    made("add", {tensor("w", w, Types::alike, Fits::last)},
         [f, x](const Values& v) { return f(x, [&](const Tensor& t) { return t + v.t(0); }); });
    made(
        "reshape",
        {Argument{
            "shape",
            Shape{6},
            {{"[5]", Shape{5}}, {"[-1,-1]", Shape{-1, -1}}, {"[-2]", Shape{-2}}, {"[2^62]", Shape{int64_t{1} << 62}}}}},
        [f, x](const Values& v) {
          return f(x, [&](const Tensor& t) { return sum(t) + sum(reshape(ones({6}), v.s(0))) * 0 + t; });
        });
    made("gather",
         {Argument{"index",
                   zeros({2}, i32),
                   {{"out of range", duet::tensor({0, 9})}, {"of f32", zeros({2})}, {"below", duet::tensor({-4, 0})}}}},
         [f, x](const Values& v) { return f(x, [&](const Tensor& t) { return t + sum(gather(ones({3}), v.t(0))); }); });
    made("matmul", {tensor("w", ones({3, 2}), Types::alike).also("[2,2]", ones({2, 2})).also("a scalar", ones({}))},
         [f, x](const Values& v) {
           return f(x, [&](const Tensor& t) { return t + sum(matmul(ones({2, 3}), v.t(0))); });
         });
    made("softmax", {axis(1, 2)}, [f, x](const Values& v) {
      return f(x, [&](const Tensor& t) { return t + sum(softmax(ones({2, 3}), v.axis(0))); });
    });
    static_cast<void>(name);
  };
  within("grad", [](const Tensor& t, const Inner& f) { return grad([&](const Tensor& z) { return sum(f(z)); })(t); });
  within("grad of grad", [](const Tensor& t, const Inner& f) {
    return grad([&](const Tensor& z) { return sum(grad([&](const Tensor& u) { return sum(f(u) * f(u)); })(z)); })(t);
  });
  within("vjp", [](const Tensor& t, const Inner& f) {
    auto [y, pullback] = vjp([&](const Tensor& z) -> Tensor { return f(z); }, t);
    return std::get<0>(pullback(ones(y.shape())));
  });
  within("jvp", [](const Tensor& t, const Inner& f) {
    return jvp([&](const Tensor& z) -> Tensor { return f(z); }, t, ones(t.shape())).second;
  });
  within("vmap", [](const Tensor& t, const Inner& f) {
    return vmap([&](const Tensor& z) -> Tensor { return f(z); })(stack({t, t}));
  });
  within("vmap of grad", [](const Tensor& t, const Inner& f) {
    return vmap(grad([&](const Tensor& z) { return sum(f(z)); }))(stack({t, t}));
  });
  within("checkpoint", [](const Tensor& t, const Inner& f) {
    return checkpoint([f](const Tensor& z) -> Tensor { return f(z); })(t);
  });
  within("grad of checkpoint", [](const Tensor& t, const Inner& f) {
    return grad(checkpoint([f](const Tensor& z) -> Tensor { return sum(f(z)); }))(t);
  });
  within("custom_vjp", [](const Tensor& t, const Inner& f) {
    auto rule = custom_vjp([f](const Tensor& z) -> Tensor { return f(z); },
                           [f](const Tensor& z) { return std::pair<Tensor, Tensor>(f(z), z); },
                           [](const Tensor&, const Tensor& dy) { return dy; });
    return grad([&](const Tensor& z) { return sum(rule(z)); })(t);
  });
  within("custom_vjp's backward", [](const Tensor& t, const Inner& f) {
    auto rule = custom_vjp([](const Tensor& z) { return z * 2; },
                           [](const Tensor& z) {
                             return std::pair{z * 2, z};
                           },
                           [f](const Tensor&, const Tensor& dy) -> Tensor { return f(dy); });
    return grad([&](const Tensor& z) { return sum(rule(z)); })(t);
  });
  within("compile",
         [](const Tensor& t, const Inner& f) { return compile([&](const Tensor& z) -> Tensor { return f(z); })(t); });

  made("vjp", {tensor("dy", x, Types::alike, Fits::exactly)},
       [x](const Values& v) {
         auto [y, pullback] = vjp([](const Tensor& t) { return t * 2; }, x);
         return std::get<0>(pullback(v.t(0)));
       },
       {"pullback", "mul_vjp"});
  made("jvp", {tensor("tangent", x, Types::alike, Fits::exactly)},
       [x](const Values& v) { return jvp([](const Tensor& t) { return t * 2; }, x, v.t(0)).second; }, {"mul_vjp"});
  made("vmap",
       {tensor("a", x, Types::alike, Fits::exactly)
            .without("of shape [2,5")
            .without("of shape [2,4")
            .without("of six")
            .without("of shape [2,2,3]"),
        tensor("b", x, Types::alike).also("more of them", ones({3, 3})).also("a scalar", zeros({}))},
       [](const Values& v) { return vmap([](const Tensor& a, const Tensor& b) { return a * b; })(v.t(0), v.t(1)); },
       {"mul"});
  made("vmap", {choices("unbatched", 1, {2, 3, -1, INT_MAX, INT_MIN})}, [x](const Values& v) {
    return vmap([](const Tensor& a, const Tensor& b) { return a * sum(b); }, {.unbatched = {v.axis(0)}})(x, x);
  });
  made("custom_vjp",
       {tensor("gradient", x, Types::alike, Fits::exactly).without("empty").without("never").without("example")},
       [x](const Values& v) {
         auto rule = custom_vjp([](const Tensor& z) { return z * 2; },
                                [](const Tensor& z) {
                                  return std::pair{z * 2, z};
                                },
                                [&](const Tensor&, const Tensor&) { return v.t(0); });
         return grad([&](const Tensor& z) { return sum(rule(z)); })(x);
       },
       {"alias", "mul", "add"});
  for (bool freezes : {false, true})
    made("passes",
         {Argument{"without",
                   std::string("fuse"),
                   {{"of no name", std::string()},
                    {"fusion", std::string("fusion")},
                    {"Fuse", std::string("Fuse")},
                    {"with a space", std::string("fuse ")},
                    {"two", std::string("fuse,dce")}}}},
         [freezes, x](const Values& v) {
           if (freezes) return freeze(squares, {.without = {v.text(0)}})(x);
           return compile(squares, {.without = {v.text(0)}})(x);
         });
}

}  // namespace duet::bad
