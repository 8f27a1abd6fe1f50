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
struct Codes {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<const Code>> of;
  static Codes& all() {
    static auto* codes = new Codes;  // never destroyed: functions may outlive it
    return *codes;
  }
};

std::string key(const List& list, bool wide) {
  std::string text(1, wide ? 'w' : 'n');
  text.append(list.uniform.begin(), list.uniform.end());
  text.append(reinterpret_cast<const char*>(&list.outputs), sizeof list.outputs);
  for (const Instruction& x : list.nodes) {
    text.push_back(static_cast<char>(x.op));
    for (int part : {x.a, x.b, x.c, static_cast<int>(x.imm)}) text.append(reinterpret_cast<const char*>(&part), 4);
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
  Codes& all = Codes::all();
  std::lock_guard lock(all.mutex);
  return static_cast<size_t>(std::ranges::count_if(all.of, [](const auto& c) { return !c.second.expired(); }));
}

Code::~Code() {
  release(code_, bytes_);
  Codes& all = Codes::all();
  std::lock_guard lock(all.mutex);
  // Another thread may have made the same code anew.
  if (const auto found = all.of.find(key_); found != all.of.end() && found->second.expired()) all.of.erase(found);
}

Kernel::Kernel(const TileProgram& program, std::string& reason) {
  const std::string_view isa = kernels().isa;
  const bool wide = isa == "v4";
#if defined(DUET_HAS_XBYAK)
  constexpr bool kBuilt = true;
#else
  constexpr bool kBuilt = false;
#endif
  if (!kBuilt) {
    reason = "built without xbyak";
  } else if (!enabled()) {
    reason = "DUET_JIT=0";
  } else if (!wide && isa != "v3") {
    reason = "no code for this CPU";
  } else if (planted("tile_tail") || planted("relu_nan")) {
    reason = "a bug is planted in the tile executor";
  }
  if (!reason.empty()) return;
  std::optional<List> list = make_list(program, reason);
  if (!list) return;

  // Operands that lie in rows: the first one says how long a row is, others with other rows are copied first.
  const size_t sources = program.sources.size();
  gathered_.assign(sources, 0);
  list->uniform.assign(sources, 0);
  for (size_t k = 0; k < sources; ++k) {
    const Source& s = program.sources[k];
    list->uniform[k] = s.single || s.constant != nullptr;
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
    list->uniform[k] = stride == 0;
  }
  simplify(*list, wide);
  Codes& all = Codes::all();
  std::string name = key(*list, wide);
  {
    std::lock_guard lock(all.mutex);
    if (const auto found = all.of.find(name); found != all.of.end()) code_ = found->second.lock();
  }
  if (code_ != nullptr) return;
  const Assembled made = assemble(*list, wide);
  if (made.bytes.empty()) {
    reason = "too many instructions";
    return;
  }
  const void* memory = make_executable(made.bytes.data(), made.bytes.size());
  if (memory == nullptr) {
    reason = "the system gives no executable memory";
    return;
  }
  dump(made);
  try {
    code_ = std::make_shared<const Code>(memory, made.bytes.size(), made.entry, name);
  } catch (...) {
    release(memory, made.bytes.size());
    throw;
  }
  std::lock_guard lock(all.mutex);
  all.of[std::move(name)] = code_;
}

}  // namespace duet::cpu::jit
