#include "fuzz/naive/tape.h"

#include <stdexcept>

namespace duet::fuzz::naive {
namespace {

constexpr size_t kMost = 300'000;

struct Node {
  Fn fn;
  bool wide;
  Num a, b, y;
  int first = 0, count = 0;  // of a sum or link: its operands, and factors
};
struct Tape {
  std::vector<Node> nodes;
  std::vector<Num> operands, factors;
};
thread_local Tape tape;

Num push(Node n) {
  if (tape.nodes.size() + tape.operands.size() > kMost) throw TooLarge();
  n.wide = wide();
  n.y.node = static_cast<int>(tape.nodes.size());
  tape.nodes.push_back(n);
  return n.y;
}

// What an operation adds to the derivatives for its operands when that for its result is dy: the rules of calculus, in
// the form in which they lose digits as the library's do.
Num through_first(const Node& n, const Num& dy) {
  const Num &a = n.a, &b = n.b, &y = n.y;
  switch (n.fn) {
    case Fn::neg:
      return -dy;
    case Fn::add:
    case Fn::sub:
      return dy;
    case Fn::mul:
      return dy * b;
    case Fn::div:
      return dy / b;
    case Fn::reciprocal:
      return -dy * y * y;
    case Fn::square:
      return dy * Num{2} * a;
    case Fn::sqrt:
      return dy * Num{0.5} / y;
    case Fn::rsqrt:
      return dy * Num{-0.5} * y / a;
    case Fn::exp:
      return dy * y;
    case Fn::expm1:
      return dy * (y + Num{1});
    case Fn::log:
      return dy / a;
    case Fn::log1p:
      return dy / (Num{1} + a);
    case Fn::sin:
      return dy * cos(a);
    case Fn::cos:
      return -dy * sin(a);
    case Fn::tanh:
      return dy * (Num{1} - y * y);
    case Fn::erf:
      return dy * Num{1.1283791670955126} * exp(-(a * a));
    case Fn::pow: {
      const bool is_base = b.v != 0 || a.v >= 0x1p-126 || a.v <= -0x1p-126;
      return dy * (b * pow(is_base ? a : b.e == 0 ? Num{1} : unknown(), b - Num{1}));
    }
    case Fn::sigmoid:
      return dy * y * (Num{1} - y);
    case Fn::gelu:
      return dy * (Num{0.5} + Num{0.5} * erf(a * Num{0.7071067811865476}) +
                   a * Num{0.3989422804014327} * exp(a * a * Num{-0.5}));
    case Fn::gelu_tanh: {
      const Num t = tanh(a * (Num{0.7978845608028654} + Num{0.035677408136300125} * a * a));
      const Num dt = (Num{1} - t * t) * (Num{0.7978845608028654} + Num{0.10703222440890037} * a * a);
      return dy * Num{0.5} * (Num{1} + t + a * dt);
    }
    case Fn::silu: {
      const Num s = sigmoid(a);
      return dy * (s * (Num{1} + a * (Num{1} - s)));
    }
    case Fn::softplus:
      return dy * sigmoid(a);
    case Fn::mish: {
      const Num t = tanh(softplus(a));
      return dy * (t + a * (Num{1} - t * t) * sigmoid(a));
    }
    case Fn::bce:
      return dy * (sigmoid(a) - b);
    case Fn::converted: {  // dy is stored as an f32 wherever one of both is
      const Rounding there(b.v != 0);
      return converted(dy, n.wide && wide());
    }
    case Fn::sum:
    case Fn::linked:
    case Fn::leaf:
      break;
  }
  throw std::logic_error("no rule");
}
Num through_second(const Node& n, const Num& dy) {
  const Num &a = n.a, &b = n.b, &y = n.y;
  switch (n.fn) {
    case Fn::add:
      return dy;
    case Fn::sub:
      return -dy;
    case Fn::mul:
      return dy * a;
    case Fn::div:
      return -((dy / b) * (a / b));
    case Fn::pow:
      return dy * (y * log(a.v == 0 && b.v >= 0 ? Num{1} : a));
    case Fn::bce:
      return -dy * a;
    default:
      throw std::logic_error("no rule");
  }
}

/// Calls f(operand's node, what dy becomes on the way to it) for each operand from `first` on; `dy_of` gives dy for an
/// operand, which differs when tangents go the other way.
template <class Dy, class F>
void each_operand(int i, int first, const Dy& dy_of, const F& f) {
  const Node n = tape.nodes[static_cast<size_t>(i)];  // a copy: what follows makes nodes
  const Rounding rounding(n.wide);
  if (n.fn == Fn::sum || n.fn == Fn::linked) {
    for (int k = n.first; k < n.first + n.count; ++k) {
      const Num x = tape.operands[static_cast<size_t>(k)], factor = tape.factors[static_cast<size_t>(k)];
      if (x.node >= first) f(x.node, n.fn == Fn::sum || factor.v == 1 ? dy_of(x.node) : dy_of(x.node) * factor);
    }
    return;
  }
  if (n.fn == Fn::leaf) return;
  if (n.a.node >= first) f(n.a.node, through_first(n, dy_of(n.a.node)));
  if (n.b.node >= first) f(n.b.node, through_second(n, dy_of(n.b.node)));
}

}  // namespace

Num noted(Fn fn, Num y, const Num& a, const Num& b) {
  y.node = -1;
  if (a.node < 0 && b.node < 0) return y;
  return push({fn, false, a, b, y});
}
Num noted_sum(Num y, const std::vector<Num>& x) {
  bool any = false;
  for (const Num& a : x) any |= a.node >= 0;
  if (!any) return y;
  Node n{Fn::sum, false, {}, {}, y, static_cast<int>(tape.operands.size()), 0};
  for (const Num& a : x)
    if (a.node >= 0) tape.operands.push_back(a), tape.factors.push_back(Num{1}), ++n.count;
  return push(n);
}
Num linked(const Num& value, const std::vector<Num>& x, const std::vector<Num>& factors) {
  Node n{Fn::linked, false, {}, {}, value, static_cast<int>(tape.operands.size()), 0};
  for (size_t i = 0; i < x.size(); ++i)
    if (x[i].node >= 0) tape.operands.push_back(x[i]), tape.factors.push_back(factors[i]), ++n.count;
  if (n.count == 0) return constant(value);
  return push(n);
}
Num variable(const Num& x) { return x.node >= 0 ? linked(x, {x}, {Num{1}}) : push({Fn::leaf, false, {}, {}, x}); }

std::vector<Num> gradient(const std::vector<Num>& y, const std::vector<Num>& seeds, const std::vector<Num>& x) {
  if (x.empty()) return {};
  const int first = x[0].node, behind = x.back().node;
  std::vector<Num> adjoint(tape.nodes.size() - static_cast<size_t>(first));
  std::vector<char> touched(adjoint.size(), 0);
  auto add = [&](int node, const Num& dy) {
    const auto k = static_cast<size_t>(node - first);
    adjoint[k] = touched[k] ? adjoint[k] + dy : dy;
    touched[k] = 1;
  };
  for (size_t i = 0; i < y.size(); ++i)
    if (y[i].node >= first) add(y[i].node, seeds[i]);
  for (int i = first + static_cast<int>(adjoint.size()) - 1; i > behind; --i)
    if (touched[static_cast<size_t>(i - first)])
      each_operand(
          i, first, [&](int) { return adjoint[static_cast<size_t>(i - first)]; }, add);
  std::vector<Num> dx;
  for (const Num& v : x) dx.push_back(adjoint[static_cast<size_t>(v.node - first)]);
  return dx;
}
std::vector<Num> tangents(const std::vector<Num>& y, const std::vector<Num>& x, const std::vector<Num>& direction) {
  std::vector<Num> dy(y.size());
  if (x.empty()) return dy;
  const int first = x[0].node;
  std::vector<Num> tangent(tape.nodes.size() - static_cast<size_t>(first));
  std::vector<char> touched(tangent.size(), 0);
  for (size_t i = 0; i < x.size(); ++i) {
    tangent[static_cast<size_t>(x[i].node - first)] = direction[i];
    touched[static_cast<size_t>(x[i].node - first)] = 1;
  }
  for (int i = x.back().node + 1; i < first + static_cast<int>(tangent.size()); ++i) {
    std::vector<Num> parts;
    each_operand(
        i, first, [&](int from) { return tangent[static_cast<size_t>(from - first)]; },
        [&](int from, const Num& part) {
          if (touched[static_cast<size_t>(from - first)]) parts.push_back(part);
        });
    if (parts.empty()) continue;
    tangent[static_cast<size_t>(i - first)] = sum(parts);
    touched[static_cast<size_t>(i - first)] = 1;
  }
  for (size_t i = 0; i < y.size(); ++i)
    if (y[i].node >= first) dy[i] = tangent[static_cast<size_t>(y[i].node - first)];
  return dy;
}
void clear_tape() { tape = {}; }

}  // namespace duet::fuzz::naive
