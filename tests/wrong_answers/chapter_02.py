"""Wrong answers to the exercises of chapter 02, each with a distinctive part of the sentence it must get."""

import itertools

import torch
from torch.nn.functional import cross_entropy, normalize


def _mask(share=0.15, masked=0.8, drawn=0.1, specials=False, labels="chosen", seed=None, one=False):
    def answer(input_ids, special, mask_id, vocab_size):
        if seed is not None:
            torch.manual_seed(seed)
        chosen = torch.rand(input_ids.shape) < share
        if not specials:
            chosen &= ~special
        fate = torch.rand(input_ids.shape)
        ids = torch.where(chosen & (fate < masked), mask_id, input_ids)
        other = torch.full_like(ids, 77) if one else torch.randint(5, vocab_size, ids.shape)
        ids = torch.where(chosen & (fate >= masked) & (fate < masked + drawn), other, ids)
        if labels == "all":
            return ids, input_ids
        if labels == "late":
            return ids, ids.masked_fill(~chosen, -100)
        if labels == "changed":
            return ids, input_ids.masked_fill(~chosen | (fate >= masked + drawn), -100)
        return ids, input_ids.masked_fill(~chosen, -100)

    return answer


def _pairs(replace=lambda n: torch.rand(()) < 0.5, foreign=True, flip=False, constant=False):
    def answer(documents):
        rows = []
        for d, document in enumerate(documents):
            for s in range(len(document) - 1):
                label = int(replace(len(rows)))
                pool = [t for o, other in enumerate(documents) if o != d for t in other]
                if not foreign:
                    pool = [t for i, t in enumerate(document) if i != s + 1]
                if constant:
                    pool = pool[-1:]
                second = pool[int(torch.randint(len(pool), ()))] if label else document[s + 1]
                rows.append((document[s], second, 1 - label if flip else label))
        return rows

    return answer


def _across(documents):
    flat = [t for document in documents for t in document]
    return [(a, b, int(torch.rand(()) < 0.5)) for a, b in itertools.pairwise(flat)]


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
        (_mask(one=True), "draw a new one for each place"),
        (_mask(seed=3), "a second call chose the very same places"),
    ],
    "2.2": [
        (_pairs(foreign=False), "come from the document of their first sentence"),
        (_pairs(flip=True), "the wrong way round"),
        (_pairs(replace=lambda n: False), "all labels are the same"),
        (_pairs(replace=lambda n: torch.rand(()) < 0.15), "it should be half of them"),
        (_pairs(replace=lambda n: n % 2), "decide by chance"),
        (_pairs(constant=True), "come again and again"),
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
        (lambda a, b, t: 1 - torch.cosine_similarity(a, b).mean(), "only the partners are compared"),
    ],
}
