// ulp: the largest error of every f32 formula over all 2^32 inputs, against double references, and whether every
// instruction set gives the same bits; for pow, which has too many inputs, over 2^32 random pairs of several kinds.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "pow_pairs.h"
#include "probe_testing.h"
#include "reference.h"

namespace duet::probe {
namespace {

struct Scan {
  double max_ulp = 0, max_absolute = 0;  // absolute: |y - ref| / max(1, |x|)
  float at = 0;
  long above_one = 0, wrong = 0, differing = 0;

  /// Counts the error of a result; whether it is the largest so far.
  bool note(float x, double ulp) {
    if (std::isinf(ulp)) {
      ++wrong;
      return false;
    }
    above_one += ulp > 1;
    if (!(ulp > max_ulp)) return false;
    max_ulp = ulp;
    at = x;
    return true;
  }
};

constexpr std::uint64_t kBlock = 4096;

/// What a terminal shows of the work of two threads.
class Progress {
 public:
  Progress(const char* name, std::uint64_t inputs) : name_(name), inputs_(inputs) {}
  ~Progress() {
    if (shown_) std::fprintf(stderr, "\r\033[K");
  }
  void block_done() {
    const std::uint64_t done = done_ += kBlock;
    if (!shown_ || done % (inputs_ / 256) >= kBlock) return;
    std::fprintf(stderr, "\r\033[K%s: %3.0f %%", name_,
                 100.0 * static_cast<double>(done) / static_cast<double>(inputs_));
  }

 private:
  const char* name_;
  std::uint64_t inputs_;
  std::atomic<std::uint64_t> done_ = 0;
  const bool shown_ = isatty(STDERR_FILENO) != 0;
};

/// The first probe is measured, the others are compared with it; NaN is a class.
Scan scan(const std::vector<const Probe*>& probes, Fn fn, std::uint64_t begin, std::uint64_t end, Progress& progress) {
  std::vector<float> x(kBlock), y(kBlock), other(kBlock);
  Scan result;
  for (std::uint64_t block = begin; block < end; block += kBlock) {
    for (std::uint64_t i = 0; i < kBlock; ++i) x[i] = math::bit_cast<float>(static_cast<std::uint32_t>(block + i));
    probes[0]->eval_f32(fn, x.data(), y.data(), static_cast<long>(kBlock));
    for (std::size_t p = 1; p < probes.size(); ++p) {
      probes[p]->eval_f32(fn, x.data(), other.data(), static_cast<long>(kBlock));
      for (std::uint64_t i = 0; i < kBlock; ++i) result.differing += !same_bits(y[i], other[i]);
    }
    for (std::uint64_t i = 0; i < kBlock; ++i) {
      const double ref = reference(fn, static_cast<double>(x[i]));
      const double ulp = ulp_error(y[i], ref);
      result.note(x[i], ulp);
      if (!std::isinf(ulp) && ref == ref && !std::isinf(y[i])) {
        const double distance = std::fabs(static_cast<double>(y[i]) - ref);
        result.max_absolute = std::max(result.max_absolute, distance / std::max(1.0, std::fabs(double{x[i]})));
      }
    }
    progress.block_done();
  }
  return result;
}

// Of each kind, for each of two threads: 2^32 in all.
constexpr std::uint64_t kKinds = static_cast<std::uint64_t>(Pairs::kCount);
constexpr std::uint64_t kPairs = ((std::uint64_t{1} << 32) / kKinds / 2 + kBlock) / kBlock * kBlock;

/// Powers of random pairs of a kind.
Scan scan_pairs(const std::vector<const Probe*>& probes, Pairs kind, std::uint32_t seed, float& exponent,
                Progress& progress) {
  std::mt19937 rng(seed);
  std::vector<float> a(kBlock), b(kBlock), y(kBlock), other(kBlock);
  Scan result;
  for (std::uint64_t block = 0; block < kPairs; block += kBlock) {
    draw_pairs(kind, rng, a.data(), b.data(), kBlock);
    probes[0]->eval2_f32(Fn2::kPow, a.data(), b.data(), y.data(), static_cast<long>(kBlock));
    for (std::size_t p = 1; p < probes.size(); ++p) {
      probes[p]->eval2_f32(Fn2::kPow, a.data(), b.data(), other.data(), static_cast<long>(kBlock));
      for (std::uint64_t i = 0; i < kBlock; ++i) result.differing += !same_bits(y[i], other[i]);
    }
    for (std::uint64_t i = 0; i < kBlock; ++i) {
      const double ulp = ulp_error(y[i], std::pow(double{a[i]}, double{b[i]}));
      if (result.note(a[i], ulp)) exponent = b[i];
    }
    progress.block_done();
  }
  return result;
}

bool run_pairs(const std::vector<const Probe*>& all) {
  std::printf("\n| pow | max ULP | at | pairs above 1 ULP | wrong NaN, inf or sign of zero | bits differ |\n");
  std::printf("|---|---|---|---|---|---|\n");
  bool good = true;
  for (int kind = 0; kind < static_cast<int>(Pairs::kCount); ++kind) {
    Scan parts[2];
    float exponents[2] = {};
    {
      Progress progress(kPairNames[kind], 2 * kPairs);
      auto half = [&](std::size_t part) {
        parts[part] = scan_pairs(all, Pairs(kind), static_cast<std::uint32_t>(2 * kind + static_cast<int>(part)),
                                 exponents[part], progress);
      };
      std::thread second([&] { half(1); });
      half(0);
      second.join();
    }
    const std::size_t worst = parts[1].max_ulp > parts[0].max_ulp;
    const long wrong = parts[0].wrong + parts[1].wrong, differing = parts[0].differing + parts[1].differing;
    std::printf("| %s | %.3f | %.9g, %.9g | %ld | %ld | %ld |\n", kPairNames[kind], parts[worst].max_ulp,
                double{parts[worst].at}, double{exponents[worst]}, parts[0].above_one + parts[1].above_one, wrong,
                differing);
    std::fflush(stdout);
    good = good && wrong == 0 && differing == 0;
  }
  return good;
}

int run(const std::vector<std::string>& wanted) {
  auto is_wanted = [&](const char* name) {
    return wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end();
  };
  std::vector<const Probe*> all = probes();
  std::reverse(all.begin(), all.end());
  std::printf("Measured on %s, compared with", all[0]->name);
  for (std::size_t p = 1; p < all.size(); ++p) std::printf(" %s", all[p]->name);
  std::printf(", all 2^32 inputs\n\n");
  std::printf("| function | max ULP | at | inputs above 1 ULP | wrong NaN, inf or sign of zero | bits differ |");
  std::printf(" max error / max(1, abs x) |\n|---|---|---|---|---|---|---|\n");
  bool good = true;
  for (int f = 0; f < static_cast<int>(Fn::kCount); ++f) {
    if (!is_wanted(kNames[f])) continue;
    constexpr std::uint64_t kHalf = std::uint64_t{1} << 31;
    Scan parts[2];
    {
      Progress progress(kNames[f], 2 * kHalf);
      std::thread negative([&] { parts[1] = scan(all, Fn(f), kHalf, 2 * kHalf, progress); });
      parts[0] = scan(all, Fn(f), 0, kHalf, progress);
      negative.join();
    }
    const Scan& worst = parts[parts[1].max_ulp > parts[0].max_ulp];
    const long wrong = parts[0].wrong + parts[1].wrong, differing = parts[0].differing + parts[1].differing;
    std::printf("| %s | %.3f | %.9g | %ld | %ld | %ld |", kNames[f], worst.max_ulp, double{worst.at},
                parts[0].above_one + parts[1].above_one, wrong, differing);
    if (Fn(f) == Fn::k_gelu_tanh || Fn(f) == Fn::k_gelu_erf) {
      std::printf(" %.2e |\n", std::max(parts[0].max_absolute, parts[1].max_absolute));
    } else {
      std::printf(" |\n");
    }
    std::fflush(stdout);
    good = good && wrong == 0 && differing == 0;
  }
  if (is_wanted("pow")) good = run_pairs(all) && good;
  return good ? 0 : 1;
}

}  // namespace
}  // namespace duet::probe

int main(int argc, char** argv) {
  CLI::App app("The largest error of every f32 formula, over all inputs", "ulp");
  std::vector<std::string> names(std::begin(duet::probe::kNames), std::end(duet::probe::kNames)), wanted;
  names.emplace_back("pow");
  app.add_option("function", wanted, "only these")->check(CLI::IsMember(names));
  CLI11_PARSE(app, argc, argv);
  return duet::probe::run(wanted);
}
