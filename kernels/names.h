// The names of kernels. A kernel is a template over small integers in duet::kernel that takes one struct of it, so that
// its symbol follows from its name, its arguments and the name of the struct.
#pragma once

#include <cstring>

namespace duet::kernel {

struct Kernel {
  int image;  // which source of kernels/, in the order of lib/cuda/images.cpp
  const char *name, *call;
};

struct Name {
  char text[128];
};

/// "_ZN4duet6kernel4copyILi4EEEvNS0_8CopyCallE"
inline Name name_of(const Kernel& kernel, const int* arguments, int count) {
  Name n;
  char* to = n.text;
  auto text = [&](const char* s) {
    while (*s != 0) *to++ = *s++;
  };
  auto number = [&](int v) {
    char digits[12];
    int k = 0;
    do digits[k++] = static_cast<char>('0' + v % 10), v /= 10;
    while (v != 0);
    while (k > 0) *to++ = digits[--k];
  };
  text("_ZN4duet6kernel");
  number(static_cast<int>(std::strlen(kernel.name)));
  text(kernel.name);
  text("I");
  for (int i = 0; i < count; ++i) {
    text("Li");
    number(arguments[i]);
    text("E");
  }
  text("EEvNS0_");
  number(static_cast<int>(std::strlen(kernel.call)));
  text(kernel.call);
  text("E");
  *to = 0;
  return n;
}

inline constexpr Kernel kPointwise{0, "pointwise", "PointwiseCall"};
inline constexpr Kernel kPointwiseVjp{1, "pointwise_vjp", "PointwiseCall"};
inline constexpr Kernel kCopy{2, "copy", "CopyCall"};
inline constexpr Kernel kCast{2, "cast", "CastCall"};
inline constexpr Kernel kArange{2, "arange", "ArangeCall"};
inline constexpr Kernel kTriangle{2, "triangle", "TriangleCall"};
inline constexpr Kernel kCheckIndex{3, "check_index", "CheckCall"};
inline constexpr Kernel kPick{3, "pick", "IndexCall"};
inline constexpr Kernel kScatterAdd{3, "scatter_add", "IndexCall"};
inline constexpr Kernel kOneHot{3, "one_hot", "IndexCall"};
inline constexpr Kernel kReduceRows{4, "reduce_rows", "RowCall"};
inline constexpr Kernel kReduceColumns{4, "reduce_columns", "ColumnCall"};
inline constexpr Kernel kJoinColumns{4, "join_columns", "ColumnCall"};
inline constexpr Kernel kReduceIntegers{4, "reduce_integers", "RowCall"};
inline constexpr Kernel kTruth{4, "truth", "RowCall"};
inline constexpr Kernel kFindPlace{4, "find_place", "RowCall"};
inline constexpr Kernel kMatmul{5, "matmul", "MatmulCall"};
inline constexpr Kernel kScan{6, "scan", "ScanCall"};
inline constexpr Kernel kSortRows{6, "sort_rows", "SortCall"};
inline constexpr Kernel kUnsort{6, "unsort", "PlaceCall"};
inline constexpr Kernel kResort{6, "resort", "PlaceCall"};
inline constexpr Kernel kRandomFill{7, "random_fill", "RandomCall"};
inline constexpr Kernel kRandomWords{7, "random_words", "RandomCall"};
inline constexpr Kernel kRandomWeights{7, "random_weights", "RandomCall"};
inline constexpr Kernel kUnfold{8, "unfold", "ImageCall"};
inline constexpr Kernel kFold{8, "fold", "ImageCall"};
inline constexpr Kernel kMaxPoolIndex{8, "max_pool_index", "ImageCall"};
inline constexpr Kernel kUnwindows{8, "unwindows", "ImageCall"};

}  // namespace duet::kernel
