#!/usr/bin/env python3
"""Learns the encoder's upper weights and the dense head together, on a GPU if there is one.

    python training/finetune.py ROWS.npz --base BASE.safetensors --out FOLDER [--device cuda] [--few N]

ROWS.npz is written by `prepare.py`. All folds, and the model of all rows, learn beside each other as copies
in one stack; the copies of a fold differ in the order of their rows and are averaged.
"""

import argparse
import concurrent.futures
import pathlib
import time

import numpy as np
import torch
from torch import nn

import encoder as sense

RECIPE = {
    "encoder_rate": 1e-3, "head_rate": 1e-3, "row_rate": 1e-3, "head_decay": 0.3, "encoder_decay": 0.01, "row_decay": 0.01,
    "epochs": 10, "batch": 256, "hidden": 256, "dropout": 0.5, "lost": 0.1, "near": 1.0, "soup": 2, "whole": 6, "seed": 7, "smooth": 0.0,
    "heads": 0, "layers": 0, "mixup": 0.0, "rdrop": 0.0, "push": 0.0, "twins": 0.0, "least": 3, "benign": 1.0,
    "case": 1.0, "honest": 1.0, "new": 1.0, "public": 1.0, "disguised": 1.0, "summary": 4.0, "teach": 0.0, "own_unsafe": 1.0, "back": 0.25,
}
"""`lost`: share of pieces read as unknown while learning; `near`: weight of staying near the untrained vector; `soup`:
runs of a fold that are averaged, `whole` of the model of all rows; `row_rate`: rate of the rows of pieces seen at least `least` times; `heads`: questions of attention
pooling; `push`: length of a step against the rows' gradient, as a share of theirs; `twins`: weight of the loss over
pairs of one scene; `case` ... `disguised`: weight of rows of that kind, beside their own; `own_unsafe`: of `unsafe` in our own lines; `back`:
how far the encoder goes back to the untrained one before the head is learned anew; 0 keeps the head that learned with it."""
HEAD = RECIPE | {"public": 2.0, "own_unsafe": 0.1, "new": 0.3}
"""How a head is learned anew, above an encoder that stays as it is; `new` lines are those that the encoder has not learned from (0074)."""
UNKNOWN_PIECE = 0
LONGEST = 5.0
"""Length of a step's gradient at most."""
INPUTS = sense.VECTOR + sense.FEATURES
ANSWER = 64
"""Numbers that a question of attention pooling is answered with."""


def stacked(copies, *shape, std):
    """A parameter that every copy begins alike with."""
    return nn.Parameter((torch.randn(*shape) * std)[None].repeat(copies, *[1] * len(shape)))


class Attention(nn.Module):
    """For each of some learned questions, the mean of the token features that answer it."""

    def __init__(self, copies, heads):
        super().__init__()
        self.ask = stacked(copies, sense.FEATURES, heads, std=0.01)
        self.value = stacked(copies, heads, sense.FEATURES, ANSWER, std=sense.FEATURES**-0.5)

    def forward(self, features, mask):
        share = torch.bmm(features.flatten(1, 2), self.ask).unflatten(1, features.shape[1:3]).float()
        share = share.masked_fill(mask[..., None] == 0, -1e4).softmax(2)
        answers = torch.matmul(share.transpose(2, 3), features.float())
        return torch.einsum("mbkf,mkfa->mbka", answers, self.value).float().flatten(2)


class Layers(nn.Module):
    """A small transformer over the token features; its mean and maximum."""

    def __init__(self, copies, layers, width=256, heads=4):
        super().__init__()
        self.heads, self.count = heads, layers
        self.down = stacked(copies, sense.FEATURES, width, std=sense.FEATURES**-0.5)
        self.parts = nn.ParameterList()
        for _ in range(layers):
            for shape in ((width, 3 * width), (width, width), (width, 2 * width), (2 * width, width)):
                self.parts.append(stacked(copies, *shape, std=shape[0] ** -0.5))

    def forward(self, features, mask):
        times = lambda x, matrix: torch.bmm(x.flatten(1, 2), matrix).unflatten(1, x.shape[1:3])
        norm = lambda x: nn.functional.layer_norm(x, x.shape[-1:])
        x = times(features, self.down)
        seen = torch.where(mask[:, :, None, None] > 0, 0.0, -1e4)
        for at in range(self.count):
            query, key, after, before = self.parts[4 * at : 4 * at + 4]
            asked, keys, values = (part.unflatten(-1, (self.heads, -1)).transpose(2, 3) for part in times(norm(x), query).chunk(3, -1))
            share = (torch.matmul(asked, keys.transpose(3, 4)).float() * asked.shape[-1] ** -0.5 + seen).softmax(-1)
            x = x + times(torch.matmul(share.to(values.dtype), values).transpose(2, 3).flatten(3), key)
            x = x + times(torch.relu(times(norm(x), after)), before)
        x = norm(x).float()
        mean = (x * mask[..., None]).sum(2) / mask.sum(2, keepdim=True).clamp_min(1)
        return torch.cat([mean, x.masked_fill(mask[..., None] == 0, -1e4).amax(2)], -1)


class Model(nn.Module):
    """Encoder, and the dense head on standardised inputs; `copies` of both."""

    def __init__(self, tensors, labels, plan, copies, tuned=None):
        super().__init__()
        torch.manual_seed(plan["seed"])
        self.copies, self.dropout = copies, plan["dropout"]
        self.encoder = sense.Encoder(tensors, copies, tuned)
        self.attention = Attention(copies, plan["heads"]) if plan["heads"] else None
        self.layers = Layers(copies, plan["layers"]) if plan["layers"] else None
        wide = INPUTS + plan["heads"] * ANSWER + (512 if plan["layers"] else 0)
        self.register_buffer("mean", torch.zeros(copies, 1, INPUTS))
        self.register_buffer("spread", torch.ones(copies, 1, INPUTS))
        self.first = stacked(copies, wide, plan["hidden"], std=(2 / INPUTS) ** 0.5)
        self.last = stacked(copies, plan["hidden"], labels, std=(2 / plan["hidden"]) ** 0.5)
        self.first_bias = nn.Parameter(torch.zeros(copies, 1, plan["hidden"]))
        self.last_bias = nn.Parameter(torch.zeros(copies, 1, labels))

    def inputs(self, embedded, mask):
        """What the head reads, standardised, and the vector."""
        inputs, features = self.encoder.pooled(embedded, mask)
        parts = [(inputs - self.mean) / self.spread]
        parts += [part(features, mask) for part in (self.attention, self.layers) if part is not None]
        return torch.cat(parts, -1), inputs[..., : sense.VECTOR]

    def head(self, inputs):
        middle = torch.relu(torch.bmm(inputs, self.first) + self.first_bias)
        middle = nn.functional.dropout(middle, self.dropout, self.training)
        return (torch.bmm(middle, self.last) + self.last_bias).float()

    def forward(self, pieces, mask):
        return self.head(self.inputs(self.encoder.embedded(pieces), mask)[0])

    def averaged(self, soups):
        """So many copies one after the other become one, and so on."""
        mean = lambda value: torch.stack([part.mean(0) for part in value.split(soups)])
        return {name: mean(value) for name, value in self.state_dict().items()}

    def written(self, copy):
        """The dense head as the engine reads it: it takes the inputs as they come."""
        one = lambda tensor: tensor.detach()[copy].float()
        weight = one(self.first).T.clone()
        weight[:, :INPUTS] /= one(self.spread)
        bias = one(self.first_bias)[0] - weight[:, :INPUTS] @ one(self.mean)[0]
        result = {"dense.0.weight": weight, "dense.0.bias": bias, "dense.1.weight": one(self.last).T, "dense.1.bias": one(self.last_bias)[0]}
        if self.attention is not None:
            result |= {"attention.ask": one(self.attention.ask).T, "attention.value": one(self.attention.value)}
        if self.layers is not None:
            result |= {f"layers.{name}": one(value) for name, value in self.layers.named_parameters()}
        return {name: np.ascontiguousarray(value.cpu().numpy()) for name, value in result.items()}


class Texts:
    """Pieces of texts, padded, on the device."""

    def __init__(self, flat, lengths, device):
        self.lengths = lengths.astype(np.int64)
        padded = np.zeros((len(lengths), max(self.lengths.max(initial=1), 1)), np.int32)
        padded[np.arange(padded.shape[1]) < self.lengths[:, None]] = flat
        self.pieces = torch.from_numpy(padded).to(device)
        self.count = torch.from_numpy(self.lengths).to(device)

    def of(self, index, width):
        """Pieces and mask of [copies, texts] rows; an index below 0 is no row."""
        at = index.clamp_min(0)
        mask = torch.arange(width, device=index.device) < self.count[at][..., None]
        return self.pieces[at][..., :width].long(), (mask & (index >= 0)[..., None]).float()


def order(chosen, lengths, groups, plan, count, dice):
    """[steps, texts]: a shuffled epoch in `count` batches of about one length; -1 fills the last ones up."""
    shuffled = dice.permutation(chosen)
    if plan["twins"]:  # Scenes stay together.
        place = dice.permutation(groups.max() + 1)
        shuffled = chosen[np.argsort(place[groups[chosen]], kind="stable")]
    parts = max(count // 20, 1)
    batched = []
    for part, batches in zip(np.array_split(shuffled, parts), np.array_split(np.arange(count), parts)):
        key = lengths[part]
        if plan["twins"]:
            total, many = np.bincount(groups[part], key), np.bincount(groups[part])
            key = (total / np.maximum(many, 1))[groups[part]] + groups[part] * 1e-7
        for rows in np.array_split(part[np.argsort(key, kind="stable")], len(batches)):
            batched.append(rows)
    result = np.full((count, max(map(len, batched))), -1, np.int64)
    for at, rows in enumerate(batched):
        result[at, : len(rows)] = rows
    return result


def epochs(chosen, lengths, groups, plan, seeds):
    """Every epoch's batches, [steps, copies, texts], made while the one before is learned from."""
    count = max(min(len(rows) for rows in chosen) // plan["batch"], 1)
    dice = [np.random.default_rng(seed) for seed in seeds]
    together = np.random.default_rng(seeds[0])

    def one():
        each = [order(rows, lengths, groups, plan, count, die) for rows, die in zip(chosen, dice)]
        wide = max(rows.shape[1] for rows in each)
        each = [np.pad(rows, ((0, 0), (0, wide - rows.shape[1])), constant_values=-1) for rows in each]
        return np.stack(each, 1)[together.permutation(count)]

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(one)
        for epoch in range(plan["epochs"]):
            made = ahead.result()
            if epoch + 1 < plan["epochs"]:
                ahead = pool.submit(one)
            yield made


def fast(device):
    """Half precision where the device has it."""
    return torch.autocast("cuda", torch.bfloat16, enabled=str(device) != "cpu")


def said(model, texts, device, what="logits", size=1024):
    """Logits, or inputs of the head as they come, of every text by every copy: [copies, texts, ...] on the CPU."""
    model.eval()
    places = np.argsort(texts.lengths, kind="stable")
    width = model.last.shape[-1] if what == "logits" else INPUTS
    result = torch.zeros(model.copies, len(places), width)
    size = max(size * (4 if str(device) != "cpu" else 1) // model.copies, 32)
    with torch.no_grad(), fast(device):
        for at in range(0, len(places), size):
            part = places[at : at + size]
            index = torch.from_numpy(part).to(device)[None].expand(model.copies, -1)
            pieces, mask = texts.of(index, max(int(texts.lengths[part].max()), 1))
            found = model(pieces, mask) if what == "logits" else model.encoder(pieces, mask)
            result[:, torch.from_numpy(part)] = found.float().cpu()
    return result.numpy()


def divergence(one, other):
    """How far two answers about the same labels are from each other, both ways."""
    return (torch.sigmoid(one) - torch.sigmoid(other)) * (one - other)


class Loss:
    """What a batch costs each copy."""

    def __init__(self, rows, plan, untrained):
        self.rows, self.plan, self.untrained = rows, plan, untrained

    def __call__(self, model, embedded, mask, index, dice):
        plan, rows = self.plan, self.rows
        at, there = index.clamp_min(0), (index >= 0).float()
        texts = there.sum(1).clamp_min(1)
        inputs, vector = model.inputs(embedded, mask)
        truth, weights = rows.truth(at), rows.weights[at] * there[..., None]
        if plan["mixup"]:
            share = dice.beta(plan["mixup"], plan["mixup"], tuple(index.shape)).astype(np.float32)
            share = torch.from_numpy(np.maximum(share, 1 - share)).to(index.device)[..., None]
            other = torch.from_numpy(dice.permutation(index.shape[1])).to(index.device)
            logits = model.head(share * inputs + (1 - share) * inputs[:, other])
            cost = nn.functional.binary_cross_entropy_with_logits
            each = share * weights * cost(logits, truth, reduction="none")
            each = each + (1 - share) * weights[:, other] * cost(logits, truth[:, other], reduction="none")
        else:
            logits = model.head(inputs)
            each = weights * nn.functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        loss = each.sum((1, 2)) / texts
        if plan["rdrop"]:
            again = model.head(inputs) if plan["rdrop"] < 0 else None
            half = index.shape[1] // 2
            one, two = (logits, again) if again is not None else (logits[:, :half], logits[:, half : 2 * half])
            heavy = weights if again is not None else weights[:, :half]
            loss = loss + abs(plan["rdrop"]) * (heavy * divergence(one, two)).sum((1, 2)) / texts
        if plan["twins"]:
            mine = rows.groups[at]
            pair = (mine[:, :, None] == mine[:, None]) & rows.bad[at][:, :, None] & rows.good[at][:, None]
            score = logits[..., rows.harm]
            gap = nn.functional.softplus(1 - (score[:, :, None] - score[:, None])) * pair
            loss = loss + plan["twins"] * gap.sum((1, 2)) / pair.sum((1, 2)).clamp_min(1)
        if plan["near"]:
            apart = (1 - (vector * self.untrained[at]).sum(-1)) * there
            loss = loss + plan["near"] * apart.sum(1) / texts
        return loss.sum()


class Rows:
    """What is known of the rows, on the device."""

    def __init__(self, stored, plan, device):
        to = lambda array: torch.from_numpy(array).to(device)
        self.plan = plan
        self.labels = [str(label) for label in stored["labels"]]
        self.harm = self.labels.index("harm")
        weights = self.kinds(stored, plan)
        self.used = weights.sum(1) > 0
        truth = stored["truth"].astype(np.float32)
        self.known = to(truth * (1 - 2 * plan["smooth"]) + plan["smooth"])
        self.weights = to(balanced(truth, weights, self.labels, plan))
        self.groups = to(stored["group"].astype(np.int64))
        own = stored["expect"] != ""
        self.bad, self.good = to(own & (stored["expect"] == "harm")), to(own & (stored["expect"] != "harm"))

    @staticmethod
    def kinds(stored, plan):
        """Weights of rows by their kind."""
        names = np.array([str(source) for source in stored["sources"]])[stored["source"]]
        own = stored["expect"] != ""
        factor = np.where(own, 1.0, plan["public"])
        for kind in ("case", "honest", "disguised"):
            factor = np.where(names == kind, plan[kind], factor)
        # Requests of any kind in Chinese are in no public set that may be learned from: our own lines stand for them, in full.
        alone = (names == "own/plain") & stored["lang"]
        if "new" in stored:
            factor = np.where(stored["new"] & ~alone, factor * plan["new"], factor)
        weights = stored["weights"].astype(np.float32) * factor[:, None].astype(np.float32)
        weights[own & ~alone, [str(label) for label in stored["labels"]].index("unsafe")] *= plan["own_unsafe"]
        return weights

    def truth(self, at):
        """The labels of [copies, texts] rows."""
        return self.known[at] if self.known.dim() == 2 else self.known[torch.arange(len(at), device=at.device)[:, None], at]


def balanced(truth, weights, labels, plan):
    """As heads.balance: the positives of rare labels, and the summary labels, weigh more."""
    positive, negative = (truth * weights).sum(0), ((1 - truth) * weights).sum(0)
    gain = np.clip(np.sqrt(negative / np.maximum(positive, 1e-3)), 1, 8)
    summary = np.array([plan["summary"] if label in ("harm", "unsafe", "support") else 1.0 for label in labels])
    return (weights * np.where(truth > 0, gain, plan["benign"]) * summary).astype(np.float32)


def shrink(parameters, most):
    """Gradients of a copy that are longer than `most` become so long."""
    lengths = sum(each.grad.flatten(1).square().sum(1) for each in parameters)
    factor = (most / lengths.sqrt().clamp_min(1e-6)).clamp_max(1)
    for each in parameters:
        each.grad.mul_(factor.view(-1, *[1] * (each.dim() - 1)))


def optimizer(model, plan, device):
    """Adam with a rate for each part; what has none does not learn."""
    head = [each for name, each in model.named_parameters() if not name.startswith("encoder.")]
    body = [each for name, each in model.named_parameters() if name.startswith("encoder.weights")]
    groups = [{"params": head, "lr": plan["head_rate"], "weight_decay": plan["head_decay"]}]
    groups.append({"params": body, "lr": plan["encoder_rate"], "weight_decay": plan["encoder_decay"]})
    if plan["row_rate"]:
        groups.append({"params": [model.encoder.change], "lr": plan["row_rate"], "weight_decay": plan["row_decay"]})
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=str(device) != "cpu")


def slower(adam, steps):
    """The rate rises over the first steps, and falls to nothing at the end."""
    return torch.optim.lr_scheduler.LambdaLR(adam, lambda step: min(1, (step + 1) / (0.06 * steps)) * (0.5 + 0.5 * np.cos(np.pi * min(step / steps, 1))))


def learn(model, texts, rows, chosen, plan, seeds, untrained, device):
    """Every copy learns from its chosen rows."""
    torch.manual_seed(plan["seed"])
    dice = np.random.default_rng(plan["seed"])
    adam, loss = optimizer(model, plan, device), Loss(rows, plan, untrained)
    learned = [each for group in adam.param_groups for each in group["params"]]
    steps = plan["epochs"] * max(min(len(each) for each in chosen) // plan["batch"], 1)
    schedule = slower(adam, steps)
    groups = rows.groups.cpu().numpy()
    model.train()
    for batches in epochs(chosen, texts.lengths, groups, plan, seeds):
        widths = texts.lengths[np.maximum(batches, 0)].max((1, 2))
        batches = torch.from_numpy(batches).to(device)
        for index, width in zip(batches, widths):
            if plan["rdrop"] > 0:
                index = index.repeat(1, 2)
            pieces, mask = texts.of(index, max(int(width), 1))
            lost = (torch.rand(pieces.shape, device=device) < plan["lost"]) & (pieces > 2)
            pieces = pieces.masked_fill(lost, UNKNOWN_PIECE)
            with fast(device):
                embedded = model.encoder.embedded(pieces)
                if plan["push"] and not embedded.requires_grad:
                    embedded.requires_grad_(True)
                if plan["push"]:
                    embedded.retain_grad()
                cost = loss(model, embedded, mask, index, dice)
            adam.zero_grad(set_to_none=True)
            cost.backward()
            if plan["push"]:
                slope, length = embedded.grad.float(), embedded.detach().square().sum((2, 3), keepdim=True).sqrt()
                away = plan["push"] * length * slope / slope.square().sum((2, 3), keepdim=True).sqrt().clamp_min(1e-12)
                with fast(device):
                    cost = loss(model, model.encoder.embedded(pieces) + away, mask, index, dice)
                cost.backward()
            shrink(learned, LONGEST)
            adam.step()
            schedule.step()
    model.eval()


def seen(stored, used, least):
    """Pieces that the used rows hold at least so often; not the marks and the unknown one."""
    ends = np.repeat(used, stored["lens"].astype(np.int64))
    pieces, counts = np.unique(stored["flat"][ends], return_counts=True)
    return pieces[(counts >= least) & (pieces > 2)]


def untrained(base, texts, plan, device):
    """The head's inputs before anything was learned."""
    model = Model(base, 1, RECIPE | {"hidden": 1}, 1).to(device)
    return torch.from_numpy(said(model, texts, device, "inputs")[0]).to(device)


def fit(stored, base, plan, folds, texts, before, device, few=0, teacher=None):
    """A model with one copy for each fold, that has learned from all rows of the other folds; -1 is no fold."""
    rows = Rows(stored, plan, device)
    soups = [plan["soup"] if fold >= 0 else plan["whole"] for fold in folds]
    chosen = [np.flatnonzero(rows.used & (stored["fold"] != fold)) for fold in folds]
    if few:
        chosen = [each[::few] for each in chosen]
    tuned = seen(stored, rows.used, plan["least"]) if plan["row_rate"] else None
    chosen = [each for each, soup in zip(chosen, soups) for _ in range(soup)]
    model = Model(base, len(rows.labels), plan, len(chosen), tuned).to(device)
    for copy in range(model.copies):
        part = before[torch.from_numpy(chosen[copy]).to(device)]
        model.mean[copy, 0], model.spread[copy, 0] = part.mean(0), part.std(0) + 1e-4
    if teacher is not None:
        taught(rows, plan, torch.from_numpy(teacher).to(device), soups)
    seeds = [plan["seed"] + copy for copy in range(model.copies)]
    learn(model, texts, rows, chosen, plan, seeds, before[:, : sense.VECTOR], device)
    state = model.averaged(soups)
    made = Model(base, len(rows.labels), plan, len(folds), tuned).to(device)
    made.load_state_dict(state)
    if plan["back"]:
        made.encoder.towards(base, plan["back"])
        inputs, rows = said(made, texts, device, "inputs"), Rows(stored, HEAD | {"hidden": plan["hidden"], "epochs": plan["epochs"]}, device)
        for copy, first in enumerate(np.cumsum([0, *soups[:-1]])):
            anew(made, copy, inputs[copy], rows, chosen[first])
    return made


def anew(model, copy, inputs, rows, chosen):
    """The head of a copy learns from its chosen rows from the beginning, above an encoder that stays as it is."""
    plan, device = rows.plan, rows.weights.device
    torch.manual_seed(plan["seed"])
    dice = np.random.default_rng(plan["seed"])
    values, truth, weights = (torch.as_tensor(each)[chosen].to(device) for each in (inputs, rows.known.cpu(), rows.weights.cpu()))
    mean, spread = values.mean(0), values.std(0) + 1e-4
    values = (values - mean) / spread
    inner, outer = (torch.nn.Linear(*shape).to(device) for shape in ((INPUTS, plan["hidden"]), (plan["hidden"], len(rows.labels))))
    head = nn.Sequential(inner, nn.ReLU(), nn.Dropout(plan["dropout"]), outer)
    adam = torch.optim.AdamW(head.parameters(), lr=plan["head_rate"], weight_decay=plan["head_decay"], betas=(0.9, 0.98))
    batches = max(len(chosen) // plan["batch"], 1)
    schedule = slower(adam, plan["epochs"] * batches)
    for _ in range(plan["epochs"]):
        for part in np.array_split(dice.permutation(len(chosen)), batches):
            each = nn.functional.binary_cross_entropy_with_logits(head(values[part]), truth[part], reduction="none")
            adam.zero_grad()
            ((weights[part] * each).sum() / len(part)).backward()
            nn.utils.clip_grad_norm_(head.parameters(), LONGEST)
            adam.step()
            schedule.step()
    with torch.no_grad():
        model.mean[copy, 0], model.spread[copy, 0] = mean, spread
        model.first[copy], model.first_bias[copy, 0], model.last[copy], model.last_bias[copy, 0] = inner.weight.T, inner.bias, outer.weight.T, outer.bias


def taught(rows, plan, logits, soups):
    """Labels become half what a teacher of the same fold says; what a row leaves open, the teacher says alone."""
    chance = torch.sigmoid(logits)
    open_ = (rows.weights == 0)[None]
    known = rows.known[None]
    share = plan["teach"]
    rows.known = torch.where(open_, chance, (1 - share) * known + share * chance).repeat_interleave(torch.tensor(soups, device=chance.device), 0)
    heaviest = rows.weights.amax(1, keepdim=True)
    rows.weights = torch.where(rows.weights == 0, 0.25 * heaviest, rows.weights)


def unseen(stored, model, folds, texts, device):
    """Logits of every row by the copy that did not learn from it; by each copy, of all rows."""
    every = said(model, texts, device)
    logits = np.zeros(every.shape[1:], np.float32)
    for copy, fold in enumerate(folds):
        logits[stored["fold"] == fold] = every[copy][stored["fold"] == fold]
    return logits, every


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows")
    parser.add_argument("--base", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--few", type=int, default=0, help="learn from every so many rows, twice: to try the road")
    options = parser.parse_args()
    started = time.time()
    stored = dict(np.load(options.rows))
    base, _ = sense.read(options.base)
    plan = RECIPE | ({"epochs": 2, "soup": 1, "whole": 1} if options.few else {})
    texts = Texts(stored["flat"], stored["lens"], options.device)
    before = untrained(base, texts, plan, options.device)
    folds = [*range(int(stored["fold"].max()) + 1), -1]
    model = fit(stored, base, plan, folds, texts, before, options.device, options.few)
    logits, _ = unseen(stored, model, folds, texts, options.device)
    dev = said(model, Texts(stored["dflat"], stored["dlens"], options.device), options.device)
    save(options.out, "shipped", base, model, folds, logits, dev[folds.index(-1)], np.ones(len(logits), bool))
    print(f"learned in {time.time() - started:.0f} s")


def save(folder, name, base, model, folds, logits, dev, unseen):
    """The tuned weights, the logits of all rows (of `unseen` ones by a model that had not seen them), and on the dev sets."""
    tensors = model.encoder.written(base, folds.index(-1))
    small = {key: value for key, value in tensors.items() if not key.startswith(("rows", "pieces", "signs"))}
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / f"{name}.npz", **small, **model.written(folds.index(-1)))
    half = lambda array: array.astype(np.float16)
    np.savez_compressed(folder / f"{name}.logits.npz", logits=half(logits), dev=half(dev), unseen=unseen)


if __name__ == "__main__":
    main()
