// Stochastic gradient descent.
#pragma once

#include "duet/grad.h"

namespace duet::optim {

namespace detail {

/// The parameters of a tree, to walk several trees of one shape side by side.
template <class T>
auto parameters(T& x) {
  std::vector<std::conditional_t<std::is_const_v<T>, const Tensor, Tensor>*> all;
  for_each_parameter(x, [&](auto& t) { all.push_back(&t); });
  return all;
}

/// Zeros in the shape of each parameter.
template <class T>
std::vector<Tensor> zeros_like(const T& x) {
  std::vector<Tensor> all;
  for_each_parameter(x, [&](const Tensor& t) { all.push_back(zeros(t.shape(), t.dtype())); });
  return all;
}

// All is checked before anything is updated, so that a failed call changes nothing.
void check_trees(const char* who, const std::vector<Tensor*>& parameters, const std::vector<const Tensor*>& gradients,
                 const std::vector<const Tensor*>& state);
void check_rate(const char* who, const Operand& lr);
inline const Tensor* tensor_of(const Tensor& t) { return &t; }
inline const Tensor* tensor_of(const Buffer& b) { return &b.value; }
template <class T>
std::vector<const Tensor*> state_of(const std::vector<T>& state) {
  std::vector<const Tensor*> all;
  for (const T& t : state) all.push_back(tensor_of(t));
  return all;
}
void sgd_step(Tensor& p, const Tensor& g, Tensor* velocity, const Operand& lr, double momentum);

}  // namespace detail

/// p ← p − lr·v, v ← momentum·v + g (v is g without momentum), as PyTorch's SGD. The state is a tree.
struct Sgd {
  float momentum = 0;
  std::vector<Tensor> velocity = {};

  /// State for the parameters of `model`: zeros, none without momentum.
  template <class M>
  static Sgd init(const M& model, float momentum = 0, std::source_location line = std::source_location::current()) {
    LineScope scope(line);
    return {momentum, momentum == 0 ? std::vector<Tensor>() : detail::zeros_like(model)};
  }
  /// Rebinds the parameters of `model` and the state. ShapeError when the trees differ.
  template <class M>
  void update(M& model, const M& gradients, const Operand& lr) {
    LineScope scope(lr.line());
    std::vector<Tensor*> p = detail::parameters(model);
    std::vector<const Tensor*> g = detail::parameters(gradients);
    detail::check_trees("Sgd", p, g, momentum == 0 ? g : detail::state_of(velocity));
    detail::check_rate("Sgd", lr);
    for (size_t i = 0; i < p.size(); ++i)
      detail::sgd_step(*p[i], *g[i], momentum == 0 ? nullptr : &velocity[i], lr, static_cast<double>(momentum));
  }
};

}  // namespace duet::optim
