"""What the n-gram head sees of a text: its hashed character n-grams.

Two sources: the shipped binary (`wardgate sense --features`: exactly what the proxy computes), or
an approximation of its skeleton view.
"""

import functools
import json
import re
import subprocess
import unicodedata

import numpy as np
import scipy.sparse

ORDERS = (2, 3, 4)
BUCKETS = 1 << 15
LONGEST = 2000
"""Characters of a text of the public sets of which windows are made."""
_INVISIBLE = re.compile(r"[\u0300-\u036f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")


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
    """Buckets as the shipped code computes them."""
    lines = "".join(json.dumps({"id": str(number), "text": text}) + "\n" for number, text in enumerate(texts))
    command = [binary, "sense", "--jsonl", "--features", "--buckets", str(BUCKETS)]
    output = subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout
    items = [json.loads(line) for line in output.splitlines()]
    assert [item["id"] for item in items] == [str(number) for number in range(len(texts))]
    return [item["ngrams"] for item in items]


def counts(texts, binary):
    """One sparse row per text; from the binary where one is named."""
    return ngrams(from_binary(binary, texts) if binary else [buckets(text) for text in texts])


def windows(texts, folder, binary):
    """(number of the text, windows) as a scanner makes them of every text, each with its pieces and the probability of every label
    by the encoder and heads of a folder."""
    command = [binary, "sense", "--jsonl", "--windows", "--heads", folder / "heads.safetensors", "--encoder", folder / "encoder.safetensors"]
    lines = "".join(json.dumps({"id": number, "text": text}) + "\n" for number, text in enumerate(texts))
    output = subprocess.run(command, input=lines, stdout=subprocess.PIPE, text=True, check=True).stdout
    for line in output.splitlines():
        item = json.loads(line)
        yield item["id"], item["windows"]
