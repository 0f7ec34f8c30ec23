"""The checks of chapter 01, Architecture."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from transformers import BertConfig, BertModel

from helpers.exercises.attention_slips import attention, misconception
from helpers.exercises.checking import call, close, difference, exercise, kind

PIECES = "un una ##ffa ##ff ##able ##ble ##b ##l ##e a ab ##bc b ##c ##d play p ##ay ##ing ##in ##g ##play in g ##a ##y"
WORDS = "play playing unaffable plays playplaying ! xplay playx unaxble abcd abd"
VOCABULARY = {piece: number for number, piece in enumerate(["[UNK]", "!", "##s", *PIECES.split()])}


def _cut(word: str, vocabulary: dict[str, int], shortest: bool = False, prefix: str = "##") -> tuple[list[str], str]:
    """Greedy search: the pieces found, and what is left of the word when nothing fits."""
    pieces, start = [], 0
    while start < len(word):
        ends = range(start + 1, len(word) + 1) if shortest else range(len(word), start, -1)
        found = [end for end in ends if (prefix if start else "") + word[start:end] in vocabulary]
        if not found:
            break
        pieces.append((prefix if start else "") + word[start : found[0]])
        start = found[0]
    return pieces, word[start:]


@exercise("1.1")
def word_pieces(answer: Callable) -> str | None:
    """``answer(word, vocabulary)``: the pieces by greedy longest match, or ``["[UNK]"]``."""
    for word in WORDS.split():
        # greedy takes "ab" of "abd" and is stuck; going back to "a" would succeed
        vocabulary = {"a": 0, "ab": 1, "##bd": 2, "[UNK]": 3} if word == "abd" else VOCABULARY
        pieces, rest = _cut(word, vocabulary)
        expected = ["[UNK]"] if rest else pieces
        got = call(answer, word, dict(vocabulary))
        if isinstance(got, str):
            return "a list of pieces is needed, but your function returned one string."
        got = list(got)
        if got == expected:
            continue
        if got and all(isinstance(piece, int) for piece in got):
            return "these are ids; return the pieces themselves, such as ['rum', '##ination']."
        if got == [piece.removeprefix("##") for piece in pieces] and len(pieces) > 1 and not rest:
            return f"the pieces of {word!r} are cut at the right places, but all except the first need '##' in front."
        if len(got) > 1 and got == _cut(word, vocabulary, prefix="")[0]:
            return f"{word!r}: after the first piece, the rest must be looked up with '##' in front."
        if got == expected[:1] and not rest:
            return f"{word!r}: only the first piece came back; go on with the rest of the word until nothing is left."
        if got == ["a", "##bd"]:
            return (
                f"{word!r}: your search went back on a choice; WordPiece never does ('ab' is taken, '##d' is missing)."
            )
        if rest and got == [*pieces, "[UNK]"]:
            return f"{word!r}: nothing fits at {rest!r}, so the whole word is ['[UNK]'], without the pieces before."
        if rest and got == pieces:
            return f"{word!r}: nothing fits at {rest!r}, but your function returns what it has; the word is ['[UNK]']."
        if rest and got.count("[UNK]"):
            return f"{word!r}: the search went on after a failure. One place without a piece makes the word ['[UNK]']."
        if got == _cut(word, vocabulary, shortest=True)[0]:
            return f"{word!r}: that is the shortest piece each time; try the longest first and count down."
        return f"{word!r} should become {expected}, but yours is {got}."
    return None


@exercise("1.2")
def attend(answer: Callable) -> str | None:
    """``answer(query, key, value, mask)``: scaled dot-product attention that gives padding no weight."""
    for lengths in ((7, 4), (3, 6), (7, 7)):
        query, key, value = torch.randn(3, 2, 3, max(lengths), 16)  # each (batch, heads, tokens, size)
        mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
        expected = attention(query, key, value, mask)
        got = call(answer, query, key, value, mask)
        if isinstance(got, tuple):
            return "a tuple came back; return only the context, (batch, heads, tokens, size)."
        if close(got, expected):
            continue
        if message := misconception(got, query, key, value, mask):
            return message
        if not close(call(answer, query, key, value + 9 * (1 - mask[:, None, :, None]), mask), got):
            return "padding still gets some weight: what you fill in is not minus infinity, or in the wrong places."
        return f"{difference(got, expected)} Compare your steps with the cell that computes `context` for one head."
    return None


@exercise("1.3")
def split_heads(answer: Callable) -> str | None:
    """``answer(x, heads)``: ``(batch, tokens, hidden)`` -> ``(batch, heads, tokens, size)``."""
    for batch, tokens, heads, size in ((2, 5, 3, 4), (3, 4, 4, 4), (1, 7, 2, 6)):
        x = torch.randn(batch, tokens, heads * size)
        by_token = x.view(batch, tokens, heads, size)
        expected = by_token.transpose(1, 2)
        got = call(answer, x, heads)
        if close(got, expected):
            continue
        interleaved = x.view(batch, tokens, size, heads).permute(0, 3, 1, 2)
        for message, candidate in (
            ("the axes tokens and heads still have to change places: transpose(1, 2).", by_token),
            ("numbers in the wrong places: a view moves no axis; cut, then transpose.", x.view(expected.shape)),
            ("numbers in the wrong places: cut first, and transpose after it.", x.mT.reshape(expected.shape)),
            (
                "head 0 gets every n-th number, not the first ones; cut into (heads, size), not (size, heads).",
                interleaved,
            ),
            ("the last two axes are exchanged: (batch, heads, tokens, size) is needed.", expected.transpose(-1, -2)),
            ("the heads came out first; the batch stays the first axis.", expected.transpose(0, 1)),
        ):
            if close(got, candidate):
                return message
        if isinstance(got, (list, tuple)):
            return "the heads are in a list; make one tensor of them, with torch.stack along axis 1."
        return difference(got, expected)
    return None


SIZES = ("vocab_size", "max_position_embeddings", "type_vocab_size", "hidden_size", "num_hidden_layers")
SIZES += ("num_attention_heads", "intermediate_size")


def _count(config: BertConfig, slip: str) -> int:
    """Parameters of a BertModel without a pooler, counted with one of the usual slips."""
    h, heads, bias = config.hidden_size, config.num_attention_heads, slip != "no bias"
    wide, norm = 4 * h if slip == "4 h" else config.intermediate_size, {"no norm": 0, "half norm": h}.get(slip, 2 * h)
    rows = config.vocab_size + config.max_position_embeddings * (slip != "no positions")
    rows += config.type_vocab_size * (slip != "no types")
    matrices = {"no output matrix": 3, "times heads": 3 * heads + 1, "one head": 3 / heads + 1}.get(slip, 4)
    layer = (
        round(matrices * (h * h + h * bias)) + h * wide + wide * bias + (wide * h + h * bias) * (slip != "no way back")
    )
    layer += norm * (1 if slip == "one norm" else 2)
    layers = 1 if slip == "one layer" else config.num_hidden_layers
    return rows * h + norm * (slip != "no embedding norm") + layers * layer + (h * h + h) * (slip == "pooler")


@exercise("1.4")
def count_parameters(answer: Callable) -> str | None:
    """``answer(config)``: the number of parameters of a ``BertModel`` without a pooler."""
    slips = {
        "no bias": "the biases are missing: each dense layer to b numbers has b of them.",
        "no norm": "the layer norms are missing: two numbers a dimension, after the embeddings and twice a layer.",
        "half norm": "a layer norm has two numbers for each dimension: one stretches, one shifts.",
        "no embedding norm": "the layer norm after the embeddings is missing.",
        "one norm": "each layer has two layer norms: one after attention, one after the feed-forward block.",
        "no positions": "the table of positions is missing: max_position_embeddings rows.",
        "no types": "the table of token types is missing: type_vocab_size rows.",
        "no output matrix": "query, key and value are there, but not the dense layer after the heads.",
        "times heads": "query, key and value are counted once a head; but heads are slices of one matrix.",
        "one head": "query, key and value are as wide as one head; for all heads together they are hidden_size wide.",
        "4 h": "the feed-forward block is taken to be 4 * hidden_size wide; its width is intermediate_size.",
        "no way back": "the feed-forward block has two dense layers: to intermediate_size and back.",
        "one layer": "only one layer is counted; there are num_hidden_layers of them.",
        "pooler": "a pooler is counted, too; the task asks for the model without it.",
    }
    # 11 and 12 divide no small multiple of 25, so the difference tells where the slip sits
    sizes = ((97, 40, 3, 25, 12, 5, 60), (501, 64, 2, 32, 5, 2, 100), (30522, 512, 2, 384, 6, 12, 1536))
    for values in sizes:
        config = BertConfig(**dict(zip(SIZES, values, strict=True)))
        with torch.device("meta"):
            model = BertModel(config, add_pooling_layer=False)
        expected = sum(parameter.numel() for parameter in model.parameters())
        got = call(answer, config)
        if not isinstance(got, (int, float)):
            return f"a whole number is needed, but your function returned {kind(got)}."
        if got == expected:
            continue
        for slip, message in slips.items():
            if got == _count(config, slip):
                return message
        off, layers = got - expected, config.num_hidden_layers
        once = (
            "for a part of each layer that you count only once"
            if off % (layers - 1) == 0
            else "at the embeddings first"
        )
        where = "inside a layer: you are off by a multiple of the layers" if off % layers == 0 else once
        return f"{got:,} for a model that has {expected:,}; look {where}."
    return None


@exercise("1.5")
def masked_mean(answer: Callable) -> str | None:
    """``answer(hidden, mask)``: ``(batch, tokens, hidden)`` and ``(batch, tokens)`` -> ``(batch, hidden)``."""
    for lengths in ((5, 2, 4), (3, 6), (4, 4, 4, 1)):
        hidden = torch.randn(len(lengths), max(lengths), 7) + 1.5
        mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
        weight = mask.unsqueeze(-1)
        total = (hidden * weight).sum(dim=1)  # (batch, hidden)
        expected = total / mask.sum(dim=1, keepdim=True)
        got = call(answer, hidden, mask)
        if close(got, expected):
            continue
        inner = (weight.cumsum(dim=1) > 1) & (weight.flip(1).cumsum(dim=1).flip(1) > 1)  # without [CLS] and [SEP]
        padding = 1 - weight
        for message, candidate in (
            ("padding tokens still count in your mean.", hidden.mean(dim=1)),
            ("the sum is divided by all tokens; divide it by each text's real ones.", total / max(lengths)),
            ("that is the sum over the real tokens; it is not divided by their number yet.", total),
            ("every text is divided by the tokens of the whole batch; sum the mask along dim=1.", total / mask.sum()),
            ("that is the vector of [CLS]; all real tokens belong to the mean.", hidden[:, 0]),
            ("the mask is turned round: you take the mean over padding.", (hidden * padding).sum(1) / padding.sum(1)),
            (
                "[CLS] and [SEP] are left out; all real tokens belong to the mean.",
                (hidden * inner).sum(1) / inner.sum(1),
            ),
            ("all texts of the batch are mixed into one vector; keep the batch axis.", total.sum(dim=0) / mask.sum()),
            ("the batch axis was averaged away instead of the tokens; the tokens are dim=1.", hidden.mean(dim=0)),
        ):
            if isinstance(got, Tensor) and close(torch.nan_to_num(got), torch.nan_to_num(candidate)):
                return message
        return difference(got, expected)
    return None
