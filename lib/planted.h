// Planted bugs: what the fuzzer is checked by. Test builds (DUET_VERIFY) carry one where planted() asks for it; other
// builds have none of it.
#pragma once

#include <string_view>

namespace duet {

#ifdef DUET_VERIFY
/// Whether this bug is planted: by plant(), or by the environment variable DUET_PLANT.
bool planted(std::string_view bug);
/// Plants a bug, or none (""). Not while plans are made or run.
void plant(std::string_view bug);
#else
constexpr bool planted(std::string_view) { return false; }
#endif

}  // namespace duet
