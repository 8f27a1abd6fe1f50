// Explanations in files.
#pragma once

#include "duet/graph/explain.h"

namespace duet::graph {

/// With DUET_EXPLAIN=folder in the environment, what every compiled or frozen function did is written there when the
/// function dies, or when the program ends: the text, the data and the picture.
void explain_later(PlanCache& cache);
void explain_now(PlanCache& cache);

/// The text with '?' for bytes that are not UTF-8 or that no XML can hold: names of files may have any.
std::string valid_utf8(std::string_view text);

}  // namespace duet::graph
