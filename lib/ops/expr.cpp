#include "duet/ops/op.h"

#include <algorithm>

#include "duet/core/error.h"

namespace duet {
namespace {

thread_local ExprList* recording = nullptr;

}  // namespace

ExprRecorder::ExprRecorder(ExprList& list) : outer_(std::exchange(recording, &list)) {}
ExprRecorder::~ExprRecorder() { recording = outer_; }

int ExprRecorder::emit(const ExprNode& node) {
  DUET_INTERNAL_CHECK(recording != nullptr);
  auto& nodes = recording->nodes;
  auto found = std::find(nodes.begin(), nodes.end(), node);
  if (found == nodes.end()) {
    nodes.push_back(node);
    return static_cast<int>(nodes.size()) - 1;
  }
  return static_cast<int>(found - nodes.begin());
}

void prune(ExprList& list) {
  std::vector<int> place(list.nodes.size(), -1);
  std::vector<char> needed(list.nodes.size(), 0);
  for (int o : list.outputs) needed[static_cast<size_t>(o)] = 1;
  for (size_t i = list.nodes.size(); i-- > 0;)
    if (needed[i])
      for (int operand : {list.nodes[i].a, list.nodes[i].b, list.nodes[i].c})
        if (operand >= 0) needed[static_cast<size_t>(operand)] = 1;
  std::vector<ExprNode> kept;
  auto moved = [&](int old) { return old < 0 ? -1 : place[static_cast<size_t>(old)]; };
  for (size_t i = 0; i < list.nodes.size(); ++i) {
    if (!needed[i]) continue;
    place[i] = static_cast<int>(kept.size());
    ExprNode n = list.nodes[i];
    kept.push_back({n.op, moved(n.a), moved(n.b), moved(n.c), n.imm});
  }
  for (int& o : list.outputs) o = moved(o);
  list.nodes = std::move(kept);
}

}  // namespace duet
