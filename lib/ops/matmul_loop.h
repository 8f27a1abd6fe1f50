// A batched matmul as calls of the matrix kernel.
#pragma once

#include "cpu/kernels.h"
#include "cpu/threads.h"
#include "duet/ops/record.h"

namespace duet::cpu {

/// What is to be done with each finished block of the product, while it is hot, of matrix `batch`.
struct Epilogue {
  void (*fn)(void* ctx, int64_t batch, const GemmBlock& block) = nullptr;
  void* ctx = nullptr;
};

inline constexpr int kMaxParts = 64;

/// The first matrices of a product: sizes and strides, and where B begins.
template <class T>
GemmOf<T> matrices(const Strided& a, const Strided& b, const Shape& space) {
  GemmOf<T> g;
  g.m = space[space.rank() - 2];
  g.n = space[space.rank() - 1];
  const int ra = a.shape->rank(), rb = b.shape->rank();
  g.k = (*a.shape)[ra - 1];
  g.a_row = a.strides[ra - 2], g.a_col = a.strides[ra - 1];
  g.b_row = b.strides[rb - 2], g.b_col = b.strides[rb - 1];
  g.b = static_cast<const T*>(b.data);
  g.c_row = g.n;
  return g;
}

/// Without data of y only the epilogue sees the product: see GemmOf::c. `packed`: one matrix B, packed before.
template <class T>
void run_matmul(const Strided& a, const Strided& b, const Strided& y, Epilogue epilogue = {}, const T* packed = nullptr,
                int64_t panel = 0) {
  const Shape& space = *y.shape;
  const int rank = space.rank();
  GemmOf<T> g = matrices<T>(a, b, space);
  g.packed = packed, g.panel = panel;
  int64_t batches = 1;
  for (int i = 0; i < rank - 2; ++i) batches *= space[i];
  auto offset = [&](const Strided& x, int64_t batch) {
    int64_t at = 0;
    const int r = x.shape->rank();
    for (int i = rank - 3, ax = r - 3; i >= 0; --i, --ax) {
      int64_t index = batch % space[i];
      batch /= space[i];
      if (ax >= 0 && (*x.shape)[ax] != 1) at += index * x.strides[ax];
    }
    return at;
  };
  struct Hook {
    Epilogue e;
    int64_t batch;
    static void call(void* ctx, const GemmBlock& block) {
      auto* h = static_cast<Hook*>(ctx);
      h->e.fn(h->e.ctx, h->batch, block);
    }
  };
  auto run_one = [&](GemmOf<T> part, int64_t batch) {
    Hook hook{epilogue, batch};
    if (epilogue.fn != nullptr) part.epilogue = Hook::call, part.ctx = &hook;
    if constexpr (std::is_same_v<T, float>)
      kernels().gemm(part);
    else
      kernels().gemm_f64(part);
  };
  auto at = [&](int64_t batch) {
    GemmOf<T> one = g;
    one.a = static_cast<const T*>(a.data) + offset(a, batch);
    one.b = static_cast<const T*>(b.data) + offset(b, batch);
    if (y.data != nullptr) one.c = static_cast<T*>(y.data) + batch * g.m * g.n;
    return one;
  };
  const double work = gemm_work(g.m, g.n, g.k) * static_cast<double>(batches);
  const bool heavy = threads() > 1 && work >= 2 * kGemmMinWork;
  if (heavy && batches >= threads()) return parallel_for(batches, [&](int64_t batch) { run_one(at(batch), batch); });
  for (int64_t batch = 0; batch < batches; ++batch) {
    if (!heavy) {
      run_one(at(batch), batch);
      continue;
    }
    GemmOf<T> parts[kMaxParts];
    int64_t n = gemm_split(at(batch), std::min(threads(), kMaxParts), parts);
    if (n == 1)
      run_one(at(batch), batch);
    else
      parallel_for(n, [&](int64_t p) { run_one(parts[p], batch); });
  }
}

}  // namespace duet::cpu
