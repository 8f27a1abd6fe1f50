// What duet itself costs beside its kernels, a row for each thing it does: `overhead` takes the time, and under
// valgrind `overhead --once` runs each row once for overhead.sh to count its instructions.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "duet/duet.h"

using namespace duet;

namespace {

constexpr int kOps = 60;
// Nothing is learnt: after some thousand steps on one batch gradients and moments would be denormal, and slow.
constexpr float kRate = 1e-12f;

Tensor chain(const Tensor& x) {
  Tensor y = x;
  for (int i = 0; i < kOps; ++i) y = y + x;
  return y;
}
// Products, whose gradients are operations: two for each, as the left operand is a result and the right one a leaf.
Tensor products(const Tensor& x) {
  Tensor y = x;
  for (int i = 0; i < kOps; ++i) y = y * x;
  return y;
}

struct Mlp {
  nn::Linear first, second, out;
};
Tensor loss(const Mlp& m, const Tensor& x, const Tensor& y) {
  return cross_entropy(m.out(relu(m.second(relu(m.first(x))))), y);
}
Tensor train(Mlp& m, optim::Adam& adam, const Tensor& x, const Tensor& y, float lr) {
  auto [l, g] = value_and_grad(loss)(m, x, y);
  adam.update(m, g, lr);
  return l;
}
struct Digits {
  Digits() {
    auto [k1, k2, k3, k4, k5] = split<5>(Key(7));
    m = {nn::Linear::init(64, 128, k1), nn::Linear::init(128, 64, k2), nn::Linear::init(64, 10, k3)};
    adam = optim::Adam::init(m);
    x = uniform(k4, {1, 64});
    y = (uniform(k5, {1}) * 10.0f).to(i32);
  }
  Mlp m;
  optim::Adam adam;
  Tensor x, y;
};

struct Row {
  const char* name;
  int ops;  // what the figure is divided by
  void (*run)(Row& row);
  Tensor a, b;
};

/// The one function whose instructions are counted.
extern "C" [[gnu::noinline]] void duet_measured(Row* row) { row->run(*row); }

Digits& digits() {
  static Digits d;
  return d;
}

Row rows[] = {
    {"eager add, 1 float", kOps,
     [](Row& r) {
       for (int i = 0; i < kOps; ++i) Tensor y = r.a + r.b;
     },
     ones({1}), ones({1})},
    {"eager add, 1,024 floats", kOps,
     [](Row& r) {
       for (int i = 0; i < kOps; ++i) Tensor y = r.a + r.b;
     },
     ones({1024}), ones({1024})},
    {"eager (x + y) * z, 1 float", 2 * kOps,
     [](Row& r) {
       for (int i = 0; i < kOps; ++i) Tensor y = (r.a + r.b) * r.a;
     },
     ones({1}), ones({1})},
    {"eager x * 2, 1 float",
     kOps,
     [](Row& r) {
       for (int i = 0; i < kOps; ++i) Tensor y = r.a * 2.0f;
     },
     ones({1}),
     {}},
    {"eager add of a row, f32[8,8] + f32[8]", kOps,
     [](Row& r) {
       for (int i = 0; i < kOps; ++i) Tensor y = r.a + r.b;
     },
     ones({8, 8}), ones({8})},
    {"eager add with a tape, 1 float",
     kOps,
     [](Row& r) {
       Tape tape;
       Tensor x = r.a;
       tape.watch(x);
       chain(x);
     },
     ones({1}),
     {}},
    {"eager mul with a tape, 1 float",
     kOps,
     [](Row& r) {
       Tape tape;
       Tensor x = r.a;
       tape.watch(x);
       products(x);
     },
     ones({1}),
     {}},
    {"eager gradient of 60 mul, a mul",
     kOps,
     [](Row& r) { grad([](const Tensor& x) { return products(x); })(r.a); },
     ones({1}),
     {}},
    {"record add",
     kOps,
     [](Row& r) {
       static graph::PlanCache& cache = *new graph::PlanCache;
       graph::Recording recording(cache, false);
       chain(r.a);
     },
     ones({1}),
     {}},
    {"compiled call of 60 add",
     1,
     [](Row& r) {
       static const auto f = compile(chain);
       f(r.a);
     },
     ones({1}),
     {}},
    {"frozen call of 60 add",
     1,
     [](Row& r) {
       static const auto f = freeze(chain);
       f(r.a);
     },
     ones({1}),
     {}},
    {"eager digits step",
     1,
     [](Row&) {
       Digits& d = digits();
       train(d.m, d.adam, d.x, d.y, kRate);
     },
     {},
     {}},
    {"compiled digits step",
     1,
     [](Row&) {
       static const auto f = compile(train);
       Digits& d = digits();
       f(d.m, d.adam, d.x, d.y, kRate);
     },
     {},
     {}},
    {"frozen digits step",
     1,
     [](Row&) {
       static const auto f = freeze(train);
       Digits& d = digits();
       f(d.m, d.adam, d.x, d.y, kRate);
     },
     {},
     {}},
};

double nanoseconds(Row& row, int times) {
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < times; ++i) duet_measured(&row);
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
  return took.count() / times / row.ops;
}

}  // namespace

int main(int argc, char** argv) {
  set_threads(1);
  const bool once = argc > 1 && std::strcmp(argv[1], "--once") == 0;
  // Caches are filled, plans made and arrays grown before anything is counted.
  for (Row& row : rows)
    for (int i = 0; i < 3; ++i) row.run(row);
  if (once) {
    for (Row& row : rows) {
      duet_measured(&row);
      fmt::print("{}\t{}\n", row.ops, row.name);
    }
    return 0;
  }
  std::vector<double> best(std::size(rows), 1e30);
  for (int round = 0; round < 60; ++round)
    for (size_t i = 0; i < std::size(rows); ++i)
      best[i] = std::min(best[i], nanoseconds(rows[i], rows[i].ops == 1 ? 60 : 20));
  for (size_t i = 0; i < std::size(rows); ++i) fmt::print("{:10.1f}\t{}\n", best[i], rows[i].name);
}
