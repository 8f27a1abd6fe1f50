// Samples of scans and sorts.
#include "ops/samples/define.h"
#include "ops/scan_cases.h"
#include "ops/sort_cases.h"

namespace duet::testing {

template const std::vector<Sampled>& samples_of<ScanOps>();
template const std::vector<Sampled>& samples_of<SortOps>();

}  // namespace duet::testing
