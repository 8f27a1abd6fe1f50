// Trains a small network, saving as it goes, and prints what came out; started again after any death it goes on.
//   resume_program FOLDER STEPS [CALL]      dies by SIGKILL in the CALL-th system call of its saves
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "duet/duet.h"

using namespace duet;

namespace {

long calls = 0, deadly = -1;
void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}
bool last_call() { return ++calls == deadly; }

}  // namespace

// What saving asks of the system, with a death in the middle: before the call, or with half of a write done.
extern "C" {
ssize_t write(int fd, const void* data, size_t bytes) {
  const bool last = last_call();
  const long n = ::syscall(SYS_write, fd, data, last ? bytes / 2 : bytes);
  if (last) die();
  return n;
}
int fsync(int fd) {
  if (last_call()) die();
  return static_cast<int>(::syscall(SYS_fsync, fd));
}
int rename(const char* from, const char* to) noexcept {
  if (last_call()) die();
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int remove(const char* path) noexcept {
  if (last_call()) die();
  return ::unlink(path);
}
}

namespace {

struct Mlp {
  nn::Linear hidden, out;
};
struct State {
  Mlp model;
  optim::AdamW adamw;
  Key key;
  int64_t epoch = 0, batch = 0;
  double loss = 0;
};

Tensor loss(const Mlp& m, const Tensor& x, const Tensor& y) { return cross_entropy(m.out(relu(m.hidden(x))), y); }

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const io::Checkpoint checkpoint{argv[1], 2};
  const int64_t steps = std::atoll(argv[2]);
  auto [k1, k2, k3, k4, k5] = split<5>(Key(7));
  const Tensor x = normal(k1, {90, 8}), y = argmax(matmul(x, normal(k2, {8, 3})), -1);
  State state{{nn::Linear::init(8, 16, k3), nn::Linear::init(16, 3, k4)}, {}, k5};
  state.adamw = optim::AdamW::init(state.model);
  int64_t step = checkpoint.restore(state).value_or(0);
  if (argc > 3) deadly = std::atol(argv[3]);

  auto train = compile([](State& s, const Tensor& x, const Tensor& y, float lr) {
    auto [next, noise] = split<2>(s.key);
    auto [l, g] = value_and_grad(loss)(s.model, x + normal(noise, x.shape(), 0, 0.1), y);
    s.adamw.update(s.model, optim::clip_by_global_norm(g, 1).gradients, lr);
    s.key = next;
    return l;
  });
  while (step < steps) {
    const Key order = fold_in(Key(11), state.epoch);
    const data::Batches batches(x, y, 16, &order, {});
    while (state.batch < batches.size() && step < steps) {
      auto [bx, by] = batches.at(state.batch);
      state.loss += train(state, bx, by, optim::warmup_cosine(step, 0.02f, 4, steps)).item<double>();
      ++state.batch;
      if (++step % 2 == 0) checkpoint.save(step, state);
    }
    if (state.batch == batches.size()) {
      state.batch = 0;
      ++state.epoch;
    }
  }
  std::printf("%s %lld %lld %a\n", bits_hash(state).c_str(), static_cast<long long>(state.epoch),
              static_cast<long long>(state.batch), state.loss);
}
