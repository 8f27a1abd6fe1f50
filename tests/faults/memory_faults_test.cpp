// No memory, at every place where a program asks for some: computing, gradients, transforms, plans.
#include <optional>

#include "graph/training_steps.h"
#include "faults/sweep.h"

namespace duet {
namespace {

using faults::sweep;

struct Inputs {
  Tensor x = expect::numbers({5, 7}, 1), w = expect::numbers({7, 3}, 2);
};
std::string bits_of(const Inputs& in) { return expect::bits(in.x) + expect::bits(in.w); }
template <class F>
void sweep_inputs(const char* name, const F& f) {
  sweep(
      name, [] { return Inputs(); }, bits_of, [&](const Inputs& in) { return f(in.x, in.w); });
}

// A function of several kernels: fused rows, a product, a reduction, a sort, a gather, a view and its copy.
Tensor body(const Tensor& x, const Tensor& w) {
  const Tensor h = softmax(matmul(tanh(x), w), -1);
  const Tensor order = argsort(sum(h, 1));
  const Tensor picked = gather(h, order, 0);
  return mean(picked.transpose().contiguous() * 2.f + cumsum(h.transpose(), 0));
}

TEST(MemoryFaults, EagerOperations) { sweep_inputs("eager", body); }

TEST(MemoryFaults, EagerIndexAndWindows) {
  sweep_inputs("eager windows", [](const Tensor& x, const Tensor& w) {
    const Tensor image = x.reshape({1, 1, 5, 7}), kernel = w.reshape({7, 1, 3, 1});
    const Tensor y = max_pool2d(relu(conv2d(image, kernel)), 2);
    return std::vector<Tensor>{y, concat({x, x * 2.f}, 0), where(x > 0.f, x, -x), x.slice(1, 1, 6, 2).contiguous()};
  });
}

TEST(MemoryFaults, Backward) {
  sweep_inputs("backward", [](const Tensor& x, const Tensor& w) { return grad<0, 1>(body)(x, w); });
}

TEST(MemoryFaults, BackwardOfBackward) {
  sweep_inputs("backward of backward", [](const Tensor& x, const Tensor&) {
    return grad([](const Tensor& t) { return sum(square(grad(expect::energy)(t))); })(x);
  });
}

TEST(MemoryFaults, ForwardAndBatches) {
  sweep_inputs("jvp", [](const Tensor& x, const Tensor&) { return jvp(expect::energy, x, x * 0.5f); });
  sweep_inputs("vmap of grad", [](const Tensor& x, const Tensor&) { return vmap(grad(expect::energy))(x); });
  sweep_inputs("checkpointed backward", [](const Tensor& x, const Tensor& w) {
    return grad([&](const Tensor& t) { return body(checkpoint([](const Tensor& u) { return tanh(u) * u; })(t), w); })(
        x);
  });
}

// The recording, the passes, the plan, its first run.
TEST(MemoryFaults, CompileFirstCall) {
  sweep_inputs("compile, first call", [](const Tensor& x, const Tensor& w) { return compile(body)(x, w); });
}

// A plan that is there already.
struct Ready : Inputs {
  decltype(compile(&body)) f = compile(&body);
  Ready() { f(x, w); }
};
TEST(MemoryFaults, CompiledAgain) {
  sweep(
      "compiled call, plan cached", [] { return Ready(); }, bits_of,
      [](const Ready& r) {
        return std::vector<Tensor>{r.f(r.x, r.w), r.f(r.x, r.w)};
      });
}

TEST(MemoryFaults, FreezeFirstCall) {
  sweep_inputs("freeze, first call", [](const Tensor& x, const Tensor& w) { return freeze(body)(x, w); });
}
struct Frozen : Inputs {
  decltype(freeze(&body)) f = freeze(&body);
  Frozen() { f(x, w); }
};
TEST(MemoryFaults, FrozenAgain) {
  sweep(
      "frozen call, plan cached", [] { return Frozen(); }, bits_of,
      [](const Frozen& r) {
        return std::vector<Tensor>{r.f(r.x, r.w), r.f(r.x, r.w)};
      });
}

// A plan in two parts: host code looks at a value in between.
TEST(MemoryFaults, SplitPlan) {
  sweep_inputs("compile with a split", [](const Tensor& x, const Tensor& w) {
    return compile([](const Tensor& a, const Tensor& b) {
      const Tensor h = sum(tanh(a));
      return h.item() > 100 ? h : h + sum(matmul(a, b));
    })(x, w);
  });
}

TEST(MemoryFaults, GradientsCompiled) {
  sweep_inputs("compile of grad", [](const Tensor& x, const Tensor& w) { return compile(grad<0, 1>(body))(x, w); });
}

// In a thread that never recorded: its trace has room for nothing yet.
TEST(MemoryFaults, FirstRecordingOfAThread) {
  sweep(
      "compile in a new thread", [] { return Inputs(); }, bits_of,
      [](const Inputs& in) { return compile(body)(in.x, in.w); }, faults::In::new_thread);
}

// Host code that catches, inside the function, what an operation throws, and goes on without that operation.
TEST(MemoryFaults, AnOperationIsRecordedWholeOrNotAtAll) {
  const Tensor x = expect::numbers({4, 4}), y = expect::numbers({4, 4}, 2);
  auto f = [](const Tensor& a, const Tensor& b, const auto& faulty) {
    const Tensor h = tanh(a);
    Tensor more;
    try {
      more = faulty([&] { return where(b > 0.f, h, b * 3.f); });
    } catch (const std::exception&) {
    }
    return more.defined() ? more : h * b + a;
  };
  const std::string without = expect::bits(tanh(x) * y + x);
  int64_t caught = 0;
  for (int64_t k = 0;; ++k) {
    bool struck = false;
    std::string bits;
    std::thread([&] {
      bits = expect::bits(compile([&](const Tensor& a, const Tensor& b) {
        return f(a, b, [&](const auto& operation) {
          faults::arm(faults::Kind::memory, k);
          struct End {
            ~End() { faults::disarm(); }
          } end;
          return operation();
        });
      })(x, y));
      struck = faults::struck();
    }).join();
    if (!struck) break;
    caught += bits == without;
    EXPECT_TRUE(bits == without || bits == expect::bits(where(y > 0.f, tanh(x), y * 3.f))) << k;
  }
  EXPECT_GE(caught, 5);
}

// Kernels large enough for several threads, in threads that have no memory of their own yet.
TEST(MemoryFaults, ManyThreads) {
  sweep(
      "kernels of several threads",
      [] {
        return expect::numbers({160, 160});
      },
      [](const Tensor& x) { return expect::bits(x); },
      [](const Tensor& x) {
        set_threads(1);
        set_threads(3);
        return std::vector<Tensor>{matmul(x, x.transpose()), sum(x, 0), sort(x, 1).values, exp(x) * x};
      });
  set_threads(0);
}

}  // namespace
}  // namespace duet
