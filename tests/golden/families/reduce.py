"""Reductions, sorting, sums along an axis."""

import torch

# The larger of two zeros of either sign is either to PyTorch: no such pair.
NAN = torch.tensor([[1.0, float("nan"), 3], [float("inf"), 2, -float("inf")], [-0.0, -1, -2]])
OVER = {"all": (None, False), "axis0": (0, False), "axis1": (1, False), "last_kept": (-1, True), "two": ((0, 2), False),
        "all_kept": (None, True)}


def over(f, axis, keep):
    """f over axes; over all of them where axis is None."""
    return lambda x: f(x, tuple(range(x.dim())) if axis is None else axis, keep)


def prod(x, axis, keep):
    axes = sorted((a % x.dim() for a in ([axis] if isinstance(axis, int) else axis)), reverse=True)
    for a in axes:
        x = torch.prod(x, a, keepdim=keep)
    return x


REDUCTIONS = {
    "sum": torch.sum,
    "mean": torch.mean,
    "max": torch.amax,
    "min": torch.amin,
    "prod": prod,
    "logsumexp": torch.logsumexp,
    "var": lambda x, a, k: torch.var(x, a, correction=0, keepdim=k),
    "stddev": lambda x, a, k: torch.std(x, a, correction=0, keepdim=k),
}


def add_cases(family):
    case = family.case
    for name, f in REDUCTIONS.items():
        for how, (axis, keep) in OVER.items():
            # At least three along each axis: the deviation of two is |a − b| / 2, whose second gradients are 0, and
            # PyTorch's the rounding of that.
            case(f"{name}.{how}", over(f, axis, keep), lambda draw: [draw(3, 4, 3)])
        case(f"{name}.vector", over(f, 0, False), lambda draw: [draw(37)])
        if name not in ("var", "stddev"):
            case(f"{name}.special", over(f, 1, False), [NAN], gradients=False)
    for name in ["sum", "mean", "prod"]:
        case(f"{name}.nothing", over(REDUCTIONS[name], 0, False), [torch.zeros(0, 3)], gradients=False)
    for name in ["var", "stddev"]:
        f = torch.var if name == "var" else torch.std
        case(f"{name}.ddof1", lambda x, f=f: f(x, 1, correction=1), lambda draw: [draw(3, 6)])
        case(f"{name}.ddof1_all", lambda x, f=f: f(x, correction=1), lambda draw: [draw(3, 6)])
        case(f"{name}.shifted", over(REDUCTIONS[name], 1, False), lambda draw: [draw(2, 8, low=100, high=101)])
    # Equal extremes share the gradient; products with zeros have one all the same.
    ties = torch.tensor([[1.0, 3, 3, 2], [2, 2, 2, 2]])
    case("max.ties", over(torch.amax, 1, False), [ties], second=False)
    case("min.ties", over(torch.amin, 1, False), [-ties], second=False)
    case("prod.zeros", over(prod, 1, False), [torch.tensor([[2.0, 0, 3], [0, 5, 0], [1, 2, 3]])], second=False)
    case("logsumexp.large", over(torch.logsumexp, 1, False), [torch.tensor([[1000.0, 1001], [-1000, -999]])])
    # The gradient of a row of −inf is NaN in PyTorch, 0 in duet: what is masked altogether moves nothing.
    case("logsumexp.infinite", over(torch.logsumexp, 1, False),
         [torch.tensor([[-float("inf"), 1], [-float("inf"), -float("inf")]])], gradients=False)
    case("logsumexp.masked", over(torch.logsumexp, 1, False),
         [torch.tensor([[-float("inf"), 1, 0.5], [2, -float("inf"), -float("inf")]])])
    case("stddev.equal", over(REDUCTIONS["stddev"], 1, False), [torch.tensor([[1.5, 1.5, 1.5], [1, 2, 4]])],
         second=False)
    for name in ["sum", "prod"]:
        case(f"{name}.i32", over(REDUCTIONS[name], 1, False),
             lambda draw: [draw.integers(3, 4, low=-5, dtype=torch.int32)])
        case(f"{name}.i64", over(REDUCTIONS[name], None, False), lambda draw: [draw.integers(3, 4, low=-5)])
        case(f"{name}.bool", over(REDUCTIONS[name], 0, False), lambda draw: [draw.bools(3, 4)])
    for name in ["max", "min"]:
        case(f"{name}.i32", over(REDUCTIONS[name], 1, False),
             lambda draw: [draw.integers(3, 4, low=-5, dtype=torch.int32)])
        case(f"{name}.i64", over(REDUCTIONS[name], (0, 1), False), lambda draw: [draw.integers(3, 4, low=-5)])
    case("mean.i64", lambda x: torch.mean(x.double(), 1), lambda draw: [draw.integers(3, 4, low=-5)])
    case("mean.bool", lambda x: torch.mean(x.double(), 0), lambda draw: [draw.bools(3, 4)])
    case("mean.number", lambda x: x.mean(), lambda draw: [draw()])

    for name, f in {"argmax": torch.argmax, "argmin": torch.argmin}.items():
        case(f"{name}.last", lambda x, f=f: f(x, -1), lambda draw: [draw(3, 5)])
        case(f"{name}.first_kept", lambda x, f=f: f(x, 0, keepdim=True), lambda draw: [draw(3, 2, 4)])
        case(f"{name}.nan", lambda x, f=f: f(x, 1), [NAN])
        case(f"{name}.i32", lambda x, f=f: f(x, 1),
             lambda draw: [draw.integers(3, 4, low=-50, high=50, dtype=torch.int32)])
    for name, f in {"reduce_any": torch.any, "reduce_all": torch.all}.items():
        case(f"{name}.all", lambda x, f=f: f(x), lambda draw: [draw.bools(3, 4)])
        case(f"{name}.axis1", lambda x, f=f: f(x, 1), lambda draw: [draw.bools(5, 2)])
        case(f"{name}.kept", lambda x, f=f: f(x, 0, keepdim=True), lambda draw: [draw.bools(2, 3, 4)])
        case(f"{name}.numbers", lambda x, f=f: f(x, 1), [torch.tensor([[0.0, 0], [0, float("nan")], [1, 2]])],
             gradients=False)
        case(f"{name}.nothing", lambda x, f=f: f(x, 0), [torch.zeros(0, 3, dtype=torch.bool)])
    for how, axis in {"first": 0, "middle": 1, "last": -1}.items():
        case(f"cumsum.{how}", lambda x, a=axis: torch.cumsum(x, a), lambda draw: [draw(2, 3, 4)])
    case("cumsum.vector", lambda x: torch.cumsum(x, 0), lambda draw: [draw(37)])
    case("cumsum.i32", lambda x: torch.cumsum(x, 1), lambda draw: [draw.integers(3, 5, dtype=torch.int32)])
    case("cumsum.bool", lambda x: torch.cumsum(x, 0), lambda draw: [draw.bools(7)])
    # A sum that starts with −0 starts with 0 − 0 = +0 in PyTorch, with the element in duet.
    case("cumsum.special", lambda x: torch.cumsum(x, 1), [NAN[:2]], gradients=False)

    ties = torch.tensor([[2.0, 1, 2, 0, 1], [float("nan"), -0.0, 0.0, float("inf"), -1]])
    for down in [False, True]:
        how = "down" if down else "up"
        sort = lambda x, a, d=down: tuple(torch.sort(x, dim=a, descending=d, stable=True))
        case(f"sort.{how}", lambda x: sort(x, -1), lambda draw: [draw.distinct(3, 7)])
        case(f"sort.{how}_axis0", lambda x: sort(x, 0), lambda draw: [draw.distinct(5, 2, 2)])
        case(f"sort.{how}_ties", lambda x: sort(x, 1), [ties], gradients=False)
        case(f"sort.{how}_i32", lambda x: sort(x, -1), lambda draw: [draw.integers(2, 9, high=5, dtype=torch.int32)])
        case(f"argsort.{how}", lambda x, d=down: torch.argsort(x, dim=1, descending=d, stable=True),
             lambda draw: [draw.distinct(3, 7)], gradients=False)
    case("topk.last", lambda x: tuple(torch.topk(x, 3)), lambda draw: [draw.distinct(3, 7)])
    nan = torch.tensor([[1.0, float("nan"), 3, -float("inf"), 2], [5, float("inf"), -1, 7, float("nan")]])
    case("topk.nan", lambda x: tuple(torch.topk(x, 3)), [nan], gradients=False)
    case("topk.first", lambda x: tuple(torch.topk(x, 2, dim=0)), lambda draw: [draw.distinct(5, 2, 2)])
    case("topk.i64", lambda x: torch.topk(x, 2).values, [torch.tensor([[5, -1, 9, 3], [0, 7, 2, 8]])])
