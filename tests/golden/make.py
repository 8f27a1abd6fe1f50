#!/usr/bin/env python3
"""Writes tests/golden/*.safetensors: what PyTorch says of duet's operations, layers and optimisers.

    python tests/golden/make.py [family…]     needs torch, numpy and safetensors; see README.md

Inputs are f32 numbers; PyTorch computes with them in f64. So one set of values is the truth for duet's f32 (which must
come within its rounding) and for its f64 (which must agree to 12 digits). Every case draws from a generator of its own,
seeded by its name: a new case changes no other.

The tensors of a case, each under `<case>/`:
    x0 x1 …    inputs; floating ones in f32
    y y1 …     outputs; floating ones in f64
    dy         f32, what the output is weighted with: the gradients are those of sum(y·dy)
    g0 g1 …    f64, gradients for the floating inputs
    w0 w1 …    f32, what the gradients are weighted with
    h0 h1 …    f64, second gradients: those of sum(g0·w0) + sum(g1·w1) + …
"""

import importlib
import pathlib
import sys
import zlib

import numpy as np
import torch
from safetensors.numpy import save_file
from torch.nn.attention import SDPBackend, sdpa_kernel

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

FAMILIES = ["pointwise", "reduce", "movement", "index", "matmul", "neural", "layers", "optim"]
HERE = pathlib.Path(__file__).resolve().parent


class Draw:
    """Numbers of one case."""

    def __init__(self, name):
        self.generator = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))

    def __call__(self, *shape, low=-2.0, high=2.0):
        """Uniform f32 numbers."""
        return torch.from_numpy(np.asarray(self.generator.uniform(low, high, shape), dtype=np.float32))

    def integers(self, *shape, low=0, high=10, dtype=torch.int64):
        return torch.from_numpy(np.asarray(self.generator.integers(low, high, shape))).to(dtype)

    def bools(self, *shape):
        return self.integers(*shape, high=2).to(torch.bool)

    def distinct(self, *shape, step=0.25):
        """Numbers no two of which are equal, so that an order is an order."""
        n = int(np.prod(shape))
        values = np.asarray((self.generator.permutation(n) - n // 2) * step, dtype=np.float32)
        return torch.from_numpy(values).reshape(shape)


class Family:
    """Collects the tensors of a family's cases."""

    def __init__(self, name):
        self.name, self.tensors = name, {}

    def case(self, name, f, inputs, gradients=True, second=True):
        """Evaluates f on inputs(draw), a list of tensors. f gets floating inputs in f64 and returns a tensor or a
        tuple, of which the first is differentiated."""
        draw = Draw(name)
        x = inputs(draw) if callable(inputs) else inputs
        wide = [t.double() if t.is_floating_point() else t for t in x]
        floating = [i for i, t in enumerate(x) if t.is_floating_point()]
        differentiate = gradients and bool(floating)
        for i in floating:
            wide[i].requires_grad_(differentiate)
        y = f(*wide)
        y = y if isinstance(y, tuple) else (y,)
        for i, t in enumerate(x):
            self.put(name, f"x{i}", t)
        for i, t in enumerate(y):
            self.put(name, f"y{i or ''}", t)
        if not differentiate or not y[0].requires_grad:
            return
        parameters = [wide[i] for i in floating]
        dy = draw(*y[0].shape, low=-1, high=1)
        self.put(name, "dy", dy)
        g = torch.autograd.grad((y[0] * dy.double()).sum(), parameters, create_graph=second, allow_unused=True)
        g = [torch.zeros_like(p) if t is None else t for p, t in zip(parameters, g)]
        for i, t in zip(floating, g):
            self.put(name, f"g{i}", t)
        if not second:
            return
        w = [draw(*t.shape, low=-1, high=1) for t in g]
        total = sum((t * v.double()).sum() for t, v in zip(g, w))
        # Gradients of linear operations are constants: their own are 0.
        h = torch.autograd.grad(total, parameters, allow_unused=True) if total.requires_grad else [None] * len(g)
        for i, v, p, t in zip(floating, w, parameters, h):
            self.put(name, f"w{i}", v)
            self.put(name, f"h{i}", torch.zeros_like(p) if t is None else t)

    def put(self, case, tensor, value):
        key = f"{case}/{tensor}"
        assert key not in self.tensors, f"{key} is written twice"
        self.tensors[key] = np.array(value.detach().numpy(force=True), order="C")

    def write(self):
        # One entry: several have another order each time, and the same values should make the same file.
        by = f"torch {torch.__version__}, numpy {np.__version__}; 1 thread, f64 of f32 inputs"
        path = HERE / f"{self.name}.safetensors"
        save_file(self.tensors, path, metadata={"made_by": by})
        cases = {key.split("/")[0] for key in self.tensors}
        print(f"{path.name}: {len(cases)} cases, {path.stat().st_size:,} bytes")


def main():
    for name in sys.argv[1:] or FAMILIES:
        family = Family(name)
        with sdpa_kernel(SDPBackend.MATH):  # the only form of attention with second gradients
            importlib.import_module(f"families.{name}").add_cases(family)
        family.write()


if __name__ == "__main__":
    main()
