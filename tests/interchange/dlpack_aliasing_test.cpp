// Nobody writes into memory that others see through DLPack, in any mode.
#include "dlpack_peers.h"
#include "modes.h"

using namespace duet;
using expect::bits;

namespace {

TEST(Dlpack, NothingIsComputedInPlaceInForeignStorage) {
  const auto step = [](Tensor& x, const Tensor& y) {
    x += y;
    x = exp(std::move(x) * 0.5f) + 1;
    return sum(x);
  };
  const auto functional = [](Tensor x, const Tensor& y) { return relu((std::move(x) + y) * 2) - y; };
  Tensor expected = from_vector<float>(kSix, {2, 3});
  const Tensor y = from_vector<float>({6, 5, 4, 3, 2, 1}, {2, 3});
  step(expected, y);
  const std::string after = bits(functional(from_vector<float>(kSix, {2, 3}), y));

  const auto check_calls = [&](const auto& in_place, const auto& moved) {
    for (const bool through_a_view : {false, true}) {
      Producer<float> p = six(), q = six();
      for (int call = 0; call < 3; ++call) {
        Tensor x = from_dlpack(&p.managed), z = from_dlpack(&q.managed);
        if (through_a_view) x = x.reshape({3, 2}).reshape({2, 3}), z = z.reshape({2, 3});
        in_place(x, y);
        EXPECT_EQ(bits(x), bits(expected));
        EXPECT_EQ(bits(moved(std::move(z), y)), after);
      }
      EXPECT_EQ(p.elements, kSix);
      EXPECT_EQ(q.elements, kSix);
      EXPECT_EQ(p.given_back, 3);
      EXPECT_EQ(q.given_back, 3);
    }
  };
  check_calls(step, functional);
  check_calls(compile(step), compile(functional));
  check_calls(freeze(step), freeze(functional));

  // A temporary in an expression, which an eager operation would compute in.
  Producer<float> p = six();
  EXPECT_EQ((from_dlpack(&p.managed) + 1).to_vector(), (std::vector<float>{2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(update(from_dlpack(&p.managed), 0, 1, zeros({1, 3})).to_vector(), (std::vector<float>{1, 2, 3, 0, 0, 0}));
  EXPECT_EQ(p.elements, kSix);
  EXPECT_EQ(p.given_back, 2);
}

TEST(Dlpack, WhatWasHandedOutDoesNotChange) {
  const auto step = [](Tensor& x) {
    x += 1;
    return sum(x);
  };
  const auto check_calls = [&](const auto& f) {
    Tensor x = from_vector<float>(kSix, {2, 3});
    f(x), f(x);  // solely owned: computed in place
    const std::vector<float> values = x.to_vector();
    dlpack::ManagedTensor* managed = to_dlpack(x);
    f(x);
    EXPECT_EQ(read<float>(managed->dl_tensor), values);
    EXPECT_EQ(x.to_vector()[0], values[0] + 1);
    managed->deleter(managed);
    EXPECT_EQ(x.to_vector()[0], values[0] + 1);
  };
  check_calls(step);
  check_calls(compile(step));
  check_calls(freeze(step));
}

TEST(Dlpack, InsideCompiledAndDifferentiatedFunctions) {
  Producer<float> p = six();
  std::vector<float> seen;
  const auto f = [&](const Tensor& x) {
    const Tensor y = x * 2;
    dlpack::ManagedTensor* managed = to_dlpack(y);  // runs what was recorded
    seen = read<float>(managed->dl_tensor);
    managed->deleter(managed);
    return sum(y * from_dlpack(&p.managed));
  };
  const auto g = compile(value_and_grad(f));
  const Tensor x = from_vector<float>({1, 1, 1, 2, 2, 2}, {2, 3});
  for (int i = 0; i < 2; ++i) {
    auto [loss, dx] = g(x);
    EXPECT_EQ(seen, (std::vector<float>{2, 2, 2, 4, 4, 4}));
    EXPECT_EQ(loss.item(), 72);
    EXPECT_EQ(dx.to_vector(), (std::vector<float>{2, 4, 6, 8, 10, 12}));
  }
  EXPECT_EQ(p.given_back, 2);
  EXPECT_THROW(freeze(f)(x), TraceError);
  EXPECT_THROW(vmap([](const Tensor& t) { return to_dlpack(t) != nullptr ? t : t; })(x), TraceError);
  expect::clean_thread();
}

}  // namespace
