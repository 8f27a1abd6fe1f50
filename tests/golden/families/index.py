"""Operations with indices in their data."""

import torch
import torch.nn.functional as F


def gather(axis):
    """x's slices along an axis at an index of any rank, whose axes take the axis's place."""
    def f(x, index):
        a = axis % x.dim()
        flat = x.index_select(a, index.reshape(-1).long() % x.shape[a])
        return flat.reshape(*x.shape[:a], *index.shape, *x.shape[a + 1:])
    return f


def scatter_add(axis):
    def f(base, index, updates):
        a = axis % base.dim()
        flat = updates.reshape(*base.shape[:a], index.numel(), *base.shape[a + 1:])
        return base.index_add(a, index.reshape(-1).long() % base.shape[a], flat)
    return f


def add_cases(family):
    case = family.case
    case("gather.rows", gather(0), lambda draw: [draw(5, 3), draw.integers(4, high=5)])
    case("gather.columns", gather(1), lambda draw: [draw(2, 5), draw.integers(4, low=-5, high=5)])
    case("gather.matrix", gather(-1), lambda draw: [draw(2, 5), draw.integers(2, 3, high=5, dtype=torch.int32)])
    case("gather.scalar", gather(0), lambda draw: [draw(5, 3), torch.tensor(3)])
    case("gather.u8", gather(0), lambda draw: [draw.integers(5, 2), draw.integers(4, high=5, dtype=torch.uint8)])
    case("scatter_add.rows", scatter_add(0), lambda draw: [draw(4, 3), draw.integers(6, high=4), draw(6, 3)])
    case("scatter_add.columns", scatter_add(1), lambda draw: [draw(2, 4), draw.integers(6, low=-4, high=4), draw(2, 6)])
    case("scatter_add.matrix", scatter_add(0), lambda draw: [draw(4, 2), draw.integers(2, 3, high=4), draw(2, 3, 2)])
    case("one_hot.vector", lambda i: F.one_hot(i, 5).double(), lambda draw: [draw.integers(4, high=5)])
    case("one_hot.matrix", lambda i: F.one_hot(i, 3).double(), lambda draw: [draw.integers(2, 3, high=3)])
    case("take.flat", lambda x, i: torch.take(x, i), lambda draw: [draw(3, 4), draw.integers(2, 5, high=12)])
    case("take.repeated", lambda x, i: torch.take(x, i), lambda draw: [draw(5), torch.tensor([0, 4, 4, 0, -1])])
    for how, axis in {"first": 0, "last": -1}.items():
        case(f"take_along_axis.{how}", lambda x, i, a=axis: torch.gather(x, a, i),
             lambda draw: [draw(3, 4), draw.integers(3, 4, high=3)])
        case(f"scatter_add_along_axis.{how}", lambda b, i, u, a=axis: torch.scatter_add(b, a, i, u),
             lambda draw: [draw(3, 4), draw.integers(3, 4, high=3), draw(3, 4)])
    case("take_along_axis.longer", lambda x, i: torch.gather(x, 1, i),
         lambda draw: [draw(2, 3), draw.integers(2, 6, high=3)])
    case("scatter_add_along_axis.longer", lambda b, i, u: torch.scatter_add(b, 1, i, u),
         lambda draw: [draw(2, 3), draw.integers(2, 6, high=3), draw(2, 6)])
    case("embedding.vector", lambda t, i: F.embedding(i, t), lambda draw: [draw(6, 3), draw.integers(4, high=6)])
    case("embedding.batch", lambda t, i: F.embedding(i, t), lambda draw: [draw(6, 3), draw.integers(2, 5, high=6)])
