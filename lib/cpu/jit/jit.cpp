#include "cpu/jit/jit.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "cpu/jit/assemble.h"
#include "cpu/jit/memory.h"
#include "planted.h"

namespace duet::cpu::jit {
namespace {

// Rows shorter than this are copied together first: a row costs about as much as two registers' worth of elements.
constexpr int64_t kShortRow = 8;

std::atomic<bool>& switched_on() {
  static std::atomic<bool> on = [] {
    const char* text = std::getenv("DUET_JIT");
    return text == nullptr || std::strcmp(text, "0") != 0;
  }();
  return on;
}

// Code by its list: what is compiled twice is kept once.
struct KnownCodes {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<const Code>> of;
  static KnownCodes& all() {
    static auto* codes = new KnownCodes;  // never destroyed: functions may outlive it
    return *codes;
  }
};

std::string key(std::span<const List> lists, bool wide) {
  std::string text(1, wide ? 'w' : 'n');
  auto number = [&](int x) { text.append(reinterpret_cast<const char*>(&x), sizeof x); };
  for (const List& list : lists) {
    number(list.sources);
    number(list.outputs);
    text.append(list.uniform.begin(), list.uniform.end());
    text.append(list.of_row.begin(), list.of_row.end());
    text.append(list.ahead.begin(), list.ahead.end());
    text.append(list.claim.begin(), list.claim.end());
    text.append(list.past.begin(), list.past.end());
    number(static_cast<int>(list.nodes.size()));
    for (const Instruction& x : list.nodes) {
      text.push_back(static_cast<char>(x.op));
      for (int operand : x.operands()) number(operand);
      number(static_cast<int>(x.imm));
    }
  }
  return text;
}

// DUET_JIT_DUMP=folder: every code that is made, as a file of its bytes.
void dump(const Assembled& code) {
  static const char* const folder = std::getenv("DUET_JIT_DUMP");
  static std::atomic<int> number{0};
  if (folder == nullptr) return;
  const std::string path = fmt::format("{}/duet_{}_from_{:#x}.bin", folder, number++, code.entry);
  if (std::FILE* file = std::fopen(path.c_str(), "wb")) {
    std::fwrite(code.bytes.data(), 1, code.bytes.size(), file);
    std::fclose(file);
  }
}

}  // namespace

bool enabled() { return switched_on().load(std::memory_order_relaxed); }
void set_enabled(bool on) { switched_on() = on; }

size_t codes() {
  KnownCodes& all = KnownCodes::all();
  std::lock_guard lock(all.mutex);
  return static_cast<size_t>(std::ranges::count_if(all.of, [](const auto& c) { return !c.second.expired(); }));
}

Code::~Code() {
  release(code_, bytes_);
  KnownCodes& all = KnownCodes::all();
  std::lock_guard lock(all.mutex);
  // Another thread may have made the same code anew.
  if (const auto found = all.of.find(key_); found != all.of.end() && found->second.expired()) all.of.erase(found);
}

std::string_view no_compiler() {
  const std::string_view isa = kernels().isa;
#if defined(DUET_HAS_XBYAK)
  constexpr bool kBuilt = true;
#else
  constexpr bool kBuilt = false;
#endif
  if (!kBuilt) return "built without xbyak";
  if (!enabled()) return "DUET_JIT=0";
  if (isa != "v4" && isa != "v3") return "no code for this CPU";
  if (planted("tile_tail") || planted("relu_nan")) return "a bug is planted in the tile executor";
  return {};
}

namespace {
std::shared_ptr<const Code> make(std::span<const List> lists, bool wide, std::string& reason) {
  KnownCodes& all = KnownCodes::all();
  std::string name = key(lists, wide);
  {
    std::lock_guard lock(all.mutex);
    if (const auto found = all.of.find(name); found != all.of.end())
      if (auto code = found->second.lock()) return code;
  }
  const Assembled made = assemble(lists, wide);
  if (made.bytes.empty()) {
    reason = "too many instructions";
    return nullptr;
  }
  const void* memory = make_executable(made.bytes.data(), made.bytes.size());
  if (memory == nullptr) {
    reason = "the system gives no executable memory";
    return nullptr;
  }
  dump(made);
  std::shared_ptr<const Code> code;
  try {
    code = std::make_shared<const Code>(memory, made.bytes.size(), made.entry, name);
  } catch (...) {
    release(memory, made.bytes.size());
    throw;
  }
  std::lock_guard lock(all.mutex);
  all.of[std::move(name)] = code;
  return code;
}

}  // namespace

Codes compile(std::span<List> lists, std::string& reason) {
  const bool wide = kernels().isa == "v4";
  bool past = false;
  for (List& list : lists) {
    simplify(list, wide);
    for (char any : list.past) past |= any != 0;
  }
  Codes codes;
  if (past) {
    std::vector<List> all(lists.begin(), lists.end());
    for (List& list : all)
      for (const List& writer : lists)
        for (size_t k = 0; k < writer.past.size(); ++k)
          if (writer.past[k]) list.claim[k] = 0;
    codes.past = make(all, wide, reason);
  }
  for (List& list : lists) list.past.assign(list.past.size(), 0);
  codes.any = make(lists, wide, reason);
  if (codes.any == nullptr) codes.past = nullptr;
  return codes;
}

bool may_go_past(const void* result, int64_t row_bytes) {
  constexpr int64_t kLine = 64;
  return reinterpret_cast<uintptr_t>(result) % kLine == 0 && row_bytes % kLine == 0;
}

Kernel::Kernel(const TileProgram& program, std::span<const char> past, std::string& reason) {
  reason = no_compiler();
  if (!reason.empty()) return;
  const size_t sources = program.sources.size(), outputs = program.output_bytes.size();
  List list;
  list.sources = static_cast<int>(sources);
  list.outputs = static_cast<int>(outputs);
  list.uniform.assign(sources, 0);
  list.of_row.assign(outputs, 0);
  list.ahead.assign(sources, 0);
  list.claim.assign(outputs, 0);
  list.past.assign(past.begin(), past.end());
  list.past.resize(outputs);
  past_ = list.past;
  std::vector<Operand> operands(sources);
  for (size_t k = 0; k < sources; ++k) operands[k].source = static_cast<int>(k);
  std::vector<int> numbers(outputs), made;
  for (size_t k = 0; k < outputs; ++k) numbers[k] = static_cast<int>(k);
  Builder builder(list);
  if (!append(builder, program, operands, numbers, made, reason)) return;

  // Operands that lie in rows: the first one says how long a row is, others with other rows are copied first.
  gathered_.assign(sources, 0);
  for (size_t k = 0; k < sources; ++k) {
    const Source& s = program.sources[k];
    list.uniform[k] = s.single || s.constant != nullptr;
    if (s.dense || s.single || s.constant != nullptr) continue;
    const int last = s.axes - 1;
    const int64_t stride = s.stride[last], row = s.extent[last];
    const int64_t rows = s.axes > 2 ? s.extent[last - 1] : 0;
    const bool fits = (stride == 0 || stride == 1) && row >= kShortRow && (row_ == 0 || row_ == row) &&
                      (rows == 0 || rows_in_step_ == 0 || rows_in_step_ == rows);
    gathered_[k] = !fits;
    gathers_ |= !fits;
    if (!fits) continue;
    row_ = row;
    if (rows != 0) rows_in_step_ = rows;
    list.uniform[k] = stride == 0;
  }
  codes_ = compile(std::span(&list, 1), reason);
}

}  // namespace duet::cpu::jit
