// Every source of kernels/ has a function that names its kernels.
#pragma once

namespace duet::kernel {

void keep_pointwise();
void keep_pointwise_vjp();
void keep_move();
void keep_index();
void keep_reduce();
void keep_matmul();
void keep_rows();
void keep_random();
void keep_image();

inline void keep_all() {
  keep_pointwise();
  keep_pointwise_vjp();
  keep_move();
  keep_index();
  keep_reduce();
  keep_matmul();
  keep_rows();
  keep_random();
  keep_image();
}

}  // namespace duet::kernel
