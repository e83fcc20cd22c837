"""The sentence encoder in PyTorch: reads the file that `convert.py` writes, learns on, and writes the same file.

The maths is src/sense/encoder.rs. Weights pass through their eight-bit form on every forward pass while
gradients pass by it, so that what is learned is what the engine computes. Several copies learn beside each
other: every parameter and every batch has the copy as its first dimension, and a product of all copies is one
call, which a GPU likes better than many small ones.
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
LEARNED += tuple(f"{name}.bias" for name in LAYERS if name.startswith("window"))
FINER = 2
"""Steps of a tuned row in one step of an untuned one: seven bits hold twice the six that the package has."""


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
    """The pieces' rows, at most seven bits a number."""
    if "rows" in tensors:
        return tensors["rows"]
    import zstandard

    count = len(tensors["rows.chunk"])
    raw = zstandard.ZstdDecompressor().decompress(tensors["rows.zstd"].tobytes(), max_output_size=count * VECTOR)
    return np.frombuffer(raw, np.uint8).reshape(count, VECTOR)


def numbers(tensors, pieces):
    """The rows of some pieces, in the numbers that they stand for."""
    chunk = tensors["rows.chunk"][pieces].astype(np.int64)
    return table(tensors)[pieces].astype(np.float32) * tensors["rows.scale"][chunk][:, None] + tensors["rows.low"][chunk][:, None]


def steps(matrix, blocks):
    """The scale of every column of every copy: its largest number is 127."""
    copies, inputs, outputs = matrix.shape
    most = matrix.abs().reshape(copies, inputs, blocks, -1).amax((1, 3) if blocks > 1 else 1)
    most = most.repeat_interleave(outputs // blocks, 1) if blocks > 1 else most.reshape(copies, outputs)
    return most.clamp_min(1e-9)[:, None] / 127


def rounded(numbers, scale):
    """The numbers as whole steps of a scale; the gradient passes as if nothing were rounded."""
    with torch.no_grad():
        rest = torch.round(numbers / scale) * scale - numbers
    return numbers + rest


def finer(tensors, tuned):
    """The file's tensors with the tuned rows in place, in steps half as wide; other rows keep theirs, and six bits."""
    import zstandard

    rows, pieces = table(tensors).copy(), tuned["tuned.pieces"]
    moved = (tuned["tuned.rows"] != rows[pieces] * FINER).any(1)
    rows[pieces[moved]] = tuned["tuned.rows"][moved]
    chunk, scale, low = tensors["rows.chunk"].copy(), tensors["rows.scale"], tensors["rows.low"]
    chunk[pieces[moved]] += len(scale)
    packed = np.frombuffer(zstandard.ZstdCompressor(level=22).compress(rows.tobytes()), np.uint8)
    changed = {"rows.zstd": packed, "rows.chunk": chunk, "rows.scale": np.concatenate([scale, scale / np.float32(FINER)]), "rows.low": np.concatenate([low, low])}
    return tensors | changed


class Encoder(nn.Module):
    """Pieces of texts -> 512 of the vector and 1280 of the pooled features, as the heads read them.

    `tensors` are a file's; `tuned` lists the pieces whose rows learn too.
    """

    def __init__(self, tensors, copies=1, tuned=None):
        super().__init__()
        self.copies = copies
        self.register_buffer("rows", torch.from_numpy(table(tensors).copy()), persistent=False)
        chunk = tensors["rows.chunk"].astype(np.int64)
        self.register_buffer("scale", torch.from_numpy(tensors["rows.scale"][chunk]), persistent=False)
        self.register_buffer("low", torch.from_numpy(tensors["rows.low"][chunk]), persistent=False)
        self.weights = nn.ParameterDict()
        for name in LAYERS:
            self.add(name, tensors[f"{name}.weight"].astype(np.float32) * tensors[f"{name}.scale"])
        for name in LEARNED:
            self.add(name, tensors[name])
        self.register_buffer("tuned", None if tuned is None else torch.from_numpy(tuned.astype(np.int64)), persistent=False)
        if tuned is not None:
            place = np.zeros(len(chunk), np.int64)
            place[tuned] = np.arange(1, len(tuned) + 1)
            self.register_buffer("place", torch.from_numpy(place), persistent=False)
            self.change = nn.Parameter(torch.zeros(copies, len(tuned) + 1, VECTOR))

    def towards(self, tensors, share):
        """Every weight and tuned row goes a share of the way from where it is to what a file has."""
        with torch.no_grad():
            for name in (*LAYERS, *LEARNED):
                found = tensors[name] if name in LEARNED else tensors[f"{name}.weight"] * tensors[f"{name}.scale"]
                weights = self.weights[name.replace(".", "_")]
                weights.lerp_(torch.from_numpy(np.array(found, np.float32)).to(weights)[None].expand_as(weights), share)
            if self.tuned is not None:
                held = self.rows[self.tuned] * self.scale[self.tuned][:, None] + self.low[self.tuned][:, None]
                wanted = torch.from_numpy(numbers(tensors, self.tuned.cpu().numpy())).to(held) - held
                self.change[:, 1:].lerp_(wanted[None].expand(self.copies, -1, -1), share)

    def add(self, name, array):
        array = torch.from_numpy(np.array(array, np.float32))
        self.weights[name.replace(".", "_")] = nn.Parameter(array[None].repeat(self.copies, *[1] * array.dim()))

    def of(self, name):
        """A parameter of all copies; a bias has the dimensions of a batch."""
        found = self.weights[name.replace(".", "_")]
        return found if name in LAYERS else found[:, None, None]

    def matrix(self, name):
        found = self.of(name)
        return rounded(found, steps(found.detach(), LAYERS[name]))

    def times(self, x, matrix):
        """[copies, texts, tokens, inputs] or [copies, texts, inputs] by a matrix of each copy."""
        return torch.bmm(x.flatten(1, -2), matrix).unflatten(1, x.shape[1:-1])

    def embedded(self, pieces):
        """The rows of the pieces, [copies, texts, tokens, 512]."""
        found = self.rows[pieces].float() * self.scale[pieces][..., None] + self.low[pieces][..., None]
        if self.tuned is None:
            return found
        first = torch.arange(self.copies, device=pieces.device)[:, None, None] * self.change.shape[1]
        change = nn.functional.embedding(self.place[pieces] + first, self.change.flatten(0, 1))
        return found + rounded(change, (self.scale[pieces] / FINER)[..., None])

    def branch(self, x, mask, order, before):
        for half in (0, 1):
            name = f"window{order}.{half}"
            matrix = self.matrix(name).reshape(-1, BRANCH, order, BRANCH).transpose(1, 2).flatten(1, 2)
            wide = nn.functional.pad(x, (0, 0, before, order - 1 - before))
            places = torch.cat([wide[:, :, place : place + x.shape[2]] for place in range(order)], -1)
            given = self.times(places, matrix)
            x = (torch.relu(given + self.of(f"{name}.bias").to(given.dtype)) + x) * mask
        return x

    def normed(self, x, name):
        with torch.autocast(x.device.type, enabled=False):
            plain = nn.functional.layer_norm(x, x.shape[-1:], eps=EPSILON)
        return plain * self.of(f"{name}.gamma").to(x.dtype) + self.of(f"{name}.beta").to(x.dtype)

    def features(self, embedded, mask):
        """The normed features of every piece; zero where the mask is."""
        projected = self.times(embedded, self.matrix("project"))
        kind = projected.dtype
        mask = mask[..., None].to(kind)
        x = self.normed(projected + self.of("project.bias").to(kind), "project") * mask
        branches = [self.branch(part, mask, order, before) for part, (order, before) in zip(x.split(BRANCH, -1), BRANCHES)]
        features = torch.cat([embedded.to(kind), *branches], -1)
        return self.normed(features, "feature") * mask

    def vector(self, pooled, count):
        """The sentence's vector, from the sum of its features over the root of their count."""
        mean = self.times(pooled, self.matrix("pool")) + self.of("pool.bias")[:, 0] * count.sqrt()
        first = torch.relu(self.times(mean, self.matrix("top.d0")))
        second = torch.relu(self.times(mean, self.matrix("top.p1")) + self.times(first, self.matrix("top.d1")))
        third = torch.relu(self.times(second, self.matrix("top.d2")))
        last = torch.tanh(self.times(second, self.matrix("top.p3")) + self.times(third, self.matrix("top.d3"))).float()
        return last / last.square().sum(-1, keepdim=True).clamp_min(EPSILON).sqrt()

    def pooled(self, embedded, mask):
        """Inputs of the heads, [copies, texts, 1792], and the features of every token."""
        features = self.features(embedded, mask)
        count = mask.sum(-1, keepdim=True)
        pooled = features.sum(2, dtype=torch.float32) / count.sqrt().clamp_min(1)
        return torch.cat([self.vector(pooled, count), pooled], -1), features

    def forward(self, pieces, mask):
        return self.pooled(self.embedded(pieces), mask)[0]

    def written(self, tensors, copy=0):
        """The file's tensors with what a copy has learned, in whole numbers."""
        result = dict(tensors)
        for name, blocks in LAYERS.items():
            matrix = self.of(name).detach()[copy : copy + 1].float()
            scale = steps(matrix, blocks)
            result[f"{name}.weight"] = torch.round(matrix / scale)[0].to(torch.int8).cpu().numpy()
            result[f"{name}.scale"] = scale[0, 0].cpu().numpy()
        for name in LEARNED:
            result[name] = self.of(name).detach()[copy, 0, 0].float().cpu().numpy()
        if self.tuned is not None:
            scale, low = self.scale[self.tuned][:, None], self.low[self.tuned][:, None]
            wanted = self.rows[self.tuned].float() * FINER + torch.round(self.change.detach()[copy, 1:] / scale * FINER)
            result["tuned.pieces"] = self.tuned.cpu().numpy().astype(np.uint32)
            result["tuned.rows"] = wanted.clamp(0, 127).to(torch.uint8).cpu().numpy()
        return result
