// Growing: values that are wanted, and the rules that make them.
#include <algorithm>

#include "fuzz/rules_compute.h"
#include "fuzz/rules_pointwise.h"
#include "ops/families.h"

namespace duet::fuzz {
namespace {

// Grows the steps of a program or of a body, last step first.
class Grower : public Growth {
 public:
  Grower(Rng& rng, int depth, int steps, int64_t max_numel) : Growth(rng, depth, max_numel), steps_left_(steps) {}

  // A value that is there before the first step: a state, or a parameter.
  int given(const Spec& spec) {
    const int id = fresh({spec, 0});
    leaves_.push_back(id);
    shapes_.push_back(spec.shape);
    return id;
  }
  int want(Want w, bool share = true) {
    if (share && std::ssize(open_) >= least_open_)
      for (int tries = 0; tries < 3 && !open_.empty(); ++tries) {
        const int id = open_[static_cast<size_t>(draw(std::ssize(open_)))];
        if (at(id).spec == w.spec && at(id).bound == w.bound && chance(2)) return id;
      }
    const int id = fresh(w);
    open_.push_back(id);
    if (shapes_.size() < 12) shapes_.push_back(w.spec.shape);
    return id;
  }
  /// A value that the rule can make, wanted; its step comes next.
  int want_of(const GrowthRule& rule) {
    for (int tries = 0; tries < 400; ++tries) {
      // What only few operations make is hard to meet by chance.
      static const Spec kRare[] = {
          {i32, {2}}, {i32, {3, 2}}, {i64, {2, 1, 3, 2}}, {f32, {2, 6, 1, 3, 2}}, {f64, {1, 2, 5, 4}}};
      const Want w{
          tries % 4 == 3 ? kRare[static_cast<size_t>(tries / 4) % std::size(kRare)] : Spec{dtype(), shape(0, kMaxRank)},
          0};
      bounds_.clear();
      Maybe made = rule.make(*this, w);
      if (!made) continue;
      const int id = want(w, false);
      open_.pop_back();
      add(id, std::move(*made));
      return id;
    }
    return want({{f32, shape()}, 0});
  }

  /// The value, wanted last, as a pointwise operation of the first parameter and others: what is differentiated would
  /// seldom be met by chance.
  void compute_with_first(int id) {
    const int x = leaves_.front();
    Shape repeated;
    if (at(x).dtype() != at(id).dtype() || !broadcast_shapes(at(x).shape(), at(id).shape(), repeated) ||
        repeated != at(id).shape())
      return;
    for (int tries = 0; tries < 50; ++tries) {
      const GrowthRule& rule = growth_rules()[static_cast<size_t>(draw(std::ssize(growth_rules())))];
      if (rule.op == nullptr || rule.op->kind != OpClass::pointwise) continue;
      Maybe made = rule.make(*this, at(id));
      if (!made) continue;
      // One operand says the shape; the last of those besides is the parameter.
      Need* operand = nullptr;
      bool wide = at(x).shape() == at(id).shape();
      for (Need& n : made->in) {
        if (n.number || n.spec.dtype != at(x).dtype()) continue;
        if (wide)
          operand = &n;
        else
          wide = n.spec.shape == at(id).shape();
      }
      if (operand == nullptr) continue;
      operand->spec = at(x).spec;
      operand->first_parameter = true;
      open_.pop_back();
      add(id, std::move(*made));
      return;
    }
  }

  /// Makes all that is wanted; leaves take what is left. Outputs that nobody wants go to `spare`.
  void run() {
    while (!open_.empty()) {
      // Mostly the youngest, so that chains grow deep; any where many values are to live at a time.
      const size_t last = open_.size() - 1;
      const size_t k = only_ || chance(3) ? static_cast<size_t>(draw(std::ssize(open_)))
                                          : last - static_cast<size_t>(draw(std::min<int64_t>(3, std::ssize(open_))));
      const int id = open_[k];
      open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(k));
      if (steps_left_ <= 0 || (std::ssize(open_) >= least_open_ && chance(12)) ||
          (only_ && (at(id).shape() != *only_ || at(id).dtype() != f32)) || !make(id))
        leaf(id);
    }
  }

  // Fills in the body; `number` says which value a leaf is.
  void finish(Body& b, const std::vector<int>& outputs) {
    std::vector<int> numbers(values_.size(), -1);
    int next = 0;
    for (int id : leaves_) numbers[static_cast<size_t>(id)] = next++;
    b.parameters = next;
    for (auto s = reversed_.rbegin(); s != reversed_.rend(); ++s)
      for (int id : s->outputs) numbers[static_cast<size_t>(id)] = next++;
    auto number = [&](int id) { return numbers[static_cast<size_t>(alias_of(id))]; };
    for (auto s = reversed_.rbegin(); s != reversed_.rend(); ++s) {
      for (Ref& r : s->step.in)
        if (r.kind == Ref::value) r.index = number(r.index);
      b.steps.push_back(std::move(s->step));
    }
    for (int id : outputs) b.outputs.push_back(number(id));
  }
  const std::vector<int>& leaves() const { return leaves_; }
  std::vector<int> made() const {
    std::vector<int> all;
    for (const Reversed& r : reversed_) all.insert(all.end(), r.outputs.begin(), r.outputs.end());
    return all;
  }
  Want at(int id) const { return values_[static_cast<size_t>(id)]; }
  std::vector<int> spare;
  /// From now on only pointwise operations of this shape, and many values that wait for theirs.
  void grow_wide(const Shape& s) {
    only_ = s;
    least_open_ = 40;
  }

  std::shared_ptr<const Body> body(std::vector<Spec>& parameters, const Spec& result) override {
    Grower inner(rng_, depth() + 1, std::min(steps_left_, 1 + draw(8)), max_numel_);
    for (const Spec& s : parameters) inner.given(s);
    const int out = inner.want({result, 0});
    if (!parameters.empty() && !chance(4)) inner.compute_with_first(out);
    inner.run();
    auto b = std::make_shared<Body>();
    inner.finish(*b, {out});
    for (size_t i = parameters.size(); i < inner.leaves_.size(); ++i) {
      const Want& w = inner.at(inner.leaves_[i]);
      parameters.push_back(w.spec);
      bounds_.push_back(w.bound);
    }
    steps_left_ -= count_steps(*b);
    return b;
  }

 private:
  struct Reversed {
    Step step;
    std::vector<int> outputs;
  };

  int fresh(const Want& w) {
    values_.push_back(w);
    readers_.push_back(reader_);
    alias_.push_back(static_cast<int>(alias_.size()));
    return static_cast<int>(values_.size()) - 1;
  }
  int alias_of(int id) const {
    while (alias_[static_cast<size_t>(id)] != id) id = alias_[static_cast<size_t>(id)];
    return id;
  }

  void leaf(int id) {
    // A leaf that is there already, or a new one.
    std::vector<int> same;
    for (int l : leaves_)
      if (at(l).spec == at(id).spec && at(l).bound == at(id).bound) same.push_back(l);
    if (!same.empty() && !chance(3))
      alias_[static_cast<size_t>(id)] = same[static_cast<size_t>(draw(std::ssize(same)))];
    else
      leaves_.push_back(id);
  }

  bool make(int id) {
    static const int total = [] {
      int n = 0;
      for (const GrowthRule& r : growth_rules()) n += r.weight;
      return n;
    }();
    for (int tries = 0; tries < 12; ++tries) {
      int at_weight = draw(total);
      const GrowthRule* rule = growth_rules().data();
      while (at_weight >= rule->weight) at_weight -= (rule++)->weight;
      if (only_ && (rule->op == nullptr || rule->op->kind != OpClass::pointwise)) continue;
      // Often the operation that reads the value: two transposes, reshapes, casts in a row.
      const GrowthRule* reader = readers_[static_cast<size_t>(id)];
      if (tries == 0 && reader != nullptr && chance(reader->op != nullptr && reader->op->kind == OpClass::view ? 3 : 6))
        rule = reader;
      bounds_.clear();
      Maybe made = rule->make(*this, at(id));
      if (!made) continue;
      reader_ = rule;
      add(id, std::move(*made));
      reader_ = nullptr;
      return true;
    }
    return false;
  }

  void add(int id, Made made) {
    --steps_left_;
    Reversed r;
    r.step.op = std::move(made.op);
    r.step.attrs = std::move(made.attrs);
    r.step.outputs = static_cast<int>(made.outputs.size());
    r.step.body = std::move(made.body);
    for (int k = 0; k < r.step.outputs; ++k) {
      if (k == made.output) {
        r.outputs.push_back(id);
        continue;
      }
      // Another value that is wanted and that this one is too, or one that nobody wants.
      const Spec& spec = made.outputs[static_cast<size_t>(k)];
      auto other = std::find_if(open_.begin(), open_.end(), [&](int o) { return at(o).spec == spec && at(o).plain(); });
      if (other != open_.end() && !chance(4)) {
        r.outputs.push_back(*other);
        open_.erase(other);
      } else {
        r.outputs.push_back(fresh({spec, 0}));
        if (chance(2)) spare.push_back(r.outputs.back());
      }
    }
    // What the body needs besides are indices where the body says so.
    if (r.step.body != nullptr)
      for (size_t i = 0; i < bounds_.size(); ++i) made.in[made.in.size() - bounds_.size() + i].bound = bounds_[i];
    bounds_.clear();
    const size_t mine = reversed_.size();
    reversed_.push_back(std::move(r));
    std::vector<Ref> in;
    for (Need& need : made.in) {
      if (need.number) {
        in.push_back(*need.number);
      } else if (need.made != nullptr) {
        const int made_id = fresh({need.spec, 0});
        add(made_id, std::move(*need.made));
        in.push_back({Ref::value, made_id, 0});
      } else if (need.first_parameter) {
        in.push_back({Ref::value, leaves_.front(), 0});
      } else {
        in.push_back({Ref::value, want({need.spec, need.bound}), 0});
      }
    }
    reversed_[mine].step.in = std::move(in);
  }

  int steps_left_;
  std::optional<Shape> only_;
  std::ptrdiff_t least_open_ = 0;
  std::vector<Want> values_;                // by id
  std::vector<const GrowthRule*> readers_;  // by id: what wanted it first
  const GrowthRule* reader_ = nullptr;
  std::vector<int> alias_;  // the leaf that a value is
  std::vector<int> open_, leaves_;
  std::vector<int64_t> bounds_;  // of what the body that was grown last needs besides
  std::vector<Reversed> reversed_;
};

}  // namespace

int64_t Growth::extent() {
  static constexpr int64_t kExtents[] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 65, 127, 130, 513};
  return kExtents[draw(std::size(kExtents))];
}
Shape Growth::shape(int min_rank, int max_rank) {
  if (!shapes_.empty() && !chance(3)) {
    const Shape& s = shapes_[static_cast<size_t>(draw(std::ssize(shapes_)))];
    if (s.rank() >= min_rank && s.rank() <= max_rank) return s;
  }
  const int usual = std::min(max_rank, 1 + draw(3)), rank = std::max(min_rank, chance(5) ? draw(max_rank + 1) : usual);
  for (;;) {
    Shape s;
    if (max_numel_ > 100'000 && rank == 2) return chance(2) ? Shape{300, 260} : Shape{520, 130};
    const bool square = chance(rank > 2 ? 2 : 4);
    for (int a = 0; a < rank; ++a) {
      const int64_t n = a > 0 && square ? s[0] : rank > 2 ? std::min<int64_t>(extent(), 17) : extent();
      s.push_back(n == 0 && !chance(4) ? 2 : n);
    }
    if (fits(s)) return s;
  }
}
DType Growth::dtype(DTypeSet set) {
  if (contains(set, f32) && !chance(3)) return f32;
  for (;;)
    if (const auto t = static_cast<DType>(draw(kDTypes)); contains(set, t)) return t;
}
Need Growth::number(DType dtype) {
  static constexpr double kLiterals[] = {0.5, 2, -1, 0, -0.0, 1, 3, 1e-3, 1e10, 0.1};
  static constexpr double kConstants[] = {0, 0, 0, -0.0, 1, 1};  // what passes look for
  const double literal = kLiterals[draw(std::size(kLiterals))];
  Ref r{Ref::integer, 0, static_cast<double>(draw(dtype == boolean ? 2 : 4))};
  if (is_float(dtype)) {
    switch (draw(5)) {
      case 0:
        r = {Ref::literal, 0, literal};
        break;
      case 1:
      case 2:
        r = {Ref::constant, 0, kConstants[draw(std::size(kConstants))]};
        break;
      default:
        r = {Ref::number, draw(kNumbers), 0};
    }
  }
  return {{}, 0, r, nullptr};
}
Shape Growth::broadcast(const Shape& s) {
  const int dropped = chance(2) ? draw(s.rank() + 1) : 0;
  Shape x(s.begin() + dropped, s.rank() - dropped);
  for (int a = 0; a < x.rank(); ++a)
    if (chance(2)) x[a] = 1;
  return x;
}
bool Growth::fits(const Shape& s) const { return s.rank() <= kMaxRank && s.numel() <= max_numel_; }

const std::vector<GrowthRule>& growth_rules() {
  static const std::vector<GrowthRule> all = [] {
    std::vector<GrowthRule> v;
    testing::for_each_family([&]<class Family>(const char*) {
      testing::for_each_op<Family>([&]<class Op>() {
        v.push_back({std::string(Op::name), &op<Op>(), &Rule<Op>::make, Rule<Op>::kWeight});
      });
    });
    for (const Composite& c : composites()) v.push_back({c.name, nullptr, c.make, c.weight});
    return v;
  }();
  return all;
}

std::vector<std::string> rule_names() {
  std::vector<std::string> names;
  for (const GrowthRule& r : growth_rules()) names.push_back(r.name);
  return names;
}

Program grow(uint32_t seed, int focus) {
  Rng rng(seed * 2654435761u + 97);
  Program p;
  p.seed = seed;
  p.specials = below(rng, 2) == 0;
  p.moves = below(rng, 2) == 0;
  // A few are large enough for several threads.
  const bool large = below(rng, 25) == 0;
  const int steps = 1 + below(rng, large ? 10 : below(rng, 3) == 0 ? 60 : 15);
  // Others are one large kernel: more values at a time than there are registers, many of them results.
  const bool wide = !large && seed % 12 == 5;
  Grower g(rng, 0, wide ? 60 + 2 * steps : steps, large ? 200'000 : below(rng, 4) == 0 ? 20'000 : 4'000);
  std::vector<int> states, outputs;
  for (int i = below(rng, 4); i > 0; --i) states.push_back(g.given({g.dtype(kFloats), g.shape(0, 3)}));
  outputs.push_back(g.want_of(growth_rules()[static_cast<size_t>(focus) % growth_rules().size()]));
  std::vector<int> rebound;
  for (int s : states) rebound.push_back(g.chance(3) ? -1 : g.want(g.at(s)));
  if (wide) {
    const Want one{{f32, g.shape(1, 3)}, 0};
    g.grow_wide(one.shape());
    for (int i = 8 + below(rng, 24); i > 0; --i) outputs.push_back(g.want(one, false));
  } else {
    for (int i = below(rng, 4); i > 0; --i) outputs.push_back(g.want({{g.dtype(), g.shape()}, 0}));
  }
  if (g.chance(4)) {  // a dead end, often one that may throw
    std::vector<const GrowthRule*> throwing;
    for (const GrowthRule& r : growth_rules())
      if (r.op != nullptr && r.op->may_throw) throwing.push_back(&r);
    if (g.chance(2))
      g.want_of(*throwing[static_cast<size_t>(below(rng, std::ssize(throwing)))]);
    else
      g.want({{g.dtype(), g.shape()}, 0});
  }
  g.run();
  outputs.insert(outputs.end(), g.spare.begin(), g.spare.end());
  // What happens in the middle is seen in some of the programs: operations after it often hide it.
  if (g.chance(2))
    for (int id : g.made())
      if (g.chance(5)) outputs.push_back(id);
  if (g.chance(6)) outputs.push_back(outputs[0]);
  outputs.insert(outputs.end(), rebound.begin(), rebound.end());
  for (int& o : outputs) o = o < 0 ? outputs[0] : o;
  g.finish(p.body, outputs);
  const size_t results = p.body.outputs.size() - rebound.size();
  for (size_t i = 0; i < rebound.size(); ++i) p.rebinds.push_back(rebound[i] < 0 ? -1 : p.body.outputs[results + i]);
  p.body.outputs.resize(results);
  bool indices = false;
  for (int id : g.leaves()) {
    Leaf l{p.leaves.size() < states.size() ? Leaf::state : Leaf::input, g.at(id).spec, Layout::dense, g.at(id).bound};
    if (l.kind == Leaf::input && g.chance(3)) l.layout = static_cast<Layout>(below(rng, 5));
    // A row is one of what has an axis more.
    if (l.layout == Layout::row && l.spec.shape.rank() == kMaxRank) l.layout = Layout::dense;
    indices |= l.bound != 0;
    p.leaves.push_back(l);
  }
  p.bad_index = indices && below(rng, 5) == 0;
  return p;
}

}  // namespace duet::fuzz
