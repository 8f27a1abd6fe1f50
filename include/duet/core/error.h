// Errors: `<op>: <what is wrong>: <operands as they are>; <what to do> [file:line]`.
#pragma once

#include <fmt/core.h>

#include <exception>
#include <string>
#include <utility>

#include "duet/core/device.h"
#include "duet/core/line.h"
#include "duet/core/shape.h"

namespace duet {

/// Base of everything duet throws. what() is one line and ends with the user's file:line where one is known.
class Error : public std::exception {
 public:
  explicit Error(std::string message);
  const char* what() const noexcept override { return message_.c_str(); }
  const Line& line() const { return line_; }

 private:
  std::string message_;
  Line line_;
};
struct ShapeError : Error {
  using Error::Error;
};  // extents or axes do not fit
struct DTypeError : Error {
  using Error::Error;
};  // element types do not fit
struct IndexError : Error {
  using Error::Error;
};  // an index in the data is out of range
struct TraceError : Error {
  using Error::Error;
};  // a value or call that a compiled function cannot have
struct DeviceError : Error {
  using Error::Error;
};  // a device that is not there, or operands on different ones
struct CudaError : Error {
  using Error::Error;
};  // the driver reports a failure
struct OutOfMemory : Error {
  using Error::Error;
};
struct ParseError : Error {
  using Error::Error;
};  // a file or an option is malformed

/// A number as it was written: a float's few digits, not the many of the double it became.
std::string shortest(double v);

/// fmt::format, which fmt/core.h has no more since fmt 12 and whose own header is too heavy for this one.
std::string formatted(fmt::string_view format, fmt::format_args args);

/// The one formatter of user errors.
template <class E, class... A>
[[noreturn]] [[gnu::noinline, gnu::cold]] void fail(fmt::format_string<A...> format, A&&... args) {
  throw E(formatted(format, fmt::make_format_args(args...)));
}

/// Throws E with the formatted message unless `ok`.
template <class E, class... A>
inline void check(bool ok, fmt::format_string<A...> format, A&&... args) {
  if (!ok) [[unlikely]]
    fail<E>(format, std::forward<A>(args)...);
}

/// For conditions that only a bug in duet can break; never for what a user did.
[[noreturn]] void internal_error(const char* condition, const char* file, int line);
#define DUET_INTERNAL_CHECK(condition) ((condition) ? void() : ::duet::internal_error(#condition, __FILE__, __LINE__))

}  // namespace duet

namespace duet {

/// fmt support by a to_string; fmt/core.h alone is enough for it.
struct TextFormatter {
  template <class C>
  constexpr auto parse(C& c) {
    return c.begin();
  }
  template <class T, class C>
  auto format(const T& x, C& c) const {
    auto out = c.out();
    for (char letter : text(x)) *out++ = letter;
    return out;
  }
  static std::string_view text(DType t) { return name(t); }
  template <class T>
  static std::string text(const T& x) {
    return to_string(x);
  }
};

}  // namespace duet

template <>
struct fmt::formatter<duet::DType> : duet::TextFormatter {};
template <>
struct fmt::formatter<duet::Device> : duet::TextFormatter {};
template <>
struct fmt::formatter<duet::Shape> : duet::TextFormatter {};
template <>
struct fmt::formatter<duet::Spec> : duet::TextFormatter {};
