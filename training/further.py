#!/usr/bin/env python3
"""The dense head learns on from what is shipped, above the shipped encoder: new lines on one core, in minutes.

    python training/further.py --before FOLDER --data TRAIN [--dev DEV] [--own training/own] [--binary WARDGATE]

FOLDER is `own/` as it was when the encoder learned: lines that it lacks are new, and only they (and the dev sets) say how
well the result does, since the encoder has seen the others. Two heads learn, each without the new lines of half the
scenes; their mean is shipped. Its calibration lets through as much honest text at every probability as the head before
(`kept`), so that thresholds keep their meaning. Writes heads.safetensors and the figures for the card.
"""

import argparse
import json
import os
import pathlib
import zlib

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
import scipy.optimize
import torch

import disguise
import encoder as sense
import features
import finetune
import heads
import measure
import prepare
import rows as data

HERE = pathlib.Path(__file__).parent
BLIND = ("blind/rows-1-4.jsonl", "blind/rows-5-x.jsonl", "blind2/rows.jsonl")
PLAN = finetune.RECIPE | {"head_rate": 5e-4, "head_decay": 0.1, "epochs": 3, "repeat": 3, "public": 3.0, "way": 0.75}
"""`repeat`: how often an epoch takes a new line; `way`: how far from the shipped head towards the learned one: all the
way wins a point more on new lines, and loses more on strangers' sets."""
AGAIN = {"own": 0.5, "disguised": 0.12, "case": 0.4, "honest": 0.7, "public": 0.13}
"""Share of the older rows that are learned again, so that they are not forgotten."""
KEEP = 1.5
"""Weight of what the shipped head says of labels that an older row leaves open: without it `harm` is forgotten on
strangers' rows, of which only `unsafe` is known."""
HIGHER = 0.15
"""Added to the logit of `harm`: what `kept` spares of false alarms beside other labels is spent on it (0057)."""
HALVES = 2
FEWEST = 300
"""Rows without a label that its calibration is kept by, at least."""
LEVELS = (0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.997)
"""Shares of rows without a label under which the calibration keeps the score that it had."""


def marked(own, before):
    """Every own line, and which of them `before` lacks. Scenes of new lines are of one writer: they keep apart."""
    rows = data.own(own)
    known = {(row.source, row.lang, row.text) for row in data.own(before)}
    new = np.array([(row.source, row.lang, row.text) not in known for row in rows])
    for row in np.array(rows, object)[new]:
        row.group = f"new/{row.lang}/{row.group}"
    return rows, new


def taken(rows, new):
    """Rows that are learned from: all new ones, and some of the others."""
    kind = lambda row: "own" if row.expect else row.source if row.source in AGAIN else "public"
    share = np.array([1.0 if fresh else AGAIN[kind(row)] for row, fresh in zip(rows, new)])
    return np.random.default_rng(PLAN["seed"]).random(len(rows)) < share


def halves(rows, new):
    """The half of each new row, by its scene; -1 for others."""
    found = np.array([zlib.crc32(row.group.encode()) % HALVES for row in rows])
    return np.where(new, found, -1)


def inputs(encoder, texts):
    """What the shipped encoder gives the heads of every text."""
    said = prepare.flat(texts)
    model = finetune.Model(encoder, 1, finetune.RECIPE | {"hidden": 1}, 1)
    return torch.from_numpy(finetune.said(model, finetune.Texts(said["flat"], said["lens"], "cpu"), "cpu", "inputs")[0])


def begun(encoder, dense, values):
    """The head as it was shipped, on standardised inputs."""
    model = finetune.Model(encoder, len(data.LABELS), PLAN, 1)
    mean, spread = values.mean(0), values.std(0) + 1e-4
    weight = torch.from_numpy(dense["dense.0.weight"].copy())
    with torch.no_grad():
        model.mean[0, 0], model.spread[0, 0] = mean, spread
        model.first[0], model.first_bias[0, 0] = (weight * spread).T, torch.from_numpy(dense["dense.0.bias"].copy()) + weight @ mean
        model.last[0], model.last_bias[0, 0] = torch.from_numpy(dense["dense.1.weight"].copy()).T, torch.from_numpy(dense["dense.1.bias"].copy())
    return model


def kept_open(truth, weights, new, said):
    """Labels that older rows leave open are what the shipped head says of them."""
    open_ = (weights == 0) & ~new[:, None]
    chance = 1 / (1 + np.exp(-said))
    return np.where(open_, chance, truth).astype(np.float32), np.where(open_, KEEP, weights).astype(np.float32)


def learn(model, values, truth, weights, chosen):
    """The head learns from the chosen rows of `values`."""
    torch.manual_seed(PLAN["seed"])
    dice = np.random.default_rng(PLAN["seed"])
    learned = [model.first, model.last, model.first_bias, model.last_bias]
    adam = torch.optim.AdamW(learned, lr=PLAN["head_rate"], weight_decay=PLAN["head_decay"], betas=(0.9, 0.98))
    batches = len(chosen) // PLAN["batch"]
    steps = PLAN["epochs"] * batches
    rate = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: min(1, (step + 1) / (0.06 * steps)) * (0.5 + 0.5 * np.cos(np.pi * min(step / steps, 1))))
    truth, weights = torch.from_numpy(truth), torch.from_numpy(weights)
    model.train()
    for _ in range(PLAN["epochs"]):
        for part in np.array_split(dice.permutation(chosen), batches):
            logits = model.head(((values[part] - model.mean[0]) / model.spread[0])[None])[0]
            each = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth[part], reduction="none")
            adam.zero_grad()
            ((weights[part] * each).sum() / len(part)).backward()
            finetune.shrink(learned, 5.0)
            adam.step()
            rate.step()
    return model.eval()


def logits(dense, values):
    """The dense head's answers, as the engine computes them."""
    values = values.numpy()
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


def averaged(models):
    """The mean of heads that began alike."""
    return {name: np.mean([each[name] for each in models], 0) for name in models[0]}


def towards(shipped, model):
    """The head as the engine reads it, some way from the shipped one."""
    return {name: (1 - PLAN["way"]) * shipped[name] + PLAN["way"] * value for name, value in model.written(0).items()}


def blind():
    """Honest lines of `blind/` and `blind2/`, which nobody learns from; only the calibration counts them."""
    items = [json.loads(line) for path in BLIND for line in (HERE / path).read_text(encoding="utf-8").splitlines()]
    return [item["text"] for item in items if item["expect"] == "benign"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--dev", type=pathlib.Path, required=True)
    parser.add_argument("--own", type=pathlib.Path, default=HERE / "own")
    parser.add_argument("--binary", help="wardgate itself, whose n-grams are then read; else an approximation")
    parser.add_argument("--models", type=pathlib.Path, default=HERE.parent / "models" / "sense")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for the new heads.safetensors and the figures")
    options = parser.parse_args()

    encoder, _ = sense.read(options.models / "encoder.safetensors")
    shipped, metadata = sense.read(options.models / "heads.safetensors")
    rows, new = marked(options.own, options.before)
    rest = disguise.copies(rows, prepare.DISGUISED, prepare.SEED) + data.public(options.data, prepare.SEED) + data.pack(prepare.POLICIES)
    rows, new = rows + rest, np.concatenate([new, [row.group.startswith("new/") for row in rest]])
    truth, weights = heads.targets(rows)
    weights = finetune.balanced(truth, weights, data.LABELS, PLAN)
    weights[[row.source in data.PUBLIC for row in rows]] *= PLAN["public"]
    use = taken(rows, new)
    rows, new, truth, weights = [row for row, used in zip(rows, use) if used], new[use], truth[use], weights[use]
    half, values = halves(rows, new), inputs(encoder, [row.text for row in rows])
    targets = kept_open(truth, weights, new, logits(shipped, values))
    index = np.arange(len(rows))
    again = np.concatenate([index, *[index[new]] * (PLAN["repeat"] - 1)])
    learned = [learn(begun(encoder, shipped, values[~new]), values, *targets, again[half[again] != number]) for number in range(HALVES)]
    models = [towards(shipped, model) for model in learned]

    fresh = np.array([row.expect != "" for row in rows]) & new
    seen, lines = half[fresh], [row for row, chosen in zip(rows, fresh) if chosen]
    texts, sets = measure.dev_rows(options.dev)
    everyday = blind()
    strange = inputs(encoder, texts + everyday)
    dense = averaged(models)
    each = [logits(model, values[fresh]) for model in models]
    unseen = np.where((seen == 0)[:, None], each[0], each[1])
    after = np.concatenate([unseen, logits(dense, strange)])
    before = np.concatenate([logits(shipped, values[fresh]), logits(shipped, strange)])
    gram = heads.grams(shipped, features.counts([row.text for row in lines] + texts + everyday, options.binary))
    # Rows without the label: new lines that lack it, honest texts of strangers, and of the blind sets where it is harm.
    honest = np.array([not bad for _, _, bad in sets])[:, None].repeat(len(data.LABELS), 1)
    harmless = np.array([label in data.PLAIN and label != "disclose" for label in data.LABELS])[None].repeat(len(everyday), 0)
    calibration = shipped["calibration"].astype(np.float64)
    unshifted = calibration * [1, 1, 0]
    moved = kept(heads.scores(calibration, before, gram), heads.scores(unshifted, after, gram), np.concatenate([truth[fresh] == 0, honest, harmless]))
    calibration = np.column_stack([calibration[:, :2] * moved[:, :1], moved[:, 1]])
    calibration[data.LABELS.index("harm"), 2] += HIGHER

    count = len(lines)
    options.out.mkdir(parents=True, exist_ok=True)
    write(options.out / "heads.safetensors", shipped, dense | {"calibration": calibration}, metadata | {"trained": f"{metadata['trained']}; dense head: {count} own lines more"})
    scores = {"before": heads.probability(shipped["calibration"], before, gram), "after": heads.probability(calibration, after, gram)}
    for name, chance in scores.items():
        for lang in ("en", "zh"):
            print(name, lang, figures(chance[:count], lines, lang))


def write(path, shipped, changed, metadata):
    """The file of heads, its tensors as they were but for the changed ones."""
    from safetensors.numpy import save_file

    tensors = dict(shipped) | changed
    save_file({name: np.ascontiguousarray(value, shipped[name].dtype) for name, value in tensors.items()}, path, metadata)


def figures(chance, lines, lang):
    """Of new lines: AUC of `harm`, its recall at 2 % of their honest twins, and recall / false alarms at thresholds."""
    chosen = np.array([row.lang == lang for row in lines])
    score, expect = chance[chosen, data.LABELS.index("harm")], np.array([row.expect for row in lines])[chosen]
    bad, good = score[expect == "harm"], score[expect == "benign"]
    both, truth = np.concatenate([bad, good]), np.arange(len(bad) + len(good)) < len(bad)
    levels = " ".join(f"{level}: {(bad >= level).mean():.1%} / {(good >= level).mean():.1%}" for level in (0.5, 0.75, 0.8, 0.85, 0.93))
    return f"{len(bad)} + {len(good)} lines, AUC {measure.auc(both, truth):.3f}, at 2 % {measure.recall(both, truth, 0.02):.1%}, {levels}"


if __name__ == "__main__":
    main()
