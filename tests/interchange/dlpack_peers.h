// What stands at the other end of a DLPack exchange: a consumer and a producer that know nothing of duet's tensors.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "duet/dlpack.h"

namespace duet {

/// The elements of an array in row-major order.
template <class T>
std::vector<T> read(const dlpack::Array& a) {
  std::vector<T> all;
  int64_t n = 1;
  for (int axis = 0; axis < a.ndim; ++axis) n *= a.shape[axis];
  for (int64_t i = 0; i < n; ++i) {
    int64_t at = 0, rest = i;
    for (int axis = a.ndim - 1; axis >= 0; --axis) {
      at += rest % a.shape[axis] * a.strides[axis];
      rest /= a.shape[axis];
    }
    all.push_back(reinterpret_cast<const T*>(static_cast<const char*>(a.data) + a.byte_offset)[at]);
  }
  return all;
}

/// Elements and the struct that describes them; counts how often it was given back.
template <class T>
struct Producer {
  std::vector<T> elements;
  std::vector<int64_t> shape, strides;
  int given_back = 0;
  dlpack::ManagedTensor managed = {};

  Producer(std::vector<T> e, std::vector<int64_t> s, std::vector<int64_t> st = {})
      : elements(std::move(e)), shape(std::move(s)), strides(std::move(st)) {
    dlpack::Array& a = managed.dl_tensor;
    a.data = elements.data();
    a.device = {dlpack::kCpu, 0};
    a.ndim = static_cast<int32_t>(shape.size());
    a.dtype = {std::is_floating_point_v<T> ? dlpack::kFloat
               : std::is_unsigned_v<T>     ? dlpack::kUInt
                                           : dlpack::kInt,
               8 * sizeof(T), 1};
    a.shape = shape.data();
    a.strides = strides.empty() ? nullptr : strides.data();
    managed.manager_ctx = this;
    managed.deleter = [](dlpack::ManagedTensor* self) { ++static_cast<Producer*>(self->manager_ctx)->given_back; };
  }
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;
};
inline Producer<float> six() { return {{1, 2, 3, 4, 5, 6}, {2, 3}}; }
inline const std::vector<float> kSix = {1, 2, 3, 4, 5, 6};

}  // namespace duet
