// Variance, deviation and logsumexp, each with a list entry of its own and a reference in f64.
#pragma once

#include "ops/reduce_cases.h"

namespace duet::testing {

struct Statistics : OpList<struct Var, struct Stddev, struct LogSumExp> {};
struct Var {
  static constexpr std::string_view name = "var";
};
struct Stddev {
  static constexpr std::string_view name = "stddev";
};
struct LogSumExp {
  static constexpr std::string_view name = "logsumexp";
};

/// What is left of special draws: numbers whose squares and sums neither overflow nor underflow in any order.
inline Tensor tame(const Tensor& x) {
  return is_float(x.dtype()) ? where(abs(x) > 1e15, 1.0f, where(abs(x) < 1e-15, 0.0f, x)) : x;
}
inline double tamed(double x) { return std::abs(x) > 1e15 ? 1 : std::abs(x) < 1e-15 ? 0 : x; }

inline double average(const Values& x) {
  long double sum = 0;
  for (double v : x) sum += v;
  return static_cast<double>(sum / static_cast<long double>(x.size()));
}

/// Variance, or its root: by two passes in f64. The mean's own rounding is squared into it.
inline std::vector<Sample> moment_samples(const char* name, bool root) {
  return reduction_samples(name, false, true, {f32, f64, i32, u8, boolean},
                           [=](Sample& s, unsigned axes, int rank, bool keepdims, int draw) {
                             const int64_t ddof = draw == 2 ? 1 : 0;
                             s.f = [=](const Tensors& x, float) {
                               const ReduceOver over{as_axes(axes, rank, keepdims), keepdims};
                               return root ? stddev(tame(x[0]), over, ddof) : var(tame(x[0]), over, ddof);
                             };
                             s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& shapes, double) {
                               Expected e;
                               for (Values g : groups_of(x[0], shapes[0], axes)) {
                                 for (double& v : g) v = tamed(v);
                                 const double mean = average(g), n = static_cast<double>(g.size());
                                 const double divisor = std::max(0.0, n - static_cast<double>(ddof));
                                 long double sum = 0;
                                 double size = 0;
                                 for (double v : g) sum += (v - mean) * (v - mean), size += v * v;
                                 const auto squares = static_cast<double>(sum);
                                 const double y = squares / divisor, error = (2 * kSumRoundings * squares + 16 * size) /
                                                                             std::max(divisor, 1.0);
                                 e.y.push_back(root ? std::sqrt(y) : y);
                                 e.scale.push_back(!root   ? error
                                                   : y > 0 ? error / std::sqrt(y) + 2 * std::sqrt(y)
                                                           : 16 * std::sqrt(size / std::max(divisor, 1.0)));
                               }
                               return e;
                             };
                             // Groups of one have no deviation, and its root no derivative.
                             int64_t n = 1;
                             for (int a = 0; a < rank; ++a)
                               if ((axes >> a) & 1u) n *= s.inputs[0].shape(a);
                             s.smooth = s.smooth && n > 1;
                           });
}

template <>
struct Generator<Var> {
  static std::vector<Sample> samples() { return moment_samples("var", false); }
};

template <>
struct Generator<Stddev> {
  static std::vector<Sample> samples() { return moment_samples("stddev", true); }
};

template <>
struct Generator<LogSumExp> {
  static std::vector<Sample> samples() {
    return reduction_samples(
        "logsumexp", false, true, {f32, f64}, [](Sample& s, unsigned axes, int rank, bool keepdims, int) {
          s.f = [=](const Tensors& x, float) { return logsumexp(x[0], {as_axes(axes, rank, keepdims), keepdims}); };
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& shapes, double) {
            Expected e;
            for (const Values& g : groups_of(x[0], shapes[0], axes)) {
              double top = -INFINITY, sum = 0;
              for (double v : g) top = std::max(top, v);
              const double shift = std::isfinite(top) ? top : 0;
              for (double v : g) sum += std::exp(v - shift);
              e.y.push_back(std::log(sum) + shift);
              e.scale.push_back(2 * kSumRoundings + 2 * std::abs(shift) + std::abs(e.y.back()));
            }
            return e;
          };
        });
  }
};

}  // namespace duet::testing
