// Operations with indices in their data.
#include "golden/cases.h"

namespace duet::golden {

Cases index_cases() {
  Cases cases;
  auto gather_along = [](int axis) { return [axis](const Tensors& x) { return gather(x[0], x[1], axis); }; };
  cases("gather", {"rows", "scalar", "u8"}, gather_along(0));
  cases("gather", {"columns"}, gather_along(1), kSums);
  cases("gather", {"matrix"}, gather_along(-1), kSums);
  auto add_along = [](int axis) { return [axis](const Tensors& x) { return scatter_add(x[0], x[1], x[2], axis); }; };
  cases("scatter_add", {"rows", "matrix"}, add_along(0), kSums);
  cases("scatter_add", {"columns"}, add_along(1), kSums);
  cases("one_hot", {"vector"}, [](const Tensors& x) { return one_hot(x[0], 5); });
  cases("one_hot", {"matrix"}, [](const Tensors& x) { return one_hot(x[0], 3); });
  cases("take", {"flat", "repeated"}, call(take), kSums);
  for (const auto& [how, axis] : {std::pair("first", 0), std::pair("last", -1), std::pair("longer", 1)}) {
    cases(
        "take_along_axis", {how}, [a = axis](const Tensors& x) { return take_along_axis(x[0], x[1], a); }, kSums);
    cases(
        "scatter_add_along_axis", {how},
        [a = axis](const Tensors& x) { return scatter_add_along_axis(x[0], x[1], x[2], a); }, kSums);
  }
  cases("embedding", {"vector", "batch"}, call(embedding), kSums);
  return cases;
}

namespace {

TEST(GoldenIndex, AgreesWithPyTorch) { check_family("index", index_cases()); }

}  // namespace
}  // namespace duet::golden
