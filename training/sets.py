#!/usr/bin/env python3
"""What the shipped files say of the public dev sets, per label and language: n-grams alone, encoder alone, both.

    python training/sets.py --dev ../shared/data/dev --binary target/release/wardgate [--heads FILE] [--card]

Rows of a kind that one of our labels names, against the honest texts of the same language. Aggregates only; no
text is printed. With `--card` its table replaces the one in the card. Nothing here was learned from.
"""

import argparse
import json
import pathlib
import subprocess

import numpy as np

import card
import features
import heads
import measure
from rows import LABELS, TEXT_MAX, objects

ROOT = pathlib.Path(__file__).parent.parent
NAMES = {
    "sexual": "sexual", "violence": "violence", "harassment": "harassment", "hate": "harassment", "privacy_doxxing": "doxxing", "fraud": "fraud",
    "gambling": "gambling", "self_harm": "self_harm", "drugs": "substances",
}
"""Our label for a kind of the sets. Theirs are wider: `hate` has much that insults nobody who is there, `privacy` questions about firms."""
MOST, FEWEST = 300, 20
"""Rows of a set, language and label that are read at most; of all sets together at least, for a line of the table."""
TOGETHER = 500
"""Texts that the binary is asked about at a time."""


def found(folder):
    """Texts, and of each (label or none, language)."""
    texts, said, count = [], [], {}
    for lang, names in measure.NEGATIVES.items():
        for name in names:
            items = [item for item in measure.dev_items(folder, name) if measure.honest(name, item)]
            texts += [item["text"][:TEXT_MAX] for item in items]
            said += [(None, lang)] * len(items)
    for path in sorted(folder.glob("*.jsonl")):
        for item in objects(path):
            label = NAMES.get(item["category"])
            key = (path.stem, item["lang"], label)
            if label and item["harmful"] and not item["variant"] and count.get(key, 0) < MOST:
                count[key] = count.get(key, 0) + 1
                texts.append(item["text"][:TEXT_MAX])
                said.append((label, item["lang"]))
    return texts, said


def logits(binary, path, texts):
    """Logits of the dense head and of the n-gram head, and the calibration of both."""
    from safetensors.numpy import load_file

    model = load_file(path)
    dense, grams = [], []
    for start in range(0, len(texts), TOGETHER):
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts[start : start + TOGETHER])
        command = [binary, "sense", "--jsonl", "--features", "--buckets", str(features.BUCKETS)]
        output = subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout
        items = [json.loads(line) for line in output.splitlines()]
        inputs = np.array([item["vector"] + item["pooled"] for item in items], np.float32)
        middle = np.maximum(inputs @ model["dense.0.weight"].T + model["dense.0.bias"], 0)
        dense.append(middle @ model["dense.1.weight"].T + model["dense.1.bias"])
        grams.append(heads.grams(model, features.ngrams([item["ngrams"] for item in items])))
    return np.concatenate(dense), np.concatenate(grams), model["calibration"]


def lines(said, dense, grams, calibration):
    """A line per label and language."""
    both = heads.probability(calibration, dense, grams)
    langs = np.array([lang for _, lang in said])
    for label in dict.fromkeys(NAMES.values()):
        at = LABELS.index(label)
        for lang in measure.NEGATIVES:
            bad = np.array([each[0] == label for each in said])
            part = (langs == lang) & (bad | np.array([each[0] is None for each in said]))
            if bad[part].sum() < FEWEST:
                continue
            views = [scores[part, at] for scores in (grams, dense, both)]
            told = [f"{measure.auc(view, bad[part]):.3f}, {100 * measure.recall(view, bad[part], 0.01):.0f}, {100 * measure.recall(view, bad[part], 0.02):.0f}" for view in views]
            yield [label, lang, int(bad[part].sum()), *told]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dev", type=pathlib.Path, required=True)
    parser.add_argument("--binary", required=True, help="wardgate itself")
    parser.add_argument("--heads", type=pathlib.Path, default=ROOT / "models" / "sense" / "heads.safetensors")
    parser.add_argument("--card", action="store_true")
    options = parser.parse_args()
    texts, said = found(options.dev)
    table = card.table(["label", "language", "rows", *(f"{view}: AUC, 1 %, 2 %" for view in ("n-grams", "encoder", "both"))], lines(said, *logits(options.binary, options.heads, texts)))
    print(table)
    if options.card:
        card.put(card.SHIPPED, {"labels on dev sets": table})


if __name__ == "__main__":
    main()
