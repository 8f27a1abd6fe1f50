#include "golden/reduce_cases.h"

namespace duet::golden {
namespace {

TEST(GoldenReduce, AgreesWithPyTorch) {
  check_family("reduce", reduce_cases(),
               {"argmin", "argsort", "cumsum", "logsumexp", "min", "prod", "reduce_all", "reduce_any", "sort", "stddev",
                "topk", "var"});
}

}  // namespace
}  // namespace duet::golden
