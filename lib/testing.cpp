#include "duet/testing.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "duet/formula.h"
#include "duet/graph/compile.h"
#include "duet/graph/freeze.h"

namespace duet::testing {
namespace {

using Tensors = std::vector<Tensor>;

class OpCheck {
 public:
  OpCheck(const OpRecord& op, const CheckOptions& options) : op_(op), options_(options) {}

  void run() {
    check_values();
    if (op_.vjp != nullptr && !op_.bool_out) check_gradients();
    check_modes();
    check_fusion();
  }

 private:
  bool is_mask(int i) const { return (op_.bool_in >> i) & 1u; }
  std::string name() const { return std::string(op_.name); }

  // A short generator of its own (splitmix64): the same operands everywhere.
  double draw() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return options_.low + (options_.high - options_.low) * static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }
  Tensor drawn(const Shape& shape, DType dtype) {
    std::vector<double> v(static_cast<size_t>(shape.numel()));
    for (double& x : v) x = draw();
    const double middle = (options_.low + options_.high) / 2;
    Tensor t = from_vector(v, shape);
    return dtype == DType::boolean ? t > middle : t.to(dtype);
  }
  // The last operand may have a shape of its own, to be repeated.
  Tensors operands(const Shape& shape, const Shape& last, DType dtype) {
    Tensors x;
    for (int i = 0; i < op_.inputs; ++i)
      x.push_back(drawn(i > 0 && i == op_.inputs - 1 ? last : shape, is_mask(i) ? DType::boolean : dtype));
    return x;
  }

  Tensor call(const Tensors& x, int output = 0) const {
    OperandList list;
    for (const Tensor& t : x) list.add(t);
    return dispatch(op_, list.inputs())[output];
  }
  static Tensors with(Tensors x, int i, const Tensor& v) {
    x[static_cast<size_t>(i)] = v;
    return x;
  }
  static double at(const Tensor& t, int64_t i) {
    return reshape(t, {t.numel()}).slice(0, i, i + 1).to(f64).item<double>();
  }

  void check_values() {
    // The f64 operands are those of f32, so that only the formulas differ.
    Tensors x = operands({257}, {257}, f32), wide;
    for (const Tensor& t : x) wide.push_back(t.dtype() == f32 ? t.to(f64) : t);
    for (int k = 0; k < op_.outputs; ++k) {
      Tensor y = call(x, k), z = call(wide, k);
      for (int64_t i = 0; i < y.numel(); ++i) {
        const double a = at(y, i), b = at(z, i);
        if (a != b && !(a != a && b != b) && !(std::abs(a - b) <= options_.tolerance * std::max(1.0, std::abs(b))))
          fail<Error>("check_op {}: f32 gives {} and f64 gives {} for operand {}; is a literal written without T(…)?",
                      name(), a, b, at(x[is_mask(0) && x.size() > 1 ? 1 : 0], i));
      }
    }
  }

  // g against differences of f, element by element: a pointwise op moves each element alone.
  template <class F>
  void compare_slopes(const char* what, int wrt, const Tensors& x, const Tensor& g, F f) const {
    const double h = 1e-5;
    const Tensor& v = x[static_cast<size_t>(wrt)];
    const Tensor d = (f(with(x, wrt, v + h)) - f(with(x, wrt, v - h))) / (2 * h);
    for (int64_t i = 0; i < v.numel(); ++i) {
      const double a = at(g, i), b = at(d, i);
      if (!(std::abs(a - b) <= options_.gradient_tolerance * (1 + std::abs(a)) * 10))
        fail<Error>("check_op {}: the {} of operand {} is {} where differences give {}, at {}; check vjp", name(), what,
                    wrt + 1, a, b, at(v, i));
    }
  }

  void check_gradients() {
    const Tensors x = operands({65}, {65}, f64);
    for (int k = 0; k < op_.outputs; ++k)
      for (int i = 0; i < op_.inputs; ++i) {
        if (is_mask(i)) continue;
        auto slope = [&, i, k](const Tensors& at) {
          return grad([&](const Tensor& v) { return sum(call(with(at, i, v), k)); })(at[static_cast<size_t>(i)]);
        };
        compare_slopes("gradient", i, x, slope(x), [&](const Tensors& at) { return call(at, k); });
        for (int j = 0; j < op_.inputs; ++j) {
          if (is_mask(j)) continue;
          Tensor second = grad([&](const Tensor& v) { return sum(slope(with(x, j, v))); })(x[static_cast<size_t>(j)]);
          compare_slopes("second gradient", j, x, second, slope);
        }
      }
  }

  // The op between two neighbours, and its gradients.
  Tensors program(const Tensors& x, bool gradients) const {
    Tensors results;
    for (int k = 0; k < op_.outputs; ++k) {
      Tensor y = call(x, k);
      results.push_back(y.dtype() == DType::boolean ? where(y, 2, 3) : y * y);
      results.push_back(y);
    }
    for (int i = 0; gradients && i < op_.inputs; ++i)
      if (!is_mask(i))
        results.push_back(
            grad([&](const Tensor& v) { return sum(square(call(with(x, i, v)))); })(x[static_cast<size_t>(i)]));
    return results;
  }

  static bool same_bits(const Tensor& a, const Tensor& b) {
    if (a.spec() != b.spec()) return false;
    const Tensor x = contiguous(a), y = contiguous(b);
    const size_t size = size_bytes(a.dtype());
    for (int64_t i = 0; i < a.numel(); ++i) {
      const char* p = static_cast<const char*>(x.block().data) + static_cast<size_t>(i) * size;
      const char* q = static_cast<const char*>(y.block().data) + static_cast<size_t>(i) * size;
      const bool both_nan = a.dtype() == f32 &&
                            *reinterpret_cast<const float*>(p) != *reinterpret_cast<const float*>(p) &&
                            *reinterpret_cast<const float*>(q) != *reinterpret_cast<const float*>(q);
      if (!both_nan && std::memcmp(p, q, size) != 0) return false;
    }
    return true;
  }

  void check_modes() {
    const bool gradients = op_.vjp != nullptr && !op_.bool_out;
    constexpr float inf = std::numeric_limits<float>::infinity();
    const Tensor special =
        from_vector<float>({0.0f, -0.0f, inf, -inf, inf - inf, 1e-45f, 3.4e38f, -3.4e38f, 88.4f, -104.0f}, {10});
    Tensors views = operands({5, 17}, {17}, f32);
    for (Tensor& t : views)
      if (t.rank() == 2) t = contiguous(transpose(t)).transpose();
    Tensors specials = operands({10}, {10}, f32);
    for (int i = 0; i < op_.inputs; ++i)
      if (!is_mask(i))
        specials[static_cast<size_t>(i)] =
            i % 2 == 0 ? special : contiguous(special.reshape({2, 5}).transpose()).reshape({10});
    auto f = [&](const Tensors& x) { return program(x, gradients); };
    auto compiled = compile(f);
    auto frozen = freeze(f, {OnNewShape::retrace});
    auto unfused = compile(f, {{"fuse"}});
    for (const auto& [what, x] : {std::pair<const char*, Tensors>("dense operands", operands({3, 257}, {3, 257}, f32)),
                                  {"views and a repeated operand", views},
                                  {"special values", specials},
                                  {"no elements", operands({0}, {0}, f32)}}) {
      const Tensors wanted = f(x);
      auto compare = [&, what = what](const char* mode, const Tensors& y) {
        for (size_t i = 0; i < y.size(); ++i)
          if (!same_bits(wanted[i], y[i]))
            fail<Error>("check_op {}: {} and eager differ in a bit for {}; please report it", name(), mode, what);
      };
      compare("compiled", compiled(x));
      compare("compiled without fuse", unfused(x));
      compare("frozen", frozen(x));
    }
  }

  void check_fusion() {
    const Tensors x = operands({64}, {64}, f32);
    auto f = [&](const Tensors& in) { return program(in, false); };
    auto compiled = compile(f);
    auto kernels = [&](const auto& g) {
      const uint64_t before = thread_state.launches;
      g(x);
      return thread_state.launches - before;
    };
    const uint64_t eager = kernels(f), fused = kernels(compiled);
    if (fused >= eager)
      fail<Error>("check_op {}: it does not fuse: {} kernels compiled, {} eagerly; please report it", name(), fused,
                  eager);
  }

  const OpRecord& op_;
  const CheckOptions& options_;
  uint64_t state_ = 1;
};

}  // namespace

void check_op(const OpRecord& op, const CheckOptions& options, std::source_location line) {
  LineScope scope(line);
  OpCheck(op, options).run();
}

}  // namespace duet::testing
