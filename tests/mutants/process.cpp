#include "process.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <stdexcept>
#include <thread>

namespace mutants {
namespace {

constexpr rlim_t kMemory = rlim_t{6} << 30;

// The soft limit alone: tests have limits of their own for a while, higher ones too.
void limit(int what, rlim_t soft) {
  rlimit l{};
  ::getrlimit(static_cast<__rlimit_resource>(what), &l);
  l.rlim_cur = std::min(soft, l.rlim_max);
  ::setrlimit(static_cast<__rlimit_resource>(what), &l);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& t : texts) out.push_back(const_cast<char*>(t.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

Ended run_process(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                  const std::string& folder, const Limits& limits) {
  using Clock = std::chrono::steady_clock;
  std::vector<std::string> all = environment;
  for (char** e = environ; *e != nullptr; ++e) {
    bool known = false;
    const std::string text = *e;
    for (const std::string& own : environment) known = known || text.starts_with(own.substr(0, own.find('=') + 1));
    if (!known) all.push_back(text);
  }
  const std::vector<char*> args = pointers(command), env = pointers(all);
  const auto begin = Clock::now();
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("mutants: no process for " + command[0]);
  if (pid == 0) {
    ::setpgid(0, 0);
    if (limits.cpu_seconds > 0) limit(RLIMIT_CPU, static_cast<rlim_t>(std::ceil(limits.cpu_seconds)));
    limit(RLIMIT_AS, kMemory);
    limit(RLIMIT_CORE, 0);
    const int nothing = ::open("/dev/null", O_RDWR);
    for (int fd : {0, 1, 2}) ::dup2(nothing, fd);
    if (!folder.empty() && ::chdir(folder.c_str()) != 0) ::_exit(127);
    ::execve(args[0], args.data(), env.data());
    ::_exit(127);
  }
  Ended ended;
  rusage used{};
  Clock::duration waited{};
  for (auto last = begin; ::wait4(pid, &ended.status, WNOHANG, &used) == 0;) {
    const auto now = Clock::now();
    waited += std::min<Clock::duration>(now - last, std::chrono::seconds(1));  // this process may have been stopped
    last = now;
    if (limits.seconds > 0 && std::chrono::duration<double>(waited).count() > limits.seconds) {
      ended.timed_out = true;
      ::kill(pid, SIGKILL);
      ::wait4(pid, &ended.status, 0, &used);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ::kill(-pid, SIGKILL);  // what it started
  ended.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  ended.cpu_seconds = seconds(used.ru_utime) + seconds(used.ru_stime);
  if (WIFSIGNALED(ended.status) && WTERMSIG(ended.status) == SIGXCPU) ended.timed_out = true;
  if (WIFSIGNALED(ended.status) && WTERMSIG(ended.status) == SIGKILL) ended.timed_out = true;
  return ended;
}

}  // namespace mutants
