#!/usr/bin/env python3
"""Writes tests/interchange/torch_linear.safetensors: a PyTorch model's state_dict as PyTorch saves it.

    python tests/interchange/make_linear.py     needs torch and safetensors

Beside the model's own tensors the file holds `x`, an input in f32, and `y`, the model's output for it, computed from these f32
numbers in f64, so that the truth is not one library's rounding.
"""

import pathlib

import torch
from safetensors.torch import save_file
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent


class Block(nn.Module):
    """Layers that are square, wide and narrow; the square one fits in either layout."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(6, 10)
        self.square = nn.Linear(10, 10)
        self.norm = nn.LayerNorm(10)
        self.out = nn.ModuleList([nn.Linear(10, 3), nn.Linear(10, 2)])

    def forward(self, x):
        h = self.norm(torch.relu(self.square(torch.relu(self.hidden(x)))))
        return torch.cat([out(h) for out in self.out], dim=-1)


torch.manual_seed(20)
model = Block()
with torch.no_grad():
    for parameter in model.norm.parameters():
        parameter.uniform_(0.5, 1.5)
weights = {name: t.clone() for name, t in model.state_dict().items()}
x = torch.rand(4, 6) * 2 - 1
y = model.double()(x.double())
save_file({**weights, "x": x, "y": y.detach()}, HERE / "torch_linear.safetensors")
