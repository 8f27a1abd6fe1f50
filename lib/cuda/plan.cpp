#include "cuda/plan.h"

#include <fmt/format.h>

#include <chrono>

#include "cuda/compiler.h"
#include "cuda/disk_cache.h"
#include "cuda/launch.h"
#include "cuda/run.h"
#include "duet/core/error.h"
#include "duet/ops/create.h"
#include "duet/ops/movement.h"
#include "graph/show.h"

namespace duet::cuda {
namespace {

// The device's architecture as compilers name it.
std::string arch_of(Device device) {
  State& s = state(device);
  const Driver& d = *availability().driver;
  constexpr int kMajor = 75, kMinor = 76;
  int handle = 0, major = 0, minor = 0;
  check_result(s, d.device_get(&handle, device.index()), "cuDeviceGet");
  check_result(s, d.device_attribute(&major, kMajor, handle), "cuDeviceGetAttribute");
  check_result(s, d.device_attribute(&minor, kMinor, handle), "cuDeviceGetAttribute");
  return fmt::format("sm_{}{}", major, minor);
}

// The image of a program, from disk where an earlier process left it.
std::vector<char> compiled(const std::string& source, Device device, PlanOnDevice::Made& made) {
  std::string why;
  const Compiler* c = compiler(why);
  check<DeviceError>(c != nullptr, "compile: {}: {}; or write eager", device, why);
  const std::string arch = arch_of(device), version = c->version();
  made.compiler = fmt::format("NVRTC {}, {}", version, arch);
  std::vector<char> image;
  const std::string key = c->keeps_images ? cache_key(source, arch, version) : "";
  if (c->keeps_images && read_cached(key, image)) {
    made.from_disk = true;
    return image;
  }
  std::string log;
  if (!c->compile(source, arch, image, log))
    fail<Error>("duet internal error: a generated kernel does not compile: {}; please report it", log);
  if (c->keeps_images) write_cached(key, image);
  return image;
}

}  // namespace

PlanOnDevice::PlanOnDevice(const graph::Graph& g, const graph::Executable& e, Device device)
    : g_(g), e_(e), device_(device), program_(generate(g, e)) {
  for (GeneratedLaunch& launch : program_.launches)
    for (auto* kernels : {&launch.before, &launch.behind})
      for (GeneratedKernel& k : *kernels) k.number = made_.kernels++;
  const auto start = std::chrono::steady_clock::now();
  if (!program_.source.empty()) image_ = compiled(program_.source, device, made_);
  made_.time_us = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
}

PlanOnDevice::~PlanOnDevice() {
  if (module_ != nullptr && !life_.expired()) availability().driver->module_unload(module_);
}

int64_t PlanOnDevice::scratch_bytes() const {
  int64_t most = 0;
  for (const GeneratedLaunch& launch : program_.launches)
    for (const auto* kernels : {&launch.before, &launch.behind})
      for (const GeneratedKernel& k : *kernels) most = std::max(most, k.scratch_bytes);
  return most;
}

void PlanOnDevice::load(State& s) const {
  const std::lock_guard lock(mutex_);
  if (image_.empty() || (module_ != nullptr && !life_.expired())) return;
  const Driver& d = *availability().driver;
  functions_.clear();
  module_ = nullptr;
  check_result(s, d.context_set(s.context), "cuCtxSetCurrent");
  Handle module = nullptr;
  check_result(s, d.module_load(&module, image_.data()), "cuModuleLoadData", " of a plan");
  std::vector<Handle> functions(made_.kernels);
  try {
    for (const GeneratedLaunch& launch : program_.launches)
      for (const auto* kernels : {&launch.before, &launch.behind})
        for (const GeneratedKernel& k : *kernels)
          check_result(s, d.module_function(&functions[k.number], module, k.name.c_str()), "cuModuleGetFunction",
                       fmt::format(" of {}", k.name));
  } catch (...) {
    d.module_unload(module);
    throw;
  }
  functions_ = std::move(functions);
  module_ = module;
  life_ = s.life;
}

Strided PlanOnDevice::strided(int v, const std::vector<char*>& base) const {
  return graph::strided(v, g_, e_.layouts, base);
}

void PlanOnDevice::run_kernels(State& s, const graph::Launch& l, const std::vector<GeneratedKernel>& kernels,
                               size_t launch, const std::vector<char*>& base, char* arena) const {
  thread_local std::vector<uint64_t> words;
  auto address = [](const void* p) { return static_cast<uint64_t>(reinterpret_cast<uintptr_t>(p)); };
  for (const GeneratedKernel& k : kernels) {
    const size_t first = k.which >= 0 ? 1 : 0;
    words.assign(std::max(k.parameters.size() + first, k.words), 0);
    if (first != 0) words[0] = static_cast<uint64_t>(k.which);
    for (size_t i = first; i < k.parameters.size() + first; ++i) {
      const Parameter& p = k.parameters[i - first];
      const auto at = static_cast<size_t>(p.index);
      switch (p.kind) {
        case Parameter::Kind::source: {
          const Strided x = strided(l.sources[at], base);
          words[i] = g_.value(e_.layouts[static_cast<size_t>(l.sources[at])].root).origin == graph::Origin::number
                         ? static_cast<const Number8*>(x.data)->bits
                         : address(x.data);
          break;
        }
        case Parameter::Kind::result:
          words[i] = address(base[static_cast<size_t>(l.results[at])]);
          break;
        case Parameter::Kind::shared:
          words[i] = address(arena + e_.workspace_offset[launch] + l.shared[at]);
          break;
        case Parameter::Kind::scratch:
          words[i] = address(arena + e_.arena_bytes);
          break;
        case Parameter::Kind::operand:
          words[i] = address(strided(l.inputs[at], base).data);
          break;
        case Parameter::Kind::product:
          words[i] = address(base[static_cast<size_t>(l.outputs[0])]);
          break;
        case Parameter::Kind::wide:
          break;
      }
    }
    bool wide = true;
    for (int p : k.packed) wide = wide && words[first + static_cast<size_t>(p)] % 16 == 0;
    for (size_t i = 0; i < k.parameters.size(); ++i)
      if (k.parameters[i].kind == Parameter::Kind::wide) words[first + i] = wide;
    launch_function(s, functions_[k.number], k.name, words.data(), words.size() * 8, k.blocks, k.threads);
    ++thread_state.launches;
  }
}

void PlanOnDevice::run_operation(const graph::Launch& l, const std::vector<char*>& base) const {
  Strided inputs[Args::kMax], outputs[kMaxOutputs];
  uint64_t numbers = 0;
  for (size_t i = 0; i < l.inputs.size(); ++i) {
    inputs[i] = strided(l.inputs[i], base);
    const graph::Origin origin = g_.value(e_.layouts[static_cast<size_t>(l.inputs[i])].root).origin;
    if (origin == graph::Origin::number || origin == graph::Origin::constant) numbers |= uint64_t{1} << i;
  }
  for (size_t k = 0; k < l.outputs.size(); ++k) outputs[k] = strided(l.outputs[k], base);
  ++thread_state.launches;
  if (l.op->view == nullptr)
    return cuda::run(
        {*l.op, std::span(inputs, l.inputs.size()), std::span(outputs, l.outputs.size()), l.attrs, device_, numbers});
  // A view that needs a copy: its operand in its own shape, or a number, repeated.
  Strided copied = outputs[0];
  static constexpr int64_t kNoStrides[kMaxRank] = {};
  if (inputs[0].numel == 1)
    inputs[0] = {inputs[0].data, inputs[0].dtype, false, copied.numel, copied.shape, kNoStrides};
  else
    copied.shape = inputs[0].shape;
  const bool number = numbers != 0;
  cuda::run({number ? duet::op<Full>() : duet::op<Copy>(),
             std::span(inputs, 1),
             std::span(&copied, 1),
             {},
             device_,
             numbers});
}

void PlanOnDevice::run(const std::vector<char*>& base, char* arena, Replay& replay) const {
  State& s = state(device_);
  load(s);
  if (debug_level() >= 2) return queue(s, base, arena);  // what is shown happens now
  replay.run(s, [&] { queue(s, base, arena); });
}

void PlanOnDevice::queue(State& s, const std::vector<char*>& base, char* arena) const {
  for (size_t k = 0; k < e_.launches.size(); ++k) {
    const graph::Launch& l = e_.launches[k];
    const graph::ShownLaunch shown(l, g_, e_.layouts, base);
    for (const graph::LabelCheck& c : l.checks) {
      LineOverride line(c.line);
      check_indices(s, c.op, "label", strided(c.value, base), 0, c.classes - 1);
    }
    LineOverride line(l.line);  // errors name the operation's line
    thread_state.op = g_.node(l.nodes[0]).op->name;
    run_kernels(s, l, program_.launches[k].before, k, base, arena);
    if (l.kind != graph::LaunchKind::fused && !program_.launches[k].has_product) run_operation(l, base);
    run_kernels(s, l, program_.launches[k].behind, k, base, arena);
  }
}

}  // namespace duet::cuda
