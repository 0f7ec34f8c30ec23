"""The checks of chapter 08, natural language inference."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping

import torch

from helpers.exercises.checking import call, close, difference, exercise, kind
from helpers.exercises.inference_slips import many_labels_slip, not_two_lists, one_label_slip, scores

CLS, SEP = 101, 102


def _pair(premise: list[int], hypothesis: list[int], room: int) -> tuple[list[int], list[int]]:
    kept = premise[: room - 3 - len(hypothesis)]
    return [CLS, *kept, SEP, *hypothesis, SEP], [0] * (len(kept) + 2) + [1] * (len(hypothesis) + 1)


@exercise("8.1")
def fit_pair(answer: Callable) -> str | None:
    """``answer(premise, hypothesis, room)``: the pair's ids and token types; only the premise's end may be cut."""
    premise, hypothesis, room = list(range(1, 11)), list(range(21, 26)), 14

    def got(room: int) -> tuple[list[int], list[int]]:
        ids, types = call(answer, list(premise), list(hypothesis), room)
        return [int(i) for i in ids], [int(t) for t in types]

    if (message := not_two_lists(call(answer, list(premise), list(hypothesis), 18))) is not None:
        return message
    ids, types = got(18)
    wanted, wanted_types = _pair(premise, hypothesis, 18)
    if CLS not in ids or ids.count(SEP) != 2:
        return "a pair has [CLS] (101) at its start, and a [SEP] (102) after each of its two texts."
    if ids == _pair(premise[:-1], hypothesis, 18)[0]:
        return "a pair that fits exactly (10 + 5 + 3 of 18) loses a token; count the special tokens: there are three."
    if ids == [CLS, SEP, *hypothesis, SEP]:
        return "a pair that fits has lost its premise: a slice up to -0 is empty. Count what stays, not what goes."
    if ids == [CLS, *hypothesis, SEP, *premise, SEP]:
        return "the hypothesis comes first; the order is premise, then hypothesis."
    if ids.count(CLS) > 1:
        return (
            "there is a second [CLS]; a pair has one, at its start, and the hypothesis follows the first [SEP] at once."
        )
    if len(ids) < len(wanted):
        return f"this pair fits exactly into 18, so nothing may be cut; yours has {len(ids)} tokens."
    if ids != wanted:
        return f"for a pair that fits, the ids should be {wanted}, but yours are {ids}."
    if len(types) != len(ids):
        return f"there are {len(types)} token types for {len(ids)} tokens; each token needs one."
    if types == [0] * 11 + [1] * 7:
        return "the first [SEP] closes the premise, and belongs to it: its token type is 0."
    if types == [0] * 17 + [1] or types == [*wanted_types[:-1], 0]:
        return "the last [SEP] closes the hypothesis; it and the hypothesis have the token type 1."
    if set(types) == {0}:
        return "every token type is 0; the hypothesis and the [SEP] after it have 1."
    if types == [t + 1 for t in wanted_types]:
        return "the token types are 0 and 1, not 1 and 2."
    if types == [1 - t for t in wanted_types]:
        return "the token types are the wrong way round: 0 for the premise, 1 for the hypothesis."
    if types != wanted_types:
        return f"the token types should be {wanted_types}, but yours are {types}."
    ids, types = got(room)
    wanted, wanted_types = _pair(premise, hypothesis, room)
    if len(ids) == 18:
        return "nothing was cut: 18 tokens, and only 14 fit. [CLS] and both [SEP] take room, too."
    if len(ids) > room:
        return f"this pair has {len(ids)} tokens, more than the {room} that fit; [CLS] and both [SEP] count, too."
    if SEP not in ids[-1:]:
        return "the end of the pair was cut off, with its [SEP]; cut the premise before you put the pair together."
    if not set(hypothesis) <= set(ids):
        return "the hypothesis has lost words; only the premise may be cut."
    if ids[1 : ids.index(SEP)] == premise[-(room - 8) :]:
        return "you keep the end of the premise; the card asks for its beginning."
    if len(ids) < room:
        return f"only {len(ids)} of {room} places are used; the premise was cut by more than is needed."
    if ids == wanted and len(types) > len(ids):
        return "the token types still count the premise as it was before the cut; count what is left of it."
    if (ids, types) != (wanted, wanted_types):
        return f"of this pair should remain {wanted} with the types {wanted_types}, but you have {ids} and {types}."
    ids, types = got(25)
    if len(ids) > 18 or len(types) > 18:
        return "where there is room left, you fill it up; padding belongs to a batch, and is not asked for here."
    if ids != _pair(premise, hypothesis, 25)[0]:
        return f"with more room than is needed the whole pair should remain, but your ids are {ids}."
    ids, types = got(8)
    if len(ids) > 8:
        return f"if there is room for the hypothesis alone, nothing of the premise may stay; yours has {len(ids)} tokens for a room of 8."
    if (ids, types) != _pair(premise, hypothesis, 8):
        return f"with room for the hypothesis alone no premise is left, but your ids are {ids}."
    return None


@exercise("8.2")
def in_order(answer: Callable) -> str | None:
    """``answer(logits, label2id, names)``: the columns of ``(rows, classes)``, put into the order of ``names``."""
    names = ["entailment", "contradiction", "neutral"]
    own = {"neutral": 0, "entailment": 1, "contradiction": 2}  # a cycle: its inverse is another order
    logits = torch.tensor([[0.1, 2.0, 1.0], [3.0, 0.2, 0.4], [0.3, 0.5, 0.9], [-1.0, -2.0, -3.0]])
    expected = logits[:, [own[name] for name in names]]
    got = call(answer, logits, dict(own), list(names))
    if isinstance(got, torch.Tensor) and got.shape == (len(logits),):
        return "this is one number a row; keep all three logits of a row, only in another order."
    if close(got, expected.softmax(dim=1)):
        return "the order is right, but these are probabilities; leave the logits as they are."
    if close(got, expected.log_softmax(dim=1)):
        return "the order is right, but a log_softmax has changed the numbers; leave the logits as they are."
    if close(got, logits):
        return "nothing has moved: the columns still stand in the model's order."
    backwards = torch.empty_like(logits)
    backwards[:, [own[name] for name in names]] = logits
    if close(got, backwards):
        return "these are the places the other way round: column label2id['neutral'] must move to where 'neutral' stands in names."
    overwritten = logits.clone()
    for place, name in enumerate(names):
        overwritten[:, place] = overwritten[:, own[name]]
    if close(got, overwritten):
        return (
            "a column is overwritten before it has been read, as `out = logits` makes no copy; write into a new tensor."
        )
    if close(got, logits[[own[name] for name in names]]):
        return "you picked rows, and each row is a pair; the columns come after the comma: logits[:, ...]."
    if close(got, logits[:, [own[name] for name in sorted(names)]]):
        return "these columns are sorted by name; the order that counts is the one of `names`."
    if close(got, logits.sort(dim=1, descending=True).values) or close(got, logits.sort(dim=1).values):
        return "you sorted the numbers of each row; then nobody knows any more which label they belong to."
    if close(got, expected.T):
        return "rows and columns have changed places; a row is a pair, a column a label."
    if (message := difference(got, expected)) is not None:
        if any(close(got, logits[:, list(order)]) for order in itertools.permutations(range(3))):
            return "whole columns have moved, but not to the order of `names`; do the places come from this label2id, or from another?"
        return message
    try:
        two = call(answer, logits[:, :2], {"no": 0, "yes": 1}, ["yes", "no"])
    except KeyError:
        two = None
    if not close(two, logits[:, [1, 0]]):
        return "three labels work, but other names do not; take names and places from the arguments."
    return None


def _words(text: str) -> set[str]:
    return set(text.lower().split())


def _giveaways(hypotheses: list[str], labels: list[str], least: int) -> dict[str, tuple[str, float]]:
    found = {}
    for word in sorted(set().union(*map(_words, hypotheses))):
        own = [label for text, label in zip(hypotheses, labels, strict=True) if word in _words(text)]
        if len(own) >= least:
            top = max(sorted(set(own)), key=own.count)
            found[word] = (top, own.count(top) / len(own))
    return found


@exercise("8.3")
def giveaways(answer: Callable) -> str | None:
    """``answer(hypotheses, labels, least)``: word -> (its commonest label, the share of its hypotheses with that label)."""
    rows = [
        ("nobody is here", "contradiction"),
        ("Nobody sings", "contradiction"),
        ("Nobody is asleep", "contradiction"),
        ("Nobody and nobody and nobody and nobody", "neutral"),
        ("a tall man sings", "neutral"),
        ("a sad man is here", "neutral"),
        ("a man sings", "entailment"),
        ("a man sings well", "entailment"),
        ("a man sings.", "entailment"),  # split at spaces, this is another word than the others' sings
    ]
    texts, labels = [text for text, _ in rows], [label for _, label in rows]
    got, expected = call(answer, list(texts), list(labels), 3), _giveaways(texts, labels, 3)
    if not isinstance(got, Mapping):
        return f"a dictionary from word to (label, share) is needed, but your function returned {kind(got)}."
    if not got:
        return "your dictionary is empty; here are nine hypotheses, and `least` is 3."
    rare = [word for word in got if word not in expected and word.lower() == word]
    if len(got) > len(expected) and "tall" in got:
        return "'tall' stands in one hypothesis only, and so is pure by luck; leave out words below `least`."
    if set(got) == {"nobody"}:
        return "only 'nobody' is there; a word gets its entry whatever its share is, if enough hypotheses have it."
    if not {"man", "sings", "nobody"} & set(got):
        return f"none of the words is there that should be ({', '.join(expected)}); split the hypotheses at spaces."
    if "nobody" not in got:
        return "'nobody' is missing: 'Nobody' and 'nobody' are one word, so make them lower case first."
    value = got["nobody"]
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        return "each word needs two things: its commonest label, and the share of its hypotheses with that label."
    label, share = value
    if isinstance(label, (int, float)):
        return "the two things are swapped: first the label, then the share."
    if isinstance(label, (tuple, list)):
        return "most_common gives pairs of a label and its count; the label alone is asked for."
    if isinstance(share, str):
        return "the share is a string in yours; return the number, and format only what you print."
    if label == "neutral" and math.isclose(share, 4 / 7):
        return "a hypothesis that says 'nobody' four times counts four times; count each hypothesis once a word."
    if label != "contradiction":
        return f"'nobody' stands in three hypotheses of contradiction and in one of neutral, so {label!r} is not its commonest label."
    if math.isclose(share, 3 / 5):
        return "'Nobody' and 'nobody' in one hypothesis count as two; make the text lower case before the set is made."
    if math.isclose(share, 75):
        return "these are per cent; a share lies between 0 and 1."
    if share > 1:
        return "these are counts; a share divides by the number of hypotheses that have the word."
    if math.isclose(share, 1):
        return "you divide by the hypotheses that have the label (or by `least`?); divide by those that have the word."
    if math.isclose(share, 3 / 9):
        return "you divide by the number of all hypotheses; divide by those that have the word."
    if rare or set(got) > set(expected):
        return (
            f"'{next(iter(set(got) - set(expected)))}' should not be there: it occurs in fewer than `least` hypotheses."
        )
    if "sings" not in got:
        return "'sings' stands in four hypotheses and is missing: compare `least` with the hypotheses of a word, not with those of its label."
    if set(got) < set(expected):
        return f"'{next(word for word in expected if word not in got)}' is missing: `least` hypotheses are enough."
    if math.isclose(got["a"][1], 3 / 7):
        return "'a' was also found inside of 'nobody is asleep': look for it among the words, not among the letters."
    if math.isclose(got["sings"][1], 3 / 5):
        return "'sings.' was taken for 'sings'; split at spaces, and leave the full stop where it is."
    for word, (top, part) in expected.items():
        if got[word][0] == top and 1e-6 < abs(got[word][1] - part) < 6e-3:
            return "your shares are rounded; return them as they are, and round only what you print."
        if got[word][0] != top or not math.isclose(got[word][1], part, abs_tol=1e-6):
            return f"'{word}' should have {top} with {part:.2f}, but you have {got[word][0]} with {got[word][1]:.2f}."
    return None


@exercise("8.4")
def zero_shot_scores(answer: Callable) -> str | None:
    """``answer(logits, label2id, multi_label)``: ``(texts, labels, 3)`` -> scores ``(texts, labels)``."""
    logits = torch.randn(4, 5, 3) * 2
    own = {"contradiction": 0, "entailment": 1, "neutral": 2}
    got = call(answer, logits, dict(own), False)
    if (message := one_label_slip(got, logits, own) or difference(got, scores(logits, own, False))) is not None:
        return message if "multi_label" in message else f"with multi_label=False: {message}"
    got = call(answer, logits, dict(own), True)
    if (message := many_labels_slip(got, logits, own) or difference(got, scores(logits, own, True))) is not None:
        return message if "multi_label" in message else f"with multi_label=True: {message}"
    for order in itertools.permutations(range(3)):
        named = dict(zip(own, order, strict=True))
        for multi in (False, True):
            if not close(call(answer, logits, named, multi), scores(logits, named, multi)):
                return "for one order of the labels it works, for another it does not; take every place from label2id."
    return None
