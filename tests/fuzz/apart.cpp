#include "fuzz/apart.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fuzz/interpret.h"

namespace duet::fuzz {

Note::Note()
    : text_(static_cast<char*>(mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
  if (text_ == MAP_FAILED) throw std::runtime_error("no shared memory");
}
Note::~Note() { munmap(text_, kBytes); }
void Note::write(const std::string& text) {
  const size_t n = std::min(text.size(), kBytes - 1);
  std::memcpy(text_, text.data(), n);
  text_[n] = 0;
}
std::string Note::read() const { return text_; }

int start_apart(const std::function<int()>& f, bool quiet) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    if (quiet) {
      const int null = open("/dev/null", O_WRONLY);
      dup2(null, STDERR_FILENO);
    }
    const int status = f();
    std::fflush(nullptr);
    if (!quiet) std::exit(status);  // with the sanitizers' look for leaks
    _exit(status);
  }
  return child;
}
int wait_apart(int child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
  }
  // A sanitizer ends the process with 1; f does not.
  return WIFEXITED(status) && WEXITSTATUS(status) != 1 ? WEXITSTATUS(status) : -1;
}

int run_apart(const std::function<int()>& f, bool quiet) { return wait_apart(start_apart(f, quiet)); }

namespace {
Note* mode_note = nullptr;
}

Failure check_apart(const Program& p, const std::vector<Mode>& modes) {
  enum { kFine = 0, kRefused = 2, kFailed = 3 };
  Note mode, what;
  mode_note = &mode;
  const int status = run_apart(
      [&] {
        watch_modes = [](const Mode& m) { mode_note->write(write(m)); };
        alarm(60);
        const Failure f = check(p, modes);
        what.write(f.what);
        return !f ? kFine : f.refused ? kRefused : kFailed;
      },
      true);
  mode_note = nullptr;
  if (status == kFine) return {};
  if (status == kRefused) return {{}, what.read(), true};
  const std::string name = mode.read();
  return {name.empty() ? Mode() : read_mode(name), status == kFailed ? what.read() : "the process crashed"};
}

}  // namespace duet::fuzz
