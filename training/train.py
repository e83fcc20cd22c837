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
import further
import heads
import measure
import prepare
import rows as data

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent
SHIPPED = ROOT / "models" / "sense"
GOLDEN = ROOT / "tests" / "data" / "sense" / "golden.jsonl"


def grams(rows, counts, fold):
    """The n-gram head of all rows, and its logits on rows of folds that it had not seen."""
    truth, weights = heads.targets(rows)

    def fit(chosen):
        return heads.Ngram(counts.shape[1], prepare.SEED).fit(counts[chosen], truth[chosen], heads.balance(truth[chosen], weights[chosen]))

    logits = np.zeros(truth.shape, np.float32)
    for number in range(prepare.FOLDS):
        held = fold == number
        logits[held] = fit(np.flatnonzero(~held)).logits(counts[held])
    return fit(np.arange(len(rows))), logits


def meaning(before, rows, learned, said, model, second, dev, binary):
    """The calibration under which probabilities mean what they meant in the folder `before`, whose heads `learned` some of
    our lines: by lines that neither saw, honest lines of the blind sets, and honest texts of the dev sets. Of each label,
    rows of our own say how much the n-gram head counts beside the dense one.

    `said`: the dense head's logits on unseen rows; `model`: the new tensors; `second`: the new n-gram head, and its logits on unseen rows."""
    (encoder, _), (shipped, _) = (sense.read(before / f"{name}.safetensors") for name in ("encoder", "heads"))
    known = {(row.source, row.lang, row.text) for row in data.own(learned)}
    fresh = [at for at, row in enumerate(rows) if row.expect and (row.source, row.lang, row.text) not in known]
    everyday, (texts, sets), (ngram, unseen) = further.blind(), dev, second
    honest = [at for at, (_, _, bad) in enumerate(sets) if not bad]
    asked = [rows[at].text for at in fresh] + everyday + [texts[at] for at in honest]
    counts = features.counts(asked, binary)
    old = heads.scores(shipped["calibration"].astype(np.float64), further.logits(shipped, further.inputs(encoder, asked)), heads.grams(shipped, counts))
    strange = further.logits(model[1], further.inputs(model[0], everyday))
    first = np.concatenate([said["logits"][fresh], strange, said["dev"][honest]]).astype(np.float64)
    gram = np.concatenate([unseen[fresh], ngram.logits(counts[len(fresh) :])])
    truth, weights = heads.targets(rows)
    ours = weights * np.array([bool(row.expect) for row in rows])[:, None]
    result = heads.calibrate(said["logits"].astype(np.float32), unseen, truth, ours).astype(np.float64)
    new = result[:, 0] * first + result[:, 1] * gram
    harmless = np.array([label in data.PLAIN and label != "disclose" for label in data.LABELS])
    without = np.concatenate([truth[fresh] == 0, np.tile(harmless, (len(everyday), 1)), np.ones((len(honest), len(data.LABELS)), bool)])
    pool = np.repeat([0, 1, 2], [len(fresh), len(everyday), len(honest)])[:, None]
    found = np.nanmean([further.kept(old, new, without & (pool == part)) for part in range(3)], 0)
    result[:, :2] *= found[:, :1]
    result[:, 2] = found[:, 1]
    return result.astype(np.float32)


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
    lines = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
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
    parser.add_argument("--out", type=pathlib.Path, default=SHIPPED)
    options = parser.parse_args()

    from safetensors.numpy import save_file

    rows = prepare.learned(options.own, options.data)
    tuned = dict(np.load(options.tuned / "shipped.npz"))
    said = np.load(options.tuned / "shipped.logits.npz")
    tensors, metadata = merged(options.base, tuned)
    options.out.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, options.out / "encoder.safetensors", metadata)
    if options.out.resolve() == SHIPPED.resolve():
        golden(tensors)

    counts = features.counts([row.text for row in rows], options.binary)
    dev = measure.dev_rows(options.dev)
    ngram, unseen = grams(rows, counts, prepare.folds(rows))
    truth, weights = heads.targets(rows)
    unseen[:, data.LABELS.index("unsafe")] = 0  # Its rows are English: in Chinese the n-grams of it mislead (catqa .947 from .958).
    logits = (said["logits"].astype(np.float32), unseen)
    # The policies' texts are left out, so that a probability keeps its meaning: that of our lines and the public sets.
    meant = weights * np.array([row.source not in data.PACK for row in rows])[:, None]
    if options.before:
        calibration = meaning(options.before, rows, options.learned, said, (tensors, tuned), (ngram, unseen), dev, options.binary)
    else:
        calibration = heads.calibrate(*logits, truth, meant)
    trained = f"{len(rows)} rows, seed {prepare.SEED}, {datetime.date.today()}"
    heads.save(options.out / "heads.safetensors", tuned, ngram, calibration, trained)

    views = measure.views(logits, truth, meant)
    views["both"] = heads.probability(calibration, *logits)
    figures = {
        "own": {view: measure.own_table(rows, scores) for view, scores in views.items()},
        "labels": measure.label_table(rows, views["both"]), "pack": measure.pack_table(rows, views["both"]),
    }
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
