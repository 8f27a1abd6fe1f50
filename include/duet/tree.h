// Trees: any aggregate of tensors is a value with leaves. `struct Mlp { nn::Linear hidden, out; };` needs no base class
// and no registration to be differentiated, compiled, optimised and saved.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "duet/core/tensor.h"
#include "duet/tree_fields.h"

namespace duet {

class Key;

/// A tensor that is saved with its tree but not trained, such as running statistics.
struct Buffer {
  Tensor value;
};

namespace tree {

template <class T>
inline constexpr bool kIsVector = false;
template <class T, class A>
inline constexpr bool kIsVector<std::vector<T, A>> = true;
template <class T>
inline constexpr bool kIsArray = false;
template <class T, size_t N>
inline constexpr bool kIsArray<std::array<T, N>> = true;
template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsTuple = false;
template <class... T>
inline constexpr bool kIsTuple<std::tuple<T...>> = true;
template <class A, class B>
inline constexpr bool kIsTuple<std::pair<A, B>> = true;
template <class T>
concept Config = std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_same_v<T, std::string>;

// A field's name is read from the compiler's own spelling of a pointer to it, in an object that is never made. clang asks
// for a definition, which it does not emit; g++ would emit one.
#if defined(__clang__)
template <class T>
union Unmade {
  char none;
  T value;
  constexpr Unmade() : none() {}
  constexpr ~Unmade() {}
};
template <class T>
inline constinit Unmade<T> kUnmade{};
#else
template <class T>
struct Unmade {
  T value;
};
template <class T>
extern Unmade<T> kUnmade;
#endif
template <class P>
struct FieldPointer {
  P p;
};
template <class P>
FieldPointer(P) -> FieldPointer<P>;
template <FieldPointer P>
consteval std::string_view spelling() {
  return __PRETTY_FUNCTION__;
}
constexpr std::string_view last_identifier(std::string_view s) {
  auto word = [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  s = s.substr(0, s.rfind(';'));  // g++ goes on to spell other types
  const size_t begin = s.find_last_of(".:") + 1;
  size_t end = begin;
  while (end < s.size() && word(s[end])) ++end;
  return s.substr(begin, end - begin);
}
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"  // only its type is looked at
#endif
template <class T, size_t I>
consteval std::string_view field_name() {
  return last_identifier(spelling<FieldPointer{&std::get<I>(fields(kUnmade<T>.value))}>());
}
#if defined(__clang__)
#pragma clang diagnostic pop
#endif

template <class T>
inline constexpr bool kNotATree = false;

/// Whether walk() knows the type.
template <class T>
constexpr bool is_tree() {
  using U = std::remove_cvref_t<T>;
  if constexpr (std::is_same_v<U, Tensor> || std::is_same_v<U, Buffer> || std::is_same_v<U, Key> || Config<U>)
    return true;
  else if constexpr (kIsOptional<U> || kIsVector<U> || kIsArray<U>)
    return is_tree<typename U::value_type>();
  else if constexpr (kIsTuple<U>)
    return []<size_t... I>(std::index_sequence<I...>) { return (is_tree<std::tuple_element_t<I, U>>() && ...); }
  (std::make_index_sequence<std::tuple_size_v<U>>());
  else if constexpr (HasTreeFields<U>) return true;
  else if constexpr (Aggregate<U> && arity<U>() <= 32) {
    using Fields = decltype(fields(std::declval<U&>()));
    return []<size_t... I>(std::index_sequence<I...>) { return (is_tree<std::tuple_element_t<I, Fields>>() && ...); }
    (std::make_index_sequence<std::tuple_size_v<Fields>>());
  }
  else return false;
}

/// Walks a tree in order. The visitor has leaf(Tensor&), buffer(Tensor&), key(Tensor&), config(value), size(n) for what
/// can vary, and, if it asks for names, enter(name) and leave(). It may have object(x), called with a struct before its
/// fields.
template <class T, class V>
void walk(T& x, V& v);

template <class V, class F>
void inside(V& v, [[maybe_unused]] F&& name, auto&& body) {
  if constexpr (V::kNames) {
    v.enter(name());
    body();
    v.leave();
  } else {
    body();
  }
}

template <class T, class V>
void walk(T& x, V& v) {
  using U = std::remove_cv_t<T>;
  if constexpr (std::is_same_v<U, Tensor>) {
    v.leaf(x);
  } else if constexpr (std::is_same_v<U, Buffer>) {
    v.buffer(x.value);
  } else if constexpr (std::is_same_v<U, Key>) {
    v.key(x.data());
  } else if constexpr (Config<U>) {
    v.config(x);
  } else if constexpr (kIsOptional<U>) {
    v.size(x.has_value() ? 1 : 0);
    if (x) walk(*x, v);
  } else if constexpr (kIsVector<U> || kIsArray<U>) {
    v.size(x.size());
    for (size_t i = 0; i < x.size(); ++i)
      inside(
          v, [&] { return std::to_string(i); }, [&] { walk(x[i], v); });
  } else if constexpr (kIsTuple<U>) {
    [&]<size_t... I>(std::index_sequence<I...>) {
      (inside(
           v, [&] { return std::to_string(I); }, [&] { walk(std::get<I>(x), v); }),
       ...);
    }
    (std::make_index_sequence<std::tuple_size_v<U>>());
  } else if constexpr (Aggregate<U> || HasTreeFields<U>) {
    if constexpr (requires { v.object(x); }) v.object(x);
    auto all = fields(x);
    [&]<size_t... I>(std::index_sequence<I...>) {
      (inside(
           v,
           [&] {
             if constexpr (!V::kNames || HasTreeFields<U>)
               return std::to_string(I);
             else
               return std::string(field_name<U, I>());
           },
           [&] {
             if constexpr (std::is_const_v<T>)
               walk(std::as_const(std::get<I>(all)), v);
             else
               walk(std::get<I>(all), v);
           }),
       ...);
    }
    (std::make_index_sequence<std::tuple_size_v<decltype(all)>>());
  } else {
    static_assert(kNotATree<U>,
                  "duet: this type is not a tree of tensors; make it an aggregate, or add a function "
                  "`auto tree_fields(T& t) { return std::tie(t.a, t.b); }` in its namespace");
  }
}

template <class F>
struct LeafVisitor {
  static constexpr bool kNames = false;
  F& f;
  void leaf(auto& t) { f(t); }
  void buffer(auto& t) { f(t); }
  void key(auto& t) { f(t); }
  void config(const auto&) {}
  void size(size_t) {}
};
template <class F>
struct ParameterVisitor {
  static constexpr bool kNames = false;
  F& f;
  void leaf(auto& t) {
    if (t.defined() && is_float(t.dtype())) f(t);
  }
  void buffer(auto&) {}
  void key(auto&) {}
  void config(const auto&) {}
  void size(size_t) {}
};
template <class F>
struct NamedVisitor {
  static constexpr bool kNames = true;
  F& f;
  std::string path = {};
  std::vector<size_t> ends = {};
  void enter(std::string_view name) {
    ends.push_back(path.size());
    if (!path.empty()) path += '.';
    path += name;
  }
  void leave() {
    path.resize(ends.back());
    ends.pop_back();
  }
  void leaf(auto& t) { f(std::string_view(path), t); }
  void buffer(auto& t) { f(std::string_view(path), t); }
  void key(auto& t) { f(std::string_view(path), t); }
  void config(const auto&) {}
  void size(size_t) {}
};

template <class F>
struct NamedParameterVisitor : NamedVisitor<F> {
  void leaf(auto& t) {
    if (t.defined() && is_float(t.dtype())) NamedVisitor<F>::leaf(t);
  }
  void buffer(auto&) {}
  void key(auto&) {}
};

/// Leaves, and the words of everything that is configuration: numbers, sizes, presence.
struct SignatureVisitor {
  static constexpr bool kNames = false;
  std::vector<const Tensor*>& leaves;
  std::vector<uint64_t>& words;
  void leaf(const Tensor& t) { leaves.push_back(&t); }
  void buffer(const Tensor& t) { leaves.push_back(&t); }
  void key(const Tensor& t) { leaves.push_back(&t); }
  void config(const auto& x) {
    using X = std::remove_cvref_t<decltype(x)>;
    if constexpr (std::is_same_v<X, std::string>) {
      words.push_back(x.size());
      for (char c : x) words.push_back(static_cast<uint64_t>(static_cast<unsigned char>(c)));
    } else {
      uint64_t w = 0;
      __builtin_memcpy(&w, &x, sizeof(x) < sizeof(w) ? sizeof(x) : sizeof(w));
      words.push_back(w);
    }
  }
  void size(size_t n) { words.push_back(n); }
};

}  // namespace tree

/// Calls f(Tensor&) on every tensor of a tree, buffers and keys included, in field order.
template <class T, class F>
void for_each_leaf(T& x, F&& f) {
  tree::LeafVisitor<F> v{f};
  tree::walk(x, v);
}

/// Calls f(Tensor&) on what can be trained: the floating tensors that are not in a Buffer.
template <class T, class F>
void for_each_parameter(T& x, F&& f) {
  tree::ParameterVisitor<F> v{f};
  tree::walk(x, v);
}

/// Calls f(name, Tensor&) on every tensor; names are made of field names and positions: "layers.0.weight".
template <class T, class F>
void for_each_named_leaf(T& x, F&& f) {
  tree::NamedVisitor<F> v{f};
  tree::walk(x, v);
}

/// Calls f(name, Tensor&) on what can be trained.
template <class T, class F>
void for_each_named_parameter(T& x, F&& f) {
  tree::NamedParameterVisitor<F> v{{f}};
  tree::walk(x, v);
}

}  // namespace duet
