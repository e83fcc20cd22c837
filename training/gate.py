#!/usr/bin/env python3
"""Teaches the gate: a small network that says of which sentences the encoder and the heads need not be asked.

    python training/gate.py --data ../shared/data/train [--dev ../shared/data/dev] --binary target/release/wardgate

Its teacher are the encoder and heads in `models/sense` (read by the binary, which may hold older ones), on the
windows that a scanner makes of every text to learn from. Writes gate.safetensors, its table in CARD.md and what it says
of the golden texts. Run it whenever encoder or heads change: the engine takes no gate that was taught by other heads.
Seeded; about six minutes on one core. The engine's half is src/sense/gate.rs.
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import re
import zlib

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
import torch

import encoder as sense
import features
import prepare
from rows import LABELS, objects

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent / "models" / "sense"
GOLDEN = HERE.parent / "tests" / "data" / "sense"
SEED = 7
BUCKETS, UNITS = 1 << 14, 32
"""Sixteen thousand buckets of 32 signed bytes are half a MiB; 64 units or 2^17 buckets pass as many honest texts."""
EPOCHS, BATCH, RARE = 4, 256, 10.0
"""`RARE`: how much more a sentence weighs that has the label."""
EMPHASIS = {"harm": 4.0, "unsafe": 2.0, "support": 4.0}
"""Labels that most rules wait for; the others weigh `OTHERS`."""
OTHERS = 0.3
BARS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9)
MISSED = 0.005
"""Share of the unseen sentences at or above a bar that its cut may stop. With one in a hundred, six in a hundred of strangers' harmful
requests in Chinese that encoder and heads would have stopped passed; with this four, for a quarter more of time (0075)."""
FEWEST = 100
"""Unseen sentences at or above a bar that a cut needs: below 200 it stops none of them."""
UNTAUGHT = 1e9
MORE = ("coldataset", "convabuse", "davidson-hate", "edos", "fairytaleqa-questions", "fairytaleqa-sections", "gsm8k", "harmfulqa", "hatemoji-build", "sms-spam", "swsr")
"""Training sets of which further texts are asked about: a teacher needs no labels."""
MOST, DEV_MOST = 3500, 1500
"""Windows of one of these sets, and of a dev set, at most."""
HELD = 10
"""One in so many groups is not learned from: cuts are chosen on it."""


def wide(text):
    """Whether a text is mostly Chinese."""
    return 3 * len(re.findall(r"[\u3400-\u9fff]", text)) > 0.3 * len(text)


def texts(own, public, dev):
    """(text, group, part, whether honest) of everything that is asked about."""
    rows = prepare.learned(own, public)
    found = [(row.text, row.group, "learn", False) for row in rows]
    sets = [(public / f"{name}.jsonl", "learn", MOST) for name in MORE]
    sets += [(path, path.stem, DEV_MOST) for path in sorted(dev.glob("*.jsonl"))] if dev else []
    for path, part, most in sets:
        some = objects(path)
        if part == "learn":
            some = [item for item in some if item["role"] == "train" and item["lic"] == "permissive"]
        random.Random(f"{SEED}/{path.stem}").shuffle(some)
        found += [(item["text"][: features.LONGEST], f"{path.stem}/{item['id']}", part, item["harmful"] is False) for item in some[:most]]
    return found


def asked(found, options):
    """Every window once: pieces, the teacher's scores, group, part, language, honesty."""
    seen, windows, counts = set(), [], {}
    for number, made in features.windows([text for text, *_ in found], options.models, options.binary):
        _, group, part, honest = found[number]
        for window in made:
            key = (part, group.split("/")[0]) if part != "learn" else None
            counts[key] = counts.get(key, 0) + 1
            if window["text"] in seen or key and counts[key] > DEV_MOST:
                continue
            seen.add(window["text"])
            windows.append((np.array(window["pieces"], np.int64), window["scores"], group, part, wide(window["text"]), honest))
    return windows


def bucket(piece, following):
    """The bucket of a piece and the one after it, as src/sense/gate.rs finds it."""
    whole = 0xFFFFFFFF
    mixed = (piece * 0x9E3779B1 + following * 0x85EBCA77) & whole
    mixed = ((mixed ^ (mixed >> 15)) * 0x2C1B3C6D) & whole
    return (mixed ^ (mixed >> 13)) & (BUCKETS - 1)


def buckets(pieces):
    """Every piece by itself, then every pair of neighbours."""
    pieces = pieces.astype(np.uint64)
    alone = bucket(pieces, np.uint64(0xFFFFFFFF))
    return np.concatenate([alone, bucket(pieces[:-1], pieces[1:])]).astype(np.int64)


def sums(windows, tensors):
    """Per window the sum of its pieces' rows over the root of their count."""
    table, chunk = sense.table(tensors), tensors["rows.chunk"]
    scale, low = tensors["rows.scale"][chunk], tensors["rows.low"][chunk]
    row = lambda pieces: (table[pieces].astype(np.float32) * scale[pieces][:, None] + low[pieces][:, None]).sum(0) / np.sqrt(len(pieces))
    return np.stack([row(pieces) for pieces, *_ in windows]).astype(np.float32)


class Gate(torch.nn.Module):
    """Sums and buckets -> one logit per label."""

    def __init__(self, mean, spread):
        super().__init__()
        self.mean, self.spread = torch.from_numpy(mean), torch.from_numpy(spread)
        self.pairs = torch.nn.Embedding(BUCKETS, UNITS)
        torch.nn.init.normal_(self.pairs.weight, std=0.05)
        self.rows, self.last = torch.nn.Linear(sense.VECTOR, UNITS), torch.nn.Linear(UNITS, len(LABELS))

    def forward(self, rows, bags):
        counts = torch.tensor([len(bag) for bag in bags])
        starts = torch.cumsum(counts, 0) - counts
        pairs = torch.nn.functional.embedding_bag(torch.from_numpy(np.concatenate(bags)), self.pairs.weight, starts, mode="sum")
        return self.last(torch.relu(self.rows((rows - self.mean) / self.spread) + pairs / counts.sqrt()[:, None]))

    def written(self):
        """Tensors of the file, the pairs in signed bytes; the network computes with those from now on."""
        with torch.no_grad():
            scale = self.pairs.weight.abs().amax(0).clamp_min(1e-6) / 127
            whole = torch.round(self.pairs.weight / scale)
            self.pairs.weight.copy_(whole * scale)
            weight = self.rows.weight / self.spread
            bias = self.rows.bias - weight @ self.mean
        tensors = {"pairs.weight": whole.to(torch.int8), "pairs.scale": scale, "rows.weight": weight, "rows.bias": bias, "last.weight": self.last.weight, "last.bias": self.last.bias}
        return {name: np.ascontiguousarray(tensor.detach().numpy()) for name, tensor in tensors.items()}


def kept(path):
    """The network of a file that is there."""
    tensors, _ = sense.read(path)
    gate = Gate(np.zeros(sense.VECTOR, np.float32), np.ones(sense.VECTOR, np.float32))
    pairs = tensors["pairs.weight"].astype(np.float32) * tensors["pairs.scale"]
    own = {"pairs.weight": pairs, **{name: tensors[name] for name in ("rows.weight", "rows.bias", "last.weight", "last.bias")}}
    gate.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in own.items()})
    return gate


def unseen(group):
    """Whether cuts are chosen on that group's windows, which nothing is learned from."""
    return zlib.crc32(f"{SEED}/{group}".encode()) % HELD == 0


def taught(rows, bags, scores, learn):
    """A gate that learned these windows."""
    torch.manual_seed(SEED)
    dice = np.random.default_rng(SEED)
    gate = Gate(rows[learn].mean(0), rows[learn].std(0) + 1e-3)
    own = [gate.pairs.weight]
    others = [*gate.rows.parameters(), *gate.last.parameters()]
    steps = EPOCHS * -(-len(learn) // BATCH)
    adam = torch.optim.Adam([{"params": own, "lr": 0.01}, {"params": others, "lr": 0.003}])
    slower = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: 0.5 + 0.5 * np.cos(np.pi * step / steps))
    weight = torch.tensor([EMPHASIS.get(label, OTHERS) for label in LABELS])
    for _ in range(EPOCHS):
        order = dice.permutation(learn)
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            truth = torch.from_numpy(scores[part])
            losses = torch.nn.functional.binary_cross_entropy_with_logits(gate(torch.from_numpy(rows[part]), [bags[at] for at in part]), truth, reduction="none")
            loss = (losses * weight * (1 + RARE * truth)).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            slower.step()
    return gate


def logits(gate, rows, bags):
    with torch.no_grad():
        part = lambda start: gate(torch.from_numpy(rows[start : start + 2048]), bags[start : start + 2048]).numpy()
        return np.concatenate([part(start) for start in range(0, len(bags), 2048)])


def cuts(said, scores):
    """By label and bar: the logit below which at most `MISSED` of the sentences at or above the bar lie."""
    result = np.full((len(LABELS), len(BARS)), UNTAUGHT, np.float32)
    for label in range(len(LABELS)):
        for at, bar in enumerate(BARS):
            above = np.sort(said[scores[:, label] >= bar, label])
            if len(above) >= FEWEST:
                result[label, at] = above[int(MISSED * len(above))]
    return result


def golden(gate, tensors):
    """What the gate says of the golden texts, in hundredths: the engine must agree."""
    lines = objects(GOLDEN / "golden.jsonl")
    pieces = [np.array(line["rows"], np.int64) for line in lines]
    said = logits(gate, sums([(each,) for each in pieces], tensors), [buckets(each) for each in pieces])
    lines = [json.dumps([int(round(100 * float(value))) for value in row]) + "\n" for row in said]
    (GOLDEN / "gate.jsonl").write_text("".join(lines), encoding="utf-8")


SHOWN = (("harm", 0.9), ("harm", 0.8), ("harm", 0.5), ("support", 0.7))
"""What the shipped policies wait for, at levels 1 and 2."""


def table(said, scores, chosen, parts, chinese, honest, held):
    """The card's lines on what passes and what is lost."""
    share = lambda part, of: f"{100 * part.sum() / of.sum():.1f}" if of.any() else "-"
    lines = ["| label | from | language | unseen rows to learn from: reach it, lost % | dev rows: reach it, lost % | honest dev rows that pass % |", "|---|---|---|---|---|---|"]
    dev = parts != "learn"
    for label, bar in SHOWN:
        column, at = LABELS.index(label), BARS.index(bar)
        passes, hits = said[:, column] >= chosen[column, at], scores[:, column] >= bar
        for lang in (False, True):
            spoken = chinese == lang
            cells = [f"{(hits & part & spoken).sum()}, {share(hits & part & spoken & ~passes, hits & part & spoken)}" for part in (held, dev)]
            lines.append(f"| {label} | {bar} | {'zh' if lang else 'en'} | {' | '.join(cells)} | {share(passes & honest & dev & spoken, honest & dev & spoken)} |")
    lines += ["", "| honest dev set | windows | " + " | ".join(f"pass % for {label} {bar}" for label, bar in SHOWN) + " |", "|---|---|" + "---|" * len(SHOWN)]
    for name in sorted(set(parts[honest & dev])):
        part = honest & (parts == name)
        rates = [share(part & (said[:, LABELS.index(label)] >= chosen[LABELS.index(label), BARS.index(bar)]), part) for label, bar in SHOWN]
        lines.append(f"| {name} | {part.sum()} | {' | '.join(rates)} |")
    return "\n".join(lines)


HEAD = """## The gate

Before the encoder a small network (`gate.safetensors`, {size} KiB: 512 numbers of the summed rows and {buckets} buckets of hashed
pieces and pairs, {units} units, one logit per label) says of which windows neither encoder nor heads need be asked, for the
labels and probabilities that a rule still waits for. It was taught by what they say of {learned} windows; a cut stops at most
{missed:.1%} of the windows at or above its bar among {held} that it had not seen ({fewest} at least: what has fewer has no cut, and is always scored).

"""


def card(path, text):
    """Puts the part on the gate into the card, in place of the last one."""
    whole = path.read_text(encoding="utf-8")
    before, found, rest = whole.partition("## The gate\n")
    if found:
        rest = rest[rest.index("\n## ") + 1 :]
    else:
        before, limits, rest = whole.partition("## Limits\n")
        rest = limits + rest
    path.write_text(f"{before}{text}\n\n{rest}", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of the public training sets")
    parser.add_argument("--dev", type=pathlib.Path, help="folder of the public dev sets: measured on")
    parser.add_argument("--own", type=pathlib.Path, default=HERE / "own")
    parser.add_argument("--binary", required=True, help="wardgate itself: it makes the windows and reads the models")
    parser.add_argument("--keep", action="store_true", help="keep the network and choose its cuts anew, where the heads changed a little: one minute")
    parser.add_argument("--models", type=pathlib.Path, default=MODELS, help="folder of encoder and heads; the gate goes there too")
    options = parser.parse_args()

    from safetensors.numpy import save_file

    torch.set_num_threads(1)
    place = options.models / "gate.safetensors"
    found = texts(options.own, options.data, options.dev)
    if options.keep:
        found = [each for each in found if each[2] != "learn" or unseen(each[1])]
    windows = asked(found, options)
    scores = np.array([scores for _, scores, *_ in windows], np.float32)
    groups, parts = [each[2] for each in windows], np.array([each[3] for each in windows])
    chinese, honest = np.array([each[4] for each in windows]), np.array([each[5] for each in windows])
    held = (parts == "learn") & np.array([unseen(group) for group in groups])
    encoder = sense.read(options.models / "encoder.safetensors")[0]
    rows = sums(windows, encoder)
    bags = [buckets(pieces) for pieces, *_ in windows]
    learn = np.flatnonzero((parts == "learn") & ~held)
    gate = kept(place) if options.keep else taught(rows, bags, scores, learn)
    tensors = gate.written()
    said = logits(gate, rows, bags)
    tensors["cuts"], tensors["bars"] = cuts(said[held], scores[held]), np.array(BARS, np.float32)
    metadata = {"format": "1", "labels": json.dumps(LABELS), "heads": hashlib.sha256((options.models / "heads.safetensors").read_bytes()).hexdigest()}
    save_file(tensors, place, metadata)
    golden(gate, encoder)
    shown = table(said, scores, tensors["cuts"], parts, chinese, honest, held)
    facts = {"size": place.stat().st_size >> 10, "buckets": BUCKETS, "units": UNITS, "learned": "some 100,000" if options.keep else len(learn), "held": int(held.sum()), "missed": MISSED, "fewest": FEWEST}
    card(options.models / "CARD.md", HEAD.format(**facts) + shown)
    print(shown)


if __name__ == "__main__":
    main()
