"""Figures for the card: cross-validation over our own lines, the public dev sets.

Aggregates only; no text is printed.
"""

import pathlib

import numpy as np

import heads
from check import HARM
from rows import LABELS, TEXT_MAX, objects

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
                "auc": auc(harm[pair], truth), "recall_1": recall(harm[pair], truth, 0.01), "recall_2": recall(harm[pair], truth, 0.02), "recall_5": recall(harm[pair], truth, 0.05), "recall_2_lang": float((harm[kinds["harm"]] >= bar).mean()),
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
            levels = {level: (float((score[said > 0] >= level).mean()), float((score[said <= 0] >= level).mean())) for level in (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)}
            result.append({"label": label, "lang": lang, "positive": int(said.sum()), "auc": auc(score, said), "recall_1": recall(score, said, 0.01), "recall_2": recall(score, said, 0.02), "levels": levels})
    return result


def pack_table(rows, scores):
    """Shares of the policies' own texts at or above a probability, by models that learned from neither the rule's
    cases nor that line of the corpora: by what a policy is to do, and per label over the honest corpora."""
    levels = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
    says = lambda row: "honest corpus" if row.source == "honest" else "support" if row.labels.get("support") else "block" if row.labels["harm"] else "pass"
    kinds = np.array([says(row) if row.source in ("case", "honest") else "" for row in rows])
    share = lambda part, label: [float((scores[part, LABELS.index(label)] >= level).mean()) for level in levels]
    result = {"levels": levels, "texts": [], "honest": [[label, share(kinds == "honest corpus", label)] for label in LABELS]}
    for kind in ("honest corpus", "block", "pass", "support"):
        for lang in ("en", "zh"):
            part = (kinds == kind) & np.array([row.lang == lang for row in rows])
            result["texts"] += [[kind, lang, int(part.sum()), label, share(part, label)] for label in ("harm", "unsafe", "support") if part.any()]
    return result


def dev_items(folder, name):
    """At most `DEV_MOST` texts of one dev set, evenly spread."""
    found = objects(pathlib.Path(folder) / f"{name}.jsonl")
    return found[:: -(-len(found) // DEV_MOST)]


def honest(name, item):
    """Whether a row of a set of honest texts is one."""
    return item["label"] in HARMLESS[name] if name in HARMLESS else item["harmful"] is False


def dev_rows(folder):
    """Texts of the dev sets, and of each (set, language, whether it is harmful)."""
    texts, sets = [], []
    if folder is None:
        return texts, sets
    for lang, names in NEGATIVES.items():
        for name in names:
            items = [item for item in dev_items(folder, name) if honest(name, item)]
            texts += [item["text"][:TEXT_MAX] for item in items]
            sets += [(name, lang, False)] * len(items)
    for name in POSITIVES:
        items = [item for item in dev_items(folder, name) if item["harmful"]]
        texts += [item["text"][:TEXT_MAX] for item in items]
        sets += [(name, item["lang"], True) for item in items]
    return texts, sets


def dev_table(sets, first, second, calibration):
    """Any-harm view: AUC and recall at 1 and 2 % false alarms over the honest texts of the same language."""
    unsafe, harm = LABELS.index("unsafe"), LABELS.index("harm")
    both = heads.probability(calibration, first, second)
    scores = {
        "n-grams": second[:, unsafe], "encoder": first[:, unsafe], "both": both[:, unsafe],
        "harm": both[:, harm], "any label": both[:, [LABELS.index(label) for label in HARM]].max(1),
    }
    names, langs, bad = (np.array(column) for column in zip(*sets))
    result = {"false_alarms": [], "sets": []}
    for name, lang in dict.fromkeys((each[0], each[1]) for each in sets if not each[2]):
        part = (names == name) & (langs == lang) & ~bad
        shares = {
            f"{short} {level}": float((scores[view][part] >= level).mean())
            for short, view in (("unsafe", "both"), ("harm", "harm"), ("any", "any label"))
            for level in (0.5, 0.7, 0.9, 0.95)
        }
        result["false_alarms"].append({"set": name, "lang": lang, "rows": int(part.sum()), **shares})
    for name, lang in dict.fromkeys((each[0], each[1]) for each in sets if each[2]):
        part = (names == name) & (langs == lang) & bad
        if part.sum() < 20:
            continue
        pair = part | ((langs == lang) & ~bad)
        for view, every in scores.items():
            result["sets"].append({"set": name, "lang": lang, "rows": int(part.sum()), "view": view, "auc": auc(every[pair], bad[pair]), "recall_1": recall(every[pair], bad[pair], 0.01), "recall_2": recall(every[pair], bad[pair], 0.02)})
    return result
