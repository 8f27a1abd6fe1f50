// A program of six operations for the lessons on DUET_DEBUG and on the debugger.
#include <duet/duet.h>

using namespace duet;

Tensor energy(const Tensor& x) {
  Tensor y = tanh(x * 2.0f);
  return sum(square(y));
}

int main() {
  Tensor x = tensor({0.25f, -0.5f, 1.0f});
  Tensor e = energy(x);
  const auto operations = thread_state.dispatches;
  auto compiled = compile([](const Tensor& v) {
    Tensor e = energy(v);
    if (e.item() > 1) return v / e;
    return v * 1.0f;
  });
  Tensor y = compiled(x);
  y = compiled(x);
  fmt::print("operations {}, then {}\n", operations, thread_state.dispatches);
  return e.defined() && y.defined() ? 0 : 1;
}
