#!/usr/bin/env python3
"""Recall kept per form of disguise on a public set that has the same texts in nine forms, with a lexicon learned by program.

usage: benches/forms.py --wardgate target/release/wardgate --rows toxibench-cn.jsonl [--terms 100 200 400] [--context 150]

Rows are JSON lines with `id`, `text`, `harmful` and `variant` (null: as it was written); the second part of an id ("toxibench-cn:swap.12.3")
is the text that a row is a form of. Texts with an even hash teach, the others are measured. Terms are two to four Han that stand far more
often in harmful plain rows than in harmless ones; a context are everyday words that go with them, as a rule of the pack has its own, and is
what `vouched_by` names: without it a doubtful word has only its like to vouch for it. No term and no row is printed or kept.
"""

import argparse
import collections
import hashlib
import json
import math
import pathlib
import subprocess
import tempfile

HAN = ("\u4e00", "\u9fff")
# Rows that a term or a word of the context has to stand in: fewer say nothing.
FEWEST, FEWEST_CONTEXT = 3, 12
# How likely in a harmful row, beside a harmless one, a word of the context is at least: no rarer, that is.
CONTEXT_ODDS = 0.9
# Terms are taken by their odds, smoothed by so many rows.
SMOOTH = 0.5


def grams(text, sizes):
    """Runs of Han of these lengths, each once."""
    found = set()
    for size in sizes:
        for at in range(len(text) - size + 1):
            gram = text[at : at + size]
            if all(HAN[0] <= c <= HAN[1] for c in gram):
                found.add(gram)
    return found


def teaches(row):
    """Whether the text that this row is a form of teaches."""
    return hashlib.blake2b(row["id"].split(".")[1].encode()).digest()[0] % 2 == 0


def counted(rows, sizes):
    counts = collections.Counter()
    for row in rows:
        counts.update(grams(row["text"], sizes))
    return counts


def learned(harmful, harmless, terms, context):
    """The terms and the context that plain rows teach."""
    bad, good = counted(harmful, (2, 3, 4)), counted(harmless, (2, 3, 4))
    odds = lambda gram: math.log((bad[gram] + SMOOTH) / (good[gram] + SMOOTH))
    known = [gram for gram in bad if bad[gram] >= FEWEST]
    # What is likely by chance is not taken before what is common: the odds of a gram times the square root of its rows.
    known.sort(key=lambda gram: (-odds(gram) * math.sqrt(bad[gram]), gram))
    taken = []
    for gram in known:
        if len(taken) == terms:
            break
        # A part of a term that says no more than the term is none of its own.
        inside = [one for one in taken if gram in one or one in gram]
        if not any(bad[one] * 10 >= bad[gram] * 9 for one in inside):
            taken.append(gram)
    near, far = counted(harmful, (1, 2)), counted(harmless, (1, 2))
    share = lambda counts, rows, gram: (counts[gram] + SMOOTH) / len(rows)
    around = [gram for gram in near if near[gram] >= FEWEST_CONTEXT and not any(gram in one or one in gram for one in taken)]
    around = [gram for gram in around if share(near, harmful, gram) >= CONTEXT_ODDS * share(far, harmless, gram)]
    around.sort(key=lambda gram: (-near[gram], gram))
    return taken, around[:context]


def policy(terms, context):
    vouched = ", vouched_by: [around]" if context else ""
    around = f"  around: {{words: [{', '.join(context)}], views: [surface, skeleton]}}\n" if context else ""
    return f"""policy: forms
title: {{en: Forms, zh: 形式}}
reference: none; measured only
signals:
  learned: {{words: [{', '.join(terms)}]{vouched}}}
{around}rules:
  - {{id: FRM-010, title: Learned, status: stable, level: 1, severity: 3, when: learned, action: flag, false_positives: [measured]}}
"""


def measured(wardgate, terms, context, rows):
    """By form: the share of rows in which something is seen."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "pack").mkdir()
        (folder / "pack" / "forms.yaml").write_text(policy(terms, context))
        written = ({"set": row["form"], "lang": "zh", "text": row["text"], "kind": "prompt", "harmful": row["harmful"]} for row in rows)
        (folder / "rows.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in written))
        command = [wardgate, "eval", "--pack", folder / "pack", "--level", "1", "--audience", "minor", "--format", "json", folder / "rows.jsonl"]
        report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    shares = {}
    for one in report["setups"][0]["sets"]:
        counts = one["benign" if one["set"] == "honest" else "harmful"]
        shares[one["set"]] = counts["seen"] / counts["n"]
    return shares


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--wardgate", required=True)
    asked.add_argument("--rows", required=True, type=pathlib.Path)
    asked.add_argument("--terms", nargs="+", type=int, default=[100, 200, 400])
    asked.add_argument("--context", type=int, default=150)
    asked = asked.parse_args()
    rows = [json.loads(line) for line in asked.rows.read_text().splitlines()]
    for row in rows:
        row["form"] = (row["variant"] or "plain") if row["harmful"] else "honest"
    teach, held = [row for row in rows if teaches(row)], [row for row in rows if not teaches(row)]
    plain = [row for row in teach if row["form"] == "plain"]
    honest = [row for row in teach if row["form"] == "honest"]
    forms = sorted({row["form"] for row in rows} - {"plain", "honest"})
    print(f"{len(plain)} plain and {len(honest)} honest rows teach; {len(held)} rows are measured\n")
    print("| terms | context | plain | honest | " + " | ".join(forms) + " |\n|" + "---|" * (len(forms) + 4))
    for count in asked.terms:
        for size in sorted({0, asked.context}):
            terms, context = learned(plain, honest, count, size)
            shares = measured(asked.wardgate, terms, context, held)
            kept = " | ".join(f"{shares[form] / shares['plain'] * 100:.0f}" for form in forms)
            print(f"| {len(terms)} | {len(context)} | {shares['plain'] * 100:.0f} | {shares['honest'] * 100:.0f} | {kept} |", flush=True)


if __name__ == "__main__":
    main()
