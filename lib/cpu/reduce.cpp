#include "cpu/reduce.h"

namespace duet::cpu {

int64_t column_part_rows(int64_t n, int parts) {
  // A power of two of chunks is a subtree of the order, so parts can be joined without changing it.
  int64_t rows = kColumnChunk;
  while (rows * parts < n) rows *= 2;
  return rows < n ? rows : n;
}

}  // namespace duet::cpu
