"""What probabilities mean: a new model's let through as much honest text as those of the model before, so that
thresholds of policies keep their meaning.
"""

import json
import pathlib

import numpy as np
import scipy.optimize
import torch

import encoder as sense
import features
import finetune
import heads
import prepare
import rows as data

HERE = pathlib.Path(__file__).parent
BLIND = ("blind/rows-1-4.jsonl", "blind/rows-5-x.jsonl", "blind2/rows.jsonl")
FEWEST = 300
"""Rows without a label that its calibration is kept by, at least."""
LEVELS = (0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.997)
"""Shares of rows without a label under which the calibration keeps the score that it had."""


def inputs(encoder, texts):
    """What an encoder gives the heads of every text."""
    said = prepare.flat(texts)
    model = finetune.Model(encoder, 1, finetune.RECIPE | {"hidden": 1}, 1)
    return finetune.said(model, finetune.Texts(said["flat"], said["lens"], "cpu"), "cpu", "inputs")[0]


def logits(dense, values):
    """The dense head's answers, as the engine computes them."""
    middle = np.maximum(values @ dense["dense.0.weight"].T + dense["dense.0.bias"], 0)
    return middle @ dense["dense.1.weight"].T + dense["dense.1.bias"]


def kept(old, new, without):
    """Per label (scale, shift) of the new scores: of the rows without the label (`without`), as many reach any
    probability as by the old scores, which are logits of probabilities. Where there are too few rows: not a number."""
    result = np.full((old.shape[1], 2), np.nan)
    level = lambda scores: np.quantile(scores, LEVELS)
    for label in np.flatnonzero(without.sum(0) >= FEWEST):
        chosen = without[:, label]
        wanted, found = level(old[chosen, label]), level(new[chosen, label])
        apart = lambda at: float(np.square(np.exp(at[0]) * found + at[1] - wanted).sum())
        best = scipy.optimize.minimize(apart, [0.0, float(np.mean(wanted - found))], method="Nelder-Mead")
        result[label] = np.exp(best.x[0]), best.x[1]
    return result


def blind():
    """Honest lines of `blind/` and `blind2/`, which nobody learns from; only the calibration counts them."""
    items = [json.loads(line) for path in BLIND for line in (HERE / path).read_text(encoding="utf-8").splitlines()]
    return [item["text"] for item in items if item["expect"] == "benign"]


def meaning(before, rows, learned, said, model, second, dev, binary):
    """The calibration under which probabilities mean what they meant in the folder `before`, whose heads `learned` some of
    our lines: by lines that neither saw, honest lines of the blind sets, and honest texts of the dev sets. Of each label,
    rows of our own say how much the n-gram head counts beside the dense one.

    `said`: the dense head's logits on unseen rows; `model`: the new tensors; `second`: the new n-gram head, and its logits on unseen rows."""
    (encoder, _), (shipped, _) = (sense.read(before / f"{name}.safetensors") for name in ("encoder", "heads"))
    known = {(row.source, row.lang, row.text) for row in data.own(learned)}
    fresh = [at for at, row in enumerate(rows) if row.expect and said["unseen"][at] and (row.source, row.lang, row.text) not in known]
    everyday, (texts, sets), (ngram, unseen) = blind(), dev, second
    honest = [at for at, (_, _, bad) in enumerate(sets) if not bad]
    asked = [rows[at].text for at in fresh] + everyday + [texts[at] for at in honest]
    counts = features.counts(asked, binary)
    old = heads.scores(shipped["calibration"].astype(np.float64), logits(shipped, inputs(encoder, asked)), heads.grams(shipped, counts))
    strange = logits(model[1], inputs(model[0], everyday))
    first = np.concatenate([said["logits"][fresh], strange, said["dev"][honest]]).astype(np.float64)
    gram = np.concatenate([unseen[fresh], ngram.logits(counts[len(fresh) :])])
    truth, weights = heads.targets(rows)
    ours = weights * (np.array([bool(row.expect) for row in rows]) & said["unseen"])[:, None]
    result = heads.calibrate(said["logits"].astype(np.float32), unseen, truth, ours).astype(np.float64)
    new = result[:, 0] * first + result[:, 1] * gram
    harmless = np.array([label in data.PLAIN and label != "disclose" for label in data.LABELS])
    without = np.concatenate([truth[fresh] == 0, np.tile(harmless, (len(everyday), 1)), np.ones((len(honest), len(data.LABELS)), bool)])
    pool = np.repeat([0, 1, 2], [len(fresh), len(everyday), len(honest)])[:, None]
    found = np.nanmean([kept(old, new, without & (pool == part)) for part in range(3)], 0)
    result[:, :2] *= found[:, :1]
    result[:, 2] = found[:, 1]
    return result.astype(np.float32)
