"""Wrong answers to the exercises of chapter 02, each with a distinctive part of the sentence it must get."""

import itertools

import torch
from torch.nn.functional import cross_entropy, normalize


def _mask(share=0.15, masked=0.8, drawn=0.1, specials=False, labels="chosen", seed=None, one=False, lowest=5):
    def answer(input_ids, special, mask_id, vocab_size):
        if seed is not None:
            torch.manual_seed(seed)
        chosen = torch.rand(input_ids.shape) < share
        if not specials:
            chosen &= ~special
        fate = torch.rand(input_ids.shape)
        ids = torch.where(chosen & (fate < masked), mask_id, input_ids)
        other = torch.full_like(ids, 77) if one else torch.randint(lowest, vocab_size, ids.shape)
        ids = torch.where(chosen & (fate >= masked) & (fate < masked + drawn), other, ids)
        if labels == "all":
            return ids, input_ids
        if labels == "first":
            return input_ids.masked_fill(~chosen, -100), ids
        if labels == "late":
            return ids, ids.masked_fill(~chosen, -100)
        if labels == "changed":
            return ids, input_ids.masked_fill(~chosen | (fate >= masked + drawn), -100)
        return ids, input_ids.masked_fill(~chosen, -100)

    return answer


def _pairs(replace=lambda n: torch.rand(()) < 0.5, flip=False):
    def answer(documents):
        rows = []
        for d, document in enumerate(documents):
            for s in range(len(document) - 1):
                label = int(replace(len(rows)))
                pool = [t for o, other in enumerate(documents) if o != d for t in other]
                second = pool[int(torch.randint(len(pool), ()))] if label else document[s + 1]
                rows.append((document[s], second, 1 - label if flip else label))
        return rows

    return answer


def _from_anywhere(documents):
    """The slip that shows seldom: among many documents, the own one is drawn once in a while."""
    everything = [t for document in documents for t in document]
    rows = []
    for document in documents:
        for first, second in itertools.pairwise(document):
            label = int(torch.rand(()) < 0.5)
            rows.append((first, everything[int(torch.randint(len(everything), ()))] if label else second, label))
    return rows


def _always_the_same(documents):
    rows = []
    for d, document in enumerate(documents):
        for first, second in itertools.pairwise(document):
            label = int(torch.rand(()) < 0.5)
            rows.append((first, documents[(d + 1) % len(documents)][0] if label else second, label))
    return rows


def _first_replaced(documents):
    rows = []
    for d, document in enumerate(documents):
        others = [t for o, other in enumerate(documents) if o != d for t in other]
        for first, second in itertools.pairwise(document):
            label = int(torch.rand(()) < 0.5)
            rows.append((others[int(torch.randint(len(others), ()))] if label else first, second, label))
    return rows


def _across(documents):
    flat = [t for document in documents for t in document]
    return [(a, b, int(torch.rand(()) < 0.5)) for a, b in itertools.pairwise(flat)]


def _without_the_partner(first, second, temperature):
    cosine = normalize(first, dim=-1) @ normalize(second, dim=-1).T / temperature
    others = cosine.masked_fill(torch.eye(len(cosine), dtype=torch.bool), float("-inf"))
    return (others.logsumexp(dim=-1) - cosine.diagonal()).mean()


def _twice(first, second, temperature):
    cosine = normalize(first, dim=-1) @ normalize(second, dim=-1).T / temperature
    return cross_entropy(cosine.softmax(dim=-1), torch.arange(len(cosine)))


def _probability(first, second, temperature):
    cosine = normalize(first, dim=-1) @ normalize(second, dim=-1).T / temperature
    return cosine.softmax(dim=-1).diagonal().mean()


def _class_0(first, second, temperature):
    cosine = normalize(first, dim=-1) @ normalize(second, dim=-1).T / temperature
    return cross_entropy(cosine, torch.zeros(len(cosine), dtype=torch.long))


def _nce(first, second, temperature, norm=True, scale=lambda c, t: c / t, **how):
    a, b = (normalize(first, dim=-1), normalize(second, dim=-1)) if norm else (first, second)
    return cross_entropy(scale(a @ b.T, temperature), torch.arange(len(a)), **how)


WRONG = {
    "2.1": [
        (_mask(labels="all"), "loss would run over all tokens"),
        (_mask(specials=True), "special tokens or padding were chosen"),
        (_mask(labels="late"), "after the ids had been overwritten"),
        (_mask(masked=1.0, drawn=0.0), "every chosen place became [MASK]"),
        (_mask(drawn=0.2), "no chosen place keeps its id"),
        (_mask(labels="changed"), "places that keep their id have no label"),
        (_mask(share=0.3), "it should be 15 %"),
        (_mask(labels="first"), "the ids come first"),
        (_mask(lowest=0), "special tokens or lie beyond"),
        (_mask(one=True), "draw a new one for each place"),
        (_mask(seed=3), "a second call chose the very same places"),
    ],
    "2.2": [
        (_from_anywhere, "come from the document of their first sentence"),
        (_pairs(flip=True), "the wrong way round"),
        (_pairs(replace=lambda n: False), "all labels are the same"),
        (_pairs(replace=lambda n: torch.rand(()) < 0.15), "it should be half of them"),
        (_pairs(replace=lambda n: n % 2), "decide by chance"),
        (_always_the_same, "come again and again"),
        (_first_replaced, "not the first"),
        (_across, "the last sentence of a document has no next one"),
    ],
    "2.3": [
        (lambda a, b, t: _nce(a, b, t, norm=False), "these are dot products"),
        (lambda a, b, t: _nce(a, b, t, scale=lambda c, t: c), "the temperature is not used"),
        (lambda a, b, t: _nce(a, b, t, scale=lambda c, t: c * t), "multiplied by the temperature"),
        (lambda a, b, t: _nce(a, b, t, reduction="sum"), "the sum over the batch"),
        (lambda a, b, t: _nce(a, b, t, reduction="none"), "return their mean"),
        (lambda a, b, t: -_nce(a, b, t), "the sign is wrong"),
        (lambda a, b, t: _nce(a, a, t), "compared with themselves"),
        (lambda a, b, t: _nce(b, a, t), "it is first that looks"),
        (lambda a, b, t: (_nce(a, b, t) + _nce(b, a, t)) / 2, "both directions"),
        (lambda a, b, t: _nce(normalize(a, dim=0), normalize(b, dim=0), t, norm=False), "normalize with dim=-1"),
        (_twice, "taken twice"),
        (_probability, "mean probability of the partners"),
        (_without_the_partner, "below the fraction line"),
        (_class_0, "the class 0"),
        (lambda a, b, t: 1 - torch.cosine_similarity(a, b).mean(), "only the partners are compared"),
    ],
}
