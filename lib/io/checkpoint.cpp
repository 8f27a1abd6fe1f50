#include "duet/io/checkpoint.h"

#include <unordered_map>

#include "io/file.h"

namespace duet::io {
namespace {

enum class Format { npy, safetensors };

template <class E>
Format format_of(const char* action, const std::string& path) {
  if (path.ends_with(".npy")) return Format::npy;
  if (path.ends_with(".safetensors")) return Format::safetensors;
  fail<E>("{}: {}: unknown kind of file; use .safetensors or .npy", action, path);
}

template <class E>
void check_single(const char* action, const std::string& path, size_t tensors) {
  check<E>(tensors == 1, "{}: {}: a .npy file holds one tensor, the tree has {}; use .safetensors", action, path,
           tensors);
}

void check_spec(const std::string& where, const std::string& name, const Spec& in_file, const Tensor& in_tree) {
  if (!in_tree.defined()) return;
  check<ParseError>(in_file == in_tree.spec(), "{}: tensor {} is {} in the file, {} in the tree", where, quote(name),
                    in_file, in_tree.spec());
}

}  // namespace

void save_named(const std::string& path, const NamedTensors& tensors, std::source_location line) {
  LineScope scope(line);
  if (format_of<Error>("save", path) == Format::safetensors) return save_safetensors(path, tensors, line);
  check_single<Error>("save", path, tensors.size());
  save_npy(path, tensors[0].second, line);
}

void load_named(const std::string& path, const Slots& slots, std::source_location line) {
  LineScope scope(line);
  std::string where = "load: " + path;
  if (format_of<ParseError>("load", path) == Format::npy) {
    check_single<ParseError>("load", path, slots.size());
    Tensor t = load_npy(path, line);
    check_spec(where, slots[0].first, t.spec(), *slots[0].second);
    *slots[0].second = std::move(t);
    return;
  }
  NamedTensors loaded = load_safetensors(path, line);
  std::unordered_map<std::string_view, Tensor*> by_name;
  for (auto& [name, t] : loaded) by_name.emplace(name, &t);
  for (const auto& [name, slot] : slots) {
    auto it = by_name.find(name);
    check<ParseError>(it != by_name.end(), "{}: the file has no tensor {}", where, quote(name));
    check_spec(where, name, it->second->spec(), *slot);
  }
  if (loaded.size() > slots.size()) {
    for (const auto& [name, slot] : slots) by_name.erase(name);
    // In the file's order, so that the message does not depend on a hash table.
    for (const auto& [name, t] : loaded) {
      check<ParseError>(!by_name.contains(name), "{}: the tree has no tensor {}", where, quote(name));
    }
  }
  // Nothing below can fail: the tree changes whole or not at all.
  for (const auto& [name, slot] : slots) *slot = std::move(*by_name.find(name)->second);
}

}  // namespace duet::io
