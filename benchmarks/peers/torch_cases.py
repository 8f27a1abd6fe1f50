"""PyTorch, eagerly or under torch.compile: every case."""
import torch
import torch.nn.functional as F

import inputs

tt = torch.from_numpy


def load(peer, threads):
    compiled = peer == "torch.compile"
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    comp = (lambda f: torch.compile(f, dynamic=False)) if compiled else (lambda f: f)
    return torch.__version__, cases(comp, compiled)


def mlp(x, p):
    for i in range(0, len(p), 2):
        x = torch.addmm(p[i + 1], x, p[i])
        if i + 2 < len(p):
            x = torch.relu(x)
    return x


def transformer(p, text):
    e, heads = inputs.WIDTH, inputs.HEADS
    x = p["letters"][text] + p["places"]
    b, t, _ = x.shape

    def split(y):
        return y.reshape(b, t, heads, e // heads).transpose(1, 2)

    for i in range(2):
        q = {k[len(f"layer{i}."):]: v for k, v in p.items() if k.startswith(f"layer{i}.")}
        h = F.rms_norm(x, (e,), q["norm1"], 1e-6)
        a = F.scaled_dot_product_attention(split(h @ q["query.w"]), split(h @ q["key.w"]), split(h @ q["value.w"]),
                                           is_causal=True)
        x = x + a.transpose(1, 2).reshape(b, t, e) @ q["out.w"]
        h = F.rms_norm(x, (e,), q["norm2"], 1e-6)
        x = x + F.gelu(h @ q["up.w"] + q["up.b"]) @ q["down.w"] + q["down.b"]
    return F.rms_norm(x, (e,), p["norm"], 1e-6) @ p["out.w"] + p["out.b"]


def conv_net(p, stats, x):
    def norm(y, i):
        return F.batch_norm(y, stats[2 * i - 2], stats[2 * i - 1], p[f"gamma{i}"], p[f"beta{i}"], training=True)

    x = torch.relu(norm(F.conv2d(x, p["conv1"], p["bias1"], padding=1), 1))
    x = F.max_pool2d(torch.relu(norm(F.conv2d(x, p["conv2"], p["bias2"], padding=1), 2)), 2)
    return F.dropout(x.flatten(1), 0.3) @ p["out.w"] + p["out.b"]


def leaf(array):
    return tt(array.copy()).requires_grad_()


def cases(comp, compiled):
    def no_grad(f):
        def g():
            with torch.no_grad():
                return f()
        return g

    def pointwise(f, *args):
        g = comp(f)
        return no_grad(lambda: g(*args))

    # The usual way: loss and gradients in one compiled function, the optimizer's step in another.
    def training(loss, optimizer, parameters, clip=None):
        f = comp(loss)
        update = torch.compile(optimizer.step) if compiled else optimizer.step

        def step():
            optimizer.zero_grad()
            f().backward()
            if clip:
                torch.nn.utils.clip_grad_norm_(parameters, clip)
            update()
        step.let_go = optimizer.zero_grad
        return step

    def sgd(p):
        return torch.optim.SGD(p, inputs.RATE, foreach=True)

    def adam(p):
        return torch.optim.Adam(p, inputs.RATE, fused=not compiled)

    def chain(n):
        return pointwise(lambda x, y: ((x + y) * x - y) * 2 + 1, tt(inputs.normal(n)), tt(inputs.normal(n)))

    def transcendental(n):
        return pointwise(lambda x: torch.sigmoid(x) + torch.tanh(x) + torch.log(x), tt(abs(inputs.normal(n)) + 0.1))

    def gelu(form):
        return lambda r, c: pointwise(lambda x, b: F.gelu(x + b, approximate=form), tt(inputs.normal(r, c)),
                                      tt(inputs.normal(c)))

    def cross_entropy(r, c):
        x, y = leaf(inputs.normal(r, c)), tt(inputs.labels(c, r)).long()
        f = comp(lambda x: F.cross_entropy(x, y))

        def step():
            x.grad = None
            f(x).backward()
        return step

    def norm(r, c):
        return pointwise(lambda x, g, b: F.layer_norm(x, (c,), g, b), tt(inputs.normal(r, c)), tt(inputs.normal(c)),
                         tt(inputs.normal(c)))

    def norm_gradient(r, c):
        x, g, b, dy = leaf(inputs.normal(r, c)), leaf(inputs.normal(c)), leaf(inputs.normal(c)), tt(inputs.normal(r, c))
        f = comp(lambda x, g, b: F.layer_norm(x, (c,), g, b))

        def step():
            x.grad = g.grad = b.grad = None
            f(x, g, b).backward(dy)
        return step

    def infer(batch):
        p, x = [tt(a) for a in inputs.layers(inputs.MNIST)], tt(inputs.normal(batch, 784))
        f = comp(lambda x, *p: mlp(x, p))
        return no_grad(lambda: f(x, *p))

    def mlp_training(widths, optimizer):
        def make(batch):
            p = [leaf(a) for a in inputs.layers(widths)]
            x, y = tt(inputs.normal(batch, widths[0])), tt(inputs.labels(10, batch)).long()
            return training(lambda: F.cross_entropy(mlp(x, p), y), optimizer(p), p)
        return make

    def wide(batch, width):
        p = [leaf(inputs.normal(width, width, scale=(2 / width) ** 0.5)) for _ in range(4)]
        x, y = tt(inputs.normal(batch, width)), tt(inputs.normal(batch, width))

        def loss():
            h = x
            for w in p:
                h = F.gelu(h @ w, approximate="tanh")
            return F.mse_loss(h, y)
        return training(loss, sgd(p), p)

    def adamw(n):
        p = leaf(inputs.normal(n))
        p.grad = tt(inputs.normal(n))
        optimizer = torch.optim.AdamW([p], inputs.RATE, fused=not compiled)
        return torch.compile(optimizer.step) if compiled else optimizer.step

    def letters(texts, length):
        p = {k: leaf(v) for k, v in inputs.transformer(length).items()}
        x, y = (tt(inputs.labels(inputs.ALPHABET, texts, length)).long() for _ in range(2))
        groups = [{"params": [v for k, v in p.items() if inputs.decays(k)], "weight_decay": 0.1},
                  {"params": [v for k, v in p.items() if not inputs.decays(k)], "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, inputs.RATE, betas=(0.9, 0.99), fused=not compiled)
        return training(lambda: F.cross_entropy(transformer(p, x).flatten(0, 1), y.flatten()), optimizer, list(p.values()),
                        clip=1.0)

    def digits_conv(batch):
        p = {k: leaf(v) for k, v in inputs.conv_net().items()}
        stats = [torch.zeros(16), torch.ones(16), torch.zeros(32), torch.ones(32)]
        x, y = tt(inputs.normal(batch, 1, 8, 8)), tt(inputs.labels(10, batch)).long()
        return training(lambda: F.cross_entropy(conv_net(p, stats, x), y), adam(list(p.values())), list(p.values()))

    def add(n):
        return pointwise(lambda a, b: a + b, torch.ones(n), torch.ones(n))

    def scalar_chain(n):
        x = torch.ones(1).requires_grad_()

        def f(x):
            y = x
            for _ in range(n // 2):
                y = y * 0.9 + x
            return y
        g = comp(f)

        def step():
            x.grad = None
            g(x).backward()
        return step

    return {"chain": chain, "transcendental": transcendental, "gelu_tanh": gelu("tanh"), "gelu_erf": gelu("none"),
            "cross_entropy": cross_entropy, "layer_norm": norm, "layer_norm_gradient": norm_gradient, "mlp": infer,
            "mlp_sgd": mlp_training(inputs.MNIST, sgd), "mlp_adam": mlp_training(inputs.MNIST, adam),
            "digits_adam": mlp_training(inputs.DIGITS, adam), "wide_sgd": wide, "adamw": adamw, "transformer": letters,
            "conv": digits_conv, "add": add, "scalar_chain": scalar_chain}
