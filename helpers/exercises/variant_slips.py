"""What goes wrong with a step of BPE (exercise 10.1) and with the distillation loss (10.2): computed, so that a check can name it."""

from __future__ import annotations

import itertools
from collections import Counter

import torch
from torch.nn.functional import cross_entropy, kl_div, mse_loss

from helpers.distillation import soft_loss
from helpers.exercises.checking import close

Words = dict[tuple[str, ...], int]
Pair = tuple[str, str]


def count_pairs(words: Words, how: str = "neighbours") -> Counter:
    """How often each pair stands in the text; ``how`` makes a wrong count."""
    counts: Counter = Counter()
    for word, count in words.items():
        pairs = list(itertools.combinations(word, 2) if how == "any two" else itertools.pairwise(word))
        for pair in set(pairs) if how == "once a word" else pairs:
            counts[pair] += 1 if how == "words" else count
    return counts


def commonest(counts: Counter) -> Pair:
    """The commonest pair, and among equals the first of the alphabet."""
    return min(counts, key=lambda pair: (-counts[pair], pair))


def merge(word: tuple[str, ...], pair: Pair, how: str = "right") -> tuple:
    """The word with the pair joined; ``how`` makes a wrong one."""
    if how == "as text":
        return tuple(" ".join(word).replace(" ".join(pair), "".join(pair)).split())
    parts: list = []
    place = 0
    while place < len(word) - (how == "end lost"):
        both = word[place : place + 2] == pair
        parts.append((pair if how == "nested" else "".join(pair)) if both else word[place])
        place += 2 if both and how != "no skip" else 1
    return tuple(parts)


def merged(words: Words, pair: Pair, how: str = "right") -> Words:
    """All words with the pair joined."""
    made: Counter = Counter()
    for word, count in words.items():
        made[merge(word, pair, how)] += count
    return dict(made)


def merge_slip(made: Words, words: Words, pair: Pair) -> str | None:
    """Name what is wrong with the ``made`` words, which should be ``merged(words, pair)``; ``None`` if it is nothing known."""
    right = merged(words, pair)
    if made == words:
        return "the pair is right, but the words are as before: merge it in each of them."
    if any(isinstance(word, str) for word in made):
        return "a word must stay a tuple of symbols; as one string nothing is left to merge."
    if made == merged(words, pair, "no skip"):
        return f"after {''.join(pair)!r} its second symbol, {pair[1]!r}, stands there once more: go on by two places after a hit."
    if made == merged(words, pair, "end lost"):
        return "the last symbol of a word gets lost if it is not part of the pair; a word does not end before it."
    if made == merged(words, pair, "nested"):
        return "the merged pair must be one string, as every symbol is; yours is a tuple inside the word."
    if made == {word: count for word, count in right.items() if word not in words}:
        return "only the words with the pair came back; the others stay in the text as they are."
    if made == words | right:
        return "the old forms of the words are still there beside the new ones; build a new dictionary."
    if made.keys() == right.keys():
        return "the words are right, but their counts are not: a word stands in the text as often as before."
    return None


def distillation_slip(got: object, student: torch.Tensor, teacher: torch.Tensor, t: float) -> str | None:
    """Name what is wrong with ``got``, which is not ``soft_loss(student, teacher, t)``; ``None`` if it is nothing known."""
    texts, classes = student.shape
    expected = soft_loss(student, teacher, t)
    log_q, log_p = (student / t).log_softmax(-1), (teacher / t).log_softmax(-1)
    hard_q, hard_p = student.log_softmax(-1), teacher.log_softmax(-1)
    across_q, across_p = (student / t).log_softmax(0), (teacher / t).log_softmax(0)
    entropy = -(log_p.exp() * log_q).sum(-1).mean()
    after = t * t * (hard_p.exp() / t * (hard_p - hard_q)).sum(-1).mean()
    probabilities = "F.kl_div wants the *logarithms* of the student's probabilities, and yours are the probabilities."
    mistakes = [
        (
            "two things are missing: the factor T², and the sum over the classes (F.kl_div needs reduction='batchmean').",
            expected / (t * t * classes),
        ),
        (probabilities, t * t * kl_div(log_q.exp(), log_p.exp(), reduction="batchmean")),
        (
            "the softmax runs over the texts; the classes of one text compete, so it belongs on the last axis.",
            t * t * (across_p.exp() * (across_p - across_q)).sum(-1).mean(),
        ),
        (
            "the softmax runs over the texts; the classes of one text compete, so it belongs on the last axis.",
            t * t * (across_p.exp() * (across_p - across_q)).sum() / classes,
        ),
        (
            "the temperature divides the probabilities, which softens nothing; divide the *logits*, before the softmax.",
            after,
        ),
        (
            "the differences of the logarithms are not weighed: each counts as much as the teacher's probability p.",
            t * t * (log_p - log_q).sum(-1).mean(),
        ),
        (
            "the weights are logarithms of p here; take the probabilities themselves, log_p.exp().",
            t * t * (log_p * (log_p - log_q)).sum(-1).mean(),
        ),
        (
            "the sum runs over the texts and the mean over the classes; it is the other way round.",
            t * t * (log_p.exp() * (log_p - log_q)).sum(0).mean(),
        ),
        (
            "you multiply the logits by the temperature, which makes both surer; divide by it.",
            soft_loss(student * t * t, teacher * t * t, t),
        ),
        (
            "only one of the two is softened; divide the student's logits and the teacher's by the temperature.",
            soft_loss(student, teacher * t, t),
        ),
        (
            "only one of the two is softened; divide the student's logits and the teacher's by the temperature.",
            soft_loss(student * t, teacher, t),
        ),
        ("without the factor T² the gradients shrink when the temperature grows; multiply by it.", expected / (t * t)),
        ("you divide by T²; multiply by it, or the gradients shrink even more.", expected / t**4),
        ("the factor is T², not T: both distributions were softened.", expected / t),
        (
            "the logits are not softened: divide both by the temperature before the softmax.",
            soft_loss(student, teacher, 1.0),
        ),
        (
            "the logits are not softened: divide both by the temperature before the softmax.",
            t * t * soft_loss(student, teacher, 1.0),
        ),
        (
            "you average over texts and classes; a divergence is a sum over the classes, then a mean over the texts.",
            expected / classes,
        ),
        ("this is the sum over the texts; take their mean, or the step grows with the batch.", expected * texts),
        (
            "this is the divergence the other way round: the teacher's probabilities are the weights.",
            soft_loss(teacher, student, t),
        ),
        (
            "this is the cross-entropy; it is not 0 for a perfect student: subtract the teacher's own entropy.",
            t * t * entropy,
        ),
        ("this is the cross-entropy, and without T²; subtract the teacher's own entropy, then multiply.", entropy),
        (
            "these are hard labels: only the teacher's first choice is left, and what it thinks of the others is lost.",
            cross_entropy(student, teacher.argmax(-1)),
        ),
        ("this compares logits directly; here the softened probabilities are compared.", mse_loss(student, teacher)),
        (
            "these are differences of probabilities; the loss takes the differences of their *logarithms*.",
            t * t * mse_loss(log_q.exp(), log_p.exp()),
        ),
        (
            "these are differences of probabilities; the loss takes the differences of their *logarithms*.",
            t * t * (log_p.exp() * (log_p.exp() - log_q.exp())).sum(-1).mean(),
        ),
        *(
            (f"a temperature of {fixed} is used whatever the argument says.", soft_loss(student, teacher, fixed))
            for fixed in (2.0, 4.0, 5.0)
        ),
        ("the sign is wrong: this loss falls when the student gets worse.", -expected),
    ]
    return next((message for message, wrong in mistakes if close(got, wrong)), None)
