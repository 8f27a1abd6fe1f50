// Every case of the benchmarks, small: its three lives run and give the same bits, close to those of an f64 run.
#include "case.h"

#include <gtest/gtest.h>

#include <set>

namespace {

using namespace bench;

class Cases : public testing::TestWithParam<size_t> {};

TEST_P(Cases, LivesAreEqual) {
  const Case& c = cases()[GetParam()];
  std::unique_ptr<Program> program = c.make(c.tiny);
  const Check check = program->check();
  EXPECT_EQ(check.difference, "") << c.name;
  EXPECT_LT(check.error, 0.05) << c.name;
  for (Mode mode : kModes) {
    program->call(mode, 2);
    EXPECT_GT(program->cost(mode).kernels, 0) << c.name << " " << name(mode);
  }
  EXPECT_GT(program->work().bytes, 0);
}

std::string case_name(const testing::TestParamInfo<size_t>& info) {
  std::string name = cases()[info.param].name;
  std::replace_if(
      name.begin(), name.end(), [](char ch) { return std::isalnum(static_cast<unsigned char>(ch)) == 0; }, '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, Cases, testing::Range(size_t{0}, cases().size()), case_name);

TEST(CasesTable, NamesDiffer) {
  std::set<std::string> names;
  for (const Case& c : cases()) EXPECT_TRUE(names.insert(c.name).second) << c.name;
}

TEST(CasesTable, ErrorsAreSeen) {
  const std::vector<Tensor> exact{from_vector(std::vector<double>{1, -4}, {2}), zeros({1}, f64)};
  EXPECT_EQ(error_against({from_vector(std::vector<float>{1, -4}, {2}), zeros({1})}, exact), 0);
  EXPECT_EQ(error_against({from_vector(std::vector<float>{1.5, -4}, {2}), zeros({1})}, exact), 0.125);
  EXPECT_EQ(error_against({from_vector(std::vector<float>{1, -4}, {2}), ones({1})}, exact), 1 / 4e-3);
}

}  // namespace
