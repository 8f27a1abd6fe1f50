"""100 steps of each optimiser down a quadratic valley, and clipping.

A case holds the parameters a [3,2] and b [4] at the start (x0, x1), the valley (x2 and x3: steepness, x4 and x5: where
its bottom is), and the parameters after 1, 10 and 100 steps with the gradients steepness·(p − bottom): y and y1, y2 and
y3, y4 and y5.
"""

import numpy as np
import torch


def f32(x):
    """The number that duet's f32 option holds."""
    return float(np.float32(x))


# What duet's options hold where PyTorch's defaults are f64 numbers.
ADAM = {"betas": (f32(0.9), f32(0.999)), "eps": f32(1e-8)}

OPTIMISERS = {
    "Sgd.plain": lambda p: torch.optim.SGD(p, lr=f32(0.05)),
    "Sgd.momentum": lambda p: torch.optim.SGD(p, lr=f32(0.02), momentum=f32(0.9)),
    "Sgd.nesterov": lambda p: torch.optim.SGD(p, lr=f32(0.02), momentum=f32(0.9), nesterov=True),
    "Sgd.weight_decay": lambda p: torch.optim.SGD(p, lr=f32(0.02), momentum=f32(0.5), weight_decay=f32(0.1)),
    "Adam.default": lambda p: torch.optim.Adam(p, lr=f32(0.01), **ADAM),
    "Adam.betas": lambda p: torch.optim.Adam(p, lr=f32(0.03), betas=(f32(0.8), f32(0.95)), eps=f32(1e-4)),
    "AdamW.default": lambda p: torch.optim.AdamW(p, lr=f32(0.01), weight_decay=f32(0.01), **ADAM),
    "AdamW.some": lambda p: torch.optim.AdamW(
        [{"params": p[:1]}, {"params": p[1:], "weight_decay": 0.0}], lr=f32(0.02), weight_decay=f32(0.2), **ADAM),
}


def trajectory(make):
    def f(a, b, steep_a, steep_b, bottom_a, bottom_b):
        p = [torch.nn.Parameter(t.detach().clone()) for t in (a, b)]
        optimiser, seen = make(p), []
        for step in range(1, 101):
            for q, steep, bottom in zip(p, (steep_a, steep_b), (bottom_a, bottom_b)):
                q.grad = steep * (q.detach() - bottom)
            optimiser.step()
            if step in (1, 10, 100):
                seen += [q.detach().clone() for q in p]
        return tuple(seen)
    return f


def clip(max_norm):
    def f(*gradients):
        p = [torch.nn.Parameter(torch.zeros_like(g)) for g in gradients]
        for q, g in zip(p, gradients):
            q.grad = g.detach().clone()
        norm = torch.nn.utils.clip_grad_norm_(p, max_norm)
        return (*(q.grad for q in p), norm)
    return f


def add_cases(family):
    valley = lambda draw: [draw(3, 2), draw(4), draw(3, 2, low=0.5), draw(4, low=0.5), draw(3, 2), draw(4)]
    for name, make in OPTIMISERS.items():
        family.case(name, trajectory(make), valley, gradients=False)
    gradients = lambda draw: [draw(3, 2), draw(4)]
    family.case("clip_by_global_norm.above", clip(1.0), gradients, gradients=False)
    family.case("clip_by_global_norm.below", clip(100.0), gradients, gradients=False)
