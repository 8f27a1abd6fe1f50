#include "cuda/launch.h"

#include <fmt/format.h>

#include <algorithm>

#include "cuda/record.h"
#include "duet/core/error.h"

namespace duet::cuda {
namespace {

Handle module_of(State& s, int index) {
  const auto i = static_cast<size_t>(index);
  if (i >= s.modules.size()) s.modules.resize(i + 1);
  if (s.modules[i] != nullptr) return s.modules[i];
  const Image& im = image(index);
  const bool fake = availability().driver->hosts_kernels;
  check<DeviceError>(im.data != nullptr || fake,
                     "{}: this build of duet has no kernels for it: it was built without "
                     "the CUDA toolkit (DUET_CUDA=ON says why)",
                     s.device);
  const Result code = availability().driver->module_load(&s.modules[i], im.data);
  if (code != 0) s.modules[i] = nullptr;
  check_result(s, code, "cuModuleLoadData", fmt::format(" of {}", im.name));
  return s.modules[i];
}

Handle function_of(State& s, const kernel::Kernel& k, std::initializer_list<int> arguments) {
  FunctionKey key{&k, 0};
  for (int a : arguments) key.arguments = key.arguments << 16 | static_cast<uint64_t>(a);
  const auto found = s.functions.find(key);
  if (found != s.functions.end()) return found->second;
  const kernel::Name name = name_of(k, arguments.begin(), static_cast<int>(arguments.size()));
  Handle function = nullptr;
  check_result(s, availability().driver->module_function(&function, module_of(s, k.image), name.text),
               "cuModuleGetFunction", fmt::format(" of {}", name.text));
  s.functions.emplace(key, function);
  return function;
}

// What is recorded asks the driver for nothing: its functions are known from the run before.
void use_context(State& s) {
  if (Replay::active() == nullptr)
    check_result(s, availability().driver->context_set(s.context), "cuCtxSetCurrent");
}

void launch(State& s, Handle function, std::string_view what, const void* call, size_t call_bytes, int64_t blocks,
            int threads) {
  const Driver& d = *availability().driver;
  const auto grid = static_cast<unsigned>(std::clamp<int64_t>(blocks, 1, 0x7fffffff));
  if (Replay* replay = Replay::active())
    return replay->add(function, grid, static_cast<unsigned>(threads), call, call_bytes);
  void* parameters[] = {const_cast<void*>(call)};
  const Result code =
      d.launch(function, grid, 1, 1, static_cast<unsigned>(threads), 1, 1, 0, s.stream, parameters, nullptr);
  if (code != 0) check_result(s, code, "cuLaunchKernel", fmt::format(" of {} ({} x {})", what, grid, threads));
}

}  // namespace

void launch_kernel(State& s, const kernel::Kernel& k, std::initializer_list<int> arguments, const void* call,
                   size_t call_bytes, int64_t blocks, int threads) {
  const std::lock_guard lock(s.mutex);
  use_context(s);
  launch(s, function_of(s, k, arguments), thread_state.op, call, call_bytes, blocks, threads);
}

void launch_function(State& s, Handle function, std::string_view what, const void* call, size_t call_bytes,
                     int64_t blocks, int threads) {
  const std::lock_guard lock(s.mutex);
  use_context(s);
  launch(s, function, what, call, call_bytes, blocks, threads);
}

int64_t blocks_for(const State& s, int64_t n, int threads) {
  // As many as a device works on at once, twice over so that none waits for the last: more only take turns.
  const int64_t most = int64_t{s.processors} * (2 * 2048 / threads);
  return std::min<int64_t>((n + threads - 1) / threads, most);
}

}  // namespace duet::cuda
