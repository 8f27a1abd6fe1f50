// DUET_EXPLAIN and DUET_COMPILE, which are read when a program starts.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <set>

#include "files.h"

using namespace duet;

namespace {

std::vector<std::string> run(const std::string& environment, const char* errors = "2>/dev/null") {
  std::FILE* pipe = ::popen((environment + " " DUET_EXPLAIN_PROGRAM " " + errors).c_str(), "r");
  std::vector<std::string> lines(1);
  for (int c; (c = std::fgetc(pipe)) != EOF;)
    c == '\n' ? void(lines.emplace_back()) : lines.back().push_back(static_cast<char>(c));
  EXPECT_EQ(::pclose(pipe), 0);
  lines.pop_back();
  return lines;
}

TEST(ExplainEnvironment, CompileOffGivesTheSameBits) {
  const auto on = run(""), off = run("DUET_COMPILE=0");
  ASSERT_EQ(on.size(), 6u);
  ASSERT_EQ(off.size(), 6u);
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(off[i], on[i]);
  for (size_t i = 1; i < 4; ++i) EXPECT_EQ(on[i], on[0]);
  EXPECT_EQ(on[5].substr(0, 32), "compiled: 1 plan, found 0 times ");
  EXPECT_EQ(off[5].substr(0, 69), "compiled: DUET_COMPILE=0, so calls run eagerly and plan nothing      ");
  EXPECT_EQ(run("DUET_COMPILE=1"), on);
}

TEST(ExplainEnvironment, EveryFunctionIsWritten) {
  TempFolder folder;
  const auto lines = run("DUET_EXPLAIN=" + folder.path() + "/new/one", "2>&1 >/dev/null");
  std::set<std::string> names;
  std::ptrdiff_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path() + "/new/one")) {
    ++files;
    names.insert(entry.path().stem().string());
    EXPECT_GT(entry.file_size(), 100u) << entry.path();
  }
  // global, frozen and last; not the one that threw before it had a plan, nor the one that was never called.
  EXPECT_EQ(names.size(), 3u);
  EXPECT_EQ(files, 9);
  ASSERT_EQ(lines.size(), 3u);
  for (const std::string& line : lines)
    EXPECT_EQ(line.rfind("duet: " + folder.path() + "/new/one/explain_program_", 0), 0u) << line;
  EXPECT_NE(lines[0].find(".svg, .txt, .json: frozen: 1 plan"), std::string::npos) << lines[0];
}

TEST(ExplainEnvironment, AFolderThatCannotBeWrittenChangesNothing) {
  TempFolder folder;
  std::ofstream(folder / "file") << "x";
  EXPECT_EQ(run("DUET_EXPLAIN=" + folder.path() + "/file"), run(""));
  const auto lines = run("DUET_EXPLAIN=" + folder.path() + "/file", "2>&1 >/dev/null");
  ASSERT_EQ(lines.size(), 3u);
  for (const std::string& line : lines) EXPECT_EQ(line.rfind("duet: DUET_EXPLAIN: ", 0), 0u) << line;
}

}  // namespace
