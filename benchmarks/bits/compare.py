#!/usr/bin/env python3
"""The same programs in duet and in other frameworks: are the bits the same eagerly and compiled, on one thread and on two,
for a row alone and in a batch? Prints the tables of docs/numerics.md.

    ./run bits     after benchmarks/peers/setup

Every framework runs in processes of its own, one for each number of threads, and gives arrays; all are compared here.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
WIDTHS = [784, 512, 256, 10]
STEPS, RATE = 20, 0.1
PROGRAMS = {
    "chain": "((x+y)·x−y)·2+1, 65,536 elements", "sigmoid_tanh_log": "sigmoid + tanh + log, 65,536",
    "gelu": "gelu(x + b), 256×1000", "softmax": "softmax, 256×1000", "layer_norm": "layer norm, 256×1000",
    "cross_entropy": "cross-entropy and gradient, 256×1000", "mean": "mean of 4 M elements",
    "mlp": "MLP 784-512-256-10, batch 64", "training": f"its weights after {STEPS} steps of SGD"}


def make_inputs():
    rng = np.random.default_rng(0)

    def normal(*shape, scale=1.0):
        return (rng.standard_normal(shape) * scale).astype(np.float32)
    x = {"x": normal(65536), "y": normal(65536), "rows": normal(256, 1000), "gamma": normal(1000), "beta": normal(1000),
         "classes": rng.integers(0, 1000, 256).astype(np.int32), "many": normal(1 << 22), "images": normal(64, 784),
         "digits": rng.integers(0, 10, 64).astype(np.int32)}
    x["image"] = x["images"][:1].copy()
    for i, (a, b) in enumerate(zip(WIDTHS, WIDTHS[1:])):
        x[f"w{i}"], x[f"b{i}"] = normal(a, b, scale=(2 / a) ** 0.5), normal(b, scale=0.1)
    return x


def run_torch(x):
    import torch
    import torch.nn.functional as F
    t = {k: torch.from_numpy(v.copy()) for k, v in x.items()}
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))

    def mlp(h, p):
        for i in range(3):
            h = torch.addmm(p[2 * i + 1], h, p[2 * i])
            h = torch.relu(h) if i < 2 else h
        return h

    def gradient(logits, y):
        logits = logits.detach().requires_grad_()
        l = F.cross_entropy(logits, y)
        return l, torch.autograd.grad(l, logits)[0]
    p = [t[f"{k}{i}"] for i in range(3) for k in "wb"]
    long = {k: t[k].long() for k in ("classes", "digits")}
    out = {}
    for life, comp in (("eager", lambda f: f), ("compiled", lambda f: torch.compile(f, dynamic=False))):
        programs = {
            "chain": (lambda x, y: ((x + y) * x - y) * 2 + 1, t["x"], t["y"]),
            "sigmoid_tanh_log": (lambda x: torch.sigmoid(x) + torch.tanh(x) + torch.log(abs(x) + 0.1), t["x"]),
            "gelu": (lambda x, b: F.gelu(x + b), t["rows"], t["gamma"]),
            "softmax": (lambda x: F.softmax(x, -1), t["rows"]),
            "layer_norm": (lambda x, g, b: F.layer_norm(x, (1000,), g, b), t["rows"], t["gamma"], t["beta"]),
            "mean": (lambda x: x.mean(), t["many"]),
            "mlp": (lambda x, *p: mlp(x, p), t["images"], *p), "mlp_of_one": (lambda x, *p: mlp(x, p), t["image"], *p)}
        for name, (f, *args) in programs.items():
            with torch.no_grad():
                out[f"{life}.{name}.0"] = comp(f)(*args).numpy()
        rows = t["rows"].clone().requires_grad_()
        l = comp(F.cross_entropy)(rows, long["classes"])
        l.backward()
        out[f"{life}.cross_entropy.0"], out[f"{life}.cross_entropy.1"] = l.detach().numpy(), rows.grad.numpy()
        q = [a.clone().requires_grad_() for a in p]
        loss = comp(lambda x, y, *q: F.cross_entropy(mlp(x, q), y))
        optimizer = torch.optim.SGD(q, RATE)
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss(t["images"], long["digits"], *q).backward()
            optimizer.step()
        for i, a in enumerate(q):
            out[f"{life}.training.{i}"] = a.detach().numpy()
    return torch.__version__, out


def run_functional(x, np_, nn, grad, compiled, asarray, to_numpy):
    """JAX and MLX, whose programs read the same."""
    t = {k: asarray(v) for k, v in x.items()}

    def mlp(h, p):
        for i in range(3):
            h = h @ p[2 * i] + p[2 * i + 1]
            h = np_.maximum(h, 0) if i < 2 else h
        return h

    def entropy(logits, y):
        return -np_.mean(np_.take_along_axis(nn["log_softmax"](logits), y[:, None], -1))

    def norm(x, g, b):
        m = x.mean(-1, keepdims=True)
        return (x - m) / np_.sqrt(((x - m) ** 2).mean(-1, keepdims=True) + 1e-5) * g + b

    def step(p, x, y):
        g = grad(lambda p, x, y: entropy(mlp(x, p), y))(p, x, y)[1]
        return [a - RATE * b for a, b in zip(p, g)]
    p = [t[f"{k}{i}"] for i in range(3) for k in "wb"]
    programs = {
        "chain": (lambda x, y: ((x + y) * x - y) * 2 + 1, t["x"], t["y"]),
        "sigmoid_tanh_log": (lambda x: nn["sigmoid"](x) + np_.tanh(x) + np_.log(abs(x) + 0.1), t["x"]),
        "gelu": (lambda x, b: nn["gelu"](x + b), t["rows"], t["gamma"]), "softmax": (nn["softmax"], t["rows"]),
        "layer_norm": (norm, t["rows"], t["gamma"], t["beta"]),
        "cross_entropy": (grad(entropy), t["rows"], t["classes"]), "mean": (lambda x: x.mean(), t["many"]),
        "mlp": (lambda x, *p: mlp(x, p), t["images"], *p), "mlp_of_one": (lambda x, *p: mlp(x, p), t["image"], *p)}
    out = {}
    for life in ("eager", "compiled"):
        comp = compiled if life == "compiled" else lambda f: f
        for name, (f, *args) in programs.items():
            y = comp(f)(*args)
            for i, a in enumerate(y if isinstance(y, (tuple, list)) else [y]):
                out[f"{life}.{name}.{i}"] = to_numpy(a)
        q, f = p, comp(step)
        for _ in range(STEPS):
            q = f(q, t["images"], t["digits"])
        for i, a in enumerate(q):
            out[f"{life}.training.{i}"] = to_numpy(a)
    return out


def run_jax(x):
    import jax
    nn = {"log_softmax": jax.nn.log_softmax, "softmax": jax.nn.softmax, "sigmoid": jax.nn.sigmoid,
          "gelu": lambda x: jax.nn.gelu(x, approximate=False)}
    return jax.__version__, run_functional(x, jax.numpy, nn, jax.value_and_grad, jax.jit, jax.numpy.asarray, np.asarray)


def run_mlx(x):
    from importlib.metadata import version

    import mlx.core as mx
    import mlx.nn
    mx.set_default_device(mx.cpu)
    nn = {"log_softmax": mlx.nn.log_softmax, "softmax": lambda x: mx.softmax(x, -1), "sigmoid": mx.sigmoid,
          "gelu": mlx.nn.gelu}
    return version("mlx"), run_functional(x, mx, nn, mx.value_and_grad, mx.compile, mx.array, np.array)


def run_tf(x, xla=False):
    import tensorflow as tf
    t = {k: tf.constant(v) for k, v in x.items()}

    def mlp(h, p):
        for i in range(3):
            h = h @ p[2 * i] + p[2 * i + 1]
            h = tf.nn.relu(h) if i < 2 else h
        return h

    def entropy(logits, y):
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))

    def norm(x, g, b):
        mean, variance = tf.nn.moments(x, -1, keepdims=True)
        return tf.nn.batch_normalization(x, mean, variance, b, g, 1e-5)

    def gradient(logits, y):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            l = entropy(logits, y)
        return l, tape.gradient(l, logits)

    def step(x, y, *p):
        with tf.GradientTape() as tape:
            tape.watch(p)
            l = entropy(mlp(x, p), y)
        return [a - RATE * b for a, b in zip(p, tape.gradient(l, p))]
    p = [t[f"{k}{i}"] for i in range(3) for k in "wb"]
    programs = {
        "chain": (lambda x, y: ((x + y) * x - y) * 2 + 1, t["x"], t["y"]),
        "sigmoid_tanh_log": (lambda x: tf.sigmoid(x) + tf.tanh(x) + tf.math.log(abs(x) + 0.1), t["x"]),
        "gelu": (lambda x, b: tf.nn.gelu(x + b), t["rows"], t["gamma"]), "softmax": (tf.nn.softmax, t["rows"]),
        "layer_norm": (norm, t["rows"], t["gamma"], t["beta"]),
        "cross_entropy": (gradient, t["rows"], t["classes"]), "mean": (tf.reduce_mean, t["many"]),
        "mlp": (lambda x, *p: mlp(x, p), t["images"], *p), "mlp_of_one": (lambda x, *p: mlp(x, p), t["image"], *p)}
    out = {}
    for life in ("eager", "compiled"):
        def comp(f):
            return f if life == "eager" else tf.function(f, jit_compile=xla)
        for name, (f, *args) in programs.items():
            y = comp(f)(*args)
            for i, a in enumerate(y if isinstance(y, (tuple, list)) else [y]):
                out[f"{life}.{name}.{i}"] = a.numpy()
        q, f = p, comp(step)
        for _ in range(STEPS):
            q = f(t["images"], t["digits"], *q)
        for i, a in enumerate(q):
            out[f"{life}.training.{i}"] = a.numpy()
    return tf.__version__, out


FRAMEWORKS = {"torch": run_torch, "jax": run_jax, "tf": run_tf, "tf-xla": lambda x: run_tf(x, True), "mlx": run_mlx}


def outputs_of(framework, threads, folder):
    """(version, arrays) of one framework in a process of its own; None where it is not there."""
    result = folder / f"{framework}-{threads}.npz"
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads), DUET_THREADS=str(threads),
                       TF_CPP_MIN_LOG_LEVEL="3", JAX_PLATFORMS="cpu", CUDA_VISIBLE_DEVICES="")
    if framework == "duet":
        command = [ROOT / "build/release/benchmarks/bits/bits", folder / "inputs.npz", result]
    else:
        command = [sys.executable, __file__, framework, folder / "inputs.npz", result]
    print(f"{framework}, {threads} threads", file=sys.stderr)
    # What has no switch for threads takes as many as there are processors for it.
    cores = sorted(os.sched_getaffinity(0))[:threads]
    done = subprocess.run(command, env=environment, preexec_fn=lambda: os.sched_setaffinity(0, cores), check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        print(f"{framework}: {done.stderr.strip().splitlines()[-1] if done.stderr else 'failed'}", file=sys.stderr)
        return None
    arrays = dict(np.load(result))
    version = str(arrays.pop("version", ""))
    return version, arrays


def ordered(a):
    """f32 as integers in which neighbours differ by one."""
    bits = np.ascontiguousarray(a, np.float32).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def difference(pairs):
    differing = total = worst = 0
    for a, b in pairs:
        apart = abs(ordered(a) - ordered(b))
        differing, total, worst = differing + np.count_nonzero(apart), total + apart.size, max(worst, int(apart.max()))
    if total == 0:
        return ""
    return "equal" if differing == 0 else f"{100 * differing / total:.3g} %, {worst:,} ULP"


def pairs_of(a, b, first, second):
    """Arrays of one program in two runs."""
    return [(a[k], b[second + k[len(first):]]) for k in sorted(a) if k.startswith(first + ".")]


def table(title, columns, cell):
    print(f"\n| {title} | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for program, text in PROGRAMS.items():
        print(f"| {text} | {' | '.join(cell(program, c) for c in columns)} |")


def main():
    if len(sys.argv) > 1:
        framework, source, result = sys.argv[1:]
        version, arrays = FRAMEWORKS[framework](dict(np.load(source)))
        np.savez(result, version=version, **arrays)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        np.savez(folder / "inputs.npz", **make_inputs())
        runs = {f: [outputs_of(f, n, folder) for n in (1, 2)] for f in ("duet", *FRAMEWORKS)}
    runs = {f: r for f, r in runs.items() if None not in r}
    names = {f: f"{f} {r[0][0]}".strip() for f, r in runs.items()}
    by_name = {n: runs[f] for f, n in names.items()}

    def lives(program, column):
        (_, one), _ = by_name[column]
        cells = [difference(pairs_of(one, one, f"eager.{program}", f"compiled.{program}"))]
        if f"frozen.{program}.0" in one:
            cells.append(difference(pairs_of(one, one, f"eager.{program}", f"frozen.{program}")))
        return cells[0] if len(set(cells)) == 1 else ", frozen: ".join(cells)

    def threads(program, column):
        (_, one), (_, two) = by_name[column]
        return difference(pairs_of(one, two, f"compiled.{program}", f"compiled.{program}"))
    table("eager against compiled, one thread", list(by_name), lives)
    table("compiled, one thread against two", list(by_name), threads)
    print(f"\n| a row alone against the same row in a batch of 64 | {' | '.join(by_name)} |\n|---|{'---|' * len(by_name)}")
    for life in ("eager", "compiled"):
        cells = [difference([(one[f"{life}.mlp_of_one.0"][0], one[f"{life}.mlp.0"][0])]) for (_, one), _ in by_name.values()]
        print(f"| MLP 784-512-256-10, {life} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
