"""How BERT and its relatives learn from raw text: masking, next-sentence pairs, contrast, and one short training loop.

Shapes are written ``(batch, tokens)``; a label of -100 (``IGNORED``) marks a place that the loss leaves out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import cross_entropy, normalize

from helpers.errors import CourseError

if TYPE_CHECKING:
    from transformers import BatchEncoding, BertForMaskedLM, PreTrainedTokenizerBase

IGNORED = -100


def mask_tokens(
    input_ids: torch.Tensor,
    tokenizer: PreTrainedTokenizerBase,
    share: float = 0.15,
    words: torch.Tensor | None = None,
    generator: torch.Generator | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose places to predict, and corrupt them as BERT does (Devlin et al. 2019, section 3.1).

    Of the chosen places, 80 % become [MASK], 10 % a random word piece, and 10 % stay. Special tokens are never chosen and
    never drawn. Called anew for each batch, this is dynamic masking (Liu et al. 2019, arXiv:1907.11692).

    ``input_ids`` are ``(batch, tokens)`` and are not changed; ``share`` is the probability that a place is chosen. With
    ``words`` from ``word_numbers``, whole words are chosen. ``generator`` makes the draws repeatable.

    Returns:
        The corrupted ids, and the labels: the true id at chosen places, -100 elsewhere. Both ``(batch, tokens)``.

    Raises:
        CourseError: ``share`` is no probability, there is no [MASK], or ``words`` does not fit ``input_ids``.
    """
    if not 0 < share < 1:
        raise CourseError(f"share is {share}, but it must lie between 0 and 1; BERT's is 0.15.")
    if tokenizer.mask_token_id is None:
        raise CourseError("This tokenizer has no [MASK] token; masked language modelling needs one.")
    special = torch.tensor(sorted(tokenizer.all_special_ids), device=input_ids.device)

    def draw() -> torch.Tensor:
        return torch.rand(input_ids.shape, generator=generator).to(input_ids.device)  # (batch, tokens)

    chance = draw()
    if words is not None:
        if words.shape != input_ids.shape:
            raise CourseError(f"The word numbers {tuple(words.shape)} do not fit the ids {tuple(input_ids.shape)}.")
        chance = chance.gather(1, words.clamp(min=0).to(input_ids.device))  # all pieces of a word share one chance
    chosen = (chance < share) & ~torch.isin(input_ids, special)
    labels = input_ids.masked_fill(~chosen, IGNORED)
    fate = draw()
    others = torch.arange(len(tokenizer), device=input_ids.device)
    others = others[~torch.isin(others, special)]
    drawn = others[torch.randint(len(others), input_ids.shape, generator=generator).to(input_ids.device)]
    corrupted = torch.where(chosen & (fate < 0.8), tokenizer.mask_token_id, input_ids)
    return torch.where(chosen & (fate >= 0.8) & (fate < 0.9), drawn, corrupted), labels


def word_numbers(encoding: BatchEncoding) -> torch.Tensor:
    """The number of each token's word within its row, -1 for special tokens: ``(batch, tokens)``, for ``mask_tokens``.

    Raises:
        CourseError: the rows have different lengths.
    """
    rows = []
    for row in range(len(encoding["input_ids"])):
        own = encoding.word_ids(row)
        first = next((word for word in own if word is not None), 0)
        rows.append([-1 if word is None else word - first for word in own])
    if len(set(map(len, rows))) > 1:
        raise CourseError("The rows have different lengths; call the tokenizer with padding=True.")
    return torch.tensor(rows)


def masked_logits(
    model: BertForMaskedLM, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and true ids of the masked places only: ``(places, vocabulary)`` and ``(places,)``, row by row.

    With 30,522 word pieces the head is most of the work, so it runs only where a loss is taken.

    Raises:
        CourseError: no place is masked, so that there is nothing to predict.
    """
    chosen = labels != IGNORED
    if not chosen.any():
        raise CourseError("No place is masked: all labels are -100. A longer text or a larger share is needed.")
    hidden = model.base_model(input_ids=input_ids, attention_mask=attention_mask)[0]  # (batch, tokens, hidden)
    return model.cls(hidden[chosen]), labels[chosen]


def masked_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy in nats over the places that were masked; padding and unmasked places have no say.

    ``logits`` are ``(batch, tokens, vocabulary)``, ``labels`` ``(batch, tokens)`` with -100 where nothing is to be predicted.

    Raises:
        CourseError: the shapes do not fit, or no place is masked (a mean over nothing).
    """
    if logits.shape[:-1] != labels.shape:
        raise CourseError(f"Labels {tuple(labels.shape)} do not fit logits {tuple(logits.shape)}.")
    if not (labels != IGNORED).any():
        raise CourseError("No place is masked: all labels are -100, and a mean over nothing is not a number.")
    return cross_entropy(logits.flatten(0, -2), labels.flatten(), ignore_index=IGNORED)


def masked_scores(
    model: BertForMaskedLM, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor, rows: int = 32
) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss in nats and whether the first guess is right, at each masked place: two tensors ``(places,)``, on the CPU.

    Raises ``CourseError`` if no place is masked.
    """
    full = (labels != IGNORED).any(dim=1)  # rows without a masked place have nothing to say
    if not full.any():
        raise CourseError("No place is masked: all labels are -100.")
    was_training = model.training
    model.eval()
    losses, hits = [], []
    parts = (t[full].to(model.device).split(rows) for t in (input_ids, attention_mask, labels))
    with torch.inference_mode():
        for batch in zip(*parts, strict=True):
            logits, truth = masked_logits(model, *batch)
            losses.append(cross_entropy(logits.float(), truth, reduction="none").cpu())
            hits.append((logits.argmax(dim=-1) == truth).cpu())
    model.train(was_training)
    return torch.cat(losses), torch.cat(hits)


def pretrain(
    model: BertForMaskedLM,
    tokenizer: PreTrainedTokenizerBase,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor,
    steps: int,
    learning_rate: float,
    rows: int = 16,
    share: float = 0.15,
    words: torch.Tensor | None = None,
    seed: int = 42,
    every: int = 0,
    watch: Callable[[int], None] | None = None,
) -> list[float]:
    """Train on masked places, masked anew in each step; the rate rises for a tenth of the steps and falls to zero.

    ``input_ids`` and ``attention_mask`` are ``(texts, tokens)``, and so is ``words``, for whole-word masking. A step takes
    ``rows`` texts. ``seed`` sets masks, order and dropout. After each ``every`` steps ``watch(step)`` is called.
    The model is changed in place, and left in evaluation mode.

    Returns the loss of each step, in nats.

    Raises:
        CourseError: there are fewer texts than ``rows``, or no steps.
    """
    if steps < 1 or len(input_ids) < rows:
        raise CourseError(f"{steps} steps of {rows} rows cannot be taken from {len(input_ids)} texts.")
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad],
        lr=learning_rate,
        betas=(0.9, 0.98),
        weight_decay=0.01,
        fused=True,
    )
    warm_up = max(1, steps // 10)
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min((s + 1) / warm_up, (steps - s) / max(1, steps - warm_up))
    )
    losses: list[float] = []
    order = torch.empty(0, dtype=torch.int64)
    model.train()
    for step in range(1, steps + 1):
        if len(order) < rows:
            order = torch.randperm(len(input_ids))
        own, order = order[:rows], order[rows:]
        width = int(attention_mask[own].sum(dim=1).max())
        ids, mask = input_ids[own, :width], attention_mask[own, :width]
        corrupted, labels = mask_tokens(ids, tokenizer, share, None if words is None else words[own, :width])
        logits, truth = masked_logits(model, *(t.to(model.device) for t in (corrupted, mask, labels)))
        loss = cross_entropy(logits, truth)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        rate.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if watch and every and step % every == 0:
            watch(step)
            model.train()
    model.eval()
    return losses


def sentences(text: str) -> list[str]:
    """The sentences of a plain text: cut after ``.``, ``!`` or ``?`` (and closing quotes) before a capital letter."""
    return [part for part in re.split(r"(?<=[.!?])[\"'\u2019\u201d]*\s+(?=[\"'\u2018\u201cA-Z])", text.strip()) if part]


def next_sentence_pairs(
    documents: Sequence[Sequence[str]], generator: torch.Generator | None = None
) -> list[tuple[str, str, int]]:
    """Pairs for next-sentence prediction (Devlin et al. 2019): ``(first, second, label)``, 0 for the true next sentence, 1 for another.

    Each neighbouring pair of a document gives one example. In half of them the second sentence is replaced by one of
    *another* document, so no "random" sentence comes from the same text. Split into train and test by document before.

    Raises:
        CourseError: fewer than two documents, none of two sentences, or no sentence that is foreign to a document.
    """
    places = [(d, s) for d, document in enumerate(documents) for s in range(len(document) - 1)]
    if len(documents) < 2 or not places:
        raise CourseError("Next-sentence pairs need at least two documents, and one of them two sentences.")
    swapped = set(torch.randperm(len(places), generator=generator)[: len(places) // 2].tolist())
    pairs = []
    for number, (d, s) in enumerate(places):
        first, second = documents[d][s : s + 2]
        if number in swapped:
            others = [t for o, document in enumerate(documents) if o != d for t in document if t not in documents[d]]
            if not others:
                raise CourseError("All sentences of the others stand in this document too: none can be the wrong one.")
            second = others[int(torch.randint(len(others), (1,), generator=generator))]
        pairs.append((first, second, int(number in swapped)))
    return pairs


def info_nce(first: torch.Tensor, second: torch.Tensor, temperature: float = 0.05) -> torch.Tensor:
    """InfoNCE with in-batch negatives (van den Oord et al. 2018, arXiv:1807.03748; SimCSE: Gao et al. 2021, arXiv:2104.08821).

    Row i of ``first`` shall find row i of ``second`` among all rows of ``second``, by cosine over ``temperature``.

    Both are ``(batch, hidden)``. The result is a mean cross-entropy in nats: ln(batch) if nothing is known.

    Raises:
        CourseError: the shapes differ, there is no negative (fewer than two rows), or the temperature is not above 0.
    """
    if first.shape != second.shape or first.ndim != 2 or len(first) < 2:
        raise CourseError(f"Twins need equal shapes (batch of at least 2, hidden): {first.shape}, {second.shape}.")
    if temperature <= 0:
        raise CourseError(f"The temperature is {temperature}, but it must be above 0; SimCSE's is 0.05.")
    cosine = normalize(first, dim=-1) @ normalize(second, dim=-1).T  # (batch, batch)
    return cross_entropy(cosine / temperature, torch.arange(len(first), device=first.device))
