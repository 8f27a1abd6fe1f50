// Every operation of the lists on 16-bit floats: the same bits in every mode, gradients included, and for those of one
// step the bits of the operation in f32 between casts.
#include <gtest/gtest.h>

#include "ops/checks.h"
#include "ops/half_samples.h"

namespace duet::testing {
namespace {

template <class Family>
void check_family() {
  for (const Sample& s : half_samples<Family>()) {
    try {
      for (auto [name, check] : {std::pair("modes", &check_modes), std::pair("kernels", &check_launches)})
        if (std::string wrong = check(s); !wrong.empty()) ADD_FAILURE() << s.what << ": " << name << ": " << wrong;
    } catch (const std::exception& e) {
      ADD_FAILURE() << s.what << ": threw " << e.what();
    }
  }
  use_machine("v4", 0);
}

TEST(HalfOpsTest, EveryList) {
  for_each_family([]<class Family>(const char*) { check_family<Family>(); });
}

TEST(HalfOpsTest, PointwiseOpsAreThoseInF32) {
  for (const Sample& s : half_samples<PointwiseOps>()) {
    Tensors exact;
    DType half = f32;
    for (const Tensor& t : s.inputs) {
      exact.push_back(is_half(t.dtype()) ? t.to(f32) : t);
      if (is_half(t.dtype())) half = t.dtype();
    }
    const Tensor y = s.f(exact, kNumber), h = s.f(s.inputs, kNumber);
    EXPECT_EQ(difference(y.dtype() == f32 ? y.to(half) : y, h), "") << s.what;
  }
}

}  // namespace
}  // namespace duet::testing
