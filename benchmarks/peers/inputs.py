"""What all peers compute on, as numpy arrays. Rates are so small that nothing is learnt, as in duet's own cases: after
some thousand steps on one batch gradients and moments would be denormal, and slow."""
import numpy as np

RATE = 1e-12
MNIST, DIGITS = [784, 512, 256, 10], [64, 128, 64, 10]
WIDTH, HEADS, ALPHABET = 64, 4, 61  # of the transformer

rng = np.random.default_rng(0)


def normal(*shape, scale=1.0):
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def labels(classes, *shape):
    return rng.integers(0, classes, shape).astype(np.int32)


def layers(widths):
    """[weight, bias, weight, bias, …], y = x·W + b."""
    out = []
    for a, b in zip(widths, widths[1:]):
        out += [normal(a, b, scale=(2 / a) ** 0.5), np.zeros(b, np.float32)]
    return out


def transformer(length):
    """Named like the fields of duet's own; matrices of the layers decay."""
    e, v = WIDTH, ALPHABET
    p = {"letters": normal(v, e, scale=0.1), "places": normal(length, e, scale=0.1), "norm": np.ones(e, np.float32),
         "out.w": normal(e, v, scale=e ** -0.5), "out.b": np.zeros(v, np.float32)}
    for i in range(2):
        for name in ("query", "key", "value", "out"):
            p[f"layer{i}.{name}.w"] = normal(e, e, scale=e ** -0.5)
        p[f"layer{i}.up.w"], p[f"layer{i}.up.b"] = normal(e, 4 * e, scale=e ** -0.5), np.zeros(4 * e, np.float32)
        p[f"layer{i}.down.w"], p[f"layer{i}.down.b"] = normal(4 * e, e, scale=0.06), np.zeros(e, np.float32)
        p[f"layer{i}.norm1"], p[f"layer{i}.norm2"] = np.ones(e, np.float32), np.ones(e, np.float32)
    return p


def decays(name):
    return name.startswith("layer") and name.endswith(".w")


def conv_net():
    return {"conv1": normal(16, 1, 3, 3, scale=0.3), "bias1": np.zeros(16, np.float32),
            "conv2": normal(32, 16, 3, 3, scale=0.1), "bias2": np.zeros(32, np.float32),
            "gamma1": np.ones(16, np.float32), "beta1": np.zeros(16, np.float32),
            "gamma2": np.ones(32, np.float32), "beta2": np.zeros(32, np.float32),
            "out.w": normal(512, 10, scale=0.04), "out.b": np.zeros(10, np.float32)}
