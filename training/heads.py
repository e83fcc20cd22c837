"""The n-gram head, a linear layer; the calibration that makes a probability of its logit and the dense head's;
the file of heads. Plain numpy, seeded. The dense head is learned with the encoder, in `finetune.py`.
"""

import json

import numpy as np
import scipy.special

from rows import LABELS

SUMMARY = ("harm", "unsafe", "support")
EMPHASIS = 4.0
"""Weight of the summary labels beside the others (measured: .915 against .898 of AUC after ten epochs)."""


def targets(rows):
    """Labels (rows x labels), and the weight of each: 0 where a row says nothing."""
    said = np.array([[row.labels.get(label, -1) for label in LABELS] for row in rows])
    share = np.array([[row.share.get(label, 1.0) for label in LABELS] for row in rows])
    weights = np.array([row.weight for row in rows])[:, None] * share * (said >= 0)
    return (said > 0).astype(np.float32), weights.astype(np.float32)


def balance(truth, weights, most=8.0):
    """Raises the positives of a rare label, by the square root of its odds and at most `most` times, and the
    summary labels by `EMPHASIS`: they are the hard ones, and the shared layer learns from them."""
    positive = (truth * weights).sum(0)
    negative = ((1 - truth) * weights).sum(0)
    gain = np.clip(np.sqrt(negative / np.maximum(positive, 1e-3)), 1.0, most)
    gain = np.where(truth > 0, gain, 1.0) * [EMPHASIS if label in SUMMARY else 1.0 for label in LABELS]
    return weights * gain.astype(np.float32)


class Adam:
    """Adam over a list of arrays."""

    def __init__(self, arrays, rate, decay):
        self.arrays, self.rate, self.decay, self.step = arrays, rate, decay, 0
        self.first = [np.zeros_like(each) for each in arrays]
        self.second = [np.zeros_like(each) for each in arrays]

    def update(self, gradients, factor):
        self.step += 1
        for array, gradient, first, second in zip(self.arrays, gradients, self.first, self.second):
            first += 0.1 * (gradient - first)
            second += 0.001 * (gradient * gradient - second)
            rate = self.rate * factor
            move = first / (1 - 0.9**self.step) / (np.sqrt(second / (1 - 0.999**self.step)) + 1e-8)
            if array.ndim == 2:
                array -= rate * self.decay * array
            array -= rate * move


class Ngram:
    """Hashed n-grams -> one logit per label, without a bias: the calibration holds it."""

    def __init__(self, buckets, seed, rate=0.05, decay=0.02, epochs=8, batch=512):
        self.weight = np.zeros((buckets, len(LABELS)), np.float32)
        self.bias = np.zeros(len(LABELS), np.float32)
        self.seed, self.rate, self.decay, self.epochs, self.batch = seed, rate, decay, epochs, batch

    def fit(self, counts, truth, weights):
        dice = np.random.default_rng(self.seed)
        adam = Adam([self.weight, self.bias], self.rate, self.decay)
        steps, step = self.epochs * -(-counts.shape[0] // self.batch), 0
        for _ in range(self.epochs):
            order = dice.permutation(counts.shape[0])
            for start in range(0, len(order), self.batch):
                chosen = order[start : start + self.batch]
                part = counts[chosen]
                slope = weights[chosen] * (scipy.special.expit(part @ self.weight + self.bias) - truth[chosen]) / len(chosen)
                adam.update([part.T @ slope, slope.sum(0)], 0.5 + 0.5 * np.cos(np.pi * step / steps))
                step += 1
        return self

    def quantised(self):
        """Signed bytes and one scale per label."""
        scale = np.maximum(np.abs(self.weight).max(0), 1e-6) / 127
        return np.round(self.weight / scale).astype(np.int8), scale.astype(np.float32)

    def logits(self, counts):
        weight, scale = self.quantised()
        return counts @ (weight * scale)


class Kept:
    """The n-gram head of a file, as it is."""

    def __init__(self, tensors):
        self.tensors = tensors

    def quantised(self):
        return self.tensors["ngram.weight"], self.tensors["ngram.scale"]

    def logits(self, counts):
        return grams(self.tensors, counts)


def calibrate(dense, ngram, truth, weights, rounds=50):
    """Per label (a, b, c) of sigmoid(a * dense + b * ngram + c), on logits of rows that the heads did not see.

    Newton steps with a small ridge; a and b are kept from turning a head around.
    """
    result = np.zeros((len(LABELS), 3), np.float32)
    for label in range(len(LABELS)):
        weight = weights[:, label].astype(np.float64)
        inputs = np.stack([dense[:, label], ngram[:, label], np.ones(len(dense))], 1).astype(np.float64)
        free = [0, 1, 2]
        while True:
            part, at = inputs[:, free], np.zeros(len(free))
            for _ in range(rounds):
                chance = scipy.special.expit(part @ at)
                slope = part.T @ (weight * (chance - truth[:, label])) + 0.1 * at
                bend = (part * (weight * chance * (1 - chance))[:, None]).T @ part + 0.1 * np.eye(len(free))
                at = at - np.clip(np.linalg.solve(bend, slope), -1, 1)
            negative = [index for index, value in zip(free, at) if index < 2 and value < 0]
            if not negative:
                break
            free = [index for index in free if index not in negative]
        result[label, free] = at
    return result


def grams(tensors, counts):
    """Logits of the n-gram head of a file."""
    return counts @ (tensors["ngram.weight"] * tensors["ngram.scale"])


def scores(calibration, dense, ngram):
    """Logits of probabilities, from the logits of both heads."""
    return calibration[:, 0] * dense + calibration[:, 1] * ngram + calibration[:, 2]


def probability(calibration, dense, ngram):
    return scipy.special.expit(scores(calibration, dense, ngram))


def save(path, dense, ngram, calibration, trained):
    """Writes heads.safetensors as the engine reads it."""
    from safetensors.numpy import save_file

    tensors = {"calibration": calibration}
    for name in ("dense.0.weight", "dense.0.bias", "dense.1.weight", "dense.1.bias"):
        tensors[name] = np.ascontiguousarray(dense[name], np.float32)
    tensors["ngram.weight"], tensors["ngram.scale"] = ngram.quantised()
    save_file(tensors, path, {"format": "1", "labels": json.dumps(LABELS), "ngram_orders": "2-4", "trained": trained})
