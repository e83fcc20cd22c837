"""Rows to learn from: our own sentences and the public sets, with labels, masks and weights.

A label is 1, 0 or unknown. Our own lines say every label. A public row says only what its own set
says: the rest is masked, never taken as a no. Public rows weigh less than ours.
"""

import collections
import dataclasses
import json
import pathlib
import random

import check
from check import FRAMES, HARM

LABELS = ["harm", "unsafe", "support", *HARM, *FRAMES]
"""`harm` and `support` sum up what an own line expects; `unsafe` is harm of any kind and to anyone, as
the public sets mean it; the others are written by hand."""
UNKNOWN = -1
TEXT_MAX = 300
"""Characters read of a public row: the engine scores windows of about a sentence."""
PLAIN = {label: 0 for label in ["harm", "unsafe", "support", *HARM, "disclose"]}
"""What a benign public row says: no harm, nobody asks for help."""


@dataclasses.dataclass
class Row:
    """One text with what is known of it."""

    text: str
    lang: str
    source: str
    """`own/ql6.1` or the name of the public set."""
    group: str
    """Rows of one group never stand on both sides of a split."""
    labels: dict
    weight: float
    expect: str = ""
    """harm, benign or support for our own lines."""
    share: dict = dataclasses.field(default_factory=dict)
    """Of labels that count less than the row does: which part of its weight."""


def objects(path):
    """The JSON objects of a file, one a line. Only a line feed ends a line: texts hold other separators."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


ASKED = 0.3
"""Part of the weight of a harmful request of any kind that says `harm` too, so that it is not forgotten on strangers' rows (0065)."""


def own(folder):
    """Every line of our own set."""
    rows = []
    for path in sorted(pathlib.Path(folder).glob("*.jsonl")):
        name, lang, _ = path.name.rsplit(".", 2)
        for item in objects(path):
            labels = {label: int(label in item["labels"]) for label in [*HARM, *FRAMES]}
            labels |= {"harm": int(item["expect"] == "harm"), "support": int(item["expect"] == "support")}
            labels["unsafe"] = labels["harm"]
            share = {"harm": ASKED} if name == check.PLAIN and labels["harm"] else {}
            rows.append(Row(item["text"], lang, f"own/{name}", f"{name}/{item['twin']}", labels, 1.0, item["expect"], share))
    return rows


SHARE = {"convabuse": 0.15}
"""Per set whose harmful rows say `harm` too: its part of their weight, so that it is not forgotten on strangers' rows (0065)."""
SHARE |= {name: ASKED for name in ("advbench", "dangerousqa", "harmfulqa", "malicious-instruct")}


def asked(item):
    """A harmful request of some kind."""
    return {"unsafe": 1, "harm": 1}


def honest(item):
    """Stories and sums."""
    return PLAIN


def offence(item):
    """Hate and insult sets: harassment or not."""
    return {"harassment": int(item["harmful"]), "unsafe": int(item["harmful"])}


def threat(item):
    """Offence, and violence where the set names a threat."""
    label = item["label"] or ""
    named = "threat" in label or label.startswith("1.")
    return offence(item) | ({"violence": 1} if named else {})


def abuse(item):
    """Abuse of a chatbot; its clean rows are everyday talk."""
    if not item["harmful"]:
        return PLAIN
    return offence(item) | {"harm": 1} | ({"sexual": 1} if item["label"] == "sex_harassment" else {})


def hate(item):
    """Hate or neither; the set's broad middle class says too little."""
    return None if item["label"] == "offensive" else offence(item)


def spam(item):
    """Spam is mostly a lure or a scam; ham is everyday talk."""
    return {"fraud": 1} if item["harmful"] else PLAIN


PUBLIC = {
    "advbench": (479, 0.2, asked),
    "coldataset": (3000, 0.15, offence),
    "convabuse": (1476, 0.3, abuse),
    "dangerousqa": (185, 0.2, asked),
    "davidson-hate": (1500, 0.1, hate),
    "edos": (2000, 0.1, threat),
    "fairytaleqa-questions": (1500, 0.3, honest),
    "fairytaleqa-sections": (800, 0.3, honest),
    "gsm8k": (1200, 0.3, honest),
    "harmfulqa": (1934, 0.2, asked),
    "hatemoji-build": (1500, 0.15, threat),
    "malicious-instruct": (88, 0.2, asked),
    "sms-spam": (3000, 0.2, spam),
    "swsr": (1500, 0.15, offence),
}
"""Per set of the training folder: rows at most, weight of a row, what its labels say to ours."""


SAYS = {
    "advbench": "unsafe; harm at 0.3 of its weight", "dangerousqa": "as advbench", "harmfulqa": "as advbench", "malicious-instruct": "as advbench",
    "coldataset": "harassment or not, unsafe or not", "davidson-hate": "hate: harassment; neither: not",
    "convabuse": "harassment, sexual, harm at 0.15 of its weight; else benign", "edos": "harassment or not, unsafe or not; threats: violence",
    "hatemoji-build": "harassment or not, unsafe or not; threats: violence", "swsr": "harassment or not, unsafe or not",
    "fairytaleqa-questions": "benign", "fairytaleqa-sections": "benign", "gsm8k": "benign",
    "sms-spam": "spam: fraud; ham: benign",
}
"""The same for a reader, in the card."""


def shared(name, labels):
    """Which part of a public row's weight its `harm` has."""
    return {"harm": SHARE[name]} if name in SHARE and labels.get("harm") else {}


def public(folder, seed):
    """A seeded sample of the public sets; refuses a row that may not be trained on."""
    rows = []
    for name, (most, weight, meaning) in PUBLIC.items():
        found = objects(pathlib.Path(folder) / f"{name}.jsonl")
        if any(item["role"] != "train" or item["lic"] != "permissive" for item in found):
            raise SystemExit(f"{name}: holds rows that are not for training")
        if len(found) > most:
            found = random.Random(f"{seed}/{name}").sample(found, most)
        for item in found:
            labels = meaning(item)
            if labels:
                rows.append(Row(item["text"][:TEXT_MAX], item["lang"], name, f"{name}/{item['id']}", labels, weight, share=shared(name, labels)))
    return rows


PACK = {"case": 0.3, "honest": 1.0}
"""Weights of the texts of the shipped policies: test cases, and the corpora that no policy may stop."""
CASES = {"block": {"harm": 1, "unsafe": 1, "support": 0}, "pass": {"harm": 0, "unsafe": 0}, "support": {"harm": 0, "unsafe": 0, "support": 1}}
"""What a case says that is of one text and for a minor: labels of its row's kind it leaves open."""
HERSELF = {"support": 1}
"""What a case says whose answer is help with self-harm: a child who means herself asks for what is harm elsewhere,
so `harm` stays open (0041)."""
UNSTOPPED = {label: 0 for label in ["harm", "unsafe", *HARM]}


def pack(folder):
    """Texts of the shipped policies: cases, whose groups are their rules, and honest corpora, whose lines stand in
    both languages in one order. A text of which cases say two things is left out."""
    import yaml

    found, said = [], collections.defaultdict(set)
    for path in sorted(pathlib.Path(folder).glob("*.cases.yaml")):
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))["cases"]:
            text = case.get("text")
            if not isinstance(text, str) or case.get("audience", "minor") != "minor":
                continue
            said[text].add(case["expect"])
            if case["expect"] in CASES:
                lang = "zh" if any("\u3400" <= sign <= "\u9fff" for sign in text) else "en"
                told = case["expect"] == "support" and case["rule"].startswith("X.SH")
                labels = HERSELF if told else CASES[case["expect"]]
                found.append(Row(text[:TEXT_MAX], lang, "case", f"case/{case['rule']}", labels, PACK["case"]))
    rows = [row for row in found if len(said[row.text]) <= 1]
    for path in sorted((pathlib.Path(folder) / "benign").glob("*.txt")):
        name, lang, _ = path.name.rsplit(".", 2)
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#"]
        rows += [Row(line[:TEXT_MAX], lang, "honest", f"honest/{name}/{at}", UNSTOPPED, PACK["honest"]) for at, line in enumerate(lines)]
    return rows
