// How a program grows: backwards, from values that are wanted to operations that can make them. A rule says what an
// operation needs in order to make a value of a given spec; what it needs is wanted in turn.
#pragma once

#include "fuzz/program.h"

namespace duet::fuzz {

struct Made;

/// What an operand has to be.
struct Need {
  Spec spec;
  int64_t bound = 0;             // as in Leaf: an index
  std::optional<Ref> number;     // a C++ number instead
  std::shared_ptr<Made> made;    // the output of an operation that goes with it
  bool first_parameter = false;  // of the body that grows
};

/// An operation that makes a wanted value.
struct Made {
  std::string op;
  std::vector<Need> in;
  std::vector<int64_t> attrs;
  std::vector<Spec> outputs;
  int output = 0;  // which of them is the wanted one
  std::shared_ptr<const Body> body = nullptr;
};
using Maybe = std::optional<Made>;

/// A value that is wanted.
struct Want {
  Spec spec;
  int64_t bound = 0;
  bool plain() const { return bound == 0; }
  DType dtype() const { return spec.dtype; }
  const Shape& shape() const { return spec.shape; }
  int rank() const { return spec.shape.rank(); }
};

/// What rules draw from.
class Growth {
 public:
  Growth(Rng& rng, int depth, int64_t max_numel) : rng_(rng), max_numel_(max_numel), depth_(depth) {}
  virtual ~Growth() = default;

  int draw(int64_t n) { return below(rng_, n); }
  bool chance(int one_in) { return below(rng_, one_in) == 0; }
  int64_t extent();
  /// A shape of a rank between the two; now and then one that the program has already.
  Shape shape(int min_rank = 0, int max_rank = 4);
  DType dtype(DTypeSet set = kStored);
  /// A number beside tensors of the type.
  Need number(DType dtype);
  Need constant(double v) { return {{}, 0, Ref{Ref::constant, 0, v}, nullptr}; }
  static Need value(DType dtype, const Shape& shape, int64_t bound = 0) { return {{dtype, shape}, bound, {}, nullptr}; }
  static Need output_of(Made made) {
    return {made.outputs[static_cast<size_t>(made.output)], 0, {}, std::make_shared<Made>(std::move(made))};
  }
  /// A shape that repeats to s.
  Shape broadcast(const Shape& s);
  bool fits(const Shape& s) const;
  /// How many transforms are around what grows.
  int depth() const { return depth_; }
  /// A function of values of the given specs, to which those it needs besides are added.
  virtual std::shared_ptr<const Body> body(std::vector<Spec>& parameters, const Spec& result) = 0;

 protected:
  Rng& rng_;
  int64_t max_numel_;          // elements of a value
  std::vector<Shape> shapes_;  // of the program so far

 private:
  int depth_;
};

/// One way to make a value; `make` says no to specs that it cannot make.
struct GrowthRule {
  std::string name;
  const OpRecord* op;  // null: one of composites()
  Maybe (*make)(Growth& g, const Want& want);
  int weight;
};
const std::vector<GrowthRule>& growth_rules();

/// An operation that is a function of several, or a transform.
struct Composite {
  std::string name;
  Maybe (*make)(Growth& g, const Want& want);
  struct Call {
    const Tensors& x;
    const std::vector<int64_t>& attrs;
    const std::function<Tensors(const Tensors& parameters)>& run;  // the body, if there is one
  };
  Tensors (*apply)(const Call& c);
  int weight = 4;
};
using Call = Composite::Call;
const std::vector<Composite>& composites();
const std::vector<Composite>& transforms();

/// The rule of an op of a list; one that has none does not compile.
template <class Op>
struct Rule;

}  // namespace duet::fuzz
