// What operators and functions take: a tensor or a C++ number, and the user's line.
#pragma once

#include <concepts>
#include <initializer_list>
#include <span>

#include "duet/core/tensor.h"

namespace duet {

/// A C++ number that may stand beside tensors. It is weak: it takes their dtype.
template <class T>
concept Number = std::is_arithmetic_v<std::remove_cvref_t<T>>;

/// One argument of an operation. Made implicitly, never stored or copied: it points at the caller's tensor.
class Operand {
 public:
  enum class Kind : uint8_t { tensor, rvalue, float_number, int_number, bool_number, constant };

  Operand(const Tensor& t, std::source_location line = std::source_location::current())
      : kind_(Kind::tensor), tensor_(&t), line_(line) {}
  /// A temporary: its storage may be reused for the result.
  Operand(Tensor&& t, std::source_location line = std::source_location::current())
      : kind_(Kind::rvalue), tensor_(&t), line_(line) {}
  template <Number T>
  Operand(T v, std::source_location line = std::source_location::current()) : line_(line) {
    if constexpr (std::is_same_v<T, bool>) {
      kind_ = Kind::bool_number, int_ = v;
    } else if constexpr (std::is_floating_point_v<T>) {
      kind_ = Kind::float_number, float_ = static_cast<double>(v);
    } else {
      kind_ = Kind::int_number, int_ = static_cast<int64_t>(v);
    }
  }
  Operand(const Operand&) = delete;
  Operand& operator=(const Operand&) = delete;

  /// A number that belongs to the program itself, like the n of a mean: part of a plan's key, free for passes to read.
  static Operand constant(double v, std::source_location line = std::source_location::current()) {
    return Operand(Kind::constant, v, line);
  }
  /// The number again, of the kind it had; for saved operands.
  static Operand number(Kind kind, double f, int64_t i) {
    if (kind == Kind::int_number || kind == Kind::bool_number) return Operand(kind, i, std::source_location());
    return Operand(kind, f, std::source_location());
  }

  Kind kind() const { return kind_; }
  bool is_tensor() const { return kind_ <= Kind::rvalue; }
  const Tensor& tensor() const { return *tensor_; }
  double float_value() const { return float_; }
  int64_t int_value() const { return int_; }
  const std::source_location& line() const { return line_; }

 private:
  Operand(Kind kind, double v, std::source_location line) : kind_(kind), float_(v), line_(line) {}
  Operand(Kind kind, int64_t v, std::source_location line) : kind_(kind), int_(v), line_(line) {}

  Kind kind_;
  union {
    const Tensor* tensor_;
    double float_;
    int64_t int_;
  };
  std::source_location line_;
};

/// A view of operands, for the length of one call: `dispatch(op<Add>(), {a, b})`.
class Inputs {
 public:
  struct Ref {
    const Operand* operand;
    Ref() {}  // left open: arrays of them are filled as far as they are used
    Ref(const Operand& o) : operand(&o) {}
  };
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winit-list-lifetime"  // the list outlives the call that it is written in
#endif
  Inputs(std::initializer_list<Ref> l) : data_(l.begin()), size_(l.size()) {}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
  Inputs(std::span<const Ref> s) : data_(s.data()), size_(s.size()) {}
  int size() const { return static_cast<int>(size_); }
  const Operand& operator[](int i) const { return *data_[i].operand; }

 private:
  const Ref* data_;
  size_t size_;
};

/// The integers that parametrise an operation: axes, extents, flags; each op says what its own mean.
using Attrs = std::span<const int64_t>;

inline constexpr int kMaxOutputs = 4;

/// The results of one operation; converts to a Tensor where there is one.
struct Outputs {
  Tensor values[kMaxOutputs];
  int count = 0;
  Tensor& operator[](int i) { return values[i]; }
  operator Tensor() && { return std::move(values[0]); }
};

}  // namespace duet
