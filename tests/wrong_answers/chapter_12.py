"""Wrong answers to the exercises of chapter 12, each with a distinctive part of the sentence it must get."""

import torch


def _shares(attention, offset=-1):
    return attention.diagonal(offset, dim1=-2, dim2=-1).mean(-1)  # (layers, heads)


def _before(attention):
    return attention.diagonal(-1, dim1=-2, dim2=-1)


def _best(shares):
    return divmod(shares.flatten().argmax().item(), shares.shape[1])


def _wrapped(attention):
    return _best(torch.stack([attention[..., i, i - 1] for i in range(attention.shape[-1])]).mean(0))


def _entropy(attention, log=torch.log):
    return -(attention * log(attention)).sum(-1).mean(-1)


def _rows(attention):
    return torch.special.entr(attention).sum(-1)


def _mixed(attention, pool=lambda a: a.mean(1)):
    return 0.5 * pool(attention) + 0.5 * torch.eye(attention.shape[-1])


def _chain(matrices, turn=False):
    found = matrices[0]
    for layer in matrices[1:]:
        found = found @ layer if turn else layer @ found
    return found


def _added(attention):
    return _chain(attention.mean(1) + torch.eye(attention.shape[-1]))


def _per_head(attention):
    return _chain(0.5 * attention + 0.5 * torch.eye(attention.shape[-1]))


def _late(attention):
    found = torch.eye(attention.shape[-1])
    for layer in attention.mean(1):
        found = 0.5 * layer @ found + 0.5 * torch.eye(len(found))
    return found


def _chain_of_heads(attention):
    return torch.stack([_chain(_mixed(attention[:, head, None])) for head in range(attention.shape[1])])


def _zeroed(context, silent, heads, change=None):
    parts = context.unflatten(-1, (heads, -1)).clone()
    parts[..., silent, :] = 0
    return change(parts) if change else parts.flatten(-2)


def _in_place(context, silent, heads):
    for head in silent:
        context.unflatten(-1, (heads, -1))[..., head, :] = 0
    return context


def _pops(context, silent, heads):
    out = context.clone()
    while silent:
        out = _zeroed(out, [silent.pop()], heads)
    return out


def _set(places):
    def answer(context, silent, heads):
        out = context.clone()
        out[places(silent, heads)] = 0
        return out

    return answer


def _cut(context, silent, heads):
    kept = [head for head in range(heads) if head not in silent]
    return context.unflatten(-1, (heads, -1))[..., kept, :].flatten(-2)


def _others(context, silent, heads):
    return _zeroed(context, [head for head in range(heads) if head not in silent], heads)


WRONG = {
    "12.1": [
        (lambda a: _best(_shares(a, 1)), "the token *after*"),
        (lambda a: _shares(a).flatten().argmax().item(), "quotient and remainder"),
        (lambda a: _best(_shares(a))[::-1], "the layer comes first"),
        (lambda a: tuple(n + 1 for n in _best(_shares(a))), "count from 0"),
        (lambda a: _best(_shares(a, 0)), "the token itself"),
        (lambda a: _best(a[..., 0].mean(-1)), "looks at [CLS]"),
        (lambda a: _best(_shares(a[:1])), "nine tenths of its attention"),
        (lambda a: divmod(_shares(a).argmax().item(), 12), "no head 9 in layer 0"),
        (lambda a: divmod(_shares(a).argmax().item(), len(a)), "no head 0 in layer 3"),
        (lambda a: divmod(_shares(a).flatten().argmax().item(), 4), "take the sizes from the tensor"),
        (lambda a: _best(_before(a)[..., 1:].mean(-1)), "left out at the start"),
        (lambda a: _best(_before(a)[..., :-1].mean(-1)), "left out at the end"),
        (lambda a: _best(a.tril(-1).sum((-1, -2))), "all the tokens that come before"),
        (lambda a: _best(_before(a).prod(-1)), "one weak token must not decide"),
        (_wrapped, "leave row 0 out"),
        (lambda a: _best(a.diagonal(-1, dim1=-2, dim2=-1).amax(-1)), "not the best of them"),
        (_shares, "two numbers are needed"),
        (lambda a: _best((a.argmax(-1)[..., 1:] == torch.arange(a.shape[-1] - 1)).float().mean(-1)), "whose favourite"),
    ],
    "12.2": [
        (lambda a: -a * a.log(), "one number a cell"),
        (_rows, "one number a row"),
        (lambda a: -_entropy(a), "but for the sign"),
        (lambda a: _entropy(a, torch.log2), "these are bits"),
        (lambda a: _entropy(a).exp(), "exp(entropy)"),
        (lambda a: _rows(a).sum(-1), "you add the rows up"),
        (lambda a: _entropy(a) / torch.tensor(float(a.shape[-1])).log(), "largest possible entropy"),
        (lambda a: -(a * a.log()).mean((-1, -2)), "the mean over all cells"),
        (lambda a: torch.special.entr(a.mean(-2)).sum(-1), "before you take the entropy"),
        (_entropy, "gives nan"),
        (lambda a: a.std(-1).mean(-1), "wrong values"),
        (lambda a: _entropy(a, torch.log10), "to the base 10"),
        (lambda a: _rows(a.softmax(-1)).mean(-1), "a second softmax"),
        (lambda a: -a.log().sum(-1).mean(-1), "weighed by its share"),
        (lambda a: _rows(a)[..., 0], "the first row of each head"),
        (lambda a: -(a * (a + 1e-3).log()).sum(-1).mean(-1), "0.001 is too large"),
        (lambda a: -(a * a.clamp_min(0.01).log()).sum(-1).mean(-1), "0.01 is too large"),
        (lambda a: _rows(a).sum(-1) / 12, "0.50 times what it should be"),
    ],
    "12.3": [
        (lambda a: torch.stack([_chain(_mixed(a)[: n + 1]) for n in range(len(a))]), "one matrix a layer"),
        (lambda a: _chain(_mixed(a))[0], "this is one row"),
        (_per_head, "the heads are still apart"),
        (lambda a: _chain(_mixed(a), turn=True), "in the wrong order"),
        (lambda a: _chain(a.mean(1)), "the residual connection is missing"),
        (_added, "more than 1"),
        (lambda a: _chain(_mixed(a)[1:]), "one of the layers is missing"),
        (lambda a: _chain(_mixed(a.flatten(0, 1)[:, None])), "they work side by side"),
        (lambda a: _mixed(a).mean(0), "the mean of the layers"),
        (lambda a: _mixed(a).prod(0), "cell by cell"),
        (lambda a: _chain(_mixed(a, lambda b: b.amax(1))), "the strongest head in each cell"),
        (lambda a: torch.eye(a.shape[-1]), "wrong values"),
        (lambda a: _chain(a.mean(1), turn=True), "is missing, and the layers"),
        (lambda a: _chain(0.5 * a.mean(1) + torch.eye(a.shape[-1])), "only the attention is halved"),
        (lambda a: _chain(0.5 * a.mean(1) + 0.5), "(torch.eye)"),
        (_late, "comes after the multiplication"),
        (lambda a: _mixed(a)[-1], "the last layer only"),
        (lambda a: _mixed(a)[0], "is the return inside the loop"),
        (lambda a: _chain(_mixed(a, lambda b: b.sum(1))), "the heads are added up"),
        (lambda a: _chain(_mixed(a.transpose(0, 1))), "the mean is over the layers"),
        (lambda a: _chain(_mixed(a)).T, "exchanged in the end"),
        (lambda a: torch.eye(a.shape[-1]) * _mixed(a).prod(0), "leaves the diagonal alone"),
        (lambda a: _chain_of_heads(a).mean(0), "followed on its own"),
        (lambda a: torch.linalg.multi_dot(list(_mixed(a).flip(0))) if len(a) > 1 else a, "with a single one it is not"),
    ],
    "12.4": [
        (lambda c, silent, heads: c, "nothing has changed"),
        (_others, "the other way round"),
        (_set(lambda silent, heads: (..., slice(silent[0], None, heads))), "every third number"),
        (_set(lambda silent, heads: (..., silent[0])), "only one number"),
        (_set(lambda silent, heads: (..., slice(silent[0], silent[0] + 24 // heads))), "they begin at 1"),
        (_set(lambda silent, heads: (slice(None), silent[0])), "you empty a token"),
        (_cut, "no longer fits"),
        (lambda c, s, h: _zeroed(c, s, h, lambda parts: parts), "flatten the last two axes"),
        (lambda c, s, h: _zeroed(c, s, h) * h / (h - len(s)), "as dropout would"),
        (lambda c, s, h: _zeroed(c, s[:1], h), "one head works, two do not"),
        (lambda c, s, h: _zeroed(c, [n for n in s if n < 3], 3), "three heads work, six do not"),
        (_in_place, "changes the tensor that it is given"),
        (
            lambda c, s, h: c.clone().unflatten(-1, (h, -1)).index_fill(-1, torch.tensor(s), 0).flatten(-2),
            "of every head",
        ),
        (_set(lambda silent, heads: (..., slice(silent[0] * heads, (silent[0] + 1) * heads))), "as long as there are"),
        (lambda c, s, h: _zeroed(c, s, 12), "head 1 of twelve"),
        (_set(lambda silent, heads: (..., slice(silent[0] * 8, silent[0] * 8 + 7))), "stops before its end"),
        (lambda c, s, h: _zeroed(c, [n - 1 for n in s], h), "heads count from 0"),
        (lambda c, s, h: c.masked_fill(_zeroed(c, s, h) == 0, -torch.inf), "silence is 0"),
        (lambda c, s, h: _zeroed(c, s, h, lambda parts: parts.transpose(1, 2).reshape(c.shape)), "not put back"),
        (_pops, "changes the list"),
    ],
}
