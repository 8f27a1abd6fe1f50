// Headers of kernels/ as data of the library.
#include "cuda/codegen/program.h"

// clang-format off
#define DUET_HEADER(name, file)                                                                                  \
  __asm__(".section .duet_prelude,\"a\",@progbits\n.hidden duet_header_" #name "\n.globl duet_header_" #name "\n"  \
          "duet_header_" #name ":\n.incbin \"" DUET_KERNELS "/" file "\"\n.byte 0\n.previous\n");              \
  extern "C" const char duet_header_##name[];
DUET_HEADER(fused, "fused.h")
DUET_HEADER(numbers, "fused_numbers.h")
DUET_HEADER(reduce, "fused_reduce.h")
DUET_HEADER(product, "fused_product.h")
DUET_HEADER(tile, "tile.h")
// clang-format on

namespace duet::cuda {

std::span<const Header> headers() {
  static const Header kAll[] = {{"kernels/fused.h", duet_header_fused},
                                {"kernels/fused_numbers.h", duet_header_numbers},
                                {"kernels/fused_reduce.h", duet_header_reduce},
                                {"kernels/fused_product.h", duet_header_product},
                                {"kernels/tile.h", duet_header_tile}};
  return kAll;
}

}  // namespace duet::cuda
