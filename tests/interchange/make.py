#!/usr/bin/env python3
"""Writes the fixtures beside this file: what NumPy, safetensors and PyTorch write, for duet to read (see README.md)."""

from pathlib import Path

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch

from arrays import DTYPES, SHAPES, SPECIAL, array, arrays, label, special

HERE = Path(__file__).parent


def npy(folder):
    for shape in SHAPES:
        np.save(folder / f"{label('f32', shape)}.npy", array("f32", shape))
    for name in DTYPES:
        a = array(name, (2, 3, 4))
        np.save(folder / f"{label(name, a.shape)}.npy", a)
        # NumPy knows these as Fortran arrays and writes their bytes as they lie in memory.
        np.save(folder / f"{name}_fortran.npy", np.asfortranarray(a))
        np.save(folder / f"{name}_big.npy", a.astype(a.dtype.newbyteorder(">")))
        np.save(folder / f"{name}_big_fortran.npy", np.asfortranarray(a.astype(a.dtype.newbyteorder(">"))))
    for name in SPECIAL:
        np.save(folder / f"{name}_special.npy", special(name))
    for version in (2, 3):
        with open(folder / f"version_{version}.npy", "wb") as f:
            np.lib.format.write_array(f, array("f32", (2, 3)), version=(version, 0))
    np.save(folder / "f16.npy", np.arange(3, dtype=np.float16))
    np.save(folder / "i16.npy", np.arange(3, dtype=np.int16))
    np.save(folder / "c64.npy", np.arange(3, dtype=np.complex64))
    np.save(folder / "text.npy", np.array(["a", "bc"]))
    np.save(folder / "object.npy", np.array([1, "two"], dtype=object))
    np.save(folder / "fields.npy", np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]))


def npz(folder):
    np.savez(folder / "stored.npz", **dict(arrays()))
    np.savez_compressed(folder / "deflated.npz", **dict(arrays()))
    np.savez_compressed(folder / "zeros.npz", zeros=np.zeros((64, 1024), np.float32))
    np.savez(folder / "positional.npz", array("i32", (3,)), np.asfortranarray(array("f64", (3, 2))))
    np.savez(folder / "names.npz", **{"naïve ✓": array("u8", (2,)), "layer.0.weight": array("f32", (2, 2))})
    np.savez(folder / "empty.npz")
    np.savez(folder / "half.npz", good=array("f32", (2,)), half=np.arange(3, dtype=np.float16))


def tensors(folder):
    safetensors.numpy.save_file(dict(arrays()), folder / "all.safetensors", metadata={"format": "np", "naïve": "✓\n"})
    safetensors.numpy.save_file({}, folder / "empty.safetensors")
    safetensors.numpy.save_file({"half": np.arange(3, dtype=np.float16)}, folder / "f16.safetensors")
    safetensors.torch.save_file({"brain": torch.arange(3, dtype=torch.bfloat16)}, folder / "bf16.safetensors")
    safetensors.numpy.save_file({name: special(name) for name in SPECIAL}, folder / "special.safetensors")
    model = torch.nn.Sequential()
    model.add_module("hidden", torch.nn.Linear(4, 3))
    model.add_module("out", torch.nn.Linear(3, 2))
    with torch.no_grad():
        for i, p in enumerate(model.parameters()):
            p.copy_(torch.arange(p.numel(), dtype=torch.float32).reshape(p.shape) * 0.25 - i)
    safetensors.torch.save_file(model.state_dict(), HERE / "torch_mlp.safetensors")


if __name__ == "__main__":
    (HERE / "fixtures").mkdir(exist_ok=True)
    for kind in (npy, npz, tensors):
        kind(HERE / "fixtures")
    print(f"numpy {np.__version__}, safetensors {safetensors.__version__}, torch {torch.__version__}")
