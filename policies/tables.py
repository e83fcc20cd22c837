"""Writes the tables of the development sets into README.md, between `<!-- dev:begin -->` and `<!-- dev:end -->`.

    WARDGATE=target/release/wardgate python3 policies/tables.py ../shared/data/dev

`WARDGATE` may be several words (a queue, then the binary). Each set is measured by itself with `wardgate eval --pack`, in pieces, and forgotten;
only counts come back, and no text of a row is read here but to draw the sample: sets of up to WHOLE rows whole, every STEP-th row
of larger ones, from the first. `--all` takes every row.
"""

import json
import math
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).parent
README = FOLDER / "README.md"
BEGIN, END = "<!-- dev:begin -->", "<!-- dev:end -->"
WHOLE, STEP = 700, 6
# Categories with fewer rows say nothing by themselves.
CATEGORY_ROWS = 20
# The 97.5 % point of the normal distribution.
Z = 1.959964


def sample(lines):
    """Every row of a small set, every STEP-th of a large one."""
    return lines if "--all" in sys.argv or len(lines) <= WHOLE else lines[::STEP]


def measured(lines):
    """What `eval` counts on these rows, as JSON."""
    command = shlex.split(os.environ.get("WARDGATE", "wardgate"))
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.writelines(lines)
        file.flush()
        asked = ["eval", file.name, "--pack", str(FOLDER), "--level", "1", "--level", "2"]
        asked += ["--audience", "minor", "--audience", "general", "--format", "json"]
        return json.loads(subprocess.run(command + asked, check=True, capture_output=True).stdout)


def wilson(hits, rows):
    """A share in % with its 95 % interval."""
    if rows == 0:
        return "-"
    share, square = hits / rows, Z * Z
    middle = (share + square / (2 * rows)) / (1 + square / rows)
    half = Z / (1 + square / rows) * math.sqrt(share * (1 - share) / rows + square / (4 * rows * rows))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return f"{share * 100:.1f} ({low * 100:.1f}-{high * 100:.1f})"


def add(counts, key, group):
    """Adds stopped texts and texts of a group, by label."""
    for label in ("harmful", "benign"):
        stopped, rows = counts.get(key + (label,), (0, 0))
        counts[key + (label,)] = (stopped + group[label]["stopped"], rows + group[label]["n"])


def counted(folder):
    """All counts, by setup, kind of group and group; rows; the pack's hash."""
    counts, rows, packs = {}, 0, set()
    for path in sorted(folder.glob("*.jsonl")):
        lines = sample(path.read_text(encoding="utf-8").splitlines(keepends=True))
        told = measured(lines)
        rows += told["rows"]
        packs.add(told["policies"])
        for setup in told["setups"]:
            how = (setup["audience"], setup["level"])
            for group in setup["total"]:
                # A text that counts as a content is judged as a prompt too: the two tables are kept apart.
                add(counts, how + ("total", group["as"]), group)
            for group in setup["sets"]:
                add(counts, how + ("set", group["set"], group["lang"], group["as"]), group)
            for group in setup["child_related"]:
                add(counts, how + ("child", group["set"], group["lang"], group["as"]), group)
            for group in setup["categories"]:
                key = ("category", path.stem, group["category"], group["lang"], group["as"])
                add(counts, how + key, group)
        print(f"{path.stem}: {told['rows']} rows", file=sys.stderr)
    assert len(packs) == 1, "the pack changed while it was measured"
    return counts, rows, packs.pop()


def table(head, rows):
    """A table in Markdown."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *lines])


def written(counts, rows, pack):
    """The part of the README."""
    def rate(*key):
        return wilson(*counts.get(key, (0, 0)))

    def groups(kind):
        named = {key[3:-2] for key in counts if key[2] == kind}
        return sorted(named)

    def n(*key):
        return counts.get(key, (0, 0))[1]

    drawn = "every row" if "--all" in sys.argv else f"sets of up to {WHOLE} rows whole, every {STEP}th row of larger ones"
    out = [f"{rows} rows of the public development sets ({drawn}), by the pack {pack[:12]}; each stopped share in % with its "
           "95 % interval (Wilson). `policies/tables.py` writes this.\n"]
    totals = []
    for how in (("minor", 1), ("minor", 2), ("general", 1), ("general", 2)):
        cells = [f"{rate(*how, 'total', way, label)} of {n(*how, 'total', way, label)}"
                 for label in ("benign", "harmful") for way in ("prompt", "answer")]
        totals.append([f"{how[0]}, {how[1]}", *cells])
    head = ["audience, level", "benign, as prompts", "benign texts, as answers", "labelled harmful, as prompts",
            "texts labelled harmful, as answers"]
    out.append(table(head, totals))
    out.append("\nBy set and language, as prompts of a minor; adults at level 2:\n")
    sets = []
    for name, lang in groups("set"):
        of = ("set", name, lang, "prompt")
        harmful, benign = n("minor", 1, *of, "harmful"), n("minor", 1, *of, "benign")
        if harmful + benign == 0:
            continue
        sets.append([name, lang, str(harmful or "-"), rate("minor", 1, *of, "harmful"), rate("minor", 2, *of, "harmful"),
                     str(benign or "-"), rate("minor", 1, *of, "benign"), rate("minor", 2, *of, "benign"),
                     rate("general", 2, *of, "benign")])
    out.append(table(["set", "language", "harmful", "level 1", "level 2", "benign", "level 1", "level 2", "adult, level 2"], sets))
    out.append("\nRows that their set calls child-related and harmful, as prompts of a minor:\n")
    children = []
    for name, lang in groups("child"):
        of = ("child", name, lang, "prompt")
        if number := n("minor", 1, *of, "harmful"):
            children.append([name, lang, str(number), rate("minor", 1, *of, "harmful"), rate("minor", 2, *of, "harmful")])
    out.append(table(["set", "language", "rows", "level 1", "level 2"], children))
    out.append(f"\nBy category ({CATEGORY_ROWS} rows or more), as prompts of a minor, harmful rows; categories are those of the sets:\n")
    categories = []
    for name, category, lang in groups("category"):
        of = ("category", name, category, lang, "prompt")
        if (number := n("minor", 1, *of, "harmful")) >= CATEGORY_ROWS:
            categories.append([name, category, lang, str(number), rate("minor", 1, *of, "harmful"), rate("minor", 2, *of, "harmful")])
    out.append(table(["set", "category", "language", "rows", "level 1", "level 2"], categories))
    return "\n".join(out)


def main():
    folders = [word for word in sys.argv[1:] if not word.startswith("--")]
    if len(folders) != 1:
        sys.exit(__doc__)
    part = written(*counted(pathlib.Path(folders[0])))
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    README.write_text(f"{before}{BEGIN}\n{part}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
