#include "cpu/gemm.h"

#include <algorithm>

namespace duet::cpu {
namespace {

constexpr int64_t kRowUnit = 16;  // whole registers and tiles

template <class T>
int64_t split(const GemmOf<T>& whole, int threads, GemmOf<T>* parts) {
  int64_t count = std::min<int64_t>(threads, static_cast<int64_t>(gemm_work(whole.m, whole.n, whole.k) / kGemmMinWork));
  // Rows share B, columns share A. Few rows make poor tiles, so those products are cut by columns.
  const bool by_rows = whole.m >= 32 || whole.m >= whole.n;
  const int64_t extent = by_rows ? whole.m : whole.n;
  int64_t unit = by_rows ? kRowUnit : whole.m <= 8 ? 48 : 32;  // whole panels
  if (!by_rows && whole.packed != nullptr) unit = std::max(whole.panel, unit / whole.panel * whole.panel);
  const int64_t units = (extent + unit - 1) / unit;
  count = std::max<int64_t>(1, std::min(count, units));
  for (int64_t p = 0; p < count; ++p) {
    const int64_t begin = std::min(extent, units * p / count * unit);
    const int64_t end = std::min(extent, units * (p + 1) / count * unit);
    GemmOf<T>& part = parts[p] = whole;
    if (by_rows) {
      part.m = end - begin;
      part.a += begin * whole.a_row;
      if (whole.c != nullptr) part.c += begin * whole.c_row;
      part.first_row += begin;
    } else {
      part.n = end - begin;
      part.b += begin * whole.b_col;
      if (whole.packed != nullptr) part.packed += begin * whole.k;
      if (whole.c != nullptr) part.c += begin;
      part.first_col += begin;
    }
  }
  return count;
}

}  // namespace

double gemm_work(int64_t m, int64_t n, int64_t k) {
  const double rows = static_cast<double>(m), cols = static_cast<double>(n), depth = static_cast<double>(k);
  // An element that is read or written once takes the time of about four multiply-adds.
  return rows * cols * depth + 4 * (rows * depth + depth * cols + rows * cols);
}

int64_t gemm_split(const Gemm& whole, int threads, Gemm* parts) { return split(whole, threads, parts); }
int64_t gemm_split(const GemmF64& whole, int threads, GemmF64* parts) { return split(whole, threads, parts); }

}  // namespace duet::cpu
