#include <fmt/format.h>

#include "duet/ops/create.h"
#include "duet/ops/pad.h"
#include "duet/ops/saved.h"
#include "graph/check_passes.h"
#include "graph/show.h"

namespace duet::graph {
namespace {

// Specs of a node's results as dispatch would infer them. No kernel runs, so operands need no storage.
void infer(const Graph& g, const Node& n, Spec* specs) {
  OperandList list;
  std::vector<Tensor> operands;
  operands.reserve(n.inputs.size());
  for (int x : n.inputs) {
    const Value& v = g.value(x);
    const bool number = v.origin == Origin::number || v.origin == Origin::constant;
    if (number && (n.op == &op<Full>() || n.op == &op<Pad>())) {  // they take no tensor
      list.add(Saved{Tensor(), Operand::Kind::constant});
      continue;
    }
    operands.push_back(Tensor::adopt(block::make(v.spec.dtype, v.spec.shape, false), 0));
    list.add(operands.back());
  }
  const Args in(*n.op, list.inputs(), n.attrs);
  n.op->infer(*n.op, in, n.attrs, specs);
}

class Checker {
 public:
  Checker(const Pass& pass, Graph& g) : pass_(pass), g_(g), names_(value_names(g)), defined_(g.values.size(), 0) {}

  void run(const Interface& before) {
    LineOverride line(g_.nodes.empty() ? Line() : g_.nodes[0].line);
    for (size_t v = 0; v < g_.values.size(); ++v) {
      const Value& x = g_.values[v];
      defined_[v] = x.origin != Origin::node;
      const bool fits = (x.origin != Origin::slot || (x.index >= 0 && x.index < before.slots)) &&
                        (x.origin != Origin::number || (x.index >= 0 && x.index < before.numbers));
      require(fits, "{} is not one of the inputs; a pass adds constants and results of nodes only",
              name_of(static_cast<int>(v)));
    }
    require(g_.slots == before.slots && g_.numbers == before.numbers && g_.kernels.empty(),
            "the inputs were changed, or kernels were made; a pass changes values, nodes and outputs only");
    for (size_t i = 0; i < g_.nodes.size(); ++i) check_node(static_cast<int>(i));
    require(g_.outputs.size() == before.outputs.size(), "{} outputs, were {}; a pass keeps the outputs in their places",
            g_.outputs.size(), before.outputs.size());
    for (size_t k = 0; k < g_.outputs.size(); ++k) {
      LineOverride maker(before.outputs[k].line);
      check_read("output " + std::to_string(k), g_.outputs[k]);
      const Value& y = g_.value(g_.outputs[k]);
      require(y.spec == before.outputs[k].spec, "output {} is {}, was {}; a pass keeps shapes and types of outputs", k,
              y.spec, before.outputs[k].spec);
      require(y.origin == Origin::node || y.origin == Origin::slot,
              "output {} is a number, which has no storage; return a broadcast_to of it", k);
    }
  }

 private:
  template <class... A>
  void require(bool ok, fmt::format_string<A...> format, A&&... args) const {
    if (!ok) fail<Error>("pass {}: {}", std::string(pass_.name), fmt::format(format, std::forward<A>(args)...));
  }
  const std::string& name_of(int v) const {
    static const std::string kConstant = "a constant";
    return g_.value(v).origin == Origin::constant ? kConstant : names_[static_cast<size_t>(v)];
  }
  bool exists(int v) const { return v >= 0 && v < static_cast<int>(g_.values.size()); }

  void check_read(const std::string& who, int v) const {
    require(exists(v), "{} reads value {} of {}; add it to Graph::values", who, v, g_.values.size());
    require(defined_[static_cast<size_t>(v)] != 0,
            "{} reads {}, which no node before it makes; keep nodes in an order in which they can run", who,
            name_of(v));
  }

  void check_node(int i) {
    Node& n = g_.nodes[static_cast<size_t>(i)];
    require(n.op != nullptr, "node {} has no operation; set Node::op", i);
    LineOverride line(n.line);
    const std::string name(n.op->name);
    require((n.op->inputs < 0 || static_cast<int>(n.inputs.size()) == n.op->inputs) &&
                static_cast<int>(n.outputs.size()) == n.op->outputs,
            "{} has {} operands and {} results; it takes {} and gives {}", name, n.inputs.size(), n.outputs.size(),
            static_cast<int>(n.op->inputs), static_cast<int>(n.op->outputs));
    for (int x : n.inputs) check_read(name, x);
    Spec specs[kMaxOutputs];
    try {
      infer(g_, n, specs);
    } catch (const Error& e) {
      require(false, "{} cannot run: {}", name, e.what());
    }
    for (size_t k = 0; k < n.outputs.size(); ++k) {
      const int y = n.outputs[k];
      require(exists(y) && g_.value(y).origin == Origin::node, "{} makes value {}, which is no result of a node", name,
              y);
      Value& made = g_.values[static_cast<size_t>(y)];
      require(defined_[static_cast<size_t>(y)] == 0, "{} makes {} once more; give it a value of its own", name,
              name_of(y));
      require(made.spec == specs[k],
              "{} makes {}, and {} is said to be {}; give the value the operation's shape and type", name, specs[k],
              name_of(y), made.spec);
      defined_[static_cast<size_t>(y)] = 1;
      made.index = i;
      made.output = static_cast<int>(k);
    }
  }

  const Pass& pass_;
  Graph& g_;
  const std::vector<std::string> names_;
  std::vector<char> defined_;  // values: can be read by now
};

}  // namespace

Interface::Interface(const Graph& g) : slots(g.slots), numbers(g.numbers) {
  for (int o : g.outputs) outputs.push_back({g.value(o).spec, g.producer(o) < 0 ? Line() : g.node(g.producer(o)).line});
}

Graph in_order(const Pass& pass, const Interface& before, Graph g) {
  Checker(pass, g).run(before);
  return g;
}

std::string value_name(const Graph& g, int v) {
  return g.value(v).origin == Origin::constant ? "a constant" : value_names(g)[static_cast<size_t>(v)];
}

}  // namespace duet::graph
