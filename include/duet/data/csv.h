// Tables of numbers from CSV files (RFC 4180).
#pragma once

#include <string>
#include <vector>

#include "duet/data/batches.h"

namespace duet::data {

struct CsvOptions {
  bool header = true;                     // the first line names the columns; without it they are "0", "1", …
  char delimiter = ',';                   // no quote, line end, letter, or character of a number
  std::vector<std::string> columns = {};  // those of x, in this order; empty: all but the label, as in the file
  std::string label = {};                 // the column of y, if any
};

/// Rows of numbers and, if a label column was named, their labels.
struct Table {
  Tensor x;                          // f32[N,C]
  Tensor y;                          // i32[N], undefined without a label column
  std::vector<std::string> columns;  // the C names
  std::vector<std::string> classes;  // class names in alphabetical order when labels are text, else empty
};

/// Reads a CSV file. Cells may be quoted, lines end in LF or CRLF, the last one may do without; spaces around unquoted
/// cells do not count. Numbers are decimal with a point, whatever the locale, rounded to f32; nan, inf and infinity in
/// any case are numbers, an empty cell is none. Labels that are all 32-bit integers are kept, any others become class
/// numbers. Numbers too small for f32 become 0, too large ones are errors. ParseError, with file:line:column (of bytes,
/// from 1), for the first bad cell, for rows of different length and a file without rows; Error for a bad delimiter,
/// OutOfMemory for a file that does not fit into memory.
Table load_csv(const std::string& path, const CsvOptions& options = {},
               std::source_location line = std::source_location::current());

}  // namespace duet::data
