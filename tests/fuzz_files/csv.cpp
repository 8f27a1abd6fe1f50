#include "target.h"

using namespace duet;
using namespace duet::fuzz_files;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  // The first byte chooses how the rest is read.
  const File file(bytes + 1, size - 1);
  data::CsvOptions options;
  options.header = (*bytes & 1) != 0;
  if ((*bytes & 2) != 0) options.delimiter = ';';
  if ((*bytes & 4) != 0) options.label = options.header ? "y" : "0";
  const Budget budget(size, 4);
  const auto read = read_or_refuse([&] { return data::load_csv(file.path(), options); });
  budget.check();
  if (!read) return 0;
  require(read->x.rank() == 2 && read->x.shape(1) == static_cast<int64_t>(read->columns.size()), "x is no table");
  require(same(data::load_csv(file.path(), options).x, read->x), "read twice, it is another table");
  return 0;
}
