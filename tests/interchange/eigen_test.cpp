#include "duet/eigen.h"

#include "modes.h"

using namespace duet;
using expect::bits;

namespace {

template <class A>
concept HasMatrix = requires(A&& a) {
  as_eigen<float>(std::forward<A>(a));
};
template <class A>
concept HasVector = requires(A&& a) {
  as_eigen_vector<float>(std::forward<A>(a));
};
static_assert(HasMatrix<Tensor&> && HasMatrix<const Tensor&> && !HasMatrix<Tensor>,
              "a temporary's elements would be gone");
static_assert(HasVector<Tensor&> && HasVector<const Tensor&> && !HasVector<Tensor>);

// The elements of m in row-major order.
template <class M>
auto elements(const M& m) {
  std::vector<typename M::Scalar> all;
  for (Eigen::Index i = 0; i < m.rows(); ++i)
    for (Eigen::Index j = 0; j < m.cols(); ++j) all.push_back(m(i, j));
  return all;
}

template <class T>
void expect_matrix(const Tensor& t) {
  const EigenMatrix<T> m = as_eigen<T>(t);
  EXPECT_EQ(m.data(), t.block().data);
  EXPECT_EQ(m.rows(), t.shape(0));
  EXPECT_EQ(m.cols(), t.shape(1));
  EXPECT_EQ(elements(m), t.to_vector<T>());
  EXPECT_EQ(bits(from_eigen(m)), bits(t));
}
template <class T>
void expect_vector(const Tensor& t) {
  const EigenVector<T> v = as_eigen_vector<T>(t);
  EXPECT_EQ(v.data(), t.block().data);
  EXPECT_EQ(elements(v), t.to_vector<T>());
  EXPECT_EQ(bits(from_eigen(v)), bits(t));
}

TEST(Eigen, MapsEveryViewWithoutACopy) {
  const Tensor x = expect::numbers({5, 7});
  expect_matrix<float>(x);
  expect_matrix<float>(x.transpose());
  expect_matrix<float>(x.slice(0, 1, 5, 2).slice(1, 1, 6, 3));
  expect_matrix<float>(x.transpose().slice(0, 2, 4));
  expect_matrix<float>(broadcast_to(x[1], {3, 7}));
  expect_matrix<float>(flip(flip(x, 0), 1));
  expect_matrix<float>(x.slice(0, 2, 3));
  expect_matrix<float>(zeros({0, 3}));
  expect_matrix<float>(zeros({3, 0}));
  expect_vector<float>(x[2]);
  expect_vector<float>(x.transpose()[2]);
  expect_vector<float>(flip(x[0], 0));
  expect_vector<float>(broadcast_to(Tensor(2.f), {4}));
  expect_vector<float>(zeros({0}));
}

TEST(Eigen, MapsEveryDtype) {
  const Tensor x = expect::numbers({3, 4}) * 100;
  expect_matrix<double>(x.to(f64));
  expect_matrix<int32_t>(x.to(i32).transpose());
  expect_matrix<int64_t>(x.to(i64));
  expect_matrix<uint8_t>(abs(x).to(u8));
  const Tensor positive = x > 0;
  EXPECT_EQ(elements(as_eigen<bool>(positive)), positive.to_vector<bool>());
  EXPECT_EQ(bits(from_eigen(as_eigen<float>(x).array() > 0)), bits(positive));
  expect_vector<int64_t>(x.to(i64)[1]);
}

TEST(Eigen, CopiesAnyDenseExpression) {
  const Tensor x = expect::numbers({4, 4}), y = expect::numbers({4, 4}, 2);
  const auto a = as_eigen<float>(x), b = as_eigen<float>(y);
  EXPECT_EQ(bits(from_eigen(a + 2 * b)), bits(x + 2 * y));
  EXPECT_EQ(bits(from_eigen(a.array() * b.array())), bits(x * y));
  EXPECT_EQ(bits(from_eigen(a.transpose())), bits(transpose(x)));
  EXPECT_EQ(bits(from_eigen(a.block(1, 0, 2, 3))), bits(x.slice(0, 1, 3).slice(1, 0, 3)));
  EXPECT_EQ(bits(from_eigen(a.cast<double>())), bits(x.to(f64)));
  EXPECT_EQ(bits(from_eigen(Eigen::MatrixXf(a))), bits(x));  // column-major
  EXPECT_EQ(bits(from_eigen(Eigen::Matrix2i::Identity())), bits(tensor({{1, 0}, {0, 1}})));
  // What is a row or a column by its type has one axis; a matrix that happens to have one column has two.
  EXPECT_EQ(bits(from_eigen(a.row(2))), bits(x[2]));
  EXPECT_EQ(bits(from_eigen(a.col(1))), bits(x.transpose()[1]));
  EXPECT_EQ(bits(from_eigen(a.leftCols(1))), bits(x.slice(1, 0, 1)));
  EXPECT_EQ(bits(from_eigen(Eigen::Vector3d(1, 2, 3))), bits(tensor({1.0, 2.0, 3.0}).to(f64)));
  EXPECT_EQ(bits(from_eigen(Eigen::MatrixXf(0, 3))), bits(zeros({0, 3})));
  EXPECT_EQ(bits(from_eigen(Eigen::Matrix<float, 1, 1>(5))), bits(tensor({5.0})));
  // A product, which Eigen adds up in another order.
  const Tensor product = from_eigen(a * b), wanted = matmul(x, y);
  EXPECT_EQ(product.spec(), wanted.spec());
  EXPECT_LE(max(abs(product - wanted)).item(), 1e-5f);
}

TEST(Eigen, TheResultIsATensorOfItsOwn) {
  Eigen::MatrixXf m = Eigen::MatrixXf::Ones(2, 2);
  Tensor t = from_eigen(m);
  m.setZero();
  EXPECT_EQ(t.to_vector(), (std::vector<float>{1, 1, 1, 1}));
  const float* data = t.data();
  t += 1;  // in place, as it is solely owned
  EXPECT_EQ(t.data(), data);
  EXPECT_EQ(t.to_vector(), (std::vector<float>{2, 2, 2, 2}));
}

TEST(Eigen, InsideACompiledFunction) {
  const auto f = [](const Tensor& x) {
    const Tensor y = transpose(x * 2), z = y[0];
    const float norm = as_eigen<float>(y).squaredNorm() + as_eigen_vector<float>(z).sum();
    return from_eigen(as_eigen<float>(y)) * norm + y;
  };
  const Tensor x = tensor({{1.0, 2.0}, {3.0, 4.0}, {5.0, 6.0}});
  const std::string eager = bits(f(x));
  auto run = compile(f);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(bits(run(x)), eager);
  EXPECT_ERROR(
      TraceError, freeze(f)(x),
      "as_eigen: a frozen function has no values while it is traced; compute with tensors (where, maximum), or "
      "use compile");
}

TEST(Eigen, Refusals) {
  const Tensor matrix = ones({2, 3}), vector = ones({3}), scalar(1.f), cube = ones({2, 2, 2}), empty;
  EXPECT_ERROR(Error, as_eigen<float>(empty), "as_eigen: the Tensor is empty; give it a value first");
  EXPECT_ERROR(Error, as_eigen_vector<float>(empty), "as_eigen_vector: the Tensor is empty; give it a value first");
  EXPECT_ERROR(DTypeError, as_eigen<double>(matrix), "as_eigen: the elements are not f64: f32[2,3]; use .to(f64)");
  EXPECT_ERROR(DTypeError, as_eigen_vector<bool>(vector),
               "as_eigen_vector: the elements are not bool: f32[3]; use .to(bool)");
  EXPECT_ERROR(ShapeError, as_eigen<float>(vector),
               "as_eigen: the tensor has not 2 axes: f32[3]; use as_eigen_vector or reshape");
  EXPECT_ERROR(ShapeError, as_eigen<float>(scalar), "as_eigen: the tensor has not 2 axes: f32[]; use reshape");
  EXPECT_ERROR(ShapeError, as_eigen<float>(cube), "as_eigen: the tensor has not 2 axes: f32[2,2,2]; use reshape");
  EXPECT_ERROR(ShapeError, as_eigen_vector<float>(matrix),
               "as_eigen_vector: the tensor has not 1 axis: f32[2,3]; use as_eigen or reshape");
  EXPECT_ERROR(ShapeError, as_eigen_vector<float>(scalar),
               "as_eigen_vector: the tensor has not 1 axis: f32[]; use reshape");
}

}  // namespace
