"""The arrays that make.py and check.py speak of, as expected.h has them in C++."""

import numpy as np

DTYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64, "u8": np.uint8, "bool": np.bool_}
SHAPES = [(), (5,), (2, 3), (2, 3, 4), (1, 2, 1, 3), (2, 1, 3, 1, 2), (1, 2, 1, 2, 1, 2), (0,), (4, 0, 2)]


def array(name, shape):
    """Element i in row-major order: halves from -3 on for floats, integers from -3 on, multiples of 7 modulo 256, every
    third true."""
    i = np.arange(int(np.prod(shape, dtype=np.int64)))
    values = {"f32": i * 0.5 - 3, "f64": i * 0.5 - 3, "i32": i - 3, "i64": (i - 3) * 2**33, "u8": i * 7 % 256,
              "bool": i % 3 == 0}[name]
    return values.astype(DTYPES[name]).reshape(shape)


def label(name, shape):
    """f32_2x3x4; f32_ for rank 0."""
    return f"{name}_{'x'.join(map(str, shape))}"


def arrays():
    """One array a dtype and shape, by label."""
    return [(label(name, shape), array(name, shape)) for name in DTYPES for shape in SHAPES]


# As bits: -0, infinities, the smallest and largest numbers, quiet and signalling NaN with a payload.
SPECIAL = {
    "f32": np.array([0x80000000, 0x7F800000, 0xFF800000, 1, 0x00800000, 0x7F7FFFFF, 0x7FC12345, 0xFFA00001], np.uint32),
    "f64": np.array([0x8000000000000000, 0x7FF0000000000000, 0xFFF0000000000000, 1, 0x0010000000000000,
                     0x7FEFFFFFFFFFFFFF, 0x7FF8123456789ABC, 0xFFF4000000000001], np.uint64),
    "i32": np.array([0x80000000, 0x7FFFFFFF, 0xFFFFFFFF], np.uint32),
    "i64": np.array([0x8000000000000000, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF], np.uint64),
}


def special(name):
    return SPECIAL[name].view(DTYPES[name])
