// What test builds (DUET_VERIFY) can do to a plan: run its kernels in another legal order, and carry one of the planted
// bugs that the fuzzer has to find. Other builds have none of it.
#pragma once

#include "duet/graph/graph.h"
#include "planted.h"

namespace duet::cpu {
struct TileProgram;
}

namespace duet::graph {

struct Executable;

#ifdef DUET_VERIFY
/// Orders the kernels of every plan that this thread makes from now on another way, for each seed its own; 0: as the
/// passes have them.
void set_schedule(unsigned seed);

void reorder_kernels(Graph& g);
/// Bugs that need more than a condition.
void plant_in_node(const Graph& g, Node& n);
void plant_in_program(cpu::TileProgram& program, const Node& n, DType dtype);
void plant_in_storage(Executable& e);
#else
inline void reorder_kernels(Graph&) {}
inline void plant_in_node(const Graph&, Node&) {}
inline void plant_in_program(cpu::TileProgram&, const Node&, DType) {}
inline void plant_in_storage(Executable&) {}
#endif

}  // namespace duet::graph
