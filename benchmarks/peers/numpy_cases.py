"""NumPy, and numexpr where a case is one expression."""
import numpy as np

import inputs


def load(peer, threads):
    if peer == "numpy":
        return np.__version__, {"chain": chain, "transcendental": transcendental, "layer_norm": norm, "mlp": mlp, "add": add}
    import numexpr
    numexpr.set_num_threads(threads)

    def expression(text, *names):
        def make(n):
            values = {name: abs(inputs.normal(n)) + np.float32(0.1) for name in names}
            out = np.empty(n, np.float32)
            return lambda: numexpr.evaluate(text, local_dict=values, out=out, casting="unsafe")
        return make
    return numexpr.__version__, {"chain": expression("((x + y) * x - y) * 2 + 1", "x", "y"),
                                 "transcendental": expression("1 / (1 + exp(-x)) + tanh(x) + log(x)", "x")}


def chain(n):
    x, y = inputs.normal(n), inputs.normal(n)
    return lambda: ((x + y) * x - y) * 2 + 1


def transcendental(n):
    x = abs(inputs.normal(n)) + np.float32(0.1)
    return lambda: 1 / (1 + np.exp(-x)) + np.tanh(x) + np.log(x)


def norm(r, c):
    x, g, b = inputs.normal(r, c), inputs.normal(c), inputs.normal(c)

    def f():
        d = x - x.mean(-1, keepdims=True)
        return d / np.sqrt((d * d).mean(-1, keepdims=True) + np.float32(1e-5)) * g + b
    return f


def mlp(batch):
    p, x = inputs.layers(inputs.MNIST), inputs.normal(batch, 784)
    return lambda: np.maximum(np.maximum(x @ p[0] + p[1], 0) @ p[2] + p[3], 0) @ p[4] + p[5]


def add(n):
    a, b = np.ones(n, np.float32), np.ones(n, np.float32)
    return lambda: a + b
