// save and load of trees, by file extension: .safetensors and .npz for any tree, .npy for a tree of one tensor; and
// checkpoints: a folder of saved states that training goes on from after a stop at any moment.
#pragma once

#include <optional>
#include <string>

#include "duet/io/npy.h"
#include "duet/io/npz.h"
#include "duet/io/safetensors.h"
#include "duet/nn/linear.h"
#include "duet/tree.h"

namespace duet {

/// How the weights of nn::Linear lie in a file: as duet multiplies by them, or as PyTorch keeps them.
enum class Layout : uint8_t { in_out, out_in };

}  // namespace duet

namespace duet::io {

/// How a tree and its file differ.
struct FileOptions {
  Layout linear = Layout::in_out;
};

/// A tensor of a tree that a file is to fill.
using Slots = std::vector<std::pair<std::string, Tensor*>>;

/// Which tensors of a tree are weights of nn::Linear, in the order of the slots, and how these lie in the file.
struct LinearWeights {
  Layout in_file = Layout::in_out;
  std::vector<const Tensor*> all = {};
};

/// save and load without the tree: what the templates below come down to.
void save_named(const std::string& path, const NamedTensors& tensors, std::source_location line);
void load_named(const std::string& path, const Slots& slots, const LinearWeights& linear, std::source_location line);

namespace detail {

/// Walks the named tensors of a tree: f(name, tensor, whether it is the weight of an nn::Linear).
template <class F>
struct LinearVisitor : tree::NamedVisitor<F> {
  const Tensor* weight = nullptr;
  void object(const auto& x) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(x)>, nn::Linear>) weight = &x.weight;
  }
  void leaf(auto& t) { this->f(std::string_view(this->path), t, &t == weight); }
  void buffer(auto& t) { this->f(std::string_view(this->path), t, false); }
  void key(auto& t) { buffer(t); }
};
template <class T, class F>
void for_each_file_leaf(T& tree, F&& f) {
  LinearVisitor<F> v{{f}};
  tree::walk(tree, v);
}

}  // namespace detail

/// Writes every tensor of a tree under its leaf name ("hidden.weight"), buffers and keys included.
/// With {.linear = Layout::out_in} the weights of nn::Linear are transposed, as PyTorch's nn.Linear has them.
/// Error when a tensor is empty or the file cannot be written; an old file is then left whole.
template <class T>
void save(const std::string& path, const T& tree, const FileOptions& options = {},
          std::source_location line = std::source_location::current()) {
  NamedTensors tensors;
  detail::for_each_file_leaf(tree, [&](std::string_view name, const Tensor& t, bool linear_weight) {
    const bool transposed = linear_weight && t.defined() && options.linear == Layout::out_in;
    tensors.emplace_back(name, transposed ? t.transpose(line) : t);
  });
  save_named(path, tensors, line);
}

/// Fills the tensors of a tree from a file that holds exactly its leaves, with the dtypes and shapes they have; an
/// empty tensor takes any. ParseError says which leaf does not fit; the tree is then as it was.
///
/// PyTorch keeps the weight of nn.Linear as [out,in], duet as [in,out]. So a state_dict of modules of the same names
/// loads with
///
///   io::load("torch_mlp.safetensors", mlp, {.linear = Layout::out_in});
///
/// which transposes the weights of nn::Linear, wherever they stand in the tree, and nothing else. A square weight fits
/// either way: nothing can notice that the option was forgotten.
template <class T>
void load(const std::string& path, T& tree, const FileOptions& options = {},
          std::source_location line = std::source_location::current()) {
  Slots slots;
  LinearWeights linear{options.linear};
  detail::for_each_file_leaf(tree, [&](std::string_view name, Tensor& t, bool linear_weight) {
    slots.emplace_back(name, &t);
    if (linear_weight) linear.all.push_back(&t);
  });
  load_named(path, slots, linear, line);
}

/// The kinds of plain values that a checkpoint holds beside tensors.
enum class PlainType : uint8_t { boolean, i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, text };
/// A plain value of a tree: a number, bool, enum or string.
struct PlainSlot {
  std::string name;
  PlainType type;
  void* at;
  bool constant;  // a const member: compared with a file, never written
};

namespace detail {

template <class X>
constexpr PlainType plain_type() {
  static_assert(!std::is_same_v<X, long double>, "duet: a checkpoint holds no long double; use double");
  if constexpr (std::is_same_v<X, std::string>) {
    return PlainType::text;
  } else if constexpr (std::is_enum_v<X>) {
    return plain_type<std::underlying_type_t<X>>();
  } else if constexpr (std::is_same_v<X, bool>) {
    return PlainType::boolean;
  } else if constexpr (std::is_floating_point_v<X>) {
    return sizeof(X) == 4 ? PlainType::f32 : PlainType::f64;
  } else {
    constexpr int log2 = sizeof(X) == 1 ? 0 : sizeof(X) == 2 ? 1 : sizeof(X) == 4 ? 2 : 3;
    return static_cast<PlainType>(static_cast<int>(std::is_signed_v<X> ? PlainType::i8 : PlainType::u8) + log2);
  }
}

/// Walks all of a tree that a checkpoint holds.
template <class F>
struct StateVisitor : tree::NamedVisitor<F> {
  std::vector<PlainSlot>& plain;
  template <class X>
  void config(X& x) {
    using Plain = std::remove_const_t<X>;
    plain.push_back({this->path, plain_type<Plain>(), const_cast<Plain*>(&x), std::is_const_v<X>});
  }
};
template <class T, class F>
std::vector<PlainSlot> walk_state(T& tree, F&& f) {
  std::vector<PlainSlot> plain;
  StateVisitor<F> v{{f}, plain};
  tree::walk(tree, v);
  return plain;
}

}  // namespace detail

/// A folder of saved training states, one file a step. Whenever the program or the machine stops, also in the middle of
/// saving, the folder holds the states saved before, whole.
///
///   struct State { Mlp model; optim::Adam adam; Key key; int64_t epoch = 0, batch = 0; };
///   io::Checkpoint checkpoint{"runs/digits"};
///   checkpoint.restore(state);                      // the latest, if there is one
///   …                                               // train from state.epoch and state.batch on
///   checkpoint.save(step, state);
///
/// The files are .safetensors; numbers, bools, enums and strings of the tree stand in their metadata, and a checksum
/// over every byte. One program at a time writes to a folder.
struct Checkpoint {
  std::string folder;
  int keep = 3;  // latest states; older ones are deleted after a save

  /// Saves a tree: every tensor, buffer and key, and every plain value. The file appears under its name when all of it
  /// is on the disk. Error when a tensor is empty, when the folder, made where it is missing, cannot be written, or
  /// when it holds a later step: training went back, and which one is the latest is for you to say.
  template <class T>
  void save(int64_t step, const T& tree, std::source_location line = std::source_location::current()) const {
    NamedTensors tensors;
    const std::vector<PlainSlot> plain =
        detail::walk_state(tree, [&](std::string_view name, const Tensor& t) { tensors.emplace_back(name, t); });
    save_state(step, tensors, plain, line);
  }
  /// Fills a tree from the latest state and returns its step; nothing where there is none, and the tree is as it was.
  /// ParseError when that state is damaged or does not fit the tree, which is then as it was: no state is skipped. A
  /// const member does not fit when it has another value.
  template <class T>
  std::optional<int64_t> restore(T& tree, std::source_location line = std::source_location::current()) const {
    return fill(std::nullopt, tree, line);
  }
  /// The same from the state of a step. ParseError also when there is none.
  template <class T>
  void restore(T& tree, int64_t step, std::source_location line = std::source_location::current()) const {
    fill(step, tree, line);
  }
  /// The steps there are, ascending. Error when the folder is there and cannot be read.
  std::vector<int64_t> steps(std::source_location line = std::source_location::current()) const;
  /// The file of a step.
  std::string path(int64_t step) const;

 private:
  template <class T>
  std::optional<int64_t> fill(std::optional<int64_t> step, T& tree, std::source_location line) const {
    Slots slots;
    const std::vector<PlainSlot> plain =
        detail::walk_state(tree, [&](std::string_view name, Tensor& t) { slots.emplace_back(name, &t); });
    return restore_state(step, slots, plain, line);
  }
  void save_state(int64_t step, const NamedTensors& tensors, const std::vector<PlainSlot>& plain,
                  std::source_location line) const;
  std::optional<int64_t> restore_state(std::optional<int64_t> step, const Slots& slots,
                                       const std::vector<PlainSlot>& plain, std::source_location line) const;
};

}  // namespace duet::io
