// Normalisations, losses, dropout and attention, each with a list entry of its own and a reference in f64.
#pragma once

#include <fmt/format.h>

#include "ops/composite_cases.h"

namespace duet::testing {

struct NeuralOps : OpList<struct RmsNorm, struct GroupNorm, struct BatchNorm, struct BatchMean, struct BatchVariance,
                          struct MeanBinaryCrossEntropy, struct HuberLoss, struct Dropout, struct Attention> {};
struct RmsNorm {
  static constexpr std::string_view name = "rms_norm";
};
struct GroupNorm {
  static constexpr std::string_view name = "group_norm";
};
struct BatchNorm {
  static constexpr std::string_view name = "batch_norm";
};
struct BatchMean {
  static constexpr std::string_view name = "batch_statistics.mean";
};
struct BatchVariance {
  static constexpr std::string_view name = "batch_statistics.variance";
};
struct MeanBinaryCrossEntropy {
  static constexpr std::string_view name = "binary_cross_entropy";
};
struct HuberLoss {
  static constexpr std::string_view name = "huber";
};
struct Dropout {
  static constexpr std::string_view name = "dropout";
};
struct Attention {
  static constexpr std::string_view name = "attention";
};

/// f64[N,C,…] for any shape: a channel axis is added where there is none.
inline Shape channelled(const Shape& shape) { return shape.rank() >= 2 ? shape : Shape{3, shape[0]}; }

/// (x − mean) · by · gamma + beta for each element, the first two by `group(index)`. The error of a mean is stretched
/// by `by`, and by its cube where it bends the variance.
template <class Group>
Expected normalised(const Values& x, const Shape& shape, const Values& gamma, const Values& beta, double eps,
                    int groups, Group group) {
  std::vector<double> n(static_cast<size_t>(groups)), mean = n, variance = n, size = n;
  for_each_index(shape, [&, i = size_t{0}](const auto& at) mutable {
    const size_t g = group(at);
    n[g] += 1, mean[g] += x[i], size[g] += std::abs(x[i]), ++i;
  });
  for (size_t g = 0; g < n.size(); ++g) mean[g] /= n[g], size[g] /= n[g];
  for_each_index(shape, [&, i = size_t{0}](const auto& at) mutable {
    const size_t g = group(at);
    variance[g] += (x[i] - mean[g]) * (x[i] - mean[g]) / n[g], ++i;
  });
  Expected e;
  for_each_index(shape, [&, i = size_t{0}](const auto& at) mutable {
    const size_t g = group(at), c = static_cast<size_t>(at[1]);
    const double by = 1 / std::sqrt(variance[g] + eps);
    e.y.push_back((x[i++] - mean[g]) * by * gamma[c] + beta[c]);
    e.scale.push_back(kSumRoundings *
                      (std::abs(e.y.back()) + std::abs(beta[c]) + std::abs(gamma[c]) * by * (1 + size[g]) * (1 + by)));
  });
  return e;
}

template <>
struct Generator<RmsNorm> {
  static std::vector<Sample> samples() {
    return composite_samples("rms_norm", [](Sample& s, const Shape& shape, DType dtype, Layout, int choice, Rng& rng) {
      const int64_t n = shape[shape.rank() - 1];
      s.inputs.push_back(laid_out({n}, dtype, static_cast<Layout>(choice), drawing(rng, Draw::plain, dtype)));
      s.smooth = shape.numel() > 0;
      const double eps = choice == 0 ? 1e-6 : 0.01;
      s.f = [=](const Tensors& x, float) { return choice == 0 ? rms_norm(x[0], x[1]) : rms_norm(x[0], x[1], 0.01); };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
        Expected e;
        for (size_t r = 0; r < x[0].size(); r += static_cast<size_t>(n)) {
          double squares = 0;
          for (size_t i = 0; i < static_cast<size_t>(n); ++i) squares += x[0][r + i] * x[0][r + i];
          for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
            e.y.push_back(x[0][r + i] / std::sqrt(squares / static_cast<double>(n) + eps) * x[1][i]);
            e.scale.push_back(kSumRoundings * std::abs(e.y.back()));
          }
        }
        return e;
      };
    });
  }
};

template <>
struct Generator<GroupNorm> {
  static std::vector<Sample> samples() {
    return composite_samples(
        "group_norm", [](Sample& s, const Shape& given, DType dtype, Layout layout, int choice, Rng& rng) {
          const Shape shape = channelled(given);
          const int64_t c = shape[1], groups = choice == 0 ? 1 : choice == 1 ? c : c % 2 == 0 ? 2 : 1;
          s.inputs = {laid_out(shape, dtype, layout, drawing(rng, Draw::plain, dtype))};
          for (int i = 0; i < 2; ++i)
            s.inputs.push_back(laid_out({c}, dtype, static_cast<Layout>(choice), drawing(rng, Draw::plain, dtype)));
          s.smooth = layout != Layout::broadcast && shape.numel() > 0;
          const double eps = choice == 0 ? 1e-5 : 0.01;
          s.f = [=](const Tensors& x, float) {
            return choice == 0 ? group_norm(x[0], groups, x[1], x[2]) : group_norm(x[0], groups, x[1], x[2], 0.01);
          };
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& sh, double) {
            return normalised(x[0], sh[0], x[1], x[2], eps, static_cast<int>(shape[0] * groups), [=](const auto& at) {
              return static_cast<size_t>(at[0] * groups + at[1] / (c / groups));
            });
          };
        });
  }
};

template <>
struct Generator<BatchNorm> {
  static std::vector<Sample> samples() {
    return composite_samples(
        "batch_norm", [](Sample& s, const Shape& given, DType dtype, Layout layout, int choice, Rng& rng) {
          const Shape shape = channelled(given);
          const int64_t c = shape[1];
          const bool training = choice == 2;
          s.inputs = {laid_out(shape, dtype, layout, drawing(rng, Draw::plain, dtype))};
          for (int i = 0; i < (training ? 2 : 4); ++i)
            s.inputs.push_back(laid_out({c}, dtype, static_cast<Layout>(choice),
                                        drawing(rng, Draw::plain, dtype, i == 3 ? 0.5 : -3, 3)));
          s.smooth = shape.numel() > 0 && !(training && layout == Layout::broadcast);
          if (training && shape.numel() == 0)
            s.inputs[0] = laid_out({2, c}, dtype, layout, drawing(rng, Draw::plain, dtype));
          s.f = [=](const Tensors& x, float) {
            if (!training) return batch_norm(x[0], x[1], x[2], x[3], x[4], 0.01);
            const BatchStatistics of = batch_statistics(x[0]);
            return batch_norm(x[0], x[1], x[2], of.mean, of.variance, 0.01);
          };
          s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& sh, double) {
            if (training)
              return normalised(x[0], sh[0], x[1], x[2], 0.01, static_cast<int>(c),
                                [](const auto& at) { return static_cast<size_t>(at[1]); });
            Expected e;
            for_each_index(sh[0], [&, i = size_t{0}](const auto& at) mutable {
              const auto k = static_cast<size_t>(at[1]);
              const double by = x[1][k] / std::sqrt(x[4][k] + 0.01);
              e.y.push_back((x[0][i] - x[3][k]) * by + x[2][k]);
              e.scale.push_back(8 * (std::abs(by) * (std::abs(x[0][i]) + std::abs(x[3][k])) + std::abs(x[2][k])));
              ++i;
            });
            return e;
          };
        });
  }
};

inline std::vector<Sample> statistics_samples(std::string_view name, bool variance) {
  return composite_samples(name, [=](Sample& s, const Shape& given, DType dtype, Layout layout, int, Rng& rng) {
    const Shape shape = channelled(given);
    s.inputs = {laid_out(shape, dtype, layout, drawing(rng, Draw::plain, dtype))};
    s.smooth = shape.numel() > 0;
    s.fuses = false;
    s.f = [=](const Tensors& x, float) {
      const BatchStatistics of = batch_statistics(x[0]);
      return variance ? of.variance : of.mean;
    };
    s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>& sh, double) {
      Expected e;
      unsigned others = 0;
      for (int a = 0; a < sh[0].rank(); ++a) others |= a != 1 ? 1u << a : 0;
      for (const Values& g : groups_of(x[0], sh[0], others)) {
        const auto n = static_cast<double>(g.size());
        double mean = 0, squares = 0;
        for (double v : g) mean += v / n;
        for (double v : g) squares += (v - mean) * (v - mean) / n;
        e.y.push_back(g.empty() ? NAN : variance ? squares : mean);
        const double size = magnitude(g) / n;
        e.scale.push_back(kSumRoundings * (variance ? squares + size * size : size));
      }
      return e;
    };
  });
}
template <>
struct Generator<BatchMean> {
  static std::vector<Sample> samples() { return statistics_samples("batch_statistics.mean", false); }
};
template <>
struct Generator<BatchVariance> {
  static std::vector<Sample> samples() { return statistics_samples("batch_statistics.variance", true); }
};

/// A loss of two operands: the second of the first's shape, of one element, or a number.
template <class Call>
std::vector<Sample> loss_samples(std::string_view name, double low, double high, Call call,
                                 std::function<double(double, double)> one) {
  return composite_samples(name, [=](Sample& s, const Shape& shape, DType dtype, Layout, int choice, Rng& rng) {
    s.number = choice == 0;
    if (!s.number)
      s.inputs.push_back(
          laid_out(choice == 1 ? shape : Shape{1}, dtype, Layout::row, drawing(rng, Draw::plain, dtype, low, high)));
    s.smooth = shape.numel() > 0;
    s.f = [=](const Tensors& x, float n) { return choice == 0 ? call(x[0], n) : call(x[0], x[1]); };
    s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double n) {
      double sum = 0, size = 0;
      for (size_t i = 0; i < x[0].size(); ++i) {
        const double b = choice == 0 ? n : choice == 1 ? x[1][i] : x[1][0], y = one(x[0][i], b);
        sum += y, size += std::abs(y) + std::abs(x[0][i]) * (1 + std::abs(b));
      }
      const auto count = static_cast<double>(x[0].size());
      return Expected{{sum / count}, {kSumRoundings * size / count}};
    };
  });
}
template <>
struct Generator<MeanBinaryCrossEntropy> {
  static std::vector<Sample> samples() {
    return loss_samples(
        "binary_cross_entropy", 0, 1, [](const Tensor& x, const Operand& t) { return binary_cross_entropy(x, t); },
        [](double x, double t) {
          return -t * std::log(1 / (1 + std::exp(-x))) - (1 - t) * std::log(1 / (1 + std::exp(x)));
        });
  }
};
template <>
struct Generator<HuberLoss> {
  static std::vector<Sample> samples() {
    return loss_samples(
        "huber", -3, 3, [](const Tensor& a, const Operand& b) { return huber(a, b, 1.5); },
        [](double a, double b) {
          const double d = std::abs(a - b);
          return d <= 1.5 ? d * d / 2 : 1.5 * (d - 0.75);
        });
  }
};

template <>
struct Generator<Dropout> {
  static std::vector<Sample> samples() {
    return composite_samples("dropout", [](Sample& s, const Shape& shape, DType, Layout, int choice, Rng&) {
      const double p = choice * 0.3;
      const Key key(static_cast<uint64_t>(choice));
      s.inputs.push_back(key.data());
      s.smooth = true;
      s.ulps = 1;
      s.f = [=](const Tensors& x, float) { return dropout(x[0], p, Key(x[1])); };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
        const Values u = values_of(uniform(key, shape));
        Expected e;
        for (size_t i = 0; i < u.size(); ++i)
          e.y.push_back(u[i] < static_cast<double>(static_cast<float>(1 - p)) ? x[0][i] / (1 - p) : 0);
        return e;
      };
    });
  }
};

/// What sees what in a sample.
enum class Mask { none, causal, boolean, additive, row, both };

/// Attention by its definition, a query at a time.
inline Expected attention_reference(const std::vector<Values>& x, const std::vector<Shape>& sh, Mask mask,
                                    double scale) {
  const Shape &qs = sh[0], &ks = sh[1], &vs = sh[2];
  const int r = qs.rank();
  const int64_t width = qs[r - 1], keys = ks[ks.rank() - 2], values = vs[vs.rank() - 1];
  Shape space = qs;
  space[r - 1] = 1;
  Expected e;
  for_each_index(space, [&](auto at) {
    Values score(static_cast<size_t>(keys));
    double top = -INFINITY, total = 0;
    for (int64_t j = 0; j < keys; ++j) {
      double dot = 0;
      for (int64_t d = 0; d < width; ++d) {
        auto q = at, k = at;
        q[static_cast<size_t>(r - 1)] = k[static_cast<size_t>(r - 1)] = d;
        k[static_cast<size_t>(r - 2)] = j;
        dot += x[0][static_cast<size_t>(position(qs, q, r))] * x[1][static_cast<size_t>(position(ks, k, r))];
      }
      dot *= scale;
      auto m = at;
      m[static_cast<size_t>(r - 1)] = j;
      const double given = sh.size() > 3 ? x[3][static_cast<size_t>(position(sh[3], m, r))] : 0;
      const bool sees = (mask != Mask::causal && mask != Mask::both) || j <= at[static_cast<size_t>(r - 2)];
      if (mask == Mask::additive || mask == Mask::row) dot += given;
      if (!sees || ((mask == Mask::boolean || mask == Mask::both) && given == 0)) dot = -INFINITY;
      score[static_cast<size_t>(j)] = dot;
      top = std::max(top, dot);
    }
    for (double& s : score) total += s = s == -INFINITY ? 0 : std::exp(s - top);
    for (int64_t d = 0; d < values; ++d) {
      double y = 0, size = 0;
      for (int64_t j = 0; j < keys; ++j) {
        auto v = at;
        v[static_cast<size_t>(r - 2)] = j, v[static_cast<size_t>(r - 1)] = d;
        const double term = score[static_cast<size_t>(j)] * x[2][static_cast<size_t>(position(vs, v, r))];
        y += term, size += std::abs(term);
      }
      e.y.push_back(total == 0 ? 0 : y / total);
      // The scores' rounding errors, of up to `width` times 9, go into the exponents.
      e.scale.push_back(total == 0 ? 0 : size / total * kSumRoundings * (1 + scale * static_cast<double>(width)));
    }
  });
  return e;
}

template <>
struct Generator<Attention> {
  static std::vector<Sample> samples() {
    Rng rng(23);
    std::vector<Sample> all;
    const std::vector<std::array<int64_t, 4>> sizes = {{1, 1, 1, 1}, {2, 3, 4, 4},   {5, 5, 8, 3}, {3, 0, 2, 2},
                                                       {0, 3, 2, 2}, {17, 33, 5, 6}, {4, 65, 1, 1}};  // T, S, D, E
    const std::vector<Shape> leads = {{}, {2}, {2, 3}, {0}};
    for (const auto& row :
         pairwise({static_cast<int>(sizes.size()), static_cast<int>(leads.size()), 2, 6, 4, 5, 2}, rng)) {
      const auto [t, n, d, w] = sizes[static_cast<size_t>(row[0])];
      const Shape& lead = leads[static_cast<size_t>(row[1])];
      const DType dtype = row[2] ? f64 : f32;
      const auto mask = static_cast<Mask>(row[3]);
      auto with = [&](std::initializer_list<int64_t> last, bool drop_lead = false) {
        Shape s = drop_lead ? Shape() : lead;
        for (int64_t v : last) s.push_back(v);
        return s;
      };
      Sample s;
      s.what = fmt::format("attention {} T{} S{} D{} E{} lead {} mask {} {} scale {}", dtype, t, n, d, w, lead, row[3],
                           kLayoutNames[row[5]], row[6]);
      s.isa = row[4] % 2 ? "v3" : "v4";
      s.threads = 1 + row[4] / 2;
      const auto layout = static_cast<Layout>(row[5]);
      auto numbers = drawing(rng, Draw::plain, dtype, -2, 2);
      s.inputs = {laid_out(with({t, d}), dtype, layout, numbers), laid_out(with({n, d}), dtype, layout, numbers),
                  laid_out(with({n, w}, row[6] != 0), dtype, Layout::dense, numbers)};
      if (mask == Mask::boolean || mask == Mask::both)
        s.inputs.push_back(laid_out({t, n}, boolean, Layout::dense, [&] { return below(rng, 3) > 0; }));
      if (mask == Mask::additive) s.inputs.push_back(laid_out(with({t, n}), dtype, Layout::dense, numbers));
      if (mask == Mask::row)  // the first query sees nothing
        s.inputs.push_back(where(reshape(arange(t, dtype), {t, 1}) > 0, zeros({t, n}, dtype), -INFINITY));
      s.smooth = dtype == f64 && mask != Mask::row;
      s.fuses = true;
      AttentionOptions options{.causal = mask == Mask::causal || mask == Mask::both};
      if (row[6]) options.scale = 0.3;
      s.f = [=](const Tensors& x, float) {
        AttentionOptions o = options;
        if (x.size() > 3) o.mask = x[3];
        return attention(x[0], x[1], x[2], o);
      };
      s.reference = [=, d = d](const std::vector<Values>& x, const std::vector<Shape>& shapes, double) {
        return attention_reference(x, shapes, mask, row[6] ? 0.3 : 1 / std::sqrt(static_cast<double>(d)));
      };
      all.push_back(std::move(s));
    }
    return all;
  }
};

}  // namespace duet::testing
