// Random programs as data: what the fuzzer grows, runs in every mode, shrinks, and keeps as a text file.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ops/cases.h"

namespace duet::fuzz {

using testing::below;
using testing::Layout;
using testing::Rng;
using Tensors = std::vector<Tensor>;

inline constexpr int kNumbers = 2;  // C++ floats among a program's arguments

/// An operand of a step.
struct Ref {
  enum Kind : uint8_t {
    value,     // %3: a leaf or a result
    number,    // s1: a number that differs from call to call
    literal,   // 0.5: a C++ double
    integer,   // i3: a C++ integer
    constant,  // c1: a number of the program itself, which passes may read
  } kind = value;
  int index = 0;
  double number_value = 0;
  friend bool operator==(const Ref&, const Ref&) = default;
};

struct Body;

/// One operation.
struct Step {
  std::string op;
  std::vector<Ref> in;
  std::vector<int64_t> attrs;
  int outputs = 1;
  std::shared_ptr<const Body> body;  // of a transform: the function it transforms
};

/// Steps in order. Values are numbered: the leaves (or parameters) first, then every output of every step.
struct Body {
  int parameters = 0;
  std::vector<Step> steps;
  std::vector<int> outputs;
};

/// An argument of the program.
struct Leaf {
  enum Kind : uint8_t { input, state } kind = input;
  Spec spec;
  Layout layout = Layout::dense;
  int64_t bound = 0;  // n > 0: indices in [-n, n); n < 0: in [0, -n); 0: any values
};

struct Program {
  uint32_t seed = 0;       // of the data and of the twin
  bool specials = false;   // NaN, inf, −0, denormals and large numbers in the data
  bool moves = false;      // a value is given away where it is used for the last time
  bool bad_index = false;  // one of the calls has an index out of range
  std::vector<Leaf> leaves;
  Body body;
  std::vector<int> rebinds;  // by state leaf, in order: the value it becomes, −1: it stays
};

/// Program as text, and back; Error for text that is none.
std::string write(const Program& p);
Program read(const std::string& text);

/// Number of the first output of each step.
std::vector<int> first_outputs(const Body& b);
/// Operations, those within bodies included.
int count_steps(const Body& b);
/// Whether an operation of this name is somewhere in the body.
bool has_op(const Body& b, std::string_view name);

/// The arguments of a program's calls, drawn once: the same for every mode.
class Data {
 public:
  explicit Data(const Program& p);
  Data(const Data&) = delete;
  Data& operator=(const Data&) = delete;
  /// Tensors of their own, to be rebound.
  Tensors state() const;
  /// Those of a call, which are held here and must not change.
  const Tensors& inputs(int call) const { return held_.at(static_cast<size_t>(call)); }
  /// The same as tensors of their own, to be given away.
  Tensors fresh_inputs(int call) const;
  /// Whether the inputs of a call are what they were.
  bool unchanged(int call) const;

 private:
  struct Drawn {
    const Leaf* leaf;
    std::vector<double> values;  // in the order in which they lie in memory
  };
  static Tensor make(const Drawn& d);
  std::vector<Leaf> leaves_;
  std::vector<Drawn> state_;
  std::vector<std::vector<Drawn>> inputs_;  // by call
  std::vector<Tensors> held_, copies_;
};
std::pair<float, float> make_numbers(const Program& p, int call);

/// Told of all leaves, and of the results of each step of the program's own body.
struct Watcher {
  std::function<void(const Tensors& values)> leaves;
  std::function<void(size_t step, const Tensors& results)> step;
};
/// Runs the program's host code: eagerly, or under a recording. Tensors of `state` are rebound at the end.
Tensors interpret(const Program& p, Tensors& state, Tensors inputs, float s0, float s1,
                  const Watcher* watcher = nullptr);
/// Specs of all values, by an eager run; throws what the run throws.
std::vector<Spec> infer_specs(const Program& p);

/// A random program of at most `steps` operations; the same one for the same seed. `focus` is the rule that makes one
/// of the outputs.
Program grow(uint32_t seed, int focus);
/// The names of everything that a program can be made of.
std::vector<std::string> rule_names();

/// How a program is run besides eagerly on one thread.
struct Mode {
  enum Life : uint8_t { eager, compiled, frozen } life = compiled;
  std::vector<std::string> without;  // passes
  uint32_t schedule = 0;             // another legal order of the kernels; 0: the plan's own
  int threads = 1;
  bool v3 = false;     // the older instruction set
  bool moved = false;  // inputs are given away; else the caller holds inputs and state
  bool twin = false;   // calls of a similar program in between, through the same cache
  bool tiles = false;  // without the JIT
};
std::string write(const Mode& m);
Mode read_mode(const std::string& text);

/// The modes that a program is run in, of all that there are.
std::vector<Mode> modes_of(const Program& p);
/// Whether this build can run kernels in other orders and has bugs planted.
bool has_hooks();

/// Empty when the modes give what the program gives eagerly, else the first mode that does not, and how.
struct Failure {
  std::optional<Mode> mode;  // none: the eager run itself
  std::string what;
  bool refused = false;  // the program itself is at fault: shapes that do not fit
  explicit operator bool() const { return !what.empty(); }
};
Failure check(const Program& p, const std::vector<Mode>& modes);
/// The same in a process of its own, so that a crash is a failure too. Threads must not have been started before.
Failure check_apart(const Program& p, const std::vector<Mode>& modes);

/// The smallest program found that still fails in `mode` or a simpler one, which replaces it.
Program shrink(Program p, Failure& failure);

/// A file of tests/regress: comments, a program, modes.
struct Case {
  Program program;
  std::vector<Mode> modes;
};
std::string write(const Case& c, const std::string& comment);
Case read_case(const std::string& text);

}  // namespace duet::fuzz
