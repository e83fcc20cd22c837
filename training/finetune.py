#!/usr/bin/env python3
"""Learns the encoder's upper weights and the dense head together, on a GPU if there is one.

    python training/finetune.py ROWS.npz --base BASE.safetensors --out FOLDER [--device cuda] [--plan PLAN.json]

ROWS.npz is written by `prepare.py`. Each trial of the plan is cross-validated: the folds of a trial run
beside each other in processes of their own. Pieces' rows stay as they are: unseen words keep their sense.
"""

import argparse
import json
import os
import pathlib
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
import torch.multiprocessing as processes
from torch import nn

import encoder as sense

SHIPPED = {
    "encoder_rate": 6e-4, "head_rate": 1e-3, "head_decay": 0.3, "encoder_decay": 0.01, "epochs": 10, "batch": 256,
    "hidden": 256, "dropout": 0.5, "lost": 0.1, "pair": 0.0, "near": 2.0, "heads": 0, "layers": 0, "soup": 3, "seed": 7,
    "smooth": 0.0, "emphasis": 1.0,
}
"""`lost`: share of pieces read as unknown while learning; `pair`: weight of the loss over pairs of a harmful and a benign
line; `near`: weight of staying near the untrained vector; `soup`: runs whose weights are averaged."""
UNKNOWN_PIECE = 0


class Attention(nn.Module):
    """For each of some learned questions, the mean of the token features that answer it."""

    def __init__(self, heads, width=64):
        super().__init__()
        self.heads, self.width = heads, width
        self.ask, self.value = nn.Linear(sense.FEATURES, heads), nn.Linear(sense.FEATURES, heads * width)
        nn.init.normal_(self.ask.weight, std=0.01)

    def forward(self, features, mask):
        share = self.ask(features).float().masked_fill(mask[..., None] == 0, -1e4).softmax(1)
        value = self.value(features).unflatten(-1, (self.heads, self.width)).float()
        return (share[..., None] * value).sum(1).flatten(1)


class Layers(nn.Module):
    """A small transformer over the token features; its mean and maximum."""

    def __init__(self, layers, width=256):
        super().__init__()
        self.down = nn.Linear(sense.FEATURES, width)
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(width, 4, 2 * width, 0.1, nn.functional.gelu, batch_first=True, norm_first=True) for _ in range(layers))

    def forward(self, features, mask):
        x, out = self.down(features), mask == 0
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=out)
        x = x.float()
        mean = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return torch.cat([mean, x.masked_fill(out[..., None], -1e4).amax(1)], -1)


class Model(nn.Module):
    """Encoder, and the dense head on standardised inputs."""

    def __init__(self, tensors, labels, plan):
        super().__init__()
        self.encoder = sense.Encoder(tensors)
        extra = plan["heads"] * 64 + (512 if plan["layers"] else 0)
        self.attention = Attention(plan["heads"]) if plan["heads"] else None
        self.layers = Layers(plan["layers"]) if plan["layers"] else None
        self.register_buffer("mean", torch.zeros(1792))
        self.register_buffer("spread", torch.ones(1792))
        self.first, self.last = nn.Linear(1792 + extra, plan["hidden"]), nn.Linear(plan["hidden"], labels)
        nn.init.normal_(self.first.weight, std=(2 / 1792) ** 0.5)
        nn.init.normal_(self.last.weight, std=(2 / plan["hidden"]) ** 0.5)
        nn.init.zeros_(self.first.bias), nn.init.zeros_(self.last.bias)
        self.dropout = plan["dropout"]

    def forward(self, pieces, mask):
        inputs, features = self.encoder(pieces, mask)
        vector = inputs[:, :512]
        parts = [(inputs.float() - self.mean) / self.spread]
        parts += [part(features, mask) for part in (self.attention, self.layers) if part is not None]
        middle = torch.relu(self.first(torch.cat(parts, -1)))
        return self.last(nn.functional.dropout(middle, self.dropout, self.training)).float(), vector, inputs

    def head(self):
        """The dense head as the engine reads it: it takes the inputs as they come."""
        weight = self.first.weight[:, :1792] / self.spread
        return {
            "dense.0.weight": weight, "dense.0.bias": self.first.bias - weight @ self.mean,
            "dense.1.weight": self.last.weight, "dense.1.bias": self.last.bias,
        }


class Texts:
    """Pieces of texts, padded, on the device."""

    def __init__(self, flat, lengths, device):
        self.lengths = lengths.astype(np.int64)
        padded = np.zeros((len(lengths), self.lengths.max()), np.int32)
        padded[np.arange(padded.shape[1]) < self.lengths[:, None]] = flat
        self.pieces, self.device = torch.from_numpy(padded).to(device), device
        self.count = torch.from_numpy(self.lengths).to(device)

    def of(self, chosen):
        width = int(self.lengths[chosen].max())
        index = torch.from_numpy(chosen).to(self.device)
        mask = (torch.arange(width, device=self.device) < self.count[index][:, None]).float()
        return self.pieces[index, :width].long(), mask


def batches(order, lengths, size, dice):
    """Batches of about one length: shuffled, sorted within twenty batches, shuffled again."""
    result = []
    for start in range(0, len(order), 20 * size):
        part = order[start : start + 20 * size]
        part = part[np.argsort(lengths[part], kind="stable")]
        result += [part[at : at + size] for at in range(0, len(part), size)]
    return [result[at] for at in dice.permutation(len(result))]


def fast(device):
    """Half precision where the device has it."""
    return torch.autocast("cuda", torch.bfloat16, enabled=device != "cpu")


def outputs(model, texts, device, chosen=None, what=0):
    """Logits (0) or the head's inputs (2) of the chosen texts, or of all; the others stay zero."""
    model.eval()
    chosen = np.arange(len(texts.lengths)) if chosen is None else chosen
    order = chosen[np.argsort(texts.lengths[chosen], kind="stable")]
    result = np.zeros((len(texts.lengths), 1792 if what else model.last.out_features), np.float32)
    with torch.no_grad():
        for at in range(0, len(order), 512):
            part = order[at : at + 512]
            with fast(device):
                result[part] = model(*texts.of(part))[what].float().cpu().numpy()
    return result


def learn(model, texts, truth, weights, harm, own, chosen, plan, seed, device):
    """One run over the chosen rows. `own`: the rows whose pairs are compared."""
    torch.manual_seed(seed)
    dice = np.random.default_rng(seed)
    encoder = [each for each in model.encoder.parameters()]
    head = [each for name, each in model.named_parameters() if not name.startswith("encoder.")]
    groups = [{"params": head, "lr": plan["head_rate"], "weight_decay": plan["head_decay"]}]
    if plan["encoder_rate"]:
        groups.append({"params": encoder, "lr": plan["encoder_rate"], "weight_decay": plan["encoder_decay"]})
    else:
        for each in encoder:
            each.requires_grad_(False)
    adam = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=device != "cpu")
    total = plan["epochs"] * -(-len(chosen) // plan["batch"])
    schedule = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: min(1, (step + 1) / (0.06 * total)) * (0.5 + 0.5 * np.cos(np.pi * min(step / total, 1))))
    untrained = plan.get("untrained")
    for _ in range(plan["epochs"]):
        model.train()
        for part in batches(dice.permutation(chosen), texts.lengths, plan["batch"], dice):
            pieces, mask = texts.of(part)
            lost = (torch.rand(pieces.shape, device=device) < plan["lost"]) & (pieces > 2)
            index = torch.from_numpy(part).to(device)
            with fast(device):
                logits, vector, _ = model(pieces.masked_fill(lost, UNKNOWN_PIECE), mask)
            said = truth[index] * (1 - 2 * plan["smooth"]) + plan["smooth"]
            loss = (weights[index] * nn.functional.binary_cross_entropy_with_logits(logits, said, reduction="none")).sum() / len(part)
            if plan["pair"]:
                ours = own[index]
                bad, good = logits[ours & (truth[index, harm] > 0), harm], logits[ours & (truth[index, harm] <= 0), harm]
                if len(bad) and len(good):
                    loss = loss + plan["pair"] * nn.functional.softplus(1 - (bad[:, None] - good[None])).mean()
            if plan["near"]:
                loss = loss + plan["near"] * (1 - (vector * untrained[index]).sum(-1)).mean()
            adam.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            adam.step()
            schedule.step()


def balanced(truth, weights, labels, plan):
    """As heads.balance: the positives of rare labels, and the summary labels, weigh more."""
    positive, negative = (truth * weights).sum(0), ((1 - truth) * weights).sum(0)
    gain = np.clip(np.sqrt(negative / np.maximum(positive, 1e-3)), 1, 8)
    summary = np.array([4.0 * (plan["emphasis"] if label == "harm" else 1) if label in ("harm", "unsafe", "support") else 1.0 for label in labels])
    return (weights * np.where(truth > 0, gain, 1) * summary).astype(np.float32)


def fit(stored, base, plan, chosen, held, device, texts):
    """A model that learned from the chosen rows; and what its single runs say of the held ones, averaged."""
    labels = [str(label) for label in stored["labels"]]
    truth, weights = stored["truth"].astype(np.float32), stored["weights"].astype(np.float32)
    raised = balanced(truth[chosen], weights[chosen], labels, plan)
    every = np.zeros_like(weights)
    every[chosen] = raised
    own = torch.from_numpy(stored["expect"] != "").to(device)
    to = lambda array: torch.from_numpy(array).to(device)
    states, said, inputs = [], 0, None
    for run in range(plan["soup"]):
        torch.manual_seed(plan["seed"])
        model = Model(base, len(labels), plan).to(device)
        inputs = outputs(model, texts, device, what=2) if inputs is None else inputs
        model.mean, model.spread = to(inputs[chosen].mean(0)), to(inputs[chosen].std(0) + 1e-4)
        plan = plan | {"untrained": to(inputs[:, :512])}
        learn(model, texts, to(truth), to(every), labels.index("harm"), own, chosen, plan, plan["seed"] + run, device)
        states.append({name: value.detach().clone() for name, value in model.state_dict().items()})
        if plan["soup"] > 1:
            said = said + outputs(model, texts, device, held) / plan["soup"]
    model.load_state_dict({name: sum(state[name] for state in states) / len(states) for name in states[0]})
    return model, said


def auc(score, truth):
    positive, negative = score[truth > 0], np.sort(score[truth <= 0])
    below = np.searchsorted(negative, positive, "left") + np.searchsorted(negative, positive, "right")
    return float(below.sum() / 2 / len(positive) / len(negative))


def recall(score, truth, share):
    negative = np.sort(score[truth <= 0])[::-1]
    return float((score[truth > 0] > negative[int(share * len(negative))]).mean())


def report(name, stored, logits, dev):
    """The figures of a trial, for a terminal: own lines unseen, dev sets."""
    labels = [str(label) for label in stored["labels"]]
    harm, support, unsafe = (logits[:, labels.index(label)] for label in ("harm", "support", "unsafe"))
    for lang in (0, 1):
        plain = np.array([str(source) == "own/plain" for source in stored["sources"]])[stored["source"]]
        mine = (stored["lang"] == lang) & (stored["expect"] != "") & ~plain
        pair = mine & (stored["expect"] != "support")
        truth = (stored["expect"][pair] == "harm").astype(int)
        score = harm[pair]
        bar = np.sort(score[truth == 0])[::-1][int(0.02 * (truth == 0).sum())]
        helped = mine & (stored["expect"] == "support")
        refused = ((harm[helped] > bar) & (support[helped] < 0)).sum()
        figures = " ".join(f"{100 * recall(score, truth, share):.1f}" for share in (0.01, 0.02, 0.05))
        print(f"{name:<22} {'zh' if lang else 'en'} auc {auc(score, truth):.4f} recall@1/2/5 {figures} refused {refused}/{helped.sum()}", end="")
        frames = [auc(logits[mine, at], stored["truth"][mine, at]) for at, label in enumerate(labels) if label not in ("harm", "unsafe", "support")]
        print(f" labels {np.mean(frames):.4f}")
    if dev is None:
        return
    unsafe = dev[:, labels.index("unsafe")]
    line = []
    for each in ("ailuminate-demo", "catqa", "strongreject", "chineseharm-extra", "toxicn"):
        for lang in (0, 1):
            bad = (stored["dset"] == each) & (stored["dlang"] == lang) & (stored["dbad"] == 1)
            if bad.sum() >= 50:
                part = bad | ((stored["dbad"] == 0) & (stored["dlang"] == lang))
                line.append(f"{each[:9]}.{'zh' if lang else 'en'} {auc(unsafe[part], stored['dbad'][part]):.3f} {100 * recall(unsafe[part], stored['dbad'][part], 0.02):.0f}")
    print(f"{name:<22} dev unsafe auc, recall@2: " + ", ".join(line), flush=True)


def work(number, jobs, done, options):
    """A process that takes jobs (trial, fold) until none is left."""
    torch.set_num_threads(1)
    stored = dict(np.load(options.rows))
    base, _ = sense.read(options.base)
    texts = Texts(stored["flat"], stored["lens"], options.device)
    dev = Texts(stored["dflat"], stored["dlens"], options.device)
    while True:
        job = jobs.get()
        if job is None:
            return
        name, plan, fold = job
        started = time.time()
        held = np.flatnonzero(stored["fold"] == fold)
        chosen = np.flatnonzero(stored["fold"] != fold)
        if options.few:
            chosen = chosen[:: options.few]
        model, said = fit(stored, base, plan, chosen, held, options.device, texts)
        logits = outputs(model, texts, options.device, held)
        result = {"held": held, "logits": logits[held]}
        if plan["soup"] > 1:
            result["mean"] = said[held]
        if fold <= 0:
            result["dev"] = outputs(model, dev, options.device)
        if fold < 0:
            tensors = model.encoder.written(base)
            small = {key: value for key, value in tensors.items() if not key.startswith(("rows", "pieces", "signs"))}
            small |= {key: value.detach().float().cpu().numpy() for key, value in model.head().items()}
            np.savez(pathlib.Path(options.out) / f"{name}.npz", **small)
        done.put((name, fold, result, time.time() - started))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows")
    parser.add_argument("--base", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--plan", help="JSON: {trial: {setting: value}}; a setting \"final\": learn from all rows too")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--few", type=int, default=0, help="learn from every so many rows: to try the road")
    parser.add_argument("--until", type=float, default=1e9, help="seconds after which no more trials are waited for")
    options = parser.parse_args()
    started = time.time()
    plans = json.loads(pathlib.Path(options.plan).read_text()) if options.plan else {"shipped": {"final": True}}
    stored = dict(np.load(options.rows))
    context = processes.get_context("spawn")
    jobs, done = context.Queue(), context.Queue()
    wanted = {}
    for name, changes in plans.items():
        plan = SHIPPED | changes
        folds = plan.pop("folds", [0, 1, 2, 3, 4]) + ([-1] if plan.pop("final", False) else [])
        wanted[name] = {fold: None for fold in folds}
        for fold in folds:
            jobs.put((name, plan, fold))
    workers = [context.Process(target=work, args=(number, jobs, done, options), daemon=True) for number in range(options.processes)]
    for each in workers:
        jobs.put(None)
        each.start()
    left = sum(map(len, wanted.values()))
    while left:
        try:
            name, fold, result, took = done.get(timeout=5)
        except Exception:
            if time.time() - started > options.until or not any(each.is_alive() for each in workers):
                break
            continue
        left -= 1
        wanted[name][fold] = result
        if fold < 0:
            print(f"{name}: learned from all rows in {took:.0f} s", flush=True)
        if all(value is not None for value in wanted[name].values()):
            finish(name, stored, wanted[name], options)
            print(f"   {took:.0f} s a fold, {time.time() - started:.0f} s in all", flush=True)
    for each in workers:
        each.kill()


def finish(name, stored, results, options):
    """Figures of a trial whose folds are all there."""
    labels = len(stored["labels"])
    for what in ("logits", "mean"):
        if what not in results[0]:
            continue
        logits = np.zeros((len(stored["fold"]), labels), np.float32)
        seen = np.zeros(len(logits), bool)
        for fold, result in results.items():
            if fold >= 0:
                logits[result["held"]], seen[result["held"]] = result[what], True
        part = {key: (value[seen] if len(value) == len(seen) and key not in ("sources", "labels") else value) for key, value in stored.items()}
        report(name + ("" if what == "logits" else " (mean)"), part, logits[seen], results[0].get("dev") if what == "logits" else None)
        if what == "logits" and -1 in results:
            np.savez_compressed(pathlib.Path(options.out) / f"{name}.logits.npz", logits=logits.astype(np.float16), dev=results[-1]["dev"].astype(np.float16), dev0=results[0]["dev"].astype(np.float16))


if __name__ == "__main__":
    main()
