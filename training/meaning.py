"""What probabilities mean: a new model's let through as much honest text as those of the model before, so that
thresholds of policies keep their meaning.
"""

import pathlib
import random

import numpy as np
import scipy.optimize
import scipy.special

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
SEEN = ("blind", "blind2", "blind3", "blind4", "blind5")
"""Blind sets whose honest lines count when models are compared by windows: thresholds are chosen by them too."""
SPARED = (0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999)
"""The same shares of texts that a scanner reads, where thresholds of rules lie: above, a handful of texts would decide."""
MOST = 1200
"""Honest texts of a dev set."""
TINY = 1e-7
"""A probability is at least this, and at most one less this, before its logit is taken."""


def inputs(encoder, texts):
    """What an encoder gives the heads of every text."""
    said = prepare.flat(texts)
    model = finetune.Model(encoder, 1, finetune.RECIPE | {"hidden": 1}, 1)
    return finetune.said(model, finetune.Texts(said["flat"], said["lens"], "cpu"), "cpu", "inputs")[0]


def logits(dense, values):
    """The dense head's answers, as the engine computes them."""
    middle = np.maximum(values @ dense["dense.0.weight"].T + dense["dense.0.bias"], 0)
    return middle @ dense["dense.1.weight"].T + dense["dense.1.bias"]


def kept(old, new, without, levels=LEVELS):
    """Per label (scale, shift) of the new scores: of the rows without the label (`without`), as many reach any
    probability as by the old scores, which are logits of probabilities. Where there are too few rows: not a number."""
    result = np.full((old.shape[1], 2), np.nan)
    level = lambda scores: np.quantile(scores, levels)
    for label in np.flatnonzero(without.sum(0) >= FEWEST):
        chosen = without[:, label]
        wanted, found = level(old[chosen, label]), level(new[chosen, label])
        apart = lambda at: float(np.square(np.exp(at[0]) * found + at[1] - wanted).sum())
        best = scipy.optimize.minimize(apart, [0.0, float(np.mean(wanted - found))], method="Nelder-Mead")
        result[label] = np.exp(best.x[0]), best.x[1]
    return result


def blind(paths):
    """Honest lines of the blind sets, which nobody learns from; only the calibration counts them."""
    return [item["text"] for path in paths for item in data.objects(path) if item["expect"] == "benign"]


def everyday(folder):
    """Honest texts as the shipped pack is measured on them: of every dev set, and lines of the blind sets."""
    found = blind(path for name in SEEN for path in sorted((HERE / name).glob("*.jsonl")))
    for path in sorted(folder.glob("*.jsonl")):
        texts = [item["text"][: features.LONGEST] for item in data.objects(path) if item["harmful"] is False and not item.get("variant")]
        random.Random(path.stem).shuffle(texts)
        found += texts[:MOST]
    return found


def likeliest(texts, folder, binary):
    """Of every text, the highest logit of each label among the windows that a scanner makes of it."""
    result = np.full((len(texts), len(data.LABELS)), -np.inf)
    for number, windows in features.windows(texts, folder, binary):
        scores = np.array([window["scores"] for window in windows], np.float64).reshape(-1, len(data.LABELS))
        result[number] = scipy.special.logit(np.clip(scores, TINY, 1 - TINY)).max(0, initial=scipy.special.logit(TINY))
    return result


def spared(calibration, before, after, folder, binary):
    """The calibration of the models in the folder `after` under which scanners find a label in as many honest texts as with those of
    `before`: `meaning` looks at whole short texts, a scanner at the likeliest of many windows."""
    texts = everyday(folder)
    old, new = (likeliest(texts, models, binary) for models in (before, after))
    scale, shift = kept(old, new, np.ones(old.shape, bool), SPARED).T
    result = calibration * scale[:, None]
    result[:, 2] += shift
    return result.astype(np.float32)


def meaning(before, rows, learned, said, model, second, dev, binary):
    """The calibration under which probabilities mean what they meant in the folder `before`, whose heads `learned` some of
    our lines: by lines that neither saw, honest lines of the blind sets, and honest texts of the dev sets. Of each label,
    rows of our own say how much the n-gram head counts beside the dense one.

    `said`: the dense head's logits on unseen rows; `model`: the new tensors; `second`: the new n-gram head, and its logits on unseen rows."""
    (encoder, _), (shipped, _) = (sense.read(before / f"{name}.safetensors") for name in ("encoder", "heads"))
    known = {(row.source, row.lang, row.text) for row in data.own(learned)}
    fresh = [at for at, row in enumerate(rows) if row.expect and said["unseen"][at] and (row.source, row.lang, row.text) not in known]
    honestly, (texts, sets), (ngram, unseen) = blind(HERE / path for path in BLIND), dev, second
    honest = [at for at, (_, _, bad) in enumerate(sets) if not bad]
    asked = [rows[at].text for at in fresh] + honestly + [texts[at] for at in honest]
    counts = features.counts(asked, binary)
    old = heads.scores(shipped["calibration"].astype(np.float64), logits(shipped, inputs(encoder, asked)), heads.grams(shipped, counts))
    strange = logits(model[1], inputs(model[0], honestly))
    first = np.concatenate([said["logits"][fresh], strange, said["dev"][honest]]).astype(np.float64)
    gram = np.concatenate([unseen[fresh], ngram.logits(counts[len(fresh) :])])
    truth, weights = heads.targets(rows)
    ours = weights * (np.array([bool(row.expect) for row in rows]) & said["unseen"])[:, None]
    result = heads.calibrate(said["logits"].astype(np.float32), unseen, truth, ours).astype(np.float64)
    new = result[:, 0] * first + result[:, 1] * gram
    harmless = np.array([label in data.PLAIN and label != "disclose" for label in data.LABELS])
    without = np.concatenate([truth[fresh] == 0, np.tile(harmless, (len(honestly), 1)), np.ones((len(honest), len(data.LABELS)), bool)])
    pool = np.repeat([0, 1, 2], [len(fresh), len(honestly), len(honest)])[:, None]
    found = np.nanmean([kept(old, new, without & (pool == part)) for part in range(3)], 0)
    result[:, :2] *= found[:, :1]
    result[:, 2] = found[:, 1]
    return result.astype(np.float32)
