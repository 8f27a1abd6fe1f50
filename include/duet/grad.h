// Gradients. A tape notes operations on watched values and keeps only what each gradient rule names; walking it
// backwards calls the rules. Rules are ops again, so tapes nest to any order and inside compiled functions.
#pragma once

#include <memory>
#include <tuple>

#include "duet/ops/create.h"
#include "duet/ops/movement.h"
#include "duet/ops/pointwise.h"
#include "duet/ops/reduce.h"
#include "duet/ops/saved.h"
#include "duet/tree.h"

namespace duet {

/// What a gradient rule sees of one noted operation.
class VjpContext {
 public:
  const OpRecord& op() const { return *op_; }
  Attrs attrs() const { return attrs_; }
  int inputs() const { return inputs_; }
  /// Whether the gradient of input i is asked for.
  bool wants(int i) const { return i < 64 && ((wanted_ >> i) & 1u); }
  uint64_t wanted() const { return wanted_; }
  /// dL/d(output i); of several results of a kernel op, undefined for one that did not reach the loss.
  const Tensor& dy(int i = 0) const { return dy_[i]; }
  /// A kept operand or result; only what the rule's `needs` named is there.
  const Saved& input(int i) const { return saved_inputs_[i]; }
  const Tensor& output(int i = 0) const { return saved_outputs_[i]; }
  const Shape& in_shape(int i) const { return in_specs_[i].shape; }
  DType in_dtype(int i) const { return in_specs_[i].dtype; }
  /// Gives the gradient of input i.
  void set(int i, Tensor g) { grads_[i] = std::move(g); }

 private:
  friend class TapeImpl;
  const OpRecord* op_;
  Attrs attrs_;
  int inputs_;
  uint64_t wanted_;
  const Tensor* dy_;
  const Saved* saved_inputs_;
  const Tensor* saved_outputs_;
  const Spec* in_specs_;
  Tensor* grads_;
};

/// A gradient rule that is an object instead of an op's function: what custom_vjp and checkpoint put on tapes.
class TapeRule {
 public:
  virtual ~TapeRule() = default;
  /// Adds the gradients of the wanted inputs to `sums`, in which an undefined tensor is zero. dy: those of the outputs,
  /// undefined for what does not reach the loss.
  virtual void add_gradients(const std::vector<Tensor>& dy, std::vector<Tensor>& sums,
                             const std::vector<bool>& wanted) = 0;
};

/// The tape itself; see grad and vjp for how it is used, and Tape for one to hold in the hand.
class TapeImpl {
 public:
  TapeImpl();
  /// A tape that notes nothing and hides those that are open: an operation on what they watch is refused, in the name
  /// of `who`.
  explicit TapeImpl(const char* who);
  ~TapeImpl();
  TapeImpl(const TapeImpl&) = delete;
  TapeImpl& operator=(const TapeImpl&) = delete;

  void watch(uint64_t id);
  bool watches(uint64_t id) const {
    uint64_t k = id - first_id_;  // wraps for older values
    return k < watched_.size() && watched_[k];
  }
  /// Called by dispatch for every operation while the tape is open.
  void note(const OpRecord& op, const Args& in, Attrs attrs, const Outputs& y);
  /// Notes what a rule differentiates; the outputs have consecutive ids.
  void note(const std::shared_ptr<TapeRule>& rule, const std::vector<Tensor>& inputs,
            const std::vector<Tensor>& outputs);
  /// Gradients of the targets, given those of some values; an undefined tensor where there is none. Once: TraceError
  /// the second time.
  std::vector<Tensor> backward(const std::vector<std::pair<uint64_t, Tensor>>& seeds,
                               const std::vector<uint64_t>& targets);

  /// Opens and closes the tape: while open, it notes.
  void open() { open(thread_state.tape); }
  void open(TapeImpl*& list);
  void close();
  /// Throws when this tape hides one that watches t.
  void reject_captured(const Tensor& t, std::string_view used_by) const;
  TapeImpl* parent() const { return who_ == nullptr ? parent_ : nullptr; }

 private:
  struct Node;
  TapeImpl* parent_ = nullptr;
  const char* who_ = nullptr;
  uint64_t first_id_ = 0;
  bool open_ = false, paused_ = false;  // paused: being walked, or walked
  std::vector<uint8_t> watched_;
  std::vector<Node> nodes_;
  // What nodes refer to, flat.
  std::vector<uint64_t> ids_;
  std::vector<Spec> specs_;
  std::vector<Saved> saved_inputs_;
  std::vector<Tensor> saved_outputs_;
  std::vector<int64_t> attrs_;
  std::vector<std::shared_ptr<TapeRule>> rules_;
};

/// Opens a tape for a scope.
class TapeScope {
 public:
  explicit TapeScope(TapeImpl& tape) : tape_(tape) { tape_.open(); }
  ~TapeScope() { tape_.close(); }
  TapeScope(const TapeScope&) = delete;
  TapeScope& operator=(const TapeScope&) = delete;

 private:
  TapeImpl& tape_;
};

namespace detail {

void check_loss(const Tensor& loss, const char* who);
void check_pullback(const Tensor& dy, const Spec& y);

/// f's result as (value, aux): a pair's second is carried along, anything else has no aux.
template <class R>
inline constexpr bool kHasAux = false;
template <class A>
inline constexpr bool kHasAux<std::pair<Tensor, A>> = true;

/// Fresh ids for the parameters of x, watched.
template <class T>
T watched_copy(const T& x, TapeImpl& tape, std::vector<uint64_t>& targets) {
  T copy = x;
  for_each_parameter(copy, [&](Tensor& t) {
    t = alias(t);
    tape.watch(t.id());
    targets.push_back(t.id());
  });
  return copy;
}

/// x with its parameters replaced by gradients, in order; zeros where there is none.
template <class T>
T gradient_tree(const T& x, std::vector<Tensor>& grads, size_t& next) {
  T g = x;
  for_each_parameter(g, [&](Tensor& t) {
    Tensor& d = grads[next++];
    const DeviceScope there(t.device());
    t = d.defined() ? std::move(d) : zeros(t.shape(), t.dtype());
  });
  return g;
}

template <size_t K, size_t... I>
constexpr bool contains_index(std::index_sequence<I...>) {
  return ((K == I) || ...);
}

template <class F, size_t... I, class... A>
auto value_and_grad_of(const F& f, const Line& line, std::index_sequence<I...> wanted, A&... args) {
  constexpr auto all = std::index_sequence_for<A...>();
  static_assert(((I < sizeof...(A)) && ...), "value_and_grad: there is no such argument");
  TapeImpl tape;
  std::vector<uint64_t> targets;
  auto all_args = std::tie(args...);
  // Copies with watched leaves for the wanted arguments, the caller's own for the others.
  // Braces: evaluated in order, as targets are read; the types are named, since tuple{pair} would take the pair apart.
  using Wanted = std::tuple<std::remove_cvref_t<std::tuple_element_t<I, std::tuple<A...>>>...>;
  Wanted watched{watched_copy(std::get<I>(all_args), tape, targets)...};
  auto pick = [&]<size_t K>(std::integral_constant<size_t, K>) -> auto& {
    if constexpr (contains_index<K>(wanted)) {
      constexpr size_t order[] = {I...};
      constexpr size_t at = [&] {
        for (size_t k = 0;; ++k)
          if (order[k] == K) return k;
      }();
      return std::get<at>(watched);
    } else {
      return std::get<K>(all_args);
    }
  };
  auto result = [&]<size_t... K>(std::index_sequence<K...>) {
    TapeScope scope(tape);
    return f(pick(std::integral_constant<size_t, K>())...);
  }
  (all);
  auto run = [&](const Tensor& loss) {
    LineScope scope(line);
    check_loss(loss, "grad");
    const DeviceScope there(loss.device());
    std::vector<Tensor> grads = tape.backward({{loss.id(), ones(loss.shape(), loss.dtype())}}, targets);
    size_t next = 0;
    Wanted trees{gradient_tree(std::get<I>(all_args), grads, next)...};
    if constexpr (sizeof...(I) == 1)
      return std::get<0>(std::move(trees));
    else
      return trees;
  };
  if constexpr (kHasAux<decltype(result)>) {
    auto g = run(result.first);
    return std::pair{std::move(result), std::move(g)};
  } else {
    auto g = run(result);
    return std::pair{std::move(result), std::move(g)};
  }
}

}  // namespace detail

/// (loss, gradients) of f for arguments I… (argument 0 if none is named): the gradient of a tree is a tree of the same
/// type. f returns a loss of one element, or pair(loss, aux). With several arguments the gradients are a tuple.
template <size_t... I, class F>
auto value_and_grad(F f, std::source_location line = std::source_location::current()) {
  return [f = std::move(f), line]<class... A>(A&&... args) {
    if constexpr (sizeof...(I) == 0) {
      return detail::value_and_grad_of(f, line, std::index_sequence<0>(), args...);
    } else {
      return detail::value_and_grad_of(f, line, std::index_sequence<I...>(), args...);
    }
  };
}

/// Gradients of f, see value_and_grad.
template <size_t... I, class F>
auto grad(F f, std::source_location line = std::source_location::current()) {
  return [vg = value_and_grad<I...>(std::move(f), line)]<class... A>(A&&... args) { return vg(args...).second; };
}

/// (f(x…), pullback): pullback(dy) gives the gradients of sum(y·dy) for every argument, as a tuple; once.
/// ShapeError when dy is not of y's shape, TraceError the second time.
template <class F, class... A>
auto vjp(const F& f, const A&... args) {
  auto tape = std::make_shared<TapeImpl>();
  std::vector<uint64_t> targets;
  std::tuple<A...> watched{detail::watched_copy(args, *tape, targets)...};
  Tensor y = [&] {
    TapeScope scope(*tape);
    return std::apply(f, watched);
  }();
  auto pullback = [tape, targets, id = y.id(), spec = y.spec(), originals = std::tuple<A...>(args...)](
                      const Tensor& dy, std::source_location line = std::source_location::current()) {
    LineScope scope(line);
    detail::check_pullback(dy, spec);
    std::vector<Tensor> grads = tape->backward({{id, dy}}, targets);
    size_t next = 0;
    return std::apply([&](const auto&... a) { return std::tuple<A...>{detail::gradient_tree(a, grads, next)...}; },
                      originals);
  };
  return std::pair{std::move(y), std::move(pullback)};
}

}  // namespace duet
