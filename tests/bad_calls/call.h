// Wrong calls, generated: each function has a good call, and each of its arguments the values that it must refuse
// there.
#pragma once

#include <climits>
#include <functional>
#include <limits>
#include <stdexcept>
#include <variant>

#include "expect.h"

namespace duet::bad {

using Tensors = std::vector<Tensor>;
using Value = std::variant<Tensor, int64_t, double, Shape, DType, std::string>;

/// The arguments of one call.
class Values {
 public:
  explicit Values(std::vector<Value> all) : all_(std::move(all)) {}
  const Tensor& t(size_t i) const { return std::get<Tensor>(all_[i]); }
  int64_t n(size_t i) const { return std::get<int64_t>(all_[i]); }
  int axis(size_t i) const { return static_cast<int>(n(i)); }
  double d(size_t i) const { return std::get<double>(all_[i]); }
  float f(size_t i) const { return static_cast<float>(d(i)); }
  const Shape& s(size_t i) const { return std::get<Shape>(all_[i]); }
  DType type(size_t i) const { return std::get<DType>(all_[i]); }
  const std::string& text(size_t i) const { return std::get<std::string>(all_[i]); }
  size_t size() const { return all_.size(); }
  Value& operator[](size_t i) { return all_[i]; }
  const Value& operator[](size_t i) const { return all_[i]; }

 private:
  std::vector<Value> all_;
};

struct Wrong {
  std::string what;
  Value value;
};
struct Argument {
  std::string name;
  Value good;
  std::vector<Wrong> wrong;
  Argument also(std::string what, Value value) && {
    wrong.push_back({std::move(what), std::move(value)});
    return std::move(*this);
  }
  Argument without(std::string_view what) && {
    std::erase_if(wrong, [&](const Wrong& w) { return w.what.starts_with(what); });
    return std::move(*this);
  }
};

// What helpers take: of one type, so that each is compiled once and not for every function.
using Unary = Tensor (*)(const Tensor&);
using Binary = Tensor (*)(const Tensor&, const Tensor&);
using Along = Tensor (*)(const Tensor&, int);
using OfValues = std::function<Tensor(const Values&)>;

/// Where a function may be called: anywhere, or in programs that are not recorded, as it works on the host.
enum class Life { all, host };

struct Function {
  std::string family, name;
  std::vector<Argument> arguments;
  std::function<Tensors(const Values&)> call;
  std::vector<std::string> says = {};  // other names with which its messages may begin: of what it is made of
  Life life = Life::all;
  bool pairs = true;  // two wrong arguments at once are tried too
};

// --- the values that are wrong ---

/// A value like `good` that a compiled function recorded and never computed: it threw.
inline Tensor never_computed(const Tensor& good) {
  Tensor escaped;
  auto f = compile([&](const Tensor& x) {
    escaped = where(true, x, x);
    throw std::runtime_error("on purpose");
    return x;
  });
  try {
    f(good);
  } catch (const std::runtime_error&) {
  }
  return escaped;
}
/// One example like `good` of a batch whose vmap is over.
inline Tensor leaked_example(const Tensor& good) {
  Tensor escaped;
  vmap([&](const Tensor& x) { return escaped = where(true, x, x); })(stack({good, good}));
  return escaped;
}

enum class Types { floats, numbers, integers, bools, any, alike };  // alike: no other than the good one's
enum class Fits { any, last, broadcast, exactly };  // last: only the last axis of others is like this one's

inline bool takes(Types types, DType t, DType good) {
  switch (types) {
    case Types::floats:
      return is_float(t);
    case Types::numbers:
      return t != boolean;
    case Types::integers:
      return t == i32 || t == i64 || t == u8;
    case Types::bools:
      return t == boolean;
    case Types::any:
      return true;
    case Types::alike:
      return t == good;
  }
  return false;
}

/// A tensor: empty, dead, of types that are not taken and of shapes that do not fit are wrong.
inline Argument tensor(std::string name, const Tensor& good, Types types, Fits fits = Fits::any) {
  Argument a{std::move(name), good, {}};
  auto wrong = [&](std::string what, const Tensor& t) { a.wrong.push_back({std::move(what), t}); };
  wrong("empty", Tensor());
  wrong("never computed", never_computed(good));
  wrong("example of a vmap that is over", leaked_example(good));
  const DType dtype = good.dtype();
  for (DType t : {f32, f64, i32, i64, u8, boolean, f16, bf16})
    if (t != dtype && !takes(types, t, dtype)) {
      wrong("of " + std::string(duet::name(t)), good.to(t));
      wrong("no elements of " + std::string(duet::name(t)), zeros({0}, t));
    }
  if (fits == Fits::any) return a;
  const Shape shape = good.shape();
  for (int axis = 0; axis < shape.rank(); ++axis)
    for (int64_t by : {1, 2}) {
      Shape s = shape;
      s[axis] += by;
      if (fits == Fits::exactly || (shape[axis] > 1 && (fits == Fits::broadcast || axis == shape.rank() - 1)))
        wrong("of shape " + to_string(s), zeros(s, dtype));
    }
  if (fits != Fits::exactly) return a;
  Shape longer = {2};
  for (int64_t d : shape) longer.push_back(d);
  wrong("of shape " + to_string(longer), zeros(longer, dtype));
  if (shape.rank() > 0) {
    wrong("a scalar", zeros({}, dtype));
    wrong("an axis less", zeros(Shape(shape.begin() + 1, shape.rank() - 1), dtype));
  }
  wrong("of six axes", zeros({1, 1, 2, 1, 1, 3}, dtype));
  return a;
}

inline Argument choices(std::string name, int64_t good, std::initializer_list<int64_t> bad) {
  Argument a{std::move(name), good, {}};
  for (int64_t n : bad) a.wrong.push_back({std::to_string(n), n});
  return a;
}
/// An axis of a tensor of this rank: those on both sides are wrong.
inline Argument axis(int64_t good, int64_t rank, std::string name = "axis") {
  return choices(std::move(name), good, {rank, rank + 1, rank + 64, -rank - 1, -rank - 2, INT_MAX, INT_MIN});
}
/// A count: negative and absurd ones are wrong.
inline Argument count(std::string name, int64_t good) {
  return choices(std::move(name), good, {-1, -2, INT_MIN, INT64_MIN, INT64_MAX, INT64_MAX - 1, int64_t{1} << 62});
}
/// A number of at least one.
inline Argument positive(std::string name, int64_t good) {
  return choices(std::move(name), good, {0, -1, -2, INT_MIN, INT64_MIN, INT64_MIN + 1});
}
inline Argument reals(std::string name, double good, std::initializer_list<double> bad) {
  Argument a{std::move(name), good, {}};
  for (double d : bad) a.wrong.push_back({shortest(d), d});
  return a;
}
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInf = std::numeric_limits<double>::infinity();
/// The extents of something made: negative ones, and more than can be counted, are wrong.
inline Argument extents(std::string name, const Shape& good) {
  constexpr int64_t big = int64_t{1} << 32, huge = int64_t{1} << 62;
  Argument a{std::move(name), good, {}};
  const Shape bad[] = {
      {-1},        {2, -3},       {-2, -3},       {0, -1},       {INT64_MIN},        {INT64_MIN, INT64_MIN},
      {INT64_MAX}, {big, big},    {-big, -big},   {huge, 4},     {3, huge, 0},       {huge, huge, huge, huge},
      {huge},      {big, 1, big}, {2, INT64_MAX}, {1, 1, 1, -1}, {INT64_MAX, -1, 0}, {1, big, 1, big, 1, 1}};
  for (const Shape& s : bad) a.wrong.push_back({to_string(s), s});
  return a;
}
/// A further tensor of a trace or transform has no place here: only plain values.
inline Argument fixed(std::string name, Value good) { return {std::move(name), std::move(good), {}}; }

}  // namespace duet::bad
