"""What PyTorch does eagerly on the same device: lines "name<TAB>microseconds", for gpu_bench."""
import statistics
import sys
import time

import torch

elements, matmul, vocabulary, ops, steps = map(int, sys.argv[1:6])
seconds = float(sys.argv[6])
assert torch.cuda.is_available(), "PyTorch finds no CUDA device"
torch.backends.cuda.matmul.allow_tf32 = False
device = torch.device("cuda")
print(f"torch\t{torch.__version__}")


def time_us(call):
    def turn(n):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(n):
            call()
        torch.cuda.synchronize()
        return (time.perf_counter() - start) * 1e6 / n

    turn(2)
    n = max(1, int(seconds * 0.2e6 / max(turn(3), 1.0)))
    return statistics.median(turn(n) for _ in range(5))


def report(name, value):
    print(f"{name}\t{value}", flush=True)


def case(name, call):
    report(name, time_us(call))


one = torch.ones(1, device=device)


def chain():
    y = one
    for _ in range(ops):
        y = y + one


report("add of 1 element", time_us(chain) / ops)

columns = 1024
rows = elements // columns
x, y = torch.randn(rows, columns, device=device), torch.randn(rows, columns, device=device)
b, column = torch.randn(columns, device=device), torch.randn(rows, 1, device=device)
case("add", lambda: x + y)
case("multiply by a number", lambda: x * 2.0)
case("exp", lambda: torch.exp(x))
case("gelu", lambda: torch.nn.functional.gelu(x))
case("tanh", lambda: torch.tanh(x))
case("add a row", lambda: x + b)
case("add a column", lambda: x + column)
case("greater", lambda: x > y)
case("sum of all", lambda: x.sum())
case("sum of rows", lambda: x.sum(-1))
case("sum of columns", lambda: x.sum(0))
case("max of rows", lambda: x.amax(-1))
case("softmax", lambda: torch.softmax(x, -1))
case("layer norm", lambda: torch.nn.functional.layer_norm(x, (columns,)))
case("transposed copy", lambda: x.t().contiguous())
case("normal numbers", lambda: torch.randn(rows, columns, device=device))

batch = max(1, elements // 4 // vocabulary)
logits = torch.randn(batch, vocabulary, device=device)
labels = torch.randint(0, vocabulary, (batch,), device=device)
case("cross-entropy, wide rows", lambda: torch.nn.functional.cross_entropy(logits, labels))

for m, k, c in ((matmul, matmul, matmul), (matmul // 4,) * 3, (matmul // 4, 784, 512)):
    p, q = torch.randn(m, k, device=device), torch.randn(k, c, device=device)
    case(f"matmul {m}x{k}x{c}", lambda: p @ q)
    torch.backends.cuda.matmul.allow_tf32 = True
    case(f"matmul {m}x{k}x{c}, TF32", lambda: p @ q)
    torch.backends.cuda.matmul.allow_tf32 = False


def training(name, widths):
    layers = []
    for i in range(len(widths) - 1):
        layers += [torch.nn.Linear(widths[i], widths[i + 1]), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1]).to(device)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    inputs = torch.randn(64, widths[0], device=device)
    targets = torch.randint(0, 10, (64,), device=device)

    def step():
        adam.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(model(inputs), targets).backward()
        adam.step()

    for _ in range(10):
        step()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    torch.cuda.synchronize()
    report(name, (time.perf_counter() - start) * 1e6 / steps)


training("training step, digits 64-128-64-10", (64, 128, 64, 10))
training("training step, 784-512-256-10", (784, 512, 256, 10))
