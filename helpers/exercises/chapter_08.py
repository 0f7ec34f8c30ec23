"""The checks of chapter 08, natural language inference."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping

import torch

from helpers.exercises.checking import call, close, difference, exercise

CLS, SEP = 101, 102


def _pair(premise: list[int], hypothesis: list[int], room: int) -> tuple[list[int], list[int]]:
    kept = premise[: room - 3 - len(hypothesis)]
    return [CLS, *kept, SEP, *hypothesis, SEP], [0] * (len(kept) + 2) + [1] * (len(hypothesis) + 1)


@exercise("8.1")
def fit_pair(answer: Callable) -> str | None:
    """``answer(premise, hypothesis, room)``: the pair's ids and token types; only the premise's end may be cut."""
    premise, hypothesis, room = list(range(1, 11)), list(range(21, 26)), 14

    def got(*arguments: object) -> tuple[list[int], list[int]]:
        ids, types = call(answer, *arguments)
        return [int(i) for i in ids], [int(t) for t in types]

    try:
        ids, types = got(list(premise), list(hypothesis), 18)
    except (TypeError, ValueError) as error:
        if "unpack" in str(error) or "iterable" in str(error):
            return "two lists are needed: the token ids, and a token type for each of them."
        raise
    wanted, wanted_types = _pair(premise, hypothesis, 18)
    if CLS not in ids or ids.count(SEP) != 2:
        return "a pair has [CLS] (101) at its start, and a [SEP] (102) after each of its two texts."
    if ids == _pair(premise[:-1], hypothesis, 18)[0]:
        return "a pair that fits exactly (10 + 5 + 3 of 18) loses a token; count the special tokens: there are three."
    if ids == [CLS, SEP, *hypothesis, SEP]:
        return "a pair that fits has lost its premise: a slice up to -0 is empty. Count what stays, not what goes."
    if ids == [CLS, *hypothesis, SEP, *premise, SEP]:
        return "the hypothesis comes first; the order is premise, then hypothesis."
    if ids != wanted:
        return f"for a pair that fits, the ids should be {wanted}, but yours are {ids}."
    if len(types) != len(ids):
        return f"there are {len(types)} token types for {len(ids)} tokens; each token needs one."
    if types == [0] * 11 + [1] * 7:
        return "the first [SEP] closes the premise, and belongs to it: its token type is 0."
    if types == [0] * 17 + [1] or types == [*wanted_types[:-1], 0]:
        return "the last [SEP] closes the hypothesis; it and the hypothesis have the token type 1."
    if types == [1 - t for t in wanted_types]:
        return "the token types are the wrong way round: 0 for the premise, 1 for the hypothesis."
    if types != wanted_types:
        return f"the token types should be {wanted_types}, but yours are {types}."
    ids, types = got(list(premise), list(hypothesis), room)
    wanted, wanted_types = _pair(premise, hypothesis, room)
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
    if (ids, types) != (wanted, wanted_types):
        return f"of this pair should remain {wanted} with the types {wanted_types}, but you have {ids} and {types}."
    ids, types = got(list(premise), list(hypothesis), 25)
    if len(ids) > 18 or len(types) > 18:
        return "where there is room left, you fill it up; padding belongs to a batch, and is not asked for here."
    if ids != _pair(premise, hypothesis, 25)[0]:
        return f"with more room than is needed the whole pair should remain, but your ids are {ids}."
    ids, types = got(list(premise), list(hypothesis), 8)
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
    if close(got, logits):
        return "nothing has moved: the columns still stand in the model's order."
    backwards = torch.empty_like(logits)
    backwards[:, [own[name] for name in names]] = logits
    if close(got, backwards):
        return "these are the places the other way round: column own['neutral'] must move to where 'neutral' stands in names."
    if close(got, logits[:, [own[name] for name in sorted(names)]]):
        return "these columns are sorted by name; the order that counts is the one of `names`."
    if close(got, logits.sort(dim=1, descending=True).values) or close(got, logits.sort(dim=1).values):
        return "you sorted the numbers of each row; then nobody knows any more which label they belong to."
    if close(got, expected.T):
        return "rows and columns have changed places; a row is a pair, a column a label."
    if (message := difference(got, expected)) is not None:
        return message
    two = call(answer, logits[:, :2], {"no": 0, "yes": 1}, ["yes", "no"])
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
        ("nobody and nobody and nobody and nobody", "neutral"),
        ("a tall man sings", "neutral"),
        ("a sad man is here", "neutral"),
        ("a man sings", "entailment"),
        ("a man sings well", "entailment"),
        ("a man moves", "entailment"),
    ]
    texts, labels = [text for text, _ in rows], [label for _, label in rows]
    got, expected = call(answer, list(texts), list(labels), 3), _giveaways(texts, labels, 3)
    if not isinstance(got, Mapping):
        return f"a dictionary from word to (label, share) is needed, but your function returned a {type(got).__name__}."
    rare = [word for word in got if word not in expected and word.lower() == word]
    if len(got) > len(expected) and "tall" in got:
        return "'tall' stands in one hypothesis only, and so is pure by luck; leave out words below `least`."
    if not {"man", "sings"} & set(got):
        return f"none of the words is there that should be ({', '.join(expected)}); split the hypotheses at spaces."
    if "nobody" not in got:
        return "'nobody' is missing: 'Nobody' and 'nobody' are one word, so make them lower case first."
    value = got["nobody"]
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        return "each word needs two things: its commonest label, and the share of its hypotheses with that label."
    label, share = value
    if isinstance(label, (int, float)):
        return "the two things are swapped: first the label, then the share."
    if label == "neutral":
        return "a hypothesis that says 'nobody' four times counts four times; count each hypothesis once a word."
    if share > 1:
        return "these are counts; a share divides by the number of hypotheses that have the word."
    if math.isclose(share, 1):
        return "this is the share of the label's hypotheses that have the word; asked is the share of the word's hypotheses that have the label."
    if math.isclose(share, 3 / 9):
        return "you divide by the number of all hypotheses; divide by those that have the word."
    if rare or set(got) > set(expected):
        return (
            f"'{next(iter(set(got) - set(expected)))}' should not be there: it occurs in fewer than `least` hypotheses."
        )
    if set(got) < set(expected):
        return f"'{next(word for word in expected if word not in got)}' is missing: `least` hypotheses are enough."
    for word, (top, part) in expected.items():
        if got[word][0] != top or not math.isclose(got[word][1], part, abs_tol=1e-6):
            return f"'{word}' should have {top} with {part:.2f}, but you have {got[word][0]} with {got[word][1]:.2f}."
    return None


def _scores(logits: torch.Tensor, label2id: dict[str, int], multi_label: bool) -> torch.Tensor:
    entailed = logits[..., label2id["entailment"]]
    if multi_label:
        return (entailed - logits[..., label2id["contradiction"]]).sigmoid()
    return entailed.softmax(dim=-1)


@exercise("8.4")
def zero_shot_scores(answer: Callable) -> str | None:
    """``answer(logits, label2id, multi_label)``: ``(texts, labels, 3)`` -> scores ``(texts, labels)``."""
    logits = torch.randn(4, 5, 3) * 2
    own = {"contradiction": 0, "entailment": 1, "neutral": 2}
    got = call(answer, logits, dict(own), False)
    expected, column = _scores(logits, own, False), logits[..., 1]
    if isinstance(got, torch.Tensor) and got.shape == (4,):
        return "this is one number a text; a score for each of its labels is wanted."
    if close(got, column):
        return "the column is right, but these are logits; a softmax over the labels makes scores of them."
    for name, place in (("contradiction", 0), ("neutral", 2)):
        if close(got, logits[..., place].softmax(-1)):
            return f"this is a softmax over the logits of '{name}': the place of entailment stands in label2id, and is not always {place}."
    if close(got, column.softmax(0)):
        return "this softmax runs over the texts; the labels of one text compete, so it belongs on the last axis."
    inside = logits.softmax(-1)[..., 1]
    if close(got, inside):
        return "this is each pair's own probability of entailment, and the scores of a text do not add up to 1: let the labels compete."
    if close(got, inside.softmax(-1)):
        return "here is a softmax of a softmax, which makes everything nearly equal; take the logits of entailment."
    if close(got, inside / inside.sum(-1, keepdim=True)):
        return "you normalise probabilities that the other two classes have already shaped; take the softmax of the entailment logits."
    if (message := difference(got, expected)) is not None:
        return f"with multi_label=False: {message}"
    got, expected = call(answer, logits, dict(own), True), _scores(logits, own, True)
    if close(got, column.softmax(-1)):
        return "with multi_label=True the labels still compete; then each is judged alone, entailment against contradiction."
    if close(got, column.sigmoid()):
        return "with multi_label=True you look at entailment alone; a logit means something only against another: contradiction's."
    if close(got, inside):
        return "with multi_label=True neutral still has a part; leave it out, and take the softmax over the other two."
    if close(got, (column - logits[..., 2]).sigmoid()):
        return "with multi_label=True you compare entailment with neutral; its opponent is contradiction."
    if close(got, 1 - expected):
        return "with multi_label=True this is the share of contradiction; the other one is wanted."
    if (message := difference(got, expected)) is not None:
        return f"with multi_label=True: {message}"
    for order in itertools.permutations(range(3)):
        named = dict(zip(own, order, strict=True))
        for multi in (False, True):
            if not close(call(answer, logits, named, multi), _scores(logits, named, multi)):
                return "for one order of the labels it works, for another it does not; take every place from label2id."
    return None
