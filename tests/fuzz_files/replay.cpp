// The main of the targets where libFuzzer is not: runs the files that are named, and all files of named folders.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "target.h"

int main(int count, char** paths) {
  int files = 0;
  const auto run = [&](const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    ++files;
  };
  for (int i = 1; i < count; ++i) {
    if (!std::filesystem::is_directory(paths[i]))
      run(paths[i]);
    else
      for (const auto& entry : std::filesystem::directory_iterator(paths[i])) run(entry.path());
  }
  std::printf("%d files\n", files);
  return files == 0;
}
