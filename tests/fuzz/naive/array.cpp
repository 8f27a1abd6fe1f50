#include "fuzz/naive/array.h"

#include <algorithm>
#include <map>
#include <stdexcept>

namespace duet::fuzz::naive {

int64_t count(const Dims& shape) {
  int64_t n = 1;
  for (int64_t d : shape) n *= d;
  return n;
}
Array filled(DType dtype, const Dims& shape) {
  Array a{dtype, shape, {}, {}};
  if (a.is_float())
    a.x.resize(static_cast<size_t>(count(shape)));
  else
    a.n.resize(static_cast<size_t>(count(shape)));
  return a;
}
size_t place(const Dims& shape, const Dims& at) {
  int64_t p = 0;
  const size_t lead = at.size() - shape.size();
  for (size_t a = 0; a < shape.size(); ++a) p = p * shape[a] + (shape[a] == 1 ? 0 : at[a + lead]);
  return static_cast<size_t>(p);
}
Dims common(const Dims& a, const Dims& b) {
  if (a.size() < b.size()) return common(b, a);
  Dims c = a;
  for (size_t i = 0; i < b.size(); ++i) {
    int64_t& d = c[c.size() - b.size() + i];
    if (d != b[i] && d != 1 && b[i] != 1) throw std::runtime_error("shapes that do not repeat to one");
    if (d == 1) d = b[i];
  }
  return c;
}
Num lost(std::initializer_list<const Array*> in) {
  std::vector<Num> all;
  for (const Array* a : in)
    for (const Num& x : a->x)
      if (x.node >= 0) all.push_back(x);
  return linked(unknown(), all, std::vector<Num>(all.size(), unknown()));
}
Dims without(const Dims& shape, int64_t axes, bool keepdims) {
  Dims y;
  for (size_t a = 0; a < shape.size(); ++a)
    if (((axes >> a) & 1) == 0)
      y.push_back(shape[a]);
    else if (keepdims)
      y.push_back(1);
  return y;
}
int64_t wrapped(DType dtype, int64_t v) {
  switch (dtype) {
    case DType::i32:
      return static_cast<int32_t>(v);
    case DType::u8:
      return static_cast<uint8_t>(v);
    case DType::boolean:
      return v != 0;
    default:
      return v;
  }
}

namespace {

const std::map<std::string, Arrays (*)(const Given&)>& all() {
  static const std::map<std::string, Arrays (*)(const Given&)> m = [] {
    std::map<std::string, Arrays (*)(const Given&)> definitions;
    for (const Definitions* list :
         {&pointwise(), &movement(), &reductions(), &indices(), &images(), &randoms(), &composed(), &transformed()})
      for (const Definition& d : *list) definitions[d.name] = d.compute;
    return definitions;
  }();
  return m;
}

// A number beside tensors takes their type; where there are none the operation says it.
Array number(const Ref& r, const Step& s, DType beside, const double (&numbers)[2]) {
  DType dtype = beside;
  if (s.op == "full" || s.op == "arange") dtype = static_cast<DType>(s.attrs.at(0));
  if (s.op == "fold_in") dtype = DType::i64;
  double v = r.kind == Ref::number ? numbers[r.index] : r.number_value;
  Array a = filled(dtype, {});
  if (dtype != DType::f64) v = static_cast<double>(static_cast<float>(v));
  if (a.is_float())
    a.x[0].v = v;
  else
    a.n[0].v = wrapped(dtype, static_cast<int64_t>(v));
  return a;
}

Arrays run_body(const Body& b, Arrays values, const double (&numbers)[2]) {
  for (const Step& s : b.steps)
    for (Array& y : compute(s, values, numbers)) values.push_back(std::move(y));
  Arrays results;
  for (int o : b.outputs) results.push_back(values.at(static_cast<size_t>(o)));
  return results;
}

}  // namespace

bool knows(const std::string& op) { return all().count(op) != 0; }

Arrays compute(const Step& s, const std::vector<Array>& values, const double (&numbers)[2]) {
  Given g{s, {}, [&numbers](const Body& b, Arrays parameters) { return run_body(b, std::move(parameters), numbers); }};
  DType dtype = DType::boolean;  // of the operands that are no masks
  for (const Ref& r : s.in)
    if (dtype == DType::boolean && r.kind == Ref::value) dtype = values.at(static_cast<size_t>(r.index)).dtype;
  g.in.reserve(s.in.size());
  for (const Ref& r : s.in)
    g.in.push_back(r.kind == Ref::value ? values[static_cast<size_t>(r.index)] : number(r, s, dtype, numbers));
  auto first = std::find_if(g.in.begin(), g.in.end(), [](const Array& a) { return a.is_float(); });
  const Rounding rounding(first != g.in.end() && first->dtype == DType::f64);
  auto at = all().find(s.op);
  if (at == all().end()) throw std::runtime_error("no definition: " + s.op);
  return at->second(g);
}

}  // namespace duet::fuzz::naive
