"""Wrong answers to the exercises of chapter 11, each with a distinctive part of the sentence it must get."""

import math

import torch


def _set(model, frozen):
    for name, p in model.named_parameters():
        p.requires_grad_(not frozen(name, p))


def _number(name):
    return int(name.split(".layer.")[1].split(".")[0]) if ".layer." in name else None


def _below(name, layers):
    return ".embeddings." in name or (_number(name) is not None and _number(name) < layers)


def _left(model):
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _freeze(frozen=None, count=_left, thaw=True):
    """The right answer, with one of its parts replaced."""

    def answer(model, layers):
        for name, p in model.named_parameters():
            if frozen(name, layers) if frozen else _below(name, layers):
                p.requires_grad_(False)
            elif thaw:
                p.requires_grad_(True)
        return count(model)

    return answer


def _keras(model, layers):
    for layer in model.bert.encoder.layer[:layers]:
        layer.trainable = False
        layer.requires_grad = False
    return _left(model)


def _lora(scale, change=lambda w, update: w + update):
    return lambda weight, a, b, alpha: change(weight, scale(alpha, a, b) * (b @ a))


def _standard(changes, ddof=1):
    mean = sum(changes) / len(changes)
    return math.sqrt(sum((x - mean) ** 2 for x in changes) / (len(changes) - ddof) / len(changes))


def _compare(change=None, error=None, verdict=None, together=lambda mean, error, said: (mean, error, said)):
    def answer(one, other):
        changes = [other[seed] - one[seed] for seed in one if seed in other]
        mean = change(one, other) if change else sum(changes) / len(changes)
        own = error(one, other, changes) if error else _standard(changes)
        said = verdict(mean, own) if verdict else _said(mean, own)
        return together(mean, own, said)

    return answer


def _said(mean, error, times=2):
    return "better" if mean > times * error else "worse" if mean < -times * error else "not clearly different"


def _mean(values):
    return sum(values) / len(values)


def _strangers(one, other, changes):
    parts = [[*one.values()], [other[seed] for seed in one]]
    return math.sqrt(sum(_standard(part) ** 2 for part in parts))


def _by_place(one, other, changes):
    return _standard([b - a for a, b in zip(one.values(), other.values(), strict=False)])


def _without_filter(one, other):
    return _compare()({seed: one[seed] for seed in one}, {seed: other[seed] for seed in one})


def _rates(of=None, keep=lambda name, p: p.requires_grad, group=lambda name, p: p, times=1):
    def answer(model, rate, decay):
        depth = model.config.num_hidden_layers
        groups = []
        for name, p in model.named_parameters():
            if not keep(name, p):
                continue
            place = 0 if ".embeddings." in name else depth + 1 if _number(name) is None else _number(name) + 1
            own = of(rate, decay, depth, place) if of else rate * decay ** (depth + 1 - place)
            groups += [{"params": [group(name, p)], "lr": own}] * times
        return groups

    return answer


WRONG = {
    "11.1": [
        (_keras, "nothing is frozen"),
        (_freeze(lambda name, layers: _number(name) is not None and _number(name) < layers), "embeddings are still"),
        (_freeze(lambda name, layers: _below(name, layers + 1)), "one layer too many"),
        (_freeze(lambda name, layers: _below(name, layers - 1)), "one layer too few"),
        (
            _freeze(
                lambda name, layers: ".embeddings." in name or any(f"layer.{k}" in name for k in range(layers)),
            ),
            "layers 10 and 11",
        ),
        (_freeze(lambda name, layers: _number(name) is not None and _number(name) >= 12 - layers), "the upper layers"),
        (_freeze(lambda name, layers: not name.startswith("classifier")), "pooler or classifier"),
        (_freeze(lambda name, layers: _below(name, layers) and name.endswith("weight")), "half frozen"),
        (_freeze(count=lambda model: sum(p.requires_grad for p in model.parameters())), "you counted tensors"),
        (
            _freeze(count=lambda model: sum(p.numel() for p in model.parameters()) - _left(model)),
            "how many weights are frozen",
        ),
        (_freeze(count=lambda model: sum(p.numel() for p in model.parameters())), "counts all weights"),
        (_freeze(count=lambda model: model), "the model came back"),
        (_freeze(thaw=False), "a second time"),
    ],
    "11.2": [
        (_lora(lambda alpha, a, b: 0), "the old weight"),
        (_lora(lambda alpha, a, b: 1), "not its scale"),
        (_lora(lambda alpha, a, b: alpha), "alpha alone"),
        (_lora(lambda alpha, a, b: 1 / a.shape[0]), "alpha is missing"),
        (_lora(lambda alpha, a, b: a.shape[0] / alpha), "upside down"),
        (_lora(lambda alpha, a, b: alpha / a.shape[1]), "r is the rank"),
        (_lora(lambda alpha, a, b: -alpha / a.shape[0]), "is subtracted"),
        (_lora(lambda alpha, a, b: alpha / a.shape[0], lambda w, u: u), "the update alone"),
        (_lora(lambda alpha, a, b: alpha / a.shape[0], lambda w, u: (w + u).T), "is transposed"),
        (lambda weight, a, b, alpha: torch.cat([weight, b], 1), "the shape should be"),
        (_lora(lambda alpha, a, b: alpha / a.shape[0], lambda w, u: 4 * w + u), "is scaled as well"),
    ],
    "11.3": [
        (_compare(together=lambda m, e, s: m), "three things are needed"),
        (_compare(together=lambda m, e, s: (s, m, e)), "the order is"),
        (_compare(together=lambda m, e, s: (-m, e, s)), "the sign is turned round"),
        (_compare(lambda a, b: max(b.values()) - max(a.values())), "best seed of each"),
        (_compare(lambda a, b: _mean([*b.values()]) - _mean([*a.values()])), "seed 9"),
        (_compare(error=_strangers), "as strangers"),
        (_compare(error=_by_place), "their place in the dictionary"),
        (_compare(error=lambda a, b, c: _standard(c) * math.sqrt(len(c))), "of one difference"),
        (_compare(error=lambda a, b, c: _standard(c, 0)), "n - 1 belongs"),
        (_compare(error=lambda a, b, c: _standard(c) / math.sqrt(len(c))), "instead of by the root"),
        (_compare(verdict=lambda m, e: _said(m, e, 1)), "ask for two"),
        (_compare(verdict=lambda m, e: _said(m, e).replace("not clearly", "hardly")), "to the letter"),
        (_without_filter, "either of them lacks"),
        (_compare(verdict=lambda m, e: "better" if m > 2 * e else "worse"), "is called 'worse'"),
        (_compare(verdict=lambda m, e: "better" if abs(m) > 2 * e else "not clearly different"), "should be 'worse'"),
    ],
    "11.4": [
        (lambda model, rate, decay: rate, "a list of groups"),
        (lambda model, rate, decay: [{"params": [*model.parameters()]}], 'the keys "params" and "lr"'),
        (_rates(group=lambda name, p: name), "these are names"),
        (_rates(times=2), "stand in two groups"),
        (_rates(keep=lambda name, p: True), "a frozen parameter"),
        (_rates(keep=lambda name, p: p.requires_grad and ".embeddings." not in name), "is in no group"),
        (_rates(lambda rate, decay, depth, place: rate), "the same rate"),
        (
            _rates(lambda rate, decay, depth, place: rate if place > depth else rate * decay ** (place + 1)),
            "turned round",
        ),
        (_rates(lambda rate, decay, depth, place: rate * decay ** max(0, depth - place)), "the head's rate"),
        (_rates(lambda rate, decay, depth, place: rate * (1 - (depth + 1 - place) * (1 - decay))), "a fixed amount"),
        (_rates(lambda rate, decay, depth, place: rate * decay ** (depth + 1 - max(1, place))), "the lowest layer"),
        (_rates(lambda rate, decay, depth, place: rate * decay ** (2 * (depth + 1 - place))), "should be 0.05"),
    ],
}
