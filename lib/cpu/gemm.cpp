#include "cpu/gemm.h"

#include <algorithm>

namespace duet::cpu {
namespace {

// Below this many multiply-adds for each thread, waking one costs more than it saves (about 8 us of work).
constexpr int64_t kMinWork = int64_t{1} << 19;
constexpr int64_t kRowUnit = 16;  // whole registers and tiles
constexpr int64_t kColUnit = 48;  // whole panels

template <class T>
int64_t split(const GemmOf<T>& whole, int threads, GemmOf<T>* parts) {
  const double work = static_cast<double>(whole.m) * static_cast<double>(whole.n) * static_cast<double>(whole.k);
  int64_t count = std::min<int64_t>(threads, static_cast<int64_t>(work / static_cast<double>(kMinWork)));
  // Rows share B, columns share A. Few rows make poor tiles, so those products are cut by columns.
  const bool by_rows = whole.m >= 32 || whole.m >= whole.n;
  const int64_t extent = by_rows ? whole.m : whole.n;
  const int64_t unit = by_rows ? kRowUnit : kColUnit;
  const int64_t units = (extent + unit - 1) / unit;
  count = std::max<int64_t>(1, std::min(count, units));
  for (int64_t p = 0; p < count; ++p) {
    const int64_t begin = std::min(extent, units * p / count * unit);
    const int64_t end = std::min(extent, units * (p + 1) / count * unit);
    GemmOf<T>& part = parts[p] = whole;
    if (by_rows) {
      part.m = end - begin;
      part.a += begin * whole.a_row;
      part.c += begin * whole.c_row;
      part.first_row += begin;
    } else {
      part.n = end - begin;
      part.b += begin * whole.b_col;
      part.c += begin;
      part.first_col += begin;
    }
  }
  return count;
}

}  // namespace

int64_t gemm_split(const Gemm& whole, int threads, Gemm* parts) { return split(whole, threads, parts); }
int64_t gemm_split(const GemmF64& whole, int threads, GemmF64* parts) { return split(whole, threads, parts); }

}  // namespace duet::cpu
