// Every public function is called wrongly in every way that its arguments have: see call.h and check.h.
#include <cstdlib>

#include "bad_calls/array_calls.h"
#include "bad_calls/check.h"
#include "bad_calls/host_calls.h"
#include "bad_calls/make_calls.h"
#include "bad_calls/neural_calls.h"
#include "bad_calls/pointwise_calls.h"
#include "bad_calls/transform_calls.h"

namespace duet::bad {
namespace {

void report(const char* title, const Tally& tally) {
  fmt::print("{}: {} wrong calls of {} functions, made {} times\n", title, tally.calls, tally.functions.size(),
             tally.made);
  for (const auto& [family, n] : tally.by_family) fmt::print("  {:<14} {:>6}\n", family, n);
  for (const std::string& f : tally.failures) ADD_FAILURE() << f;
}

TEST(BadCalls, EveryFunction) {
  std::vector<Function> all;
  add_pointwise(all);
  add_reductions(all);
  add_movements(all);
  add_indexing(all);
  add_products(all);
  add_neural(all);
  add_layers(all);
  add_creation(all);
  add_random(all);
  add_training(all);
  add_transforms(all);
  const TempFolder folder;
  add_host(all, folder);
  // With sanitizers most of them, of one wrong argument, and a few of two.
  const char* size = std::getenv("DUET_TEST_SIZE");
  const bool small = size != nullptr && std::string_view(size) == "small";
  Tally tally;
  for (const Function& f : all) Checker(f, tally, small ? 2 : 40);
  report("bad calls", tally);
  EXPECT_GE(tally.calls, small ? 5'000 : 10'000);
  EXPECT_GE(tally.functions.size(), 150u);
}

}  // namespace
}  // namespace duet::bad
