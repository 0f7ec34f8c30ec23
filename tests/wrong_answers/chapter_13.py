"""Wrong answers to the exercises of chapter 13, each with a distinctive part of the sentence it must get."""

import torch


def _gradient(scalar, after=lambda g: g):
    """The right answer, with the number that is differentiated replaced."""

    def answer(classify, vectors, targets):
        vectors = vectors.requires_grad_()
        return after(torch.autograd.grad(scalar(classify(vectors), targets), vectors)[0])

    return answer


def _own(logits, targets):
    return logits[range(len(targets)), targets].sum()


def _backward(classify, vectors, targets):
    vectors.requires_grad_()
    _own(classify(vectors), targets).backward()
    return vectors.grad


def _tuple(classify, vectors, targets):
    vectors.requires_grad_()
    return torch.autograd.grad(_own(classify(vectors), targets), vectors)


def _grad_of_the_wrong_tensor(classify, vectors, targets):
    points = vectors.clone().requires_grad_()
    torch.autograd.grad(_own(classify(points), targets), points)
    return vectors.grad


def _occluded(covered=lambda owners, i, word: owners[i] == word, with_=None, sign=1, count=None):
    """The right answer, with what is masked, or with what, replaced."""

    def answer(score, ids, owners, mask_id):
        words = count(owners) if count else sorted(set(owners) - {None})
        rows = torch.stack([ids.clone() for _ in words])
        for row, word in zip(rows, words):
            for i in range(len(ids)):
                if covered(owners, i, word):
                    row[i] = mask_id if with_ is None else with_
        return sign * (score(ids[None]) - score(rows))

    return answer


def _masked_scores(score, ids, owners, mask_id):
    return score(ids[None]) - _occluded()(score, ids, owners, mask_id)


def _cut_out(score, ids, owners, mask_id):
    whole = score(ids[None])
    return [whole - score(torch.tensor([[i for i, o in zip(ids, owners) if o != word]])) for word in range(3)]


def _one_at_a_time(score, ids, owners, mask_id):
    falls = torch.zeros(3)
    for i, owner in enumerate(owners):
        if owner is not None:
            row = ids.clone()
            row[i] = mask_id
            falls[owner] += (score(ids[None]) - score(row[None]))[0]
    return falls


def _one_mask(score, ids, owners, mask_id):
    falls = []
    for word in sorted(set(owners) - {None}):
        first, count = owners.index(word), owners.count(word)
        row = torch.cat([ids[:first], torch.tensor([mask_id]), ids[first + count :]])
        falls.append(score(ids[None]) - score(row[None]))
    return torch.cat(falls)


def _integrated(shares=None, times=None, origin=None, after=lambda v: v, average=lambda g: g.mean(0)):
    """The right answer, with one of its parts replaced."""

    def answer(score, start, end, steps):
        at = shares(steps) if shares else (torch.arange(steps) + 0.5) / steps
        begin = origin(start) if origin else start
        points = (begin + at[:, None, None] * (end - start)).requires_grad_()
        (gradients,) = torch.autograd.grad(score(points).sum(), points)
        return after((times(start, end) if times else end - start) * average(gradients))

    return answer


def _walk(start, way, steps):
    return (start + (torch.arange(steps) + 0.5)[:, None, None] / steps * way).requires_grad_()


def _beyond(score, start, end, steps):
    points = _walk(start, end, steps)
    return (end - start) * torch.autograd.grad(score(points).sum(), points)[0].mean(0)


def _first_point(score, start, end, steps):
    points = _walk(start, end - start, steps)
    return (end - start) * torch.autograd.grad(score(points)[0], points)[0].mean(0)


def _own_points(score, start, end, steps):
    points = _walk(start, end - start, steps)
    return (points * torch.autograd.grad(score(points).sum(), points)[0]).mean(0)


def _one_by_one(score, start, end, steps):
    total = torch.zeros_like(end)
    for k in range(steps):
        point = (start + (k + 0.5) / steps * (end - start)).requires_grad_()
        total += torch.autograd.grad(score(point[None])[0], point)[0]
    return (end - start) * total / steps


def _steps(wanted=lambda score, start, end: score(end) - score(start), size=abs, total=torch.sum, grow=lambda n: 2 * n):
    """The right answer, with one of its parts replaced."""

    def answer(integrated, score, start, end, tolerance):
        steps = 1
        while size(float(total(integrated(score, start, end, steps)) - wanted(score, start, end))) >= tolerance:
            steps = grow(steps)
        return steps

    return answer


def _settled(integrated, score, start, end, tolerance):
    steps, before = 1, float("inf")
    while abs(before - (now := float(integrated(score, start, end, steps).sum()))) >= tolerance:
        steps, before = 2 * steps, now
    return steps


def _at_once(integrated, score, start, end, tolerance):
    steps = 1
    while abs(float(integrated(score, start, end, steps).sum() - score(end) + score(start))) >= tolerance:
        steps *= 2
        return steps


def _turned_round(integrated, score, start, end, tolerance):
    steps = 1
    while abs(float(integrated(score, start, end, steps).sum() - score(end) + score(start))) < tolerance:
        steps *= 2
    return steps


def _sizes(integrated, score, start, end, tolerance):
    return _steps(total=lambda values: values.abs().sum())(integrated, score, start, end, tolerance)


def _the_gap(integrated, score, start, end, tolerance):
    return float(integrated(score, start, end, 32).sum() - (score(end) - score(start)))


def _relative(integrated, score, start, end, tolerance):
    change = float(score(end) - score(start))
    return _steps(size=lambda gap: abs(gap / change))(integrated, score, start, end, tolerance)


def _cross_entropy(reduction):
    return lambda z, t: torch.nn.functional.cross_entropy(z, t, reduction=reduction)


WRONG = {
    "13.1": [
        (_gradient(lambda z, t: z.sum()), "all logits together"),
        (_gradient(lambda z, t: z.max(dim=1).values.sum()), "the class that wins"),
        (_gradient(lambda z, t: z[:, t].sum()), "every text with every target"),
        (_gradient(lambda z, t: z[:, t[0]].sum()), "the first text's target"),
        (_gradient(lambda z, t: _own(z.softmax(1), t)), "gradient of the probability"),
        (_gradient(_cross_entropy("sum")), "points away from the class"),
        (_gradient(_cross_entropy("mean")), "the mean loss"),
        (_gradient(lambda z, t: _own(z, t) / len(t)), "averaged over the texts"),
        (_gradient(_own, lambda g: g.norm(dim=-1)), "one number a token"),
        (lambda classify, v, t: v * _gradient(_own)(classify, v, t), "this is gradient x input"),
        (_tuple, "returns a tuple"),
        (_backward, "left gradients in the model's weights"),
        (_gradient(lambda z, t: -_own(z, t)), "to where the logit grows"),
        (_gradient(_own, torch.abs), "the signs are lost"),
        (_gradient(lambda z, t: z[:, 1].sum()), "class 1 is explained"),
        (_gradient(lambda z, t: z[0, t[0]]), "pick one logit in every row"),
        (_gradient(lambda z, t: z.softmax(1).sum()), "all gradients are 0"),
        (_gradient(lambda z, t: _own(z.log_softmax(1), t)), "gradient of the log-probability"),
        (_grad_of_the_wrong_tensor, "a tensor that has none"),
        (lambda classify, v, t: _gradient(_own)(classify, v if len(v) == 3 else 2 * v, t), "two do not"),
        (_gradient(lambda z, t: _own(z, t) ** 2), "wrong values"),
    ],
    "13.2": [
        (_occluded(sign=-1), "the sign is the wrong way round"),
        (_masked_scores, "the scores without each word"),
        (_occluded(lambda owners, i, word: i == owners.index(word)), "only the first piece"),
        (_occluded(lambda owners, i, word: owners[i] is not None and owners[i] <= word), "pile up"),
        (_occluded(lambda owners, i, word: owners[i] not in (None, word)), "kept this one"),
        (_occluded(lambda owners, i, word: owners[i] in (None, word)), "`None` belongs to no word"),
        (_occluded(with_=0), "which is [PAD]"),
        (_cut_out, "the word was cut out"),
        (lambda score, ids, owners, mask_id: torch.zeros(3), "work on a clone"),
        (_occluded(lambda owners, i, word: i == word, count=lambda owners: range(len(owners))), "one number a token"),
        (_occluded(count=lambda owners: [None, 0, 1, 2]), "four numbers for three words"),
        (_occluded(count=lambda owners: [owner for owner in owners if owner is not None]), "each word once"),
        (_occluded(count=lambda owners: sorted({owner for owner in owners if owner})), "`is not None`"),
        (_occluded(count=lambda owners: range(max(owner or 0 for owner in owners))), "the last word is missing"),
        (_occluded(count=lambda owners: range(3)), "three words work, four do not"),
        (lambda *given: _occluded()(*given).abs(), "the sign is lost"),
        (lambda score, ids, *more: _occluded()(score, ids, *more) / score(ids[None]), "as a share of the score"),
        (_occluded(lambda owners, i, word: i == len(owners) - 1 - owners[::-1].index(word)), "only the last piece"),
        (_one_at_a_time, "one at a time"),
        (_occluded(with_=103), "in one vocabulary"),
        (_one_mask, "one mask stands for"),
        (lambda *given: _occluded()(*given).softmax(0), "right shape, but wrong values"),
        (lambda score, ids, owners, mask_id: score(ids), "score wants ids (texts, tokens)"),
    ],
    "13.3": [
        (_integrated(times=lambda start, end: 1), "multiply it by what changed"),
        (_integrated(average=lambda g: g.sum(0)), "divide by the number of steps"),
        (_integrated(times=lambda start, end: end), "by the end alone"),
        (_integrated(times=lambda start, end: start - end), "not by start - end"),
        (_integrated(shares=lambda steps: torch.ones(1)), "the gradient at the end only"),
        (_integrated(shares=lambda steps: torch.arange(steps) / steps), "at its beginning"),
        (_integrated(shares=lambda steps: (torch.arange(steps) + 1) / steps), "measured at its end"),
        (_integrated(shares=lambda steps: torch.linspace(0, 1, steps)), "with both ends"),
        (_integrated(origin=torch.zeros_like), "begins at zero"),
        (_integrated(times=lambda start, end: (end - start).abs()), "the sign is lost"),
        (_integrated(shares=lambda n: torch.cat([torch.arange(n) / n, (torch.arange(n) + 1) / n])), "trapezoids"),
        (_integrated(after=lambda v: v.sum(-1)), "summed over the hidden dimensions"),
        (_integrated(average=lambda g: g), "average them over the steps"),
        (_integrated(shares=lambda steps: (torch.arange(6) + 0.5) / 6), "one step is not"),
        (_integrated(after=lambda v: v / 6), "steps twice"),
        (_integrated(shares=lambda steps: torch.arange(steps) + 0.5 / steps), "most of these points"),
        (_integrated(shares=lambda steps: torch.arange(steps) / steps + 0.5), "half the way too far"),
        (_integrated(shares=lambda steps: (torch.arange(steps + 1) + 0.5) / steps), "one step too many"),
        (_integrated(shares=lambda steps: (torch.arange(1, steps) + 0.5) / steps), "the first step is left out"),
        (_integrated(shares=lambda steps: torch.linspace(0, 1, steps + 1)), "the borders of the steps"),
        (_integrated(shares=lambda steps: (torch.arange(32) + 0.5) / 32), "you always take 32"),
        (_beyond, "a share of end"),
        (_first_point, "the first point only"),
        (_own_points, "its own point"),
        (_one_by_one, "score was called 6 times"),
        (lambda score, start, end, steps: end - start, "right shape, but wrong values"),
    ],
    "13.4": [
        (_steps(size=float), "on either side"),
        (_steps(wanted=lambda score, start, end: score(end)), "score(end) alone"),
        (_settled, "no longer changes"),
        (_steps(wanted=lambda score, start, end: score(start) - score(end)), "start and end are swapped"),
        (_relative, "this gap is relative"),
        (_steps(total=torch.mean), "or look at them one by one"),
        (_steps(grow=lambda n: n + 1), "grow by one"),
        (_the_gap, "a whole number of steps"),
        (lambda *given: 2 * _steps()(*given), "one doubling too many"),
        (lambda *given: _steps()(*given) // 2, "one doubling too few"),
        (_at_once, "is the return inside the loop"),
        (_turned_round, "as long as the gap is *not* below"),
        (_sizes, "the sizes of the values"),
        (_steps(wanted=lambda score, start, end: score(end - start)), "with score(end - start)"),
        (lambda *given: _steps()(*given).bit_length() - 1, "6 is the exponent"),
        (lambda *given: _steps()(*given[:4], 0.05), "`tolerance` is an argument"),
        (lambda *given: max(2, _steps()(*given)), "begin at 1"),
        (lambda *given: 48, "but yours are 48"),
        (_steps(wanted=lambda score, start, end: 99.0), "it does not stop"),
    ],
}
