"""Functions of neural networks."""

import torch
import torch.nn.functional as F


def channels(x, v):
    """v by channel, shaped to broadcast with x [N,C,…]."""
    return v.reshape(1, -1, *([1] * (x.dim() - 2)))


def batch_norm(x, gamma, beta, mean, variance, eps=1e-5):
    return (x - channels(x, mean)) / torch.sqrt(channels(x, variance) + eps) * channels(x, gamma) + channels(x, beta)


def attention(**options):
    return lambda q, k, v: F.scaled_dot_product_attention(q, k, v, **options)


def add_cases(family):
    case = family.case
    for name, f in {"softmax": torch.softmax, "log_softmax": torch.log_softmax}.items():
        case(f"{name}.last", lambda x, f=f: f(x, -1), lambda draw: [draw(3, 5)])
        case(f"{name}.first", lambda x, f=f: f(x, 0), lambda draw: [draw(4, 3)])
        case(f"{name}.middle", lambda x, f=f: f(x, 1), lambda draw: [draw(2, 3, 4)])
        case(f"{name}.large", lambda x, f=f: f(x, -1), [torch.tensor([[1000.0, 999, 998], [-1000, -1001, -1002.5]])])
        case(f"{name}.masked", lambda x, f=f: f(x, -1),
             [torch.tensor([[0.5, -float("inf"), 1], [2, 1, -float("inf")]])], gradients=False)
    case("cross_entropy.batch", F.cross_entropy, lambda draw: [draw(4, 5), draw.integers(4, high=5)])
    case("cross_entropy.sequence", lambda x, y: F.cross_entropy(x.reshape(-1, 5), y.reshape(-1)),
         lambda draw: [draw(2, 3, 5), draw.integers(2, 3, high=5)])
    case("cross_entropy.sure", F.cross_entropy, [torch.tensor([[100.0, -100, 0], [3, 80, 1]]), torch.tensor([1, 1])])
    case("mse.same", F.mse_loss, lambda draw: [draw(3, 4), draw(3, 4)])
    case("mse.broadcast", lambda a, b: F.mse_loss(a, b.expand_as(a)), lambda draw: [draw(3, 4), draw(4)])
    case("binary_cross_entropy.soft", F.binary_cross_entropy_with_logits,
         lambda draw: [draw(3, 4), draw(3, 4, low=0, high=1)])
    case("binary_cross_entropy.hard", F.binary_cross_entropy_with_logits,
         lambda draw: [draw(5, low=-6, high=6), draw.bools(5).float()])
    case("binary_cross_entropy.far", F.binary_cross_entropy_with_logits,
         [torch.tensor([90.0, -90, 30, -30, 0]), torch.tensor([1.0, 0, 0, 1, 0.5])], second=False)
    for name, delta in {"one": 1.0, "half": 0.5}.items():
        case(f"huber.{name}", lambda a, b, d=delta: F.huber_loss(a, b, delta=d), lambda draw: [draw(3, 5), draw(3, 5)])

    layer_norm = lambda eps: lambda x, g, b: F.layer_norm(x, x.shape[-1:], g, b, eps)
    case("layer_norm.rows", layer_norm(1e-5), lambda draw: [draw(3, 6), draw(6), draw(6)])
    case("layer_norm.rank3", layer_norm(0.01), lambda draw: [draw(2, 3, 4), draw(4), draw(4)])
    rms_norm = lambda eps: lambda x, g: F.rms_norm(x, x.shape[-1:], g, eps)
    case("rms_norm.rows", rms_norm(1e-6), lambda draw: [draw(3, 6), draw(6)])
    case("rms_norm.rank3", rms_norm(0.01), lambda draw: [draw(2, 3, 4), draw(4)])
    group_norm = lambda groups, eps: lambda x, g, b: F.group_norm(x, groups, g, b, eps)
    case("group_norm.images", group_norm(2, 1e-5), lambda draw: [draw(2, 4, 2, 3), draw(4), draw(4)])
    case("group_norm.one", group_norm(1, 0.01), lambda draw: [draw(2, 3, 4), draw(3), draw(3)])
    case("group_norm.each", group_norm(3, 1e-5), lambda draw: [draw(2, 3, 5), draw(3), draw(3)])
    for how, shape in {"features": (4, 3), "images": (2, 3, 2, 2)}.items():
        case(f"batch_norm.{how}", batch_norm, lambda draw: [draw(*shape), draw(3), draw(3), draw(3), draw(3, low=0.5)])
    case("batch_norm.eps", lambda *t: batch_norm(*t, eps=0.01),
         lambda draw: [draw(4, 2), draw(2), draw(2), draw(2), draw(2, low=0.5)])

    trained = lambda x, gamma, beta: F.batch_norm(x, None, None, gamma, beta, training=True)
    case("batch_norm.training", trained, lambda draw: [draw(2, 3, 2, 2), draw(3), draw(3)])

    def statistics(x):
        axes = [0, *range(2, x.dim())]
        return torch.mean(x, axes), torch.var(x, axes, correction=0)
    case("batch_statistics.images", statistics, lambda draw: [draw(2, 3, 2, 2)])
    case("batch_statistics.variance", lambda x: statistics(x)[1], lambda draw: [draw(4, 3)])

    convolutions = {  # x, weight, options
        "plain": ((2, 2, 4, 5), (3, 2, 3, 2), {}),
        "padded": ((1, 2, 4, 4), (2, 2, 3, 3), {"padding": 1}),
        "strided": ((1, 1, 5, 7), (2, 1, 3, 3), {"stride": 2}),
        "dilated": ((1, 1, 6, 6), (1, 1, 2, 3), {"dilation": 2, "padding": 1}),
        "grouped": ((2, 4, 3, 3), (4, 2, 2, 2), {"groups": 2}),
        "depthwise": ((1, 3, 4, 4), (3, 1, 3, 3), {"groups": 3, "padding": 1, "stride": 2}),
        "one_by_one": ((2, 3, 2, 2), (4, 3, 1, 1), {}),
    }
    for how, (x, weight, options) in convolutions.items():
        case(f"conv2d.{how}", lambda x, w: F.conv2d(x, w, **options), lambda draw: [draw(*x), draw(*weight)])
    # To [C,kh,kw,N,OH,OW] from PyTorch's [N,C·kh·kw,OH·OW].
    case("unfold.padded", lambda x: F.unfold(x, (2, 3), padding=1).reshape(2, 2, 2, 3, 4, 4).permute(1, 2, 3, 0, 4, 5),
         lambda draw: [draw(2, 2, 3, 4)])
    case("max_pool2d.two", lambda x: F.max_pool2d(x, 2), lambda draw: [draw.distinct(1, 2, 4, 5)])
    case("max_pool2d.overlapping", lambda x: F.max_pool2d(x, 3, stride=2, padding=1),
         lambda draw: [draw.distinct(1, 1, 5, 6)])
    case("avg_pool2d.two", lambda x: F.avg_pool2d(x, 2), lambda draw: [draw(1, 2, 4, 5)])
    case("avg_pool2d.overlapping", lambda x: F.avg_pool2d(x, 3, stride=2), lambda draw: [draw(1, 1, 5, 7)])
    # Zeros of the padding count, which is PyTorch's default.
    case("avg_pool2d.padded", lambda x: F.avg_pool2d(x, 2, stride=1, padding=1), lambda draw: [draw(1, 1, 3, 4)])

    heads = lambda draw: [draw(2, 3, 4), draw(2, 5, 4), draw(2, 5, 4)]
    case("attention.plain", attention(), heads)
    case("attention.scale", attention(scale=0.3), heads)
    case("attention.causal", attention(is_causal=True), lambda draw: [draw(2, 4, 3) for _ in "qkv"])
    case("attention.batch_and_heads", attention(), lambda draw: [draw(2, 2, 3, 2) for _ in "qkv"])
    case("attention.wide_values", attention(), lambda draw: [draw(3, 2), draw(4, 2), draw(4, 5)])
    # A mask is true where a query may look.
    case("attention.mask", lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m),
         lambda draw: [*(draw(2, 3, 4) for _ in "qkv"),
                       torch.tensor([[True, False, True], [False, True, True], [True, True, True]])])
    case("attention.added_mask", lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m),
         lambda draw: [draw(2, 3, 4), draw(2, 3, 4), draw(2, 3, 4), draw(3, 3)])
    # The second query may look at nothing.
    case("attention.blind", lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m),
         lambda draw: [draw(2, 3), draw(3, 3), draw(3, 3), torch.tensor([[True, False, True], [False, False, False]])])
