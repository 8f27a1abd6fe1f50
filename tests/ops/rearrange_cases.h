// Samples of movements made of others, and of flip.
#pragma once

#include "ops/movement_cases.h"

namespace duet::testing {

// The composites of ops/rearrange.h and index.h: as a list, so that the harness is the same.
struct RearrangeComposites : OpList<struct Roll, struct Repeat, struct Stack, struct Squeeze> {};
struct Roll {
  static constexpr std::string_view name = "roll";
};
struct Repeat {
  static constexpr std::string_view name = "repeat";
};
struct Stack {
  static constexpr std::string_view name = "stack";
};
struct Squeeze {
  static constexpr std::string_view name = "squeeze";
};

template <>
struct Generator<Flip> {
  static std::vector<Sample> samples() {
    return movement_samples("flip", 1, kAllDTypes, [](Sample& s, const Shape& shape, DType, int choice) {
      const int axis = choice % shape.rank();
      s.f = [=](const Tensors& x, float) { return flip(x[0], axis - (choice % 2) * shape.rank()); };
      s.reference = picking(shape, [axis](const Values& x, const Shape& in, At at) {
        auto& i = at[static_cast<size_t>(axis)];
        i = in[axis] - 1 - i;
        return element(x, in, at);
      });
    });
  }
};

inline std::vector<Sample> roll_samples() {
  return movement_samples("roll", 1, kAllDTypes, [](Sample& s, const Shape& shape, DType, int choice) {
    const int axis = choice % shape.rank();
    static constexpr int64_t shifts[] = {1, -2, 0, 100};
    const int64_t shift = shifts[choice];
    s.f = [=](const Tensors& x, float) { return roll(x[0], shift, axis); };
    s.reference = picking(shape, [=](const Values& x, const Shape& in, At at) {
      auto& i = at[static_cast<size_t>(axis)];
      i = ((i - shift) % in[axis] + in[axis]) % in[axis];
      return element(x, in, at);
    });
  });
}

inline std::vector<Sample> repeat_samples() {
  return movement_samples("repeat", 0, kAllDTypes, [](Sample& s, const Shape& shape, DType, int choice) {
    // Fewer counts than axes, as many, more, and none of some.
    const Shape counts = choice == 0                        ? Shape{2}
                         : choice == 3                      ? Shape{0, 2}
                         : choice == 1 || shape.rank() == 5 ? Shape{3, 1, 2}
                                                            : Shape{2, 1, 1, 3, 2};
    const int rank = std::max(shape.rank(), counts.rank());
    Shape out;
    for (int a = 0; a < rank; ++a) {
      const int e = a - (rank - shape.rank()), c = a - (rank - counts.rank());
      out.push_back((e >= 0 ? shape[e] : 1) * (c >= 0 ? counts[c] : 1));
    }
    s.f = [=](const Tensors& x, float) { return repeat(x[0], counts); };
    s.reference = picking(out, [=](const Values& x, const Shape& in, const At& at) {
      At from{};
      for (int e = 0; e < in.rank(); ++e)
        from[static_cast<size_t>(e)] = at[static_cast<size_t>(e + rank - in.rank())] % in[e];
      return element(x, in, from);
    });
  });
}

inline std::vector<Sample> stack_samples() {
  return movement_samples("stack", 0, kAllDTypes, [](Sample& s, const Shape& shape, DType dtype, int choice) {
    Rng rng(6);
    for (int k = 0; k < choice; ++k)
      s.inputs.push_back(laid_out(shape, dtype, static_cast<Layout>(k), drawing(rng, Draw::plain, dtype)));
    const int axis = choice % (shape.rank() + 1);
    Shape out;
    for (int a = 0; a <= shape.rank(); ++a) out.push_back(a == axis ? choice + 1 : shape[a < axis ? a : a - 1]);
    s.f = [=](const Tensors& x, float) { return stack(x, choice % 2 ? axis - shape.rank() - 1 : axis); };
    s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& in, double) {
      Expected e;
      for_each_index(out, [&](const At& at) {
        At from{};
        for (int a = 0; a < shape.rank(); ++a)
          from[static_cast<size_t>(a)] = at[static_cast<size_t>(a < axis ? a : a + 1)];
        const auto k = static_cast<size_t>(at[static_cast<size_t>(axis)]);
        e.y.push_back(element(x[k], in[k], from));
      });
      return e;
    };
  });
}

/// squeeze and unsqueeze: the elements stay, the shape is what `f` says.
inline std::vector<Sample> squeeze_samples() {
  return movement_samples("squeeze", 0, kAllDTypes, [](Sample& s, const Shape& shape, DType, int choice) {
    const int axis = shape.rank() == 0 ? 0 : choice % shape.rank();
    s.f = [=](const Tensors& x, float) {
      Tensor y = unsqueeze(x[0], choice == 3 ? -1 : axis);
      if (y.rank() != shape.rank() + 1 || y.shape(choice == 3 ? -1 : axis) != 1) throw Error("unsqueeze: wrong shape");
      if (choice == 0) return y;
      y = choice == 2 ? squeeze(y) : squeeze(y, choice == 3 ? -1 : axis);
      if (choice != 2 && y.shape() != shape) throw Error("squeeze: wrong shape");
      for (int64_t d : y.shape())
        if (choice == 2 && d == 1) throw Error("squeeze: an axis of extent 1 is left");
      return y;
    };
    s.reference = [](const std::vector<Values>& x, const std::vector<Shape>&, double) { return Expected{x[0], {}}; };
  });
}

template <>
struct Generator<Roll> {
  static std::vector<Sample> samples() { return roll_samples(); }
};
template <>
struct Generator<Repeat> {
  static std::vector<Sample> samples() { return repeat_samples(); }
};
template <>
struct Generator<Stack> {
  static std::vector<Sample> samples() { return stack_samples(); }
};
template <>
struct Generator<Squeeze> {
  static std::vector<Sample> samples() { return squeeze_samples(); }
};

}  // namespace duet::testing
