// Views whose elements overlap or lie in reverse: nothing may be computed in place through them, donated by them, or
// read beyond their storage, and plans with them must be sound.
#include <gtest/gtest.h>

#include <limits>

#include "cpu/threads.h"
#include "ops/cases.h"
#include "graph/verify_memory.h"

namespace duet::testing {
namespace {

/// f's bits are those of the same function of dense copies, eagerly, compiled and frozen; plans are sound.
template <class F>
void same_as_dense(const char* what, const Tensor& view, F f) {
  SCOPED_TRACE(what);
  const std::vector<uint8_t> before = bits(view);
  const Tensor wanted = f(from_vector(view.to_vector<float>(), view.shape()));
  auto compiled = compile(f);
  auto frozen = freeze(f);
  for (int turn = 0; turn < 2; ++turn) {
    EXPECT_EQ(difference(wanted, f(view)), "");
    EXPECT_EQ(difference(wanted, compiled(view)), "");
    EXPECT_EQ(difference(wanted, frozen(view)), "");
  }
  EXPECT_EQ(bits(view), before);
}

const Tensor& image() {
  static const Tensor x = normal(Key(3), {2, 3, 6, 6});
  return x;
}
std::vector<std::pair<const char*, Tensor>> odd_views() {
  const Tensor& x = image();
  return {{"overlapping", windows(x, 3, 2)},
          {"overlapping by one axis", windows(x, 1, 3)},
          {"as many elements as the image", windows(x, 2, 1, 1, 1, 5, 1)},
          {"window of the whole image", windows(x, 6, 6)},
          {"apart", windows(x, 2, 2, 2, 2)},
          {"dilated", windows(x, 2, 3, 2, 1, 3, 2)},
          {"reversed", flip(x, 3)},
          {"reversed twice", flip(flip(x, 2), 3)},
          {"all reversed", flip(flip(flip(flip(x, 0), 1), 2), 3)},
          {"windows of a reversed image", windows(flip(x, 2), 3, 3)},
          {"reversed windows", flip(windows(x, 3, 3), 5)},
          {"part of reversed windows", flip(windows(x, 3, 3), 4).slice(4, 1, 3).slice(2, 0, 4, 2)},
          {"a repeated row, windowed", windows(broadcast_to(x[0][0][0], {4, 6}), 3, 3)}};
}

TEST(OddViews, EveryKindOfKernelReadsThem) {
  for (const auto& [what, view] : odd_views()) {
    same_as_dense(what, view, [](const Tensor& v) { return v * 2.5f + v; });
    same_as_dense(what, view, [](const Tensor& v) { return sum(v, -1); });
    same_as_dense(what, view, [](const Tensor& v) { return sum(v, 0); });
    same_as_dense(what, view, [](const Tensor& v) { return sum(v); });
    same_as_dense(what, view, [](const Tensor& v) { return argmax(v, 1).to(f32); });
    same_as_dense(what, view, [](const Tensor& v) { return matmul(v, transpose(v.reshape({-1, v.shape(-1)}))); });
    same_as_dense(what, view, [](const Tensor& v) { return transpose(v) + 1; });
    same_as_dense(what, view, [](const Tensor& v) { return v.reshape({-1}) * 2; });
    same_as_dense(what, view, [](const Tensor& v) { return v.reshape({-1, v.shape(-1)}).reshape(v.shape()); });
    same_as_dense(what, view, [](const Tensor& v) { return gather(v, tensor({1, 0, -1}), 1); });
    same_as_dense(what, view, [](const Tensor& v) { return concat({v, v}, -1); });
    same_as_dense(what, view, [](const Tensor& v) { return cast(contiguous(v), f64).to(f32); });
    same_as_dense(what, view, [](const Tensor& v) { return update(v, -1, 0, v.slice(-1, 0, 1)); });
    same_as_dense(what, view, [](const Tensor& v) { return update(v, -1, 0, v); });
    same_as_dense(what, view, [](const Tensor& v) { return tril(v) + triu(v, 1); });
    same_as_dense(what, view, [](const Tensor& v) { return grad([](const Tensor& x) { return sum(x * x * x); })(v); });
  }
}

TEST(OddViews, ViewsOfResultsOfAPlanMayBeReturned) {
  auto f = [](const Tensor& x) {
    const Tensor y = x * 2;
    return std::vector<Tensor>{windows(y, 3, 3), flip(y, 2), flip(windows(x, 2, 2), 4), y + flip(y, 3)};
  };
  auto compiled = compile(f);
  auto frozen = freeze(f);
  const Tensors wanted = f(image());
  for (int turn = 0; turn < 2; ++turn)
    for (const Tensors& y : {compiled(image()), frozen(image())})
      for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(difference(wanted[i], y[i]), "") << i;
}

TEST(OddViews, PlansWithThemAreSound) {
  auto f = [](const Tensor& x) {
    Tensor y = x * 2;
    const Tensor w = windows(y, 2, 2);            // more elements than y has
    y = y + flip(y, 3);                           // reads y in two orders: not in place
    Tensor z = sum(w * w, {.axis = {4, 5}}) * 3;  // 2,3,5,5
    z = z + flip(flip(z, 2), 3);
    return sum(windows(z, 3, 3, 2, 2)) + sum(exp(y));
  };
  auto compiled = compile(f);
  EXPECT_EQ(difference(f(image()), compiled(image())), "");
  int plans = 0;
  for (const auto& plan : compiled.cache().plans()) {
    EXPECT_EQ(graph::memory_fault(plan->graph(), plan->executable(), plan->memory()), "");
    ++plans;
  }
  EXPECT_EQ(plans, 1);
}

// A temporary's storage is taken over where nobody else can see it. A view of itself would be somebody else.
TEST(OddViews, TemporariesAreNotOverwrittenWhileAViewReadsThem) {
  const Tensor x = image();
  auto fresh = [&] { return x + 0.5f; };
  const Tensor dense = fresh(), reversed = contiguous(flip(dense, 3));
  const Tensor wanted = dense + reversed;
  Tensor y = fresh();
  const Tensor back = flip(y, 3);
  EXPECT_EQ(difference(wanted, std::move(y) + back), "");
  EXPECT_EQ(difference(reversed, back), "");
  // The view itself as the temporary, and the only owner of its storage.
  const Tensor w = windows(dense, 3, 3), doubled = contiguous(w) * 2;
  EXPECT_EQ(difference(doubled, windows(fresh(), 3, 3) * 2), "");
  EXPECT_EQ(difference(reversed * 2, flip(fresh(), 3) * 2), "");
  Tensor only = windows(fresh(), 3, 3);
  only *= 2;
  EXPECT_EQ(difference(doubled, only), "");
  // As a donated argument of a compiled function.
  auto twice = compile([](Tensor& v) { v = v * 2; });
  for (int turn = 0; turn < 3; ++turn) {
    Tensor given = windows(fresh(), 3, 3), turned = flip(fresh(), 3), same = windows(fresh(), 2, 1, 1, 1, 5, 1);
    const Tensor same_twice = contiguous(same) * 2;
    twice(given), twice(turned), twice(same);
    EXPECT_EQ(difference(doubled, given), "");
    EXPECT_EQ(difference(reversed * 2, turned), "");
    EXPECT_EQ(difference(same_twice, same), "");
  }
}

TEST(OddViews, AnArgumentThatAViewOfItselfReadsIsNotDonated) {
  auto f = [](Tensor& v) { v = v + flip(v, 3) * 0.25f; };
  auto g = [](Tensor& v) { v = v + sum(windows(v, 1, 3), -1).reshape({2, 3, 6, 4}).slice(3, 0, 1); };
  auto compiled_f = compile(f);
  auto compiled_g = compile(g);
  for (int turn = 0; turn < 3; ++turn) {
    Tensor a = image() + 1, b = image() + 1;
    f(a), compiled_f(b);
    EXPECT_EQ(difference(a, b), "");
    g(a), compiled_g(b);
    EXPECT_EQ(difference(a, b), "");
  }
}

// Found by fuzz_onnx: a stride times a step that is not taken overflowed.
TEST(OddViews, AStepBeyondTheEndIsNotTaken) {
  const Tensor x = reshape(arange(6, f32), {2, 3});
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(slice_axis(x, 0, 1, 2, kHuge).to_vector(), (std::vector<float>{3, 4, 5}));
  EXPECT_EQ(slice_axis(flip(x, 0), 0, 0, 2, kHuge).to_vector(), (std::vector<float>{3, 4, 5}));
  EXPECT_EQ(slice_axis(x, 0, 0, 0, kHuge).numel(), 0);
  const auto f = [](const Tensor& t) { return sum(square(slice_axis(t, 0, 0, 2, kHuge))); };
  EXPECT_EQ(grad(f)(x).to_vector(), (std::vector<float>{0, 2, 4, 0, 0, 0}));
}

TEST(OddViews, AreViews) {
  const Tensor x = image();
  const uint64_t launches = thread_state.launches;
  const Tensor w = windows(x, 3, 2, 2, 1), first = w[0][0][0][0];
  EXPECT_EQ(w.shape(), (Shape{2, 3, 2, 5, 3, 2}));
  EXPECT_FALSE(w.is_contiguous());
  EXPECT_EQ(thread_state.launches, launches);
  EXPECT_EQ(first.to_vector<float>()[0], x.data<float>()[0]);
  EXPECT_EQ(windows(x, 1, 1).data<float>(), x.data<float>()) << "one place in every window: the image itself";
  EXPECT_EQ(windows(x, 6, 6).data<float>(), x.data<float>());
}

TEST(Update, WritesInPlaceWhereNobodyElseLooks) {
  Tensor x = image() + 0;
  const float* storage = x.data<float>();
  const Tensor value = full({2, 3, 1, 6}, 7);
  Tensor wanted = update(x, 2, 4, value);
  EXPECT_NE(wanted.data<float>(), storage);
  EXPECT_EQ(difference(image() + 0, x), "") << "the old value stands";
  x = update(std::move(x), 2, 4, value);
  EXPECT_EQ(x.data<float>(), storage);
  EXPECT_EQ(difference(wanted, x), "");
  // A value that replaces everything, given away, becomes the result; the old value stands.
  const Tensor old = x;
  Tensor all = image() * 3;
  const Tensor all_copy = all + 0;
  const float* theirs = all.data<float>();
  const Tensor y = update(x, 0, 0, std::move(all));
  EXPECT_EQ(y.data<float>(), theirs);
  EXPECT_EQ(difference(all_copy, y), "");
  EXPECT_EQ(difference(old, x), "");
}

TEST(Update, DoesNotWriteWhereSomebodyLooks) {
  const Tensor value = full({2, 3, 1, 6}, 7), untouched = image() + 0;
  {
    Tensor x = image() + 0;
    const Tensor row = x[1];
    x = update(std::move(x), 2, 0, value);
    EXPECT_EQ(difference(untouched[1], row), "");
  }
  {
    Tensor x = image() + 0;
    const Tensor other = x;
    x = update(std::move(x), 2, 0, value);
    EXPECT_EQ(difference(untouched, other), "");
  }
  {  // the value is a view of x
    Tensor x = image() + 0;
    const Tensor wanted = update(x, 2, 0, contiguous(x.slice(2, 1, 5)));
    x = update(std::move(x), 2, 0, x.slice(2, 1, 5));
    EXPECT_EQ(difference(wanted, x), "");
  }
  {  // the value is x
    Tensor x = image() + 0;
    x = update(std::move(x), 2, 0, x);
    EXPECT_EQ(difference(untouched, x), "");
  }
  {  // a tape may want the old value
    auto f = [&](const Tensor& w) {
      Tensor y = w * 1;
      const Tensor s = sum(square(y));
      y = update(std::move(y), 2, 0, value);
      return s + sum(square(y));
    };
    const Tensor g = grad(f)(untouched);
    const Tensor wanted = update(untouched * 4, 2, 0, untouched.slice(2, 0, 1) * 2);
    EXPECT_EQ(difference(wanted, g), "");
    EXPECT_EQ(difference(wanted, grad(compile(f))(untouched)), "");
  }
  {  // a bad call changes nothing
    Tensor x = image() + 0;
    EXPECT_THROW(update(std::move(x), 2, 6, value), ShapeError);
    EXPECT_EQ(difference(untouched, x), "");
  }
}

// --- orders of addition ---

/// Numbers whose sum depends on the order.
const std::vector<float> kUnlike = {1e8f, 1.f, -1e8f, 3e-3f, 1.f, 7e7f, -7e7f, 2.5f};

TEST(Orders, AnIndexMetAgainAddsInAscendingOrder) {
  const int64_t n = static_cast<int64_t>(kUnlike.size());
  const Tensor u = from_vector(kUnlike, {n}), zero = zeros({n}, i32);
  float sum = 0.5f;
  for (float v : kUnlike) sum += v;
  const Tensor base = full({2}, 0.5f);
  EXPECT_EQ(scatter_add_along_axis(base, zero, u, 0).to_vector<float>()[0], sum);
  // Along the first of two axes, each column for itself.
  const Tensor columns =
      scatter_add_along_axis(full({2, 3}, 0.5f), zeros({n, 1}, i64), reshape(u, {n, 1}) * ones({n, 3}), 0);
  EXPECT_EQ(columns.to_vector<float>(), (std::vector<float>{sum, sum, sum, 0.5f, 0.5f, 0.5f}));
}

TEST(Orders, OverlapsAddInAscendingPlaces) {
  // One row: element 7 lies in 8 windows of 8 places; place j is in window 7 − j.
  Values w(64, 0);
  for (size_t j = 0; j < 8; ++j) w[(7 - j) * 8 + j] = static_cast<double>(kUnlike[j]);
  const int64_t attrs[] = {1, 8, 1, 1, 1, 1, 1, 15};
  const Tensor y = call_op<Unwindows>(attrs, from_vector(w, {1, 8, 1, 8}).to(f32));
  float sum = 0;
  for (float v : kUnlike) sum += v;
  EXPECT_EQ(y.to_vector<float>()[7], sum);
}

/// Large calls are shared out; the parts must not show.
TEST(Orders, ThreadsDoNotChangeABit) {
  const Tensor x = normal(Key(5), {3, 4, 90, 91}), m = normal(Key(6), {400, 333});
  const Tensor k = argmax(normal(Key(7), {400, 333, 2}), -1), many = argmax(normal(Key(8), {400, 333, 9}), -1);
  auto all = [&] {
    const int64_t attrs[] = {3, 3, 2, 1, 1, 2, 90, 91};
    return Tensors{pad(x, {{1, 0}, {0, 2}, {3, 3}, {1, 5}}, -2.5f),
                   tril(m, -3),
                   triu(transpose(m), 7),
                   take_along_axis(m, many, 0),
                   take_along_axis(transpose(m), transpose(many), 1),
                   scatter_add_along_axis(m, many, m * 3, 0),
                   scatter_add_along_axis(m, many, m * 3, 1),
                   scatter_add_along_axis(transpose(m), transpose(k), transpose(m * 3), 0),
                   Tensor(call_op<Unwindows>(attrs, windows(x, 3, 3, 2, 1, 1, 2))),
                   update(x, 3, -5, x.slice(3, 0, 5)),
                   repeat(m, {2, 3}),
                   contiguous(windows(x, 3, 3)),
                   contiguous(flip(transpose(m), 0))};
  };
  cpu::set_threads(1);
  const Tensors wanted = all();
  for (int threads : {2, 3, 7}) {
    cpu::set_threads(threads);
    const Tensors y = all();
    for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(difference(wanted[i], y[i]), "") << i << ", " << threads;
  }
  cpu::set_threads(0);
}

}  // namespace
}  // namespace duet::testing
