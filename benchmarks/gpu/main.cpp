// gpu_bench [--to FOLDER] [--torch torch_peer.py]: writes FOLDER/<device>.md and .json, and prints the first.
// gpu_bench --info: prints which device there is, and fails if there is none.
#include <fmt/format.h>

#include <cstring>
#include <ctime>
#include <fstream>

#include "duet/core/error.h"
#include "duet/cuda.h"
#include "gpu_bench.h"

int main(int argc, char** argv) try {
  bench::GpuOptions options;
  std::string folder = ".";
  for (int i = 1; i < argc; ++i) {
    const bool more = i + 1 < argc;
    if (std::strcmp(argv[i], "--to") == 0 && more) {
      folder = argv[++i];
    } else if (std::strcmp(argv[i], "--torch") == 0 && more) {
      options.torch = argv[++i];
    } else if (std::strcmp(argv[i], "--info") == 0) {
      const duet::cuda::Info info = duet::cuda::info();
      fmt::print("{}\n", to_string(info));
      return info.available ? 0 : 1;
    } else {
      fmt::print(stderr, "gpu_bench: unknown argument {}; it takes --to FOLDER, --torch FILE and --info\n", argv[i]);
      return 2;
    }
  }
  const bench::GpuReport report = bench::run_gpu_bench(options);
  char date[32];
  const std::time_t now = std::time(nullptr);
  std::strftime(date, sizeof(date), "%F", std::localtime(&now));
  const std::string path = folder + "/" + bench::file_name(report.device), text = to_markdown(report, date);
  fmt::print("{}", text);
  std::ofstream markdown(path + ".md"), json(path + ".json");
  markdown << text << std::flush;
  json << to_json(report, date) << std::flush;
  duet::check<duet::Error>(markdown.good() && json.good(), "gpu_bench: {}.md, .json: cannot be written", path);
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
