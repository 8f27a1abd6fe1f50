#include "golden/neural_cases.h"

namespace duet::golden {
namespace {

TEST(GoldenNeural, AgreesWithPyTorch) {
  check_family("neural", neural_cases(),
               {"batch_statistics", "unfold", "attention", "avg_pool2d", "batch_norm", "binary_cross_entropy", "conv2d",
                "group_norm", "huber", "max_pool2d", "rms_norm"});
}

}  // namespace
}  // namespace duet::golden
