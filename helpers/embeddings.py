"""Text in, vectors out: any layer, any pooling, in bounded memory, the same whatever shares a batch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from helpers.errors import CourseError
from helpers.padding import POOLINGS, length_batches, longest_input, pad, pool

CHUNK = 2048  # texts that are tokenised, sorted by length and computed together: enough to fill batches of one length

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def encode(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, max_length: int = 512) -> list[list[int]]:
    """Token ids of each text, with [CLS] and [SEP], cut at ``max_length``; a warning says how many were cut.

    Raises:
        CourseError: ``texts`` is one string or empty, or one of its items is no text or has nothing in it.
    """
    texts = _checked(texts)
    ids, cut = _ids(texts, tokenizer, max_length)
    warn_of_cuts(cut, len(ids), max_length)
    return ids


def _checked(texts: Sequence[str]) -> list[str]:
    """The texts as a list; what is none is refused."""
    if isinstance(texts, str):
        raise CourseError("One string was given where a list of texts is needed; write [text] instead of text.")
    texts = list(texts)
    if not len(texts):
        raise CourseError("There is nothing to embed: the list of texts is empty.")
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise CourseError(f"Text {place} is {text!r}, not a string; remove or replace it first.")
        if not text.strip():
            raise CourseError(f"Text {place} is empty; remove it first.")
    return texts


def _ids(
    texts: list[str], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> tuple[list[list[int]], dict[int, int]]:
    """Token ids, cut at ``max_length``, and which texts were longer: their places and their lengths."""
    ids = tokenizer(texts, return_token_type_ids=False, return_attention_mask=False, verbose=False)["input_ids"]
    cut = {place: len(row) for place, row in enumerate(ids) if len(row) > max_length}
    for place in cut:
        ids[place] = [*ids[place][: max_length - 1], ids[place][-1]]
    return ids, cut


def warn_of_cuts(cut: dict[int, int], count: int, max_length: int) -> None:
    """Say how many of ``count`` texts were cut; ``cut`` has their places and lengths."""
    if cut:
        first = min(cut)
        warnings.warn(
            f"{len(cut)} of {count} texts have more than {max_length} tokens and were cut there (text {first} "
            f"has {cut[first]}); what comes after is not in the vector.",
            stacklevel=3,
        )


def embed(
    texts: Sequence[str],
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    layer: int | Sequence[int] | str = -1,
    pooling: str = "mean",
    max_tokens: int | None = None,
    max_length: int = 512,
    dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """A vector for each text, in the order given.

    Texts of similar length share a batch, so little is computed for padding, and only the pooled vectors are kept. A few
    thousand texts are tokenised at a time, so beside the result itself the memory does not grow with the number of texts.
    The model stays where it is, and comes back in the mode it was in.

    Args:
        texts: at least one; none empty.
        model: a BERT-like encoder (``AutoModel``).
        tokenizer: the tokenizer of the same checkpoint.
        layer: an index into the hidden states (0 is the embedding layer, -1 the last), several of them, or "all".
        pooling: "cls", "mean" or "max" over the real tokens.
        max_tokens: rows times width of a batch; unless told 1,024 on a CPU, whose caches hold no more, and 16,384 elsewhere.
        max_length: longer texts are cut, with a warning.
        dtype: the number format of the products; ``None`` for the model's own. ``torch.bfloat16`` is quicker where
            ``helpers.device.number_format`` says so, and turns a vector by a cosine distance of less than 0.001.

    Returns:
        ``(texts, hidden)``, or ``(texts, layers, hidden)`` for several layers; float32, on the CPU.

    Raises:
        CourseError: bad texts, an unknown layer or pooling, or a tokenizer that does not belong to the model.
    """
    texts = _checked(texts)
    layers = checked_layers(model, tokenizer, layer, pooling)
    limit = min(max_length, longest_input(model.config))
    vectors = torch.empty(len(texts), len(layers), model.config.hidden_size)
    cut: dict[int, int] = {}
    for begin in range(0, len(texts), CHUNK):
        some, long = embed_chunk(
            texts[begin : begin + CHUNK], model, tokenizer, layers, pooling, max_tokens, limit, dtype
        )
        vectors[begin : begin + CHUNK] = some
        cut |= {begin + place: length for place, length in long.items()}
    warn_of_cuts(cut, len(texts), limit)
    return vectors[:, 0] if isinstance(layer, int) else vectors


def checked_layers(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, layer: int | Sequence[int] | str, pooling: str
) -> list[int]:
    """The indices of the layers meant.

    Raises:
        CourseError: there is no such layer or pooling, or the tokenizer does not belong to the model.
    """
    if pooling not in POOLINGS:
        raise CourseError(f"There is no pooling {pooling!r}; choose one of {', '.join(POOLINGS)}.")
    if len(tokenizer) > model.config.vocab_size:
        raise CourseError(
            f"The tokenizer has {len(tokenizer):,} entries, the model only {model.config.vocab_size:,}: "
            "load both from the same checkpoint."
        )
    return _layers(layer, model.config.num_hidden_layers + 1)


def embed_chunk(
    texts: list[str],
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    layers: list[int],
    pooling: str,
    max_tokens: int | None,
    limit: int,
    dtype: torch.dtype | None,
) -> tuple[torch.Tensor, dict[int, int]]:
    """``embed`` for so few texts that their tokens fit into memory, with everything checked before.

    Returns:
        ``(texts, layers, hidden)``, and the places and lengths of the texts that were cut at ``limit`` tokens.
    """
    max_tokens = max_tokens or (1024 if model.device.type == "cpu" else 16_384)
    ids, cut = _ids(texts, tokenizer, limit)
    vectors = torch.empty(len(texts), len(layers), model.config.hidden_size)
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode(), torch.autocast(model.device.type, dtype, enabled=dtype is not None):
            for rows in length_batches([len(row) for row in ids], max_tokens):
                batch = pad([ids[row] for row in rows], tokenizer.pad_token_id)
                vectors[rows] = _pooled(model, *batch, layers, pooling)
    finally:
        model.train(was_training)
    return vectors, cut


def _pooled(
    model: PreTrainedModel,
    input_ids: torch.Tensor,
    mask: torch.Tensor,
    layers: list[int],
    pooling: str,
) -> torch.Tensor:
    """A batch's vectors, ``(batch, layers, hidden)``, in float32 on the CPU."""
    input_ids, mask = input_ids.to(model.device), mask.to(model.device)
    last = set(layers) <= {-1, model.config.num_hidden_layers}  # then the other layers need not be kept
    found = model(input_ids, attention_mask=mask, output_hidden_states=not last)
    pooled = [
        pool((found.last_hidden_state if last else found.hidden_states[i]).float(), mask, pooling) for i in layers
    ]
    return torch.stack(pooled, dim=1).cpu()


def _layers(layer: int | Sequence[int] | str, count: int) -> list[int]:
    if layer == "all":
        return list(range(count))
    wanted = [layer] if isinstance(layer, int) else layer
    if isinstance(wanted, str) or not len(wanted):
        raise CourseError(
            f"layer={layer!r} is none: give an index from {-count} to {count - 1}, a list of them, or 'all'."
        )
    for index in wanted:
        if not -count <= index < count:
            raise CourseError(f"There is no layer {index}: this model has {count} hidden states, 0 to {count - 1}.")
    return list(wanted)


def word_vectors(
    text: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, layer: int | Sequence[int] | str = -1
) -> list[tuple[str, torch.Tensor]]:
    """The words of a text, each with the mean vector of its word pieces: ``[(word, (hidden,)), ...]``.

    A word is what the tokenizer splits off before it looks for word pieces (spaces and punctuation separate words).
    For several layers, or "all", as in ``embed``, a word's vectors are ``(layers, hidden)``.

    Raises:
        CourseError: as ``embed``.
    """
    layers = _layers(layer, model.config.num_hidden_layers + 1)
    limit = longest_input(model.config)
    encode([text], tokenizer, limit)  # says what is wrong with the text, and whether it is cut
    inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=limit).to(model.device)
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        hidden_states = model(**inputs, output_hidden_states=True).hidden_states
        hidden = torch.stack([hidden_states[i][0].float().cpu() for i in layers])  # (layers, tokens, hidden)
    model.train(was_training)
    pieces: dict[int, list[int]] = {}
    for token, word in enumerate(inputs.word_ids(0)):
        if word is not None:
            pieces.setdefault(word, []).append(token)
    spans = (inputs.word_to_chars(0, word) for word in pieces)
    words = [text[span.start : span.end] for span in spans]
    if isinstance(layer, int):
        hidden = hidden[0]  # (tokens, hidden)
    return [(word, hidden[..., at, :].mean(dim=-2)) for word, at in zip(words, pieces.values(), strict=True)]


def nearest(query: torch.Tensor, vectors: torch.Tensor, k: int = 5) -> list[tuple[int, float]]:
    """The ``k`` rows of ``vectors`` ``(texts, hidden)`` most similar to ``query`` ``(hidden,)``: (row, cosine), best first.

    Raises:
        CourseError: ``k`` is not between 1 and the number of rows, or the widths differ.
    """
    if query.shape != vectors.shape[1:]:
        raise CourseError(f"A query of shape {tuple(query.shape)} cannot be compared with rows of {vectors.shape[-1]}.")
    if not 1 <= k <= len(vectors):
        raise CourseError(f"k is {k}, but there are {len(vectors)} vectors to choose from.")
    similarity = torch.nn.functional.cosine_similarity(vectors, query.unsqueeze(0), dim=-1)  # (texts,)
    values, rows = similarity.topk(k)
    return list(zip(rows.tolist(), values.tolist(), strict=True))
