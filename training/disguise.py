"""Disguised copies of a line, as people write to get past a filter: seeded, mild, readable.

A harmful line and its benign twin are disguised alike, so that the heads learn the sense through the
disguise and not the disguise as harm.
"""

import dataclasses
import random
import re

LEET = str.maketrans({"a": "4", "e": "3", "i": "1", "o": "0", "s": "5", "t": "7"})
MARKS = ".·-_*~ "
PART = 0.4
"""Share of the words, or of the pairs of characters, that one copy disguises."""


def leet(word, dice):
    return word.translate(LEET)


def spread(word, dice):
    return dice.choice(MARKS).join(word)


def stretch(word, dice):
    place = dice.randrange(len(word))
    return word[:place] + word[place] * dice.randint(2, 4) + word[place + 1 :]


def swap(word, dice):
    place = dice.randrange(max(len(word) - 1, 1))
    return word[:place] + word[place : place + 2][::-1] + word[place + 2 :]


TRICKS = {"en": (leet, spread, stretch, swap), "zh": (spread,)}


def copy(text, lang, dice):
    """The text with some of its words written otherwise."""
    trick = dice.choice(TRICKS[lang])
    pattern = r"[A-Za-z]{4,}" if lang == "en" else r"[\u3400-\u9fff]{2,4}"
    return re.sub(pattern, lambda word: trick(word[0], dice) if dice.random() < PART else word[0], text)


def copies(rows, share, seed):
    """Copies of this share of the rows, in the same groups, at half their weight."""
    dice = random.Random(seed)
    chosen = [row for row in rows if dice.random() < share]
    changed = [dataclasses.replace(row, text=copy(row.text, row.lang, dice), weight=row.weight / 2, source="disguised", expect="") for row in chosen]
    return [new for new, old in zip(changed, chosen) if new.text != old.text]
