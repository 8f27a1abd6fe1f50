// The fields of an aggregate, as a tuple of references: C++20 cannot count structured bindings, so there is a line a
// count. A type that has more, or is no aggregate, says its fields itself: a `tree_fields(T&)` in its namespace.
#pragma once

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace duet::tree {

template <class T>
concept HasTreeFields = requires(T& t) {
  tree_fields(t);
};

// Converts to anything: T{any, any} compiles exactly when T has that many fields.
struct AnyField {
  template <class T>
  constexpr operator T&() const& noexcept;
  template <class T>
  constexpr operator T&&() const&& noexcept;
};
template <class T, size_t... I>
constexpr bool accepts(std::index_sequence<I...>) {
  return requires { T{((void)I, AnyField{})...}; };
}
// Fields at the end may be left out, as long as they can be made from nothing: the first count that compiles need not
// be the last. 33: too many, or none compiles.
template <class T, size_t N = 0, bool Found = false>
constexpr size_t arity() {
  if constexpr (N > 33)
    return 33;
  else if constexpr (accepts<T>(std::make_index_sequence<N>()))
    return arity<T, N + 1, true>();
  else if constexpr (Found)
    return N - 1;
  else
    return arity<T, N + 1>();
}
template <class T>
concept Aggregate = std::is_aggregate_v<T> && !std::is_array_v<T>;

/// The fields of an aggregate, as a tuple of references.
template <class T>
constexpr auto fields(T& x) {
  using U = std::remove_cv_t<T>;
  if constexpr (HasTreeFields<U>) {
    return tree_fields(const_cast<U&>(x));  // written once, for T&; walk gives the parts x's constness back
  } else {
    constexpr size_t n = arity<U>();
    static_assert(n <= 32,
                  "duet: a tree has at most 32 fields; give this type a `tree_fields(T&)` that returns std::tie(...)");
    if constexpr (n == 0) {
      return std::tuple<>();
    } else if constexpr (n == 1) {
      auto& [f0] = x;
      return std::tie(f0);
    } else if constexpr (n == 2) {
      auto& [f0, f1] = x;
      return std::tie(f0, f1);
    } else if constexpr (n == 3) {
      auto& [f0, f1, f2] = x;
      return std::tie(f0, f1, f2);
    } else if constexpr (n == 4) {
      auto& [f0, f1, f2, f3] = x;
      return std::tie(f0, f1, f2, f3);
    } else if constexpr (n == 5) {
      auto& [f0, f1, f2, f3, f4] = x;
      return std::tie(f0, f1, f2, f3, f4);
    } else if constexpr (n == 6) {
      auto& [f0, f1, f2, f3, f4, f5] = x;
      return std::tie(f0, f1, f2, f3, f4, f5);
    } else if constexpr (n == 7) {
      auto& [f0, f1, f2, f3, f4, f5, f6] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6);
    } else if constexpr (n == 8) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7);
    } else if constexpr (n == 9) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8);
    } else if constexpr (n == 10) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9);
    } else if constexpr (n == 11) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10);
    } else if constexpr (n == 12) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11);
    } else if constexpr (n == 13) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12);
    } else if constexpr (n == 14) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13);
    } else if constexpr (n == 15) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14);
    } else if constexpr (n == 16) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15);
    } else if constexpr (n == 17) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16);
    } else if constexpr (n == 18) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17);
    } else if constexpr (n == 19) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18);
    } else if constexpr (n == 20) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19);
    } else if constexpr (n == 21) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20);
    } else if constexpr (n == 22) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20,
                      f21);
    } else if constexpr (n == 23) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22] =
          x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20,
                      f21, f22);
    } else if constexpr (n == 24) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
             f23] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20,
                      f21, f22, f23);
    } else if constexpr (n == 25) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
             f23, f24] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20,
                      f21, f22, f23, f24);
    } else if constexpr (n == 26) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
             f23, f24, f25] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20,
                      f21, f22, f23, f24, f25);
    } else if constexpr (n == 27) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
             f23, f24, f25, f26] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20,
                      f21, f22, f23, f24, f25, f26);
    } else if constexpr (n == 28) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
             f23, f24, f25, f26, f27] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20,
                      f21, f22, f23, f24, f25, f26, f27);
    } else if constexpr (n == 29) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
             f23, f24, f25, f26, f27, f28] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20,
                      f21, f22, f23, f24, f25, f26, f27, f28);
    } else if constexpr (n == 30) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
             f23, f24, f25, f26, f27, f28, f29] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20,
                      f21, f22, f23, f24, f25, f26, f27, f28, f29);
    } else if constexpr (n == 31) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
             f23, f24, f25, f26, f27, f28, f29, f30] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20,
                      f21, f22, f23, f24, f25, f26, f27, f28, f29, f30);
    } else if constexpr (n == 32) {
      auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
             f23, f24, f25, f26, f27, f28, f29, f30, f31] = x;
      return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20,
                      f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31);
    }
  }
}

}  // namespace duet::tree
