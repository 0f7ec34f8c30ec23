"""Wrong answers to the exercises of chapter 05, each with a distinctive part of the sentence it must get."""

import math

import torch
from sklearn.metrics import accuracy_score, f1_score, precision_score
from torch.nn.functional import cross_entropy


def _scores(axis=-1, scale=1, names=("accuracy", "f1"), **options):
    def answer(found):
        said = found.predictions.argmax(axis)
        said = said if len(said) == len(found.label_ids) else [0] * len(found.label_ids)
        values = accuracy_score(found.label_ids, said), f1_score(found.label_ids, said, **options)
        return {name: scale * value for name, value in zip(names, values)}

    return answer


def _threshold(found):
    said = (found.predictions[:, 1] > 0).astype(int)
    return {"accuracy": accuracy_score(found.label_ids, said), "f1": f1_score(found.label_ids, said)}


def _precision(found):
    said = found.predictions.argmax(-1)
    return {"accuracy": accuracy_score(found.label_ids, said), "f1": precision_score(found.label_ids, said)}


def _tensors(found):
    right = torch.tensor(found.predictions.argmax(-1) == found.label_ids)
    return {"accuracy": right.float().mean(), "f1": f1_score(found.label_ids, found.predictions.argmax(-1))}


def _by_row(found):
    right = found.predictions.argmax(-1) == found.label_ids
    return {"accuracy": right, "f1": right}


def _rate(down="line", up="line", clip=True, careful=True):
    def answer(step, steps, warmup, peak):
        if up == "line" and (warmup or not careful) and step / warmup < 1:
            return peak * step / warmup
        if up == "ahead" and step + 1 < warmup:
            return peak * (step + 1) / warmup
        share = {
            "line": (step - warmup) / (steps - warmup),
            "flat": 0,
            "from 0": step / steps,
            "long": (step - warmup) / steps,
            "cosine": 0.5 - 0.5 * math.cos(math.pi * (step - warmup) / (steps - warmup)),
        }[down]
        return peak * max(0.0, 1 - share) if clip else peak * (1 - share)

    return answer


def _stop(losses, patience):
    best = 0
    for place, loss in enumerate(losses):
        best = place if loss < losses[best] else best
        if place - best >= patience:
            return place, best
    return len(losses) - 1, best


def _counting(compare, reset=True):
    """Count bad evaluations, as ``compare`` judges them; without ``reset`` an improvement forgives nothing."""

    def answer(losses, patience):
        best = bad = 0
        for place in range(1, len(losses)):
            if compare(losses, place, best):
                bad = 0 if reset else bad
            else:
                bad += 1
            best = place if losses[place] < losses[best] else best
            if bad >= patience:
                return place, best
        return len(losses) - 1, best

    return answer


def _loop(
    order="loss.backward() step() clear()",
    squash=False,
    eval_mode=False,
    new=False,
    sign=1,
    kind=torch.optim.AdamW,
    keep="mean",
):
    def answer(model, batches, epochs, rate):
        optimizer = kind(model.parameters(), lr=rate)
        model.train(not eval_mode)
        history = []
        for _ in range(epochs):
            optimizer = kind(model.parameters(), lr=rate) if new else optimizer
            losses = []
            for inputs, labels in batches:
                logits = model(inputs)
                loss = cross_entropy(logits.softmax(-1) if squash else logits, labels)
                for part in order.split():
                    if part == "loss.backward()":
                        (sign * loss).backward()
                    elif part == "step()":
                        optimizer.step()
                    else:
                        optimizer.zero_grad()
                losses.append(loss if keep == "tensors" else loss.item())
            if "step()" not in order:
                optimizer.step()
                optimizer.zero_grad()
            history.append(losses[-1] if keep == "last" else sum(losses) / len(losses))
        return history[-1] if keep == "number" else history

    return answer


def _cleared_by_epoch(model, batches, epochs, rate):
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    model.train()
    for _ in range(epochs):
        optimizer.zero_grad()
        for inputs, labels in batches:
            cross_entropy(model(inputs), labels).backward()
            optimizer.step()
    return [0.0] * epochs


WRONG = {
    "5.2": [
        (_scores(average="micro"), "under another name"),
        (_scores(average="macro"), "the mean F1 of both classes"),
        (_scores(pos_label=0), "the F1 of class 0"),
        (_scores(scale=100), "these are per cent"),
        (_scores(names=("accuracy", "F1")), "no 'f1' in the dictionary"),
        (_scores(axis=0), "take argmax over the last axis"),
        (lambda found: f1_score(found.label_ids, found.predictions.argmax(-1)), "a dictionary of named scores"),
        (_threshold, "not a vote for a class"),
        (_by_row, "one number"),
        (_precision, "the F1 of class 1 is"),
        (lambda found: {"accuracy": accuracy_score(found.label_ids, found.predictions), "f1": 0}, "two numbers a row"),
        (_tensors, "with .item()"),
    ],
    "5.1": [
        (lambda step, steps, warmup, peak: peak * (1 - step / steps), "at its peak from the start"),
        (_rate(down="flat"), "stays at its peak"),
        (_rate(down="from 0"), "so the rate jumps"),
        (_rate(down="long"), "as long as the whole training"),
        (_rate(down="cosine"), "along a cosine"),
        (_rate(clip=False), "walk uphill"),
        (_rate(up="ahead"), "one step ahead"),
        (_rate(careful=False), "divides by 0"),
        (lambda step, steps, warmup, peak: _rate()(step, steps, warmup, 1.0), "a share of the peak"),
        (lambda step, steps, warmup, peak: _rate()(step, steps - (step >= warmup), warmup, peak), "should be 1.2% of"),
    ],
    "5.3": [
        (lambda losses, patience: _stop(losses, 1), "at the first loss"),
        (lambda losses, patience: (_stop(losses, patience)[0], losses.index(min(losses))), "comes after the stop"),
        (lambda losses, patience: (_stop(losses, patience)[0],) * 2, "are not the best ones"),
        (lambda losses, patience: _stop(losses, patience)[::-1], "are swapped"),
        (lambda losses, patience: (len(losses) - 1, losses.index(min(losses))), "never stops"),
        (lambda losses, patience: [1 + place for place in _stop(losses, patience)], "start at 1"),
        (lambda losses, patience: _stop(losses, patience)[0], "two numbers are needed: where"),
        (_counting(lambda losses, place, best: losses[place] < losses[place - 1]), "with the one before"),
        (_counting(lambda losses, place, best: losses[place] < losses[best], reset=False), "back to 0"),
        (_counting(lambda losses, place, best: losses[place] <= losses[best]), "an equal loss"),
        (lambda losses, patience: _stop(losses, patience + 1), "one evaluation too late"),
        (lambda losses, patience: (_stop(losses, patience)[0], min(losses)), "the best loss itself"),
        (lambda losses, patience: (_stop(losses, 99)[1] + patience, _stop(losses, 99)[1]), "stay inside"),
    ],
    "5.4": [
        (_loop("loss.backward() clear() step()"), "Which line took them away"),
        (_loop("loss.backward() step()"), "pile up"),
        (_loop(squash=True), "does the softmax itself"),
        (_loop("loss.backward()"), "one step an epoch"),
        (_loop(new=True), "forgets its running averages"),
        (_loop(sign=-1), "the loss goes up"),
        (_loop(eval_mode=True), "in evaluation mode"),
        (_loop(kind=torch.optim.SGD), "change nothing but the bug"),
        (_loop(keep="tensors"), "the losses are tensors"),
        (_loop(keep="last"), "does not hold the mean loss"),
        (_loop(keep="number"), "return a list"),
        (_loop("step() clear() loss.backward()"), "before backward() has used them"),
        (_cleared_by_epoch, "cleared once an epoch"),
    ],
}
