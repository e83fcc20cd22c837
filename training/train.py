#!/usr/bin/env python3
"""Fits the heads of models/sense from our own sentences and the public training sets.

    python3 -m venv VENV && VENV/bin/pip install -r training/requirements.txt
    VENV/bin/python training/train.py --data ../shared/data/train --dev ../shared/data/dev

Writes heads.safetensors, CARD.md and, into the cache folder, figures.json.
Seeded: the same inputs give the same heads. Reads the training folder only to learn, the dev
folder only to measure.
"""

import argparse
import collections
import datetime
import json
import os
import pathlib

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import card
import disguise
import features
import heads
import measure
import rows as data
from check import FRAMES, HARM

HERE = pathlib.Path(__file__).parent
SEED = 7
DISGUISED = 0.15
"""Share of our own lines of which a disguised copy is learned too."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of the public training sets")
    parser.add_argument("--dev", type=pathlib.Path, help="folder of the public dev sets: measure on them")
    parser.add_argument("--own", type=pathlib.Path, default=HERE / "own")
    parser.add_argument("--out", type=pathlib.Path, default=HERE.parent / "models" / "sense")
    parser.add_argument("--cache", type=pathlib.Path, default=HERE.parent / "target" / "training" / "vectors.npz")
    parser.add_argument("--hidden", type=int, default=128, help="hidden units of the dense head, 0 for a linear probe")
    options = parser.parse_args()

    own = data.own(options.own)
    disguised = disguise.copies(own, DISGUISED, SEED)
    rows = own + disguised + data.public(options.data, SEED)
    texts = [row.text for row in rows]
    cache = features.Cache(options.cache, features.from_package())
    counts_of = lambda some: features.ngrams([features.buckets(text) for text in some])
    vectors, counts = cache.vectors(texts), counts_of(texts)
    truth, weights = heads.targets(rows)

    print(f"{len(rows)} rows; fitting", flush=True)
    logits = measure.unseen(rows, vectors, counts, options.hidden, SEED)
    calibration = heads.calibrate(*logits, truth, weights)
    dense = measure.fit_dense(rows, vectors, options.hidden, SEED)
    ngram = measure.fit_ngram(rows, counts, SEED)
    options.out.mkdir(parents=True, exist_ok=True)
    trained = f"{len(rows)} rows, seed {SEED}, {datetime.date.today()}"
    heads.save(options.out / "heads.safetensors", dense, ngram, calibration, trained)
    print("heads written; measuring", flush=True)

    views = measure.views(logits, truth, weights)
    figures = {
        "own": {view: measure.own_table(rows, scores) for view, scores in views.items()},
        "labels": measure.label_table(rows, views["both"]),
    }
    if options.dev:
        figures["dev"] = measure.dev_table(options.dev, cache.vectors, counts_of, dense, ngram, calibration)
    figures["curve"] = measure.curve(rows, vectors, options.hidden, SEED)
    options.cache.with_name("figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    public = collections.Counter(row.source for row in rows[len(own) + len(disguised) :])
    facts = {
        "inputs": vectors.shape[1], "hidden": options.hidden, "buckets": features.BUCKETS, "share": DISGUISED,
        "own": len(own), "disguised": len(disguised), "public": [(name, count, data.SAYS[name]) for name, count in public.items()],
    }
    (options.out / "CARD.md").write_text(card.card(figures, facts, HARM, FRAMES))
    report(figures)


def report(figures):
    """The main lines, for a terminal."""
    for view, table in figures["own"].items():
        for line in table:
            if line["row"] == "all":
                print(f"own {line['lang']} {view:<8} auc {line['auc']:.3f}  recall at 2 % {line['recall_2']:.1%}  support refused {line['support_refused']} of {line['support']}")
    for line in figures["curve"]:
        print(f"learned from {line['lines']} own lines: auc {line['auc']:.3f}, recall at 2 % {line['recall_2']:.1%}")
    for line in figures.get("dev", {}).get("sets", []):
        print(f"dev {line['set']:<20} {line['lang']} {line['view']:<10} auc {line['auc']:.3f}  1 % {line['recall_1']:.1%}  2 % {line['recall_2']:.1%}")
    for line in figures.get("dev", {}).get("false_alarms", []):
        print("honest", *(f"{name} {value:.1%}" if isinstance(value, float) else value for name, value in line.items()))


if __name__ == "__main__":
    main()
