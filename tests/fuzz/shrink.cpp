// Making a failing program small: fewer results, fewer operations, smaller shapes, plainer modes; over and over until
// nothing more can go.
#include <algorithm>
#include <functional>
#include <set>

#include "fuzz/apart.h"
#include "fuzz/program.h"

namespace duet::fuzz {
namespace {

// Replaces values: `to[v]` is what v becomes.
void renumber(std::vector<int>& values, const std::vector<int>& to) {
  for (int& v : values)
    if (v >= 0) v = to[static_cast<size_t>(v)];
}
void renumber(Body& b, const std::vector<int>& to) {
  for (Step& s : b.steps)
    for (Ref& r : s.in)
      if (r.kind == Ref::value) r.index = to[static_cast<size_t>(r.index)];
  renumber(b.outputs, to);
}
int count_values(const Body& b) {
  int n = b.parameters;
  for (const Step& s : b.steps) n += s.outputs;
  return n;
}

/// Leaves that nothing reads and steps that nothing needs go; `drop_dead` false keeps the steps.
void tidy(Program& p, bool drop_dead) {
  Body& b = p.body;
  std::vector<char> needed(static_cast<size_t>(count_values(b)), 0);
  for (int o : b.outputs) needed[static_cast<size_t>(o)] = 1;
  for (int o : p.rebinds)
    if (o >= 0) needed[static_cast<size_t>(o)] = 1;
  const std::vector<int> first = first_outputs(b);
  std::vector<char> keep(b.steps.size(), 0);
  for (size_t i = b.steps.size(); i-- > 0;) {
    keep[i] = !drop_dead;
    for (int k = 0; k < b.steps[i].outputs; ++k) keep[i] |= needed[static_cast<size_t>(first[i] + k)];
    if (keep[i])
      for (const Ref& r : b.steps[i].in)
        if (r.kind == Ref::value) needed[static_cast<size_t>(r.index)] = 1;
  }
  std::vector<int> to(needed.size(), -1);
  int next = 0;
  std::vector<Leaf> leaves;
  std::vector<int> rebinds;
  size_t state = 0;
  for (size_t i = 0; i < p.leaves.size(); ++i) {
    const bool is_state = p.leaves[i].kind == Leaf::state;
    const int becomes = is_state ? p.rebinds[state++] : -1;
    if (!needed[i] && becomes < 0) continue;
    to[i] = next++;
    leaves.push_back(p.leaves[i]);
    if (is_state) rebinds.push_back(becomes);
  }
  std::vector<Step> steps;
  for (size_t i = 0; i < b.steps.size(); ++i) {
    if (!keep[i]) continue;
    for (int k = 0; k < b.steps[i].outputs; ++k) to[static_cast<size_t>(first[i] + k)] = next++;
    steps.push_back(b.steps[i]);
  }
  p.leaves = std::move(leaves);
  p.rebinds = std::move(rebinds);
  b.parameters = static_cast<int>(p.leaves.size());
  b.steps = std::move(steps);
  renumber(b, to);
  renumber(p.rebinds, to);
}

class Shrinker {
 public:
  Shrinker(Program p, Failure& failure) : best_(std::move(p)), failure_(failure) {}

  Program run() {
    for (bool changed = true; changed && tries_ < kMaxTries;) {
      changed = false;
      changed |= fewer_outputs();
      changed |= dead_steps();
      changed |= steps_become_leaves();
      changed |= bodies_inline();
      changed |= smaller_bodies();
      changed |= smaller_shapes();
      changed |= plainer();
    }
    return best_;
  }

 private:
  static constexpr int kMaxTries = 4000;

  // Takes the candidate if it still fails, in the same mode or in `mode`.
  bool accept(const Program& p, const Mode& mode) {
    if (++tries_ > kMaxTries) return false;
    Failure f = check_apart(p, {mode});
    if (!f || f.refused) return false;
    best_ = p;
    failure_ = std::move(f);
    return true;
  }
  bool accept(const Program& p) { return accept(p, *failure_.mode); }

  bool fewer_outputs() {
    bool changed = false;
    if (best_.body.outputs.size() > 1) {  // one alone, the last ones first
      for (size_t i = best_.body.outputs.size(); i-- > 0;) {
        Program p = best_;
        p.body.outputs = {best_.body.outputs[i]};
        tidy(p, true);
        if (accept(p)) return true;
      }
    }
    for (size_t i = 0; i < best_.body.outputs.size() && best_.body.outputs.size() > 1;) {
      Program p = best_;
      p.body.outputs.erase(p.body.outputs.begin() + static_cast<std::ptrdiff_t>(i));
      tidy(p, true);
      if (accept(p))
        changed = true;
      else
        ++i;
    }
    for (size_t i = 0; i < best_.rebinds.size(); ++i) {
      if (best_.rebinds[i] < 0) continue;
      Program p = best_;
      p.rebinds[i] = -1;
      if (accept(p)) changed = true;
    }
    return changed;
  }

  bool dead_steps() {
    bool changed = false;
    for (bool drop_dead : {true, false}) {
      Program p = best_;
      tidy(p, drop_dead);
      if (write(p) != write(best_) && accept(p)) changed = true;
    }
    return changed;
  }

  // A step goes: its values become earlier ones of the same spec, or arguments.
  bool steps_become_leaves() {
    bool changed = false;
    for (size_t i = best_.body.steps.size(); i-- > 0;) {
      if (i >= best_.body.steps.size()) continue;
      std::vector<Spec> specs;
      try {
        specs = infer_specs(best_);
      } catch (const std::exception&) {
        return changed;
      }
      if (accept(without_step(i, specs, true)) || accept(without_step(i, specs, false))) changed = true;
    }
    return changed;
  }
  Program without_step(size_t i, const std::vector<Spec>& specs, bool reuse) const {
    Program p = best_;
    const int outputs = p.body.steps[i].outputs, first = first_outputs(p.body)[i];
    std::vector<int> to(specs.size());
    for (size_t v = 0; v < to.size(); ++v) to[v] = static_cast<int>(v);
    int added = 0;
    std::vector<int> becomes;
    for (int k = 0; k < outputs; ++k) {
      int other = -1;
      if (reuse)
        for (const Ref& r : p.body.steps[i].in)
          if (r.kind == Ref::value && specs[static_cast<size_t>(r.index)] == specs[static_cast<size_t>(first + k)])
            other = r.index;
      if (other < 0) {
        p.leaves.push_back({Leaf::input, specs[static_cast<size_t>(first + k)]});
        other = -1 - added++;
      }
      becomes.push_back(other);
    }
    // New leaves stand after the old ones; all later values move.
    const int old_leaves = p.body.parameters;
    for (size_t v = 0; v < to.size(); ++v) {
      int n = static_cast<int>(v);
      if (n >= old_leaves) n += added;
      if (static_cast<int>(v) >= first + outputs) n -= outputs;
      to[v] = n;
    }
    for (int k = 0; k < outputs; ++k) {
      const int other = becomes[static_cast<size_t>(k)];
      to[static_cast<size_t>(first + k)] = other < 0 ? old_leaves - 1 - other : to[static_cast<size_t>(other)];
    }
    p.body.parameters += added;
    p.body.steps.erase(p.body.steps.begin() + static_cast<std::ptrdiff_t>(i));
    renumber(p.body, to);
    renumber(p.rebinds, to);
    tidy(p, false);
    return p;
  }

  // A transform becomes the steps of its body: what it transforms, without the transform.
  bool bodies_inline() {
    bool changed = false;
    for (size_t i = best_.body.steps.size(); i-- > 0;) {
      const Step& s = best_.body.steps[i];
      if (s.body == nullptr || s.outputs != 1 || s.body->outputs.size() != 1) continue;
      Program p = best_;
      const int first = first_outputs(p.body)[i], added = count_values(*s.body) - s.body->parameters;
      std::vector<int> inner;  // values of the body
      for (const Ref& r : s.in)
        if (r.kind == Ref::value) inner.push_back(r.index);
      for (int v = 0; v < added; ++v) inner.push_back(first + v);
      std::vector<int> outer(static_cast<size_t>(count_values(p.body)));
      for (size_t v = 0; v < outer.size(); ++v)
        outer[v] = static_cast<int>(v) + (static_cast<int>(v) > first ? added - 1 : 0);
      outer[static_cast<size_t>(first)] = inner[static_cast<size_t>(s.body->outputs[0])];
      Body body = *s.body;
      renumber(body, inner);
      p.body.steps.erase(p.body.steps.begin() + static_cast<std::ptrdiff_t>(i));
      renumber(p.body, outer);
      renumber(p.rebinds, outer);
      p.body.steps.insert(p.body.steps.begin() + static_cast<std::ptrdiff_t>(i), body.steps.begin(), body.steps.end());
      changed |= accept(p);
    }
    return changed;
  }

  // A body becomes one that returns an earlier value, of any spec: what fits is found by running it.
  bool smaller_bodies() {
    bool changed = false;
    for (size_t i = 0; i < best_.body.steps.size(); ++i) {
      if (best_.body.steps[i].body == nullptr) continue;
      for (bool again = true; again && tries_ < kMaxTries;) {
        again = false;
        for (const Body& smaller : smaller_than(*best_.body.steps[i].body)) {
          Program p = best_;
          p.body.steps[i].body = std::make_shared<Body>(smaller);
          if (!accept(p)) continue;
          again = changed = true;
          break;
        }
      }
    }
    return changed;
  }
  static std::vector<Body> smaller_than(const Body& b) {
    std::vector<Body> all;
    const std::vector<int> first = first_outputs(b);
    for (size_t i = b.steps.size(); i-- > 0;) {
      std::set<int> others;
      for (const Ref& r : b.steps[i].in)
        if (r.kind == Ref::value) others.insert(r.index);
      for (int v = 0; v < b.parameters; ++v) others.insert(v);
      for (int other : others) {  // every output of the step becomes this value
        Body c = b;
        std::vector<int> to(static_cast<size_t>(count_values(b)));
        for (size_t v = 0; v < to.size(); ++v) {
          const int n = static_cast<int>(v);
          to[v] = n < first[i] ? n : n < first[i] + b.steps[i].outputs ? other : n - b.steps[i].outputs;
        }
        c.steps.erase(c.steps.begin() + static_cast<std::ptrdiff_t>(i));
        renumber(c, to);
        all.push_back(std::move(c));
      }
      if (b.steps[i].body != nullptr)
        for (Body& inner : smaller_than(*b.steps[i].body)) {
          Body c = b;
          c.steps[i].body = std::make_shared<Body>(std::move(inner));
          all.push_back(std::move(c));
        }
    }
    return all;
  }

  static void for_each_number(Body& b, const std::function<void(int64_t&)>& f) {
    for (Step& s : b.steps) {
      for (int64_t& a : s.attrs) f(a);
      if (s.body == nullptr) continue;
      auto inner = std::make_shared<Body>(*s.body);
      for_each_number(*inner, f);
      s.body = std::move(inner);
    }
  }
  // Every extent of one size becomes smaller, everywhere, in shapes and in attributes.
  bool smaller_shapes() {
    bool changed = false;
    std::set<int64_t, std::greater<>> extents;
    for (const Leaf& l : best_.leaves)
      for (int64_t d : l.spec.shape)
        if (d > 1) extents.insert(d);
    for (int64_t from : extents)
      for (int64_t to : {int64_t{1}, int64_t{2}, from / 2, from - 1}) {
        if (to >= from || to < 1) continue;
        Program p = best_;
        auto smaller = [&](int64_t& n) {
          if (n == from) n = to;
        };
        for (Leaf& l : p.leaves)
          for (int a = 0; a < l.spec.shape.rank(); ++a) smaller(l.spec.shape[a]);
        for_each_number(p.body, smaller);
        if (accept(p)) {
          changed = true;
          break;
        }
      }
    return changed;
  }

  bool plainer() {
    bool changed = false;
    auto attempt = [&](Program p, const Mode& m) {
      if ((write(p) != write(best_) || write(m) != write(*failure_.mode)) && accept(p, m)) changed = true;
    };
    for (bool Program::*flag : {&Program::specials, &Program::moves, &Program::bad_index}) {
      Program p = best_;
      p.*flag = false;
      attempt(p, *failure_.mode);
    }
    for (size_t i = 0; i < best_.leaves.size(); ++i) {
      Program p = best_;
      p.leaves[i].layout = Layout::dense;
      attempt(p, *failure_.mode);
    }
    for (int what = 0; what < 8; ++what) {
      Mode m = *failure_.mode;
      if (what == 0) m = Mode();
      if (what == 1) m.without.clear();
      if (what == 2) m.schedule = 0;
      if (what == 3) m.threads = 1;
      if (what == 4) m.v3 = false;
      if (what == 5) m.moved = false;
      if (what == 6) m.twin = false;
      if (what == 7) m.tiles = false;
      attempt(best_, m);
    }
    return changed;
  }

  Program best_;
  Failure& failure_;
  int tries_ = 0;
};

}  // namespace

Program shrink(Program p, Failure& failure) {
  // What crashes eagerly cannot be looked at from here.
  if (run_apart([&] { return infer_specs(p), 0; }, true) != 0) return p;
  return Shrinker(std::move(p), failure).run();
}

}  // namespace duet::fuzz
