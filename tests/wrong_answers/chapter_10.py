"""Wrong answers to the exercises of chapter 10, each with a distinctive part of the sentence it must get."""

import copy
import itertools
import re

import torch
from torch import nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax, mse_loss, softmax


def _count(words, weigh=True):
    counts = {}
    for word, count in words.items():
        for pair in itertools.pairwise(word):
            counts[pair] = counts.get(pair, 0) + (count if weigh else 1)
    return counts


def _join(word, pair, times=99):
    parts, place = [], 0
    while place < len(word):
        both = word[place : place + 2] == pair and times > 0
        parts.append("".join(pair) if both else word[place])
        place += 2 if both else 1
        times -= both
    return tuple(parts)


def _step(choose=None, join=_join, weigh=True):
    def answer(words):
        counts = _count(words, weigh)
        pair = (choose or (lambda c: min(c, key=lambda p: (-c[p], p))))(counts)
        made = {}
        for word, count in words.items():
            new = join(word, pair)
            made[new] = made.get(new, 0) + count
        return pair, made

    return answer


def _relettered(word, pair):
    return tuple(re.findall("".join(pair) + "|.", "".join(word)))


def _text_join(word, pair):
    return tuple(" ".join(word).replace(" ".join(pair), "".join(pair)).split())


def _no_skip(word, pair):
    return tuple("".join(pair) if word[i : i + 2] == pair else word[i] for i in range(len(word)))


def _end_lost(word, pair):
    joined = _join((*word, ""), pair)[:-1]
    return joined if joined[-1] == "".join(pair) else joined[:-1]


def _counting(pairs):
    """The right step, with other pairs of a word counted."""

    def answer(words):
        counts = {}
        for word, count in words.items():
            for pair in pairs(word):
                counts[pair] = counts.get(pair, 0) + count
        pair = min(counts, key=lambda p: (-counts[p], p))
        return pair, {_join(word, pair): count for word, count in words.items()}

    return answer


def _then(change):
    """The right step, with its dictionary changed: change(made, words, pair)."""

    def answer(words):
        pair, made = _step()(words)
        return pair, change(made, words, pair)

    return answer


def _without_gradient(s, t, T):
    return _soft(s.detach(), t, T)


def _soft(s, t, T, sum_=lambda x: x.sum(-1).mean(), factor=lambda T: T * T):
    target, said = log_softmax(t / T, -1), log_softmax(s / T, -1)
    return factor(T) * sum_(target.exp() * (target - said))


class _Shared(nn.Module):
    def __init__(self, layers, run):
        super().__init__()
        self.layers, self.run = nn.ModuleList(layers), run

    def forward(self, x):
        return self.run(self.layers, x)


def _again(times, detach=False):
    def run(layers, x):
        for _ in range(times):
            x = layers[0](x.detach() if detach else x)
        return x

    return run


def _separate(layers, x):
    for layer in layers:
        x = layer(x)
    return x


class _Fresh(nn.Module):
    def __init__(self, make, depth):
        super().__init__()
        self.make, self.depth = make, depth

    def forward(self, x):
        for _ in range(self.depth):
            x = self.make()(x)
        return x


class _Hidden(nn.Module):
    def __init__(self, make, depth):
        super().__init__()
        self.kept, self.depth = [make()], depth

    def forward(self, x):
        return _again(self.depth)(self.kept, x)


def _turns(order):
    return torch.tensor([order.index(place) for place in range(len(order))])


def _mask(compare, turns=_turns):
    def answer(order):
        turn = turns(order)
        return compare(turn[:, None], turn[None, :])

    return answer


WRONG = {
    "10.1": [
        (_step(weigh=False), "counts six times"),
        (_step(lambda c: max(c, key=c.get)), "the one that was met first"),
        (_step(lambda c: max(c, key=lambda p: (c[p], p))), "among equals take the first"),
        (_step(lambda c: min(c, key=lambda p: (c[p], p))), "this is the rarest"),
        (_step(join=lambda word, pair: word), "the words are as before"),
        (_step(join=lambda word, pair: "".join(_join(word, pair))), "must stay a tuple"),
        (_step(join=lambda word, pair: _join(word, pair, 1)), "you merge it once only"),
        (lambda words: ("es", _step()(words)[1]), "two symbols, not yet one"),
        (lambda words: _step()(words)[0], "two things are needed"),
        (lambda words: ((_step()(words)[0], 9), _step()(words)[1]), "the pair came with its count"),
        (_counting(lambda word: itertools.combinations(word, 2)), "are no neighbours"),
        (_counting(lambda word: set(itertools.pairwise(word))), "counts a word once"),
        (_step(join=_text_join), "across the border of a symbol"),
        (_step(join=_relettered), "two different words have become one"),
        (_step(join=_no_skip), "go on by two places"),
        (_step(join=_end_lost), "the last symbol of a word gets lost"),
        (_then(lambda made, words, pair: {w: n for w, n in made.items() if w not in words}), "only the words with"),
        (_then(lambda made, words, pair: dict.fromkeys(made, 1)), "but their counts are not"),
        (_then(lambda made, words, pair: words | made), "the old forms of the words"),
        (
            _then(
                lambda made, words, pair: {
                    tuple(pair if x == "".join(pair) else x for x in w): n for w, n in made.items()
                }
            ),
            "a tuple inside the word",
        ),
    ],
    "10.2": [
        (lambda s, t, T: _soft(s, t, T, factor=lambda T: 1), "without the factor T²"),
        (lambda s, t, T: _soft(s, t, T, factor=lambda T: T), "not T: both"),
        (lambda s, t, T: _soft(s, t, 1.0), "are not softened"),
        (lambda s, t, T: _soft(s, t, T, sum_=lambda x: x.mean()), "over texts and classes"),
        (lambda s, t, T: _soft(s, t, T, sum_=lambda x: x.sum()), "this is the sum over the texts"),
        (lambda s, t, T: _soft(s, t, T, sum_=lambda x: x.sum(-1)), "one number is needed"),
        (lambda s, t, T: _soft(t, s, T), "the other way round"),
        (
            lambda s, t, T: -T * T * (softmax(t / T, -1) * log_softmax(s / T, -1)).sum(-1).mean(),
            "this is the cross-entropy",
        ),
        (lambda s, t, T: cross_entropy(s, t.argmax(-1)), "these are hard labels"),
        (lambda s, t, T: mse_loss(s, t), "compares logits directly"),
        (lambda s, t, T: -_soft(s, t, T), "the sign is wrong"),
        (lambda s, t, T: _soft(s, t, T, factor=lambda T: 1, sum_=lambda x: x.mean()), "two things are missing"),
        (
            lambda s, t, T: T * T * kl_div(softmax(s / T, -1), softmax(t / T, -1), reduction="batchmean"),
            "wants the *logarithms*",
        ),
        (lambda s, t, T: T**4 * _soft(s, t, 1 / T), "makes both surer"),
        (lambda s, t, T: _soft(s, t * T, T), "only one of the two"),
        (lambda s, t, T: _soft(s, t, T).item(), "no gradient flows"),
        (_without_gradient, "no gradient reaches the student"),
        (lambda s, t, T: _soft(s, t, 3.0), "but not for 2 and five"),
        (lambda s, t, T: _soft(s, t, 2.0), "whatever the argument says"),
        (lambda s, t, T: _soft(s, t, T) / T**4, "you divide by T²"),
        (lambda s, t, T: T * T * kl_div(s / T, t / T, reduction="batchmean"), "nan came out"),
        (lambda s, t, T: _soft(s.T, t.T, T), "the softmax runs over the texts"),
        (
            lambda s, t, T: T * T * kl_div((softmax(s, -1) / T).log(), softmax(t, -1) / T, reduction="batchmean"),
            "divides the probabilities",
        ),
        (lambda s, t, T: T * T * (log_softmax(t / T, -1) - log_softmax(s / T, -1)).sum(-1).mean(), "are not weighed"),
        (lambda s, t, T: T * T * mse_loss(softmax(s / T, -1), softmax(t / T, -1)), "differences of probabilities"),
        (
            lambda s, t, T: (
                T * T * (log_softmax(t / T, -1) * (log_softmax(t / T, -1) - log_softmax(s / T, -1))).sum(-1).mean()
            ),
            "the weights are logarithms",
        ),
        (lambda s, t, T: _soft(s, t, T, sum_=lambda x: x.sum(0).mean()), "it is the other way round"),
        (lambda s, t, T: cross_entropy(s / T, softmax(t / T, -1)), "and without T²"),
    ],
    "10.3": [
        (lambda make, depth: _Shared([make() for _ in range(depth)], _separate), "layers of their own"),
        (lambda make, depth: _Shared([make()], _again(1)), "runs 1 times"),
        (lambda make, depth: _Shared([make()], _again(depth + 1)), "runs 5 times"),
        (
            lambda make, depth: _Shared([make()], lambda layers, x: sum(layers[0](x) for _ in range(depth))),
            "the same input",
        ),
        (lambda make, depth: _Shared([copy.deepcopy(make())], _again(depth)), "not a copy of it"),
        (lambda make, depth: _Shared([make()], _again(depth, detach=True)), "is there a detach"),
        (_Fresh, "each time the module runs"),
        (_Hidden, "no optimizer finds it"),
        (lambda make, depth: lambda x: _again(depth)([make()], x), "torch.nn.Module is needed"),
        (
            lambda make, depth: _Shared([make()], lambda layers, x: [x, *(layers[0](x) for _ in range(depth))][0]),
            "unchanged",
        ),
        (lambda make, depth: _Shared, "the class _Shared itself"),
        (lambda make, depth: _Shared([make()], lambda layers, x: print(end="")), "its forward needs a return"),
        (lambda make, depth: _Shared([make()], _again(4)), "but not for 2"),
        (
            lambda make, depth: _Shared([make()], lambda layers, x: [x := x + layers[0](x) for _ in range(depth)][-1]),
            "added to its output",
        ),
    ],
    "10.4": [
        (_mask(lambda own, other: other <= own), "each place sees itself, and so"),
        (_mask(lambda own, other: other <= own, lambda order: torch.arange(len(order))), "from left to right"),
        (lambda order: _turns(order)[None, :] < torch.arange(len(order))[:, None], "row i should belong"),
        (_mask(lambda own, other: other > own), "rows and columns are swapped"),
        (_mask(lambda own, other: other < own, lambda order: torch.arange(len(order))), "the order of reading"),
        (_mask(lambda own, other: other < own, torch.tensor), "not the turn of place 0"),
        (_mask(lambda own, other: other >= own), "must be hidden"),
        (_mask(lambda own, other: other != own), "no order at all"),
        (_mask(lambda own, other: (other < own).float()), "True or False"),
        (_mask(lambda own, other: (other < own) & (other >= own - 1)), "just before"),
        (_mask(lambda own, other: (other < own) | True), "every other and itself"),
        (lambda order: _turns([1, 2, 0, 3])[:, None] > _turns([1, 2, 0, 3])[None, :], "not for six"),
    ],
}
