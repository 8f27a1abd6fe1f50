"""MLX on the processor, under mx.compile."""
from importlib.metadata import version

import mlx.core as mx
import mlx.nn as nn

import inputs

D = mx.array


def load(peer, threads):
    mx.set_default_device(mx.cpu)
    return version("mlx"), CASES


def call(f, *args):
    g = mx.compile(f)
    return lambda: mx.eval(g(*args))


def mlp(p, x):
    for i in range(0, len(p), 2):
        x = x @ p[i] + p[i + 1]
        if i + 2 < len(p):
            x = mx.maximum(x, 0)
    return x


def chain(n):
    return call(lambda x, y: ((x + y) * x - y) * 2 + 1, D(inputs.normal(n)), D(inputs.normal(n)))


def transcendental(n):
    return call(lambda x: mx.sigmoid(x) + mx.tanh(x) + mx.log(x), D(abs(inputs.normal(n)) + 0.1))


def gelu(f):
    return lambda r, c: call(lambda x, b: f(x + b), D(inputs.normal(r, c)), D(inputs.normal(c)))


def cross_entropy(r, c):
    y = D(inputs.labels(c, r))
    return call(mx.value_and_grad(lambda x: nn.losses.cross_entropy(x, y, reduction="mean")), D(inputs.normal(r, c)))


def norm(r, c):
    return call(lambda x, g, b: mx.fast.layer_norm(x, g, b, 1e-5), D(inputs.normal(r, c)), D(inputs.normal(c)),
                D(inputs.normal(c)))


def infer(batch):
    return call(lambda x, *p: mlp(p, x), D(inputs.normal(batch, 784)), *[D(a) for a in inputs.layers(inputs.MNIST)])


def mlp_sgd(batch):
    held = [[D(a) for a in inputs.layers(inputs.MNIST)]]
    x, y = D(inputs.normal(batch, 784)), D(inputs.labels(10, batch))
    gradients = mx.value_and_grad(lambda p, x, y: nn.losses.cross_entropy(mlp(p, x), y, reduction="mean"))

    def update(p, x, y):
        loss, g = gradients(p, x, y)
        return [q - inputs.RATE * h for q, h in zip(p, g)], loss
    f = mx.compile(update)

    def step():
        held[0], loss = f(held[0], x, y)
        mx.eval(held[0], loss)

    def own_peak_bytes():
        before = mx.get_active_memory()
        mx.reset_peak_memory()
        step()
        return mx.get_peak_memory() - before
    step.own_peak_bytes = own_peak_bytes
    return step


def add(n):
    a, b = mx.ones(n), mx.ones(n)
    return lambda: mx.eval(a + b)


CASES = {"chain": chain, "transcendental": transcendental, "gelu_tanh": gelu(nn.gelu_approx), "gelu_erf": gelu(nn.gelu),
         "cross_entropy": cross_entropy, "layer_norm": norm, "mlp": infer, "mlp_sgd": mlp_sgd, "add": add}
