#!/usr/bin/env python3
"""A new head above the shipped encoder, from all lines: new ones count without a GPU, on one core, in minutes (0074).

    python training/further.py ROWS.npz --base BASE.safetensors --before OWN --data TRAIN --out FOLDER [--back SHARE]

ROWS.npz is written by `prepare.py`. OWN is `own/` as it was when the encoder learned: lines that it lacks are new, and only
they, by heads that learned without their fold, and the dev sets say how well the result does, since the encoder has seen
the others. `--back`: how far the encoder goes back to the untrained one first; 0 once it has gone. Writes what
`finetune.py` writes for `train.py`.
"""

import argparse
import os
import pathlib

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
import torch

import encoder as sense
import finetune
import meaning
import prepare
import rows as data

HERE = pathlib.Path(__file__).parent
TOUCHED = 0.1
"""Steps by which a number of a row differs from the untrained one where it has learned: half a step at least."""


def new(rows, before):
    """Rows that the encoder has not learned from: our lines that the folder `before` lacks, and their disguised copies."""
    known = {(row.source, row.lang, row.text) for row in data.own(before)}
    fresh = {row.group for row in rows if row.expect and (row.source, row.lang, row.text) not in known}
    old = {row.group for row in rows if row.expect and (row.source, row.lang, row.text) in known}
    assert not fresh & old, "a scene has both new and older lines"
    return np.array([row.group in fresh for row in rows])


def begun(base, shipped, labels, back):
    """The shipped encoder, or some way back to the untrained one; heads are still to be learned."""
    every = np.arange(len(base["rows.chunk"]))
    apart = abs(sense.numbers(shipped, every) - sense.numbers(base, every)) / base["rows.scale"][base["rows.chunk"]][:, None]
    model = finetune.Model(base, labels, finetune.HEAD, 1, np.flatnonzero((apart > TOUCHED).any(1)))
    model.encoder.towards(shipped, 1 - back)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows")
    parser.add_argument("--base", required=True, help="the untrained encoder, from convert.py")
    parser.add_argument("--before", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of the public training sets")
    parser.add_argument("--own", type=pathlib.Path, default=HERE / "own")
    parser.add_argument("--models", type=pathlib.Path, default=HERE.parent / "models" / "sense", help="folder of the encoder that stays")
    parser.add_argument("--back", type=float, default=0.0)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()

    torch.set_num_threads(1)
    stored = dict(np.load(options.rows))
    (base, _), (shipped, _) = sense.read(options.base), sense.read(options.models / "encoder.safetensors")
    fresh = new(prepare.learned(options.own, options.data), options.before)
    stored["new"] = fresh
    rows = finetune.Rows(stored, finetune.HEAD, "cpu")
    folds = [*range(prepare.FOLDS), -1]
    model = begun(base, shipped, len(rows.labels), options.back)
    read = lambda prefix: finetune.said(model, finetune.Texts(stored[f"{prefix}flat"], stored[f"{prefix}lens"], "cpu"), "cpu", "inputs")[0]
    inputs, dev = read(""), read("d")
    print(f"{fresh.sum()} rows are new to the encoder", flush=True)
    logits = np.zeros((len(fresh), len(rows.labels)), np.float32)
    for fold in folds:
        held = fresh & (stored["fold"] == fold)
        finetune.anew(model, 0, inputs, rows, np.flatnonzero(rows.used & ~held))
        asked = held if fold >= 0 else ~fresh
        logits[asked] = meaning.logits(model.written(0), inputs[asked])
    # The last head, of all rows, is the one that stays.
    unseen = fresh & (stored["expect"] != "")
    finetune.save(options.out, "shipped", base, model, folds[-1:], logits, meaning.logits(model.written(0), dev), unseen)


if __name__ == "__main__":
    main()
