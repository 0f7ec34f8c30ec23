"""Wrong answers to the exercises of chapter 01, each with a distinctive part of the sentence it must get."""

import math

import torch


def _pieces(shortest=False, prefix="##", shown="##", failure=lambda pieces: ["[UNK]"], skip=False, first=False):
    def word_pieces(word, vocabulary):
        pieces, start = [], 0
        while start < len(word):
            ends = range(start + 1, len(word) + 1) if shortest else range(len(word), start, -1)
            end = next((e for e in ends if (prefix if start else "") + word[start:e] in vocabulary), None)
            if end is None and not skip:
                return failure(pieces)
            if end is None:
                pieces, start = [*pieces, "[UNK]"], start + 1
                continue
            pieces.append((shown if start else "") + word[start:end])
            start = end
        return pieces[:1] if first else pieces

    return word_pieces


def _going_back(word, vocabulary):
    def search(start):
        if start == len(word):
            return []
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            rest = search(end) if piece in vocabulary else None
            if rest is not None:
                return [piece, *rest]
        return None

    return search(0) or ["[UNK]"]


def _attention(
    divisor=None, masked=True, after=False, fill=float("-inf"), rows=False, dim=-1, swap=False, turned=False
):
    def attend(query, key, value, mask):
        size = query.shape[-1]
        scores = query @ key.transpose(-1, -2) / (math.sqrt(size) if divisor is None else divisor(query))
        scores = scores.transpose(-1, -2) if swap else scores
        hidden = (mask[:, None, :, None] if rows else mask[:, None, None, :]) == (1 if turned else 0)
        if masked and not after:
            scores = scores.masked_fill(hidden, fill)
        weights = scores.softmax(dim=dim)
        return (weights.masked_fill(hidden, 0.0) if after else weights) @ value

    return attend


def _weights(q, k, mask):
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    return scores.masked_fill(mask[:, None, None, :] == 0, float("-inf")).softmax(dim=-1)


def _multiplied(q, k, v, mask):
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    return (scores + (1 - mask[:, None, None, :]) * float("-inf")).softmax(dim=-1) @ v


def _rows_too(q, k, v, mask):
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    both = mask[:, None, None, :] * mask[:, None, :, None]
    return scores.masked_fill(both == 0, float("-inf")).softmax(dim=-1) @ v


def _without_softmax(q, k, v, mask):
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    return scores.masked_fill(mask[:, None, None, :] == 0, float("-inf")) @ v


def _parameters(
    bias=1, norms=2, outer=1, positions=1, types=1, matrices=4, layers=None, back=1, pooler=0, heads=False, four=False
):
    def count(config):
        h, wide = config.hidden_size, 4 * config.hidden_size if four else config.intermediate_size
        rows = config.vocab_size + positions * config.max_position_embeddings + types * config.type_vocab_size
        number = 3 * config.num_attention_heads + 1 if heads else matrices
        layer = number * (h * h + bias * h) + h * wide + bias * wide + back * (wide * h + bias * h) + norms * 2 * h
        total = rows * h + outer * 2 * h + (layers or config.num_hidden_layers) * layer
        return total + pooler * (h * h + h)

    return count


def _one_head(config):
    h, size = config.hidden_size, config.hidden_size // config.num_attention_heads
    return _parameters()(config) - config.num_hidden_layers * 3 * (h * h + h - h * size - size)


def _norms_once(config):
    return _parameters(norms=0)(config) + 4 * config.hidden_size


def _norm_for_each_table(config):
    return _parameters()(config) + 4 * config.hidden_size


def _masked(hidden, mask):
    return hidden * mask.unsqueeze(-1)


def _without_special_tokens(hidden, mask):
    inner = mask.clone()
    inner[:, 0] = 0
    inner[torch.arange(len(mask)), mask.sum(dim=1) - 1] = 0
    return _masked(hidden, inner).sum(dim=1) / inner.sum(dim=1, keepdim=True)


WRONG = {
    "1.1": [
        (_pieces(shown=""), "all except the first need '##'"),
        (_pieces(prefix="", shown=""), "must be looked up with '##'"),
        (_pieces(shortest=True), "the shortest piece each time"),
        (_pieces(failure=lambda pieces: [*pieces, "[UNK]"]), "without the pieces before"),
        (_pieces(failure=lambda pieces: pieces), "returns what it has"),
        (_pieces(skip=True), "went on after a failure"),
        (_pieces(first=True), "only the first piece"),
        (_going_back, "went back on a choice"),
        (lambda word, vocabulary: [vocabulary[p] for p in _pieces()(word, vocabulary)], "these are ids"),
        (lambda word, vocabulary: " ".join(_pieces()(word, vocabulary)), "returned one string"),
        (lambda word, vocabulary: [word], "should become"),
    ],
    "1.2": [
        (_attention(divisor=lambda query: 1.0), "1/sqrt(d) missing"),
        (_attention(divisor=lambda query: query.shape[-1]), "divided by d"),
        (_attention(divisor=lambda query: math.sqrt(query.shape[1] * query.shape[-1])), "root of the hidden size"),
        (_attention(masked=False), "the mask is not used"),
        (_attention(after=True), "after the softmax"),
        (_attention(fill=0.0), "padding has the score 0"),
        (_attention(rows=True), "forbids rows"),
        (_attention(dim=-2), "softmax runs over the rows"),
        (_attention(swap=True), "rows and columns are exchanged"),
        (_attention(turned=True), "the mask is turned round"),
        (_attention(divisor=lambda query: math.sqrt(query.shape[2])), "the root of another size"),
        (_attention(divisor=lambda query: math.sqrt(32)), "by a root that is fixed"),
        (_attention(divisor=lambda query: 1 / math.sqrt(query.shape[-1])), "multiplied by the root of d"),
        (_attention(dim=1), "softmax runs over the heads"),
        (_attention(fill=-1), "padding still gets some weight"),
        (_without_softmax, "the softmax is missing"),
        (_multiplied, "every value is nan"),
        (_rows_too, "some rows are nan"),
        (lambda q, k, v, mask: _weights(q, k, mask), "these are scores or weights"),
        (lambda q, k, v, mask: _weights(q, k, mask).transpose(-1, -2) @ v, "the weights were transposed"),
        (lambda q, k, v, mask: 2 * _attention()(q, k, v, mask), "Compare your steps"),
        (lambda q, k, v, mask: (_attention()(q, k, v, mask), mask), "a tuple came back"),
        (lambda q, k, v, mask: _attention()(q, k, v, mask).transpose(1, 2).flatten(-2), "the shape should be"),
    ],
    "1.3": [
        (lambda x, heads: x.unflatten(-1, (heads, -1)), "still have to change places"),
        (lambda x, heads: x.reshape(x.shape[0], heads, x.shape[1], -1), "a view moves no axis"),
        (lambda x, heads: x.mT.reshape(len(x), heads, x.shape[1], -1), "cut first, and transpose after it"),
        (lambda x, heads: x.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2), "every n-th number"),
        (lambda x, heads: x.unflatten(-1, (heads, -1)).permute(0, 2, 3, 1), "the last two axes"),
        (lambda x, heads: x.unflatten(-1, (heads, -1)).permute(2, 0, 1, 3), "the heads came out first"),
        (lambda x, heads: list(x.chunk(heads, dim=-1)), "the heads are in a list"),
        (lambda x, heads: x, "the shape should be"),
    ],
    "1.4": [
        (_parameters(bias=0), "the biases are missing"),
        (_parameters(norms=0, outer=0), "the layer norms are missing"),
        (_parameters(outer=0), "after the embeddings is missing"),
        (_parameters(norms=1), "each layer has two layer norms"),
        (_parameters(positions=0), "the table of positions"),
        (_parameters(types=0), "the table of token types"),
        (_parameters(matrices=3), "not the dense layer after the heads"),
        (_parameters(heads=True), "counted once a head"),
        (_parameters(back=0), "two dense layers"),
        (_parameters(layers=1), "only one layer is counted"),
        (_parameters(pooler=1), "a pooler is counted"),
        (_parameters(norms=1, outer=0.5), "two numbers for each dimension"),
        (_parameters(four=True), "its width is intermediate_size"),
        (_one_head, "as wide as one head"),
        (_norms_once, "count only once"),
        (_parameters(matrices=5), "inside a layer"),
        (_norm_for_each_table, "at the embeddings first"),
        (lambda config: f"{_parameters()(config):,}", "a whole number is needed"),
    ],
    "1.5": [
        (lambda hidden, mask: hidden.mean(dim=1), "padding tokens still count"),
        (lambda hidden, mask: _masked(hidden, mask).mean(dim=1), "divided by all tokens"),
        (lambda hidden, mask: _masked(hidden, mask).sum(dim=1), "not divided by their number"),
        (lambda hidden, mask: _masked(hidden, mask).sum(dim=1) / mask.sum(), "tokens of the whole batch"),
        (lambda hidden, mask: hidden[:, 0], "the vector of [CLS]"),
        (lambda hidden, mask: _masked(hidden, 1 - mask).sum(1) / (1 - mask).sum(1, keepdim=True), "mean over padding"),
        (_without_special_tokens, "[CLS] and [SEP] are left out"),
        (lambda hidden, mask: hidden[mask.bool()].mean(dim=0), "mixed into one vector"),
        (lambda hidden, mask: hidden.mean(dim=0), "batch axis was averaged away"),
        (lambda hidden, mask: hidden, "the shape should be"),
    ],
}
