#!/usr/bin/env python3
"""Checks the hand-written sentences of training/own: schema, variety, safety.

    python3 training/check.py [--folder training/own] [FILE ...]

Refuses (exit 1) what a set that decides the quality of the heads must not hold:
wrong fields or labels, template families (lines that share most of their words,
or a long opening, outside one twin group), and any harmful line that joins a
minor to the sexual label: composition in the policies does that, never a
sentence. Prints counts per row, language and kind. Standard library only.
"""

import argparse
import collections
import itertools
import json
import pathlib
import re
import sys
import unicodedata

HARM = (
    "sexual violence harassment doxxing grooming fraud gambling self_harm substances "
    "risky_habit addiction spending bypass vilification image_abuse"
).split()
FRAMES = "protect disclose medical education news_law fiction generate".split()
FIELDS = {"text", "direction", "speaker", "expect", "labels", "twin"}
EXPECT = ("harm", "benign", "support")
ROWS = [
    f"ql{area}.{item}"
    for area, items in zip(range(1, 8), (4, 3, 3, 3, 4, 4, 3))
    for item in range(1, items + 1)
] + ["x.sh", "x.pi"]
PLAIN = "plain"
"""No row: everyday prompts of adults, so that an instruction alone is no sign of harm. Its harmful lines
are harm of any kind and need none of our labels."""

TEXT_MIN, TEXT_MAX = 2, 800
"""Characters of one line: shorter says nothing, longer is no longer one scene."""
SHARED = 0.5
"""Part of its shingles that a line may share with one line of another twin group."""
SHARED_TWINS = 0.85
"""The same inside a twin group, where one scene is told twice on purpose."""
SHINGLES_MIN = 4
"""Lines with fewer shingles are compared as a whole."""
OPENING = {"en": 7, "zh": 10}
"""Words (en) or characters (zh) at the start that no two groups may share."""
OPENER = {"en": 2, "zh": 2}
"""Words or characters at the start whose share in one file is limited."""
OPENER_SHARE, OPENER_FREE = 0.06, 9
"""No opener begins more than this share of a file, counted once it begins more lines than OPENER_FREE."""

MINOR = {
    "en": re.compile(
        r"\b(child(ren|hood)?|kids?|minors?|under-?age|teen(s|age|ager|agers)?|pre-?teens?|tweens?|toddlers?|"
        r"baby|babies|infants?|boys?|girls?|schoolgirls?|schoolboys?|pupils?|students?|classmates?|"
        r"daughters?|sons?|nieces?|nephews?|(little|younger|kid) (brother|sister)s?|grand(son|daughter|child)\w*|"
        r"kindergart\w+|preschool\w*|(primary|elementary|middle|junior high|high) school|"
        r"(first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)[- ]grade\w*|grade [1-9]|year [1-9]|"
        r"([1-9]|1[0-7])[- ]?(years?[- ]old|yo|y/o)|(i'?m|i am|aged?|she'?s|he'?s|turn(ed|ing)?) ([1-9]|1[0-7])\b)\b",
        re.I,
    ),
    "zh": re.compile(
        r"未成年|儿童|孩子|小孩|小朋友|宝宝|婴儿|幼儿|幼童|幼女|少年|少女|青少年|女孩|男孩|女生|男生|女童|男童|"
        r"学生|同学|同桌|闺女|女儿|儿子|侄女|侄子|外甥|孙子|孙女|弟弟|妹妹|萝莉|正太|小学|初中|高中|中学|"
        r"[一二三四五六七八九]年级|初[一二三]|高[一二三]|(?<!\d)([1-9]|1[0-7])岁|[一二三四五六七八九]岁|十[一二三四五六七]岁"
    ),
}
SEXUAL = {
    "en": re.compile(
        r"\b(sex(?! ed)(ual|ually|ting|y)?|porn\w*|nudes?|nudity|naked|undress\w*|erotic\w*|nsfw|hentai|"
        r"hook-?ups?|escorts?|adult (videos?|films?|sites?|content|stories)|explicit)\b",
        re.I,
    ),
    "zh": re.compile(r"色情|黄片|黄网|黄色(网站|视频|小说|图片)|裸|脱衣|淫|性感|性爱|做爱|约炮|成人(视频|网站|片|内容|小说)|情色|福利(姬|视频|图)|一夜情"),
}
CONTACT = re.compile(r"https?://|www\.|\d{7,}|[\w.]+@[\w.]+\.\w+")
HAN = re.compile(r"[\u3400-\u9fff]")
HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")


class Report:
    """Problems by place; a warning is printed, an error also fails the run."""

    def __init__(self):
        self.errors, self.warnings = [], []

    def error(self, place, text):
        self.errors.append(f"{place}: error: {text}")

    def warn(self, place, text):
        self.warnings.append(f"{place}: warning: {text}")


def read(path, report):
    """The valid lines of one file, each with its place, row and language."""
    name = re.fullmatch(r"(.+)\.(en|zh)\.jsonl", path.name)
    if not name or name[1] not in [*ROWS, PLAIN]:
        report.error(path, f"file name is not <row>.<en|zh>.jsonl with a row of {', '.join(ROWS)}")
        return []
    try:
        content = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as problem:
        report.error(path, f"not UTF-8: {problem}")
        return []
    lines = []
    for number, line in enumerate(content.split("\n"), 1):
        place = f"{path}:{number}"
        if not line:
            if number <= content.count("\n"):
                report.error(place, "empty line")
            continue
        try:
            item = json.loads(line)
        except json.JSONDecodeError as problem:
            report.error(place, f"not JSON: {problem}")
            continue
        if schema(item, name[1], name[2], place, report):
            lines.append(item | {"place": place, "row": name[1], "lang": name[2]})
    return lines


def schema(item, row, lang, place, report):
    """Whether one line has the fields, labels and encoding of the contract."""
    before = len(report.errors)
    if not isinstance(item, dict) or set(item) != FIELDS:
        report.error(place, f"fields must be exactly {', '.join(sorted(FIELDS))}")
        return False
    text, labels = item["text"], item["labels"]
    if not isinstance(text, str) or not TEXT_MIN <= len(text) <= TEXT_MAX:
        report.error(place, f"text must be a string of {TEXT_MIN}-{TEXT_MAX} characters")
        return False
    if text != text.strip() or text != unicodedata.normalize("NFC", text) or HIDDEN.search(text):
        report.error(place, "text has outer white space, hidden or control characters, or is not NFC")
    if (lang == "zh") != bool(HAN.search(text)):
        report.error(place, f"text does not read as {lang}")
    if item["direction"] not in ("prompt", "output"):
        report.error(place, "direction must be prompt or output")
    if item["speaker"] not in ("minor", "adult", "assistant", "unknown"):
        report.error(place, "speaker must be minor, adult, assistant or unknown")
    if item["expect"] not in EXPECT:
        report.error(place, f"expect must be one of {', '.join(EXPECT)}")
    if type(item["twin"]) is not int:
        report.error(place, "twin must be an integer")
    if not isinstance(labels, list) or len(set(map(str, labels))) != len(labels):
        report.error(place, "labels must be a list without repeats")
    elif unknown := [label for label in labels if label not in HARM + FRAMES]:
        report.error(place, f"unknown labels {unknown}; known: {' '.join(HARM + FRAMES)}")
    elif item["expect"] == "harm" and row != PLAIN and not set(labels) & set(HARM):
        report.error(place, "a harm line carries at least one harm label")
    return len(report.errors) == before


def units(text, lang):
    """Lower-case words (en), or letters and characters without punctuation (zh)."""
    text = unicodedata.normalize("NFKC", text).lower()
    if lang == "en":
        return re.findall(r"[a-z0-9']+", text)
    return re.findall(r"[a-z0-9]+|[^\W_]", text)


def shingles(words, lang):
    """Three words in a row, or four characters; a short line is one shingle."""
    size = 3 if lang == "en" else 4
    if len(words) < size + SHINGLES_MIN - 1:
        return {tuple(words)}
    return {tuple(words[start : start + size]) for start in range(len(words) - size + 1)}


def families(lines, report):
    """Refuses lines that repeat most of another line, or its long opening."""
    for lang in OPENING:
        chosen = [line for line in lines if line["lang"] == lang]
        words = [units(line["text"], lang) for line in chosen]
        sets = [shingles(each, lang) for each in words]
        index = collections.defaultdict(list)
        for number, each in enumerate(sets):
            for shingle in each:
                index[shingle].append(number)
        for number, each in enumerate(sets):
            shared = collections.Counter(
                other for shingle in each for other in index[shingle] if other < number
            )
            for other, count in shared.items():
                limit = SHARED_TWINS if group(chosen[number]) == group(chosen[other]) else SHARED
                part = count / min(len(each), len(sets[other]))
                if part > limit:
                    report.error(
                        chosen[number]["place"],
                        f"shares {part:.0%} of its {'words' if lang == 'en' else 'characters'} in order with {chosen[other]['place']}",
                    )
        openings(chosen, words, OPENING[lang], report)


def group(line):
    return line["row"], line["lang"], line["twin"]


def openings(lines, words, size, report):
    """Refuses one long opening in two twin groups."""
    seen = {}
    for line, each in zip(lines, words):
        if len(each) < size:
            continue
        first = seen.setdefault(tuple(each[:size]), line)
        if group(first) != group(line):
            report.error(line["place"], f"opens with the same {size} words as {first['place']}")


def openers(path, lines, report):
    """Refuses a file in which one opener begins too many lines."""
    lang = lines[0]["lang"]
    counts = collections.Counter(tuple(units(line["text"], lang)[: OPENER[lang]]) for line in lines)
    for opener, count in counts.most_common(3):
        if count > max(OPENER_FREE, OPENER_SHARE * len(lines)):
            joint = " " if lang == "en" else ""
            report.error(path, f"{count} of {len(lines)} lines begin with {joint.join(opener)!r}: vary the openings")


def safety(lines, report):
    """Refuses a minor joined to the sexual label; points at contact data that looks real."""
    for line in lines:
        lang, text = line["lang"], line["text"]
        minor = MINOR[lang].search(text) is not None
        if minor and "sexual" in line["labels"]:
            report.error(line["place"], "joins a minor reference with the sexual label: composition does that, not a sentence")
        elif minor and line["expect"] == "harm" and SEXUAL[lang].search(text):
            report.error(line["place"], "a harmful line joins a minor reference with a sexual word: write it without")
        if CONTACT.search(text):
            report.warn(line["place"], "holds a link, an address or a long number: is it plainly invented?")


def table(lines):
    """Counts per row and language: lines, kinds, twin groups, mean length."""
    print(f"{'row':<8}{'lang':<6}{'lines':>6}{'harm':>6}{'benign':>8}{'support':>9}{'groups':>8}{'length':>8}")
    key = lambda line: ([*ROWS, PLAIN].index(line["row"]), line["lang"])
    for (row, lang), part in itertools.groupby(sorted(lines, key=key), key):
        part = list(part)
        kinds = collections.Counter(line["expect"] for line in part)
        groups = len({line["twin"] for line in part})
        length = sum(len(line["text"]) for line in part) / len(part)
        print(f"{[*ROWS, PLAIN][row]:<8}{lang:<6}{len(part):>6}{kinds['harm']:>6}{kinds['benign']:>8}{kinds['support']:>9}{groups:>8}{length:>8.0f}")
    labels = collections.Counter((label, line["lang"]) for line in lines for label in line["labels"])
    print("labels (en/zh):", " ".join(f"{label} {labels[label, 'en']}/{labels[label, 'zh']}" for label in HARM + FRAMES))
    print(f"total {len(lines)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=pathlib.Path, help="report only on these (all are still compared)")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(__file__).parent / "own")
    options = parser.parse_args()
    report = Report()
    paths = sorted({path.resolve() for path in [*options.folder.glob("*.jsonl"), *options.files]})
    lines = []
    for path in paths:
        part = read(path, report)
        lines += part
        if part:
            openers(path, part, report)
    families(lines, report)
    safety(lines, report)
    wanted = tuple(str(path.resolve()) for path in options.files)
    for text in sorted(report.errors + report.warnings):
        if not wanted or text.startswith(wanted):
            print(text)
    table(lines)
    failed = [text for text in report.errors if not wanted or text.startswith(wanted)]
    print(f"{len(failed)} errors, {len(report.warnings)} warnings")
    return 1 if failed or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
