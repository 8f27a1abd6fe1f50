"""Operations on each element."""

import itertools

import torch
import torch.nn.functional as F

SPECIAL = torch.tensor([0.0, -0.0, float("inf"), -float("inf"), float("nan"), 1e-45, -1e-45, 1.1754942e-38,
                        3.4028235e38, -3.4028235e38, 88.4, -87.4, -104, 16777217, 1, -1, 0.5, 2, -2.5, 1e-8])
# Fewer, to be combined with each other.
PAIRS = torch.tensor([0.0, -0.0, float("inf"), -float("inf"), float("nan"), 1e-45, 3e38, 1, -2])

# name: function, low, high of the smooth case
UNARY = {
    "neg": (torch.neg, -2, 2),
    "abs": (torch.abs, -2, 2),
    "exp": (torch.exp, -3, 3),
    "log": (torch.log, 0.1, 4),
    "sqrt": (torch.sqrt, 0.1, 4),
    "rsqrt": (torch.rsqrt, 0.1, 4),
    "square": (torch.square, -2, 2),
    "reciprocal": (torch.reciprocal, 0.2, 3),
    "sin": (torch.sin, -7, 7),
    "cos": (torch.cos, -7, 7),
    "tanh": (torch.tanh, -2, 2),
    "erf": (torch.erf, -2, 2),
    "sigmoid": (torch.sigmoid, -4, 4),
    "relu": (torch.relu, -2, 2),
    "gelu": (F.gelu, -3, 3),
    "gelu_tanh": (lambda x: F.gelu(x, approximate="tanh"), -3, 3),
    "expm1": (torch.expm1, -1, 1),
    "log1p": (torch.log1p, -0.8, 3),
    "sign": (torch.sign, -2, 2),
    "floor": (torch.floor, -4, 4),
    "ceil": (torch.ceil, -4, 4),
    "round": (torch.round, -4, 4),
    "silu": (F.silu, -4, 4),
    # PyTorch's default turns linear at 20, duet's has no threshold; at 800 neither shows in f64.
    "softplus": (lambda x: F.softplus(x, threshold=800), -4, 4),
    "leaky_relu": (F.leaky_relu, -2, 2),
}
BINARY = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div}
COMPARISONS = {"eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le, "gt": torch.gt, "ge": torch.ge}
INTEGER_UNARY = {"neg": torch.neg, "abs": torch.abs, "square": torch.square, "sign": torch.sign}


def add_cases(family):
    case = family.case
    for name, (f, low, high) in UNARY.items():
        case(f"{name}.smooth", f, lambda draw: [draw(3, 7, low=low, high=high)])
        special = SPECIAL
        if name in ("gelu", "gelu_tanh", "silu"):  # x·Φ(x) at −∞ is −∞·0 to PyTorch, its limit −0 to duet
            special = special[special != -float("inf")]
        if name == "sign":  # of −0 and NaN it is 0 to PyTorch; to duet these pass, as NaN does in NumPy
            special = special[~((special == 0) & special.signbit() | special.isnan())]
        case(f"{name}.special", f, [special], gradients=False)
    case("exp.rank4", torch.exp, lambda draw: [draw(2, 1, 3, 2)])
    case("exp.scalar", torch.exp, lambda draw: [draw()])
    case("exp.none", torch.exp, lambda draw: [draw(0, 3)])
    case("sin.large", torch.sin, [torch.tensor([1e3, -1e5, 1e7, -1e10, 1e20, -1e30, 3.4e38, 710.0])])
    case("cos.large", torch.cos, [torch.tensor([1e3, -1e5, 1e7, -1e10, 1e20, -1e30, 3.4e38, 710.0])])
    case("expm1.small", torch.expm1, [torch.tensor([1e-3, -1e-5, 1e-10, -1e-20, 1e-38, -0.25, 40, -40])])
    # No larger: −1/(1 + x)² leaves f32's normal numbers, and is 0 where (1 + x)² overflows first.
    case("log1p.small", torch.log1p, [torch.tensor([1e-3, -1e-5, 1e-10, -1e-20, 1e-38, -0.25, 40, 1e10])])
    # No second gradients: 1 − σ cancels where σ is near 1, in PyTorch's f32 too.
    far = torch.tensor([-80.0, -30, -15, 15, 30, 80])
    case("softplus.far", lambda x: F.softplus(x, threshold=800), [far], second=False)
    case("silu.far", F.silu, [far], second=False)
    case("sigmoid.far", torch.sigmoid, [torch.tensor([-80.0, -30, -15, 12])])
    case("erf.far", torch.erf, [torch.tensor([-3.5, 3.5, 0.001, -1e-10])], second=False)
    case("leaky_relu.slope", lambda x: F.leaky_relu(x, 0.2), lambda draw: [draw(2, 5)])
    # Kinks: what a gradient is where there is none is a convention, which duet shares.
    case("sign.kink", torch.sign, [torch.tensor([0.0, 0.5, -0.5])])
    for name in ["abs", "floor", "ceil", "round"]:
        case(f"{name}.kink", UNARY[name][0], [torch.tensor([0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0])])
    for name in ["relu", "leaky_relu"]:
        case(f"{name}.kink", UNARY[name][0], [torch.tensor([0.0, 1.0, -1.0])])
    for name, f in INTEGER_UNARY.items():
        case(f"{name}.i32", f, lambda draw: [draw.integers(2, 5, low=-9, dtype=torch.int32)])
        case(f"{name}.i64", f, lambda draw: [draw.integers(2, 5, low=-9)])

    for name, f in BINARY.items():
        low = 0.3 if name == "div" else -2
        case(f"{name}.same", f, lambda draw: [draw(3, 5), draw(3, 5, low=low)])
        case(f"{name}.row", f, lambda draw: [draw(3, 5), draw(5, low=low)])
        case(f"{name}.outer", f, lambda draw: [draw(3, 1), draw(1, 4, low=low)])
        case(f"{name}.scalar", f, lambda draw: [draw(2, 3), draw(low=low)])
        case(f"{name}.rank3", f, lambda draw: [draw(3, 1), draw(2, 1, 4, low=low)])
        case(f"{name}.special", f, [PAIRS.reshape(-1, 1), PAIRS], gradients=False)
        if name != "div":
            case(f"{name}.i32", f, lambda draw: [draw.integers(2, 5, low=-9, dtype=torch.int32) for _ in range(2)])
            case(f"{name}.i64", f, lambda draw: [draw.integers(2, 5, low=-9), draw.integers(5, low=-9)])
    for name, f in {"maximum": torch.maximum, "minimum": torch.minimum}.items():
        case(f"{name}.same", f, lambda draw: [draw(3, 5), draw(3, 5)])
        case(f"{name}.outer", f, lambda draw: [draw(3, 1), draw(4)])
        case(f"{name}.equal", f, [torch.tensor([1.0, 2, -3, 0]), torch.tensor([1.0, 1, -3, 0])])
        case(f"{name}.i64", f, lambda draw: [draw.integers(2, 5, low=-9), draw.integers(5, low=-9)])
        # Of two zeros of either sign PyTorch returns either: no zeros here.
        pairs = PAIRS[2:]
        case(f"{name}.special", f, [pairs.reshape(-1, 1), pairs], gradients=False)
    for name, f in COMPARISONS.items():
        case(f"{name}.f32", f, [PAIRS.reshape(-1, 1), PAIRS])
        case(f"{name}.i32", f, lambda draw: [draw.integers(3, 5, high=3, dtype=torch.int32) for _ in range(2)])
        case(f"{name}.bool", f, lambda draw: [draw.bools(3, 1), draw.bools(5)])

    case("where.same", torch.where, lambda draw: [draw.bools(3, 5), draw(3, 5), draw(3, 5)])
    case("where.broadcast", torch.where, lambda draw: [draw.bools(3, 1), draw(5), draw()])
    case("where.i32", torch.where, lambda draw: [draw.bools(4), *(draw.integers(4, dtype=torch.int32) for _ in "ab")])
    case("where.special", torch.where, [torch.tensor([True, False]).reshape(2, 1), SPECIAL, SPECIAL.flip(0)],
         gradients=False)

    case("pow.positive", torch.pow, lambda draw: [draw(3, 5, low=0.3, high=3), draw(3, 5)])
    case("pow.outer", torch.pow, lambda draw: [draw(3, 1, low=0.3, high=3), draw(4)])
    whole = torch.tensor([-3.0, -2, -1, 0, 1, 2, 3])
    # The gradient for the exponent of a negative number is NaN in PyTorch: the exponent stays fixed.
    case("pow.whole", lambda a: torch.pow(a, whole.double()), lambda draw: [draw(2, 7)])
    case("pow.number", lambda a: torch.pow(a, 3), lambda draw: [draw(2, 5)])
    case("pow.zero", lambda a: torch.pow(a, torch.arange(4.0).double()), [torch.zeros(2, 4)], second=False)
    case("pow.special", torch.pow, [PAIRS.reshape(-1, 1), torch.cat([PAIRS, torch.tensor([0.5, 3, -3])])],
         gradients=False)
    case("clamp.number", lambda x: torch.clamp(x, -0.75, 1.25), lambda draw: [draw(3, 7)])
    case("clamp.special", lambda x: torch.clamp(x, -0.75, 1.25), [SPECIAL], gradients=False)
    case("clamp.tensors", torch.clamp,
         lambda draw: [draw(3, 5), draw(5, low=-1.5, high=-0.5), draw(3, 1, low=0.2, high=1.5)])
    case("clamp.i32", lambda x: torch.clamp(x, -3, 4), lambda draw: [draw.integers(2, 7, low=-9, dtype=torch.int32)])

    case("isnan.special", torch.isnan, [SPECIAL])
    case("isinf.special", torch.isinf, [SPECIAL])
    both = torch.tensor(list(itertools.product([False, True], repeat=2))).T
    case("logical_and.bool", torch.logical_and, [both[0].contiguous(), both[1].contiguous()])
    case("logical_or.bool", torch.logical_or, [both[0].contiguous(), both[1].contiguous()])
    case("logical_not.bool", torch.logical_not, [both[0].contiguous()])
    case("logical_and.outer", torch.logical_and, lambda draw: [draw.bools(3, 1), draw.bools(4)])
    case("logical_or.outer", torch.logical_or, lambda draw: [draw.bools(3, 1), draw.bools(4)])
