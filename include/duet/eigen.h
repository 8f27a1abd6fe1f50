// Tensors as Eigen's matrices and back. duet.h does not include this header: a program that wants it has Eigen in its
// include path (Eigen3::Eigen in CMake); duet's package asks for none.
#pragma once

#include <Eigen/Core>

#include "duet/core/tensor.h"

namespace duet {

/// Elements of type T of a tensor [M,N] as Eigen sees them; `.array()` of it is an Eigen::Array.
template <class T>
using EigenMatrix = Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>,
                               Eigen::Unaligned, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;
/// The same of a tensor [N], as a column.
template <class T>
using EigenVector = Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, 1>, Eigen::Unaligned, Eigen::InnerStride<>>;

namespace detail {

template <class T>
const Block& eigen_block(const Tensor& t, const char* what, int rank, const char* instead) {
  check<Error>(t.defined(), "{}: the Tensor is empty; give it a value first", what);
  check<DTypeError>(t.dtype() == dtype_of<T>, "{}: the elements are not {}: {}; use .to({})", what, dtype_of<T>,
                    t.spec(), dtype_of<T>);
  check<ShapeError>(t.rank() == rank, "{}: the tensor has not {} {}: {}; use {}reshape", what, rank,
                    rank == 1 ? "axis" : "axes", t.spec(), t.rank() == 3 - rank ? instead : "");
  check<DeviceError>(!t.device().is_cuda(), "{}: the elements are on {}: {}; use .to(Device::cpu())", what, t.device(),
                     t.spec());
  materialize(t, what);
  return t.block();
}

}  // namespace detail

/// A matrix over the elements of t, [M,N], not a copy of them; views of t such as its transpose too. It is good as
/// long as t lives and is not given another value. Inside a compiled function this runs what was recorded so far.
/// DTypeError unless T is the element type, ShapeError unless t has two axes.
///
///   Tensor x = …;
///   Eigen::VectorXf norms = as_eigen<float>(x).rowwise().norm();
template <class T>
EigenMatrix<T> as_eigen(const Tensor& t, std::source_location line = std::source_location::current()) {
  LineScope scope(line);
  const Block& b = detail::eigen_block<T>(t, "as_eigen", 2, "as_eigen_vector or ");
  return {static_cast<const T*>(b.data), b.shape[0], b.shape[1], {b.strides[0], b.strides[1]}};
}
/// A column over the elements of t, [N], as as_eigen is a matrix; ShapeError unless t has one axis.
template <class T>
EigenVector<T> as_eigen_vector(const Tensor& t, std::source_location line = std::source_location::current()) {
  LineScope scope(line);
  const Block& b = detail::eigen_block<T>(t, "as_eigen_vector", 1, "as_eigen or ");
  return {static_cast<const T*>(b.data), b.shape[0], Eigen::InnerStride<>(b.strides[0])};
}
/// A temporary would be gone before its elements are read.
template <class T>
void as_eigen(Tensor&& t, std::source_location line = std::source_location::current()) = delete;
template <class T>
void as_eigen_vector(Tensor&& t, std::source_location line = std::source_location::current()) = delete;

/// A tensor with a copy of the coefficients of any dense expression, computed straight into it: [M,N], or [N] where
/// its type says that it is a row or a column. The scalar is one of duet's element types.
template <class X>
Tensor from_eigen(const Eigen::DenseBase<X>& x, std::source_location line = std::source_location::current()) {
  LineScope scope(line);
  using T = typename X::Scalar;
  const bool vector = X::IsVectorAtCompileTime;
  Block* b = block::make(dtype_of<T>, vector ? Shape{x.size()} : Shape{x.rows(), x.cols()}, true);
  const Tensor t = Tensor::adopt(b, fresh_ids(1));  // frees b should Eigen run out of memory
  if constexpr (std::is_base_of_v<Eigen::MatrixBase<X>, X>) {
    using M = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    Eigen::Map<M>(static_cast<T*>(b->data), x.rows(), x.cols()).noalias() = x.derived();
  } else {
    using A = Eigen::Array<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    Eigen::Map<A>(static_cast<T*>(b->data), x.rows(), x.cols()) = x.derived();
  }
  return t;
}

}  // namespace duet
