#pragma once

// Matrix multiplication on the CPU, in the one order of the bit contract:
//
//   k is cut in blocks of 256. Inside a block, C[i,j] is a chain of fma over ascending k that starts from +0. The
//   results of the blocks are added in ascending order; the first is stored, not added to 0. No k at all gives +0.
//
// The order is a function of k alone, so bits depend neither on tiles, packing, strides and SIMD width nor on how a
// product is split over threads, and a row computed alone equals the same row computed in a batch.

#include <cstdint>

namespace duet::cpu {

inline constexpr int64_t kGemmBlock = 256;

/// A finished block of C, while it is hot: rows x cols elements from C[i,j] on.
struct GemmBlock {
  int64_t i, j, rows, cols;
  const void* c;  // C[i,j]
  int64_t c_row;
};

/// C[m,n] = A[m,k] · B[k,n]. Any strides are legal for A and B, 0 too, so a view is never copied first. C must not
/// overlap A or B, and its columns are contiguous.
template <class T>
struct GemmOf {
  int64_t m = 0, n = 0, k = 0;
  const T* a = nullptr;  // A[i,k] = a[i*a_row + k*a_col]
  int64_t a_row = 0, a_col = 0;
  const T* b = nullptr;  // B[k,j] = b[k*b_row + j*b_col]
  int64_t b_row = 0, b_col = 0;
  const T* packed = nullptr;  // B from gemm_pack(), read in place of b, in panels of so many columns
  int64_t panel = 0;
  T* c = nullptr;  // C[i,j] = c[i*c_row + j]; null: only the epilogue sees C, block by block
  int64_t c_row = 0;
  // Called once on each finished block of C, which is as wide as C or, where B is packed or C passes by, up to about
  // 768 columns. It must not multiply matrices itself: the packed B of this product is still needed.
  void (*epilogue)(void* ctx, const GemmBlock& block) = nullptr;
  void* ctx = nullptr;
  // What the epilogue is told C[0,0] is, so that the parts of a split product keep the coordinates of the whole.
  int64_t first_row = 0, first_col = 0;
};

using Gemm = GemmOf<float>;
using GemmF64 = GemmOf<double>;

/// The time of a product in multiply-adds, memory counted in.
double gemm_work(int64_t m, int64_t n, int64_t k);

/// Whether reading a pack of B that was made before saves more than a twentieth of the time. Measured: small B stay in
/// the nearest cache, many rows pay for packing it anew each time, and one row alone reads B once and in order, unless
/// threads share its columns.
constexpr bool should_pack_once(int64_t m, int64_t n, int64_t k, bool shared) {
  return m >= (shared ? 1 : 2) && m <= 256 && n >= 16 && n * k >= 65536;
}

/// Elements of a pack of B: columns are filled up to whole registers.
constexpr int64_t gemm_pack_elements(int64_t n, int64_t k) { return (n + 15) / 16 * 16 * k; }

/// Whether C should be null where it may be. All of k then goes through blocks of B, which must stay in the nearer
/// caches: at k = 1024 that costs 10 % of the time, up to 512 the stores it saves gain 5 to 15 %.
constexpr bool should_pass_by(int64_t m, int64_t n, int64_t k) { return m > 64 && n >= 64 && k > 0 && k <= 512; }

/// Below this much work for each thread, waking one costs more than it saves (about 5 us).
inline constexpr double kGemmMinWork = 1 << 19;

/// Cuts a product into at most `threads` independent ones of about equal work, returns how many. Small products stay
/// one.
int64_t gemm_split(const Gemm& whole, int threads, Gemm* parts);
int64_t gemm_split(const GemmF64& whole, int threads, GemmF64* parts);

namespace base {
void gemm(const Gemm& g);
void gemm_f64(const GemmF64& g);
int64_t gemm_pack(const Gemm& g, float* to);
}  // namespace base
namespace v3 {
void gemm(const Gemm& g);
void gemm_f64(const GemmF64& g);
int64_t gemm_pack(const Gemm& g, float* to);
}  // namespace v3
namespace v4 {
void gemm(const Gemm& g);
void gemm_f64(const GemmF64& g);
int64_t gemm_pack(const Gemm& g, float* to);
}  // namespace v4

}  // namespace duet::cpu
