// The fork. Every operation passes through dispatch(), and it is the only place where the two execution models differ:
// outside of a compiled function the operation runs now, inside it is recorded. Tapes note it either way.
#pragma once

#include "duet/ops/record.h"

namespace duet {

/// Computes the outputs now: views share storage, everything else launches one kernel.
Outputs run_now(const OpRecord& op, const Args& in, Attrs attrs, const Spec* specs);

/// Runs a kernel, counting it and the bytes it reads and writes; DUET_DEBUG=2 prints a line.
void launch(const KernelCall& call);
/// The same, uncounted: the kernel of the device where the operands lie.
void run_on_device(const KernelCall& call);

}  // namespace duet
