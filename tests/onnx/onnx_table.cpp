// Prints docs/onnx.md: what of ONNX's node cases duet passes, and why not the others. The page's text is head.md here.
#include <cstdio>
#include <map>

#include "onnx/cases.h"

int main() {
  using namespace duet;
  if (!std::filesystem::is_directory(kOnnxCases)) {
    std::puts("ONNX's cases are not tested: the package libonnx-testdata is not installed");
    return 77;
  }
  std::ifstream head(DUET_SOURCE_DIR "/tests/onnx/head.md");
  std::string page{std::istreambuf_iterator<char>(head), std::istreambuf_iterator<char>()};
  const auto all = run_onnx_cases();
  if (all.size() != 932) {
    std::printf("ONNX's cases are not tested: these are %zu, not the 932 of version 1.12\n", all.size());
    return 77;
  }
  std::map<std::string, std::vector<std::string>> skipped;
  std::vector<std::string> passed;
  int expanded = 0, failed = 0;
  for (const OnnxOutcome& c : all) {
    if (c.kind == OnnxOutcome::failed) std::fprintf(stderr, "%s failed: %s\n", c.name.c_str(), c.why.c_str()), ++failed;
    if (c.kind == OnnxOutcome::skipped) skipped[c.why].push_back(c.name);
    if (c.kind != OnnxOutcome::passed) continue;
    passed.push_back(c.name);
    expanded += c.name.find("_expanded") != std::string::npos;
  }
  auto list = [&](const std::vector<std::string>& names) {
    std::string line;
    for (const std::string& name : names) {
      if (line.size() + name.size() > 115) page += line + "\n", line.clear();
      line += (line.empty() ? "" : " ") + name.substr(name.starts_with("test_") ? 5 : 0);
    }
    page += line + "\n";
  };
  page += "\n## Cases\n\nOf " + std::to_string(all.size()) + " cases " + std::to_string(passed.size()) +
          " pass, of these " + std::to_string(expanded) + " whose operator is expanded into a graph of others; " +
          std::to_string(all.size() - passed.size()) + " are skipped.\n\n### Passed\n\n";
  list(passed);
  page += "\n### Skipped, with what duet says\n";
  for (const auto& [why, names] : skipped)
    page += "\n`" + why + "` (" + std::to_string(names.size()) + "):\n", list(names);
  std::fputs(page.c_str(), stdout);
  return failed == 0 ? 0 : 1;
}
