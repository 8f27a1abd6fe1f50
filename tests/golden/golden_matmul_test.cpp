// Products of matrices.
#include "golden/cases.h"

namespace duet::golden {

Cases matmul_cases() {
  Cases cases;
  cases("matmul",
        {"matrices", "tall", "vector_matrix", "matrix_vector", "vectors", "stack", "stack_by_matrix", "matrix_by_stack",
         "broadcast", "nothing_inside"},
        call(matmul), kSums);
  cases(
      "matmul", {"transposed"}, [](const Tensors& x) { return matmul(transpose(x[0]), transpose(x[1])); }, kSums);
  cases(
      "matmul", {"itself"}, [](const Tensors& x) { return matmul(x[0], transpose(x[0])); }, kSums);
  cases("linear", {"batch", "vector", "rank3"}, call(linear), kSums);
  return cases;
}

namespace {

TEST(GoldenMatmul, AgreesWithPyTorch) { check_family("matmul", matmul_cases()); }

}  // namespace
}  // namespace duet::golden
