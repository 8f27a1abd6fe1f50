// save and load of trees, by file extension: .safetensors and .npz for any tree, .npy for a tree of one tensor; and
// checkpoints: a folder of saved states that training goes on from after a stop at any moment.
#pragma once

#include <optional>
#include <string>

#include "duet/io/npy.h"
#include "duet/io/npz.h"
#include "duet/io/safetensors.h"
#include "duet/tree.h"

namespace duet::io {

/// A tensor of a tree that a file is to fill.
using Slots = std::vector<std::pair<std::string, Tensor*>>;

/// save and load without the tree: what the templates below come down to.
void save_named(const std::string& path, const NamedTensors& tensors, std::source_location line);
void load_named(const std::string& path, const Slots& slots, std::source_location line);

/// Writes every tensor of a tree under its leaf name ("hidden.weight"), buffers and keys included.
/// Error when a tensor is empty or the file cannot be written; an old file is then left whole.
template <class T>
void save(const std::string& path, const T& tree, std::source_location line = std::source_location::current()) {
  NamedTensors tensors;
  for_each_named_leaf(tree, [&](std::string_view name, const Tensor& t) { tensors.emplace_back(name, t); });
  save_named(path, tensors, line);
}

/// Fills the tensors of a tree from a file that holds exactly its leaves, with the dtypes and shapes they have; an
/// empty tensor takes any. ParseError says which leaf does not fit; the tree is then as it was.
template <class T>
void load(const std::string& path, T& tree, std::source_location line = std::source_location::current()) {
  Slots slots;
  for_each_named_leaf(tree, [&](std::string_view name, Tensor& t) { slots.emplace_back(name, &t); });
  load_named(path, slots, line);
}

/// The kinds of plain values that a checkpoint holds beside tensors.
enum class PlainType : uint8_t { boolean, i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, text };
/// A plain value of a tree: a number, bool, enum or string.
struct PlainSlot {
  std::string name;
  PlainType type;
  void* at;
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
    plain.push_back({this->path, plain_type<Plain>(), const_cast<Plain*>(&x)});
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
  /// ParseError when that state is damaged or does not fit the tree, which is then as it was: no state is skipped.
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
