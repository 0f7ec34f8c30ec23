"""The checks of chapter 05, fine-tuning for text classification."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from numbers import Number

import numpy as np
import torch
from transformers import EvalPrediction

from helpers import metrics
from helpers.exercises.checking import call, exercise, kind
from helpers.exercises.loops import MISTAKES, Probe, loop


@exercise("5.2")
def compute_metrics(answer: Callable) -> str | None:
    """``answer(found)``: logits and labels -> ``{"accuracy": ..., "f1": ...}``, the F1 of class 1."""
    from sklearn.metrics import f1_score

    labels = np.array([1, 1, 1, 1, 1, 0, 0, 0, 1, 1])
    said = np.array([1, 1, 1, 0, 1, 1, 1, 0, 1, 1])
    logits = np.where(said[:, None] == [0, 1], 1.5, -0.5) + np.linspace(2, -2, 10)[:, None]  # both may be negative
    try:
        got = call(answer, EvalPrediction(predictions=logits, label_ids=labels))
    except ValueError as error:
        if "continuous" not in str(error):
            raise
        return (
            "scores are counted from labels, but these are logits, two numbers a row: which of them is larger? (argmax)"
        )
    if not isinstance(got, dict):
        return f"Trainer wants a dictionary of named scores, but your function returned {kind(got)}."
    missing = [name for name in ("accuracy", "f1") if name not in got]
    if missing:
        return f"there is no {missing[0]!r} in the dictionary; its names are {', '.join(map(str, got)) or 'none'}."
    if any(isinstance(got[name], torch.Tensor) and got[name].ndim == 0 for name in ("accuracy", "f1")):
        return "a score is still a tensor; take the plain number out of it with .item()."
    if not all(isinstance(got[name], Number) for name in ("accuracy", "f1")):
        return "each score must be one number; is the average over the rows missing?"
    accuracy, f1 = float(got["accuracy"]), float(got["f1"])
    right, wanted = metrics.accuracy(said, labels), f1_score(labels, said)
    if math.isclose(accuracy, 100 * right, abs_tol=1e-6) or math.isclose(f1, 100 * wanted, abs_tol=1e-6):
        return "these are per cent; Trainer and its logs want shares between 0 and 1."
    if math.isclose(accuracy, metrics.accuracy((logits[:, 1] > 0).astype(int), labels), abs_tol=1e-6):
        return "a logit above 0 is not a vote for a class; the larger of the row's two logits is (argmax)."
    if not math.isclose(accuracy, right, abs_tol=1e-6):
        return (
            f"the accuracy of the example is {right:.2f}, but yours is {accuracy:.2f}; take argmax over the last axis."
        )
    if math.isclose(f1, accuracy, abs_tol=1e-6):
        return "this F1 is the accuracy under another name (average='micro' gives that); F1 needs precision and recall."
    if math.isclose(f1, f1_score(labels, said, pos_label=0), abs_tol=1e-6):
        return "this is the F1 of class 0; the class that MRPC looks for is 1, 'equivalent'."
    if math.isclose(f1, f1_score(labels, said, average="macro"), abs_tol=1e-6):
        return "this is the mean F1 of both classes (macro); MRPC reports that of class 1 alone."
    if not math.isclose(f1, wanted, abs_tol=1e-6):
        return f"the accuracy is right; the F1 of class 1 is {wanted:.2f} in the example, but yours is {f1:.2f}."
    return None


def _rate(step: int, steps: int, warmup: int, peak: float) -> float:
    if step < warmup:
        return peak * step / warmup
    return peak * max(0.0, (steps - step) / (steps - warmup))


@exercise("5.1")
def schedule(answer: Callable) -> str | None:
    """``answer(step, steps, warmup, peak)``: up in a line from 0 to peak, down in a line to 0."""

    def got(step: int, steps: int = 100, warmup: int = 20, peak: float = 0.5) -> float:
        return float(call(answer, step, steps, warmup, peak))

    def is_(value: float, expected: float) -> bool:
        return math.isclose(value, expected, abs_tol=1e-9)

    if got(10) and is_(got(10), got(10, peak=2.0)):
        return "whatever `peak` is, your rate is the same; what you have is a share of the peak, so multiply by it."
    if is_(got(10), 0.5) or is_(got(0), 0.5):
        return "the rate is at its peak from the start; in the first `warmup` steps it rises from 0."
    if is_(got(0), 0.5 / 20):
        return "step 0 should have the rate 0, but yours is one step ahead."
    if not is_(got(10), 0.25):
        return f"half-way up the rate should be half the peak, but yours is {got(10) / 0.5:.0%} of it."
    if is_(got(60), 0.5):
        return "after the warm-up the rate stays at its peak; it should fall in a line to 0 at the last step."
    if is_(got(60), 0.5 * (1 - 60 / 100)):
        return "the way down starts from where step 0 would be, so the rate jumps after the warm-up; count from there."
    if is_(got(60), 0.25 * (1 + math.cos(math.pi * 0.5))) and not is_(got(40), 0.375):
        return "this falls along a cosine; a straight line was asked for."
    if is_(got(60), 0.5 * (1 - 40 / 100)):
        return "the way down is as long as the whole training, so the rate does not arrive at 0; it has steps - warmup."
    try:
        without = got(0, warmup=0)
    except ZeroDivisionError:
        return "with warmup=0 your function divides by 0; then the rate starts at its peak."
    if not is_(without, 0.5):
        return f"with warmup=0 the first rate should be the peak, but yours is {without / 0.5:.0%} of it."
    if got(120) < 0:
        return "beyond the last step your rate is negative: the model would walk uphill. Stop at 0."
    for step in (0, 7, 20, 99, 100, 120, 21, 40):
        if not is_(got(step), _rate(step, 100, 20, 0.5)):
            share = _rate(step, 100, 20, 1)
            return f"at step {step} of 100 (20 of them warm-up) the rate should be {share:.1%} of the peak, not {got(step) / 0.5:.1%}."
    if not is_(short := got(30, 90, 500, 2.0), _rate(30, 90, 500, 2.0)):
        return f"a warm-up longer than the training never ends: step 30 of 500 has 6% of the peak, not {short / 2:.0%}."
    return None


def _stop(losses: list[float], patience: int) -> tuple[int, int]:
    best = 0
    for place, loss in enumerate(losses):
        if loss < losses[best]:
            best = place
        if place - best >= patience:
            return place, best
    return len(losses) - 1, best


@exercise("5.3")
def early_stop(answer: Callable) -> str | None:
    """``answer(losses, patience)``: (number of the evaluation after which training stops, number of the best one)."""
    cases = {
        "plain": ([0.9, 0.7, 0.6, 0.65, 0.7, 0.8, 0.9], 2),
        "never": ([0.9, 0.8, 0.7, 0.6], 2),
        "patient": ([0.9, 0.7, 0.75, 0.6, 0.65, 0.62, 0.61, 0.2], 3),
        "sawtooth": ([0.5, 0.9, 0.8, 0.7, 0.6, 0.3], 3),
        "equal": ([0.5, 0.4, 0.4, 0.4, 0.3], 2),
    }
    got = {}
    for name, (losses, patience) in cases.items():
        value = call(answer, list(losses), patience)
        if isinstance(value, (tuple, list)) and len(value) == 2 and isinstance(value[1], float) and value[1] in losses:
            return "the second number is the best loss itself; return its place in the list, counted from 0."
        try:
            got[name] = tuple(int(number) for number in value)
        except TypeError:
            got[name] = ()
        if len(got[name]) != 2:
            return "two numbers are needed: where training stops, and which evaluation was best."
    if got["plain"] == (5, 3) and got["never"] in ((4, 4), (3, 3)):
        return "your numbers start at 1; the first evaluation is number 0."
    if got["plain"] == _stop(*cases["plain"])[::-1]:
        return "the two numbers are swapped: first where training stops, then which one was best."
    if got["never"][0] >= len(cases["never"][0]):
        return f"with 4 losses and no stop, the last evaluation is number 3, but yours is {got['never'][0]}: count from 0, and stay inside."
    if got["plain"] == (5, 2):
        return "you stop one evaluation too late: with patience 2, the second one without a new best is the last (>= or >?)."
    if got["plain"][0] == 6:
        return "training never stops: count the evaluations since the best one, and compare with patience."
    if got["plain"][0] == 3:
        return "you stop at the first loss that is not better; patience says how many of those to bear."
    if got["plain"] == (4, 4):
        return (
            "the weights of the last evaluation are not the best ones: return the number of the smallest loss so far."
        )
    if got["sawtooth"][0] == 5:
        return "you compare each loss with the one before; a loss is an improvement only if it beats the best so far."
    if got["patient"][1] == 7:
        return "the best loss comes after the stop, which nobody will ever see; look only at evaluations up to it."
    if got["patient"] != _stop(*cases["patient"]):
        return "an improvement has to set the count back to 0: only evaluations since the best one count."
    if got["equal"] != _stop(*cases["equal"]):
        return "an equal loss is no improvement; only a smaller one is."
    for name, (losses, patience) in cases.items():
        if got[name] != _stop(losses, patience):
            return f"for {losses} and patience {patience} the answer is {_stop(losses, patience)}, but yours is {got[name]}."
    return None


@exercise("5.4")
def train_loop(answer: Callable) -> str | None:
    """``answer(model, batches, epochs, rate)``: trains with AdamW, returns the mean loss of each epoch."""
    start, epochs, rate = Probe().eval(), 4, 0.02
    inputs = torch.randn(28, 6)
    labels = (inputs[:, :3] + 0.3 * torch.randn(28, 3)).argmax(-1)
    batches = [(inputs[i : i + 8], labels[i : i + 8]) for i in range(0, 28, 8)]

    def after(**wrong: object) -> tuple[torch.Tensor, list[float]]:
        model = copy.deepcopy(start)
        return loop(model, batches, epochs, rate, **wrong), model.weights()

    def same(a: torch.Tensor, b: torch.Tensor) -> bool:
        return torch.allclose(a, b, atol=1e-4)

    model = copy.deepcopy(start)
    try:
        history = call(answer, model, batches, epochs, rate)
    except RuntimeError as error:
        if "inplace" not in str(error):
            raise
        return "step() moves the weights before backward() has used them: first the gradients, then the step."
    wanted, weights = after()
    own = model.weights()
    if torch.equal(own, start.weights()):
        return "no weight has changed: when step() comes, there are no gradients left. Which line took them away?"
    for message, wrong in MISTAKES.items():
        if same(own, after(**wrong)[1]):
            return message
    if False in model.modes:
        return "the model runs in evaluation mode while it is trained, so its dropout would be off: call model.train()."
    if not same(own, weights):
        return "the weights move, but not as AdamW with this rate, one step a batch, moves them; change nothing but the bug."
    if not isinstance(history, list) or len(history) != epochs:
        return f"the weights are right; return a list with the mean loss of each of the {epochs} epochs."
    if any(isinstance(loss, torch.Tensor) for loss in history):
        return "the losses are tensors, each of which keeps its whole graph in memory; take loss.item()."
    if not np.allclose(history, wanted, atol=1e-4):
        return "the weights are right, but the list does not hold the mean loss over each epoch's batches."
    return None
