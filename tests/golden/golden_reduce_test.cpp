#include "golden/reduce_cases.h"

namespace duet::golden {
namespace {

TEST(GoldenReduce, AgreesWithPyTorch) { check_family("reduce", reduce_cases()); }

}  // namespace
}  // namespace duet::golden
