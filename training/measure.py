"""Figures for the card: cross-validation over our own lines, the learning curve, the public dev sets.

Aggregates only; no text is printed.
"""

import json
import pathlib

import numpy as np

import heads
from check import HARM
from rows import LABELS, TEXT_MAX

FOLDS = 2
"""Halves: what is measured has learned from half of our lines, so the shipped heads do a little better."""
NEGATIVES = {
    "en": ["safety-tuned-llamas", "harmless-alpaca-en", "fairytaleqa-questions", "fairytaleqa-sections", "childsafe-corpus"],
    "zh": ["chinese-safetyqa", "cmath"],
}
"""Honest texts of the dev folder, by language: where false alarms are counted."""
POSITIVES = ["ailuminate-demo", "catqa", "strongreject", "harmbench", "jbb", "jade", "chineseharm-extra", "toxicn", "convabuse"]
DEV_MOST = 1000
HARMLESS = {"safety-tuned-llamas": ("I-PhysicalSafetySafe", "I-Alpaca")}


def auc(scores, truth):
    """Chance that a positive scores above a negative; nan without both."""
    positive, negative = scores[truth > 0], np.sort(scores[truth <= 0])
    if not len(positive) or not len(negative):
        return float("nan")
    below = np.searchsorted(negative, positive, "left") + np.searchsorted(negative, positive, "right")
    return float(below.sum() / 2 / len(positive) / len(negative))


def threshold(negatives, share):
    """The lowest score that at most this share of the negatives reaches."""
    ordered = np.sort(negatives)[::-1]
    return float(np.nextafter(ordered[min(int(share * len(ordered)), len(ordered) - 1)], 2))


def recall(scores, truth, share):
    """Recall at a share of false alarms."""
    if not (truth > 0).any() or not (truth <= 0).any():
        return float("nan")
    return float((scores[truth > 0] >= threshold(scores[truth <= 0], share)).mean())


def folds(rows, seed):
    """A fold per row; rows of one group share it."""
    names = sorted({row.group for row in rows})
    order = np.random.default_rng(seed).permutation(len(names))
    place = {names[index]: number % FOLDS for number, index in enumerate(order)}
    return np.array([place[row.group] for row in rows])


def fit_dense(rows, vectors, hidden, seed):
    truth, weights = heads.targets(rows)
    return heads.Dense(hidden, vectors.shape[1], seed).fit(vectors, truth, heads.balance(truth, weights))


def fit_ngram(rows, counts, seed):
    truth, weights = heads.targets(rows)
    return heads.Ngram(counts.shape[1], seed).fit(counts, truth, heads.balance(truth, weights))


def unseen(rows, vectors, counts, hidden, seed):
    """Logits of both heads on every row, from heads that saw none of its group."""
    fold = folds(rows, seed)

    def one(number):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        part = [rows[index] for index in train]
        dense, ngram = fit_dense(part, vectors[train], hidden, seed), fit_ngram(part, counts[train], seed)
        return test, dense.logits(vectors[test]), ngram.logits(counts[test])

    logits = np.zeros((2, len(rows), len(LABELS)), np.float32)
    for test, first, second in map(one, range(FOLDS)):
        logits[0, test], logits[1, test] = first, second
    return logits


def views(logits, truth, weights):
    """Probabilities per label of the n-grams alone, of the encoder alone and of both."""
    dense, ngram = logits
    nothing = np.zeros_like(dense)
    chosen = {"n-grams": (nothing, ngram), "encoder": (dense, nothing), "both": (dense, ngram)}
    return {name: heads.probability(heads.calibrate(*pair, truth, weights), *pair) for name, pair in chosen.items()}


def own_table(rows, scores):
    """Per row of the notice and language: AUC and recall of `harm` against benign lines, support above the bar."""
    harm, support = scores[:, LABELS.index("harm")], scores[:, LABELS.index("support")]
    result = []
    for lang in ("en", "zh"):
        chosen = np.array([bool(row.expect) and row.source != "own/plain" and row.lang == lang for row in rows])
        benign = chosen & np.array([row.expect == "benign" for row in rows])
        bar = threshold(harm[benign], 0.02)
        for name in sorted({row.source for row in rows if row.expect} - {"own/plain"}) + ["all"]:
            part = chosen & np.array([name in ("all", row.source) for row in rows])
            kinds = {kind: part & np.array([row.expect == kind for row in rows]) for kind in ("harm", "benign", "support")}
            if not kinds["harm"].any() or not kinds["benign"].any():
                continue
            pair = kinds["harm"] | kinds["benign"]
            truth = kinds["harm"][pair].astype(int)
            helped = kinds["support"]
            result.append({
                "row": name.removeprefix("own/"), "lang": lang, "lines": int(part.sum()),
                "auc": auc(harm[pair], truth), "recall_2": recall(harm[pair], truth, 0.02), "recall_5": recall(harm[pair], truth, 0.05), "recall_2_lang": float((harm[kinds["harm"]] >= bar).mean()),
                "support": int(helped.sum()), "support_above": int((harm[helped] >= bar).sum()),
                "support_refused": int(((harm[helped] >= bar) & (support[helped] < 0.5)).sum()),
            })
    return result


def label_table(rows, scores):
    """Per label and language over our own lines: AUC, recall at 1 and 2 %, and by probability."""
    truth, weights = heads.targets(rows)
    ours = np.array([bool(row.expect) for row in rows])
    result = []
    for number, label in enumerate(LABELS):
        for lang in ("en", "zh"):
            part = ours & np.array([row.lang == lang for row in rows])
            score, said = scores[part, number], truth[part, number]
            if not said.any():
                continue
            levels = {level: (float((score[said > 0] >= level).mean()), float((score[said <= 0] >= level).mean())) for level in (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)}
            result.append({"label": label, "lang": lang, "positive": int(said.sum()), "auc": auc(score, said), "recall_1": recall(score, said, 0.01), "recall_2": recall(score, said, 0.02), "levels": levels})
    return result


def curve(rows, vectors, hidden, seed):
    """AUC and recall at 2 % of `harm` on unseen own lines, by the share of our own groups that is learned from, without public rows."""
    names = sorted({row.group for row in rows if row.expect})
    order = np.random.default_rng(seed + 1).permutation(len(names))
    fold = folds(rows, seed)
    test = np.flatnonzero((fold == 0) & np.array([row.expect in ("harm", "benign") for row in rows]))
    truth = np.array([int(rows[index].expect == "harm") for index in test])

    def one(share):
        kept = {names[index] for index in order[: int(share * len(names))]}
        train = [index for index, row in enumerate(rows) if fold[index] and row.expect and row.group in kept]
        dense = fit_dense([rows[index] for index in train], vectors[train], hidden, seed)
        score = dense.logits(vectors[test])[:, LABELS.index("harm")]
        return {"share": share, "lines": len(train), "auc": auc(score, truth), "recall_2": recall(score, truth, 0.02)}

    return [one(share) for share in (0.25, 0.5, 1.0)]


def dev_items(folder, name):
    """At most `DEV_MOST` texts of one dev set, evenly spread."""
    with open(pathlib.Path(folder) / f"{name}.jsonl", encoding="utf-8") as lines:
        items = [json.loads(line) for line in lines]
    return items[:: -(-len(items) // DEV_MOST)]


def honest(name, item):
    """Whether a row of a set of honest texts is one."""
    return item["label"] in HARMLESS[name] if name in HARMLESS else item["harmful"] is False


def dev_table(folder, vectors_of, counts_of, dense, ngram, calibration):
    """Any-harm view: AUC and recall at 1 and 2 % false alarms over the honest texts of the same language."""
    unsafe, harm = LABELS.index("unsafe"), LABELS.index("harm")
    acts = [LABELS.index(label) for label in HARM]
    def score(items):
        texts = [item["text"][:TEXT_MAX] for item in items]
        first, second = dense.logits(vectors_of(texts)), ngram.logits(counts_of(texts))
        both = heads.probability(calibration, first, second)
        return {
            "n-grams": second[:, unsafe], "encoder": first[:, unsafe], "both": both[:, unsafe],
            "harm": both[:, harm], "any label": both[:, acts].max(1),
        }

    clean, result = {}, {"false_alarms": [], "sets": []}
    for lang, names in NEGATIVES.items():
        parts = []
        for name in names:
            items = [item for item in dev_items(folder, name) if honest(name, item)]
            scores = score(items)
            parts.append(scores)
            shares = {
                f"{name} {level}": float((scores[view] >= level).mean())
                for name, view in (("unsafe", "both"), ("harm", "harm"), ("any", "any label"))
                for level in (0.5, 0.7, 0.9)
            }
            result["false_alarms"].append({"set": name, "lang": lang, "rows": len(items), **shares})
        clean[lang] = {view: np.concatenate([part[view] for part in parts]) for view in parts[0]}
    for name in POSITIVES:
        items = [item for item in dev_items(folder, name) if item["harmful"]]
        for lang in ("en", "zh"):
            chosen = [item for item in items if item["lang"] == lang]
            if len(chosen) < 20:
                continue
            for view, scores in score(chosen).items():
                bad, good = scores, clean[lang][view]
                every, truth = np.concatenate([bad, good]), np.concatenate([np.ones(len(bad)), np.zeros(len(good))])
                result["sets"].append({"set": name, "lang": lang, "rows": len(bad), "view": view, "auc": auc(every, truth), "recall_1": recall(every, truth, 0.01), "recall_2": recall(every, truth, 0.02)})
    return result
