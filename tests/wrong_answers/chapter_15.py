"""Wrong answers to the exercises of chapter 15, each with a distinctive part of the sentence it must get."""

import numpy as np
import torch


def _fertility(pieces=None, unknown=None, flip=False):
    """The right answer, with one of its two numbers replaced."""

    def answer(words, cut):
        cuts = [cut(word) for word in words]
        known = [own for own in cuts if "[UNK]" not in own]
        first = pieces(cuts, known) if pieces else sum(map(len, known)) / len(known) if known else float("nan")
        second = unknown(cuts, known) if unknown else 1 - len(known) / len(cuts)
        return (second, first) if flip else (first, second)

    return answer


def _divides(words, cut):
    known = [own for own in map(cut, words) if "[UNK]" not in own]
    return sum(map(len, known)) / len(known), 1 - len(known) / len(words)


def _zero(words, cut):
    pieces, unknown = _fertility()(words, cut)
    return (0.0 if unknown == 1 else pieces), unknown


def _only_unknown(words, cut):
    known = [own for own in map(cut, words) if own != ["[UNK]"]]
    return sum(map(len, known)) / max(1, len(known)), 1 - len(known) / len(words)


def _none(words, cut):
    pieces, unknown = _fertility()(words, cut)
    return (None if unknown == 1 else pieces), unknown


def _rank(scores, dim=1, descending=True):
    return 1 + scores.argsort(dim, descending=descending).argsort(dim)


def _fuse(part):
    return lambda scores, constant: sum(part(own, constant) for own in scores)


def _team(pick, score=None):
    def answer(confidence, right, person, share):
        handed = np.zeros(len(right), dtype=bool)
        handed[pick(confidence, share)] = True
        return score(right, person, handed) if score else np.where(handed, person, right).mean()

    return answer


def _least(confidence, share):
    return np.argsort(confidence)[: round(share * len(confidence))]


def _all_but_none(confidence, right, person, share):
    """Right in the middle; with nothing to hand over, ``[:-0]`` style slicing hands over everything."""
    order = np.argsort(-confidence)
    count = round(share * len(right))
    handed = order[-count:]
    kept = order[:-count]
    return (person[handed].sum() + right[kept].sum()) / len(right)


def _far(tokens):
    place = torch.arange(tokens)
    return (place[:, None] - place[None, :]).abs()


def _never_wider(tokens, window):
    mask = _far(tokens) <= window // 2
    mask[0, -1] = mask[-1, 0] = False
    return mask


def _letters(words, cut):
    known = [word for word in words if "[UNK]" not in cut(word)]
    return sum(map(len, known)) / len(known), 1 - len(known) / len(words)


def _parts(scores, constant):
    return torch.stack([1 / (constant + _rank(own)) for own in scores])


def _one(scores, constant):
    return 1 / (constant + _rank(scores))


def _twice_down(scores):
    return scores.argsort(1, descending=True).argsort(1, descending=True)


def _of_one(scores):
    return scores / scores.sum(1, keepdim=True)


def _emptied(scores, constant):
    total = scores[0].zero_()
    for own in scores:
        total += _one(own, constant)
    return total


def _weighed(confidence, right, person, share):
    handed, kept = np.split(np.argsort(confidence), [round(share * len(right))])
    return share * person[handed].mean() + (1 - share) * right[kept].mean()


def _overwritten(confidence, right, person, share):
    handed = _least(confidence, share)
    right[handed] = person[handed]
    return right.mean()


WRONG = {
    "15.1": [
        (_fertility(pieces=lambda cuts, known: sum(map(len, cuts)) / len(cuts)), "makes the tokenizer look good"),
        (_fertility(pieces=lambda cuts, known: sum(map(len, known)) / len(cuts)), "divided by the number of all words"),
        (_fertility(pieces=lambda cuts, known: len(known) / sum(map(len, known))), "the other way round"),
        (_fertility(pieces=lambda cuts, known: sum(map(len, known))), "this is the number of pieces"),
        (_fertility(pieces=lambda cuts, known: sum(len(own) + 2 for own in known) / len(known)), "with nothing added"),
        (_fertility(unknown=lambda cuts, known: len(cuts) - len(known)), "how many words are unknown"),
        (_fertility(unknown=lambda cuts, known: (len(cuts) - len(known)) / sum(map(len, cuts))), "among the pieces"),
        (_fertility(unknown=lambda cuts, known: len(known) / len(cuts)), "words that are known"),
        (_fertility(unknown=lambda cuts, known: (len(cuts) - len(known)) / max(1, len(known))), "by the known ones"),
        (_fertility(flip=True), "in the wrong order"),
        (_letters, "letters a word"),
        (_divides, "divides by 0"),
        (_zero, "no pieces to count"),
        (lambda words, cut: sum(len(cut(word)) for word in words) / len(words), "two numbers are needed"),
        (_fertility(pieces=lambda cuts, known: sum(len(own) - 1 for own in known) / len(known)), "nothing taken away"),
        (_fertility(pieces=lambda cuts, known: max(map(len, known), default=0)), "the word with most pieces"),
        (_fertility(pieces=lambda cuts, known: np.median([len(own) for own in known])), "this is the median"),
        (lambda words, cut: _fertility()(sorted(set(words)), cut), "each word counts once"),
        (
            _fertility(pieces=lambda cuts, known: len({piece for own in known for piece in own}) / 5),
            "each piece counts once",
        ),
        (lambda words, cut: (len(cut(words[0])), 0.0), "only the first word is counted"),
        (
            lambda words, cut: _fertility()(words, lambda word: [p.strip("[]") for p in cut(word)]),
            "no word was found unknown",
        ),
        (_fertility(unknown=lambda cuts, known: 100 * (1 - len(known) / len(cuts))), "these are per cent"),
        (_only_unknown, "beside other pieces"),
        (_none, "two numbers as well"),
        (_fertility(pieces=lambda cuts, known: 3.0), "but yours is 3.00"),
        (_fertility(unknown=lambda cuts, known: 0.5), "but yours is 0.500"),
        (lambda words, cut: cut(words), "one word at a time"),
    ],
    "15.2": [
        (lambda tokens, window: _far(tokens) > window // 2, "have changed places"),
        (lambda tokens, window: _far(tokens) <= window, "yours reaches 4"),
        (lambda tokens, window: _far(tokens) < window // 2, "too narrow by one"),
        (lambda tokens, window: (_far(tokens) <= window // 2).tril(), "look back only"),
        (lambda tokens, window: (_far(tokens) <= window // 2).triu(), "look ahead only"),
        (lambda tokens, window: (_far(tokens) <= window // 2) & (_far(tokens) > 0), "does not see itself"),
        (
            lambda tokens, window: torch.arange(tokens)[:, None] // window == torch.arange(tokens) // window,
            "separate blocks",
        ),
        (lambda tokens, window: (_far(tokens) <= window // 2).float(), "of True and False is needed"),
        (
            lambda tokens, window: torch.zeros(tokens, tokens).masked_fill(_far(tokens) > window // 2, -torch.inf),
            "numbers to add",
        ),
        (lambda tokens, window: torch.ones(tokens, dtype=torch.bool), "the shape should be"),
        (_never_wider, "a window wider than the text"),
        (lambda tokens, window: _far(tokens) <= (window + 1) // 2, "one of 7 should reach"),
        (lambda tokens, window: _far(tokens) <= 2, "6 and 2 are not"),
        (lambda tokens, window: torch.ones(tokens, tokens, dtype=torch.bool), "should see the tokens"),
    ],
    "15.3": [
        (lambda scores, constant: sum(scores), "add the scores themselves"),
        (_fuse(lambda s, c: 1 / (c + _rank(s) - 1)), "has rank 1 here, not 0"),
        (_fuse(lambda s, c: 1 / (c + _rank(s, descending=False))), "in descending order"),
        (_fuse(lambda s, c: 1 / (c + 1 + s.argsort(1, descending=True))), "do it twice"),
        (_fuse(lambda s, c: 1 / (c + _rank(s, dim=0))), "you rank the questions"),
        (_fuse(lambda s, c: 1 / _rank(s)), "the constant is missing"),
        (_fuse(lambda s, c: c + _rank(s)), "the smallest number"),
        (lambda scores, constant: 1 / (constant + _rank(scores[0])), "only one of the rankings"),
        (lambda scores, constant: _fuse(_one)(scores, 60), "another constant"),
        (
            lambda scores, constant: _fuse(lambda s, c: 1 / (c + _rank(s)))(scores, constant).argmax(1),
            "one number a question",
        ),
        (lambda scores, constant: -sum(scores), "passage 0 has the ranks 1 and 4"),
        (lambda scores, constant: sum(scores) / len(scores), "the mean of the scores"),
        (lambda scores, constant: scores[0] + _fuse(_one)(scores, constant), "begins with the scores"),
        (_fuse(lambda s, c: 1 / (c - 1 + _rank(s, descending=False))), "the worst passage gets rank 0"),
        (_fuse(lambda s, c: 1 / (c + 1 + _twice_down(s))), "turns the ranks round"),
        (_fuse(lambda s, c: 1 / (c + s.argsort(1, descending=True))), "And the best has rank 1"),
        (_fuse(lambda s, c: 1 / (c + 1 + s.argsort(1))), "And sort in descending"),
        (_fuse(lambda s, c: 1 / (c + s.argsort(1))), "Sort in descending order, and count"),
        (_fuse(lambda s, c: 1 / (c + _rank(s.reshape(1, -1)).reshape(s.shape))), "ranked together"),
        (_fuse(lambda s, c: 1 / c + _rank(s)), "brackets are missing"),
        (_fuse(lambda s, c: 1 / (c * _rank(s))), "multiplied by the constant"),
        (_fuse(lambda s, c: c / (c + _rank(s))), "above the line"),
        (lambda scores, constant: 1 / (constant + sum(map(_rank, scores))), "you add up the ranks"),
        (lambda scores, constant: 1 / sum(constant + _rank(own) for own in scores), "what is below the line"),
        (lambda scores, constant: _parts(scores, constant).prod(0), "you multiply the parts"),
        (lambda scores, constant: _of_one(_fuse(_one)(scores, constant)), "add up to 1"),
        (
            lambda scores, constant: _fuse(_one)(scores, constant).argsort(1, descending=True),
            "in which the passages stand",
        ),
        (lambda scores, constant: _rank(_fuse(_one)(scores, constant)), "the new rank of each"),
        (lambda scores, constant: _one(scores[-1], constant), "Is the return inside the loop"),
        (_parts, "the methods are still apart"),
        (lambda scores, constant: _fuse(_one)(scores[:2], constant), "three do not"),
        (_emptied, "changes the tensors"),
        (lambda scores, constant: _parts(scores, constant).mean(0), "the mean over the methods"),
        (lambda scores, constant: _parts(scores, constant).amax(0), "the better of the two ranks"),
    ],
    "15.4": [
        (_team(lambda c, share: []), "over all rows"),
        (_team(_least, lambda right, person, handed: right[~handed].mean()), "on the rows that it keeps"),
        (_team(lambda c, share: np.argsort(-c)[: round(share * len(c))]), "of which the model is surest"),
        (_team(_least, lambda right, person, handed: (right | handed).mean()), "the person errs, too"),
        (_team(lambda c, share: np.flatnonzero(c < share)), "no threshold"),
        (_team(_least, lambda right, person, handed: (right | person).mean()), "only one of them answers"),
        (_team(lambda c, share: range(round(share * len(c)))), "the first rows are handed over"),
        (_team(_least, lambda right, person, handed: np.where(handed, person, right).sum()), "a number of rows"),
        (_team(lambda c, share: np.argsort(c)[: round((1 - share) * len(c))]), "that the model should keep"),
        (_team(_least, lambda right, person, handed: person[handed].mean()), "the person alone"),
        (_all_but_none, "with a share of 0"),
        (_team(lambda c, share: np.argsort(c)[: int(share * len(c))]), "round them to 10"),
        (_team(_least, lambda right, person, handed: (person[handed].mean() + right[~handed].mean()) / 2), "alike"),
        (lambda c, right, person, share: share * person.mean() + (1 - share) * right.mean(), "over all rows, weighed"),
        (lambda confidence, right, person, share: 0.123, "but you say 0.12"),
        (_team(lambda c, share: slice(None)), "the person's share over all rows"),
        (lambda c, right, person, share: _team(_least)(c, person, right, share), "have changed places"),
        (_team(lambda c, share: np.argsort(c) < round(share * len(c))), "not the rank of each row"),
        (_team(lambda c, share: np.argsort(c)[: round(share * len(c)) + 1]), "one row too many"),
        (lambda *given: 100 * _team(_least)(*given), "these are per cent"),
        (lambda *given: 1 - _team(_least)(*given), "how often the team is wrong"),
        (
            _team(_least, lambda right, person, handed: person[handed].mean() + right[~handed].mean()),
            "two means were added",
        ),
        (_team(_least, lambda right, person, handed: np.where(handed, person, right)), "one number is needed"),
        (lambda c, right, person, share: _team(_least)(c, right, person, 0.3), "as many rows as with 0.3"),
        (_team(lambda c, share: np.argsort(c)[: int(np.ceil(share * len(c)))]), "round them to 9"),
        (_weighed, "are not weighed with 0.48"),
        (_overwritten, "work on a copy"),
    ],
}
