// You learn: who runs when. A function has host code (prints, counters, ifs) and tensor work. Eagerly both run
// together; compiled, host code runs at every call and tensor work comes from a plan; frozen, host code ran when it was
// recorded.
#include <duet/duet.h>
#include <fmt/format.h>

#include "lesson.h"

using namespace duet;

// The event log of a compiled or frozen function.
template <class F>
void print_events(const F& f) {
  const Explanation e = explain(f);
  for (const graph::Event& event : e.events)
    fmt::print("  event: {}: {}{} [{}]\n", event.what, event.why,
               event.count > 1 ? fmt::format(" ({} times)", event.count) : "", to_string(event.line));
  if (e.hits > 0) fmt::print("  plans found: {}\n", e.hits);
}

int main() {
  fmt::print("-- who runs when\n");
  int host_lines = 0;
  auto f = [&](const Tensor& x) {
    fmt::print("  host line {}\n", ++host_lines);
    return relu(x * 2.0f) + 1.0f;
  };
  Tensor x = tensor({-1.0, 0.0, 1.0});
  auto three_calls = [&](const char* mode, auto life, int expected) {
    host_lines = 0;
    for (int call = 1; call <= 3; ++call) {
      fmt::print("{} call {}\n", mode, call);
      Tensor y;
      Work work = work_of([&] { y = life(x); });
      fmt::print("  {} kernel{} -> {}\n", work.kernels, work.kernels == 1 ? "" : "s", y);
      expect(y.to_vector() == std::vector<float>{1, 1, 3}, "the same result in every mode");
    }
    expect(host_lines == expected, "host code: 3 times eager, 3 times compiled, twice and never again frozen");
    if constexpr (requires { life.cache(); }) print_events(life);
  };
  three_calls("eager", eager(f), 3);
  three_calls("compiled", compile(f), 3);
  three_calls("frozen", freeze(f), 2);  // twice at the first call: the recordings must agree

  fmt::print("-- a new shape is a new plan, a new number is not\n");
  auto step = compile([](Tensor& w, const Tensor& x, float lr) {
    Tensor y = matmul(x, w);             // f32[B,1]
    w -= lr * matmul(x.transpose(), y);  // lr is read at each run
    return mean(square(y));
  });
  Tensor w = ones({4, 1});
  float lr = 0.01f;
  for (int64_t batch : {32, 32, 29}) {
    fmt::print("  batch {}, lr {:.4f}: {:.4f}\n", batch, lr, step(w, ones({batch, 4}), lr).item());
    lr *= 0.5f;
  }
  print_events(step);
  expect(explain(step).plans.size() == 2 && explain(step).hits == 1, "32 and 29 rows are two plans, lr none");

  fmt::print("-- host code that looks at a value splits the graph\n");
  auto clip = compile([](const Tensor& x) {
    Tensor norm = sqrt(sum(square(x)));
    if (norm.item() > 1) return x / norm;  // the plan so far runs; recording goes on
    return x * 1.0f;
  });
  for (Tensor v : {tensor({3.0, 4.0}), tensor({0.25, 0.5}), tensor({6.0, 8.0})}) fmt::print("  {} -> {}\n", v, clip(v));
  print_events(clip);
  expect(explain(clip).plans.size() == 3 && explain(clip).hits == 3, "a plan before the branch, one for each side");

  fmt::print("-- compiled: side effects happen as written; frozen: they are refused\n");
  std::vector<Tensor> history;
  float counter = 0;
  auto g = [&](const Tensor& x) {
    Tensor y = x * (counter += 1);
    history.push_back(y);  // kept by host code: becomes an output of the plan
    return y + 1.0f;
  };
  auto compiled = compile(g);
  for (int i = 0; i < 3; ++i) compiled(x);
  fmt::print("  kept: {} {} {}\n", history[0], history[1], history[2]);
  expect(history[2].to_vector() == std::vector<float>{-3, 0, 3}, "the counter is seen at every call");
  try {
    freeze(g)(x);
    expect(false, "freeze refuses a function that is not pure");
  } catch (const TraceError& e) {
    fmt::print("  {}\n", e.what());
  }
}
