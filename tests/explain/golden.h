// Explanations as committed files. DUET_UPDATE_EXPLAIN=1 in the environment writes them anew: look at the difference
// before you commit it. Values are numbered in the order in which operands are evaluated, which differs between
// compilers: the files are g++'s, and others only see that there is something.
#pragma once

#include <duet/duet.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <regex>

namespace duet::testing {

// Times differ from run to run, and lines move when a test is edited.
inline std::string steady(const std::string& text) {
  std::string s = std::regex_replace(text, std::regex("[0-9.]+ µs"), "_ µs");
  // Machine code is this machine's.
  s = std::regex_replace(s, std::regex("  (?:machine code|tile executor): [^\n]*\n"), "");
  s = std::regex_replace(s, std::regex("(\"code_bytes\": )[0-9]+"), "$010");
  s = std::regex_replace(s, std::regex("(\"tiles\": )\"[^\"]*\""), "$01\"\"");
  s = std::regex_replace(s, std::regex("(\"(?:time|plan)_us\": )[0-9.]+"), "$010");
  s = std::regex_replace(s, std::regex("(_test.cpp\", \"line\": )[0-9]+"), "$010");
  return std::regex_replace(s, std::regex(" *((?:grad of )?[a-z_]*_test.cpp):[0-9]+"), " | $1");
}

inline void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = std::string(DUET_SOURCE_DIR) + "/tests/explain/golden/" + name;
  const std::string now = steady(text) + "\n";
#if defined(__GNUC__) && !defined(__clang__)
  if (const char* update = std::getenv("DUET_UPDATE_EXPLAIN"); update != nullptr && update[0] == '1') {
    std::ofstream(path) << now;
    return;
  }
  std::ifstream file(path);
  EXPECT_EQ(now, std::string(std::istreambuf_iterator<char>(file), {}))
      << name << "; DUET_UPDATE_EXPLAIN=1 writes it anew";
#else
  EXPECT_GT(now.size(), 1u);
#endif
}

}  // namespace duet::testing
