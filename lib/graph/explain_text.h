// What text and pictures say in the same words.
#pragma once

#include "duet/graph/explain.h"

namespace duet {

/// "= lower bound (proven optimal)"
std::string arena_text(const Explanation::Plan& p);

}  // namespace duet
