// You learn: what a Tensor is. Making, looking, arithmetic with broadcasting, views, reductions, random numbers,
// errors. Names do not collide with the standard library's: this file uses both namespaces whole.
#include <duet/duet.h>
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <numeric>
#include <vector>

#include "lesson.h"

using namespace std;
using namespace duet;

int main() {
  // Numbers in braces; a shape and a vector; a shape and a rule.
  Tensor m = tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}});
  vector<float> numbers(6);
  iota(numbers.begin(), numbers.end(), 10.0f);
  Tensor n = from_vector(numbers, {2, 3});
  fmt::print("m = {}\nn = {}\n", m, n);
  cout << "arange(4, i32) = " << arange(4, i32) << "\n";

  // Operators work element by element. A C++ number takes the type of the tensor beside it.
  fmt::print("m + n / 2 = {}\n", m + n / 2);
  fmt::print("m > 2 = {}\n", m > 2);
  expect((m + n / 2)[1][2].item() == 6 + 15 / 2.0f, "arithmetic is the machine's");

  // Broadcasting, as in NumPy: missing axes and axes of 1 are repeated, without a copy.
  Tensor row = tensor({10.0, 20.0, 30.0}), column = tensor({{1.0}, {2.0}});
  fmt::print("column + row = {}\n", column + row);
  expect((column + row).shape() == Shape{2, 3}, "[2,1] + [3] is [2,3]");

  // Views share the storage of what they look at; values never change, so nobody can tell.
  Tensor t = m.transpose(), first = m.slice(1, 0, 2);
  fmt::print("transposed: {} (contiguous: {})\nfirst two columns: {}\n", t, t.is_contiguous(), first);
  expect(m.reshape({3, -1}).data() == m.data(), "reshape copies nothing");

  // x += y rebinds x to a new value: copies made before keep theirs.
  Tensor before = m;
  m += 100;
  fmt::print("m[0][0] is {}, its copy's {}\n", m[0][0].item(), before[0][0].item());
  expect(before[0][0].item() == 1, "a copy is a value");

  // Reductions over all axes, or some; of integers in i64, means in f32.
  fmt::print("sum = {}, row sums = {}, column means = {}\n", sum(before).item(), sum(before, 1), mean(before, 0));
  fmt::print("largest in each row: {} at {}\n", duet::max(before, {.axis = 1, .keepdims = true}), argmax(before, 1));
  Tensor labels = tensor({0, 2, 1, 1});
  fmt::print("one_hot: {}\n", one_hot(labels, 3));
  expect(sum(tensor({1, 2, 3})).dtype() == i64, "integers are summed in i64");

  // Matrices.
  Tensor product = matmul(before, before.transpose());
  fmt::print("m·mᵀ = {}\n", product);
  expect(product[1][1].item() == 4 * 4 + 5 * 5 + 6 * 6, "rows times columns");

  // Random numbers come from keys: the same key, the same numbers, on every machine.
  auto [k1, k2] = duet::split<2>(Key(2024));
  Tensor u = uniform(k1, {3}), again = uniform(duet::split<2>(Key(2024))[0], {3}), other = uniform(k2, {3});
  fmt::print("uniform: {} and from another key {}\n", u, other);
  expect(u.to_vector() == again.to_vector() && u.to_vector() != other.to_vector(), "a key is a seed");

  // Types never change in silence, and errors say what was given, what to do, and your line.
  for (auto mistake : {+[] {
                         matmul(ones({512, 64}), ones({32, 10}));
                       },
                       +[] {
                         tensor({1, 2}) * 0.5;
                       },
                       +[] {
                         ones({2, 3}) + ones({4});
                       }}) {
    bool thrown = false;
    try {
      mistake();
    } catch (const Error& e) {
      thrown = true;
      fmt::print("error: {}\n", e.what());
    }
    expect(thrown, "a mistake is an error");
  }
  // Where both libraries have a function of one name, the operands decide.
  Tensor v = tensor({-1.5, 0.5, 2.5});
  expect(clamp(v, v, v).to_vector() == v.to_vector() && clamp(v, 0, 1)[2].item() == 1 && pow(v, 2)[0].item() == 2.25f,
         "duet's clamp and pow");
  expect(floor(v)[0].item() == -2 && ceil(v)[1].item() == 1 && round(v)[2].item() == 2 && !isnan(v)[0] && !isinf(v)[1],
         "duet's rounding and tests");
  expect(clamp(7, 0, 5) == 5 && std::pow(2.0, 3) == 8 && floor(-0.5) == -1 && round(2.5) == 3 && isnan(NAN), "std's");
  // std's functions keep working beside duet's.
  expect(std::max(1, 2) == 2 && *max_element(numbers.begin(), numbers.end()) == 15 && std::abs(-1.5) == 1.5,
         "std is there");
}
