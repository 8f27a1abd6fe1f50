// The kernels as data of the library: one fat binary a source of kernels/, in the order of kernels/names.h.
#include "cuda/driver.h"

#if defined(DUET_HAS_CUDA)
// clang-format off
#define DUET_IMAGE(name)                                                   \
  __asm__(".section .duet_kernels,\"a\",@progbits\n.balign 64\n.hidden duet_image_" #name "\n"     \
          ".globl duet_image_" #name "\nduet_image_" #name ":\n"            \
          ".incbin \"" DUET_KERNELS "/" #name ".fatbin\"\n.byte 0\n.previous\n"); \
  extern "C" const char duet_image_##name[];
// clang-format on
#define DUET_DATA(name) duet_image_##name
#else
#define DUET_IMAGE(name)
#define DUET_DATA(name) nullptr
#endif

DUET_IMAGE(pointwise)
DUET_IMAGE(pointwise_vjp)
DUET_IMAGE(move)
DUET_IMAGE(index)
DUET_IMAGE(reduce)
DUET_IMAGE(matmul)
DUET_IMAGE(rows)
DUET_IMAGE(random)
DUET_IMAGE(image)

namespace duet::cuda {
namespace {

#define DUET_ENTRY(name) \
  { #name, DUET_DATA(name) }
const Image kImages[] = {DUET_ENTRY(pointwise), DUET_ENTRY(pointwise_vjp), DUET_ENTRY(move),
                         DUET_ENTRY(index),     DUET_ENTRY(reduce),        DUET_ENTRY(matmul),
                         DUET_ENTRY(rows),      DUET_ENTRY(random),        DUET_ENTRY(image)};

}  // namespace

const Image& image(int index) { return kImages[index]; }
bool has_kernels() { return kImages[0].data != nullptr; }

}  // namespace duet::cuda
