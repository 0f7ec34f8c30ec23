"""The check of chapter 00's single exercise."""

from __future__ import annotations

from collections.abc import Callable

from helpers.exercises.checking import call, exercise


@exercise("0.1")
def count_masks(answer: Callable[[str], int]) -> str | None:
    """``answer(sentence)`` is how many times [MASK] occurs in it."""
    none, one, two = "No hole here.", "One [MASK] only.", "[MASK] and [MASK] again"
    if not isinstance(call(answer, one), int):
        return "a whole number is needed: how many [MASK] there are."
    if call(answer, "A mask is no mask.") == 2:
        return "the plain word mask was counted, too; only the token with its brackets and capitals counts."
    if call(answer, none) == call(answer, one) == call(answer, two):
        return "your function gives the same number for every sentence; it has to look into the sentence."
    if call(answer, none) != 0:
        return f"a sentence without a hole should give 0, but yours gives {call(answer, none)}; splitting makes one part more than there are cuts."
    if call(answer, "in small letters: [mask].") == 1:
        return "[mask] in small letters was counted, too; the tokenizer knows only the token in capitals."
    if call(answer, two) == 1:
        return "two holes were counted as one; count them, do not just look whether there is one."
    expected = {
        none: 0,
        one: 1,
        two: 2,
        "": 0,
        "[MASK][MASK][MASK]": 3,
        "A mask is no [MASK].": 1,
        "MASK without brackets": 0,
    }
    for sentence, count in expected.items():
        if call(answer, sentence) != count:
            return f"for {sentence!r} the count should be {count}, but yours is {call(answer, sentence)}."
    return None
