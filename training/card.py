"""CARD.md of the model: its tables are made, its words are written by hand.

Each table stands between `<!-- NAME: made -->` and `<!-- end of NAME -->`. What is outside of them stays as it is, so
that what a release says in words about its figures has to be read again, and changed, by whoever makes a new one.
"""

import collections
import pathlib

SHIPPED = pathlib.Path(__file__).parent.parent / "models" / "sense" / "CARD.md"


def percent(value):
    return "-" if value != value else f"{100 * value:.0f}"


def table(header, lines):
    return "\n".join(["| " + " | ".join(header) + " |", "|" + "---|" * len(header), *("| " + " | ".join(map(str, line)) + " |" for line in lines)]) + "\n"


def put(path, parts):
    """Puts tables by name into a card, in place of those that are there; a card that lacks a place for one is an error.
    Where there is no card yet, it begins as the shipped one."""
    text = (path if path.exists() else SHIPPED).read_text(encoding="utf-8")
    for name, made in parts.items():
        begin, end = f"<!-- {name}: made -->\n", f"<!-- end of {name} -->\n"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"{path}: no single place for `{name}`")
        before, rest = text.split(begin)
        text = before + begin + made + end + rest.split(end)[1]
    path.write_text(text, encoding="utf-8")


def parts(figures, facts):
    """Every table of `train.py`, from the figures of `measure` and the facts of the training."""
    made = {"data": data(facts), "own lines": lines(facts["lines"]), "unseen": unseen(figures["own"]["both"]), "by head": by_head(figures["own"]), "labels": labels(figures["labels"])}
    if "pack" in figures:
        made |= policies(figures["pack"])
    if "dev" in figures:
        made |= {"dev sets": sets(figures["dev"]["sets"]), "honest dev sets": false_alarms(figures["dev"]["false_alarms"])}
    return made


def policies(found):
    """Texts of the policies above a probability, by what is to be done with them; and the honest corpora by label."""
    levels, shares = [f"p {level}" for level in found["levels"]], lambda each: [f"{100 * share:.1f}" for share in each]
    texts = table(["texts", "language", "number", "label", *levels], [[*line[:4], *shares(line[4])] for line in found["texts"]])
    return {"texts of the policies": texts, "honest corpus": table(["label, honest corpus", *levels], [[label, *shares(each)] for label, each in found["honest"]])}


def data(facts):
    """What was learned from."""
    ours = [
        ["own sentences, `training/own/`, written by hand for the 24 rows, X.SH and X.PI", facts["own"], "Apache-2.0, as the project", "every label"],
        [f"disguised copies of {facts['share']:.0%} of them (spacing, leet, stretched, swapped letters)", facts["disguised"], "as above", "every label, half weight"],
        ["cases of the shipped policies that are of one text and for a minor: block, pass, support", facts["cases"], "Apache-2.0, as the project", "harm, unsafe, support; weight 0.3"],
        ["honest corpora, `policies/benign/`", facts["honest"], "as above", "no harm of any kind"],
    ]
    public = [[name, count, "permissive (MIT, Apache-2.0, CC BY 4.0), see the data notes", says] for name, count, says in facts["public"]]
    return table(["data", "rows", "licence", "what its labels say here"], ours + public)


def lines(kinds):
    """Own lines by row, of (row, language, kind)."""
    count = collections.Counter(kinds)
    told = lambda row, lang: ", ".join(str(count[row, lang, kind]) for kind in ("harm", "benign", "support"))
    return table(["row", "English: harm, benign, support", "Chinese: harm, benign, support"], [[row, told(row, "en"), told(row, "zh")] for row in sorted({row for row, _, _ in kinds})])


def unseen(own):
    """`harm` against near misses, by row and language."""
    shown = [[line["row"], line["lang"], line["lines"], f"{line['auc']:.3f}", *(percent(line[f"recall_{share}"]) for share in (1, 2, 5)), f"{line['support_refused']} of {line['support']}"] for line in own]
    return table(["row", "language", "lines", "AUC", "recall % at 1 %", "at 2 %", "at 5 %", "refused"], shown)


def by_head(own):
    shown = [[view, line["lang"], f"{line['auc']:.3f}", percent(line["recall_2"])] for view, each in own.items() for line in each if line["row"] == "all"]
    return table(["head", "language", "AUC", "recall % at 2 %"], shown)


def labels(found):
    """Each label on unseen own lines."""
    levels = list(found[0]["levels"])
    told = lambda line: [f"{percent(line['levels'][level][0])} / {100 * line['levels'][level][1]:.1f}" for level in levels]
    shown = [[line["label"], line["lang"], line["positive"], f"{line['auc']:.3f}", percent(line["recall_1"]), percent(line["recall_2"]), *told(line)] for line in found]
    return table(["label", "language", "lines", "AUC", "recall % at 1 %", "at 2 %", *(f"p {level}" for level in levels)], shown)


def sets(found):
    """Harmful rows of the dev sets, by what is asked."""
    shown = {}
    for line in found:
        shown.setdefault((line["set"], line["lang"], line["rows"]), {})[line["view"]] = f"{line['auc']:.3f}, {percent(line['recall_1'])}, {percent(line['recall_2'])}"
    views = list(next(iter(shown.values())))
    return table(["set", "language", "rows", *(f"{view}: AUC, 1 %, 2 %" for view in views)], [[*key, *(line[view] for view in views)] for key, line in shown.items()])


def false_alarms(found):
    """Honest rows of the dev sets above a probability, in %."""
    shares = [name for name in found[0] if name not in ("set", "lang", "rows")]
    return table(["set", "language", "rows", *shares], [[line["set"], line["lang"], line["rows"], *(f"{100 * line[name]:.1f}" for name in shares)] for line in found])
