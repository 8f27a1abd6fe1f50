#include "cuda/compiler.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "cuda/codegen/program.h"

namespace duet::cuda {
namespace {

using Handle = void*;

// NVRTC's functions, as its ABI has them.
struct Nvrtc {
  int (*version)(int* major, int* minor);
  int (*create)(Handle* program, const char* source, const char* name, int headers, const char* const* texts,
                const char* const* names);
  int (*destroy)(Handle* program);
  int (*compile)(Handle program, int options, const char* const* texts);
  int (*code_size)(Handle program, size_t* bytes);
  int (*code)(Handle program, char* to);
  int (*ptx_size)(Handle program, size_t* bytes);
  int (*ptx)(Handle program, char* to);
  int (*log_size)(Handle program, size_t* bytes);
  int (*log)(Handle program, char* to);
  int (*archs_count)(int* n);
  int (*archs)(int* to);
  const char* (*error)(int code);
} nvrtc;

template <class F>
bool find(void* library, F*& function, const char* name) {
  function = reinterpret_cast<F*>(dlsym(library, name));
  return function != nullptr;
}

bool load(std::string& why) {
  void* library = nullptr;
  for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"})
    if (library == nullptr) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) library = dlopen("/usr/local/cuda/lib64/libnvrtc.so", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    why = "there is no libnvrtc.so, which compiles its kernels; install the CUDA toolkit";
    return false;
  }
  const bool whole =
      find(library, nvrtc.version, "nvrtcVersion") && find(library, nvrtc.create, "nvrtcCreateProgram") &&
      find(library, nvrtc.destroy, "nvrtcDestroyProgram") && find(library, nvrtc.compile, "nvrtcCompileProgram") &&
      find(library, nvrtc.code_size, "nvrtcGetCUBINSize") && find(library, nvrtc.code, "nvrtcGetCUBIN") &&
      find(library, nvrtc.ptx_size, "nvrtcGetPTXSize") && find(library, nvrtc.ptx, "nvrtcGetPTX") &&
      find(library, nvrtc.log_size, "nvrtcGetProgramLogSize") && find(library, nvrtc.log, "nvrtcGetProgramLog") &&
      find(library, nvrtc.archs_count, "nvrtcGetNumSupportedArchs") &&
      find(library, nvrtc.archs, "nvrtcGetSupportedArchs") && find(library, nvrtc.error, "nvrtcGetErrorString");
  if (!whole) why = "libnvrtc.so is older than 12";
  return whole;
}

std::string version_text() {
  int major = 0, minor = 0;
  nvrtc.version(&major, &minor);
  return fmt::format("{}.{}", major, minor);
}

// "sm_90" where NVRTC knows it; for a newer device what the driver can compile further: "compute_<the latest>".
std::string target(const std::string& arch) {
  int count = 0;
  nvrtc.archs_count(&count);
  std::vector<int> known(static_cast<size_t>(count));
  nvrtc.archs(known.data());
  const int wanted = std::stoi(arch.substr(3));
  if (std::find(known.begin(), known.end(), wanted) != known.end() || known.empty()) return arch;
  int best = known[0];
  for (int k : known)
    if (k <= wanted) best = std::max(best, k);
  return fmt::format("compute_{}", best);
}

bool compile(const std::string& source, const std::string& arch, std::vector<char>& image, std::string& log) {
  std::vector<const char*> texts, names;
  for (const Header& h : headers()) texts.push_back(h.text), names.push_back(h.name);
  Handle program = nullptr;
  int code =
      nvrtc.create(&program, source.c_str(), "fused.cu", static_cast<int>(texts.size()), texts.data(), names.data());
  if (code != 0) {
    log = nvrtc.error(code);
    return false;
  }
  const std::string to = target(arch), option = "--gpu-architecture=" + to;
  std::vector<const char*> options(std::begin(kCompilerFlags), std::end(kCompilerFlags));
  options.push_back(option.c_str());
  code = nvrtc.compile(program, static_cast<int>(options.size()), options.data());
  if (code == 0) {
    const bool ptx = to != arch;
    size_t bytes = 0;
    code = (ptx ? nvrtc.ptx_size : nvrtc.code_size)(program, &bytes);
    image.resize(bytes);
    if (code == 0) code = (ptx ? nvrtc.ptx : nvrtc.code)(program, image.data());
  }
  size_t length = 0;
  if (nvrtc.log_size(program, &length) == 0 && length > 1) {
    log.resize(length);
    nvrtc.log(program, log.data());
    log.resize(length - 1);
  }
  if (code != 0 && log.empty()) log = nvrtc.error(code);
  nvrtc.destroy(&program);
  return code == 0;
}

constexpr Compiler kNvrtc{version_text, compile};

std::mutex mutex;
const Compiler* current = nullptr;
bool looked = false;
std::string missing;

}  // namespace

const Compiler* compiler(std::string& why) {
  const std::lock_guard lock(mutex);
  if (!looked) {
    current = load(missing) ? &kNvrtc : nullptr;
    looked = true;
  }
  why = missing;
  return current;
}

void set_compiler(const Compiler* own) {
  const std::lock_guard lock(mutex);
  current = own;
  looked = own != nullptr;
}

}  // namespace duet::cuda
