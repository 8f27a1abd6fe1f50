#include "duet/duel.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>

#include "cuda/memory.h"
#include "duet/core/memory.h"
#include "duet/cuda.h"
#include "duet/ops/movement.h"

namespace duet {
namespace {

// The bits of element i, NaNs made one.
template <class T>
uint64_t canonical(const T* x, size_t i) {
  if constexpr (std::is_floating_point_v<T>)
    if (x[i] != x[i]) return ~uint64_t{0} - 1;
  uint64_t bits = 0;
  std::memcpy(&bits, x + i, sizeof(T));
  return bits;
}

double median_of(std::vector<double> x) {
  if (x.empty()) return 0;
  auto middle = x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2);
  std::nth_element(x.begin(), middle, x.end());
  return *middle;
}

std::string signed_number(int64_t n) {
  std::string text = with_commas(n < 0 ? -n : n);
  return n == 0 ? "0" : (n < 0 ? "-" : "+") + text;
}

std::string verdict(const DuelReport& report) {
  std::string text;
  for (const LifeReport& l : report.lives) {
    if (!l.refused.empty()) text += fmt::format("{}: refused: {}\n", l.name, l.refused);
    if (!l.difference.empty())
      text += fmt::format("{}: {} differs from {}\n", l.name, l.difference, report.lives[0].name);
  }
  return text + fmt::format("bits equal: {}", report.bits_equal() ? "yes" : "NO");
}

}  // namespace

std::string with_commas(int64_t n) {
  std::string text = std::to_string(n);
  for (int at = static_cast<int>(text.size()) - 3; at > (n < 0 ? 1 : 0); at -= 3)
    text.insert(static_cast<size_t>(at), ",");
  return text;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.defined() != b.defined()) return false;
  if (!a.defined()) return true;
  if (a.dtype() != b.dtype() || !(a.shape() == b.shape())) return false;
  Tensor x = a.contiguous(), y = b.contiguous();
  materialize(x, "same_bits");
  materialize(y, "same_bits");
  x = x.to(Device::cpu());
  y = y.to(Device::cpu());
  const auto n = static_cast<size_t>(x.numel());
  if (n == 0 || std::memcmp(x.block().data, y.block().data, x.size_bytes()) == 0) return true;
  return visit(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    auto *p = static_cast<const T*>(x.block().data), *q = static_cast<const T*>(y.block().data);
    for (size_t i = 0; i < n; ++i)
      if (canonical(p, i) != canonical(q, i)) return false;
    return true;
  });
}

std::string bits_hash(const std::vector<Tensor>& tensors) {
  uint64_t h = 0xcbf29ce484222325u;
  auto add = [&](uint64_t word) {
    h = (h ^ word) * 0xff51afd7ed558ccdu;
    h ^= h >> 32;
  };
  for (const Tensor& t : tensors) {
    if (!t.defined()) {
      add(~uint64_t{0});
      continue;
    }
    add(static_cast<uint64_t>(t.dtype()));
    for (int64_t extent : t.shape()) add(static_cast<uint64_t>(extent));
    Tensor x = t.contiguous();
    materialize(x, "bits_hash");
    x = x.to(Device::cpu());
    visit(x.dtype(), [&](auto zero) {
      auto* p = static_cast<const decltype(zero)*>(x.block().data);
      for (size_t i = 0; i < static_cast<size_t>(x.numel()); ++i) add(canonical(p, i));
    });
  }
  return fmt::format("{:016x}", h);
}

Times summarize(std::vector<double> us) {
  if (us.empty()) return {};
  std::sort(us.begin(), us.end());
  return {us.front(), us[us.size() / 2], us[std::min(us.size() - 1, us.size() * 95 / 100)], us.size()};
}

Meter::Counters Meter::read() const {
  const MemoryStats m = device_.is_cuda() ? cuda::memory_stats(device_) : memory_stats();
  return {thread_state.dispatches, thread_state.launches, thread_state.bytes,
          m.allocations,           m.live_bytes,          m.peak_bytes};
}

void Meter::begin() {
  if (device_.is_cuda()) {
    cuda::synchronize(device_);
    cuda::reset_peak(device_);
  } else {
    reset_peak();
  }
  before_ = read();
  start_ns_ = detail::now_ns();
}

void Meter::end() {
  if (device_.is_cuda() && std::uncaught_exceptions() == 0) cuda::synchronize(device_);
  const double us = static_cast<double>(detail::now_ns() - start_ns_) * 1e-3;
  const Counters after = read();
  calls_.push_back({us, static_cast<int64_t>(after.operations - before_.operations),
                    static_cast<int64_t>(after.kernels - before_.kernels),
                    static_cast<int64_t>(after.bytes - before_.bytes), after.allocations - before_.allocations,
                    after.peak_bytes - before_.live_bytes});
  if (calls_.size() > 1) return;
  first_.total_ms = us * 1e-3;
  if (cache_ != nullptr) {
    for (const auto& plan : cache_->plans()) {
      double passes_us = 0;
      for (const graph::PassRecord& p : plan->report().passes) passes_us += p.time_us;
      first_.passes_ms += passes_us * 1e-3;
      first_.plan_ms += (plan->compile_us() - passes_us) * 1e-3;
      first_.run_ms += plan->first_run_us() * 1e-3;
      arena_bytes_ += plan->memory().arena_bytes;
      lower_bound_bytes_ += plan->memory().lower_bound_bytes;
    }
    first_.trace_ms = std::max(0.0, first_.total_ms - first_.passes_ms - first_.plan_ms - first_.run_ms);
  } else {
    first_.run_ms = first_.total_ms;
  }
}

LifeReport Meter::report() const {
  LifeReport r;
  r.name = name_;
  r.first = first_;
  r.arena_bytes = arena_bytes_;
  r.lower_bound_bytes = lower_bound_bytes_;
  // The first call is left out unless it is all there is.
  const bool first_only = calls_.size() == 1;
  std::span<const Call> calls = std::span(calls_).subspan(calls_.size() > 1 ? 1 : 0);
  auto median = [&](auto member) {
    std::vector<double> all;
    for (const Call& c : calls) all.push_back(static_cast<double>(c.*member));
    return static_cast<int64_t>(median_of(std::move(all)));
  };
  std::vector<double> us;
  for (const Call& c : calls) us.push_back(c.us);
  r.call_us = summarize(std::move(us));
  r.operations = median(&Call::operations);
  r.kernels = median(&Call::kernels);
  r.bytes = median(&Call::bytes);
  r.allocations = median(&Call::allocations);
  // A plan keeps its arena between calls, so only the first call's peak has it.
  r.peak_bytes = median(&Call::peak_bytes) + (first_only ? 0 : arena_bytes_);
  return r;
}

bool DuelReport::bits_equal() const {
  return std::ranges::all_of(lives, [](const LifeReport& l) { return l.difference.empty(); });
}

std::string text_table(const std::vector<std::vector<std::string>>& rows) {
  // Width in letters: a byte 10xxxxxx goes on with the letter before it.
  auto width = [](const std::string& s) {
    return static_cast<size_t>(std::ranges::count_if(s, [](char c) { return (c & 0xc0) != 0x80; }));
  };
  std::vector<size_t> widths;
  for (const auto& row : rows)
    for (size_t c = 0; c < row.size(); ++c) {
      if (c >= widths.size()) widths.push_back(0);
      widths[c] = std::max(widths[c], width(row[c]));
    }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string space(widths[c] - width(row[c]), ' ');
      line += c == 0 ? row[c] + space : "  " + space + row[c];
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string to_string(const DuelReport& report) {
  auto ms = [](double x) { return fmt::format("{:.3f}", x); };
  auto us = [](double x) { return fmt::format("{:.1f}", x); };
  std::vector<std::vector<std::string>> times{{""}},
      costs{{"", "kernels", "allocations", "bytes", "peak bytes", "arena bytes", "lower bound"}};
  for (const auto& [title, cell] : report.lives[0].more) times[0].push_back(title);
  for (const char* title :
       {"first call ms", "= trace", "+ passes", "+ plan", "+ run", "µs min", "median", "p95", "calls"})
    times[0].push_back(title);
  for (const LifeReport& l : report.lives) {
    if (!l.refused.empty()) continue;
    std::vector<std::string> row{l.name};
    for (const auto& [title, cell] : l.more) row.push_back(cell);
    for (double x : {l.first.total_ms, l.first.trace_ms, l.first.passes_ms, l.first.plan_ms, l.first.run_ms})
      row.push_back(ms(x));
    for (double x : {l.call_us.min, l.call_us.median, l.call_us.p95}) row.push_back(us(x));
    row.push_back(with_commas(static_cast<int64_t>(l.call_us.n)));
    times.push_back(std::move(row));
    costs.push_back(
        {l.name, with_commas(l.kernels), with_commas(l.allocations), with_commas(l.bytes), with_commas(l.peak_bytes)});
    const bool planned = l.arena_bytes > 0 || l.lower_bound_bytes > 0;
    for (int64_t x : {l.arena_bytes, l.lower_bound_bytes}) costs.back().push_back(planned ? with_commas(x) : "-");
  }
  return text_table(times) + "\n" + text_table(costs) + "\n" + verdict(report) + "\n" + speedups(report);
}

std::string speedups(const DuelReport& report) {
  const LifeReport& first = report.lives[0];
  std::string text = fmt::format("{} {:.1f} µs", first.name, first.call_us.median);
  for (const LifeReport& l : std::span(report.lives).subspan(1))
    if (l.refused.empty() && l.call_us.median > 0)
      text += fmt::format(" · {} {:.2f}x", l.name, first.call_us.median / l.call_us.median);
  return text;
}

std::string differences(const DuelReport& report) {
  const LifeReport& base = report.lives[0];
  std::vector<std::vector<std::string>> rows{
      {"", "Δkernels", "Δbytes", "Δpeak bytes", "Δµs (median)", "bits"},
      {base.name, with_commas(base.kernels), with_commas(base.bytes), with_commas(base.peak_bytes),
       fmt::format("{:.1f}", base.call_us.median), ""}};
  for (const LifeReport& l : std::span(report.lives).subspan(1))
    rows.push_back({l.name, signed_number(l.kernels - base.kernels), signed_number(l.bytes - base.bytes),
                    signed_number(l.peak_bytes - base.peak_bytes),
                    fmt::format("{:+.1f}", l.call_us.median - base.call_us.median),
                    l.difference.empty() ? "same" : "DIFFER"});
  return text_table(rows);
}

namespace detail {

Tensor own_storage(const Tensor& t, Device device) {
  if (!t.defined()) return t;
  materialize(t, "duel");
  if (t.device() != device) return t.to(device);
  if (!t.is_contiguous()) return t;
  if (device.is_cuda()) return call_op<duet::Copy>({}, t);
  Block* b = block::make(t.dtype(), t.shape(), true);
  if (t.numel() > 0) std::memcpy(b->data, t.block().data, t.size_bytes());
  return Tensor::adopt(b, fresh_ids(1));
}

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string first_difference(const std::vector<std::pair<std::string, Tensor>>& a,
                             const std::vector<std::pair<std::string, Tensor>>& b) {
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    if (!same_bits(a[i].second, b[i].second)) return a[i].first;
  return a.size() == b.size() ? "" : "the number of tensors";
}

}  // namespace detail
}  // namespace duet
