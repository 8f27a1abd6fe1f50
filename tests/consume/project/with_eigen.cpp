// Eigen's matrices and DLPack's structs, in a program that has Eigen of its own.
#include <duet/dlpack.h>
#include <duet/duet.h>
#include <duet/eigen.h>

#include <cstdio>

int main() {
  const Eigen::MatrixXf m = Eigen::MatrixXf::Random(5, 7);
  const duet::Tensor x = duet::from_eigen(m), y = duet::transpose(x);
  const bool same = duet::as_eigen<float>(x) == m && duet::as_eigen<float>(y) == m.transpose();
  const duet::Tensor z = duet::from_dlpack(duet::to_dlpack(y));
  std::printf("eigen: %s\n", same && duet::as_eigen<float>(z).data() == x.data() ? "the same" : "different");
}
