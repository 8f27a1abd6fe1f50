// fold: computes, once and for all, what only numbers of the program itself decide. A tensor whose elements are all one
// such number stands beside other operands as the number.
//
//   before   %1 = full(constant 1)    %2 = div_vjp(%1, constant 320)    %3 = mul(%2 repeated, %0)
//   after    %3 = mul(constant 0.003125, %0)    (%1 and %2 are left to dce)
//
// The eager kernel computes, so the bits are the eager ones. Numbers given at run time are never read. What is folded
// is one number: a tensor of different elements, like arange, is computed by the plan and never kept in it.
#include <cstring>
#include <map>

#include "duet/graph/passes.h"
#include "duet/ops/create.h"
#include "duet/ops/movement.h"

namespace duet::graph {
namespace {

constexpr int64_t kMaxElements = 4096;  // of the operands and results of a kernel that runs here
constexpr int64_t kNoStrides[kMaxRank] = {};
const Shape kScalar;

class Folder {
 public:
  explicit Folder(Graph g) : g_(std::move(g)), known_(g_.values.size()), returned_(g_.values.size(), 0) {
    for (size_t v = 0; v < g_.values.size(); ++v) {
      const Value& x = g_.values[v];
      if (x.origin != Origin::constant) continue;
      known_[v] = {true, x.constant};
      constants_.try_emplace({x.spec.dtype, x.constant.bits}, static_cast<int>(v));
    }
    // Storage that an output looks at is made by one kernel; many views of a number would be many copies.
    for (int v : g_.outputs)
      for (returned_[index(v)] = 1; g_.producer(v) >= 0 && is_view(g_.node(g_.producer(v))); returned_[index(v)] = 1)
        v = g_.node(g_.producer(v)).inputs[0];
  }

  Graph run() {
    for (size_t i = 0; i < g_.nodes.size(); ++i) {
      Node& n = g_.nodes[i];
      if (!compute(n) || !write_as_broadcast(n)) take_numbers(n);
    }
    return std::move(g_);
  }

 private:
  struct Known {
    bool uniform = false;  // every element is `number`
    Number8 number{};
  };
  static size_t index(int v) { return static_cast<size_t>(v); }
  const Shape& shape(int v) const { return g_.value(v).spec.shape; }

  // Fills in what is known of the outputs; false when they are not one number each.
  bool compute(const Node& n) {
    if (n.op->may_throw || n.op->kind == OpClass::update) return false;
    for (int x : n.inputs)
      if (!known_[index(x)].uniform) return false;
    for (int y : n.outputs)
      if (shape(y).numel() == 0) return false;
    if (is_view(n) || n.op == &op<Full>()) {
      known_[index(n.outputs[0])] = known_[index(n.inputs[0])];
      return true;
    }
    return run_kernel(n);
  }

  bool run_kernel(const Node& n) {
    const bool pointwise = n.op->kind == OpClass::pointwise;  // one element says what all are
    int64_t elements = 0;
    for (int x : n.inputs) elements += shape(x).numel();
    for (int y : n.outputs) elements += shape(y).numel();
    if (!pointwise && elements > kMaxElements) return false;
    std::vector<Strided> in, out;
    for (int x : n.inputs) {
      const Shape& s = pointwise ? kScalar : shape(x);
      in.push_back(
          {&known_[index(x)].number, g_.value(x).spec.dtype, is_dense(s, kNoStrides), s.numel(), &s, kNoStrides});
    }
    std::vector<std::vector<uint64_t>> storage;  // of 8 bytes an element: aligned for every type
    for (int y : n.outputs) {
      const Shape& s = pointwise ? kScalar : shape(y);
      storage.emplace_back(static_cast<size_t>(s.numel()));
      out.push_back({storage.back().data(), g_.value(y).spec.dtype, true, s.numel(), &s, nullptr});
    }
    n.op->run({*n.op, in, out, n.attrs});
    for (size_t k = 0; k < out.size(); ++k) {
      const char* first = static_cast<const char*>(out[k].data);
      const size_t size = size_bytes(out[k].dtype);
      for (int64_t i = 1; i < out[k].numel; ++i)
        if (std::memcmp(first, first + static_cast<size_t>(i) * size, size) != 0) return false;
    }
    for (size_t k = 0; k < out.size(); ++k) {
      Known& y = known_[index(n.outputs[k])];
      y.uniform = true;
      y.number.bits = 0;
      std::memcpy(&y.number, out[k].data, size_bytes(out[k].dtype));
    }
    return true;
  }

  // The constant that v's elements are; made where there is none of its bits.
  int constant(int v) {
    const DType dtype = g_.value(v).spec.dtype;
    const Number8 number = known_[index(v)].number;
    auto [at, fresh] = constants_.try_emplace({dtype, number.bits}, static_cast<int>(g_.values.size()));
    if (fresh) {
      Value c;
      c.origin = Origin::constant;
      c.spec.dtype = dtype;
      c.constant = number;
      g_.values.push_back(c);
      known_.push_back({true, number});
      returned_.push_back(0);
    }
    return at->second;
  }

  // A tensor of one number is a view of it. A scalar is not written: whoever reads it takes the constant.
  bool write_as_broadcast(Node& n) {
    const Shape s = shape(n.outputs[0]);
    if (n.outputs.size() != 1 || s.rank() == 0 || returned_[index(n.outputs[0])]) return false;
    n.op = &op<BroadcastTo>();
    n.inputs = {constant(n.outputs[0])};
    n.attrs.assign(s.begin(), s.end());
    return true;
  }

  // A pointwise node reads scalars that are known as constants, and tensors too where its other operands say its shape.
  void take_numbers(Node& n) {
    if (n.op->kind != OpClass::pointwise) return;
    for (size_t i = 0; i < n.inputs.size(); ++i) {
      const int x = n.inputs[i];
      if (!known_[index(x)].uniform || g_.value(x).origin == Origin::constant) continue;
      if (shape(x).rank() == 0 || others_say_the_shape(n, i)) n.inputs[i] = constant(x);
    }
  }
  bool others_say_the_shape(const Node& n, size_t without) const {
    Shape all;
    for (size_t i = 0; i < n.inputs.size(); ++i) {
      Shape common;
      if (i == without) continue;
      if (!broadcast_shapes(all, shape(n.inputs[i]), common)) return false;
      all = common;
    }
    return all == shape(n.outputs[0]);
  }

  Graph g_;
  std::vector<Known> known_;                             // by value
  std::vector<char> returned_;                           // by value: an output, or looked at by one
  std::map<std::pair<DType, uint64_t>, int> constants_;  // values
};

}  // namespace

Graph fold(Graph g, Report&) { return Folder(std::move(g)).run(); }

}  // namespace duet::graph
