// Records are told what the words (slice_axis, sum, …) have checked; programs that were shrunk or changed say it
// themselves. This is what the words would have refused.
#include "fuzz/attributes.h"

#include <algorithm>
#include <map>

namespace duet::fuzz {
namespace {

/// Where an op has an axis of its first operand among its attributes.
const std::map<std::string_view, size_t> kAxis = {
    {"slice", 0},     {"unslice", 0},         {"concat", 0},         {"flip", 0},
    {"update", 0},    {"gather", 0},          {"scatter_add", 0},    {"take", 0},
    {"embedding", 0}, {"take_along_axis", 0}, {"cumsum", 0},         {"recurrence", 0},
    {"argmax", 0},    {"argmin", 0},          {"exclusive_prod", 0}, {"scatter_add_along_axis", 0}};
constexpr std::string_view kReductions[] = {"sum", "prod", "max", "min", "reduce_any", "reduce_all"};
constexpr std::string_view kDTypeFirst[] = {"cast", "one_hot", "full", "arange"};

template <class List>
bool among(const List& list, std::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

}  // namespace

bool attributes_fit(std::string_view op, const std::vector<int64_t>& attrs, const std::vector<Shape>& in) {
  auto attr = [&](size_t i) { return i < attrs.size() ? attrs[i] : -1; };
  if (among(kDTypeFirst, op)) {
    if (attr(0) < 0 || attr(0) >= kDTypes) return false;
    return std::all_of(attrs.begin(), attrs.end(), [](int64_t a) { return a >= 0; });
  }
  if (in.empty()) return true;
  const Shape& x = in[0];
  if (among(kReductions, op)) return attrs.size() == 2 && attr(0) >= 0 && attr(0) < (int64_t{1} << x.rank());
  if (auto at = kAxis.find(op); at != kAxis.end()) {
    const int64_t axis = attr(at->second);
    if (axis < 0 || axis >= x.rank()) return false;
    const int64_t n = x[static_cast<int>(axis)];
    if (op == "slice")
      return attrs.size() == 4 && attr(1) >= 0 && attr(2) >= 0 && attr(3) >= 1 && attr(1) <= n &&
             (attr(2) == 0 || attr(1) + (attr(2) - 1) * attr(3) < n);
    if (op == "unslice")
      return attrs.size() == 4 && attr(1) >= 0 && attr(2) >= 0 && attr(3) >= 1 &&
             (n == 0 || attr(1) + (n - 1) * attr(3) < attr(2));
    if (op == "update") return attrs.size() == 2 && attr(1) >= 0 && attr(1) <= n;
    if (op == "gather" || op == "scatter_add" || op == "take" || op == "embedding") {
      const int64_t batch = attr(1);
      if (batch < 0 || batch > axis || in.size() < 2 || batch > in[1].rank()) return false;
      return std::equal(in[1].begin(), in[1].begin() + batch, x.begin());
    }
    if (op == "concat")
      for (const Shape& s : in)
        if (s.rank() != x.rank()) return false;
    if (op == "cumsum" || op == "recurrence" || op == "exclusive_prod") return attrs.size() == 2;
  }
  return true;
}

}  // namespace duet::fuzz
