"""Text in, vectors out: any layer, any pooling, in bounded memory, the same whatever shares a batch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from helpers.errors import CourseError
from helpers.padding import POOLINGS, length_batches, longest_input, pad, pool

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def encode(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, max_length: int = 512) -> list[list[int]]:
    """Token ids of each text, with [CLS] and [SEP], cut at ``max_length``; a warning says how many were cut.

    Raises:
        CourseError: ``texts`` is one string or empty, or one of its items is no text or has nothing in it.
    """
    if isinstance(texts, str):
        raise CourseError("One string was given where a list of texts is needed; write [text] instead of text.")
    texts = list(texts)
    if not texts:
        raise CourseError("There is nothing to embed: the list of texts is empty.")
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise CourseError(f"Text {place} is {text!r}, not a string; remove or replace it first.")
        if not text.strip():
            raise CourseError(f"Text {place} is empty; remove it first.")
    ids = tokenizer(texts, add_special_tokens=True, verbose=False)["input_ids"]
    cut = [place for place, row in enumerate(ids) if len(row) > max_length]
    if cut:
        warnings.warn(
            f"{len(cut)} of {len(ids)} texts have more than {max_length} tokens and were cut there (text {cut[0]} "
            f"has {len(ids[cut[0]])}); what comes after is not in the vector.",
            stacklevel=3,
        )
        ids = [row if len(row) <= max_length else [*row[: max_length - 1], row[-1]] for row in ids]
    return ids


def embed(
    texts: Sequence[str],
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    layer: int | Sequence[int] | str = -1,
    pooling: str = "mean",
    max_tokens: int = 4096,
    max_length: int = 512,
) -> torch.Tensor:
    """A vector for each text, in the order given.

    Texts of similar length share a batch, so little is computed for padding, and only the pooled vectors are kept, so the
    memory does not grow with a batch's hidden states. The model stays where it is, and comes back in the mode it was in.

    Args:
        texts: at least one; none empty.
        model: a BERT-like encoder (``AutoModel``).
        tokenizer: the tokenizer of the same checkpoint.
        layer: an index into the hidden states (0 is the embedding layer, -1 the last), several of them, or "all".
        pooling: "cls", "mean" or "max" over the real tokens.
        max_tokens: rows times width of a batch; less needs less memory.
        max_length: longer texts are cut, with a warning.

    Returns:
        ``(texts, hidden)``, or ``(texts, layers, hidden)`` for several layers; float32, on the CPU.

    Raises:
        CourseError: bad texts, an unknown layer or pooling, or a tokenizer that does not belong to the model.
    """
    if pooling not in POOLINGS:
        raise CourseError(f"There is no pooling {pooling!r}; choose one of {', '.join(POOLINGS)}.")
    layers = _layers(layer, model.config.num_hidden_layers + 1)
    if len(tokenizer) > model.config.vocab_size:
        raise CourseError(
            f"The tokenizer has {len(tokenizer):,} entries, the model only {model.config.vocab_size:,}: "
            "load both from the same checkpoint."
        )
    ids = encode(texts, tokenizer, min(max_length, longest_input(model.config)))
    vectors = torch.empty(len(ids), len(layers), model.config.hidden_size)
    was_training = model.training
    model.eval()
    try:
        for rows in length_batches([len(row) for row in ids], max_tokens):
            input_ids, mask = pad([ids[row] for row in rows], tokenizer.pad_token_id)
            input_ids, mask = input_ids.to(model.device), mask.to(model.device)
            with torch.inference_mode():
                hidden_states = model(input_ids, attention_mask=mask, output_hidden_states=True).hidden_states
                pooled = [pool(hidden_states[i], mask, pooling).float().cpu() for i in layers]
            vectors[rows] = torch.stack(pooled, dim=1)
    finally:
        model.train(was_training)
    return vectors[:, 0] if isinstance(layer, int) else vectors


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
