// kernels/fused.h as data of the library.
#include "cuda/codegen/program.h"

// clang-format off
__asm__(".section .duet_prelude,\"a\",@progbits\n.hidden duet_prelude_begin\n.hidden duet_prelude_end\n"
        ".globl duet_prelude_begin\nduet_prelude_begin:\n.incbin \"" DUET_PRELUDE "\"\n"
        ".globl duet_prelude_end\nduet_prelude_end:\n.byte 0\n.previous\n");
// clang-format on
extern "C" const char duet_prelude_begin[], duet_prelude_end[];

namespace duet::cuda {

std::string_view prelude() { return {duet_prelude_begin, static_cast<size_t>(duet_prelude_end - duet_prelude_begin)}; }

}  // namespace duet::cuda
