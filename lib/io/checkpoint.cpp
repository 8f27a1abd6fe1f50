#include "duet/io/checkpoint.h"

#include <fmt/format.h>

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <unordered_map>

#include "io/file.h"
#include "io/formats.h"

namespace duet::io {
namespace {

enum class Format { npy, npz, safetensors };

template <class E>
Format format_of(const char* action, const std::string& path) {
  if (path.ends_with(".npy")) return Format::npy;
  if (path.ends_with(".npz")) return Format::npz;
  if (path.ends_with(".safetensors")) return Format::safetensors;
  fail<E>("{}: {}: unknown kind of file; use .safetensors, .npz or .npy", action, path);
}

template <class E>
void check_single(const char* action, const std::string& path, size_t tensors) {
  check<E>(tensors == 1, "{}: {}: a .npy file holds one tensor, the tree has {}; use .safetensors or .npz", action,
           path, tensors);
}

void check_spec(const std::string& where, const std::string& name, const Spec& in_file, const Tensor& in_tree) {
  if (!in_tree.defined()) return;
  check<ParseError>(in_file == in_tree.spec(), "{}: tensor {} is {} in the file, {} in the tree", where, quote(name),
                    in_file, in_tree.spec());
}

Spec transposed(Spec spec) {
  const int rank = spec.shape.rank();
  if (rank >= 2) std::swap(spec.shape[rank - 2], spec.shape[rank - 1]);
  return spec;
}

// The weight of an nn::Linear as the tree has it, from what the file has.
Tensor fitting_weight(const std::string& where, const std::string& name, const Tensor& in_file, const Tensor& in_tree,
                      Layout layout) {
  const bool swap = layout == Layout::out_in;
  const Spec file = in_file.spec(), loaded = swap ? transposed(file) : file;
  check<ParseError>(!swap || file.shape.rank() >= 2, "{}: tensor {} is {} in the file; [out,in] has two axes", where,
                    quote(name), file);
  if (in_tree.defined() && loaded != in_tree.spec()) {
    const Spec tree = in_tree.spec();
    std::string hint;
    if (transposed(loaded) == tree)
      hint = swap ? "; it looks like [in,out]: load without {.linear = Layout::out_in}"
                  : "; it looks like [out,in]: load with {.linear = Layout::out_in}";
    else if (swap)
      hint = fmt::format(", {} as [out,in]", transposed(tree));
    fail<ParseError>("{}: tensor {} is {} in the file, {} in the tree{}", where, quote(name), file, tree, hint);
  }
  const std::source_location inside;
  return swap ? in_file.transpose(inside).contiguous(inside) : in_file;
}

// The loaded tensors in the order of the slots, all of which they fit.
std::vector<Tensor> match(const std::string& where, NamedTensors loaded, const Slots& slots,
                          const LinearWeights& linear = {}) {
  std::unordered_map<std::string_view, Tensor*> by_name;
  for (auto& [name, t] : loaded) by_name.emplace(name, &t);
  auto next_weight = linear.all.begin();
  for (const auto& [name, slot] : slots) {
    auto it = by_name.find(name);
    check<ParseError>(it != by_name.end(), "{}: the file has no tensor {}", where, quote(name));
    Tensor& t = *it->second;
    if (next_weight != linear.all.end() && *next_weight == slot) {
      t = fitting_weight(where, name, t, *slot, linear.in_file);
      ++next_weight;
    } else {
      check_spec(where, name, t.spec(), *slot);
    }
  }
  std::vector<Tensor> fitting;
  for (const auto& [name, slot] : slots)  // to where the tree has it
    fitting.push_back(by_name.find(name)->second->to(slot->defined() ? slot->device() : Device::cpu()));
  for (const auto& [name, slot] : slots) by_name.erase(name);
  // In the file's order, so that the message does not depend on a hash table.
  for (const auto& [name, t] : loaded)
    check<ParseError>(!by_name.contains(name), "{}: the tree has no tensor {}", where, quote(name));
  return fitting;
}

// --- plain values as text, exactly ---

template <class F>
auto visit_plain(PlainType type, F f) {
  switch (type) {
    case PlainType::i8:
      return f(int8_t{});
    case PlainType::i16:
      return f(int16_t{});
    case PlainType::i32:
      return f(int32_t{});
    case PlainType::i64:
      return f(int64_t{});
    case PlainType::boolean:  // as the 0 or 1 it is
    case PlainType::u8:
      return f(uint8_t{});
    case PlainType::u16:
      return f(uint16_t{});
    case PlainType::u32:
      return f(uint32_t{});
    case PlainType::u64:
      return f(uint64_t{});
    case PlainType::f32:
      return f(float{});
    default:
      return f(double{});
  }
}

std::string text_of(const PlainSlot& slot) {
  if (slot.type == PlainType::text) return *static_cast<const std::string*>(slot.at);
  return visit_plain(slot.type, [&](auto x) {
    std::memcpy(&x, slot.at, sizeof(x));
    return fmt::format("{}", x);  // the shortest digits that give a floating number back
  });
}

/// A value read from a file for a slot.
struct PlainValue {
  std::array<uint8_t, 8> bytes = {};
  std::string text = {};
};

PlainValue parse_plain(const std::string& where, const PlainSlot& slot, const std::string& text) {
  PlainValue value;
  if (slot.type == PlainType::text) {
    value.text = text;
    return value;
  }
  visit_plain(slot.type, [&](auto x) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
    const bool flag = slot.type != PlainType::boolean || text == "0" || text == "1";
    check<ParseError>(error == std::errc() && end == text.data() + text.size() && flag,
                      "{}: {} does not fit the tree's {}", where, quote(text), quote(slot.name));
    std::memcpy(value.bytes.data(), &x, sizeof(x));
  });
  return value;
}

std::vector<PlainValue> match(const std::string& where, const Metadata& metadata, const std::vector<PlainSlot>& slots) {
  std::unordered_map<std::string_view, const std::string*> by_name;
  for (const auto& [name, text] : metadata) by_name.emplace(name, &text);
  std::vector<PlainValue> values;
  for (const PlainSlot& slot : slots) {
    auto it = by_name.find(slot.name);
    check<ParseError>(it != by_name.end(), "{}: the file has no value {}", where, quote(slot.name));
    values.push_back(parse_plain(where, slot, *it->second));
    check<ParseError>(!slot.constant || *it->second == text_of(slot),
                      "{}: the tree's {} is const and {}, {} in the file; make it no const, or this value", where,
                      quote(slot.name), quote(text_of(slot)), quote(*it->second));
  }
  for (const PlainSlot& slot : slots) by_name.erase(slot.name);
  for (const auto& [name, text] : metadata)
    check<ParseError>(!by_name.contains(name), "{}: the tree has no value {}", where, quote(name));
  return values;
}

// --- the folder of a checkpoint ---

constexpr std::string_view kPrefix = "step-", kSuffix = ".safetensors";

std::string file_of(int64_t step) { return fmt::format("{}{:09}{}", kPrefix, step, kSuffix); }

// The step of a file name, −1 when it is none.
int64_t step_of(std::string_view name) {
  int64_t step = -1;
  if (name.starts_with(kPrefix)) std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), step);
  return name == file_of(step) ? step : -1;
}

// What a save that was killed left behind, step-N.safetensors.PID.N.tmp, as OutputFile names it; no file of the user's.
bool is_left_over(std::string_view name) {
  auto number = [&] {
    const size_t n = std::min(name.find_first_not_of("0123456789"), name.size());
    name.remove_prefix(n);
    return n > 0;
  };
  auto word = [&](std::string_view expected) {
    const bool there = name.starts_with(expected);
    if (there) name.remove_prefix(expected.size());
    return there;
  };
  const size_t end = name.find(kSuffix);
  if (end == name.npos || step_of(name.substr(0, end + kSuffix.size())) < 0) return false;
  name.remove_prefix(end + kSuffix.size());
  return word(".") && number() && word(".") && number() && name == ".tmp";
}

/// f(name) for all that is in a folder. Not by std::filesystem, whose iterator ends the program when it gets no memory.
template <class F>
void for_each_file(const char* action, const std::string& folder, F f) {
  const auto unreadable = [&](int error) {
    fail<Error>("{}: {}: the folder cannot be read: {}", action, folder, std::generic_category().message(error));
  };
  const std::unique_ptr<DIR, int (*)(DIR*)> all(::opendir(folder.c_str()), &::closedir);
  if (all == nullptr && errno == ENOENT) return;
  if (all == nullptr) unreadable(errno);
  while (errno = 0, true) {
    const dirent* file = ::readdir(all.get());
    if (file == nullptr && errno != 0) unreadable(errno);
    if (file == nullptr) return;
    f(std::string(file->d_name));
  }
}

std::vector<int64_t> steps_in(const char* action, const std::string& folder) {
  std::vector<int64_t> steps;
  for_each_file(action, folder, [&](const std::string& name) {
    if (const int64_t step = step_of(name); step >= 0) steps.push_back(step);
  });
  std::sort(steps.begin(), steps.end());
  return steps;
}

void make_folder(const std::string& folder) {
  std::string path = folder;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  std::error_code error, ignored;
  std::vector<std::string> missing;
  for (std::filesystem::path p = path; !p.empty() && !std::filesystem::exists(p, ignored); p = p.parent_path())
    missing.push_back(p.string());
  std::filesystem::create_directories(path, error);
  check<Error>(!error, "save: {}: the folder cannot be made: {}", folder, error.message());
  for (const std::string& made : missing) flush_folder(folder_of(made));
}

}  // namespace

void save_named(const std::string& path, const NamedTensors& tensors, std::source_location line) {
  LineScope scope(line);
  const Format format = format_of<Error>("save", path);
  if (format == Format::safetensors) return save_safetensors(path, tensors, line);
  if (format == Format::npz) return save_npz(path, tensors, line);
  check_single<Error>("save", path, tensors.size());
  save_npy(path, tensors[0].second, line);
}

void load_named(const std::string& path, const Slots& slots, const LinearWeights& linear, std::source_location line) {
  LineScope scope(line);
  std::string where = "load: " + path;
  const Format format = format_of<ParseError>("load", path);
  if (format == Format::npy) {
    check_single<ParseError>("load", path, slots.size());
    Tensor t = load_npy(path, line);
    Tensor& slot = *slots[0].second;
    check_spec(where, slots[0].first, t.spec(), slot);
    slot = t.to(slot.defined() ? slot.device() : Device::cpu());
    return;
  }
  NamedTensors loaded = format == Format::npz ? load_npz(path, line) : load_safetensors(path, line);
  std::vector<Tensor> fitting = match(where, std::move(loaded), slots, linear);
  // Nothing below can fail: the tree changes whole or not at all.
  for (size_t i = 0; i < slots.size(); ++i) *slots[i].second = std::move(fitting[i]);
}

std::string Checkpoint::path(int64_t step) const { return (std::filesystem::path(folder) / file_of(step)).string(); }

std::vector<int64_t> Checkpoint::steps(std::source_location line) const {
  LineScope scope(line);
  return steps_in("steps", folder);
}

void Checkpoint::save_state(int64_t step, const NamedTensors& tensors, const std::vector<PlainSlot>& plain,
                            std::source_location line) const {
  LineScope scope(line);
  check<Error>(step >= 0, "save: {}: a step is negative: {}", folder, step);
  check<Error>(keep >= 1, "save: {}: at least one state must be kept: {}", folder, keep);
  make_folder(folder);
  std::vector<int64_t> steps = steps_in("save", folder);
  check<Error>(steps.empty() || steps.back() <= step,
               "save: {}: step {} comes after step {}, which is there already; delete the later files to train on "
               "from an earlier step",
               folder, step, steps.empty() ? 0 : steps.back());
  for_each_file("save", folder, [&](const std::string& name) {
    if (is_left_over(name)) ::unlink((std::filesystem::path(folder) / name).c_str());
  });
  SealedFile content{tensors, {}};
  for (const PlainSlot& slot : plain) content.metadata.emplace_back(slot.name, text_of(slot));
  if (steps.empty() || steps.back() != step) steps.push_back(step);
  std::vector<std::string> old;
  for (size_t i = 0; i + static_cast<size_t>(keep) < steps.size(); ++i) old.push_back(path(steps[i]));
  write_sealed("save", path(step), content);
  // The new state is safe. An old one that cannot be deleted now is tried again after the next save.
  for (const std::string& file : old) ::unlink(file.c_str());
}

std::optional<int64_t> Checkpoint::restore_state(std::optional<int64_t> step, const Slots& slots,
                                                 const std::vector<PlainSlot>& plain, std::source_location line) const {
  LineScope scope(line);
  const std::vector<int64_t> steps = steps_in("restore", folder);
  std::string before = "; there is no earlier one";
  if (!step) {
    if (steps.empty()) return std::nullopt;
    if (steps.size() > 1)
      before = fmt::format("; step {0} is the one before: restore(tree, {0})", steps[steps.size() - 2]);
    step = steps.back();
  } else {
    before = "";
  }
  const std::string file = path(*step), where = "restore: " + file;
  SealedFile content;
  try {
    content = read_sealed("restore", file);
  } catch (const ParseError& error) {
    std::string message = error.what();
    message.resize(std::min(message.rfind(" ["), message.size()));  // the line comes once, at the end
    throw ParseError(message + before);
  }
  std::vector<Tensor> fitting = match(where, std::move(content.tensors), slots);
  std::vector<PlainValue> values = match(where, content.metadata, plain);
  // Nothing below can fail: the tree changes whole or not at all.
  for (size_t i = 0; i < slots.size(); ++i) *slots[i].second = std::move(fitting[i]);
  for (size_t i = 0; i < plain.size(); ++i) {
    if (plain[i].constant) continue;
    if (plain[i].type == PlainType::text)
      static_cast<std::string*>(plain[i].at)->swap(values[i].text);
    else
      visit_plain(plain[i].type, [&](auto x) { std::memcpy(plain[i].at, values[i].bytes.data(), sizeof(x)); });
  }
  return step;
}

}  // namespace duet::io
