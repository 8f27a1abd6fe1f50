// Where there is no xbyak: the tile executor runs everything.
#include "cpu/jit/assemble.h"

namespace duet::cpu::jit {

Assembled assemble(const List&, bool) { return {}; }

}  // namespace duet::cpu::jit
