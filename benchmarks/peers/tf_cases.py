"""TensorFlow: graphs of tf.function, and the same under XLA."""
import tensorflow as tf

import inputs

D = tf.constant


# It keeps freed memory to itself and does not say how much it uses: no own_peak_bytes, and none to be measured.
def unknown():
    return -1


def load(peer, threads):
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return tf.__version__, cases(lambda f: tf.function(f, jit_compile=peer == "tf-xla"))


def cross_entropy_of(logits, y):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))


def mlp_of(p, x):
    for i in range(0, len(p), 2):
        x = x @ p[i] + p[i + 1]
        if i + 2 < len(p):
            x = tf.nn.relu(x)
    return x


def layer_norm_of(x, g, b):
    mean, variance = tf.nn.moments(x, -1, keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, b, g, 1e-5)


def sgd(p):
    def update(g):
        for q, h in zip(p, g):
            q.assign_sub(inputs.RATE * h)
    return update


def adam(p):
    m, v = ([tf.Variable(tf.zeros_like(q)) for q in p] for _ in range(2))
    t = tf.Variable(0.0)

    def update(g):
        t.assign_add(1.0)
        c1, c2 = 1 - 0.9 ** t, 1 - 0.999 ** t
        for q, h, a, b in zip(p, g, m, v):
            a.assign(0.9 * a + 0.1 * h)
            b.assign(0.999 * b + 0.001 * h * h)
            q.assign_sub(inputs.RATE * (a / c1) / (tf.sqrt(b / c2) + 1e-8))
    return update


def cases(comp):
    def call(f, *args):
        g = comp(f)

        def run():
            return g(*args)
        run.own_peak_bytes = unknown
        return run

    def training(loss, p, optimizer):
        update = optimizer(p)

        def step(x, y):
            with tf.GradientTape() as tape:
                l = loss(p, x, y)
            update(tape.gradient(l, p))
            return l
        return step

    def chain(n):
        return call(lambda x, y: ((x + y) * x - y) * 2 + 1, D(inputs.normal(n)), D(inputs.normal(n)))

    def transcendental(n):
        return call(lambda x: tf.sigmoid(x) + tf.tanh(x) + tf.math.log(x), D(abs(inputs.normal(n)) + 0.1))

    def gelu(approximate):
        return lambda r, c: call(lambda x, b: tf.nn.gelu(x + b, approximate=approximate), D(inputs.normal(r, c)),
                                 D(inputs.normal(c)))

    def cross_entropy(r, c):
        def f(x, y):
            with tf.GradientTape() as tape:
                tape.watch(x)
                l = cross_entropy_of(x, y)
            return l, tape.gradient(l, x)
        return call(f, D(inputs.normal(r, c)), D(inputs.labels(c, r)))

    def norm(r, c):
        return call(layer_norm_of, D(inputs.normal(r, c)), D(inputs.normal(c)), D(inputs.normal(c)))

    def norm_gradient(r, c):
        def f(x, g, b, dy):
            with tf.GradientTape() as tape:
                tape.watch([x, g, b])
                y = layer_norm_of(x, g, b)
            return y, tape.gradient(y, [x, g, b], output_gradients=dy)
        return call(f, D(inputs.normal(r, c)), D(inputs.normal(c)), D(inputs.normal(c)), D(inputs.normal(r, c)))

    def infer(batch):
        p = [D(a) for a in inputs.layers(inputs.MNIST)]
        return call(lambda x: mlp_of(p, x), D(inputs.normal(batch, 784)))

    def mlp_training(widths, optimizer):
        def make(batch):
            p = [tf.Variable(a) for a in inputs.layers(widths)]
            step = training(lambda p, x, y: cross_entropy_of(mlp_of(p, x), y), p, optimizer)
            return call(step, D(inputs.normal(batch, widths[0])), D(inputs.labels(10, batch)))
        return make

    def wide(batch, width):
        p = [tf.Variable(inputs.normal(width, width, scale=(2 / width) ** 0.5)) for _ in range(4)]

        def loss(p, x, y):
            for w in p:
                x = tf.nn.gelu(x @ w, approximate=True)
            return tf.reduce_mean((x - y) ** 2)
        return call(training(loss, p, sgd), D(inputs.normal(batch, width)), D(inputs.normal(batch, width)))

    def add(n):
        return call(lambda a, b: a + b, tf.ones(n), tf.ones(n))

    return {"chain": chain, "transcendental": transcendental, "gelu_tanh": gelu(True), "gelu_erf": gelu(False),
            "cross_entropy": cross_entropy, "layer_norm": norm, "layer_norm_gradient": norm_gradient, "mlp": infer,
            "mlp_sgd": mlp_training(inputs.MNIST, sgd), "mlp_adam": mlp_training(inputs.MNIST, adam),
            "digits_adam": mlp_training(inputs.DIGITS, adam), "wide_sgd": wide, "add": add}
