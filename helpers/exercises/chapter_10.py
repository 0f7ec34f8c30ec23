"""The checks of chapter 10, the family of BERT."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import torch
from torch import nn

from helpers.distillation import soft_loss
from helpers.exercises.checking import call, close, difference, exercise, kind
from helpers.exercises.variant_slips import Words, commonest, count_pairs, distillation_slip, merge_slip, merged


@exercise("10.1")
def bpe_step(answer: Callable) -> str | None:
    """``answer(words)``: the commonest neighbouring pair, and the words with that pair merged."""
    words: Words = {tuple("low"): 5, tuple("lower"): 2, tuple("newest"): 6, tuple("widest"): 3}
    words |= {tuple("xyxy"): 1, tuple("xyz"): 1, tuple("axy"): 1, tuple("bxy"): 1}
    got = call(answer, dict(words))
    if not isinstance(got, (tuple, list)) or len(got) != 2 or not isinstance(got[1], Mapping):
        return "two things are needed: the pair, and the dictionary of words with that pair merged."
    pair, made = got
    if isinstance(pair, str) or len(pair) != 2:
        return "the first thing is a pair: two symbols, not yet one."
    if not all(isinstance(symbol, str) for symbol in pair):
        return "the pair came with its count, as most_common and items() hand it over; return the pair alone."
    counts = count_pairs(words)
    best = commonest(counts)
    if tuple(pair) == commonest(count_pairs(words, "words")):
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
    if dict(made) != merged(words, best):
        message = merge_slip(dict(made), words, best)
        return message or f"after merging {best} the words should be {merged(words, best)}, but yours are {dict(made)}."
    apart: Words = {("a", "x", "b"): 3, ("a", "y", "b"): 1}
    if tuple(call(answer, dict(apart))[0]) == ("a", "b"):
        return "('a', 'b') are no neighbours in a x b; count only symbols that stand side by side."
    twice: Words = {("o", "n", "o", "n"): 2, ("a", "t"): 3}
    if tuple(call(answer, dict(twice))[0]) == ("a", "t"):
        return "in o n o n the pair occurs twice, and each counts; yours counts a word once, however often it has the pair."
    late: Words = {("b", "c"): 2, ("a", "b"): 2}
    if tuple(call(answer, dict(late))[0]) == ("b", "c"):
        return "of two pairs that are equally common, the first of the alphabet counts, and not the one that was met first."
    double: Words = {("a", "b", "a", "b"): 2, ("a", "b", "c"): 1, ("ab", "a"): 1, ("a", "ba"): 1}
    pair, made = call(answer, dict(double))
    if ("ab", "a", "b") in made:
        return "in one word the pair occurs twice, and you merge it once only."
    if dict(made) == merged(double, ("a", "b"), "as text"):
        return "'a b' was found inside of 'a ba', across the border of a symbol; compare whole symbols, not text."
    if any("".join(word) == "aba" and made[word] != 1 for word in made) or len(made) != 4:
        return "two different words have become one: merge symbols, and do not join and split the letters again."
    if dict(made) != merged(double, ("a", "b")):
        return f"of {double} should become {merged(double, ('a', 'b'))}, but you have {dict(made)}."
    return None


@exercise("10.2")
def soft_targets(answer: Callable) -> str | None:
    """``answer(student, teacher, temperature)``: T² times the mean KL divergence between the softened distributions."""
    student, teacher = torch.randn(6, 4) * 2, torch.randn(6, 4) * 3
    got = call(answer, student, teacher, 3.0)
    expected = soft_loss(student, teacher, 3.0)
    if isinstance(got, float):
        return "this is a Python number, and no gradient flows through it; return the tensor."
    if isinstance(got, torch.Tensor) and got.ndim:
        return f"one number is needed, the mean over the texts; yours has the shape {tuple(got.shape)}."
    if not close(got, expected) and (message := distillation_slip(got, student, teacher, 3.0)) is not None:
        return message
    if isinstance(got, torch.Tensor) and got.isnan():
        return "nan came out: something was taken for a probability that is none. F.kl_div wants log-probabilities first, and then probabilities."
    if (message := difference(got, expected)) is not None:
        return message
    learner, other = torch.randn(5, 3, requires_grad=True), torch.randn(5, 3)
    got = call(answer, learner, other, 2.0)
    if not close(got, soft_loss(learner, other, 2.0)):
        return "right for a temperature of 3 and six texts, but not for 2 and five; take everything from the arguments."
    if not got.requires_grad:
        return "the number is right, but no gradient reaches the student: is there a detach or a no_grad around its logits?"
    return None


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
    if isinstance(module, type) and issubclass(module, nn.Module):
        return f"your function returned the class {module.__name__} itself; make a module of it, {module.__name__}()."
    if not isinstance(module, nn.Module):
        return f"a torch.nn.Module is needed, but your function returned {kind(module)}."
    one, own = 42, sum(p.numel() for p in module.parameters())
    x = torch.randn(3, 5, 6, dtype=torch.float64)
    before, runs = len(made), []
    for layer in made:
        layer.register_forward_hook(lambda *_: runs.append(1))
    with torch.no_grad():
        got = module(x.clone())
    times = len(runs)
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
        steps, residual = [x], x
        for _ in range(depth):
            steps.append(first(steps[-1]))
            residual = residual + first(residual)
    if got is None:
        return "the module runs, but returns nothing (None): its forward needs a return."
    if not isinstance(got, torch.Tensor) or got.shape != x.shape:
        return "what comes out must have the shape of what went in."
    if times != depth:
        return f"the layer runs {times} times instead of {depth}."
    if close(got, x):
        return "what went in comes out unchanged: put what the layer returns in place of x, x = self.layer(x)."
    if close(got, residual):
        return "the input of each pass is added to its output; here a pass returns what the layer returns, and no more."
    if any(close(got, factor * steps[1]) for factor in (1, depth, 1 / depth)):
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
    before = len(made)
    shorter = call(answer, make, 2)
    for layer in made[before:]:
        layer.register_forward_hook(lambda *_: runs.append(1))
    runs.clear()
    shorter(x)
    if len(runs) != 2:
        return "for a depth of 4 it is right, but not for 2; take the number of passes from the argument."
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
    if same((rank[None, :] < rank[:, None]) & (rank[None, :] >= rank[:, None] - 1)):
        return "each place sees only the one whose turn was just before; it may see all whose turn was earlier."
    if got.all():
        return "every place sees every other and itself; the order decides, and no place sees the token that it has to guess."
    if same(~torch.eye(4, dtype=torch.bool)):
        return "each place sees all others; that is a masked language model with one hole, and no order at all."
    if not same(expected):
        return f"for the order {order} the mask should be {expected.int().tolist()}, but yours is {got.int().tolist()}."
    longer = [4, 2, 0, 1, 3, 5]
    turn = torch.tensor([longer.index(place) for place in range(6)])
    if not torch.equal(call(answer, longer), turn[None, :] < turn[:, None]):
        return "for four tokens it is right, but not for six; take the number of tokens from the order."
    return None
