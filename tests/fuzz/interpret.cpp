// Running a program: host code like any other, which does not know whether it is recorded.
#include "fuzz/interpret.h"

#include <algorithm>
#include <cstddef>
#include <unordered_map>

#include "fuzz/attributes.h"
#include "fuzz/growth.h"

namespace duet::fuzz {
namespace {

thread_local bool plain_oracle = false;

struct Word {
  const OpRecord* op = nullptr;
  const Composite* composite = nullptr;
};
const Word& word(const std::string& name) {
  static const std::unordered_map<std::string, Word> all = [] {
    std::unordered_map<std::string, Word> m;
    for (const GrowthRule& r : growth_rules())
      if (r.op != nullptr) m[r.name].op = r.op;
    for (const Composite& c : composites()) m[c.name].composite = &c;
    return m;
  }();
  auto at = all.find(name);
  if (at == all.end()) throw std::runtime_error("no operation has this name: " + name);
  return at->second;
}

class Interpreter {
 public:
  Interpreter(const Program& p, float s0, float s1, const Watcher* watcher)
      : p_(p), numbers_{s0, s1}, watcher_(watcher) {}

  /// All outputs; `keep` are read after the last step.
  Tensors run(const Body& b, Tensors values, const std::vector<int>& keep) {
    if (static_cast<int>(values.size()) != b.parameters) throw std::runtime_error("a body has other parameters");
    std::vector<int> last = last_uses(b, keep);
    for (size_t i = 0; i < b.steps.size(); ++i) {
      const Step& s = b.steps[i];
      Tensors y = step(s, values, last, static_cast<int>(i));
      for (int k = 0; k < s.outputs; ++k) values.push_back(std::move(y[static_cast<size_t>(k)]));
      // A value dies with its last use, as it would in a program that somebody wrote.
      for (const Ref& r : s.in)
        if (r.kind == Ref::value && last[static_cast<size_t>(r.index)] == static_cast<int>(i))
          values[static_cast<size_t>(r.index)] = Tensor();
    }
    Tensors results;
    for (int o : keep) results.push_back(o < 0 ? Tensor() : values[static_cast<size_t>(o)]);
    return results;
  }
  Tensors run_program(Tensors values) {
    std::vector<int> keep = p_.body.outputs;
    keep.insert(keep.end(), p_.rebinds.begin(), p_.rebinds.end());
    if (watcher_ != nullptr) watcher_->leaves(values);
    return run(p_.body, std::move(values), keep);
  }

 private:
  // The step that uses a value last; values that are kept are never given away.
  static std::vector<int> last_uses(const Body& b, const std::vector<int>& keep) {
    int n = b.parameters;
    for (const Step& s : b.steps) n += s.outputs;
    std::vector<int> last(static_cast<size_t>(n), -1);
    for (size_t i = 0; i < b.steps.size(); ++i)
      for (const Ref& r : b.steps[i].in)
        if (r.kind == Ref::value) last.at(static_cast<size_t>(r.index)) = static_cast<int>(i);
    for (int o : keep)
      if (o >= 0) last.at(static_cast<size_t>(o)) = static_cast<int>(b.steps.size());
    return last;
  }

  Tensors step(const Step& s, Tensors& values, const std::vector<int>& last, int now) {
    const Word& w = word(s.op);
    const bool watched = watcher_ != nullptr && depth_ == 0;
    Tensors y;
    if (w.composite != nullptr) {
      Tensors x;
      for (const Ref& r : s.in)
        if (r.kind == Ref::value) x.push_back(values.at(static_cast<size_t>(r.index)));
      ++depth_;
      const std::function<Tensors(const Tensors&)> inner = [this, body = s.body](const Tensors& parameters) {
        return run(*body, parameters, body->outputs);
      };
      if (s.op == "compiled" && plain_oracle)
        y = inner(x);
      else
        y = w.composite->apply({x, s.attrs, inner});
      --depth_;
    } else if (w.op->kind == OpClass::tape) {
      y.push_back(alias(values.at(static_cast<size_t>(s.in.at(0).index))));
    } else {
      y = dispatched(*w.op, s, values, last, now);
    }
    if (static_cast<int>(y.size()) != s.outputs) throw std::runtime_error(s.op + ": another number of results");
    if (watched) watcher_->step(static_cast<size_t>(now), y);
    return y;
  }

  Tensors dispatched(const OpRecord& op, const Step& s, Tensors& values, const std::vector<int>& last, int now) {
    // Operands are neither copied nor moved: each is made where it stays.
    alignas(Operand) std::byte storage[Args::kMax][sizeof(Operand)];
    std::vector<Inputs::Ref> refs;
    std::vector<Shape> shapes;
    if (s.in.size() > Args::kMax || (op.inputs >= 0 && static_cast<int>(s.in.size()) != op.inputs))
      throw std::runtime_error(s.op + ": another number of operands");
    for (size_t i = 0; i < s.in.size(); ++i) {
      const Ref& r = s.in[i];
      Operand* operand = nullptr;
      if (r.kind == Ref::value) {
        Tensor& t = values.at(static_cast<size_t>(r.index));
        shapes.push_back(t.shape());
        const bool once = std::count(s.in.begin(), s.in.end(), r) == 1;
        const bool given = p_.moves && once && depth_ == 0 && last[static_cast<size_t>(r.index)] == now;
        operand = given ? ::new (storage[i]) Operand(std::move(t)) : ::new (storage[i]) Operand(t);
      } else if (r.kind == Ref::number) {
        operand = ::new (storage[i]) Operand(numbers_[r.index]);
      } else if (r.kind == Ref::literal) {
        operand = ::new (storage[i]) Operand(r.number_value);
      } else if (r.kind == Ref::integer) {
        operand = ::new (storage[i]) Operand(static_cast<int64_t>(r.number_value));
      } else {
        operand = ::new (storage[i]) Operand(Operand::constant(r.number_value));
      }
      refs.emplace_back(*operand);
    }
    if (!attributes_fit(s.op, s.attrs, shapes)) throw std::runtime_error(s.op + ": attributes that do not fit");
    Outputs out = dispatch(op, Inputs(std::span<const Inputs::Ref>(refs)), s.attrs);
    return {out.values, out.values + out.count};
  }

  const Program& p_;
  float numbers_[kNumbers];
  const Watcher* watcher_;
  int depth_ = 0;
};

bool uses_number(const Body& b, int which) {
  return std::any_of(b.steps.begin(), b.steps.end(), [&](const Step& s) {
    return (s.body != nullptr && uses_number(*s.body, which)) ||
           std::any_of(s.in.begin(), s.in.end(),
                       [&](const Ref& r) { return r.kind == Ref::number && r.index == which; });
  });
}

}  // namespace

PlainOracle::PlainOracle() { plain_oracle = true; }
PlainOracle::~PlainOracle() { plain_oracle = false; }

Tensors interpret(const Program& p, Tensors& state, Tensors inputs, float s0, float s1, const Watcher* watcher) {
  Tensors values;
  size_t next_state = 0, next_input = 0;
  for (const Leaf& l : p.leaves)
    values.push_back(l.kind == Leaf::state ? state.at(next_state++) : std::move(inputs.at(next_input++)));
  inputs.clear();
  Tensors results = Interpreter(p, s0, s1, watcher).run_program(std::move(values));
  for (size_t i = 0; i < p.rebinds.size(); ++i)
    if (p.rebinds[i] >= 0) state[i] = std::move(results[p.body.outputs.size() + i]);
  results.resize(p.body.outputs.size());
  // A frozen function has to use all of its arguments.
  if (!uses_number(p.body, 0)) results.push_back(full({}, s0));
  if (!uses_number(p.body, 1)) results.push_back(full({}, s1));
  return results;
}

std::vector<Spec> infer_specs(const Program& p) {
  const PlainOracle plain;
  std::vector<Spec> specs;
  const Data data(p);
  Tensors state = data.state(), inputs = data.inputs(0), values;
  size_t next_state = 0, next_input = 0;
  for (const Leaf& l : p.leaves)
    values.push_back(l.kind == Leaf::state ? state.at(next_state++) : inputs.at(next_input++));
  auto note = [&](const Tensors& all) {
    for (const Tensor& t : all) specs.push_back(t.spec());
  };
  const Watcher watcher{note, [&](size_t, const Tensors& results) { note(results); }};
  Interpreter(p, 0.75f, -0.5f, &watcher).run_program(std::move(values));
  return specs;
}

}  // namespace duet::fuzz
