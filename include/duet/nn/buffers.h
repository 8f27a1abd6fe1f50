// Buffers of a model: what it saves and does not train, such as running statistics.
#pragma once

#include <vector>

#include "duet/core/error.h"
#include "duet/tree.h"

namespace duet::nn {

namespace detail {

template <class F>
struct BufferVisitor {
  static constexpr bool kNames = false;
  F& f;
  void leaf(auto&) {}
  void buffer(auto& t) { f(t); }
  void key(auto&) {}
  void config(const auto&) {}
  void size(size_t) {}
};
template <class T, class F>
void for_each_buffer(T& tree, F&& f) {
  BufferVisitor<F> v{f};
  tree::walk(tree, v);
}
void check_buffer(size_t i, const Tensor& value, const Tensor& place);
void check_count(size_t values, size_t places);

}  // namespace detail

/// The buffers of a tree, in field order: a loss returns them beside its value, to hand on what a layer counted while
/// it trained.
///
///   std::pair<Tensor, std::vector<Buffer>> loss(Net& m, const Tensor& x, const Tensor& y) {
///     Tensor logits = m.out(relu(m.norm.train(m.hidden(x))));   // moves m.norm's running statistics
///     return {cross_entropy(logits, y), nn::buffers(m)};
///   }
///   auto [l, g] = value_and_grad(loss)(m, x, y);                // m stays as it is: loss had a watched copy
///   nn::set_buffers(m, l.second);
template <class T>
std::vector<Buffer> buffers(const T& tree) {
  std::vector<Buffer> all;
  detail::for_each_buffer(tree, [&](const Tensor& t) { all.push_back({t}); });
  return all;
}

/// Rebinds the buffers of a tree to those of another of its kind. ShapeError when their number, shapes or types differ.
template <class T>
void set_buffers(T& tree, const std::vector<Buffer>& values,
                 std::source_location line = std::source_location::current()) {
  LineScope scope(line);
  size_t n = 0;
  detail::for_each_buffer(tree, [&](const Tensor& t) {
    if (n < values.size()) detail::check_buffer(n, values[n].value, t);
    ++n;
  });
  detail::check_count(values.size(), n);
  n = 0;
  detail::for_each_buffer(tree, [&](Tensor& t) { t = values[n++].value; });
}

}  // namespace duet::nn
