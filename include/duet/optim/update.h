// What optimisers share: walking parameters, gradients and state side by side, and checking all before any is changed.
#pragma once

#include "duet/grad.h"
#include "duet/parameters.h"

namespace duet::optim {

namespace detail {

using duet::detail::parameters;

/// Where a model's state belongs: beside its first parameter.
template <class T>
Device device_of(const T& x) {
  Device device = default_device();
  bool first = true;
  for_each_parameter(x, [&](const Tensor& t) {
    if (std::exchange(first, false)) device = t.device();
  });
  return device;
}

/// Zeros in the shape of each parameter; in f32 for 16-bit ones, whose state would be lost in roundings.
template <class T>
std::vector<Tensor> zeros_like(const T& x) {
  std::vector<Tensor> all;
  for_each_parameter(x, [&](const Tensor& t) {
    const DeviceScope there(t.device());
    all.push_back(zeros(t.shape(), is_half(t.dtype()) ? DType::f32 : t.dtype()));
  });
  return all;
}
template <class T>
std::vector<Buffer> zero_buffers(const T& x) {
  std::vector<Buffer> all;
  for (Tensor& t : zeros_like(x)) all.push_back({t});
  return all;
}

/// Says yes to every name.
struct EveryName {
  bool operator()(std::string_view) const { return true; }
};
/// What a predicate over leaf names says of each parameter: 1 or 0.
template <class T, class P>
std::vector<uint8_t> chosen(const T& x, P&& predicate) {
  std::vector<uint8_t> all;
  if constexpr (std::is_same_v<std::remove_cvref_t<P>, EveryName>)  // needs no names, which local types have not
    for_each_parameter(x, [&](const Tensor&) { all.push_back(1); });
  else
    for_each_named_parameter(x, [&](std::string_view name, const Tensor&) { all.push_back(predicate(name) ? 1 : 0); });
  return all;
}

// All is checked before anything is updated, so that a failed call changes nothing.
void check_trees(const char* who, const std::vector<Tensor*>& parameters, const std::vector<const Tensor*>& gradients,
                 const std::vector<const Tensor*>& state);
void check_rate(const char* who, const std::vector<Tensor*>& parameters, const Operand& lr);
inline const Tensor* tensor_of(const Tensor& t) { return &t; }
inline const Tensor* tensor_of(const Buffer& b) { return &b.value; }
template <class T>
std::vector<const Tensor*> state_of(const std::vector<T>& state) {
  std::vector<const Tensor*> all;
  for (const T& t : state) all.push_back(tensor_of(t));
  return all;
}

}  // namespace detail

}  // namespace duet::optim
