#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <set>

#include "io/onnx_file.h"
#include "target.h"

using namespace duet;
using namespace duet::fuzz_files;

namespace {

// A network that is called may ask for what it likes. Here it gets this many blocks of at most this size, and errors of
// having no memory for more: tensors are all that is allocated with an alignment.
constexpr size_t kLargestBlock = 1 << 20;
constexpr int kBlocks = 2'000;
std::atomic<bool> running = false;
std::atomic<int> blocks = 0;

constexpr int64_t kMany = 64, kRefused = int64_t{1} << 40;
bool loops(double number) { return std::abs(number) > kMany && std::abs(number) < kRefused; }
bool loops(const Tensor& t) {
  for (int i = 0; i < t.rank(); ++i)
    if (t.shape(i) > kMany) return true;
  const auto numbers = cast(t, f64).to_vector<double>();
  return std::any_of(numbers.begin(), numbers.end(), [](double v) { return loops(v); });
}

// Not run is what goes round as often, or makes a list as long, as a number in the file says: those numbers are small,
// or too large for anything.
bool runs_in_short_time(const io::OnnxModel& m) {
  if (m.nodes.size() > kMany || m.inputs.size() > kMany) return false;
  for (const auto& [name, tensor] : m.initializers)
    if (loops(tensor)) return false;
  std::set<std::string> computed;
  for (const io::OnnxNode& n : m.nodes) {
    for (const io::OnnxAttribute& a : n.attributes)
      if (loops(static_cast<double>(a.i)) || (a.t.defined() && loops(a.t)) ||
          std::any_of(a.ints.begin(), a.ints.end(), [](int64_t i) { return loops(static_cast<double>(i)); }))
        return false;
    const auto is = [&](const char* op) { return n.op == op; };
    if ((is("GRU") || is("LSTM") || is("RNN") || is("Resize") || is("Upsample") || is("Pad")) &&
        std::any_of(n.inputs.begin(), n.inputs.end(), [&](const std::string& i) { return computed.contains(i); }))
      return false;
    computed.insert(n.outputs.begin(), n.outputs.end());
  }
  return true;
}

// What an input is given goes by the first letter of its name.
Tensor argument(const std::string& input) {
  switch (input.empty() ? ' ' : input[0]) {
    case 'i':
      return from_vector<int64_t>({1, 2}, {2});
    case 'b':
      return from_vector<float>({0, 1, 0, 1, 1, 0}, {2, 3}) > 0;
    case 'X':
      return reshape(arange(32, f32), {1, 2, 4, 4});
    default:
      return from_vector<float>({-1, 0, 1, 2, 3, 60}, {2, 3});
  }
}

void run(const onnx::Function& f) {
  std::vector<Tensor> arguments;
  for (const std::string& input : f.inputs()) arguments.push_back(argument(input));
  running = true, blocks = 0;
  try {
    require(f(arguments).size() == f.outputs().size(), "not as many results as outputs");
  } catch (const Error&) {
  }
  running = false;
}

}  // namespace

extern "C" void* __real_aligned_alloc(size_t, size_t);
extern "C" void* __wrap_aligned_alloc(size_t alignment, size_t bytes) {
  if (!running || (bytes <= kLargestBlock && ++blocks <= kBlocks)) return __real_aligned_alloc(alignment, bytes);
  errno = ENOMEM;
  return nullptr;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const File file(bytes, size);
  const int64_t before = memory_stats().live_bytes;
  {
    // A tensor without elements, or of one number, is some bytes of the file and a block of 192.
    const Budget budget(size, 32);
    const auto read = read_or_refuse([&] { return onnx::load(file.path()); });
    budget.check();
    if (read) {
      const auto again = onnx::load(file.path());
      require(again.inputs() == read->inputs() && again.outputs() == read->outputs() &&
                  again.shape_inputs() == read->shape_inputs(),
              "loaded twice, it is another function");
      if (runs_in_short_time(io::parse_onnx_model("fuzz_onnx", {bytes, size}))) run(*read);
    }
  }
  require(memory_stats().live_bytes == before, "memory is lost");
  return 0;
}
