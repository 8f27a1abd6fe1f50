// save and load of trees, by file extension: .safetensors for any tree, .npy for a tree of one tensor.
#pragma once

#include <string>

#include "duet/io/npy.h"
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

}  // namespace duet::io
