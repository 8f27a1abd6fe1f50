// Every operation of every list is called wrongly by its samples: with operands that are empty, dead or of a type that
// it has not, and by its record with too few and too many operands.
#include "bad_calls/check.h"
#include "ops/samples.h"

namespace duet::bad {
namespace {

using testing::Sample;

/// What an operation's samples show of it: some of them, as different as they come.
std::vector<Sample> some_of(std::vector<Sample> all, size_t most) {
  std::erase_if(all, [](const Sample& s) { return s.inputs.empty(); });
  std::vector<Sample> some;
  const size_t step = std::max<size_t>(1, all.size() / most);
  for (size_t i = 0; i < all.size() && some.size() < most; i += step) some.push_back(std::move(all[i]));
  return some;
}

std::string class_of(const std::function<void()>& call, std::string& message) {
  try {
    call();
  } catch (const Error& e) {
    message = e.what();
    return typeid(e).name();
  } catch (const std::exception& e) {
    return std::string("not a duet::Error: ") + e.what();
  }
  return "nothing";
}

TEST(BadCalls, EveryOperationOfEveryList) {
  int64_t calls = 0, operations = 0, wrong = 0;
  auto complain = [&](const std::string& what) {
    if (++wrong < 100) ADD_FAILURE() << what;
  };
  for (const testing::Sampled& op : testing::every_op()) {
    ++operations;
    for (const Sample& s : some_of(op.samples(), 4)) {
      auto f = [&s](const Tensors& x) { return s.f(x, testing::kNumber); };
      const std::string good = expect::bits(f(s.inputs));
      for (size_t i = 0; i < s.inputs.size(); ++i) {
        const std::pair<const char*, Tensor> spoilt[] = {
            {"empty", Tensor()},
            {"never computed", never_computed(s.inputs[i])},
            {"example", s.inputs[i].rank() < kMaxRank ? leaked_example(s.inputs[i]) : Tensor()}};
        // These may give back their operand as it is, without a look at its elements.
        const bool passes_on = op.name == "copy" || op.name == "alias" || op.name == "pad";
        for (const auto& [what, t] : spoilt) {
          if (t.defined() && (passes_on || t.rank() != s.inputs[i].rank())) continue;
          Tensors x = s.inputs;
          x[i] = t;
          const std::string title = fmt::format("{}: operand {} {}", s.what, i + 1, what);
          std::string message;
          const std::string eager = class_of([&] { f(x); }, message);
          ++calls;
          const bool no_key = message.starts_with("Key: ");  // a DTypeError: an empty Tensor is none
          if (eager != typeid(Error).name() && eager != typeid(TraceError).name() && !no_key)
            complain(title + ": " + eager + " " + message);
          else if (message.find(": ") == message.npos || message.find("; ") == message.npos)
            complain(title + ": " + message);
          auto compiled = compile(f);
          auto frozen = freeze(f);
          if (std::string c = class_of([&] { compiled(x); }, message); c != eager) complain(title + ", compiled: " + c);
          if (std::string c = class_of([&] { frozen(x); }, message); c != eager) complain(title + ", frozen: " + c);
          if (thread_state.trace != nullptr || thread_state.tape != nullptr || thread_state.batch != nullptr ||
              thread_state.line.file != nullptr)
            complain(title + ": leaves something behind");
          if (expect::bits(compiled(s.inputs)) != good) complain(title + ": the next good call gives other bits");
        }
      }
    }
    // By the record: users' own operations are called so.
    const OpRecord& record = *op.op;
    if (record.inputs < 0) continue;
    const Tensor t = ones({2});
    for (int n : {0, record.inputs - 1, record.inputs + 1, 64}) {
      if (n < 0 || n == record.inputs || (n == 0 && record.inputs == 0)) continue;
      const Operand operand(t);
      const std::vector<Inputs::Ref> refs(static_cast<size_t>(n), Inputs::Ref(operand));
      const int64_t attrs[16] = {};
      std::string message;
      const std::string thrown =
          class_of([&] { dispatch(record, Inputs(std::span<const Inputs::Ref>(refs)), attrs); }, message);
      ++calls;
      const std::string wanted = fmt::format("{}: takes {} operand{}: {} given; give as many", std::string(record.name),
                                             record.inputs, record.inputs == 1 ? "" : "s", n);
      if (thrown != typeid(ShapeError).name() || !message.starts_with(wanted))
        complain(fmt::format("{} with {} operands: {} {}", std::string(record.name), n, thrown, message));
    }
  }
  fmt::print("bad calls: {} of {} operations by their samples and records\n", calls, operations);
  EXPECT_EQ(wrong, 0);
  EXPECT_GE(calls, 1'500);
}

}  // namespace
}  // namespace duet::bad
