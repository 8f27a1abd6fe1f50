#!/usr/bin/env python3
"""check.py PROGRAM: reads what PROGRAM (write_all.cpp) wrote with NumPy and safetensors, and compares every bit with
what NumPy computes. Ends with 77 where one of the two is missing."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

try:
    import numpy as np
    from safetensors import safe_open
    from safetensors.numpy import load_file
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)

from arrays import SPECIAL, array, arrays, special

compared = 0


def same(where, got, expected):
    global compared
    compared += 1
    if got.dtype != expected.dtype or got.shape != expected.shape or got.tobytes() != expected.tobytes():
        sys.exit(f"{where}: {got.dtype}{got.shape} {got.tobytes().hex()} is not "
                 f"{expected.dtype}{expected.shape} {expected.tobytes().hex()}")


def same_all(where, got, expected, ordered):
    names = list(got) if ordered else sorted(got)
    if names != (list(expected) if ordered else sorted(expected)):
        sys.exit(f"{where}: {names}")
    for name in expected:
        same(f"{where} {name}", got[name], expected[name])


def npz(path):
    with zipfile.ZipFile(path) as archive:
        if archive.testzip() is not None:
            sys.exit(f"{path}: {archive.testzip()} is damaged")
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def check(folder):
    specials = {name: special(name) for name in SPECIAL}
    x = array("f32", (2, 3, 4))
    views = {"naïve ✓": x.T, "layer.0.weight": x[:, :, 1:4:2]}
    for name, a in arrays():
        same(name, np.load(folder / f"{name}.npy"), a)
    for name, a in specials.items():
        same(f"{name} special", np.load(folder / f"{name}_special.npy"), a)
    same("transposed", np.load(folder / "transposed.npy"), x.T)
    for stem, expected in (("all", dict(arrays())), ("special", specials), ("views", views), ("empty", {})):
        same_all(f"{stem}.npz", npz(folder / f"{stem}.npz"), expected, True)
        same_all(f"{stem}.safetensors", load_file(folder / f"{stem}.safetensors"), expected, False)
    path = folder / "checkpoint" / "step-000000007.safetensors"
    same_all("checkpoint", load_file(path), {"weight": x}, False)
    with safe_open(path, "np") as file:
        metadata = file.metadata()
    checksum = metadata.pop("duet checksum")
    if len(checksum) != 16 or metadata != {"epoch": "3", "note": 'naïve "note"\n'}:
        sys.exit(f"checkpoint: {metadata}")


with tempfile.TemporaryDirectory() as name:
    subprocess.run([sys.argv[1], name], check=True)
    check(Path(name))
print(f"{compared} arrays are the same")
