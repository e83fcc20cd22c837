"""The sentence encoder in PyTorch: reads the file that `convert.py` writes, learns on, and writes the same file.

The maths is src/sense/encoder.rs. Weights pass through their eight-bit form on every forward pass while
gradients pass by it, so that what is learned is what the engine computes.
"""

import json
import struct

import numpy as np
import torch
from torch import nn

BRANCHES = ((2, 0), (3, 1), (5, 2))
"""Tokens that a branch looks at, and how many of them come before."""
BRANCH, FEATURES, VECTOR = 256, 1280, 512
EPSILON = 1e-12
LAYERS = {"project": 1, "pool": 1, "top.d0": 1, "top.d1": 1, "top.d2": 1, "top.d3": 1, "top.p1": 1, "top.p3": 1}
LAYERS |= {f"window{order}.{half}": order for order, _ in BRANCHES for half in (0, 1)}
"""Every matrix, and the blocks of columns that share one scale; 1: every column has its own."""
LEARNED = ("project.bias", "project.gamma", "project.beta", "feature.gamma", "feature.beta", "pool.bias")


def read(path):
    """Tensors and metadata of a safetensors file, without its package."""
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8 : 8 + size])
    types = {"F32": np.float32, "I8": np.int8, "U8": np.uint8, "U32": np.uint32}
    metadata = head.pop("__metadata__", {})
    body = memoryview(data)[8 + size :]
    tensors = {name: np.frombuffer(body[slice(*each["data_offsets"])], types[each["dtype"]]).reshape(each["shape"]) for name, each in head.items()}
    return tensors, metadata


def table(tensors):
    """The pieces' rows, six bits a number."""
    import zstandard

    count = len(tensors["rows.chunk"])
    raw = zstandard.ZstdDecompressor().decompress(tensors["rows.zstd"].tobytes(), max_output_size=count * VECTOR)
    return np.frombuffer(raw, np.uint8).reshape(count, VECTOR)


def steps(matrix, blocks):
    """The scale of every column: its largest number is 127."""
    most = matrix.abs().amax(0) if blocks == 1 else matrix.abs().reshape(matrix.shape[0], blocks, -1).amax((0, 2)).repeat_interleave(matrix.shape[1] // blocks)
    return most.clamp_min(1e-9) / 127


def rounded(matrix, blocks):
    """The matrix as eight bits hold it; the gradient passes as if it were whole."""
    scale = steps(matrix.detach(), blocks)
    return matrix + (torch.round(matrix.detach() / scale) * scale - matrix.detach())


class Encoder(nn.Module):
    """Pieces of texts -> 512 of the vector and 1280 of the pooled features, as the heads read them."""

    def __init__(self, tensors):
        super().__init__()
        self.register_buffer("rows", torch.from_numpy(table(tensors).copy()), persistent=False)
        chunk = tensors["rows.chunk"].astype(np.int64)
        self.register_buffer("scale", torch.from_numpy(tensors["rows.scale"][chunk]), persistent=False)
        self.register_buffer("low", torch.from_numpy(tensors["rows.low"][chunk]), persistent=False)
        self.weights = nn.ParameterDict()
        for name in LAYERS:
            matrix = tensors[f"{name}.weight"].astype(np.float32) * tensors[f"{name}.scale"]
            self.weights[self.key(name)] = nn.Parameter(torch.from_numpy(matrix))
            if f"{name}.bias" in tensors and name.startswith("window"):
                self.weights[self.key(f"{name}.bias")] = nn.Parameter(torch.from_numpy(tensors[f"{name}.bias"].copy()))
        for name in LEARNED:
            self.weights[self.key(name)] = nn.Parameter(torch.from_numpy(tensors[name].copy()))

    @staticmethod
    def key(name):
        return name.replace(".", "_")

    def of(self, name):
        return self.weights[self.key(name)]

    def matrix(self, name):
        return rounded(self.of(name), LAYERS[name])

    def branch(self, x, mask, order, before):
        for half in (0, 1):
            name = f"window{order}.{half}"
            matrix = self.matrix(name).reshape(BRANCH, order, BRANCH).transpose(0, 1).reshape(order * BRANCH, BRANCH)
            wide = nn.functional.pad(x, (0, 0, before, order - 1 - before))
            places = torch.cat([wide[:, place : place + x.shape[1]] for place in range(order)], -1)
            x = (torch.relu(places @ matrix + self.of(f"{name}.bias")) + x) * mask
        return x

    def features(self, pieces, mask):
        """The normed features of every piece; zero where the mask is."""
        mask = mask[..., None]
        embedded = self.rows[pieces].float() * self.scale[pieces][..., None] + self.low[pieces][..., None]
        x = embedded @ self.matrix("project") + self.of("project.bias")
        x = nn.functional.layer_norm(x.float(), (3 * BRANCH,), self.of("project.gamma"), self.of("project.beta"), EPSILON) * mask
        branches = [self.branch(part, mask, order, before) for part, (order, before) in zip(x.split(BRANCH, -1), BRANCHES)]
        features = torch.cat([embedded, *branches], -1).float()
        return nn.functional.layer_norm(features, (FEATURES,), self.of("feature.gamma"), self.of("feature.beta"), EPSILON) * mask

    def vector(self, pooled, count):
        """The sentence's vector, from the sum of its features over the root of their count."""
        mean = pooled @ self.matrix("pool") + self.of("pool.bias") * count.sqrt()
        first = torch.relu(mean @ self.matrix("top.d0"))
        second = torch.relu(mean @ self.matrix("top.p1") + first @ self.matrix("top.d1"))
        third = torch.relu(second @ self.matrix("top.d2"))
        last = torch.tanh(second @ self.matrix("top.p3") + third @ self.matrix("top.d3")).float()
        return last / last.square().sum(-1, keepdim=True).clamp_min(EPSILON).sqrt()

    def forward(self, pieces, mask):
        features = self.features(pieces, mask)
        count = mask.sum(1, keepdim=True)
        pooled = features.sum(1) / count.sqrt()
        return torch.cat([self.vector(pooled, count), pooled], -1), features

    def written(self, tensors):
        """The file's tensors with the learned weights in eight bits."""
        result = dict(tensors)
        for name, blocks in LAYERS.items():
            matrix = self.of(name).detach().float().cpu()
            scale = steps(matrix, blocks)
            result[f"{name}.weight"] = torch.round(matrix / scale).to(torch.int8).numpy()
            result[f"{name}.scale"] = scale.numpy()
        for name in [*LEARNED, *(f"{name}.bias" for name in LAYERS if name.startswith("window"))]:
            result[name] = self.of(name).detach().float().cpu().numpy()
        return result
