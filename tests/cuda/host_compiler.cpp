#include "cuda/host_compiler.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <stdexcept>

#include "cuda/codegen/program.h"

namespace duet::cuda::fake {
namespace {

constexpr const char* kImage = "host program ";
constexpr const char* kFlags =
    "-std=c++17 -O1 -w -shared -fPIC -ffp-contract=off"
#if defined(__x86_64__)
    " -march=x86-64-v3"
#endif
    ;
// What a file of programs has around them. Containers of the standard library would be most of what is compiled.
constexpr const char* kHead = R"(#include "kernels/fused.h"
namespace duet::fused {
struct Known {
  const char *program, *kernel;
  HostKernel run;
  const Known* next;
};
static const Known* all = nullptr;
bool known(const char* program, const char* kernel, HostKernel run) {
  all = new Known{program, kernel, run, all};
  return true;
}
}
extern "C" void* duet_find(const char* program, const char* kernel) {
  for (const auto* k = duet::fused::all; k != nullptr; k = k->next)
    if (std::strcmp(k->program, program) == 0 && std::strcmp(k->kernel, kernel) == 0)
      return reinterpret_cast<void*>(k->run);
  return nullptr;
}
)";

using Find = void* (*)(const char* program, const char* kernel);
std::mutex mutex;
std::map<std::string, Find> programs;  // by name: what finds its kernels

uint64_t hash(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325u;
  for (char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return h;
}
std::string name_of(const std::string& source) { return fmt::format("p{:016x}", hash(source)); }

// One file with all of these; what an earlier run of the tests compiled is taken as it is.
void compile(const std::map<std::string, std::string>& sources) {
  std::string text = kHead;
  for (const auto& [name, source] : sources)
    text += fmt::format("#undef DUET_PROGRAM\n#define DUET_PROGRAM {}\n{}\n", name, source);
  std::filesystem::create_directories(DUET_PROGRAMS);
  std::string all = text + kFlags + DUET_CXX;
  for (const Header& h : headers()) all += h.text;
  const std::string stem = fmt::format(DUET_PROGRAMS "/{:016x}", hash(all));
  if (!std::filesystem::exists(stem + ".so")) {
    const std::string own = fmt::format("{}.{}", stem, ::getpid());
    std::ofstream(own + ".cpp") << text;
    const std::string command =
        fmt::format("{} {} -I{} -o {}.so {}.cpp 2> {}.log", DUET_CXX, kFlags, DUET_SOURCE_DIR, own, own, own);
    if (std::system(command.c_str()) != 0) throw std::runtime_error("generated code does not compile: " + own + ".log");
    std::filesystem::rename(own + ".so", stem + ".so");
    std::filesystem::remove(own + ".log");
    std::filesystem::remove(own + ".cpp");
  }
  void* library = dlopen((stem + ".so").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  for (const auto& [name, source] : sources) programs[name] = reinterpret_cast<Find>(dlsym(library, "duet_find"));
}

std::string version() { return "host"; }
bool compile_one(const std::string& source, const std::string&, std::vector<char>& image, std::string& log) {
  const std::lock_guard lock(mutex);
  const std::string name = name_of(source);
  try {
    if (programs.count(name) == 0) compile({{name, source}});
  } catch (const std::exception& e) {
    log = e.what();
    return false;
  }
  const std::string text = kImage + name;
  image.assign(text.begin(), text.end());
  image.push_back(0);
  return true;
}

}  // namespace

const Compiler& host_compiler() {
  static const Compiler table{version, compile_one, false};  // an image is of this process
  return table;
}

void compile_for_host(const std::vector<std::string>& sources) {
  const std::lock_guard lock(mutex);
  std::map<std::string, std::string> wanted;
  for (const std::string& source : sources)
    if (const std::string name = name_of(source); programs.count(name) == 0) wanted[name] = source;
  if (!wanted.empty()) compile(wanted);
}

std::string host_program(const char* image) {
  if (image == nullptr || std::strncmp(image, kImage, std::strlen(kImage)) != 0) return "";
  return image + std::strlen(kImage);
}

HostGenerated host_kernel(const std::string& program, const std::string& kernel) {
  const std::lock_guard lock(mutex);
  const auto it = programs.find(program);
  return it == programs.end() ? nullptr : reinterpret_cast<HostGenerated>(it->second(program.c_str(), kernel.c_str()));
}

}  // namespace duet::cuda::fake
