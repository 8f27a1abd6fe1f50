#include "golden/index_cases.h"

namespace duet::golden {
namespace {

TEST(GoldenIndex, AgreesWithPyTorch) {
  check_family("index", index_cases(), {"embedding", "scatter_add_along_axis", "take", "take_along_axis"});
}

}  // namespace
}  // namespace duet::golden
