#include "duet/core/dtype.h"
#include "duet/core/error.h"

#include <fmt/format.h>

#include <atomic>
#include <string_view>

namespace duet {

constinit thread_local ThreadState thread_state;

uint64_t fresh_ids(int n) {
  ThreadState& t = thread_state;
  if (t.next_id + static_cast<uint64_t>(n) > t.end_id) [[unlikely]] {
    // A range so wide that no thread uses it up: within a thread ids are contiguous, which tapes rely on.
    constexpr uint64_t kRange = uint64_t{1} << 44;
    static std::atomic<uint64_t> ranges{0};
    t.next_id = ranges.fetch_add(1) * kRange + 1;
    t.end_id = t.next_id + kRange - 1;
  }
  uint64_t first = t.next_id;
  t.next_id += static_cast<uint64_t>(n);
  return first;
}

std::string to_string(const Line& line) {
  if (line.file == nullptr) return "";
  std::string_view file = line.file;
  if (size_t slash = file.rfind('/'); slash != file.npos) file.remove_prefix(slash + 1);
  return fmt::format("{}{}:{}", line.grad_of ? "grad of " : "", file, line.line);
}

std::string formatted(fmt::string_view format, fmt::format_args args) { return fmt::vformat(format, args); }

std::string shortest(double v) {
  return static_cast<double>(static_cast<float>(v)) == v ? fmt::format("{}", static_cast<float>(v))
                                                         : fmt::format("{}", v);
}

Error::Error(std::string message) : message_(std::move(message)), line_(thread_state.line) {
  if (line_.file != nullptr) message_ += fmt::format(" [{}]", to_string(line_));
}

void reject_half() { internal_error("16-bit floats are cast to f32 before kernels compute", __FILE__, __LINE__); }

void internal_error(const char* condition, const char* file, int line) {
  thread_state.line = Line();
  throw Error(fmt::format("duet internal error: {} does not hold ({}:{}); please report it", condition, file, line));
}

}  // namespace duet
