"""The checks of chapter 03, Embeddings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn.functional import normalize

from helpers.exercises.checking import call, close, difference, exercise


@exercise("3.1")
def merge_pieces(answer: Callable) -> str | None:
    """``answer(hidden, word_ids)``: ``(tokens, hidden)``, a word number or ``None`` a token -> ``(words, hidden)``."""
    for word_ids in ([None, 0, 1, 1, 1, 2, 3, 3, None], [None, 0, 0, 1, 2, 2, 2, 2, 3, 4, 4, None, None]):
        hidden = torch.randn(len(word_ids), 6)
        rows = [[t for t, w in enumerate(word_ids) if w == word] for word in range(max(w or 0 for w in word_ids) + 1)]
        special = [t for t, w in enumerate(word_ids) if w is None]
        expected = torch.stack([hidden[r].mean(0) for r in rows])
        got = call(answer, hidden, list(word_ids))
        if isinstance(got, (list, tuple)) and got and all(isinstance(v, torch.Tensor) for v in got):
            return "the vectors are in a list; make one tensor (words, hidden) of them, with torch.stack."
        if close(got, expected):
            continue
        if close(got, torch.stack([hidden[r[0]] for r in rows])):
            return "that is the first piece of each word; take the mean over all pieces that share a word number."
        if close(got, torch.stack([hidden[r[-1]] for r in rows])):
            return "that is the last piece of each word (overwritten in a loop?); take the mean over all its pieces."
        if close(got, torch.stack([hidden[r].sum(0) for r in rows])):
            return "that is the sum of the pieces: more pieces, a longer vector. Divide by their number."
        if close(got, torch.stack([hidden[r].amax(0) for r in rows])):
            return "that is the largest value of the pieces in each dimension; the task asks for their mean."
        if isinstance(got, torch.Tensor) and got.ndim == 2:
            if len(got) == len(rows) and close(got[1:], expected[1:]) and got[0].isnan().all():
                return "word 0 is missing (nan): its number counts as false, just as None does; ask 'is not None'."
            if close(got, torch.stack([hidden[[t - 1 for t in r]].mean(0) for r in rows])):
                return "the rows are one place off: None was dropped, but hidden still begins with the vector of [CLS]."
            if len(got) in (len(word_ids), len(word_ids) - len(special)):
                return (
                    f"there are {len(got)} rows, one a token; the pieces that share a word number belong into one row."
                )
            if len(got) in (len(rows) + 1, len(rows) + len(special)):
                return "[CLS] and [SEP] came out as words; their word number is None, so skip them."
            merged = torch.stack([hidden[r + special].mean(0) if w == 0 else expected[w] for w, r in enumerate(rows)])
            if close(got, merged):
                return (
                    "the special tokens went into word 0 (None counts as false, but so does 0); compare with 'is None'."
                )
        return f"{difference(got, expected)} Row w is the mean of hidden[t] over all tokens t with word_ids[t] == w."
    return None


@exercise("3.2")
def neighbours(answer: Callable) -> str | None:
    """``answer(vectors, row, k)``: the ``k`` rows of largest cosine with row ``row``, itself left out, best first."""
    for n, row, k in ((12, 4, 3), (15, 0, 5), (9, 8, 8)):
        vectors = torch.randn(n, 4) * torch.rand(n, 1).mul(2).exp().pow(1.5) + 0.7
        got = call(answer, vectors, row, k)
        if isinstance(got, tuple) and hasattr(got, "indices"):
            return "topk gives the values and their places; return the places only: topk(k).indices."
        try:
            numbers = [float(i) for i in got]
        except (TypeError, ValueError, RuntimeError):
            return f"a list of row numbers is needed, but what your {type(got).__name__} holds are no numbers."
        if any(i != int(i) for i in numbers):
            return "these are cosines; return the numbers of the rows, which topk keeps in its .indices."
        got = [int(i) for i in numbers]
        unit = normalize(vectors, dim=-1)
        scores = {
            "cosine": unit @ unit[row],
            "dot": vectors @ vectors[row],
            "distance": -torch.cdist(vectors[row : row + 1], vectors)[0],
            "columns": normalize(vectors, dim=0) @ normalize(vectors, dim=0)[row],
        }
        order = {name: [i for i in s.argsort(descending=True).tolist() if i != row] for name, s in scores.items()}
        if got == order["cosine"][:k]:
            continue
        if got == [i - (i > row) for i in order["cosine"][:k]]:
            return "the row was taken out of the tensor, so all rows behind it have another number now."
        if row in got:
            return (
                "the sentence is among its own neighbours: nothing is more similar to it than itself, so leave it out."
            )
        if got == order["cosine"][: k - 1]:
            return f"{k} neighbours are needed, and {len(got)} came: take one more before you drop the sentence itself."
        if got == order["cosine"][::-1][:k]:
            return "these are the least similar ones: a large cosine means similar, so sort downwards."
        if got == order["dot"][:k]:
            return (
                "these are the largest dot products, and long vectors win those: divide by the lengths to get cosines."
            )
        if got == order["distance"][:k]:
            return "these are the smallest Euclidean distances; the task asks for cosine similarity."
        if got == order["columns"][:k]:
            return "the columns have length 1 now, but a sentence is a row: normalize with dim=-1."
        if sorted(got) == sorted(order["cosine"][:k]):
            return "the right neighbours in the wrong order: the most similar one comes first."
        return f"for one example the {k} neighbours of row {row} should be {order['cosine'][:k]}, but yours are {got}."
    return None


@exercise("3.3")
def share_below(answer: Callable) -> str | None:
    """``answer(cosine, vectors)``: the share of pairs of different rows whose cosine is smaller than ``cosine``."""
    for n, cosine in ((7, 0.45), (9, 0.62), (6, -0.1)):
        vectors = torch.randn(n, 5) * (0.3 + 2 * torch.rand(n, 1)) + 0.6
        unit = normalize(vectors, dim=-1)
        square = unit @ unit.T
        off = ~torch.eye(n, dtype=torch.bool)
        dot = vectors @ vectors.T
        right = float((square[off] < cosine).float().mean())
        got = call(answer, cosine, vectors)
        try:
            got = float(got)
        except (TypeError, ValueError, RuntimeError):
            return f"one number is needed, but your {type(got).__name__} has the shape {tuple(np.shape(got))}."

        def is_(value: torch.Tensor | float, got: float = got) -> bool:
            return abs(got - float(value)) < 1e-4

        if is_(right):
            continue
        if is_(1 - right):
            return "that is the share of pairs that are *more* similar; count those below the given cosine."
        if is_(100 * right):
            return "that is a per cent value; return a share between 0 and 1."
        if is_((square < cosine).float().mean()):
            return (
                "each row also counts as a pair with itself (cosine 1), which pulls the share down: "
                "leave the diagonal out, of the pairs that you divide by as well."
            )
        if is_((square.diagonal() < cosine).float().mean()):
            return "each row was compared with itself only; compare every row with every other one."
        if is_((square.triu(1) < cosine).float().mean()):
            return "triu fills the other half with zeros, and they were counted as cosines."
        if is_(right / 2):
            return "each pair was counted once, but divided by a number in which it is twice: n (n - 1)."
        if is_((square[off] < cosine).sum()) or is_((square[off] < cosine).sum() / 2):
            return "that is a number of pairs; divide by how many pairs there are."
        if is_((dot[off] < cosine).float().mean()):
            return "these are dot products; divide each row by its length first, so that they become cosines."
        if is_((square.diagonal(1) < cosine).float().mean()):
            return "only neighbouring rows were compared; every row has to meet every other row."
        if is_(((unit @ normalize(vectors.mean(0), dim=0)) < cosine).float().mean()):
            return "the rows were compared with their mean; compare them with one another."
        if is_(square[off].mean()):
            return "that is the mean cosine of the pairs; the task asks which share of them lies below the given one."
        return f"for one example the share should be {right:.2f}, but yours is {got:.2f}."
    return None


@exercise("3.4")
def probe_layers(answer: Callable) -> str | None:
    """``answer(train_vectors, train_labels, test_vectors, test_labels)``: a probe's test accuracy by layer."""
    from sklearn.linear_model import LogisticRegression

    counts, layers, hidden = (80, 300), 4, 40
    labels = [torch.arange(n) % 2 for n in counts]
    vectors = [torch.randn(n, layers, hidden) for n in counts]
    direction = normalize(torch.randn(layers, hidden), dim=-1)
    strength = torch.tensor([0.0, 1.4, 5.0, 2.4]).unsqueeze(-1)  # layer 2 tells the classes apart best
    for v, y in zip(vectors, labels, strict=True):
        v += (2 * y - 1).float()[:, None, None] / 2 * strength * direction
    (x, tests), (y, wanted) = [v.numpy() for v in vectors], [v.numpy() for v in labels]

    def fit(a: np.ndarray, b: np.ndarray) -> LogisticRegression:
        return LogisticRegression(max_iter=5000, tol=1e-6).fit(a, b)

    def like(other: list[float]) -> bool:
        return len(got) == len(other) and np.allclose(got, other, atol=0.04)

    expected = [fit(x[:, i], y).score(tests[:, i], wanted) for i in range(layers)]
    got: Any = call(answer, vectors[0], labels[0], vectors[1], labels[1])
    if np.ndim(got) == 0:
        return "one number came back; a list with the accuracy of every layer is needed, the embedding layer first."
    try:
        got = [float(v) for v in got]
    except (TypeError, ValueError):
        return "a list of accuracies is needed, a number between 0 and 1 for each layer."
    if like(expected):
        return None
    if len(got) == layers and np.allclose(np.array(got) / 100, expected, atol=0.04):
        return "these are per cents; an accuracy in this exercise is a share between 0 and 1."
    if like(expected[:1]):
        return "only the first layer's accuracy came back: does the return stand inside the loop?"
    if like(expected[1:]):
        return "the embedding layer is missing: layers are counted from 0 here."
    if len(got) != layers:
        return f"{len(got)} numbers came back for {layers} layers: a layer is vectors[:, layer], not vectors[layer]."
    if like(expected[::-1]):
        return "the last layer came first; begin with the embedding layer, number 0."
    if like([1 - v for v in expected]):
        return "these are shares of errors; an accuracy is the share of right answers."
    if like([fit(x[:, i], y).score(x[:, i], y) for i in range(layers)]):
        return "each probe was scored on the rows that it had learned from: score the test rows."
    if like([fit(tests[:, i], wanted).score(tests[:, i], wanted) for i in range(layers)]):
        return "the probes were fitted on the test rows; fit on the train rows and only score the test rows."
    if max(got) - min(got) < 0.02:
        return "every layer has the same accuracy: did each probe see all layers at once, or always the same one?"
    if like([fit(x[:, -1], y).score(tests[:, i], wanted) for i in range(layers)]):
        return (
            "one probe was fitted and then used on every layer; each layer has its own space, so fit a probe for each."
        )
    return (
        f"the accuracies should be about {[round(v, 2) for v in expected]}, but yours are {[round(v, 2) for v in got]}."
    )
