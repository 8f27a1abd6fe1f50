// What PyTorch says against what duet does: cases in C++ for the tensors that make.py wrote under the same names.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>

#include "expect.h"

namespace duet::golden {

using Tensors = std::vector<Tensor>;

/// Allowed error in f32, relative to each element. In f64 it is a millionth of that.
struct Tolerance {
  double value = 1e-6, gradient = 1e-5, second = 1e-5;
  bool of_largest = false;  // relative to the tensor's largest element instead
  const char* why = "";     // for whatever differs from the above
  double at_least = 0;      // what the largest element is taken to be where sums are 0 but for their rounding
};
/// For results that are sums: they round relative to their terms, not to what is left of them.
inline constexpr Tolerance kSums{1e-6, 1e-5, 1e-5, true, "sums round relative to their terms"};

/// A case: its name is that of its tensors, "<op>.<what is special>"; f gives what y, y1, … are compared with.
struct Case {
  std::string name;
  std::function<Tensors(const Tensors& x)> f;
  Tolerance tolerance;
  /// What docs and messages call the operation.
  std::string op() const { return name.substr(0, name.find('.')); }
};

/// A family's table: `cases("exp", {"smooth", "special"}, call(exp))` adds exp.smooth and exp.special.
struct Cases : std::vector<Case> {
  template <class F>
  void operator()(const std::string& op, std::initializer_list<const char*> which, F f, Tolerance t = {}) {
    for (const char* w : which)
      push_back({op + "." + w,
                 [f](const Tensors& x) -> Tensors {
                   if constexpr (std::is_same_v<decltype(f(x)), Tensor>)
                     return {f(x)};
                   else
                     return f(x);
                 },
                 t});
  }
};
inline auto call(Tensor (*f)(const Operand&)) {
  return [f](const Tensors& x) { return f(x[0]); };
}
inline auto call(Tensor (*f)(const Operand&, const Operand&)) {
  return [f](const Tensors& x) { return f(x[0], x[1]); };
}
inline auto call(Tensor (*f)(const Operand&, const Operand&, const Operand&)) {
  return [f](const Tensors& x) { return f(x[0], x[1], x[2]); };
}

/// The tensors of a family's file, by case and then by name, where new tensors lie. DUET_GOLDEN: the files' folder, on
/// machines without the sources.
using File = std::map<std::string, std::map<std::string, Tensor>>;
inline File load(const std::string& family) {
  File file;
  const char* elsewhere = std::getenv("DUET_GOLDEN");
  const std::string folder = elsewhere != nullptr ? elsewhere : DUET_SOURCE_DIR "/tests/golden";
  for (auto& [name, t] : io::load_safetensors(folder + "/" + family + ".safetensors")) {
    const size_t slash = name.find('/');
    file[name.substr(0, slash)][name.substr(slash + 1)] = t.to(default_device());
  }
  return file;
}

/// x0, x1, … of a case, floating ones in `dtype`.
inline Tensors numbered(const std::map<std::string, Tensor>& tensors, char letter, DType dtype) {
  Tensors all;
  for (int i = 0;; ++i) {
    auto t = tensors.find(letter + std::to_string(i));
    if (t == tensors.end()) return all;
    all.push_back(is_float(t->second.dtype()) ? t->second.to(dtype) : t->second);
  }
}

/// How two tensors are compared: f32's allowed relative error, and what it is relative to.
struct Compare {
  double tolerance;
  bool of_largest = false;
  bool signs = false;  // zeros have PyTorch's sign
  double at_least = 0;
};

/// What differs between duet's y and PyTorch's; empty when they agree: finite numbers within the tolerance, NaN,
/// infinities and integers exactly.
inline std::string difference(const Tensor& y, const Tensor& wanted, Compare how) {
  const bool floating = is_float(wanted.dtype());
  if (y.shape() != wanted.shape() || (floating ? !is_float(y.dtype()) : y.dtype() != wanted.dtype()))
    return fmt::format("it is {}, PyTorch has {}", y.spec(), wanted.spec());
  if (!floating) {
    const auto a = y.to(i64).to_vector<int64_t>(), b = wanted.to(i64).to_vector<int64_t>();
    for (size_t i = 0; i < a.size(); ++i)
      if (a[i] != b[i]) return fmt::format("element {} is {}, PyTorch has {}", i, a[i], b[i]);
    return "";
  }
  const bool single = y.dtype() == f32;
  const auto a = y.to(f64).to_vector<double>();
  auto b = wanted.to(f64).to_vector<double>();
  // PyTorch's f64 rounded once: beyond f32 that is infinity, below it 0.
  if (single)
    for (double& v : b) v = static_cast<double>(static_cast<float>(v));
  double largest = how.at_least;
  for (double v : b)
    if (std::isfinite(v)) largest = std::max(largest, std::abs(v));
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] ? !how.signs || a[i] != 0 || std::signbit(a[i]) == std::signbit(b[i])
                     : a[i] != a[i] && b[i] != b[i])
      continue;
    // Below f32's normal numbers the last place is all there is.
    const double allowed =
        how.tolerance * (single ? 1 : 1e-6) * (how.of_largest ? largest : std::abs(b[i])) + (single ? 3e-45 : 0);
    if (a[i] != b[i] && std::isfinite(b[i]) && std::abs(a[i] - b[i]) <= allowed) continue;
    return fmt::format("element {} is {}, PyTorch has {} ({:.1e} of it)", i, a[i], b[i],
                       std::abs(a[i] - b[i]) / std::abs(b[i]));
  }
  return "";
}

/// Gradients of sum(y·dy) for the floating inputs; integers come back as they are.
inline Tensors gradients(const Case& c, const Tensors& x, const Tensor& dy) {
  return grad([&](const Tensors& v) {
    const Tensor y = c.f(v)[0];
    return sum(y * dy.to(y.dtype())).to(dy.dtype());
  })(x);
}
/// Gradients of sum(g0·w0) + sum(g1·w1) + …
inline Tensors second_gradients(const Case& c, const Tensors& x, const Tensor& dy, const Tensors& weights) {
  return grad([&](const Tensors& v) {
    const Tensors g = gradients(c, v, dy);
    Tensor total = zeros({}, dy.dtype());
    size_t n = 0;
    for (size_t i = 0; i < x.size(); ++i)
      if (is_float(x[i].dtype())) total += sum(g[i] * weights[n++]);
    return total;
  })(x);
}

/// Checks one case in one dtype, eagerly, compiled and frozen; reports what is wrong.
template <class Report>
void check_case(const Case& c, const std::map<std::string, Tensor>& file, DType dtype, Report report) {
  const Tensors x = numbered(file, 'x', dtype);
  const Tolerance& t = c.tolerance;
  // Compiled and frozen results are eager ones, bit for bit; second calls replay the plan.
  auto all_modes = [&](const std::string& what, const auto& f) {
    const Tensors y = f(x);
    if (default_device().is_cuda()) return y;  // two programs a case are too many to compile
    auto same = [&](const char* mode, const auto& g) {
      for (int call : {1, 2}) {
        const Tensors z = g(x);
        for (size_t i = 0; i < y.size(); ++i)
          if (expect::bits(y[i]) != expect::bits(z[i]))
            report(fmt::format("{}{}: call {} {} gives other bits", what, i, call, mode));
      }
    };
    same("compiled", compile(f));
    same("frozen", freeze(f));
    return y;
  };
  auto compare = [&](const std::string& what, const Tensor& y, Compare how) {
    auto wanted = file.find(what);
    if (wanted == file.end()) return report(fmt::format("{}: PyTorch has none", what));
    if (std::string d = difference(y, wanted->second, how); !d.empty()) report(fmt::format("{}: {}", what, d));
  };

  const Tensors y = all_modes("y", [&](const Tensors& v) { return c.f(v); });
  for (size_t i = 0; i < y.size(); ++i)
    compare(i == 0 ? "y" : "y" + std::to_string(i), y[i], {t.value, t.of_largest, true});
  if (file.count("y" + std::to_string(y.size()))) report("PyTorch has more outputs");
  if (!file.count("dy")) return;

  const Tensor dy = file.at("dy").to(dtype);
  const Tensors g = all_modes("g", [&](const Tensors& v) { return gradients(c, v, dy); });
  for (size_t i = 0; i < g.size(); ++i)
    if (is_float(x[i].dtype())) compare("g" + std::to_string(i), g[i], {t.gradient, t.of_largest, false, t.at_least});
  Tensors weights;
  for (size_t i = 0; i < x.size(); ++i)
    if (file.count("w" + std::to_string(i))) weights.push_back(file.at("w" + std::to_string(i)).to(dtype));
  if (weights.empty()) return;
  const Tensors h = all_modes("h", [&](const Tensors& v) { return second_gradients(c, v, dy, weights); });
  for (size_t i = 0; i < h.size(); ++i)
    if (is_float(x[i].dtype())) compare("h" + std::to_string(i), h[i], {t.second, t.of_largest, false, t.at_least});
}

/// Checks a family: every case of the file has a C++ entry, every entry its tensors, and both agree.
inline void check_family(const std::string& family, const Cases& cases) {
  const File file = load(family);
  std::set<std::string> seen;
  for (const Case& c : cases) {
    EXPECT_TRUE(seen.insert(c.name).second) << c.name << " is there twice";
    const Tolerance& t = c.tolerance;
    EXPECT_TRUE((t.value <= 1e-6 && t.gradient <= 1e-5 && t.second <= 1e-5 && !t.of_largest) || *t.why)
        << c.name << " is looser than usual and does not say why";
    auto tensors = file.find(c.name);
    if (tensors == file.end()) {
      ADD_FAILURE() << c.name << " is not in " << family << ".safetensors: add it to make.py";
      continue;
    }
    for (DType dtype : {f32, f64}) try {
        check_case(c, tensors->second, dtype, [&](const std::string& wrong) {
          ADD_FAILURE() << c.name << " " << fmt::format("{}", dtype) << " " << wrong;
        });
      } catch (const std::exception& e) {
        ADD_FAILURE() << c.name << " " << fmt::format("{}", dtype) << " threw " << e.what();
      }
  }
  for (const auto& [name, tensors] : file) EXPECT_TRUE(seen.count(name)) << name << " of make.py has no case";
}

}  // namespace duet::golden
