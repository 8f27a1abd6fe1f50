// A program for explain_environment_test: compiled and frozen functions that die in different ways.
#include <duet/duet.h>

using namespace duet;

Tensor f(const Tensor& x, float rate) { return softmax(x * rate, -1) + 1.0f; }

auto global = compile(&f);

int main() {
  const Tensor x = uniform(Key(1), {4, 8});
  std::vector<Tensor> results = {f(x, 0.5f), global(x, 0.5f)};
  {
    auto frozen = freeze(&f);
    results.push_back(frozen(x, 0.5f));
  }
  auto never_called = compile(&f);
  static auto* const last = new auto(compile(&f));  // never destroyed
  results.push_back((*last)(x, 0.5f));
  Tensor changed = x;
  auto throws = compile([](Tensor& t) {
    t = t * 2.0f;
    check<Error>(false, "on purpose");
  });
  try {
    throws(changed);
  } catch (const Error&) {
  }
  results.push_back(changed);
  for (const Tensor& t : results) fmt::print("{}\n", bits_hash(t));
  fmt::print("{}\n", to_string(explain(global)).substr(0, 75));
  std::exit(0);  // `throws` and `never_called` are not destroyed either
}
