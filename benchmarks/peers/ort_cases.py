"""ONNX Runtime: inference, with inputs and outputs bound to memory of its own."""
import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

import inputs


def load(peer, threads):
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1

    def session(nodes, feeds, out_shape, constants=()):
        """Nodes as (operator, operands, result[, attributes]); the last one's result is y."""
        made = [helper.make_node(op, ins, [out], **(rest[0] if rest else {})) for op, ins, out, *rest in nodes]
        graph = helper.make_graph(
            made, "case", [helper.make_tensor_value_info(k, TensorProto.FLOAT, v.shape) for k, v in feeds.items()],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, out_shape)],
            [numpy_helper.from_array(np.asarray(v, np.float32), k) for k, v in constants])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        s = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        binding = s.io_binding()
        for name, value in feeds.items():
            binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(value))
        binding.bind_ortvalue_output("y", ort.OrtValue.ortvalue_from_shape_and_type(out_shape, np.float32))
        return lambda: s.run_with_iobinding(binding)

    def chain(n):
        nodes = [("Add", ["a", "b"], "s"), ("Mul", ["s", "a"], "m"), ("Sub", ["m", "b"], "d"), ("Mul", ["d", "two"], "t"),
                 ("Add", ["t", "one"], "y")]
        return session(nodes, {"a": inputs.normal(n), "b": inputs.normal(n)}, [n], [("two", 2), ("one", 1)])

    def transcendental(n):
        nodes = [("Sigmoid", ["x"], "s"), ("Tanh", ["x"], "t"), ("Log", ["x"], "l"), ("Add", ["s", "t"], "st"),
                 ("Add", ["st", "l"], "y")]
        return session(nodes, {"x": abs(inputs.normal(n)) + np.float32(0.1)}, [n])

    def gelu(form):
        return lambda r, c: session([("Add", ["x", "b"], "s"), ("Gelu", ["s"], "y", {"approximate": form})],
                                    {"x": inputs.normal(r, c)}, [r, c], [("b", inputs.normal(c))])

    def norm(r, c):
        return session([("LayerNormalization", ["x", "g", "b"], "y", {"epsilon": 1e-5})], {"x": inputs.normal(r, c)}, [r, c],
                       [("g", inputs.normal(c)), ("b", inputs.normal(c))])

    def mlp(batch):
        p, nodes, at = inputs.layers(inputs.MNIST), [], "x"
        for i in range(0, len(p), 2):
            last = i + 2 == len(p)
            nodes.append(("Gemm", [at, f"p{i}", f"p{i + 1}"], "y" if last else f"g{i}"))
            if not last:
                nodes.append(("Relu", [f"g{i}"], f"r{i}"))
            at = f"r{i}"
        return session(nodes, {"x": inputs.normal(batch, 784)}, [batch, 10], [(f"p{i}", a) for i, a in enumerate(p)])

    def add(n):
        return session([("Add", ["a", "b"], "y")], {"a": np.ones(n, np.float32), "b": np.ones(n, np.float32)}, [n])

    return ort.__version__, {"chain": chain, "transcendental": transcendental, "gelu_tanh": gelu("tanh"),
                             "gelu_erf": gelu("none"), "layer_norm": norm, "mlp": mlp, "add": add}
