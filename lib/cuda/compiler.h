// What makes code of generated programs: NVRTC, reached through a table that is filled from libnvrtc at first use.
// Tests put a compiler of their own in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace duet::cuda {

struct Compiler {
  /// Of the toolkit: "13.0".
  std::string (*version)();
  /// The image for a capability ("sm_90"); false, with the reason in `log`.
  bool (*compile)(const std::string& source, const std::string& arch, std::vector<char>& image, std::string& log);
  bool keeps_images = true;  // on disk
};

/// Null where there is none; `why` then says so in one line.
const Compiler* compiler(std::string& why);
/// For tests: this one from now on, null for the machine's own again.
void set_compiler(const Compiler* own);

/// The flags of the bit contract, and no others.
inline constexpr const char* kCompilerFlags[] = {"-std=c++17",     "-fmad=false",     "-ftz=false",
                                                 "-prec-div=true", "-prec-sqrt=true", "-diag-suppress=177"};

}  // namespace duet::cuda
