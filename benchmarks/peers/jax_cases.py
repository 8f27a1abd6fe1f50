"""JAX under jit: every case. Arguments that a step rebinds are donated."""
import jax
import jax.numpy as jnp

import inputs

D = jnp.asarray
ready = jax.block_until_ready


def load(peer, threads):
    # There is no switch for threads: XLA takes as many as the process has processors.
    return jax.__version__, CASES


def call(f, *args):
    g = jax.jit(f)
    return lambda: ready(g(*args))


def stepping(f, state, *rest):
    """f(state, …) -> state: its buffers are donated and rebound."""
    g = jax.jit(f, donate_argnums=0)
    held = [jax.tree.map(jnp.array, state)]

    def step():
        held[0] = g(held[0], *rest)
        ready(held[0])

    def own_peak_bytes():
        m = g.lower(held[0], *rest).compile().memory_analysis()
        return m.temp_size_in_bytes + m.output_size_in_bytes - m.alias_size_in_bytes
    step.own_peak_bytes = own_peak_bytes
    return step


def cross_entropy_of(logits, y):
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[..., None], -1))


def layer_norm(x, g, b):
    m = x.mean(-1, keepdims=True)
    v = ((x - m) ** 2).mean(-1, keepdims=True)
    return (x - m) * jax.lax.rsqrt(v + 1e-5) * g + b


def rms_norm(x, g):
    return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-6) * g


def mlp(p, x):
    for i in range(0, len(p), 2):
        x = x @ p[i] + p[i + 1]
        if i + 2 < len(p):
            x = jax.nn.relu(x)
    return x


def zeros(p):
    return jax.tree.map(jnp.zeros_like, p)


def adam(state, g, beta2=0.999, decay=None):
    """One step of Adam, or of AdamW where `decay` gives each parameter's weight decay."""
    p, m, v, t = state
    t = t + 1
    m = jax.tree.map(lambda a, h: 0.9 * a + 0.1 * h, m, g)
    v = jax.tree.map(lambda a, h: beta2 * a + (1 - beta2) * h * h, v, g)
    c1, c2 = 1 - 0.9 ** t, 1 - beta2 ** t
    if decay is not None:
        p = jax.tree.map(lambda q, d: q * (1 - inputs.RATE * d), p, decay)
    p = jax.tree.map(lambda q, a, b: q - inputs.RATE * (a / c1) / (jnp.sqrt(b / c2) + 1e-8), p, m, v)
    return p, m, v, t


def start(p):
    return p, zeros(p), zeros(p), jnp.float32(0)


def chain(n):
    return call(lambda x, y: ((x + y) * x - y) * 2 + 1, D(inputs.normal(n)), D(inputs.normal(n)))


def transcendental(n):
    return call(lambda x: jax.nn.sigmoid(x) + jnp.tanh(x) + jnp.log(x), D(abs(inputs.normal(n)) + 0.1))


def gelu(approximate):
    return lambda r, c: call(lambda x, b: jax.nn.gelu(x + b, approximate=approximate), D(inputs.normal(r, c)),
                             D(inputs.normal(c)))


def cross_entropy(r, c):
    return call(jax.value_and_grad(cross_entropy_of), D(inputs.normal(r, c)), D(inputs.labels(c, r)))


def norm(r, c):
    return call(layer_norm, D(inputs.normal(r, c)), D(inputs.normal(c)), D(inputs.normal(c)))


def norm_gradient(r, c):
    def f(x, g, b, dy):
        y, pullback = jax.vjp(layer_norm, x, g, b)
        return y, pullback(dy)
    return call(f, D(inputs.normal(r, c)), D(inputs.normal(c)), D(inputs.normal(c)), D(inputs.normal(r, c)))


def infer(batch):
    return call(mlp, [D(a) for a in inputs.layers(inputs.MNIST)], D(inputs.normal(batch, 784)))


def mlp_loss(p, x, y):
    return cross_entropy_of(mlp(p, x), y)


def mlp_data(widths, batch):
    return [D(a) for a in inputs.layers(widths)], D(inputs.normal(batch, widths[0])), D(inputs.labels(10, batch))


def mlp_sgd(batch):
    p, x, y = mlp_data(inputs.MNIST, batch)

    def step(state, x, y):
        loss, g = jax.value_and_grad(mlp_loss)(state[0], x, y)
        return jax.tree.map(lambda q, h: q - inputs.RATE * h, state[0], g), loss
    return stepping(step, (p, jnp.float32(0)), x, y)


def mlp_adam(widths):
    def make(batch):
        p, x, y = mlp_data(widths, batch)

        def step(state, x, y):
            loss, g = jax.value_and_grad(mlp_loss)(state[0][0], x, y)
            return adam(state[0], g), loss
        return stepping(step, (start(p), jnp.float32(0)), x, y)
    return make


def wide(batch, width):
    p = [D(inputs.normal(width, width, scale=(2 / width) ** 0.5)) for _ in range(4)]

    def loss(p, x, y):
        for w in p:
            x = jax.nn.gelu(x @ w)
        return ((x - y) ** 2).mean()

    def step(state, x, y):
        l, g = jax.value_and_grad(loss)(state[0], x, y)
        return jax.tree.map(lambda q, h: q - inputs.RATE * h, state[0], g), l
    return stepping(step, (p, jnp.float32(0)), D(inputs.normal(batch, width)), D(inputs.normal(batch, width)))


def adamw(n):
    return stepping(lambda s, g: adam(s, g, decay=[0.01]), start([D(inputs.normal(n))]), [D(inputs.normal(n))])


def transformer_of(p, text):
    e, heads = inputs.WIDTH, inputs.HEADS
    x = p["letters"][text] + p["places"]
    b, t, _ = x.shape

    def split(y):
        return y.reshape(b, t, heads, e // heads).transpose(0, 2, 1, 3)

    for i in range(2):
        q = {k[len(f"layer{i}."):]: v for k, v in p.items() if k.startswith(f"layer{i}.")}
        h = rms_norm(x, q["norm1"])
        scores = split(h @ q["query.w"]) @ split(h @ q["key.w"]).swapaxes(-1, -2) * (e // heads) ** -0.5
        scores = jnp.where(jnp.tril(jnp.ones((t, t), bool)), scores, -jnp.inf)
        a = jax.nn.softmax(scores) @ split(h @ q["value.w"])
        x = x + a.transpose(0, 2, 1, 3).reshape(b, t, e) @ q["out.w"]
        h = rms_norm(x, q["norm2"])
        x = x + jax.nn.gelu(h @ q["up.w"] + q["up.b"], approximate=False) @ q["down.w"] + q["down.b"]
    return rms_norm(x, p["norm"]) @ p["out.w"] + p["out.b"]


def letters(texts, length):
    p = {k: D(v) for k, v in inputs.transformer(length).items()}
    decay = {k: 0.1 if inputs.decays(k) else 0.0 for k in p}
    x, y = (D(inputs.labels(inputs.ALPHABET, texts, length)) for _ in range(2))

    def step(state, x, y):
        loss, g = jax.value_and_grad(lambda p: cross_entropy_of(transformer_of(p, x), y))(state[0][0])
        size = jnp.sqrt(sum((h * h).sum() for h in jax.tree.leaves(g)))
        g = jax.tree.map(lambda h: h * jnp.minimum(1, 1 / (size + 1e-6)), g)
        return adam(state[0], g, beta2=0.99, decay=decay), loss
    return stepping(step, (start(p), jnp.float32(0)), x, y)


def digits_conv(batch):
    p = {k: D(v) for k, v in inputs.conv_net().items()}
    stats = [jnp.zeros(16), jnp.ones(16), jnp.zeros(32), jnp.ones(32)]
    x, y, key = D(inputs.normal(batch, 1, 8, 8)), D(inputs.labels(10, batch)), jax.random.key(0)

    def norm(x, p, i, stats):
        m, v = x.mean((0, 2, 3)), x.var((0, 2, 3))
        n = x.size // x.shape[1]
        moved = [0.9 * stats[2 * i - 2] + 0.1 * m, 0.9 * stats[2 * i - 1] + 0.1 * v * n / (n - 1)]
        at = (None, slice(None), None, None)
        return (x - m[at]) * (jax.lax.rsqrt(v + 1e-5) * p[f"gamma{i}"])[at] + p[f"beta{i}"][at], moved

    def conv(x, w, b):
        return jax.lax.conv_general_dilated(x, w, (1, 1), "SAME") + b[None, :, None, None]

    def loss(p, stats, x, y, key):
        x, moved1 = norm(conv(x, p["conv1"], p["bias1"]), p, 1, stats)
        x, moved2 = norm(conv(jax.nn.relu(x), p["conv2"], p["bias2"]), p, 2, stats)
        x = jax.lax.reduce_window(jax.nn.relu(x), -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        x = x.reshape(x.shape[0], -1)
        x = jnp.where(jax.random.bernoulli(key, 0.7, x.shape), x / 0.7, 0)
        return cross_entropy_of(x @ p["out.w"] + p["out.b"], y), moved1 + moved2

    def step(state, x, y, key):
        (l, moved), g = jax.value_and_grad(loss, has_aux=True)(state[0][0], state[1], x, y, key)
        return adam(state[0], g), moved, l
    return stepping(step, (start(p), stats, jnp.float32(0)), x, y, key)


def add(n):
    return call(lambda a, b: a + b, jnp.ones(n), jnp.ones(n))


def scalar_chain(n):
    def f(x):
        y = x
        for _ in range(n // 2):
            y = y * 0.9 + x
        return y
    return call(jax.value_and_grad(f), jnp.float32(1))


CASES = {"chain": chain, "transcendental": transcendental, "gelu_tanh": gelu(True), "gelu_erf": gelu(False),
         "cross_entropy": cross_entropy, "layer_norm": norm, "layer_norm_gradient": norm_gradient, "mlp": infer,
         "mlp_sgd": mlp_sgd, "mlp_adam": mlp_adam(inputs.MNIST), "digits_adam": mlp_adam(inputs.DIGITS),
         "wide_sgd": wide, "adamw": adamw, "transformer": letters, "conv": digits_conv, "add": add,
         "scalar_chain": scalar_chain}
