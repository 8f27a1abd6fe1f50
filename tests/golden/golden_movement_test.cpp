// Operations that move or look at elements without computing, casts, and new tensors.
#include "golden/cases.h"

namespace duet::golden {

Cases movement_cases() {
  Cases cases;
  cases("reshape", {"merge"}, [](const Tensors& x) { return reshape(x[0], {6, 4}); });
  cases("reshape", {"inferred"}, [](const Tensors& x) { return reshape(x[0], {4, -1}); });
  cases("reshape", {"transposed"}, [](const Tensors& x) { return reshape(transpose(x[0]), {2, 6}); });
  cases("transpose", {"matrix", "i32"}, [](const Tensors& x) { return transpose(x[0]); });
  cases("transpose", {"cycle"}, [](const Tensors& x) { return transpose(x[0], {2, 0, 1}); });
  cases(
      "broadcast_to", {"row"},
      [](const Tensors& x) {
        return broadcast_to(x[0], {3, 4});
      },
      kSums);
  cases(
      "broadcast_to", {"middle"},
      [](const Tensors& x) {
        return broadcast_to(x[0], {2, 3, 4});
      },
      kSums);
  cases(
      "broadcast_to", {"scalar"},
      [](const Tensors& x) {
        return broadcast_to(x[0], {2, 3});
      },
      kSums);
  cases("slice", {"step"}, [](const Tensors& x) { return slice_axis(x[0], 1, 1, 6, 2); });
  cases("slice", {"negative"}, [](const Tensors& x) { return slice_axis(x[0], 0, -3, -1); });
  cases("slice", {"empty"}, [](const Tensors& x) { return slice_axis(x[0], 1, 3, 3); });
  cases("slice", {"row"}, [](const Tensors& x) { return x[0][-1]; });
  cases("unslice", {"step"}, [](const Tensors& x) {
    return Tensor(call_op<Unslice>(std::array<int64_t, 4>{1, 1, 7, 2}, x[0]));
  });
  cases("concat", {"rows", "bool"}, [](const Tensors& x) { return concat(x); });
  cases("concat", {"columns"}, [](const Tensors& x) { return concat(x, 1); });
  cases(
      "concat", {"same"},
      [](const Tensors& x) {
        return concat({x[0], x[0]}, -1);
      },
      kSums);
  cases("contiguous", {"transposed"}, [](const Tensors& x) { return contiguous(transpose(x[0])); });
  cases("stop_gradient", {"product"}, [](const Tensors& x) { return x[0] * stop_gradient(x[0]); });
  cases(
      "sum_to", {"row"}, [](const Tensors& x) { return sum_to(x[0], {4}); }, kSums);
  cases(
      "sum_to", {"column"},
      [](const Tensors& x) {
        return sum_to(x[0], {3, 1});
      },
      kSums);
  cases("stack", {"first", "scalars"}, [](const Tensors& x) { return stack(x); });
  cases("stack", {"last"}, [](const Tensors& x) { return stack(x, -1); });
  cases("pad", {"both"}, [](const Tensors& x) { return pad(x[0], {{1, 0}, {2, 1}}); });
  cases("pad", {"value"}, [](const Tensors& x) { return pad(x[0], {{0, 0}, {0, 2}}, 1.5); });
  cases("pad", {"i32"}, [](const Tensors& x) { return pad(x[0], {{1, 1}}, -7); });
  cases("squeeze", {"axis"}, [](const Tensors& x) { return squeeze(x[0], 1); });
  cases("squeeze", {"all"}, [](const Tensors& x) { return squeeze(x[0]); });
  cases("unsqueeze", {"first"}, [](const Tensors& x) { return unsqueeze(x[0], 0); });
  cases("unsqueeze", {"last"}, [](const Tensors& x) { return unsqueeze(x[0], -1); });
  cases("tril", {"square"}, [](const Tensors& x) { return tril(x[0]); });
  cases("tril", {"above"}, [](const Tensors& x) { return tril(x[0], 1); });
  cases("tril", {"below"}, [](const Tensors& x) { return tril(x[0], -2); });
  cases("triu", {"square", "i64"}, [](const Tensors& x) { return triu(x[0]); });
  cases("triu", {"above"}, [](const Tensors& x) { return triu(x[0], 2); });
  cases("triu", {"below"}, [](const Tensors& x) { return triu(x[0], -1); });
  cases(
      "windows", {"plain"}, [](const Tensors& x) { return windows(x[0], 2, 2); }, kSums);
  cases(
      "windows", {"strided"}, [](const Tensors& x) { return windows(x[0], 3, 2, 2, 1); }, kSums);
  cases(
      "windows", {"dilated"}, [](const Tensors& x) { return windows(x[0], 2, 2, 1, 2, 2, 1); }, kSums);
  cases("flip", {"rows"}, [](const Tensors& x) { return flip(x[0], 0); });
  cases("flip", {"last"}, [](const Tensors& x) { return flip(x[0], -1); });
  cases("roll", {"right"}, [](const Tensors& x) { return roll(x[0], 2, 1); });
  cases("roll", {"left"}, [](const Tensors& x) { return roll(x[0], -1, 0); });
  cases("roll", {"around"}, [](const Tensors& x) { return roll(x[0], 12, -1); });
  cases(
      "repeat", {"both"},
      [](const Tensors& x) {
        return repeat(x[0], {2, 3});
      },
      kSums);
  cases(
      "repeat", {"more_axes"},
      [](const Tensors& x) {
        return repeat(x[0], {2, 1, 2});
      },
      kSums);
  cases("repeat", {"i32"}, [](const Tensors& x) { return repeat(x[0], {3}); });
  cases("update", {"columns"}, [](const Tensors& x) { return update(x[0], 1, 2, x[1]); });
  cases("update", {"row"}, [](const Tensors& x) { return update(x[0], 0, 1, x[1]); });

  auto cast_to = [](DType dtype) { return [dtype](const Tensors& x) { return cast(x[0], dtype); }; };
  cases("cast", {"f64", "from_bool", "from_i64"}, cast_to(f64));
  cases("cast", {"to_i32", "i64_to_i32"}, cast_to(i32));
  cases("cast", {"to_i64"}, cast_to(i64));
  cases("cast", {"to_u8", "i32_to_u8"}, cast_to(u8));
  cases("cast", {"to_bool"}, cast_to(boolean));

  cases("full", {"number"}, [](const Tensors&) { return full({2, 3}, 2.5); });
  cases("full", {"i32"}, [](const Tensors&) { return full({3}, -7, i32); });
  cases("zeros", {"bool"}, [](const Tensors&) { return zeros({2, 2}, boolean); });
  cases("ones", {"i64"}, [](const Tensors&) { return ones({2, 0, 3}, i64); });
  cases("arange", {"count"}, [](const Tensors&) { return arange(7); });
  cases("arange", {"step"}, [](const Tensors&) { return arange(-1, 2, 0.25); });
  cases("arange", {"down"}, [](const Tensors&) { return arange(9, -2, -3, i32); });
  cases("eye", {"f32"}, [](const Tensors&) { return eye(4); });
  return cases;
}

namespace {

TEST(GoldenMovement, AgreesWithPyTorch) { check_family("movement", movement_cases()); }

}  // namespace
}  // namespace duet::golden
