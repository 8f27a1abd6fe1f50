// Wrong calls of reductions, scans, sorts, movements, indexing and products.
#pragma once

#include <fmt/format.h>

#include "bad_calls/call.h"

namespace duet::bad {

inline void add_reductions(std::vector<Function>& all) {
  const Tensor a = expect::numbers({2, 3}, 1), m = a > 0, none = zeros({2, 0});
  auto reduce = [&](const char* name, Tensor (*f)(const Tensor&, const ReduceOver&), const Tensor& x, Types types) {
    all.push_back({"reductions", name, {tensor("x", x, types), axis(1, 2)}, [f](const Values& v) {
                     return Tensors{f(v.t(0), ReduceOver{{v.axis(1)}})};
                   }});
    all.push_back(
        {"reductions",
         name,
         {tensor("x", x, types), axis(1, 2),
          axis(0, 2, "second axis").also("the first again", int64_t{1}).also("-1, the first again", int64_t{-1})},
         [f](const Values& v) {
           return Tensors{f(v.t(0), ReduceOver{.axis = {v.axis(1), v.axis(2)}, .keepdims = true})};
         }});
    Argument many = choices("number of axes", 1, {7, 8, 100});
    all.push_back({"reductions", name, {tensor("x", x, types), many}, [f](const Values& v) {
                     if (v.n(1) == 1) return Tensors{f(v.t(0), ReduceOver{{0}})};
                     if (v.n(1) == 7) return Tensors{f(v.t(0), ReduceOver{{0, 0, 0, 0, 0, 0, 0}})};
                     if (v.n(1) == 8) return Tensors{f(v.t(0), ReduceOver{{0, 1, 2, 3, 4, 5, 6, 7}})};
                     return Tensors{f(v.t(0), ReduceOver{{-1, -1, -1, -1, -1, -1, -1, -1, -1}})};
                   }});
    all.push_back({"reductions", name, {tensor("x", x, types)}, [f](const Values& v) {
                     return Tensors{f(v.t(0), ReduceOver{})};
                   }});
    Argument scalar{"x", x, {{"a scalar", x.to(x.dtype())[0][0]}}};
    all.push_back({"reductions", name, {scalar, fixed("axis", int64_t{0})}, [f](const Values& v) {
                     return Tensors{f(v.t(0), ReduceOver{{v.axis(1)}})};
                   }});
  };
#define REDUCE(name, x, types) \
  reduce(                      \
      #name, [](const Tensor& t, const ReduceOver& over) { return name(t, over); }, x, types)
  REDUCE(sum, a, Types::any);
  REDUCE(mean, a, Types::any);
  REDUCE(max, a, Types::any);
  REDUCE(min, a, Types::any);
  REDUCE(prod, a, Types::any);
  REDUCE(reduce_any, m, Types::any);
  REDUCE(reduce_all, m, Types::any);
  REDUCE(var, a, Types::any);
  REDUCE(stddev, a, Types::any);
  REDUCE(logsumexp, a, Types::floats);
#undef REDUCE
  auto along = [&](const char* name, Along f, Types types) {
    all.push_back({"reductions", name, {tensor("x", a, types), axis(1, 2)}, [f](const Values& v) {
                     return Tensors{f(v.t(0), v.axis(1))};
                   }});
  };
  along(
      "argmax", [](const Tensor& x, int i) { return argmax(x, i); }, Types::any);
  along(
      "argmin", [](const Tensor& x, int i) { return argmin(x, i); }, Types::any);
  along(
      "cumsum", [](const Tensor& x, int i) { return cumsum(x, i); }, Types::any);
  along(
      "sort", [](const Tensor& x, int i) { return sort(x, i).values; }, Types::any);
  along(
      "argsort", [](const Tensor& x, int i) { return argsort(x, i, true); }, Types::any);
  along(
      "softmax", [](const Tensor& x, int i) { return softmax(x, i); }, Types::floats);
  along(
      "log_softmax", [](const Tensor& x, int i) { return log_softmax(x, i); }, Types::floats);
  auto none_of = [&](const char* name, Along f) {
    Argument x{"x", a, {{"no elements along the axis", none}, {"no elements of f64", none.to(f64)}}};
    all.push_back({"reductions", name, {x, fixed("axis", int64_t{1})}, [f](const Values& v) {
                     return Tensors{f(v.t(0), v.axis(1))};
                   }});
  };
  none_of("max", [](const Tensor& x, int i) { return max(x, i); });
  none_of("min", [](const Tensor& x, int i) { return min(x, i); });
  none_of("argmax", [](const Tensor& x, int i) { return argmax(x, i); });
  none_of("argmin", [](const Tensor& x, int i) { return argmin(x, i); });
  all.push_back({"reductions",
                 "topk",
                 {tensor("x", a, Types::any), choices("k", 2, {-1, 4, 5, INT_MIN, INT64_MIN, INT64_MAX}), axis(1, 2)},
                 [](const Values& v) {
                   const Sorted y = topk(v.t(0), v.n(1), v.axis(2));
                   return Tensors{y.values, y.indices};
                 }});
  for (bool root : {false, true})
    all.push_back({"reductions",
                   root ? "stddev" : "var",
                   {tensor("x", a, Types::any), axis(1, 2), choices("ddof", 1, {-1, -2, INT64_MIN})},
                   [root](const Values& v) {
                     return Tensors{root ? stddev(v.t(0), v.axis(1), v.n(2)) : var(v.t(0), v.axis(1), v.n(2))};
                   }});
  Argument to{"shape", Shape{1, 3}, {}};
  for (const Shape& s : {Shape{2}, Shape{4}, Shape{2, 2}, Shape{3, 3}, Shape{1, 2, 3}, Shape{-1}, Shape{0, 3},
                         Shape{INT64_MAX}, Shape{INT64_MIN, 3}})
    to.wrong.push_back({to_string(s), s});
  all.push_back({"reductions", "sum_to", {tensor("x", a, Types::any), to}, [](const Values& v) {
                   return Tensors{sum_to(v.t(0), v.s(1))};
                 }});
}

inline void add_movements(std::vector<Function>& all) {
  const Tensor a = expect::numbers({2, 3}, 1), b = expect::numbers({2, 3}, 2), image = expect::numbers({1, 2, 4, 4}, 3);
  auto of_shape = [&](const char* name, Tensor (*f)(const Tensor&, const Shape&), const Shape& good,
                      std::initializer_list<Shape> bad) {
    Argument s{"shape", good, {}};
    for (const Shape& x : bad) s.wrong.push_back({to_string(x), x});
    all.push_back({"movement", name, {tensor("x", a, Types::any), s}, [f](const Values& v) {
                     return Tensors{f(v.t(0), v.s(1))};
                   }});
  };
  constexpr int64_t big = int64_t{1} << 32, huge = int64_t{1} << 62;
  of_shape("reshape", [](const Tensor& x, const Shape& s) { return reshape(x, s); }, {3, 2},
           {{4},
            {4, -1},
            {-1, -1},
            {-2, -3},
            {-2, 3},
            {0},
            {0, -1},
            {6, 0},
            {},
            {7},
            {INT64_MIN},
            {INT64_MAX},
            {big, big},
            {huge, 4},
            {huge, -1},
            {-1, 0},
            {INT64_MIN, INT64_MIN},
            {-1, 4},
            {1, 1, 1, 1, 1, 5}});
  of_shape("reshape", [](const Tensor& x, const Shape& s) { return x.reshape(s); }, {6},
           {{4}, {4, -1}, {-1, -1}, {-6}, {0}, {}, {INT64_MIN}, {INT64_MAX}, {big, big}, {-1, big, big}});
  of_shape("broadcast_to", [](const Tensor& x, const Shape& s) { return broadcast_to(x, s); }, {4, 2, 3},
           {{2, 4},
            {3},
            {},
            {4, 3},
            {2, 6},
            {2, -3},
            {-1},
            {-1, 2, 3},
            {0, 3},
            {2, 0},
            {huge, 2, 3},
            {big, big, 2, 3},
            {INT64_MAX, 2, 3},
            {INT64_MIN, 2, 3},
            {0, huge, huge, 2, 3}});
  of_shape("repeat", [](const Tensor& x, const Shape& s) { return repeat(x, s); }, {2, 1},
           {{-1},
            {-1, 1},
            {1, -1},
            {INT64_MIN},
            {INT64_MAX},
            {big, big},
            {huge, 1},
            {1, huge},
            {INT64_MIN, 1},
            {huge, huge, huge, 1, 1}});
  all.push_back({"movement",
                 "transpose",
                 {tensor("x", a, Types::any), choices("first", 1, {0, 2, -2, INT_MIN, INT_MAX}),
                  choices("second", 0, {1, -1, 2, -3, INT_MIN, INT_MAX})},
                 [](const Values& v) {
                   return Tensors{transpose(v.t(0), {v.axis(1), v.axis(2)})};
                 }});
  Argument order = choices("number of axes", 2, {1, 3, 6, 7, 9});
  all.push_back({"movement", "transpose", {tensor("x", a, Types::any), order}, [](const Values& v) {
                   const Tensor& x = v.t(0);
                   switch (v.n(1)) {
                     case 1:
                       return Tensors{transpose(x, {0})};
                     case 3:
                       return Tensors{transpose(x, {0, 1, 2})};
                     case 6:
                       return Tensors{transpose(x, {0, 1, 2, 3, 4, 5})};
                     case 7:
                       return Tensors{transpose(x, {0, 1, 2, 3, 4, 5, 6})};
                     case 9:
                       return Tensors{transpose(x, {0, 1, 0, 1, 0, 1, 0, 1, 0})};
                     default:
                       return Tensors{transpose(x, {1, 0}), x.transpose()};
                   }
                 }});
  Argument step = positive("step", 1);
  for (bool member : {false, true})
    all.push_back({"movement", "slice", {tensor("x", a, Types::any), axis(1, 2), step}, [member](const Values& v) {
                     return Tensors{member ? v.t(0).slice(v.axis(1), 0, 2, v.n(2))
                                           : slice_axis(v.t(0), v.axis(1), 0, 2, v.n(2))};
                   }});
  all.push_back({"movement",
                 "row",
                 {tensor("x", a, Types::any), choices("i", 1, {2, 3, -3, -4, INT_MAX, INT_MIN, INT64_MAX, INT64_MIN})},
                 [](const Values& v) {
                   return Tensors{v.t(0).row(v.n(1)), v.t(0)[v.n(1)]};
                 },
                 {"slice"}});
  all.push_back(
      {"movement",
       "row",
       {Argument{
            "x", a, {{"a scalar", zeros({})}, {"no rows", zeros({0, 3})}, {"a scalar of bool", zeros({}, boolean)}}},
        fixed("i", int64_t{0})},
       [](const Values& v) { return Tensors{v.t(0)[v.n(1)]}; }});
  all.push_back({"movement",
                 "shape",
                 {Argument{"x", a, {{"empty", Tensor()}}}, axis(1, 2)},
                 [](const Values& v) { return Tensors{zeros({v.t(0).shape(v.axis(1))})}; },
                 {"Tensor"}});
  auto joined = [&](const char* name, Tensor (*f)(const Tensor&, const Tensor&, int), Fits fits, int64_t rank) {
    all.push_back({"movement",
                   name,
                   {tensor("first", a, Types::alike, fits), tensor("second", b, Types::alike, fits), axis(0, rank)},
                   [f](const Values& v) { return Tensors{f(v.t(0), v.t(1), v.axis(2))}; },
                   {"concat", "unsqueeze", "reshape"}});
  };
  joined(
      "stack",
      [](const Tensor& x, const Tensor& y, int i) {
        return stack({x, y}, i);
      },
      Fits::exactly, 3);
  joined(
      "concat",
      [](const Tensor& x, const Tensor& y, int i) {
        return concat({x, y}, i);
      },
      Fits::last, 2);
  Argument number = choices("number of tensors", 2, {0});
  for (bool stacks : {false, true})
    all.push_back({"movement", stacks ? "stack" : "concat", {fixed("x", a), number}, [stacks](const Values& v) {
                     const Tensors x(static_cast<size_t>(v.n(1)), v.t(0));
                     return Tensors{stacks ? stack(x) : concat(x)};
                   }});
  for (DType t : {i32, boolean})
    all.push_back({"movement", "cast", {tensor("x", a, Types::any)}, [t](const Values& v) {
                     return Tensors{cast(v.t(0), t), v.t(0).to(t)};
                   }});
  all.push_back({"movement",
                 "cast",
                 {tensor("x", a, Types::any)},
                 [](const Values& v) { return Tensors{v.t(0).to(f64)}; },
                 {"to"}});
  // These give a dead value back as it is, without a look at its elements; the next operation refuses it.
  all.push_back(
      {"movement", "copy", {tensor("x", a, Types::any).without("never").without("example")}, [](const Values& v) {
         return Tensors{contiguous(v.t(0))};
       }});
  all.push_back({"movement",
                 "copy",
                 {tensor("x", a, Types::any).without("never").without("example")},
                 [](const Values& v) { return Tensors{v.t(0).contiguous()}; },
                 {"contiguous"}});
  all.push_back({"movement",
                 "stop_gradient",
                 {tensor("x", a, Types::any).without("never").without("example")},
                 [](const Values& v) { return Tensors{stop_gradient(v.t(0))}; }});
  all.push_back({"movement",
                 "squeeze",
                 {tensor("x", expect::numbers({2, 1, 3}), Types::any),
                  axis(1, 3).also("of extent 2", int64_t{0}).also("of extent 3", int64_t{-1})},
                 [](const Values& v) { return Tensors{squeeze(v.t(0), v.axis(1))}; }});
  all.push_back(
      {"movement", "squeeze", {tensor("x", a, Types::any)}, [](const Values& v) { return Tensors{squeeze(v.t(0))}; }});
  all.push_back({"movement",
                 "unsqueeze",
                 {tensor("x", a, Types::any).also("of six axes", zeros({1, 1, 1, 1, 1, 2})), axis(2, 3)},
                 [](const Values& v) { return Tensors{unsqueeze(v.t(0), v.axis(1))}; }});
  all.push_back({"movement", "flip", {tensor("x", a, Types::any), axis(1, 2)}, [](const Values& v) {
                   return Tensors{flip(v.t(0), v.axis(1))};
                 }});
  all.push_back({"movement", "roll", {tensor("x", a, Types::any), axis(1, 2)}, [](const Values& v) {
                   return Tensors{roll(v.t(0), 1, v.axis(1))};
                 }});
  const Argument pads = choices("before", 1, {-1, -2, INT_MIN, INT64_MIN, INT64_MAX, INT64_MAX - 1, huge});
  Argument after = pads;
  after.name = "after";
  all.push_back({"movement",
                 "pad",
                 {tensor("x", a, Types::any), pads, after, choices("number of pairs", 2, {0, 1, 3, 7})},
                 [](const Values& v) {
                   std::vector<std::pair<int64_t, int64_t>> p(static_cast<size_t>(v.n(3)), {0, 0});
                   if (!p.empty()) p[0] = {v.n(1), v.n(2)};
                   return Tensors{pad(v.t(0), p)};
                 }});
  for (bool lower : {true, false})
    all.push_back({"movement",
                   lower ? "tril" : "triu",
                   {tensor("x", a, Types::any).also("a vector", zeros({3})).also("a scalar", zeros({}))},
                   [lower](const Values& v) { return Tensors{lower ? tril(v.t(0)) : triu(v.t(0), 1)}; }});
  all.push_back({"movement",
                 "update",
                 {tensor("x", a, Types::alike, Fits::last), axis(0, 2),
                  choices("start", 1, {2, 3, -3, -4, INT_MAX, INT_MIN, INT64_MAX, INT64_MIN}),
                  tensor("value", expect::numbers({1, 3}), Types::alike, Fits::exactly)},
                 [](const Values& v) { return Tensors{update(v.t(0), v.axis(1), v.n(2), v.t(3))}; },
                 {"slice"}});
  all.push_back(
      {"movement",
       "windows",
       {tensor("x", image, Types::any).also("a vector", zeros({4})).also("of five axes", zeros({1, 1, 1, 4, 4})),
        positive("kh", 2).also("5", int64_t{5}).also("INT64_MAX", INT64_MAX),
        positive("kw", 2).also("5", int64_t{5}).also("INT64_MAX", INT64_MAX), positive("stride_h", 1),
        positive("stride_w", 1)},
       [](const Values& v) { return Tensors{windows(v.t(0), v.n(1), v.n(2), v.n(3), v.n(4))}; }});
}

inline void add_indexing(std::vector<Function>& all) {
  const Tensor a = expect::numbers({4, 3}, 1), i = duet::tensor({0, 3, 1}), grid = zeros({4, 3}, i32);
  // Indices of integers that are all there but one.
  auto index = [&](const Tensor& good, int64_t least, int64_t beyond, Fits fits) {
    Argument x = tensor("index", good, Types::integers, fits);
    for (int64_t bad : {beyond, beyond + 1, least - 1, least - 2, int64_t{INT_MAX}, int64_t{INT_MIN}})
      for (int64_t at : {int64_t{0}, good.numel() - 1}) {
        std::vector<int> all_of = good.to_vector<int>();
        all_of[static_cast<size_t>(at)] = static_cast<int>(bad);
        x.wrong.push_back({fmt::format("with {} at {}", bad, at), from_vector(all_of, good.shape())});
      }
    for (int64_t bad : {INT64_MAX, INT64_MIN, int64_t{1} << 32, -(int64_t{1} << 32)}) {
      std::vector<int64_t> all_of = good.to(i64).to_vector<int64_t>();
      all_of[0] = bad;
      x.wrong.push_back({fmt::format("with {} at 0", bad), from_vector(all_of, good.shape())});
    }
    x.wrong.push_back({"with 255 in u8", full(good.shape(), 255, u8)});
    return x;
  };
  all.push_back({"indexing",
                 "gather",
                 {tensor("x", a, Types::any).also("a scalar", zeros({})), index(i, -4, 4, Fits::any), axis(0, 2)},
                 [](const Values& v) { return Tensors{gather(v.t(0), v.t(1), v.axis(2))}; }});
  all.push_back({"indexing",
                 "take",
                 {tensor("x", a, Types::any).also("no elements", zeros({0})), index(i, -12, 12, Fits::any)},
                 [](const Values& v) { return Tensors{take(v.t(0), v.t(1))}; }});
  all.push_back({"indexing",
                 "embedding",
                 {tensor("table", a, Types::any).also("a vector", zeros({3})).also("of three axes", zeros({2, 3, 4})),
                  index(i, 0, 4, Fits::any)},
                 [](const Values& v) { return Tensors{embedding(v.t(0), v.t(1))}; }});
  all.push_back({"indexing",
                 "one_hot",
                 {index(i, 0, 4, Fits::any).also("of six axes", zeros({1, 1, 1, 1, 1, 2}, i32)),
                  count("classes", 4).also("none", int64_t{0})},
                 [](const Values& v) { return Tensors{one_hot(v.t(0), v.n(1))}; }});
  all.push_back(
      {"indexing",
       "scatter_add",
       {tensor("base", a, Types::alike, Fits::last).also("a scalar", zeros({})), index(i, -4, 4, Fits::exactly),
        tensor("updates", expect::numbers({3, 3}), Types::alike, Fits::exactly), axis(0, 2)},
       [](const Values& v) { return Tensors{scatter_add(v.t(0), v.t(1), v.t(2), v.axis(3))}; }});
  all.push_back({"indexing",
                 "take_along_axis",
                 {tensor("x", a, Types::any).also("a scalar", zeros({})).also("a vector", zeros({4})),
                  index(grid, -4, 4, Fits::any).also("a vector", zeros({3}, i32)).also("too wide", zeros({4, 4}, i32)),
                  axis(0, 2)},
                 [](const Values& v) { return Tensors{take_along_axis(v.t(0), v.t(1), v.axis(2))}; }});
  all.push_back({"indexing",
                 "scatter_add_along_axis",
                 {tensor("base", a, Types::alike).also("a scalar", zeros({})).also("a vector", zeros({4})),
                  index(grid, -4, 4, Fits::exactly),
                  tensor("updates", expect::numbers({4, 3}), Types::alike, Fits::exactly), axis(0, 2)},
                 [](const Values& v) { return Tensors{scatter_add_along_axis(v.t(0), v.t(1), v.t(2), v.axis(3))}; }});
}

}  // namespace duet::bad
