// Functions of one example, on whole batches.
#pragma once

#include "duet/batch.h"
#include "duet/transform/rule.h"

namespace duet {

/// How vmap works.
struct VmapOptions {
  std::vector<int> unbatched = {};  // positions of arguments that every example gets as they are
};

namespace detail {

/// Which arguments are batches, and of how many examples.
class Batches {
 public:
  Batches(const VmapOptions& options, size_t arguments, const Line& line);
  bool has(size_t argument) const;
  void look_at(size_t argument, const Tensor& t);
  int64_t size() const;

 private:
  const VmapOptions& options_;
  Line line_;
  Tensor first_;
};

/// Calls f on every tensor of a tree that can be a batch: keys are not.
template <class F>
struct BatchVisitor {
  static constexpr bool kNames = false;
  F& f;
  void leaf(auto& t) {
    if (t.defined()) f(t);
  }
  void buffer(auto& t) { leaf(t); }
  void key(auto&) {}
  void config(const auto&) {}
  void size(size_t) {}
};
template <class T, class F>
void for_each_batch(T& tree, F&& f) {
  BatchVisitor<F> v{f};
  tree::walk(tree, v);
}

}  // namespace detail

/// f, a function of one example, on whole batches: arguments have their examples along axis 0 in every tensor (keys and
/// numbers are passed on), and so has the result; vmap(f)(X)[i] is f(X[i]), bit for bit. What f captures, and arguments
/// in `unbatched`, every example has the same of. Each operation runs once for all examples. It nests, with itself and
/// with gradients: vmap(grad(f)) gives one gradient an example. ShapeError when batches differ in size, TraceError when
/// f reads an element, Error for an operation without a batching rule.
template <class F>
auto vmap(F f, VmapOptions options = {}, std::source_location line = std::source_location::current()) {
  return [f = std::move(f), options = std::move(options), line]<class... A>(const A&... args) {
    auto all = detail::owned(args...);
    auto each = [&](auto&& body) {
      [&]<size_t... I>(std::index_sequence<I...>) { (body(I, std::get<I>(all)), ...); }
      (std::index_sequence_for<A...>());
    };
    detail::Batches batches(options, sizeof...(A), line);
    each([&](size_t i, auto& arg) {
      if (batches.has(i)) detail::for_each_batch(arg, [&](const Tensor& t) { batches.look_at(i, t); });
    });
    const batch::Enter level(batch::new_level(), batches.size());
    each([&](size_t i, auto& arg) {
      if (batches.has(i)) detail::for_each_batch(arg, [](Tensor& t) { t = batch::example(t); });
    });
    auto y = std::apply(f, std::as_const(all));
    static_assert(tree::is_tree<decltype(y)>(), "duet: the result must be a tree of tensors and numbers");
    LineScope scope(line);
    detail::for_each_batch(y, [](Tensor& t) { t = batch::whole_or_repeated(t); });
    return y;
  };
}

}  // namespace duet
