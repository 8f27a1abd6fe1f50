#include "golden/layers_cases.h"

namespace duet::golden {
namespace {

TEST(GoldenLayers, AgreesWithPyTorch) { check_family("layers", layers_cases()); }

}  // namespace
}  // namespace duet::golden
