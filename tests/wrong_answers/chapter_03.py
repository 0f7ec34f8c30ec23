"""Wrong answers to the exercises of chapter 03, each with a distinctive part of the sentence it must get."""

import torch
from sklearn.linear_model import LogisticRegression
from torch.nn.functional import normalize


def _words(word_ids):
    return [[t for t, w in enumerate(word_ids) if w == word] for word in range(1 + max(w or 0 for w in word_ids))]


def _none_is_zero(hidden, word_ids):
    groups = [w or 0 for w in word_ids]
    return torch.stack([hidden[[t for t, g in enumerate(groups) if g == w]].mean(0) for w in range(1 + max(groups))])


def _special_as_words(hidden, word_ids):
    rows = [hidden[r].mean(0) for r in _words(word_ids)]
    return torch.stack([hidden[0], *rows])


def _shifted(hidden, word_ids):
    real = [w for w in word_ids if w is not None]
    return torch.stack([hidden[[t for t, w in enumerate(real) if w == n]].mean(0) for n in range(max(real) + 1)])


def _without_word_0(hidden, word_ids):
    places = [[t for t, w in enumerate(word_ids) if w and w == n] for n in range(1 + max(w or 0 for w in word_ids))]
    return torch.stack([hidden[p].mean(0) for p in places])


def _cosines(vectors):
    return normalize(vectors, dim=-1) @ normalize(vectors, dim=-1).T


def _without(order, row, k):
    return [i for i in order.tolist() if i != row][:k]


def _top(vectors, row, k):
    scores = _cosines(vectors)[row]
    scores[row] = -2
    return scores.topk(k)


def _taken_out(vectors, row, k):
    others = torch.cat([vectors[:row], vectors[row + 1 :]])
    return (normalize(others, dim=-1) @ normalize(vectors[row], dim=-1)).topk(k).indices.tolist()


def _by_columns(vectors, row, k):
    unit = normalize(vectors, dim=0)
    return _without((unit @ unit[row]).argsort(descending=True), row, k)


def _probe(fit_on_test=False, score_on_train=False, axis=1, shared=None):
    def answer(x, y, tests, wanted):
        scores = []
        for i in range(x.shape[axis]):
            if axis == 0:
                scores.append(0.5)
                continue
            chosen = i if shared is None else shared
            probe = LogisticRegression(max_iter=1000)
            probe.fit(tests[:, i], wanted) if fit_on_test else probe.fit(x[:, chosen], y)
            scores.append(probe.score(x[:, i], y) if score_on_train else probe.score(tests[:, i], wanted))
        return scores

    return answer


def _flat(x, y, tests, wanted):
    score = LogisticRegression(max_iter=1000).fit(x.flatten(1), y).score(tests.flatten(1), wanted)
    return [score] * x.shape[1]


def _pairs(vectors):
    return _cosines(vectors)[~torch.eye(len(vectors), dtype=torch.bool)]


def _dot_share(cosine, vectors):
    products = (vectors @ vectors.T)[~torch.eye(len(vectors), dtype=torch.bool)]
    return (products < cosine).float().mean()


WRONG = {
    "3.1": [
        (lambda h, w: torch.stack([h[r[0]] for r in _words(w)]), "first piece of each word"),
        (lambda h, w: torch.stack([h[r[-1]] for r in _words(w)]), "last piece of each word"),
        (lambda h, w: torch.stack([h[r].sum(0) for r in _words(w)]), "sum of the pieces"),
        (lambda h, w: torch.stack([h[r].amax(0) for r in _words(w)]), "largest value"),
        (lambda h, w: torch.stack([h[t] for t, i in enumerate(w) if i is not None]), "one a token"),
        (_special_as_words, "came out as words"),
        (_none_is_zero, "went into word 0"),
        (_without_word_0, "word 0 is missing"),
        (_shifted, "one place off"),
        (lambda h, w: [h[r].mean(0) for r in _words(w)], "are in a list"),
    ],
    "3.2": [
        (lambda v, row, k: _top(v, row, k), "topk gives the values"),
        (lambda v, row, k: _top(v, row, k).values.tolist(), "these are cosines; return"),
        (lambda v, row, k: v[_top(v, row, k).indices], "holds are no numbers"),
        (_taken_out, "taken out of the tensor"),
        (_by_columns, "a sentence is a row"),
        (lambda v, row, k: _cosines(v)[row].topk(k).indices.tolist(), "among its own neighbours"),
        (lambda v, row, k: _without(_cosines(v)[row].topk(k).indices, row, k), "take one more"),
        (lambda v, row, k: _without(_cosines(v)[row].argsort(), row, k), "least similar ones"),
        (lambda v, row, k: _without(_cosines(v)[row].argsort(descending=True), row, k)[::-1], "wrong order"),
        (lambda v, row, k: _without((v @ v[row]).argsort(descending=True), row, k), "largest dot products"),
        (lambda v, row, k: _without((v - v[row]).norm(dim=-1).argsort(), row, k), "Euclidean"),
    ],
    "3.3": [
        (lambda c, v: (_pairs(v) > c).float().mean(), "*more* similar"),
        (lambda c, v: 100 * (_pairs(v) < c).float().mean(), "per cent value"),
        (lambda c, v: (_cosines(v) < c).float().mean(), "pair with itself"),
        (lambda c, v: (torch.cosine_similarity(v, v) < c).float().mean(), "with itself only"),
        (lambda c, v: (_cosines(v).triu(1) < c).float().mean(), "triu fills"),
        (lambda c, v: (_pairs(v) < c).float().mean() / 2, "each pair was counted once"),
        (lambda c, v: _cosines(v) < c, "has the shape"),
        (_dot_share, "dot products; divide"),
        (lambda c, v: (_cosines(v).diagonal(1) < c).float().mean(), "only neighbouring rows"),
        (lambda c, v: (_pairs(v) < c).sum(), "number of pairs; divide"),
        (lambda c, v: _pairs(v).mean(), "mean cosine of the pairs"),
    ],
    "3.4": [
        (_probe(score_on_train=True), "scored on the rows that it had learned from"),
        (_probe(fit_on_test=True), "fitted on the test rows"),
        (_probe(axis=0), "not vectors[layer]"),
        (lambda *a: _probe()(*a)[:1], "inside the loop"),
        (lambda *a: _probe()(*a)[1:], "embedding layer is missing"),
        (lambda *a: _probe()(*a)[::-1], "the last layer came first"),
        (lambda *a: [1 - v for v in _probe()(*a)], "shares of errors"),
        (_probe(shared=-1), "one probe was fitted and then used on every layer"),
        (lambda *a: [100 * v for v in _probe()(*a)], "per cents"),
        (lambda *a: max(_probe()(*a)), "one number came back"),
        (_flat, "every layer has the same accuracy"),
    ],
}
