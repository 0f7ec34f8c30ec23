"""The checks of chapter 10, the family of BERT."""

from __future__ import annotations

import copy
import itertools
from collections import Counter
from collections.abc import Callable, Mapping

import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from helpers.distillation import soft_loss
from helpers.exercises.checking import call, close, difference, exercise

Words = dict[tuple[str, ...], int]


def _pairs(words: Words, weigh: bool = True) -> Counter:
    counts: Counter = Counter()
    for word, count in words.items():
        for pair in itertools.pairwise(word):
            counts[pair] += count if weigh else 1
    return counts


def _merged(words: Words, pair: tuple[str, str]) -> Words:
    made: Counter = Counter()
    for word, count in words.items():
        parts: list[str] = []
        place = 0
        while place < len(word):
            both = word[place : place + 2] == pair
            parts.append("".join(pair) if both else word[place])
            place += 2 if both else 1
        made[tuple(parts)] += count
    return dict(made)


@exercise("10.1")
def bpe_step(answer: Callable) -> str | None:
    """``answer(words)``: the commonest neighbouring pair, and the words with that pair merged."""
    words: Words = {tuple("low"): 5, tuple("lower"): 2, tuple("newest"): 6, tuple("widest"): 3}
    words |= {tuple("xyxy"): 1, tuple("xyz"): 1, tuple("axy"): 1, tuple("bxy"): 1}
    got = call(answer, dict(words))
    if not isinstance(got, tuple) or len(got) != 2 or not isinstance(got[1], Mapping):
        return "two things are needed: the pair, and the dictionary of words with that pair merged."
    pair, made = got
    if isinstance(pair, str) or len(pair) != 2:
        return "the first thing is a pair: two symbols, not yet one."
    counts, plain = _pairs(words), _pairs(words, weigh=False)
    best = min(counts, key=lambda p: (-counts[p], p))
    if tuple(pair) == min(plain, key=lambda p: (-plain[p], p)):
        return f"{tuple(pair)} occurs in the most different words; a word that stands in the text six times counts six times."
    if tuple(pair) == min(counts, key=lambda p: (counts[p], p)):
        return "this is the rarest pair; the commonest is wanted."
    if tuple(pair) == max(counts, key=lambda p: (counts[p], p)):
        return (
            f"{tuple(pair)} is as common as {best}; among equals take the first of the alphabet, or no two runs agree."
        )
    if tuple(pair) != best:
        return (
            f"the commonest pair is {best} ({counts[best]} times), but you found {tuple(pair)} ({counts[pair]} times)."
        )
    if dict(made) == words:
        return "the pair is right, but the words are as before: merge it in each of them."
    if any(isinstance(word, str) for word in made):
        return "a word must stay a tuple of symbols; as one string nothing is left to merge."
    if dict(made) != _merged(words, best):
        return f"after merging {best} the words should be {_merged(words, best)}, but yours are {dict(made)}."
    late: Words = {("b", "c"): 2, ("a", "b"): 2}
    if tuple(call(answer, dict(late))[0]) == ("b", "c"):
        return "of two pairs that are equally common, the first of the alphabet counts, and not the one that was met first."
    double: Words = {("a", "b", "a", "b"): 2, ("a", "b", "c"): 1, ("ab", "a"): 1, ("a", "ba"): 1}
    pair, made = call(answer, dict(double))
    if ("ab", "a", "b") in made:
        return "in one word the pair occurs twice, and you merge it once only."
    if any("".join(word) == "aba" and made[word] != 1 for word in made) or len(made) != 4:
        return "two different words have become one: merge symbols, and do not join and split the letters again."
    if dict(made) != _merged(double, ("a", "b")):
        return f"of {double} should become {_merged(double, ('a', 'b'))}, but you have {dict(made)}."
    return None


@exercise("10.2")
def soft_targets(answer: Callable) -> str | None:
    """``answer(student, teacher, temperature)``: T² times the mean KL divergence between the softened distributions."""
    student, teacher = torch.randn(6, 4) * 2, torch.randn(6, 4) * 3
    got = call(answer, student, teacher, 3.0)
    expected = soft_loss(student, teacher, 3.0)
    soft_s, soft_t = (student / 3).log_softmax(-1), (teacher / 3).log_softmax(-1)
    if isinstance(got, float):
        return "this is a Python number, and no gradient flows through it; return the tensor."
    if isinstance(got, torch.Tensor) and got.ndim:
        return f"one number is needed, the mean over the texts; yours has the shape {tuple(got.shape)}."
    if close(got, expected / 36):
        return "two things are missing: the factor T², and the sum over the classes (F.kl_div needs reduction='batchmean')."
    if close(got, 9 * nn.functional.kl_div(soft_s.exp(), soft_t.exp(), reduction="batchmean")):
        return "F.kl_div wants the *logarithms* of the student's probabilities, and yours are the probabilities."
    if close(got, soft_loss(student * 9, teacher * 9, 3.0)):
        return "you multiply the logits by the temperature, which makes both surer; divide by it."
    if close(got, soft_loss(student, teacher * 3, 3.0)) or close(got, soft_loss(student * 3, teacher, 3.0)):
        return "only one of the two is softened; divide the student's logits and the teacher's by the temperature."
    if close(got, expected / 9):
        return "without the factor T² the gradients shrink when the temperature grows; multiply by it."
    if close(got, expected / 3):
        return "the factor is T², not T: both distributions were softened."
    if close(got, soft_loss(student, teacher, 1.0)) or close(got, 9 * soft_loss(student, teacher, 1.0)):
        return "the logits are not softened: divide both by the temperature before the softmax."
    if close(got, expected / 4):
        return "you average over texts and classes; a divergence is a sum over the classes, then a mean over the texts."
    if close(got, expected * 6):
        return "this is the sum over the texts; take their mean, or the step grows with the batch."
    if close(got, soft_loss(teacher, student, 3.0)):
        return "this is the divergence the other way round: the teacher's probabilities are the weights."
    if close(got, 9 * -(soft_t.exp() * soft_s).sum(-1).mean()):
        return "this is the cross-entropy; it is not 0 for a perfect student: subtract the teacher's own entropy."
    if close(got, cross_entropy(student, teacher.argmax(-1))):
        return (
            "these are hard labels: only the teacher's first choice is left, and what it thinks of the others is lost."
        )
    if close(got, mse_loss(student, teacher)):
        return "this compares logits directly; here the softened probabilities are compared."
    if close(got, -expected):
        return "the sign is wrong: this loss falls when the student gets worse."
    return difference(got, expected)


def _layer() -> nn.Module:
    made = nn.Sequential(nn.Linear(6, 6), nn.Tanh())
    return made.double()


@exercise("10.3")
def shared_encoder(answer: Callable) -> str | None:
    """``answer(make_layer, depth)``: a module that runs its input through one and the same layer ``depth`` times."""
    made: list[nn.Module] = []

    def make() -> nn.Module:
        made.append(_layer())
        return made[-1]

    module, depth = call(answer, make, 4), 4
    if not isinstance(module, nn.Module):
        return f"a torch.nn.Module is needed, but your function returned a {type(module).__name__}."
    one, own = 42, sum(p.numel() for p in module.parameters())
    x = torch.randn(3, 5, 6, dtype=torch.float64)
    before = len(made)
    with torch.no_grad():
        got = module(x.clone())
    if len(made) > before:
        return "a new layer is made each time the module runs, so nothing can be learnt; make it once, at the start."
    if own == 0:
        return "the module has no parameters: keep the layer as an attribute of it (self.layer = ...), or no optimizer finds it."
    if own == depth * one:
        return f"{own} parameters: these are {depth} layers of their own; sharing means one, {one} parameters."
    if own != one:
        return f"the module has {own} parameters, but one layer has {one}."
    first = next(
        (layer for layer in made if any(p is q for p in layer.parameters() for q in module.parameters())), None
    )
    if first is None:
        return "the layer must be the one that make_layer() returned, not a copy of it."
    with torch.no_grad():
        steps = [x]
        for _ in range(depth + 1):
            steps.append(first(steps[-1]))
    if not isinstance(got, torch.Tensor) or got.shape != x.shape:
        return "what comes out must have the shape of what went in."
    for times, wanted in enumerate(steps):
        if close(got, wanted) and times != depth:
            return f"the layer runs {times} times instead of {depth}."
    if close(got, depth * steps[1]) or close(got, steps[1] / depth):
        return "the layer sees the same input every time; each pass must get what the last one returned."
    if (message := difference(got, steps[depth])) is not None:
        return message
    module(x).sum().backward()
    grads = [p.grad.clone() for p in first.parameters() if p.grad is not None]
    twin = copy.deepcopy(first)
    twin.zero_grad()
    y = x
    for _ in range(depth):
        y = twin(y)
    y.sum().backward()
    if len(grads) != 2 or not all(close(g, p.grad) for g, p in zip(grads, twin.parameters(), strict=True)):
        return (
            "the output is right, but the gradient comes from some of the passes only: is there a detach or a no_grad?"
        )
    return None


@exercise("10.4")
def may_see(answer: Callable) -> str | None:
    """``answer(order)``: a boolean ``(tokens, tokens)``; row i says which places the guess at place i may look at."""
    order = [1, 2, 0, 3]
    rank = torch.tensor([order.index(place) for place in range(4)])  # when each place's turn comes
    expected = rank[None, :] < rank[:, None]
    got = call(answer, list(order))
    if not isinstance(got, torch.Tensor) or got.shape != (4, 4):
        return difference(got, expected.float())
    if got.dtype != torch.bool:
        return f"the entries should be True or False (torch.bool), but they are {got.dtype}."

    def same(other: torch.Tensor) -> bool:
        return torch.equal(got, other)

    places = torch.arange(4)
    raw = torch.tensor(order)
    if same(rank[None, :] <= rank[:, None]):
        return "each place sees itself, and so the token that it has to guess."
    if same(places[None, :] <= places[:, None]):
        return "this is reading from left to right, and each place sees itself; take the order that was drawn, and leave the place itself out."
    if same(places[None, :] < rank[:, None]) or same(rank[None, :] < places[:, None]):
        return "row i should belong to *place* i, and not to the i-th in the order; the same holds for the columns."
    if same(expected.T):
        return "rows and columns are swapped: row i says what place i sees, and the first in the order sees nothing."
    if same(places[None, :] < places[:, None]):
        return "this is the order of reading; the order that counts is the one that was drawn."
    if same(raw[None, :] < raw[:, None]):
        return "order[0] is the *place* that comes first, not the turn of place 0; turn the list round first."
    if same(~expected):
        return "these are the places that must be hidden; True means: may be seen."
    if same(~torch.eye(4, dtype=torch.bool)):
        return "each place sees all others; that is a masked language model with one hole, and no order at all."
    if not same(expected):
        return f"for the order {order} the mask should be {expected.int().tolist()}, but yours is {got.int().tolist()}."
    longer = [4, 2, 0, 1, 3, 5]
    turn = torch.tensor([longer.index(place) for place in range(6)])
    if not torch.equal(call(answer, longer), turn[None, :] < turn[:, None]):
        return "for four tokens it is right, but not for six; take the number of tokens from the order."
    return None
