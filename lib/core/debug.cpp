#include "duet/core/debug.h"

#include <fmt/core.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace duet {
namespace {

void to_stderr(std::string_view line) { fmt::print(stderr, "duet: {}\n", fmt::string_view(line.data(), line.size())); }

int level_from_environment() {
  const char* text = std::getenv("DUET_DEBUG");
  return text != nullptr ? std::atoi(text) : 0;
}
// Read before main, so that a check of the level is one load.
std::atomic<int> level{level_from_environment()};
const bool enabled = [] {
  const char* text = std::getenv("DUET_COMPILE");
  return text == nullptr || std::string_view(text) != "0";
}();
std::atomic<void (*)(std::string_view)> sink{to_stderr};

}  // namespace

bool compile_enabled() { return enabled; }
int debug_level() { return level.load(std::memory_order_relaxed); }
void set_debug(int l) { level.store(l, std::memory_order_relaxed); }
void set_debug_sink(void (*s)(std::string_view)) { sink.store(s != nullptr ? s : to_stderr); }
void debug_line(std::string_view line) { sink.load()(line); }

}  // namespace duet
