// Samples of ops that make tensors: numbers, ranges, and random streams against a Philox written out here.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "duet/random.h"
#include "ops/cases.h"

namespace duet::testing {

template <>
struct Generator<Full> {
  static std::vector<Sample> samples() {
    std::vector<Sample> all;
    for (DType t : {f32, f64, i32, i64, u8, boolean, f16, bf16})
      for (const Shape& shape : {Shape{}, Shape{0}, Shape{1}, Shape{17}, Shape{3, 65}, Shape{2, 1, 2, 3, 2}}) {
        Sample s;
        s.what = fmt::format("full {}{}", t, shape);
        s.number = is_float(t);
        s.f = [=](const Tensors&, float n) { return is_float(t) ? full(shape, n, t) : full(shape, 1, t); };
        s.reference = [=](const std::vector<Values>&, const std::vector<Shape>&, double n) {
          return Expected{Values(static_cast<size_t>(shape.numel()), is_float(t) ? n : 1), {}};
        };
        all.push_back(std::move(s));
      }
    return all;
  }
};

template <>
struct Generator<Arange> {
  static std::vector<Sample> samples() {
    std::vector<Sample> all;
    for (DType t : {f32, f64, i32, i64, u8})
      for (int64_t n : {0, 1, 2, 3, 17, 64, 65, 200})
        for (bool stepped : {false, true}) {
          Sample s;
          s.what = fmt::format("arange {} {} {}", t, n, stepped);
          const double start = !stepped ? 0 : is_float(t) ? -1.5 : 3, step = !stepped ? 1 : is_float(t) ? 0.1 : 2;
          const int64_t count = stepped && n > 100 ? 100 : n;
          s.f = [=](const Tensors&, float) {
            return stepped ? arange(start, start + (static_cast<double>(count) - 0.5) * step, step, t)
                           : arange(count, t);
          };
          s.reference = [=](const std::vector<Values>&, const std::vector<Shape>&, double) {
            Expected e;
            const double by = t == f32 ? static_cast<double>(static_cast<float>(step)) : step;
            for (int64_t i = 0; i < count; ++i) e.y.push_back(start + static_cast<double>(i) * by);
            return e;
          };
          s.ulps = is_float(t) ? 0.5 : 0;
          all.push_back(std::move(s));
        }
    return all;
  }
};

/// Philox 4x32-10 (Salmon et al. 2011), from the paper.
inline std::array<uint32_t, 4> philox(std::array<uint32_t, 4> c, uint32_t k0, uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p = uint64_t{0xD2511F53} * c[0], q = uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<uint32_t>(q >> 32) ^ c[1] ^ k0, static_cast<uint32_t>(q),
         static_cast<uint32_t>(p >> 32) ^ c[3] ^ k1, static_cast<uint32_t>(p)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return c;
}

/// Words of a key's stream: block `counter` of purpose `stream`.
inline std::array<uint32_t, 4> key_block(const Values& key, uint64_t counter, uint32_t stream) {
  auto word = [&](size_t i) { return static_cast<uint32_t>(static_cast<int64_t>(key[i])); };
  return philox({static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), stream, 0}, word(0), word(1));
}

template <class Make>
std::vector<Sample> random_samples(const char* name, const std::vector<Shape>& shapes, Make make) {
  std::vector<Sample> all;
  for (uint64_t seed : {0ull, 1ull, 0xdeadbeef12345678ull, 0xffffffffffffffffull})
    for (const Shape& shape : shapes)
      for (bool strided : {false, true}) {
        Sample s;
        s.what = fmt::format("{} {} seed {} {}", name, shape, seed, strided);
        Tensor key = Key(seed).data();
        // A key may be a column of a larger tensor.
        s.inputs = {strided ? concat({reshape(key, {2, 1}), reshape(key, {2, 1})}, 1).slice(1, 1, 2).reshape({2})
                            : key};
        s.isa = seed % 2 ? "v3" : "v4";
        s.threads = strided ? 2 : 1;
        make(s, shape);
        all.push_back(std::move(s));
      }
  return all;
}

inline const std::vector<Shape> kRandomShapes = {
    {}, {0}, {1}, {2}, {3}, {17}, {64}, {65}, {3, 17}, {2, 1, 2, 3, 2}, {129, 130}};

template <>
struct Generator<Uniform> {
  static std::vector<Sample> samples() {
    return random_samples("uniform", kRandomShapes, [](Sample& s, const Shape& shape) {
      s.fuses = true;
      s.f = [=](const Tensors& x, float) { return uniform(Key(x[0]), shape) * 1.0f; };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
        Expected e;
        for (int64_t i = 0; i < shape.numel(); ++i)
          e.y.push_back(std::ldexp(
              static_cast<double>(key_block(x[0], static_cast<uint64_t>(i / 4), 0)[static_cast<size_t>(i % 4)] >> 8),
              -24));
        return e;
      };
    });
  }
};

template <>
struct Generator<Normal> {
  static std::vector<Sample> samples() {
    return random_samples("normal", kRandomShapes, [](Sample& s, const Shape& shape) {
      s.f = [=](const Tensors& x, float) { return normal(Key(x[0]), shape); };
      s.absolute = 2e-6;
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
        Expected e;
        for (int64_t i = 0; i < shape.numel(); ++i) {
          const auto w = key_block(x[0], static_cast<uint64_t>(i / 4), 0);
          const size_t pair = static_cast<size_t>(i % 4) / 2 * 2;
          const double u = std::ldexp(static_cast<double>(w[pair] >> 8) + 1, -24),
                       v = std::ldexp(static_cast<double>(w[pair + 1] >> 8), -24);
          const double radius = std::sqrt(-2 * std::log(u)), angle = 6.283185307179586 * v;
          e.y.push_back(radius * (i % 2 ? std::sin(angle) : std::cos(angle)));
        }
        return e;
      };
    });
  }
};

template <>
struct Generator<Permutation> {
  static std::vector<Sample> samples() {
    return random_samples("permutation", {{0}, {1}, {2}, {3}, {17}, {65}, {1000}}, [](Sample& s, const Shape& shape) {
      const int64_t n = shape[0];
      s.f = [=](const Tensors& x, float) { return permutation(Key(x[0]), n); };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
        std::vector<std::pair<uint64_t, int64_t>> order;
        for (int64_t i = 0; i < n; ++i) {
          const auto w = key_block(x[0], static_cast<uint64_t>(i / 2), 3);
          const auto first = static_cast<size_t>(i % 2) * 2;
          order.emplace_back(uint64_t{w[first]} << 32 | w[first + 1], i);
        }
        std::sort(order.begin(), order.end());
        Expected e;
        for (const auto& [weight, i] : order) e.y.push_back(static_cast<double>(i));
        return e;
      };
    });
  }
};

template <>
struct Generator<Split> {
  static std::vector<Sample> samples() {
    return random_samples("split", {{0}, {1}, {2}, {17}}, [](Sample& s, const Shape& shape) {
      const int64_t n = shape[0];
      s.f = [=](const Tensors& x, float) {
        Tensors rows{zeros({0, 2}, i32)};
        for (const Key& k : split(Key(x[0]), n)) rows.push_back(reshape(k.data(), {1, 2}));
        return concat(rows);
      };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
        Expected e;
        for (int64_t i = 0; i < n; ++i)
          for (size_t k : {0u, 1u})
            e.y.push_back(static_cast<int32_t>(key_block(x[0], static_cast<uint64_t>(i), 1)[k]));
        return e;
      };
    });
  }
};

template <>
struct Generator<FoldIn> {
  static std::vector<Sample> samples() {
    return random_samples("fold_in", {{0}, {1}, {7}, {1000000007}}, [](Sample& s, const Shape& shape) {
      const int64_t n = shape[0];
      s.f = [=](const Tensors& x, float) {
        return n == 7 ? fold_in(Key(x[0]), full({}, 7, i32)).data() : fold_in(Key(x[0]), n).data();
      };
      s.reference = [=](const std::vector<Values>& x, const std::vector<Shape>&, double) {
        Expected e;
        for (size_t k : {0u, 1u}) e.y.push_back(static_cast<int32_t>(key_block(x[0], static_cast<uint64_t>(n), 2)[k]));
        return e;
      };
    });
  }
};

}  // namespace duet::testing
