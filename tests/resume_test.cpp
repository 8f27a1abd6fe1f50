// Training that is killed goes on as if nothing had happened: the same bits as a run without a death, whenever it died.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <thread>

#include "duet/io/checkpoint.h"
#include "files.h"
#include "ops/cases.h"

namespace duet {
namespace {

/// A running resume_program.
class Child {
 public:
  Child(const std::string& folder, int steps, int deadly_call = 0) {
    if (::pipe(pipe_) != 0) throw std::runtime_error("pipe");
    const std::string how_many = std::to_string(steps), call = std::to_string(deadly_call);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(pipe_[1], 1);
      ::close(pipe_[0]);
      ::execl(DUET_RESUME_PROGRAM, DUET_RESUME_PROGRAM, folder.c_str(), how_many.c_str(),
              deadly_call > 0 ? call.c_str() : nullptr, nullptr);
      ::_exit(127);
    }
    ::close(pipe_[1]);
  }
  ~Child() { ::close(pipe_[0]); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool running() {
    if (!ended_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) ended_ = true;
    return !ended_;
  }
  void kill() { ::kill(pid_, SIGKILL); }
  /// Waits for the end; whether it was SIGKILL.
  bool killed() {
    if (!ended_) ::waitpid(pid_, &status_, 0);
    ended_ = true;
    return WIFSIGNALED(status_) && WTERMSIG(status_) == SIGKILL;
  }
  /// What it printed, after a good end.
  std::string result() {
    EXPECT_FALSE(killed());
    EXPECT_TRUE(WIFEXITED(status_) && WEXITSTATUS(status_) == 0) << status_;
    char text[200] = {};
    const ssize_t n = ::read(pipe_[0], text, sizeof(text) - 1);
    return {text, static_cast<size_t>(std::max<ssize_t>(n, 0))};
  }

 private:
  int pipe_[2], status_ = 0;
  pid_t pid_;
  bool ended_ = false;
};

std::string undisturbed(int steps) {
  TempFolder folder;
  std::string result = Child(folder.path(), steps).result();
  EXPECT_GT(result.size(), 20u);
  return result;
}

TEST(Resume, AfterADeathInEachSystemCallOfASave) {
  constexpr int kSteps = 10;  // five saves, the last three of which delete
  const std::string expected = undisturbed(kSteps);
  int deaths = 0;
  for (int call = 1;; call += testing::small_size() ? 7 : 1) {
    TempFolder folder;
    if (!Child(folder.path(), kSteps, call).killed()) break;
    ++deaths;
    ASSERT_EQ(Child(folder.path(), kSteps).result(), expected) << "after a death in call " << call;
    // What the last save left behind stays, if it was that one.
    EXPECT_LE(folder.files(), 3) << "after a death in call " << call;
    EXPECT_EQ(io::Checkpoint{folder.path()}.steps().back(), kSteps);
  }
  EXPECT_GT(deaths, testing::small_size() ? 10 : 80);
}

TEST(Resume, AfterKillsAtAnyMoment) {
  const int steps = testing::small_size() ? 200 : 1000;
  const std::string expected = undisturbed(steps);
  TempFolder folder;
  const io::Checkpoint checkpoint{folder.path()};
  std::mt19937 rng(5);
  int kills = 0;
  for (;;) {
    Child child(folder.path(), steps);
    // It gets somewhere first, so that there is an end.
    const std::vector<int64_t> before = checkpoint.steps();
    while (child.running() && checkpoint.steps() == before) std::this_thread::sleep_for(std::chrono::microseconds(50));
    if (kills > 0) std::this_thread::sleep_for(std::chrono::microseconds(rng() % 4000));
    if (!child.running()) {
      EXPECT_EQ(child.result(), expected) << "after " << kills << " kills";
      break;
    }
    child.kill();
    if (!child.killed()) {  // it ended at that very moment
      EXPECT_EQ(child.result(), expected) << "after " << kills << " kills";
      break;
    }
    ++kills;
  }
  EXPECT_GT(kills, 0);
  EXPECT_LE(folder.files(), 3);  // the last save may have been killed between its file and the deletion of the oldest
  RecordProperty("kills", kills);
}

}  // namespace
}  // namespace duet
