"""Operations that move or look at elements without computing, and casts."""

import torch
import torch.nn.functional as F


def windows(x, kernel, stride, dilation):
    """Sliding windows over the last two axes: [N,C,H,W] to [N,C,OH,OW,KH,KW]."""
    n, c = x.shape[:2]
    size = [(x.shape[2 + i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in range(2)]
    flat = F.unfold(x, kernel, dilation=dilation, stride=stride)
    return flat.reshape(n, c, *kernel, *size).permute(0, 1, 4, 5, 2, 3)


def add_cases(family):
    case = family.case
    case("reshape.merge", lambda x: x.reshape(6, 4), lambda draw: [draw(2, 3, 4)])
    case("reshape.inferred", lambda x: x.reshape(4, -1), lambda draw: [draw(2, 3, 4)])
    case("reshape.transposed", lambda x: x.T.reshape(2, 6), lambda draw: [draw(4, 3)])
    case("transpose.matrix", lambda x: x.T, lambda draw: [draw(3, 4)])
    case("transpose.cycle", lambda x: x.permute(2, 0, 1), lambda draw: [draw(2, 3, 4)])
    case("transpose.i32", lambda x: x.T, lambda draw: [draw.integers(3, 4, dtype=torch.int32)])
    case("broadcast_to.row", lambda x: x.broadcast_to(3, 4), lambda draw: [draw(4)])
    case("broadcast_to.middle", lambda x: x.broadcast_to(2, 3, 4), lambda draw: [draw(2, 1, 4)])
    case("broadcast_to.scalar", lambda x: x.broadcast_to(2, 3), lambda draw: [draw()])
    case("slice.step", lambda x: x[:, 1:6:2], lambda draw: [draw(2, 7)])
    case("slice.negative", lambda x: x[-3:-1], lambda draw: [draw(5, 2)])
    case("slice.empty", lambda x: x[:, 3:3], lambda draw: [draw(2, 5)])
    case("slice.row", lambda x: x[-1], lambda draw: [draw(3, 4)])
    case("unslice.step", lambda x: torch.slice_scatter(torch.zeros(2, 7, dtype=x.dtype), x, 1, 1, 6, 2),
         lambda draw: [draw(2, 3)])
    case("concat.rows", lambda a, b: torch.cat([a, b]), lambda draw: [draw(2, 3), draw(4, 3)])
    case("concat.columns", lambda a, b, c: torch.cat([a, b, c], 1), lambda draw: [draw(2, 3), draw(2, 1), draw(2, 2)])
    case("concat.same", lambda a: torch.cat([a, a], -1), lambda draw: [draw(2, 3)])
    case("concat.bool", lambda a, b: torch.cat([a, b]), lambda draw: [draw.bools(3), draw.bools(2)])
    case("contiguous.transposed", lambda x: x.T.contiguous(), lambda draw: [draw(3, 4)])
    case("stop_gradient.product", lambda x: x * x.detach(), lambda draw: [draw(5)])
    case("sum_to.row", lambda x: x.sum_to_size(4), lambda draw: [draw(2, 3, 4)])
    case("sum_to.column", lambda x: x.sum_to_size(3, 1), lambda draw: [draw(2, 3, 4)])

    case("cast.f64", lambda x: x.double(), lambda draw: [draw(2, 5)])
    whole = torch.tensor([0.0, -0.0, 1.9, -1.9, 2147483520.0, -2147483648.0, 100.5])
    case("cast.to_i32", lambda x: x.to(torch.int32), [whole], gradients=False)
    case("cast.to_i64", lambda x: x.to(torch.int64), [torch.tensor([0.5, -3.7, 9.2e18, -9.2e18])], gradients=False)
    case("cast.to_u8", lambda x: x.to(torch.uint8), [torch.tensor([0.5, 3.7, 255.9])], gradients=False)
    case("cast.to_bool", lambda x: x.to(torch.bool), [torch.tensor([0.0, -0.0, float("nan"), 1e-45, 3])],
         gradients=False)
    case("cast.from_bool", lambda x: x.double(), lambda draw: [draw.bools(5)])
    case("cast.from_i64", lambda x: x.double(), [torch.tensor([0, -5, 16777216, 2**40])])
    case("cast.i64_to_i32", lambda x: x.to(torch.int32), [torch.tensor([0, -5, 2**31 - 1, -2**31])])
    case("cast.i32_to_u8", lambda x: x.to(torch.uint8), [torch.tensor([0, 5, 255], dtype=torch.int32)])

    case("stack.first", lambda a, b: torch.stack([a, b]), lambda draw: [draw(3, 2), draw(3, 2)])
    case("stack.last", lambda a, b: torch.stack([a, b], -1), lambda draw: [draw(3, 2), draw(3, 2)])
    case("stack.scalars", lambda a, b, c: torch.stack([a, b, c]), lambda draw: [draw(), draw(), draw()])
    case("pad.both", lambda x: F.pad(x, (2, 1, 1, 0)), lambda draw: [draw(2, 3)])
    case("pad.value", lambda x: F.pad(x, (0, 2), value=1.5), lambda draw: [draw(2, 3)])
    case("pad.i32", lambda x: F.pad(x, (1, 1), value=-7), lambda draw: [draw.integers(4, dtype=torch.int32)])
    case("flip.rows", lambda x: x.flip(0), lambda draw: [draw(3, 4)])
    case("flip.last", lambda x: x.flip(-1), lambda draw: [draw(2, 3, 4)])
    case("squeeze.axis", lambda x: x.squeeze(1), lambda draw: [draw(2, 1, 3)])
    case("squeeze.all", lambda x: x.squeeze(), lambda draw: [draw(1, 2, 1, 3, 1)])
    case("unsqueeze.first", lambda x: x.unsqueeze(0), lambda draw: [draw(2, 3)])
    case("unsqueeze.last", lambda x: x.unsqueeze(-1), lambda draw: [draw(2, 3)])
    case("repeat.both", lambda x: x.repeat(2, 3), lambda draw: [draw(2, 3)])
    case("repeat.more_axes", lambda x: x.repeat(2, 1, 2), lambda draw: [draw(2, 3)])
    case("repeat.i32", lambda x: x.repeat(3), lambda draw: [draw.integers(4, dtype=torch.int32)])
    case("tril.square", lambda x: x.tril(), lambda draw: [draw(4, 4)])
    case("tril.above", lambda x: x.tril(1), lambda draw: [draw(2, 3, 5)])
    case("tril.below", lambda x: x.tril(-2), lambda draw: [draw(5, 3)])
    case("triu.square", lambda x: x.triu(), lambda draw: [draw(4, 4)])
    case("triu.above", lambda x: x.triu(2), lambda draw: [draw(2, 3, 5)])
    case("triu.below", lambda x: x.triu(-1), lambda draw: [draw(5, 3)])
    case("triu.i64", lambda x: x.triu(), lambda draw: [draw.integers(3, 4)])
    case("roll.right", lambda x: x.roll(2, 1), lambda draw: [draw(2, 5)])
    case("roll.left", lambda x: x.roll(-1, 0), lambda draw: [draw(4, 2)])
    case("roll.around", lambda x: x.roll(12, -1), lambda draw: [draw(2, 5)])
    case("update.columns", lambda x, v: torch.slice_scatter(x, v, 1, 2, 4), lambda draw: [draw(3, 5), draw(3, 2)])
    case("update.row", lambda x, v: torch.slice_scatter(x, v, 0, 1, 2), lambda draw: [draw(3, 5), draw(1, 5)])
    case("windows.plain", lambda x: windows(x, (2, 2), (1, 1), (1, 1)), lambda draw: [draw(1, 2, 3, 4)])
    case("windows.strided", lambda x: windows(x, (3, 2), (2, 1), (1, 1)), lambda draw: [draw(2, 1, 5, 4)])
    case("windows.dilated", lambda x: windows(x, (2, 2), (1, 2), (2, 1)), lambda draw: [draw(1, 1, 5, 6)])

    # What duet makes of nothing but a shape.
    case("full.number", lambda: torch.full((2, 3), 2.5, dtype=torch.float64), [])
    case("full.i32", lambda: torch.full((3,), -7, dtype=torch.int32), [])
    case("zeros.bool", lambda: torch.zeros(2, 2, dtype=torch.bool), [])
    case("ones.i64", lambda: torch.ones(2, 0, 3, dtype=torch.int64), [])
    case("arange.count", lambda: torch.arange(7, dtype=torch.float64), [])
    case("arange.step", lambda: torch.arange(-1, 2, 0.25, dtype=torch.float64), [])
    case("arange.down", lambda: torch.arange(9, -2, -3, dtype=torch.int32), [])
    case("eye.f32", lambda: torch.eye(4, dtype=torch.float64), [])
