// ONNX's recurrent layers in one direction, unrolled over time, made of duet's operations.
//   T time   N batch   I inputs   H hidden   G gates
#include "duet/ops/create.h"
#include "duet/ops/matmul.h"
#include "duet/ops/movement.h"
#include "duet/ops/pointwise.h"
#include "duet/ops/rearrange.h"
#include "io/onnx_ops.h"
#include "ops/records.h"

namespace duet::onnx {
namespace {

struct Layer {
  Tensor x;        // [T,N,I]
  Tensor w, r;     // [I,G·H], [H,G·H]
  Tensor wb, rb;   // [G·H]
  Tensor h;        // [N,H]
  Tensor lengths;  // i64[N,1], or empty: all are T
  int64_t hidden = 0;
  bool batch_first = false;

  Tensor gate(const Tensor& all, int g) const { return slice_axis(all, -1, g * hidden, (g + 1) * hidden); }
};

// One direction's part of an operand [1,…].
Tensor only(const Call& c, const Tensor& t) {
  c.require(t.rank() > 0 && t.shape()[0] == 1, "only one direction is supported: {}", t.spec());
  return squeeze(t, 0);
}
Tensor state(const Call& c, const Layer& l, int input) {
  if (!c.has(input)) return zeros({l.x.shape()[1], l.hidden}, l.x.dtype());
  return only(c, l.batch_first ? swap_axes(c[input], 0, 1) : c[input]);
}
Layer layer(const Call& c, int64_t gates) {
  c.require(c.text("direction", "forward") == "forward", "only the forward direction is supported");
  c.require(c[0].rank() == 3 && c[2].rank() == 3, "takes x [T,N,I] and R [1,G·H,H]: {}, {}", c[0].spec(), c[2].spec());
  Layer l;
  l.batch_first = c.integer("layout", 0) != 0;
  l.hidden = c[2].shape()[2];
  c.require(c.integer("hidden_size", l.hidden) == l.hidden && c[2].shape()[1] == gates * l.hidden,
            "R is {}, for {} gates", c[2].spec(), gates);
  l.x = l.batch_first ? swap_axes(c[0], 0, 1) : c[0];
  l.w = transpose(only(c, c[1])), l.r = transpose(only(c, c[2]));
  const Tensor b = c.has(3) ? only(c, c[3]) : zeros({2 * gates * l.hidden}, l.x.dtype());
  c.require(b.rank() == 1 && b.numel() == 2 * gates * l.hidden, "B is {}, for {} gates", b.spec(), gates);
  l.wb = slice_axis(b, 0, 0, gates * l.hidden), l.rb = slice_axis(b, 0, gates * l.hidden, 2 * gates * l.hidden);
  l.h = state(c, l, 5);
  if (c.has(4)) {
    c.require(c[4].numel() == l.x.shape()[1], "{} sequence_lens for {} sequences", c[4].numel(), l.x.shape()[1]);
    l.lengths = reshape(cast(c[4], i64), {l.x.shape()[1], 1});
  }
  return l;
}
// Y with every step's h, Y_h with the last.
Results results(const Layer& l, const std::vector<Tensor>& steps, const Tensor& h) {
  const int64_t n = l.x.shape()[1];
  Tensor y = steps.empty() ? zeros({0, 1, n, l.hidden}, l.x.dtype()) : unsqueeze(duet::stack(steps), 1);
  if (l.batch_first) return {permute(y, {2, 0, 1, 3}), unsqueeze(h, 1)};
  return {y, unsqueeze(h, 0)};
}
// A sequence that has ended keeps its state.
Tensor going_on(const Layer& l, int64_t t, const Tensor& fresh, const Tensor& old) {
  return l.lengths.defined() ? where(gt(l.lengths, t), fresh, old) : fresh;
}
// Takes over the hidden state of step t, and gives what Y has for it: 0 for a sequence that has ended.
Tensor step(Layer& l, int64_t t, const Tensor& fresh) {
  l.h = going_on(l, t, fresh, l.h);
  return l.lengths.defined() ? where(gt(l.lengths, t), fresh, 0) : fresh;
}
Tensor input_part(const Layer& l, int64_t t) { return matmul(l.x.row(t), l.w) + l.wb; }

Results rnn(const Call& c) {
  Layer l = layer(c, 1);
  std::vector<Tensor> steps;
  for (int64_t t = 0; t < l.x.shape()[0]; ++t) {
    steps.push_back(step(l, t, tanh(input_part(l, t) + (matmul(l.h, l.r) + l.rb))));
  }
  return results(l, steps, l.h);
}
// Gates z, r, h in this order (Cho et al. 2014); the reset gate acts before the product.
Results gru(const Call& c) {
  Layer l = layer(c, 3);
  std::vector<Tensor> steps;
  const Tensor rh = l.gate(l.r, 2), bh = l.gate(l.rb, 2);
  const Tensor rzr = slice_axis(l.r, 1, 0, 2 * l.hidden), bzr = slice_axis(l.rb, 0, 0, 2 * l.hidden);
  for (int64_t t = 0; t < l.x.shape()[0]; ++t) {
    const Tensor x = input_part(l, t);
    const Tensor zr = sigmoid(slice_axis(x, 1, 0, 2 * l.hidden) + (matmul(l.h, rzr) + bzr));
    const Tensor z = l.gate(zr, 0), r = l.gate(zr, 1);
    const Tensor fresh = tanh(l.gate(x, 2) + (matmul(r * l.h, rh) + bh));
    steps.push_back(step(l, t, (1 - z) * fresh + z * l.h));
  }
  return results(l, steps, l.h);
}
// Gates i, o, f, c in this order (Hochreiter & Schmidhuber 1997), with peepholes for i, o, f if given.
Results lstm(const Call& c) {
  Layer l = layer(c, 4);
  Tensor cell = state(c, l, 6);
  const Tensor p = c.has(7) ? only(c, c[7]) : Tensor();
  c.require(!p.defined() || (p.rank() == 1 && p.numel() == 3 * l.hidden), "P must be [1,3·H]");
  auto peep = [&](const Tensor& gate, int g, const Tensor& at) {
    return p.defined() ? gate + l.gate(p, g) * at : gate;
  };
  std::vector<Tensor> steps;
  for (int64_t t = 0; t < l.x.shape()[0]; ++t) {
    const Tensor all = input_part(l, t) + (matmul(l.h, l.r) + l.rb);
    const Tensor in = sigmoid(peep(l.gate(all, 0), 0, cell)), forget = sigmoid(peep(l.gate(all, 2), 2, cell));
    const Tensor next = forget * cell + in * tanh(l.gate(all, 3));
    steps.push_back(step(l, t, sigmoid(peep(l.gate(all, 1), 1, next)) * tanh(next)));
    cell = going_on(l, t, next, cell);
  }
  Results out = results(l, steps, l.h);
  out.push_back(unsqueeze(cell, l.batch_first ? 1 : 0));
  return out;
}

constexpr OpEntry kOps[] = {
    {"GRU", 3, 6, "direction hidden_size layout", 0, gru, 7},
    {"LSTM", 3, 8, "direction hidden_size layout", 0, lstm, 7},
    {"RNN", 3, 6, "direction hidden_size layout", 0, rnn, 7},
};

}  // namespace

std::span<const OpEntry> recurrent_ops() { return kOps; }

}  // namespace duet::onnx
