#include "golden/index_cases.h"

namespace duet::golden {
namespace {

TEST(GoldenIndex, AgreesWithPyTorch) { check_family("index", index_cases()); }

}  // namespace
}  // namespace duet::golden
