// Arrays of the naive interpreter, and how its operations are called.
#pragma once

#include <functional>
#include <string>

#include "fuzz/naive/number.h"
#include "fuzz/program.h"

namespace duet::fuzz::naive {

using Dims = std::vector<int64_t>;

/// An integer or a bool, if it is known.
struct Whole {
  int64_t v = 0;
  bool known = true;
};

/// Elements in row-major order: floats in x, others in n.
struct Array {
  DType dtype = DType::f32;
  Dims shape;
  std::vector<Num> x;
  std::vector<Whole> n;
  bool is_float() const { return duet::is_float(dtype); }
  int rank() const { return static_cast<int>(shape.size()); }
};
using Arrays = std::vector<Array>;

int64_t count(const Dims& shape);
Array filled(DType dtype, const Dims& shape);  // with zeros
inline Array like(const Array& a, const Dims& shape) { return filled(a.dtype, shape); }

/// Calls f(position in row-major order, index) for each place.
template <class F>
void each(const Dims& shape, F f) {
  Dims at(shape.size(), 0);
  const int64_t n = count(shape);
  for (int64_t i = 0; i < n; ++i) {
    f(static_cast<size_t>(i), at);
    for (size_t a = shape.size(); a-- > 0;) {
      if (++at[a] < shape[a]) break;
      at[a] = 0;
    }
  }
}
/// Row-major position of an index; extents of 1 repeat, and leading axes may be missing.
size_t place(const Dims& shape, const Dims& at);
/// Nothing that is known, in place of any of the operands' elements: derivatives through it are not known either.
Num lost(std::initializer_list<const Array*> in);
/// The shape that both repeat to.
Dims common(const Dims& a, const Dims& b);

/// An array of places of x: from(index of the result) is the index in x, or nothing for zero.
template <class F>
Array moved(const Array& x, const Dims& shape, F from) {
  Array y = like(x, shape);
  each(shape, [&](size_t i, const Dims& at) {
    const std::optional<Dims> source = from(at);
    if (!source) return;
    const size_t k = place(x.shape, *source);
    if (x.is_float())
      y.x[i] = x.x[k];
    else
      y.n[i] = x.n[k];
  });
  return y;
}
/// Integers as their type stores them: they wrap around.
int64_t wrapped(DType dtype, int64_t v);

/// Thrown where an index is out of range.
struct OutOfRange {};

/// A step and its operands; numbers are arrays without axes, of the type that the operation makes of them.
struct Given {
  const Step& step;
  Arrays in;
  std::function<Arrays(const Body&, Arrays)> run;  // a body with values for its parameters
  const std::vector<int64_t>& attrs() const { return step.attrs; }
  int64_t attr(size_t i) const { return step.attrs.at(i); }
};
struct Definition {
  const char* name;
  Arrays (*compute)(const Given& g);
};
using Definitions = std::vector<Definition>;
const Definitions& pointwise();
const Definitions& movement();
const Definitions& reductions();
const Definitions& indices();
const Definitions& images();
const Definitions& randoms();
const Definitions& composed();
const Definitions& transformed();

/// Whether there is a definition of this operation.
bool knows(const std::string& op);
/// What a step gives; `numbers` are the program's.
Arrays compute(const Step& s, const std::vector<Array>& values, const double (&numbers)[2]);

/// Rows of an array along some axes (bit a: axis a): f(position in the result, the row's elements in order). The result
/// has those axes with extent 1.
template <class F>
void each_row(const Array& x, int64_t axes, F f) {
  Dims kept = x.shape, row(x.shape.size(), 1);
  for (size_t a = 0; a < x.shape.size(); ++a)
    if ((axes >> a) & 1) kept[a] = 1, row[a] = x.shape[a];
  each(kept, [&](size_t i, const Dims& at) {
    std::vector<size_t> places;
    each(row, [&](size_t, const Dims& within) {
      Dims from = at;
      for (size_t a = 0; a < from.size(); ++a) from[a] += within[a];
      places.push_back(place(x.shape, from));
    });
    f(i, places);
  });
}
inline std::vector<Num> taken(const Array& x, const std::vector<size_t>& places) {
  std::vector<Num> row;
  row.reserve(places.size());
  for (size_t p : places) row.push_back(x.x[p]);
  return row;
}
Dims without(const Dims& shape, int64_t axes, bool keepdims);

/// f of the elements of floats that repeat to a common shape.
template <class F>
Array mapped(const Arrays& in, F f) {
  Dims shape;
  for (const Array& a : in) shape = common(shape, a.shape);
  Array y = filled(in[0].dtype, shape);
  std::vector<Num> x(in.size());
  std::vector<char> whole;
  for (const Array& a : in) whole.push_back(a.shape == shape);
  each(shape, [&](size_t i, const Dims& at) {
    for (size_t k = 0; k < in.size(); ++k) x[k] = in[k].x[whole[k] ? i : place(in[k].shape, at)];
    y.x[i] = f(x);
  });
  return y;
}

/// a·b of matrices, leading axes repeating.
Array matrix_product(const Array& a, const Array& b);
/// The columns of images, [N,C,H,W] to [C,kh·kw,N,OH,OW].
Array unfolded(const Array& x, const std::vector<int64_t>& attrs);
/// Where the largest of each window is.
Array window_places(const Array& x, const std::vector<int64_t>& attrs);
/// Uniform numbers of a key.
Array uniform(const Array& key, const Dims& shape);
/// The first largest or smallest place of a row, the first NaN before all.
Whole best_place(const Array& x, const std::vector<size_t>& places, bool largest);
/// A number from an index; OutOfRange unless it is in [−n, n), or [0, n).
Whole checked(Whole k, int64_t n, bool negative);

}  // namespace duet::fuzz::naive
