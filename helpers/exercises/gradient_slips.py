"""What goes wrong in the exercises of chapter 13: other numbers to differentiate, other ways for integrated gradients, other stops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from helpers.exercises.checking import call


def other_logits(targets: Tensor) -> dict[str, Callable[[Tensor], Tensor]]:
    """Misconception -> the number that was differentiated in place of each text's own logit (exercise 13.1)."""
    rows = torch.arange(len(targets))
    wrong = {
        "this is the gradient of all logits together; explain one class, the target of each text.": lambda z: z.sum(),
        "this explains the class that wins, not the one that was asked for; take the targets.": lambda z: z.amax(1).sum(),
        "logits[:, targets] pairs every text with every target; row i belongs to targets[i] alone.": lambda z: z[:, targets].sum(),
        "all texts are explained with the first text's target; each has its own.": lambda z: z[:, targets[0]].sum(),
        "only the first text is explained; pick one logit in every row.": lambda z: z[0, targets[0]],
        "this is the gradient of the probability, which fades when the model is sure; take the logit.": lambda z: (
            z.softmax(1)[rows, targets].sum()
        ),
        "all gradients are 0. Did you add up probabilities? Their sum is 1, whatever goes in; take one logit.": lambda z: z.softmax(1).sum(),
        "this is the gradient of the loss: it points away from the class, and fades when the model is right.": lambda z: cross_entropy(
            z, targets, reduction="sum"
        ),
        "this is the gradient of the mean loss; no loss is needed here, only the logit of the target.": lambda z: cross_entropy(z, targets),
        "this is the gradient of the log-probability, which fades like the loss; take the logit, without softmax.": lambda z: (
            z.log_softmax(1)[rows, targets].sum()
        ),
        "you averaged over the texts, so each gradient depends on how many texts there are; add the logits up.": lambda z: (
            z[rows, targets].mean()
        ),
        "the signs are turned round: a gradient points to where the logit grows.": lambda z: -z[rows, targets].sum(),
    }  # fmt: skip
    for number in range(4):
        wrong[f"class {number} is explained in every text; each has its own in `targets`, the argument."] = (
            lambda z, number=number: z[:, number].sum()
        )
    return wrong


def other_shares(steps: int) -> dict[str, Tensor]:
    """Misconception -> the shares of the way at which the gradient was taken (exercise 13.3)."""
    k = torch.arange(steps)
    places = k / steps
    return {
        "you average the two ends of each step (trapezoids); the card asks for its middle, (k + 0.5) / steps.": torch.cat(
            [places, places[1:], torch.ones(1)]
        ),
        "this takes the gradient at the end only; the point of the method is to average it over the way.": torch.ones(1),
        "each step is measured at its beginning, and the end never is; take its middle, (k + 0.5) / steps.": places,
        "each step is measured at its end; take its middle, (k + 0.5) / steps.": places + 1 / steps,
        "these points run from 0 to 1 with both ends, with unequal shares of the way; take the middles, (k + 0.5) / steps.": torch.linspace(
            0, 1, steps
        ),
        "these are the borders of the steps, one more than there are steps; take the middles, (k + 0.5) / steps.": torch.linspace(
            0, 1, steps + 1
        ),
        "most of these points lie beyond the end: brackets are missing in (k + 0.5) / steps.": k + 0.5 / steps,
        "these points lie half the way too far: brackets are missing in (k + 0.5) / steps.": places + 0.5,
        "there is one step too many, behind the end; k runs from 0 to steps - 1.": (torch.arange(steps + 1) + 0.5) / steps,
        "the first step is left out; k runs from 0 to steps - 1.": (k[1:] + 0.5) / steps,
        "`steps` is an argument, but you always take 32.": (torch.arange(32) + 0.5) / 32,
    }  # fmt: skip


class Ledger:
    """Stands in for integrated gradients in exercise 13.4: for each wrong stop, a number of steps at which it stops."""

    TOTALS: ClassVar[dict[int, float]] = {
        1: -0.9,
        2: 4.0,
        4: 4.0,
        8: -2.5,
        16: 2.6,
        32: 2.3,
        256: 15.0,
        512: 0.5,
        1024: 1.5,
    }

    def __init__(self, sign: int = 1) -> None:
        self.sign, self.asked = sign, []

    def score(self, points: Tensor) -> Tensor:
        """1.5 at ones (the start), 4.0 at twos (the end), for one point or several."""
        return self.sign * (2.5 * points.mean(dim=(-2, -1)) - 1)

    def integrated(self, _score: Callable, _start: Tensor, _end: Tensor, steps: int) -> Tensor:
        """Values (2, 3) whose sum is the entry of ``TOTALS``, or 2.5, which is right."""
        self.asked.append(steps)
        if len(self.asked) > 40 or steps > 4096:
            raise OverflowError("it never stops")
        values = torch.full((2, 3), self.TOTALS.get(steps, 2.5) / 6)
        if steps == 512:  # their sizes add up to 2.5, they themselves to 0.5
            values = torch.tensor([[0.5, 0.5, 0.5], [-0.5, -0.5, 0.0]])
        elif steps != 256:
            values += torch.tensor([[2.0, -2.0, 2.0], [-2.0, 2.0, -2.0]])
        return self.sign * values


# The number of steps at which a wrong rule stops with a Ledger and a tolerance of 0.05; the right one stops at 64
STOPS = {
    2: "you compare with score(end) alone; the values add up to what changed, score(end) - score(start).",
    4: "you stop when the sum no longer changes, but it can stand still at a wrong value; compare it with the scores.",
    8: "start and end are swapped: the values add up to score(end) - score(start).",
    16: "this gap is relative; the tolerance is meant in logits, not as a share of the change.",
    32: "this is one doubling too few: return the steps whose gap is below the tolerance, not those before.",
    128: "this is one doubling too many: return the steps whose gap was below the tolerance, before you double again.",
    256: "you average the values, or look at them one by one; completeness is about their sum.",
    512: "you add up the sizes of the values; their sum counts, with signs, and only the gap is taken without.",
    1024: "you compare with score(start), or with score(end - start); the values add up to score(end) - score(start).",
    3: "the steps should double (1, 2, 4, 8 ...), but yours grow by one.",
    6: "6 is the exponent; the steps are 2 to its power.",
}


def stop(answer: Callable, tolerance: float, sign: int = 1) -> tuple[object, int]:
    """What exercise 13.4's answer returns (infinity: it does not stop), and how often it asked for integrated gradients."""
    ledger, start, end = Ledger(sign), torch.ones(2, 3), torch.full((2, 3), 2.0)
    try:
        got = call(answer, ledger.integrated, ledger.score, start, end, tolerance)
    except OverflowError:
        return math.inf, len(ledger.asked)
    if isinstance(got, (np.integer, torch.Tensor)) and np.ndim(got) == 0 and int(got) == got:
        got = int(got)
    return got, len(ledger.asked)
