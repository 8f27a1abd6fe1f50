// What NVRTC makes of generated programs.
#pragma once

#include <elf.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "cuda/compiler.h"

namespace duet::testing {

/// Kernels of a cubin that keep something in local memory: their frames, from the .nv.info section. A function that is
/// called and calls another (the tiles of many products, a division's slow path) keeps where to return to, 8 bytes.
inline int frames(const std::vector<char>& cubin) {
  Elf64_Ehdr header;
  std::memcpy(&header, cubin.data(), sizeof header);
  std::vector<Elf64_Shdr> sections(header.e_shnum);
  std::memcpy(sections.data(), cubin.data() + header.e_shoff, sections.size() * sizeof(Elf64_Shdr));
  int found = 0;
  for (const Elf64_Shdr& section : sections) {
    if (std::string_view(cubin.data() + sections[header.e_shstrndx].sh_offset + section.sh_name) != ".nv.info")
      continue;
    const char *at = cubin.data() + section.sh_offset, *end = at + section.sh_size;
    while (at + 4 <= end) {  // a format, an attribute, and for values of symbols their size, symbol and value
      constexpr unsigned char kValues = 4, kFrameSize = 0x11;
      constexpr uint32_t kReturn = 8;
      uint16_t size = 0;
      uint32_t value = 0;
      std::memcpy(&size, at + 2, 2);
      if (static_cast<unsigned char>(at[0]) == kValues && static_cast<unsigned char>(at[1]) == kFrameSize) {
        std::memcpy(&value, at + 8, 4);
        found += value > kReturn;
      }
      at += 4 + (static_cast<unsigned char>(at[0]) == kValues ? size : 0);
    }
  }
  return found;
}

/// What NVRTC makes of a source, for DUET_CUDA_ARCH or sm_90; empty, with the reason in `log`, where it does not
/// compile or where NVRTC has something to say.
inline std::vector<char> cubin(const cuda::Compiler& nvrtc, const std::string& source, std::string& log) {
  const char* arch = std::getenv("DUET_CUDA_ARCH");
  std::vector<char> image;
  log.clear();
  if (!nvrtc.compile(source, arch != nullptr ? arch : "sm_90", image, log) || !log.empty()) image.clear();
  return image;
}

}  // namespace duet::testing
