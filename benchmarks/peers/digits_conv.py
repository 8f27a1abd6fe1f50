#!/usr/bin/env python3
"""The convolutional net of examples/09_conv_digits in PyTorch: same data, architecture, schedule and shifts.

    digits_conv.py [SEED...]     prints the test accuracy after 12 epochs and the processor time, a line a seed

Needs torch 2.x. The random numbers are PyTorch's own, so single runs differ from duet's; several seeds compare.
"""
import math
import pathlib
import struct
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

DIGITS = pathlib.Path(__file__).resolve().parents[2] / "examples" / "data" / "digits"
EPOCHS, BATCH, RATE = 12, 32, 3e-3


def images(name):
    raw = (DIGITS / name).read_bytes()
    n, h, w = struct.unpack(">III", raw[4:16])
    return torch.frombuffer(bytearray(raw[16:]), dtype=torch.uint8).reshape(n, 1, h, w).float() / 255


def labels(name):
    return torch.frombuffer(bytearray((DIGITS / name).read_bytes()[8:]), dtype=torch.uint8).long()


def net():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(32 * 4 * 4, 10))


def shifted(x, draw):
    """The batch moved by up to one pixel in any direction."""
    dy, dx = (int(torch.randint(0, 3, (1,), generator=draw)) for _ in range(2))
    return F.pad(x, (1, 1, 1, 1))[:, :, dy:dy + 8, dx:dx + 8]


def run(seed):
    x_train, y_train = images("train-images-idx3-ubyte"), labels("train-labels-idx1-ubyte")
    x_test, y_test = images("t10k-images-idx3-ubyte"), labels("t10k-labels-idx1-ubyte")
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    model = net()
    adam = torch.optim.Adam(model.parameters(), lr=RATE)
    steps, done = EPOCHS * math.ceil(len(x_train) / BATCH), 0
    model.train()
    for _ in range(EPOCHS):
        order = torch.randperm(len(x_train), generator=draw)
        for i in range(0, len(x_train), BATCH):
            for group in adam.param_groups:
                group["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * done / steps))
            done += 1
            rows = order[i:i + BATCH]
            loss = F.cross_entropy(model(shifted(x_train[rows], draw)), y_train[rows])
            adam.zero_grad()
            loss.backward()
            adam.step()
    model.eval()
    with torch.no_grad():
        return (model(x_test).argmax(1) == y_test).float().mean().item()


def main():
    torch.set_num_threads(1)
    print("torch", torch.__version__)
    for seed in map(int, sys.argv[1:] or ["1", "2", "3"]):
        start = time.process_time()
        accuracy = run(seed)
        print(f"seed {seed}: accuracy {accuracy:.4f}, {time.process_time() - start:.1f} s of processor time", flush=True)


if __name__ == "__main__":
    main()
