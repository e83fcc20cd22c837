#!/usr/bin/env python3
"""Makes the model files from what `finetune.py` learned: the encoder in eight bits, the heads, the card.

    python training/train.py --tuned target/training --base target/training/base.safetensors \\
        --data ../shared/data/train [--dev ../shared/data/dev] [--binary target/release/wardgate]

The n-gram head and the calibration are fitted here; with `--before`, the calibration lets
through as many texts without a label as before, so that thresholds keep their meaning. Writes encoder.safetensors, heads.safetensors, the tables of CARD.md,
the golden vectors of the engine's tests, and figures.json beside the tuned weights.
"""

import argparse
import collections
import datetime
import json
import os
import pathlib

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np

import card
import encoder as sense
import features
import heads
import meaning
import measure
import prepare
import rows as data

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent
SHIPPED = ROOT / "models" / "sense"
GOLDEN = ROOT / "tests" / "data" / "sense" / "golden.jsonl"


def grams(rows, binary):
    """The n-gram head of all rows, and its logits on rows of folds that it had not seen."""
    counts, fold, (truth, weights) = features.counts([row.text for row in rows], binary), prepare.folds(rows), heads.targets(rows)

    def fit(chosen):
        return heads.Ngram(counts.shape[1], prepare.SEED).fit(counts[chosen], truth[chosen], heads.balance(truth[chosen], weights[chosen]))

    logits = np.zeros(truth.shape, np.float32)
    for number in range(prepare.FOLDS):
        held = fold == number
        logits[held] = fit(np.flatnonzero(~held)).logits(counts[held])
    return fit(np.arange(len(rows))), logits


def kept(rows, binary, path, strange):
    """The n-gram head of a file as it is, and its logits on rows that it has not seen."""
    ngram, logits = heads.Kept(sense.read(path)[0]), np.zeros((len(rows), len(data.LABELS)), np.float32)
    logits[strange] = ngram.logits(features.counts([row.text for row, chosen in zip(rows, strange) if chosen], binary))
    return ngram, logits


def merged(base, tuned):
    """The base file's tensors with the tuned ones in their place."""
    tensors, metadata = sense.read(base)
    if "tuned.rows" in tuned:
        tensors = sense.finer(tensors, tuned)
    changed = {name: tuned[name] for name in tensors if name in tuned}
    return tensors | changed, metadata | {"tuned": "upper weights and rows, training/finetune.py"}


def golden(tensors):
    """The vectors of the golden texts by the forward pass in floats: the engine must agree with them."""
    import torch

    model = sense.Encoder(tensors)
    lines = data.objects(GOLDEN)
    with GOLDEN.open("w", encoding="utf-8") as out, torch.no_grad():
        for line in lines:
            pieces = torch.tensor([[line["rows"]]])
            vector = model(pieces, torch.ones(pieces.shape))[0, 0, : sense.VECTOR]
            line["vector"] = [int(round(10_000 * value)) for value in vector.tolist()]
            out.write(json.dumps(line, ensure_ascii=False) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tuned", type=pathlib.Path, required=True, help="folder of shipped.npz and shipped.logits.npz")
    parser.add_argument("--base", type=pathlib.Path, required=True, help="the encoder that finetune.py began with")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of the public training sets")
    parser.add_argument("--dev", type=pathlib.Path, help="folder of the public dev sets: measured on")
    parser.add_argument("--own", type=pathlib.Path, default=HERE / "own")
    parser.add_argument("--binary", help="wardgate itself, whose n-grams are then learned from; else an approximation")
    parser.add_argument("--before", type=pathlib.Path, help="folder of model files whose probabilities keep their meaning; needs --dev and --learned")
    parser.add_argument("--learned", type=pathlib.Path, help="own/ as those files learned from it")
    parser.add_argument("--grams", type=pathlib.Path, help="heads.safetensors whose n-gram head is kept; it must have learned from no new line")
    parser.add_argument("--out", type=pathlib.Path, default=SHIPPED)
    options = parser.parse_args()

    from safetensors.numpy import save_file

    rows = prepare.learned(options.own, options.data)
    tuned = dict(np.load(options.tuned / "shipped.npz"))
    said = dict(np.load(options.tuned / "shipped.logits.npz"))
    tensors, metadata = merged(options.base, tuned)
    options.out.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, options.out / "encoder.safetensors", metadata)
    if options.out.resolve() == SHIPPED.resolve():
        golden(tensors)

    dev, strange = measure.dev_rows(options.dev), said["unseen"]
    ngram, unseen = kept(rows, options.binary, options.grams, strange) if options.grams else grams(rows, options.binary)
    truth, weights = heads.targets(rows)
    unseen[:, data.LABELS.index("unsafe")] = 0  # Its rows are English: in Chinese the n-grams of it mislead (catqa .947 from .958).
    logits = (said["logits"].astype(np.float32), unseen)
    # The policies' texts are left out, so that a probability keeps its meaning: that of our lines and the public sets.
    meant = weights * (np.array([row.source not in data.PACK for row in rows]) & strange)[:, None]
    if options.before:
        calibration = meaning.meaning(options.before, rows, options.learned, said, (tensors, tuned), (ngram, unseen), dev, options.binary)
    else:
        calibration = heads.calibrate(*logits, truth, meant)
    trained = f"{len(rows)} rows, seed {prepare.SEED}, {datetime.date.today()}"
    heads.save(options.out / "heads.safetensors", tuned, ngram, calibration, trained)
    if options.before and options.dev:
        calibration = meaning.spared(calibration, options.before, options.out, options.dev, options.binary)
        heads.save(options.out / "heads.safetensors", tuned, ngram, calibration, trained)

    views = measure.views(logits, truth, meant)
    views["both"] = heads.probability(calibration, *logits)
    some = [row for row, chosen in zip(rows, strange) if chosen]
    figures = {
        "own": {view: measure.own_table(some, scores[strange]) for view, scores in views.items()},
        "labels": measure.label_table(some, views["both"][strange]),
    }
    if strange.all():
        figures["pack"] = measure.pack_table(rows, views["both"])
    if options.dev:
        texts, sets = dev
        second = ngram.logits(features.counts(texts, options.binary))
        figures["dev"] = measure.dev_table(sets, said["dev"].astype(np.float32), second, calibration)
    (options.tuned / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    public = collections.Counter(row.source for row in rows if row.source in data.SAYS)
    kinds = collections.Counter("own" if row.expect else row.source for row in rows)
    facts = {
        "share": prepare.DISGUISED, "lines": [(row.source.removeprefix("own/"), row.lang, row.expect) for row in rows if row.expect and row.source.startswith("own/")],
        "own": kinds["own"], "disguised": kinds["disguised"], "cases": kinds["case"], "honest": kinds["honest"],
        "public": [(name, count, data.SAYS[name]) for name, count in public.items()],
    }
    card.put(options.out / "CARD.md", card.parts(figures, facts))
    report(figures)


def report(figures):
    """The main lines, for a terminal."""
    for view, table in figures["own"].items():
        for line in table:
            if line["row"] == "all":
                print(f"own {line['lang']} {view:<8} auc {line['auc']:.3f}  recall at 1, 2, 5 % {line['recall_1']:.1%} {line['recall_2']:.1%} {line['recall_5']:.1%}  support refused {line['support_refused']} of {line['support']}")
    for line in figures.get("dev", {}).get("sets", []):
        print(f"dev {line['set']:<20} {line['lang']} {line['view']:<10} auc {line['auc']:.3f}  1 % {line['recall_1']:.1%}  2 % {line['recall_2']:.1%}")
    for line in figures.get("dev", {}).get("false_alarms", []):
        print("honest", *(f"{name} {value:.1%}" if isinstance(value, float) else value for name, value in line.items()))


if __name__ == "__main__":
    main()
