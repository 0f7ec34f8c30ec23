"""The checks of chapter 02, Pre-training."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from torch.nn.functional import cross_entropy, normalize

from helpers.exercises.checking import call, close, exercise, kind


@exercise("2.1")
def mask(answer: Callable) -> str | None:
    """``answer(input_ids, special, mask_id, vocab_size)`` -> ids corrupted as in BERT, and labels with -100 where nothing is asked."""
    mask_id, vocab_size = 4, 100
    input_ids = torch.randint(5, vocab_size, (300, 128))
    special = torch.zeros_like(input_ids, dtype=torch.bool)
    special[:, 0] = True
    for row, length in enumerate(torch.randint(40, 128, (300,)).tolist()):
        special[row, length:] = True
    input_ids[special] = 0
    got = call(answer, input_ids, special, mask_id, vocab_size)
    if not (isinstance(got, (tuple, list)) and len(got) == 2 and all(isinstance(t, torch.Tensor) for t in got)):
        return "two tensors are needed: the corrupted ids and the labels."
    ids, labels = got
    if ids.shape != input_ids.shape or labels.shape != input_ids.shape:
        return f"both tensors should have the shape {tuple(input_ids.shape)} of the ids."
    if ids.is_floating_point() or labels.is_floating_point():
        return "ids and labels are whole numbers; one of yours became a float tensor."
    chosen = labels != -100
    if chosen.all() and (ids == -100).any():
        return "the first tensor holds -100 and looks like the labels: the ids come first, then the labels."
    if chosen.all():
        return "every place has a label, so the loss would run over all tokens; put -100 where a place was not chosen."
    if not chosen.any():
        return "no place was chosen: all labels are -100."
    if (chosen & special).any():
        return "special tokens or padding were chosen; only places where special is False may be."
    if (labels[chosen] == mask_id).any():
        return "some labels are the id of [MASK]: the labels were read after the ids had been overwritten."
    if (labels[chosen] != input_ids[chosen]).any():
        return "a label must be the id that stood at its place before the corruption."
    if (ids != input_ids)[~chosen].any():
        return "places that were not chosen were changed too; there the model gets the true id."

    def near(value: float, wanted: float, count: int) -> bool:
        return abs(value - wanted) < 4.5 * math.sqrt(wanted * (1 - wanted) / count)

    share, count = float(chosen[~special].float().mean()), int(chosen.sum())
    masked = float((ids == mask_id)[chosen].float().mean())
    kept = float((ids == input_ids)[chosen].float().mean())
    if masked > 0.999:
        return "every chosen place became [MASK]; a tenth should get a random id, and a tenth stay as it is."
    if kept < 0.02 and near(share, 0.15 * 0.9, int((~special).sum())):
        return "places that keep their id have no label; they were chosen too, so the model must predict them."
    if kept < 0.02:
        return "no chosen place keeps its id; one in ten should, and still have its label."
    if not near(share, 0.15, int((~special).sum())):
        return f"{share:.1%} of the places that may be chosen were chosen; it should be 15 %."
    drawn = ids[chosen & (ids != mask_id) & (ids != input_ids)]
    if not len(drawn):
        return "no chosen place got a random id; one in ten should."
    if ((drawn < 5) | (drawn >= vocab_size)).any():
        return "some random ids are special tokens or lie beyond the vocabulary; draw from range(5, vocab_size)."
    if drawn.unique().numel() < 20:
        return "the random ids are nearly all the same; draw a new one for each place."
    if not near(masked, 0.8, count) or not near(kept, 0.1, count):
        return f"of the chosen places {masked:.0%} became [MASK] and {kept:.0%} stayed; it should be 80 % and 10 %."
    again = call(answer, input_ids, special, mask_id, vocab_size)[1]
    if torch.equal(again, labels):
        return "a second call chose the very same places; draw anew in each call (no fixed seed inside)."
    return None


def _documents(sizes: list[int]) -> list[list[str]]:
    """Documents of these many sentences, each of which says where it stands."""
    return [[f"document {d} sentence {s}." for s in range(n)] for d, n in enumerate(sizes)]


@exercise("2.2")
def sentence_pairs(answer: Callable) -> str | None:
    """``answer(documents)`` -> (first, second, label) for each neighbouring pair, half of them with a foreign second sentence."""
    sizes = torch.randint(1, 9, (80,)).tolist()
    documents = _documents(sizes)
    home = {t: (d, s) for d, document in enumerate(documents) for s, t in enumerate(document)}
    got = call(answer, [list(d) for d in documents])
    try:
        rows = [(str(a), str(b), int(y)) for a, b, y in got]
    except (TypeError, ValueError):
        return "a list of triples (first sentence, second sentence, label) is needed."
    wanted = sum(n - 1 for n in sizes)
    if any(a not in home or b not in home for a, b, _ in rows):
        return "a sentence came out that stands in no document."
    if {y for *_, y in rows} - {0, 1}:
        return "labels are 0 (the true next sentence) and 1 (another one)."
    firsts, seconds, labels = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    if sorted(seconds) == sorted(t for document in documents for t in document[1:]) and len(set(firsts)) < wanted:
        return "all true second sentences are still there: replace the second one of a pair, not the first."
    if any(home[a][1] == len(documents[home[a][0]]) - 1 for a, *_ in rows):
        return "the last sentence of a document has no next one, so it cannot be a first sentence."
    if len(rows) != wanted:
        return f"{wanted} neighbouring pairs are in the documents, but {len(rows)} examples came: one for each pair."
    if len(set(firsts)) != wanted:
        return "some first sentences occur twice and others never; each one with a successor gives one example."
    share = sum(labels) / wanted
    follows = [home[b] == (home[a][0], home[a][1] + 1) for a, b, _ in rows]
    if share in (0, 1):
        return "all labels are the same; half of the pairs should be true neighbours and half not."
    if all(f == bool(y) for f, (*_, y) in zip(follows, rows, strict=True)):
        return "the labels are the wrong way round: BERT's 0 means 'is the next sentence'."
    if any(not f for f, (*_, y) in zip(follows, rows, strict=True) if y == 0):
        return "a pair labelled 0 is not made of neighbours; the second sentence must follow the first."
    few = [(str(a), str(b)) for a, b, y in call(answer, _documents([30, 30, 30])) if int(y) == 1]
    drawn = [(a, b) for a, b, y in rows if y == 1] + few  # with few documents, a slip that is rare above shows
    if any(a.split(" s")[0] == b.split(" s")[0] for a, b in drawn):
        return "some 'random' sentences come from the document of their first sentence; take them from another one."
    if not 0.4 <= share <= 0.6:
        return f"{share:.0%} of the pairs have a random second sentence; it should be half of them."
    if len({b for _, b in few}) < 0.4 * len(few):
        return "the random sentences are a few that come again and again; draw a new one for each pair."
    if labels == sorted(labels) or all(x != y for x, y in itertools.pairwise(labels)):
        return "the labels follow a fixed order, half and half or in turn; decide by chance which pairs are replaced."
    return None


@exercise("2.3")
def contrast(answer: Callable) -> str | None:
    """``answer(first, second, temperature)``: InfoNCE over cosines, the other rows of ``second`` as negatives."""
    for batch, temperature in ((5, 0.2), (8, 0.05), (3, 0.7)):
        first = torch.randn(batch, 6) * torch.tensor([0.3, 1.0, 4.0]).repeat(batch)[:batch, None]
        second = first + 1.5 * torch.randn(batch, 6)
        unit = normalize(first, dim=-1), normalize(second, dim=-1)
        cosine = unit[0] @ unit[1].T
        target = torch.arange(batch)
        got = call(answer, first, second, temperature)
        try:
            got = torch.as_tensor(got).double()
        except (TypeError, ValueError, RuntimeError):
            return f"one number is needed, but your function returned {kind(got)}."
        if got.numel() != 1:
            return f"{got.numel()} numbers came back; return their mean, one number for the batch."
        got = got.reshape(())

        def is_(value: torch.Tensor, got: torch.Tensor = got) -> bool:
            return close(got, value.double(), 1e-4)

        right = cross_entropy(cosine / temperature, target)
        if is_(right):
            continue
        if is_(cross_entropy(first @ second.T / temperature, target)):
            return "these are dot products; divide each vector by its length first, so that they become cosines."
        if is_(cross_entropy(cosine, target)):
            return "the temperature is not used: divide the cosines by it before the softmax."
        if is_(cross_entropy(cosine * temperature, target)):
            return "the cosines are multiplied by the temperature; divide by it, so that a small one sharpens."
        if is_(right * batch):
            return "that is the sum over the batch; take the mean, or the loss grows with the batch."
        if is_(-right):
            return "the sign is wrong: a loss is minus the log of the probability of the partner."
        if is_(cross_entropy(normalize(first, dim=0) @ normalize(second, dim=0).T / temperature, target)):
            return "the columns have length 1 now, but a vector is a row: normalize with dim=-1."
        if is_(cross_entropy((cosine / temperature).softmax(-1), target)):
            return "the softmax was taken twice: cross_entropy wants the scores and takes it itself."
        if is_((cosine / temperature).softmax(-1).diagonal().mean()):
            return "that is the mean probability of the partners; the loss is the mean of minus its log."
        if is_(cross_entropy(cosine.T / temperature, target)):
            return "each row of second looks for its partner among the first; it is first that looks among the second."
        if is_((right + cross_entropy(cosine.T / temperature, target)) / 2):
            return "that is the mean over both directions; here only the rows of first look for their partners."
        others = (cosine / temperature).masked_fill(torch.eye(batch, dtype=torch.bool), -math.inf)
        if is_((others.logsumexp(-1) - cosine.diagonal() / temperature).mean()):
            return "the partner itself is missing below the fraction line; the softmax runs over all rows of second."
        if is_(cross_entropy(cosine / temperature, torch.zeros_like(target))):
            return "every row was given the class 0; the right class of row i is i."
        if is_(cross_entropy(unit[0] @ unit[0].T / temperature, target)):
            return "the first vectors were compared with themselves; their partners are in second."
        if is_(-cosine.diagonal().mean() / temperature) or is_(1 - cosine.diagonal().mean()):
            return "only the partners are compared; without negatives all vectors may fall into one point."
        return f"for one example the loss should be {right:.3f}, but yours is {got:.3f}."
    return None
