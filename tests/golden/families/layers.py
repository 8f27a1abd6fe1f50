"""Layers: outputs, and gradients of inputs and parameters. Weights lie as duet holds them: [in,out]."""

import numpy as np
import torch
import torch.nn.functional as F


def module(make, parameters):
    """The call of a torch module with the given tensors as its parameters: names[i] of parameters gets tensor i + 1,
    transposed where the name ends in '.T'."""
    def f(x, *tensors, arguments=lambda x: (x,)):
        m = make()
        state = {name.removesuffix(".T"): t.T if name.endswith(".T") else t for name, t in zip(parameters, tensors)}
        return torch.func.functional_call(m, state, arguments(x))
    return f


def batch_norm_train(x, gamma, beta, mean, variance):
    mean, variance = mean.detach().clone(), variance.detach().clone()
    y = F.batch_norm(x, mean, variance, gamma, beta, training=True, momentum=float(np.float32(0.1)), eps=1e-5)
    return y, mean, variance


def batch_norm_eval(x, gamma, beta, mean, variance):
    return F.batch_norm(x, mean.detach(), variance.detach(), gamma, beta, training=False, eps=1e-5)


def multi_head_attention(heads, causal=False, to_memory=False):
    """nn.MultiheadAttention with the projections one by one: weight and bias for query, key, value and output."""
    def f(x, *t):
        memory, t = (t[0], t[1:]) if to_memory else (x, t)
        weights, biases = t[0::2], t[1::2]
        m = torch.nn.MultiheadAttention(x.shape[-1], heads, batch_first=True, dtype=torch.float64)
        state = {
            "in_proj_weight": torch.cat([w.T for w in weights[:3]]), "in_proj_bias": torch.cat(biases[:3]),
            "out_proj.weight": weights[3].T, "out_proj.bias": biases[3],
        }
        mask = torch.ones(x.shape[-2], x.shape[-2], dtype=torch.bool).triu(1) if causal else None
        options = {"need_weights": False, "attn_mask": mask}
        return torch.func.functional_call(m, state, (x, memory, memory), options)[0]
    return f


def gru_cell(x, h, wi, bi, wh, bh):
    m = torch.nn.GRUCell(x.shape[-1], h.shape[-1], dtype=torch.float64)
    return torch.func.functional_call(m, {"weight_ih": wi.T, "bias_ih": bi, "weight_hh": wh.T, "bias_hh": bh}, (x, h))


def add_cases(family):
    case = family.case
    f64 = {"dtype": torch.float64}
    case("Linear.batch", module(lambda: torch.nn.Linear(4, 3, **f64), ["weight.T", "bias"]),
         lambda draw: [draw(2, 4), draw(4, 3), draw(3)])
    case("LayerNorm.default", module(lambda: torch.nn.LayerNorm(5, **f64), ["weight", "bias"]),
         lambda draw: [draw(2, 3, 5), draw(5), draw(5)])
    case("RMSNorm.default", module(lambda: torch.nn.RMSNorm(5, eps=1e-6, **f64), ["weight"]),
         lambda draw: [draw(2, 3, 5), draw(5)])
    case("GroupNorm.two", module(lambda: torch.nn.GroupNorm(2, 4, **f64), ["weight", "bias"]),
         lambda draw: [draw(2, 4, 3), draw(4), draw(4)])
    statistics = lambda draw, *shape: [draw(*shape), draw(3), draw(3), draw(3), draw(3, low=0.5)]
    for how, shape in {"features": (5, 3), "images": (2, 3, 2, 2)}.items():
        case(f"BatchNorm.train_{how}", batch_norm_train, lambda draw: statistics(draw, *shape))
        case(f"BatchNorm.eval_{how}", batch_norm_eval, lambda draw: statistics(draw, *shape))
    conv = lambda **options: module(lambda: torch.nn.Conv2d(2, 4, 3, **options, **f64), ["weight", "bias"])
    case("Conv2d.plain", conv(), lambda draw: [draw(1, 2, 4, 5), draw(4, 2, 3, 3), draw(4)])
    case("Conv2d.options", conv(stride=2, padding=2, dilation=2, groups=2),
         lambda draw: [draw(1, 2, 6, 5), draw(4, 1, 3, 3), draw(4)])
    projections = lambda draw, width: [t for _ in range(4) for t in (draw(width, width, low=-1, high=1), draw(width))]
    case("MultiHeadAttention.two_heads", multi_head_attention(2), lambda draw: [draw(2, 3, 4), *projections(draw, 4)])
    case("MultiHeadAttention.causal", multi_head_attention(2, causal=True),
         lambda draw: [draw(1, 4, 4), *projections(draw, 4)])
    case("MultiHeadAttention.to_memory", multi_head_attention(2, to_memory=True),
         lambda draw: [draw(2, 2, 4), draw(2, 3, 4), *projections(draw, 4)])
    case("Embedding.batch", lambda t, i: F.embedding(i, t), lambda draw: [draw(5, 3), draw.integers(2, 4, high=5)])
    case("GruCell.batch", gru_cell, lambda draw: [draw(2, 3), draw(2, 4), draw(3, 12), draw(12), draw(4, 12), draw(12)])
