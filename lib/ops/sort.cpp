#include "duet/ops/sort.h"

#include <atomic>
#include <limits>

#include "cpu/reduce_int.h"
#include "cpu/sort.h"
#include "duet/grad.h"
#include "ops/operands.h"
#include "ops/records.h"
#include "ops/reduce_axes.h"
#include "ops/stream.h"

namespace duet {

DUET_DEFINE_FAMILY(SortOps)

namespace {

constexpr int64_t kSortCost = 8;  // of an element, in the elements that threads are shared out by

int64_t last_extent(const Shape& s) { return s[s.rank() - 1]; }

struct RowSort {
  int64_t rows, n, keep;
  bool descending;
};

template <class Item, class T>
void sort_rows(const RowSort& s, const Strided& in, T* values, int64_t* indices) {
  const cpu::Source source = cpu::make_source(in.dtype, *in.shape, in.strides, *in.shape);
  // All room is taken before the threads start: they must not throw.
  const int64_t parts = std::max<int64_t>(1, part_count(s.rows, s.rows * s.n * kSortCost));
  const auto n = static_cast<size_t>(s.n);
  const size_t item_bytes = 2 * n * sizeof(Item), part_bytes = item_bytes + (in.dense ? 0 : n * sizeof(uint64_t));
  cpu::Temporary room(static_cast<size_t>(parts) * part_bytes);
  cpu::parallel_for(parts, [&](int64_t p) {
    char* mine = static_cast<char*>(room.data()) + static_cast<size_t>(p) * part_bytes;
    auto* items = reinterpret_cast<Item*>(mine);
    for (int64_t r = s.rows * p / parts; r < s.rows * (p + 1) / parts; ++r) {
      const T* row = static_cast<const T*>(in.data) + r * s.n;
      if (!in.dense) {
        auto* copy = reinterpret_cast<T*>(mine + item_bytes);
        cpu::gather(source, in.data, r * s.n, s.n, copy);
        row = copy;
      }
      for (int64_t i = 0; i < s.n; ++i)
        items[i] = Item::of(s.descending ? cpu::descending_key(row[i]) : cpu::ascending_key(row[i]), i);
      const Item* sorted = cpu::sort_items(items, items + s.n, s.n, s.keep);
      for (int64_t i = 0; i < s.keep; ++i) {
        const int64_t place = sorted[i].place();
        indices[r * s.keep + i] = place;
        values[r * s.keep + i] = row[place];
      }
    }
  });
}

void run_sort(const KernelCall& call, bool descending) {
  const Strided& in = call.in[0];
  if (call.out[0].shape->numel() == 0) return;
  const int64_t n = last_extent(*in.shape), keep = last_extent(*call.out[0].shape);
  const RowSort s{in.shape->numel() / n, n, keep, descending};
  auto* indices = static_cast<int64_t*>(call.out[1].data);
  visit(in.dtype, [&](auto zero) {
    using T = Stored<decltype(zero)>;
    T* values = static_cast<T*>(call.out[0].data);
    if (sizeof(T) < 8 && n <= std::numeric_limits<uint32_t>::max())
      sort_rows<cpu::PackedItem>(s, in, values, indices);
    else
      sort_rows<cpu::WideItem>(s, in, values, indices);
  });
}

void put_back(VjpContext& c) {
  int64_t attrs[] = {last_extent(c.in_shape(0))};
  c.set(0, call_op<Unsort>(attrs, c.dy(), c.output(1)));
}

void check_indices(std::string_view op, const Args& in, bool same_extent) {
  check<DTypeError>(in[1].dtype == DType::i64, "{}: indices must be i64: {}; give what sort gave", op, in.text(1));
  const Shape &x = *in[0].shape, &index = *in[1].shape;
  bool fits = x.rank() > 0 && x.rank() == index.rank();
  for (int a = 0; fits && a < x.rank() - (same_extent ? 0 : 1); ++a) fits = x[a] == index[a];
  check<ShapeError>(fits, "{}: indices do not fit: {} at {}; give what sort gave", op, in.text(0), in.text(1));
}

// Indices come from a sort: only a bug takes one out of its row. Threads must not throw, so it is said at the end.
class InRow {
 public:
  explicit InRow(int64_t n) : n_(n) {}
  bool operator()(int64_t place) {
    if (place >= 0 && place < n_) return true;
    astray_.store(true, std::memory_order_relaxed);
    return false;
  }
  void check() const { DUET_INTERNAL_CHECK(!astray_.load(std::memory_order_relaxed)); }

 private:
  int64_t n_;
  std::atomic<bool> astray_ = false;
};

// A word along any axis: the ops sort the last one.
template <class Op>
Sorted along(const Operand& x, int axis, Attrs attrs) {
  const Tensor& t = x.tensor();
  const int last = t.rank() - 1;
  if (axis == last) {
    Outputs y = dispatch(op<Op>(), {x}, attrs);
    return {std::move(y[0]), std::move(y[1])};
  }
  int64_t swapped[kMaxRank];
  for (int a = 0; a <= last; ++a) swapped[a] = a == axis ? last : a == last ? axis : a;
  const Attrs order(swapped, static_cast<size_t>(t.rank()));
  Outputs y = call_op<Op>(attrs, Tensor(call_op<Transpose>(order, t)));
  return {call_op<Transpose>(order, y[0]), call_op<Transpose>(order, y[1])};
}

Sorted sorted(std::string_view name, const Operand& x, int axis, bool descending) {
  LineScope scope(x.line());
  axis = checked_axis(name, axis, checked_tensor(name, x));
  int64_t attrs[] = {descending};
  return along<Sort>(x, axis, attrs);
}

}  // namespace

void Sort::infer(const Args& in, Attrs, Spec* out) {
  check<ShapeError>(in[0].shape->rank() > 0, "sort: a scalar has no axis to sort: {}; give at least one axis",
                    in.text(0));
  out[0] = in.spec(0);
  out[1] = {DType::i64, *in[0].shape};
  checked_numel(out[1].shape, out[1].dtype);
}
void Sort::run(const KernelCall& call) { run_sort(call, call.attrs[0] != 0); }
void Sort::vjp(VjpContext& c) { put_back(c); }

void TopK::infer(const Args& in, Attrs attrs, Spec* out) {
  const int64_t k = attrs[0], n = in[0].shape->rank() > 0 ? last_extent(*in[0].shape) : 0;
  check<ShapeError>(in[0].shape->rank() > 0 && k >= 0 && k <= n,
                    "topk: the last axis has no {} elements: {}; give a k from 0 to {}", k, in.text(0), n);
  Shape y = *in[0].shape;
  y[y.rank() - 1] = k;
  out[0] = {in[0].dtype, y};
  out[1] = {DType::i64, y};
  checked_numel(y, DType::i64);
}
void TopK::run(const KernelCall& call) { run_sort(call, true); }
void TopK::vjp(VjpContext& c) { put_back(c); }

void Unsort::infer(const Args& in, Attrs attrs, Spec* out) {
  check_indices(name, in, true);
  Shape y = *in[0].shape;
  y[y.rank() - 1] = attrs[0];
  out[0] = {in[0].dtype, y};
  checked_numel(y, in[0].dtype);
}

void Unsort::run(const KernelCall& call) {
  const Strided &x = call.in[0], &y = call.out[0];
  if (y.shape->numel() == 0) return;
  const int64_t k = last_extent(*x.shape), n = last_extent(*y.shape);
  StridedStream<int64_t> index(call.in[1]);
  InRow in_row(n);
  visit(x.dtype, [&](auto zero) {
    using T = Stored<decltype(zero)>;
    StridedStream<T> values(x);
    in_parts(y.shape->numel() / n, y.shape->numel(), [&](int64_t begin, int64_t end) {
      T scratch[cpu::kReduceChunk];
      for (int64_t r = begin; r < end; ++r) {
        T* row = static_cast<T*>(y.data) + r * n;
        std::fill_n(row, n, T(0));
        cpu::integers::for_each_piece(index.stream, r * k, k, [&](int64_t at, int64_t count, const int64_t* place) {
          const T* v = cpu::integers::take(values.stream, r * k + at, count, scratch);
          for (int64_t i = 0; i < count; ++i)
            if (in_row(place[i])) row[place[i]] = v[i];
        });
      }
    });
  });
  in_row.check();
}

void Unsort::vjp(VjpContext& c) { c.set(0, call_op<Resort>({}, c.dy(), c.input(1).tensor)); }

void Resort::infer(const Args& in, Attrs, Spec* out) {
  check_indices(name, in, false);
  out[0] = {in[0].dtype, *in[1].shape};
  checked_numel(out[0].shape, out[0].dtype);
}

void Resort::run(const KernelCall& call) {
  const Strided &x = call.in[0], &y = call.out[0];
  if (y.shape->numel() == 0) return;
  const int64_t n = last_extent(*x.shape), k = last_extent(*y.shape);
  StridedStream<int64_t> index(call.in[1]);
  InRow in_row(n);
  // Places jump about in a row: an operand that is not dense is made so.
  cpu::Temporary room(x.dense ? 0 : static_cast<size_t>(x.shape->numel()) * size_bytes(x.dtype));
  if (!x.dense)
    cpu::gather(cpu::make_source(x.dtype, *x.shape, x.strides, *x.shape), x.data, 0, x.shape->numel(), room.data());
  const void* data = x.dense ? x.data : room.data();
  visit(x.dtype, [&](auto zero) {
    using T = Stored<decltype(zero)>;
    in_parts(y.shape->numel() / k, y.shape->numel(), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const T* row = static_cast<const T*>(data) + r * n;
        T* to = static_cast<T*>(y.data) + r * k;
        cpu::integers::for_each_piece(index.stream, r * k, k, [&](int64_t at, int64_t count, const int64_t* place) {
          for (int64_t i = 0; i < count; ++i) to[at + i] = in_row(place[i]) ? row[place[i]] : T(0);
        });
      }
    });
  });
  in_row.check();
}

void Resort::vjp(VjpContext& c) {
  int64_t attrs[] = {last_extent(c.in_shape(0))};
  c.set(0, call_op<Unsort>(attrs, c.dy(), c.input(1).tensor));
}

Sorted sort(const Operand& x, int axis, bool descending) { return sorted("sort", x, axis, descending); }

Tensor argsort(const Operand& x, int axis, bool descending) { return sorted("argsort", x, axis, descending).indices; }

Sorted topk(const Operand& x, int64_t k, int axis) {
  LineScope scope(x.line());
  const Tensor& t = checked_tensor("topk", x);
  axis = checked_axis("topk", axis, t);
  check<ShapeError>(k >= 0 && k <= t.shape()[axis], "topk: axis {} has no {} elements: {}; k goes from 0 to {}", axis,
                    k, t.spec(), t.shape()[axis]);
  int64_t attrs[] = {k};
  return along<TopK>(x, axis, attrs);
}

}  // namespace duet
