// 16-bit floats: casts against their definition, what operations make of them, and what they refuse.
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>

#include "cpu/jit/jit.h"
#include "cpu/kernels.h"
#include "duet/ops/convert.h"
#include "duet/dlpack.h"
#include "duet/io/npy.h"
#include "duet/io/safetensors.h"
#include "files.h"
#include "half_reference.h"
#include "modes.h"
#include "ops/convert.h"

namespace duet::testing {
namespace {

constexpr DType kBoth[] = {f16, bf16};
constexpr int64_t kPatterns = 65536;

uint16_t half_bits(float v, DType t) { return t == f16 ? to_half<Half>(v).bits : to_half<BFloat16>(v).bits; }
float half_number(uint16_t bits, DType t) { return t == f16 ? to_float(Half{bits}) : to_float(BFloat16{bits}); }

// Each 16-bit pattern, as a tensor.
Tensor patterns(DType t) {
  std::vector<Half> all(kPatterns);
  for (size_t i = 0; i < all.size(); ++i) all[i].bits = static_cast<uint16_t>(i);
  if (t == f16) return from_vector(all, {kPatterns});
  std::vector<BFloat16> same;
  for (Half h : all) same.push_back({h.bits});
  return from_vector(same, {kPatterns});
}
std::vector<uint16_t> words(const Tensor& t) {
  std::vector<uint16_t> w;
  if (t.dtype() == f16)
    for (Half h : t.to_vector<Half>()) w.push_back(h.bits);
  else
    for (BFloat16 h : t.to_vector<BFloat16>()) w.push_back(h.bits);
  return w;
}

// Floats at which rounding is decided: every number of the type, the middle to the next one, and the neighbours of
// both.
std::vector<float> deciding(DType t) {
  std::vector<float> all;
  for (uint32_t bits = 0; bits < kPatterns; ++bits) {
    const double a = number_of(static_cast<uint16_t>(bits), t);
    if (!std::isfinite(a)) continue;
    const double b = number_of(static_cast<uint16_t>(bits + 1), t);
    const double next = std::isinf(b) ? std::copysign(std::ldexp(1.0, format_of(t).high + 1), a) : b;
    for (double v : {a, (a + next) / 2}) {
      const float f = static_cast<float>(v);
      for (float w : {f, std::nextafterf(f, INFINITY), std::nextafterf(f, -INFINITY)}) all.push_back(w);
    }
  }
  for (uint32_t nan : {0x7f800001u, 0x7fc00000u, 0xff812345u, 0xffffffffu, 0x7f800000u, 0xff800000u})
    all.push_back(std::bit_cast<float>(nan));
  return all;
}

TEST(HalfTest, EachPatternIsItsNumber) {
  for (DType t : kBoth)
    for (int64_t i = 0; i < kPatterns; ++i) {
      const auto bits = static_cast<uint16_t>(i);
      const double number = number_of(bits, t);
      const float got = half_number(bits, t);
      ASSERT_EQ(std::isnan(got), std::isnan(number)) << name(t) << " " << i;
      ASSERT_EQ(std::signbit(got), std::signbit(number)) << name(t) << " " << i;
      if (!std::isnan(number)) {
        ASSERT_EQ(static_cast<double>(got), number) << name(t) << " " << i;
      }
      // And back: NaN with its bits, made quiet.
      const auto quiet = static_cast<uint16_t>(std::isnan(number) ? 1 << (format_of(t).mantissa - 1) : 0);
      ASSERT_EQ(half_bits(got, t), bits | quiet) << name(t) << " " << i;
    }
}

TEST(HalfTest, FloatsRoundToTheNearestAndTiesToEven) {
  for (DType t : kBoth)
    for (float v : deciding(t)) {
      const uint16_t got = half_bits(v, t);
      if (std::isnan(v)) {
        ASSERT_TRUE(std::isnan(number_of(got, t)));
        ASSERT_EQ(got >> 15, static_cast<int>(std::signbit(v)));
      } else {
        ASSERT_EQ(got, bits_of(rounded_to(static_cast<double>(v), t), t)) << name(t) << " " << v;
      }
    }
}

// All 2^32 floats take minutes: DUET_TEST_SIZE=all does them, see docs/testing.md.
TEST(HalfTest, AllFloatsRoundAsDefined) {
  const char* size = std::getenv("DUET_TEST_SIZE");
  const uint64_t step = size != nullptr && std::string_view(size) == "all" ? 1 : 65521;
  for (DType t : kBoth)
    for (uint64_t i = 0; i < uint64_t{1} << 32; i += step) {
      const float v = std::bit_cast<float>(static_cast<uint32_t>(i));
      const uint16_t got = half_bits(v, t);
      if (std::isnan(v)) {
        ASSERT_TRUE(std::isnan(number_of(got, t)) && (got >> 15 != 0) == std::signbit(v)) << i;
      } else {
        ASSERT_EQ(got, bits_of(rounded_to(static_cast<double>(v), t), t)) << name(t) << " " << i;
      }
    }
}

// Rounding a double to a float and that to 16 bits would be wrong where the float is a tie.
TEST(HalfTest, DoublesAndIntegersRoundOnce) {
  for (DType t : kBoth) {
    std::vector<double> all;
    for (uint32_t bits = 0; bits + 1 < kPatterns; bits += 7) {
      const double a = number_of(static_cast<uint16_t>(bits), t), b = number_of(static_cast<uint16_t>(bits + 1), t);
      if (!std::isfinite(a) || !std::isfinite(b)) continue;
      const double middle = (a + b) / 2;
      for (double v : {a, middle, std::nextafter(middle, INFINITY), std::nextafter(middle, -INFINITY)})
        all.push_back(v);
    }
    for (double v : {1e-320, -1e-320, 1e300, -1e300, 0.0, -0.0, HUGE_VAL, -HUGE_VAL, 65519.99999999999, 3.39e38})
      all.push_back(v);
    const Tensor y = from_vector(all, {static_cast<int64_t>(all.size())}).to(t);
    const std::vector<uint16_t> got = words(y);
    for (size_t i = 0; i < all.size(); ++i)
      ASSERT_EQ(got[i], bits_of(rounded_to(all[i], t), t)) << name(t) << " " << all[i];

    std::vector<int64_t> whole;
    for (int shift = 0; shift < 63; ++shift)
      for (int64_t off : {-1, 0, 1, 3})
        for (int64_t odd : {1, 3, 257, 513, 2049, 16777217})
          if (const auto v = static_cast<int64_t>((static_cast<uint64_t>(odd) << shift) + static_cast<uint64_t>(off));
              true)
            whole.insert(whole.end(), {v, static_cast<int64_t>(0 - static_cast<uint64_t>(v))});
    const std::vector<uint16_t> ints = words(from_vector(whole, {static_cast<int64_t>(whole.size())}).to(t));
    for (size_t i = 0; i < whole.size(); ++i) {  // exactly: with as many digits as an int64_t has
      const auto exact = static_cast<long double>(whole[i]);
      const int unit = std::max(std::ilogb(whole[i] == 0 ? 1.0L : exact), format_of(t).low) - format_of(t).mantissa;
      double y16 = static_cast<double>(std::ldexp(std::nearbyint(std::ldexp(exact, -unit)), unit));
      if (std::abs(y16) >= std::ldexp(1.0, format_of(t).high + 1)) y16 = std::copysign(INFINITY, y16);
      ASSERT_EQ(ints[i], bits_of(y16, t)) << name(t) << " " << whole[i];
    }
  }
}

// The kernels of both instruction sets, in tiles and in machine code: the formula's bits, whatever a row's length.
TEST(HalfTest, KernelsHaveTheFormulasBits) {
  for (DType t : kBoth) {
    const std::vector<float> floats = deciding(t);
    const auto n = static_cast<int64_t>(floats.size());
    const Tensor x = from_vector(floats, {n}), h = patterns(t);
    std::vector<uint16_t> wanted;
    for (float v : floats) wanted.push_back(half_bits(v, t));
    for (const char* isa : {"v3", "v4"}) {
      if (!cpu::set_isa(isa)) continue;
      EXPECT_NE(cpu::kernels().half(f32, t), nullptr) << isa;
      EXPECT_NE(cpu::kernels().half(t, f32), nullptr) << isa;
      EXPECT_EQ(words(x.to(t)), wanted) << isa;
      const std::vector<float> numbers = h.to(f32).to_vector<float>();
      for (int64_t i = 0; i < kPatterns; ++i)
        ASSERT_EQ(std::bit_cast<uint32_t>(numbers[static_cast<size_t>(i)]),
                  std::bit_cast<uint32_t>(half_number(static_cast<uint16_t>(i), t)))
            << isa << " " << i;
      for (bool code : {false, true}) {
        const bool before = cpu::jit::enabled();
        cpu::jit::set_enabled(code);
        auto there = compile([&](const Tensor& v) { return (v * 1.0f).to(t); });
        auto back = compile([&](const Tensor& v) { return v.to(f32) + 0.0f; });
        EXPECT_EQ(expect::bits(there(x)), expect::bits(x.to(t))) << isa << code;
        EXPECT_EQ(expect::bits(back(h)), expect::bits(h.to(f32) + 0.0f)) << isa << code;
        for (int64_t rest = 0; rest < 40; ++rest) {
          EXPECT_EQ(expect::bits(there(x.slice(0, 100, 100 + rest))), expect::bits(x.slice(0, 100, 100 + rest).to(t)));
          EXPECT_EQ(expect::bits(back(h.slice(0, 300, 300 + rest))),
                    expect::bits(h.slice(0, 300, 300 + rest).to(f32) + 0.0f));
        }
        cpu::jit::set_enabled(before);
      }
    }
    cpu::set_isa("v4");
  }
}

// --- what operations do ---

Tensor numbers(const Shape& shape, DType t, int seed = 1) { return expect::numbers(shape, seed).to(t); }

TEST(HalfTest, AnOperationIsTheOneInF32BetweenCasts) {
  for (DType t : kBoth) {
    const Tensor x = numbers({5, 7}, t), y = numbers({7}, t, 2), w = numbers({7, 3}, t, 3);
    const Tensor fx = x.to(f32), fy = y.to(f32), fw = w.to(f32);
    EXPECT_EQ(expect::bits(x * y), expect::bits((fx * fy).to(t)));
    EXPECT_EQ(expect::bits(exp(x) + y), expect::bits((exp(fx).to(t).to(f32) + fy).to(t)));
    EXPECT_EQ(expect::bits(matmul(x, w)), expect::bits(matmul(fx, fw).to(t)));
    EXPECT_EQ(expect::bits(sum(x, 1)), expect::bits(sum(fx, 1).to(t)));
    EXPECT_EQ(expect::bits(x < y), expect::bits(fx < fy));
    EXPECT_EQ(expect::bits(argmax(x, 1)), expect::bits(argmax(fx, 1)));
    EXPECT_EQ(expect::bits(where(x < y, x, 0.1f)), expect::bits(where(fx < fy, fx, 0.1f).to(t)));
    EXPECT_EQ(expect::bits(topk(x, 2).values), expect::bits(topk(fx, 2).values.to(t)));
    EXPECT_EQ(expect::bits(topk(x, 2).indices), expect::bits(topk(fx, 2).indices));
  }
}

// A number is not rounded to 16 bits before it is computed with: the result is.
TEST(HalfTest, NumbersBesideThemCountInF32) {
  for (DType t : kBoth) {
    const Tensor x = numbers({50}, t);
    EXPECT_EQ(expect::bits(x * 0.1f), expect::bits((x.to(f32) * 0.1f).to(t)));
    EXPECT_EQ((x * 0.1f).dtype(), t);
    EXPECT_EQ((2 - x).dtype(), t);
    EXPECT_EQ(pad(x, {{1, 1}}, 0.1f).dtype(), t);
    auto frozen = freeze([](const Tensor& v, float s) { return v * s; });
    for (float s : {0.1f, 0.3f}) EXPECT_EQ(expect::bits(frozen(x, s)), expect::bits(x * s));
  }
}

TEST(HalfTest, EagerPointwiseOperationsAreOneKernel) {
  const Tensor x = numbers({30}, bf16), y = numbers({30}, bf16, 2);
  const uint64_t launches = thread_state.launches, bytes = thread_state.bytes;
  const Tensor z = x * y;
  EXPECT_EQ(thread_state.launches - launches, 1u);
  EXPECT_EQ(thread_state.bytes - bytes, 180u);
  // A temporary's storage becomes the result's.
  Tensor t = x + y;
  const void* storage = t.block().data;
  t = exp(std::move(t));
  EXPECT_EQ(t.block().data, storage);
  EXPECT_EQ(expect::bits(t), expect::bits(exp(x + y)));
}

TEST(HalfTest, MovementTakesTheBits) {
  for (DType t : kBoth) {
    const Tensor all = patterns(t);  // with every NaN
    const uint64_t before = thread_state.launches;
    const Tensor turned = all.reshape({256, 256}).transpose().contiguous();
    EXPECT_EQ(thread_state.launches - before, 1u);
    EXPECT_EQ(words(turned.transpose()), words(all));
    EXPECT_EQ(words(concat({all.slice(0, 0, 100), all.slice(0, 100, kPatterns)})), words(all));
    EXPECT_EQ(words(gather(all, arange(kPatterns, i32))), words(all));
    EXPECT_EQ(turned.size_bytes(), 131072u);
  }
}

TEST(HalfTest, TheyAreMadePrintedAndRead) {
  EXPECT_EQ(to_string(full({2}, 0.1f, bf16)), "[0.1001 0.1001] bf16[2]");
  EXPECT_EQ(to_string(tensor({1.0, 1e-8, 70000.0}).to(f16)), "[ 1.  0. inf] f16[3]");
  EXPECT_EQ(zeros({2}, f16).spec(), (Spec{f16, {2}}));
  EXPECT_EQ(words(ones({2}, bf16)), (std::vector<uint16_t>{0x3f80, 0x3f80}));
  EXPECT_EQ(words(arange(3, f16)), (std::vector<uint16_t>{0, 0x3c00, 0x4000}));
  EXPECT_EQ(words(eye(2, bf16)), (std::vector<uint16_t>{0x3f80, 0, 0, 0x3f80}));
  EXPECT_EQ(words(one_hot(tensor({1}), 2, f16)), (std::vector<uint16_t>{0, 0x3c00}));
  EXPECT_EQ(full({}, 0.1f, bf16).item(), 0.10009765625f);
  EXPECT_EQ(full({}, 3, f16).item<int64_t>(), 3);
  EXPECT_EQ(ones({3}, bf16).data<BFloat16>()[2].bits, 0x3f80);
  EXPECT_ERROR(DTypeError, ones({3}, bf16).to_vector<float>(),
               "to_vector: the elements are not f32: bf16[3]; use .to(f32)");
}

TEST(HalfTest, OtherTypesBesideThemAreErrors) {
  const Tensor h = ones({3}, f16), b = ones({3}, bf16), x = ones({3}), i = ones({3}, i32);
  EXPECT_ERROR(DTypeError, h + b, "add: element types differ: f16[3] and bf16[3]; convert both with .to(f32)");
  EXPECT_ERROR(DTypeError, b + x, "add: element types differ: bf16[3] and f32[3]; convert one with .to(f32)");
  EXPECT_ERROR(DTypeError, x + h, "add: element types differ: f32[3] and f16[3]; convert one with .to(f16)");
  EXPECT_ERROR(ShapeError, b + ones({4}, bf16),
               "add: shapes do not broadcast: bf16[3], bf16[4]; axes must be equal or 1, aligned at the last");
  EXPECT_ERROR(ShapeError, sum(b, 1), "sum: there is no axis 1: bf16[3]; axes go from -1 to 0");
  EXPECT_ERROR(DTypeError, i * h, "mul: element types differ: i32[3] and f16[3]; convert one with .to(f16)");
  EXPECT_ERROR(DTypeError, concat({h, x}),
               "concat: element types differ: f16[3] and f32[3]; convert one with .to(f16)");
  EXPECT_ERROR(DTypeError, logical_not(h),
               "logical_not: operand 1 must be bool: f16[3]; compare it first, as in x != 0");
}

Tensor energy(const Tensor& x, const Tensor& w) { return mean(square(tanh(matmul(x, w)) + x)); }

TEST(HalfTest, GradientsRoundWhereTheOperationsDo) {
  for (DType t : kBoth) {
    const Tensor x = numbers({6, 6}, t), w = numbers({6, 6}, t, 2);
    auto g = [](const Tensor& a, const Tensor& b) { return value_and_grad(energy)(a, b); };
    const auto [l, d] = g(x, w);
    EXPECT_EQ(l.dtype(), t);
    EXPECT_EQ(d.dtype(), t);
    expect::in_every_mode(g, x, w);
    expect::in_every_mode([&](const Tensor& a, const Tensor& b) { return grad(checkpoint(energy))(a, b); }, x, w);
    EXPECT_EQ(expect::bits(grad(checkpoint(energy))(x, w)), expect::bits(d));
    const Tensor exact = grad(energy)(x.to(f32), w.to(f32));
    EXPECT_LT(max(abs(d.to(f32) - exact)).item(), t == f16 ? 0.01f : 0.05f);
    const Tensor many = numbers({4, 6, 6}, t);
    expect::expect_rows([&](const Tensor& a) { return grad(energy)(a, w); }, many);
  }
}

// --- files and other libraries ---

TEST(HalfTest, FilesKeepTheBits) {
  const TempFolder folder;
  const std::string path = folder / "a";
  for (DType t : kBoth) {
    const Tensor all = patterns(t).reshape({256, 256});
    io::save_safetensors(path, {{"w", all.transpose()}});
    EXPECT_EQ(words(io::load_safetensors(path)[0].second.transpose()), words(all));
  }
  const Tensor all = patterns(f16);
  io::save_npy(path, all);
  EXPECT_EQ(words(io::load_npy(path)), words(all));
  io::save_npz(path, {{"w", all}});
  EXPECT_EQ(words(io::load_npz(path)[0].second), words(all));
  const std::string advice = ": bf16[2]: .npy files have no bf16; convert it with .to(f32), or save .safetensors";
  EXPECT_ERROR(DTypeError, io::save_npy(path, ones({2}, bf16)), "save: " + path + advice);
  EXPECT_ERROR(DTypeError, io::save_npz(path, {{"w", ones({2}, bf16)}}), "save: " + path + advice);
}

TEST(HalfTest, OtherLibrariesSeeThem) {
  for (auto [t, code] : {std::pair(f16, 2), std::pair(bf16, 4)}) {
    const Tensor x = numbers({3, 4}, t).transpose();
    dlpack::ManagedTensor* managed = to_dlpack(x);
    EXPECT_EQ(managed->dl_tensor.dtype.code, code);
    EXPECT_EQ(managed->dl_tensor.dtype.bits, 16);
    const Tensor y = from_dlpack(managed);
    EXPECT_EQ(y.block().data, x.block().data);
    EXPECT_EQ(expect::bits(y), expect::bits(x));
  }
}

// --- passes ---

// Rounding to 16 bits and back is no identity.
TEST(HalfTest, NoPassRemovesARounding) {
  for (DType t : kBoth) {
    const Tensor x = expect::numbers({100});
    auto f = [&](const Tensor& v) { return v.to(t).to(f32) - v; };
    EXPECT_NE(max(abs(f(x))).item(), 0);
    expect::in_every_mode(f, x);
    expect::in_every_mode([&](const Tensor& v) { return (v * 3.f).to(t).to(f32) * (v * 3.f); }, x);
    // Of constants too.
    expect::in_every_mode(
        [&](const Tensor& v) { return v + full({}, 0.1f, t).to(f32) + exp(full({}, 0.3f, t)).to(f32); }, x);
  }
}

TEST(HalfTest, CastsJoinTheKernelOfWhatIsBetweenThem) {
  for (DType t : kBoth) {
    const Tensor x = numbers({64, 48}, t), y = numbers({48}, t, 2);
    auto f = compile([](const Tensor& a, const Tensor& b) { return gelu(a + b) * a; });
    f(x, y);
    const uint64_t before = thread_state.launches, bytes = thread_state.bytes;
    f(x, y);
    EXPECT_EQ(thread_state.launches - before, 1u);
    EXPECT_EQ(thread_state.bytes - bytes, 2u * (64 * 48 + 48 + 64 * 48));
    auto rows = compile([](const Tensor& a) { return softmax(a, -1); });
    rows(x);
    const uint64_t then = thread_state.launches;
    rows(x);
    EXPECT_EQ(thread_state.launches - then, 1u);
    if (!cpu::jit::no_compiler().empty()) continue;
    for (const Explanation& e : {explain(f), explain(rows)})
      for (const Explanation::Kernel& k : e.plans[0].kernels) EXPECT_EQ(k.tiles, "") << k.name;
  }
}

}  // namespace
}  // namespace duet::testing
