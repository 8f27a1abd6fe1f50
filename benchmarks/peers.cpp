#include "peers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <sstream>

namespace bench {
namespace {

// torch.compile takes a C++ compiler for half a minute where its first case is a large one.
constexpr double kStartSeconds = 120, kCaseSeconds = 240;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}  // namespace

Peer::Peer(std::string name, const std::vector<std::string>& command, const std::string& log) : name_(std::move(name)) {
  int to[2], from[2];
  if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) {
    end("no pipe");
    return;
  }
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    setpgid(0, 0);  // what it starts itself ends with it
    const int errors = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(to[0], 0);
    dup2(from[1], 1);
    if (errors >= 0) dup2(errors, 2);
    execv(argv[0], argv.data());
    dprintf(1, "no not installed (benchmarks/peers/setup does it)\n");
    _exit(127);
  }
  close(to[0]);
  close(from[1]);
  to_ = to[1];
  from_ = from[0];
  if (pid_ < 0) end("no process");
}

Peer::~Peer() { end("ended"); }

void Peer::end(const std::string& why) {
  if (why_not_.empty()) why_not_ = why;
  if (pid_ > 0) {
    kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  for (int* fd : {&to_, &from_}) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
  }
  pid_ = -1;
}

std::string Peer::read_line(double timeout_s) {
  for (const double until = now() + timeout_s; alive();) {
    if (const size_t at = unread_.find('\n'); at != unread_.npos) {
      std::string line = unread_.substr(0, at);
      unread_.erase(0, at + 1);
      return line;
    }
    pollfd wait{from_, POLLIN, 0};
    const double left = until - now();
    if (left <= 0 || poll(&wait, 1, static_cast<int>(left * 1e3) + 1) == 0) {
      end(fmt::format("no answer within {:.0f} s", timeout_s));
      break;
    }
    char bytes[4096];
    const ssize_t n = read(from_, bytes, sizeof bytes);
    if (n > 0) unread_.append(bytes, static_cast<size_t>(n));
    if (n == 0) end("it died, see the log");
  }
  return "";
}

std::string Peer::ask(const std::string& line, double timeout_s) {
  if (!alive()) return "";
  const std::string text = line + "\n";
  if (write(to_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) end("it died, see the log");
  return read_line(timeout_s);
}

void Peer::greet() {
  const std::string line = read_line(kStartSeconds);
  if (line.starts_with("ready "))
    version_ = line.substr(6);
  else if (alive())
    end(line.starts_with("no ") ? line.substr(3) : line);
}

bool Peer::prepare(const Case& c) {
  std::string line = "case " + c.family;
  for (int64_t size : c.sizes) line += " " + std::to_string(size);
  return ask(line, kCaseSeconds) == "ok";
}

std::vector<double> Peer::sample(double seconds) {
  std::istringstream answer(ask(fmt::format("run {}", seconds), kCaseSeconds));
  std::vector<double> us;
  for (double x; answer >> x;) us.push_back(x);
  return us;
}

double Peer::peak_bytes() {
  const std::string answer = ask("memory", kCaseSeconds);
  return answer.empty() ? -1 : std::stod(answer);
}

std::vector<std::unique_ptr<Peer>> start_peers(int threads) {
  signal(SIGPIPE, SIG_IGN);  // a peer that died is noticed by what write returns
  const std::string source = DUET_SOURCE_DIR "/benchmarks/peers/", place = DUET_SOURCE_DIR "/build/peers/";
  const std::string python = place + "bin/python", native = place + "libtorch_peer", count = std::to_string(threads);
  std::remove((place + "peers.log").c_str());
  std::vector<std::unique_ptr<Peer>> peers;
  for (const char* name :
       {"torch", "torch.compile", "libtorch", "jax", "tf", "tf-xla", "ort", "mlx", "numexpr", "numpy"}) {
    const bool is_native = std::string(name) == "libtorch";
    const std::vector<std::string> command =
        is_native ? std::vector{native, count} : std::vector{python, source + "worker.py", std::string(name), count};
    peers.push_back(std::make_unique<Peer>(name, command, place + "peers.log"));
  }
  for (auto& peer : peers) peer->greet();
  return peers;
}

}  // namespace bench
