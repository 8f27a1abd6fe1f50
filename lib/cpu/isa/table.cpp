#define DUET_FORMULAS_ONLY
#include "cpu/isa/tables.h"

#define DUET_STRING2(x) #x
#define DUET_STRING(x) DUET_STRING2(x)

namespace duet::cpu::DUET_ISA {

const Kernels kKernels = {DUET_STRING(DUET_ISA),
                          pointwise_kernel,
                          half_kernel,
                          instruction_kernel,
                          gemm,
                          gemm_f64,
                          gemm_pack,
                          {row_reduce, row_chunks, col_reduce, col_chain, col_join, row_place, col_place},
                          {row_reduce, row_chunks, col_reduce, col_chain, col_join, row_place, col_place},
                          scan,
                          scan,
                          scan,
                          random_kernel};

}  // namespace duet::cpu::DUET_ISA
