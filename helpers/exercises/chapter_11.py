"""The checks of chapter 11, transfer learning."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from transformers import BertConfig, BertForSequenceClassification

from helpers.exercises.checking import call, close, difference, exercise, kind

DEPTH = 12  # more than ten, so that "layer.1" is a part of "layer.10"


def _bert(depth: int = DEPTH) -> BertForSequenceClassification:
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "vocab_size": 30}
    return BertForSequenceClassification(
        BertConfig(num_hidden_layers=depth, max_position_embeddings=16, num_labels=2, **sizes)
    )


def _place(name: str) -> int:
    """Where a parameter stands: 0 for the embeddings, 1 to n for the layers, 99 for pooler and classifier."""
    if ".embeddings." in name:
        return 0
    return int(name.split(".layer.")[1].split(".")[0]) + 1 if ".layer." in name else 99


@exercise("11.1")
def freeze(answer: Callable) -> str | None:
    """``answer(model, layers)``: freezes embeddings and lowest layers in place; the number of weights still trained."""
    model, layers = _bert(), 2
    got = call(answer, model, layers)
    if isinstance(got, torch.nn.Module):
        return "the model came back; return how many weights are still trained (a model is changed in place anyway)."
    trained = {place for name, p in model.named_parameters() for place in [_place(name)] if p.requires_grad}
    frozen = {_place(name) for name, p in model.named_parameters() if not p.requires_grad}
    wanted = set(range(layers + 1))
    if not frozen:
        return (
            "nothing is frozen: every requires_grad is still True. A module lets you set any attribute, `trainable` or "
            "`requires_grad`, and ignores it; call its method requires_grad_(False)."
        )
    if 99 in frozen:
        return "pooler or classifier is frozen, too; a head that has never been trained must learn."
    if trained & frozen:
        return "some parts are only half frozen; a layer has many tensors, biases and norms among them."
    if frozen == {place for place in range(1, DEPTH + 1) if str(place - 1).startswith(("0", "1"))} | {0}:
        return "layers 10 and 11 are frozen, too: their names begin like that of layer 1. Compare numbers, not beginnings of names."
    if frozen == set(range(DEPTH - layers + 1, DEPTH + 1)) or frozen == {0, *range(DEPTH - layers + 1, DEPTH + 1)}:
        return "you froze the upper layers; general knowledge sits below, so the lower ones stay."
    if frozen == wanted - {0}:
        return "the embeddings are still trained; the layers above would stand on moving ground."
    if frozen == wanted | {layers + 1}:
        return f"one layer too many is frozen: {layers} layers are numbers 0 to {layers - 1}."
    if frozen == wanted - {layers}:
        return f"one layer too few is frozen: {layers} layers are numbers 0 to {layers - 1}."
    if frozen != wanted:
        return f"with layers={layers}, parts {sorted(wanted)} should be frozen (0: embeddings, 1: lowest layer), but yours are {sorted(frozen)}."
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    if isinstance(got, bool) or not isinstance(got, int):
        return f"a number is needed, but your function returned {kind(got)}."
    if got == sum(p.requires_grad for p in model.parameters()):
        return "you counted tensors; count the numbers in them, with numel()."
    if got == sum(p.numel() for p in model.parameters()) - count:
        return "this is how many weights are frozen; return how many are still trained."
    if got == sum(p.numel() for p in model.parameters()):
        return "this counts all weights; return how many are still trained."
    if got != count:
        return f"the right parts are frozen, but {count} weights are trained, not {got}."
    call(answer, model, 0)
    thawed = {_place(name) for name, p in model.named_parameters() if p.requires_grad}
    if not thawed >= set(range(1, DEPTH + 1)):
        return "called a second time with fewer layers, it leaves the others frozen; set requires_grad to True as well as to False."
    return None


@exercise("11.2")
def merged(answer: Callable) -> str | None:
    """``answer(weight, A, B, alpha)``: ``(out, in)``, ``(r, in)``, ``(out, r)`` -> weight + alpha / r * B A."""
    weight, a, b, alpha = torch.randn(6, 4), torch.randn(2, 4), torch.randn(6, 2), 8.0
    update = b @ a
    expected = weight + alpha / 2 * update
    got = call(answer, weight, a, b, alpha)
    if close(got, weight):
        return "this is the old weight; the update B A has to be added."
    if close(got, weight + update):
        return "the update is there, but not its scale: multiply by alpha / r."
    if close(got, weight + alpha * update):
        return "you scaled by alpha alone; divide by the rank r, or a larger rank would mean larger steps."
    if close(got, weight + update / 2):
        return "you divided by the rank, but alpha is missing."
    if close(got, weight + 2 / alpha * update):
        return "the scale is upside down: alpha / r, not r / alpha."
    if close(got, weight + alpha / 6 * update) or close(got, weight + alpha / 4 * update):
        return "r is the rank, the short side of A: A.shape[0]."
    if close(got, weight - alpha / 2 * update):
        return "the update is subtracted; it has to be added."
    if close(got, alpha / 2 * update):
        return "this is the update alone; add it to the weight."
    if close(got, alpha / 2 * (weight + update)):
        return "the old weight is scaled as well; alpha / r belongs to the product B A alone."
    if close(got, expected.T):
        return "the result is transposed; it must have the shape of the weight, (out, in)."
    return difference(got, expected)


VERDICTS = ("better", "worse", "not clearly different")


@exercise("11.3")
def compare(answer: Callable) -> str | None:
    """``answer(one, other)``: two dictionaries seed -> score; (mean of other - one, its standard error, verdict)."""
    one = {1: 0.60, 2: 0.70, 3: 0.80, 4: 0.65}
    other = {4: 0.68, 3: 0.86, 2: 0.72, 1: 0.63, 9: 0.10}  # in another order, and a seed more
    changes = [other[seed] - one[seed] for seed in one]
    mean = sum(changes) / 4
    error = math.sqrt(sum((x - mean) ** 2 for x in changes) / 3) / 2
    got = call(answer, dict(one), dict(other))
    if isinstance(got, Mapping) or not isinstance(got, (tuple, list)) or len(got) != 3:
        return "three things are needed: the mean difference, its standard error, and the verdict."
    if isinstance(got[0], str):
        return "the order is: mean difference, standard error, verdict."
    own, spread, said = float(got[0]), float(got[1]), got[2]

    def near(value: float, target: float) -> bool:
        return math.isclose(value, target, abs_tol=1e-6)

    if near(own, -mean):
        return "the sign is turned round: other minus one, so that above 0 the other is better."
    if near(own, max(other.values()) - max(one.values())):
        return "you compared the best seed of each; two lucky draws say little. Take the mean over the seeds."
    if near(own, sum(other.values()) / 5 - sum(one.values()) / 4):
        return "seed 9 was run for one of the two only; compare the seeds that both have."
    if near(own, sorted(changes)[2]) or near(own, sum(sorted(changes)[1:3]) / 2):
        return "this is the median of the differences; take their mean."
    if not near(own, mean):
        return f"the mean difference of these seeds is {mean:.3f}, not {own:.3f}."
    variances = [sum((x - sum(v) / 4) ** 2 for x in v) / 3 for v in ([*one.values()], [other[s] for s in one])]
    if near(spread, math.sqrt(sum(variances) / 4)):
        return "this error treats the runs as strangers; the same seed has the same rows, so take the spread of the differences."
    paired = {seed: a for seed, a in zip(one, other.values(), strict=False)}
    crossed = [paired[s] - one[s] for s in one]
    middle = sum(crossed) / 4
    if near(spread, math.sqrt(sum((x - middle) ** 2 for x in crossed) / 3) / 2):
        return "the runs are paired by their place in the dictionary; pair them by their seed."
    if near(spread, error * 2):
        return "this is the standard deviation of one difference; of a mean over n it is smaller by the root of n."
    if near(spread, error * math.sqrt(3 / 4)):
        return "you divided by n where n - 1 belongs (ddof=1): the mean was estimated from the same few numbers."
    if near(spread, error / 2):
        return "you divided by n instead of by the root of n."
    if not near(spread, error):
        return f"the standard error of these differences is {error:.4f}, not {spread:.4f}."
    if said != "better" and said in VERDICTS:
        return f"this difference is {mean / error:.1f} standard errors above 0, so the verdict should be 'better', not {said!r}."
    for offset, wanted in [
        (0.0, "better"),
        (-0.06, "worse"),
        (-0.022, "not clearly different"),
        (-0.048, "not clearly different"),
    ]:
        moved = {seed: score + offset for seed, score in other.items()}
        _, _, said = call(answer, dict(one), moved)
        if said == wanted:
            continue
        if said not in VERDICTS:
            return f"the verdict must be one of {', '.join(map(repr, VERDICTS))}, to the letter; yours is {said!r}."
        if wanted == "not clearly different":
            times = abs(mean + offset) / error
            return f"a difference of {times:.1f} standard errors is called {said!r}; ask for two, or noise will often look like a result."
        return f"the verdict for a mean difference of {mean + offset:+.3f} should be {wanted!r}, not {said!r}."
    try:
        own, _, _ = call(answer, one | {7: 0.95}, dict(other))
    except KeyError:
        own = None
    if own is None or not near(float(own), mean):
        return "seed 7 was run for the first of the two only, in one example; leave out what either of them lacks."
    return None


@exercise("11.4")
def layer_rates(answer: Callable) -> str | None:
    """``answer(model, rate, decay)``: groups for an optimizer, ``{"params": [...], "lr": ...}``; the rate falls layer by layer."""
    depth, rate, decay = 3, 0.1, 0.5
    model = _bert(depth)
    frozen = model.bert.embeddings.word_embeddings.weight
    frozen.requires_grad_(False)
    got = call(answer, model, rate, decay)
    if not isinstance(got, (list, tuple)) or not got or not all(isinstance(group, Mapping) for group in got):
        return 'a list of groups is needed, each a dictionary {"params": [...], "lr": ...}.'
    if not all({"params", "lr"} <= set(group) for group in got):
        return 'each group needs the keys "params" and "lr", as torch.optim knows them.'
    lists = [[p] if isinstance(p := group["params"], torch.Tensor) else list(p) for group in got]  # torch takes both
    groups = [(params, float(group["lr"])) for params, group in zip(lists, got, strict=True)]
    if any(isinstance(p, (str, tuple)) for params, _ in groups for p in params):
        return "these are names; an optimizer needs the parameters themselves."
    rates: dict[int, list[float]] = {}
    for params, own in groups:
        for p in params:
            rates.setdefault(id(p), []).append(own)
    if any(len(found) > 1 for found in rates.values()):
        return "some parameters stand in two groups, and would be moved twice; each belongs to one."
    if id(frozen) in rates:
        return "a frozen parameter is among them; those with requires_grad=False stay out."
    missing = [name for name, p in model.named_parameters() if p.requires_grad and id(p) not in rates]
    if missing:
        return f"{missing[0]} is in no group, so it would never learn, and nothing would say so."
    parts: dict[int, set[float]] = {}
    for name, p in model.named_parameters():
        if p.requires_grad:
            parts.setdefault(_place(name), set()).add(round(rates[id(p)][0], 9))
    if any(len(found) > 1 for found in parts.values()):
        return "one part has several rates; all tensors of a layer (and of pooler and classifier together) share one."
    seen = {place: found.pop() for place, found in parts.items()}
    wanted = {99: rate, **{place: rate * decay ** (depth + 1 - place) for place in range(depth + 1)}}

    def same(expected: Mapping[int, float]) -> bool:
        return all(math.isclose(seen[place], expected[place], rel_tol=1e-6) for place in wanted)

    if len(set(seen.values())) == 1:
        return "every part has the same rate; multiply by decay for each step down."
    upward = {p: rate * decay ** (p + 1) for p in range(depth + 1)}
    if same({99: rate, **upward}) or same({99: rate, **{p: r / decay for p, r in upward.items()}, 0: wanted[0]}):
        return "the order is turned round: the lowest layers should move least."
    if same({99: rate, **{p: rate * decay ** (depth - p) for p in range(depth + 1)}}):
        return "the top layer has the head's rate; it is one step down already, so decay once."
    if same({99: rate, **{p: rate * (1 - (depth + 1 - p) * (1 - decay)) for p in range(depth + 1)}}):
        return "the rate falls by a fixed amount, and can get below 0; multiply by decay instead."
    if same({**wanted, 0: wanted[1]}):
        return "the embeddings have the rate of the lowest layer; they are one step further down."
    if not same(wanted):
        place = next(p for p in sorted(wanted, reverse=True) if not math.isclose(seen[p], wanted[p], rel_tol=1e-6))
        part = {99: "the head", 0: "the embeddings"}.get(place, f"layer {place - 1}")
        return f"the rate of {part} should be {wanted[place]:g}, but yours is {seen[place]:g}."
    return None
