#!/usr/bin/env python3
"""What a threshold of each label does on texts that nothing was learned from: policies' honest corpora and cases.

    python training/policies.py [--model models/sense]

Prints tables for the card, in shares of texts at or above a probability; no text is printed. n-grams are approximated.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
import yaml

import card
import encoder as sense
import features
import finetune
import heads
import prepare

ROOT = pathlib.Path(__file__).parent.parent
LEVELS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
FEWEST = 100
"""Texts that a line of the table needs."""


def corpora(folder):
    """(kind, language, text): lines of the honest corpora, texts of the cases by what a policy is to do."""
    for path in sorted((folder / "benign").glob("*.txt")):
        lang = path.name.split(".")[-2]
        yield from (("honest corpus", lang, line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#")
    for path in sorted(folder.glob("*.cases.yaml")):
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))["cases"]:
            if isinstance(case.get("text"), str):
                lang = "zh" if any("\u4e00" <= sign <= "\u9fff" for sign in case["text"]) else "en"
                yield f"cases: {case.get('expect')}", lang, case["text"]


def scores(texts, folder):
    """Probabilities by the shipped files, and the labels' names."""
    tensors, _ = sense.read(folder / "encoder.safetensors")
    head, metadata = sense.read(folder / "heads.safetensors")
    stored = prepare.flat(texts)
    texts_of, model = finetune.Texts(stored["flat"], stored["lens"], "cpu"), sense.Encoder(tensors)
    order = np.argsort(stored["lens"], kind="stable")
    inputs = np.zeros((len(texts), head["dense.0.weight"].shape[1]), np.float32)
    with torch.no_grad():
        for at in range(0, len(order), 128):
            part = order[at : at + 128]
            inputs[part] = model(*texts_of.of(part))[0].numpy()
    middle = np.maximum(inputs @ head["dense.0.weight"].T + head["dense.0.bias"], 0)
    dense = middle @ head["dense.1.weight"].T + head["dense.1.bias"]
    grams = features.counts(texts, None) @ (head["ngram.weight"] * head["ngram.scale"])
    return heads.probability(head["calibration"], dense, grams), json.loads(metadata["labels"])


def shares(scores):
    return [f"{100 * (scores >= level).mean():.1f}" for level in LEVELS]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "models" / "sense")
    options = parser.parse_args()
    kinds, langs, texts = zip(*corpora(ROOT / "policies"))
    kinds, langs = np.array(kinds), np.array(langs)
    found, labels = scores(list(texts), options.model)
    lines = []
    for kind in dict.fromkeys(kinds):
        for lang in ("en", "zh"):
            part = (kinds == kind) & (langs == lang)
            if part.sum() >= FEWEST:
                lines += [[kind, lang, part.sum(), label, *shares(found[part, labels.index(label)])] for label in ("harm", "unsafe", "support")]
    print(card.table(["texts", "language", "number", "label", *(f"p {level}" for level in LEVELS)], lines))
    honest = kinds == "honest corpus"
    print(card.table(["label, honest corpus", *(f"p {level}" for level in LEVELS)], [[label, *shares(found[honest, at])] for at, label in enumerate(labels)]))


if __name__ == "__main__":
    main()
