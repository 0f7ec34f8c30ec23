"""The checks of chapter 14, LIME and explanations on trial."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch

from helpers.exercises.checking import call, close, difference, exercise, slip
from helpers.exercises.trial_slips import falls, other_ends, other_falls, other_stabilities, stability, toy


def _kernel(kept: torch.Tensor, width: float) -> torch.Tensor:
    distance = 100 * (1 - kept.float().mean(dim=1).sqrt())
    return torch.exp(-(distance**2) / (2 * width**2))


@exercise("14.1")
def kernel(answer: Callable) -> str | None:
    """``answer(kept, width)``: 0/1 rows ``(samples, words)`` -> LIME's weight of each sample ``(samples,)``."""
    kept = torch.tensor([[1, 1, 0, 1, 1], [1, 1, 1, 1, 1], [0, 1, 0, 1, 0], [0, 0, 0, 0, 1]])
    width = 30.0
    got, expected = call(answer, kept, width), _kernel(kept, width)
    share = kept.float().mean(dim=1)
    if isinstance(got, torch.Tensor) and got.shape != expected.shape:
        return f"one weight a sample is needed, {len(kept)} here, but your tensor has the shape {tuple(got.shape)}."
    distance = 100 * (1 - share.sqrt())
    if close(got, distance) or close(got, distance / 100):
        return "this is the distance: it is largest for the samples that should count least. The kernel turns it round."
    if close(got, share) or close(got, share.sqrt()):
        return "this is how near a sample is, as a share or a cosine; the kernel makes a weight of it, which falls much faster."
    if close(got, 1 - expected):
        return "the samples that are far away count most here: the weight is largest, 1, where the distance is 0."
    if close(got, torch.exp(-((distance / 100) ** 2) / (2 * width**2))):
        return (
            "all weights are nearly 1: LIME multiplies the cosine distance by 100 before it compares it with the width."
        )
    if close(got, torch.exp(-(distance**2) / width**2)):
        return "your weights are the squares of LIME's: a square root is missing around the exponential function."
    if close(got, expected.sqrt()):
        return "the square root is taken twice, or the 2 squared with the width: exp(-distance² / (2 · width²)) has the root in it already."
    if close(got, torch.exp(-(distance**2) / (2 * width))) or close(got, torch.exp(-(distance**2) / width)):
        return "the width is not squared."
    if close(got, torch.exp(-(distance**2) / 2 * width**2)):
        return "you multiply by the width: a / 2 * b is (a / 2) · b, so put brackets around the whole divisor."
    if close(got, torch.exp(-((1 - 100 * share.sqrt()) ** 2) / (2 * width**2))):
        return "brackets are missing: the distance is 100 times (1 - cosine)."
    first = torch.nn.functional.cosine_similarity(kept.float(), kept[:1].float())
    if close(got, torch.exp(-((100 * (1 - first)) ** 2) / (2 * width**2))):
        return (
            "you compare with the first sample; compare with the row of ones, the whole text, which may stand anywhere."
        )
    if close(got, torch.exp(-((100 * (1 - share)) ** 2) / (2 * width**2))):
        return "this takes the share of words kept; the cosine with the whole text is the square root of that share."
    if close(got, _kernel(1 - kept, width)):
        return "here the samples with most words hidden count most: a 1 in `kept` means that the word is still there."
    if close(got, torch.exp(-distance / (2 * width))) or close(got, torch.exp(-distance / width)):
        return "the distance is not squared."
    if close(got, torch.exp(distance**2 / (2 * width**2))):
        return "the weights grow with the distance: the minus sign is missing."
    if close(got, expected / expected.sum()):
        return "you made the weights add up to 1; the whole text has the weight 1, and the others less."
    if close(got, _kernel(kept, 25.0)) or close(got, _kernel(kept, 25.0) ** 2):
        return "the width is an argument; you always use 25, the library's default."
    if (message := difference(got, expected)) is not None:
        return message
    nothing = call(answer, torch.tensor([[1, 1, 1], [0, 0, 0]]), width)
    if not close(nothing, _kernel(torch.tensor([[1, 1, 1], [0, 0, 0]]), width)):
        return f"where every word is hidden, your weight is {nothing[1].item():.3f}; take 0 for the cosine there, as LIME does."
    return None


@exercise("14.2")
def agreement(answer: Callable) -> str | None:
    """``answer(runs, k)``: scores ``(runs, words)`` -> the mean share of the top k words that two runs have in common."""
    runs = torch.tensor(
        [
            [-0.1, 0.3, 0.7, 0.6, 0.9, -0.4, -0.8],
            [0.3, -0.2, -0.4, 0.6, 0.9, -0.8, -0.1],
            [0.5, -0.3, 0.2, -0.8, 0.9, -0.4, 0.6],
            [0.7, 0.4, 0.2, -0.5, 0.9, 0.6, -0.3],
            [0.8, -0.4, 0.5, 0.3, 0.9, -0.2, 0.6],
            [0.5, 0.4, -0.7, -0.6, 0.9, 0.2, 0.8],
        ]
    )  # with these runs and k = 3, no two of the mistakes give the same number
    expected = stability(runs, 3)
    try:
        got = float(call(answer, runs, 3))
    except (TypeError, ValueError, RuntimeError) as error:
        if "float()" in str(error) or "converted to" in str(error):
            return "one number is needed: the mean over all pairs of runs."
        raise
    if not math.isclose(got, expected, abs_tol=1e-4):
        if message := slip(got, other_stabilities(runs, 3), partial(math.isclose, abs_tol=1e-4)):
            return message
        return f"for six runs and k = 3 it should be {expected:.3f}, but yours is {got:.3f}."
    for k in (1, 2):
        if not math.isclose(float(call(answer, runs, k)), stability(runs, k), abs_tol=1e-4):
            return f"k = 3 works, but k = {k} does not."
    if not math.isclose(float(call(answer, runs[:3, 1:], 2)), stability(runs[:3, 1:], 2), abs_tol=1e-4):
        return "six runs work, three do not; take the number of runs from the tensor."
    return None


@exercise("14.3")
def average_fall(answer: Callable) -> str | None:
    """``answer(predict, scores)``: hide the words one after the other, the highest score first -> the mean fall of the probability."""
    for scores in (torch.tensor([0.3, -0.8, 0.6, 0.1, 0.2]), torch.tensor([-0.1, 0.9, 0.2, 0.4, 0.5])):
        got = call(answer, toy, scores)
        if isinstance(got, torch.Tensor) and got.numel() != 1:
            return f"one number is needed, the mean of all {len(scores)} falls, but your tensor has the shape {tuple(got.shape)}."
        got, expected = torch.as_tensor(float(got)).double(), falls(scores).mean()
        if not close(got, expected):
            if message := slip(got, other_falls(scores)):
                return message
            more = " (though it is right for others): take the order from `scores`." if scores[1] > 0 else "."
            return f"for these scores the mean fall should be {expected:.3f}, but yours is {got:.3f}{more}"
    return None


@exercise("14.4")
def bootstrap_interval(answer: Callable) -> str | None:
    """``answer(values, rows)``: 95 % bootstrap interval of the mean; ``rows`` ``(draws, n)`` are the drawn indices."""
    values = torch.tensor([0.9, 0.1, 0.3, 0.25, -0.1, 0.6, 0.05, 0.4])
    rows = torch.randint(len(values), (1000, len(values)))
    got = call(answer, values, rows)
    if isinstance(got, torch.Tensor):
        got = got.tolist()
    try:
        low, high = (float(x) for x in got)
    except (TypeError, ValueError):
        return "two numbers are needed: the lower and the upper end."
    ordered = values[rows].mean(dim=1).sort().values

    def reached(low: float, high: float) -> bool:
        """Whether the ends lie among the 24th to 27th mean from below and from above: libraries count in different ways."""
        lower, upper = ordered[[23, 26]], ordered[[-27, -24]]
        return lower[0] - 1e-5 <= low <= lower[1] + 1e-5 and upper[0] - 1e-5 <= high <= upper[1] + 1e-5

    pair = torch.tensor([low, high])
    if not reached(low, high):
        if reached(high, low):
            return "the two ends have changed places: the lower one comes first."
        if message := slip(pair, other_ends(values, rows), partial(close, atol=1e-4)):
            return message
    if not all(math.isclose(float(x), 0.9, abs_tol=1e-4) for x in call(answer, values, torch.zeros_like(rows))):
        return (
            "the draws are in `rows`: where each of them took place 0, both ends are values[0]. Draw nothing yourself."
        )
    if not reached(low, high):
        wanted = ordered.quantile(torch.tensor([0.025, 0.975])).tolist()
        return f"it should be about {wanted[0]:.3f} to {wanted[1]:.3f}, but yours is {low:.3f} to {high:.3f}."
    fewer = [float(x) for x in call(answer, values[:5], rows[:200] % 5)]
    means = values[rows[:200] % 5].mean(dim=1).sort().values
    if not (means[3] - 1e-5 <= fewer[0] <= means[6] + 1e-5 and means[-7] - 1e-5 <= fewer[1] <= means[-4] + 1e-5):
        return "1000 draws of eight values work, 200 of five do not; take both numbers from the tensors."
    return None
