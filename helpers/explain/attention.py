"""Attention: read it, follow it through the layers (rollout, flow), rewrite it, and switch heads off.

Everything here takes the attentions of one text as a tensor ``(layers, heads, tokens, tokens)``: row = the token that looks, column =
the token that is looked at, every row adds up to 1.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from helpers.errors import CourseError
from helpers.explain.inputs import Prepared, prepare, target_class
from helpers.explain.words import Attribution, sum_by_word

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

UNITS = 1_000_000  # the flow is computed in whole millionths


def attentions(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str
) -> tuple[tuple[str, ...], torch.Tensor]:
    """Word pieces and attentions ``(layers, heads, tokens, tokens)`` of a text, on the CPU.

    Raises:
        CourseError: the model does not keep its attentions (see ``check_eager``), or the text has no word or too many tokens.
    """
    prepared, found, _ = _run(model, tokenizer, text)
    return prepared.pieces, found


def check_eager(model: PreTrainedModel) -> None:
    """Refuse a model that cannot show its attention.

    Raises:
        CourseError: its attention is computed by a fused kernel, which never makes the matrix of weights.
    """
    way = getattr(model.config, "_attn_implementation", "eager")
    if way != "eager":
        raise CourseError(
            f"This model computes its attention by {way!r}, which never makes the matrix of weights: load it with "
            "attn_implementation='eager', or call model.set_attn_implementation('eager')."
        )


def _run(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str
) -> tuple[Prepared, torch.Tensor, torch.Tensor | None]:
    check_eager(model)
    prepared = prepare(model, tokenizer, text)
    with torch.inference_mode():
        output = model(**prepared.batch, output_attentions=True)
    return prepared, torch.stack(output.attentions)[:, 0].float().cpu(), getattr(output, "logits", None)


def share(attention: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """How much of its attention each head puts into some cells of its map: ``(layers, heads)``, between 0 and 1.

    Args:
        attention: ``(layers, heads, tokens, tokens)``.
        cells: ``(tokens, tokens)`` of bool. Rows without any are left out of the mean.

    Raises:
        CourseError: there is no cell, or the sizes differ.
    """
    if cells.shape != attention.shape[-2:]:
        raise CourseError(f"Cells of shape {tuple(cells.shape)} do not fit maps of {tuple(attention.shape[-2:])}.")
    rows = cells.any(dim=1)
    if not rows.any():
        raise CourseError("There is no cell to measure: this text has no such pair of tokens.")
    return (attention * cells).sum(dim=-1)[..., rows].mean(dim=-1)


def _mixed(attention: torch.Tensor) -> torch.Tensor:
    """Mean of the heads, half and half with the residual connection: ``(layers, tokens, tokens)``, rows adding up to 1."""
    if attention.ndim != 4 or attention.shape[-1] != attention.shape[-2]:
        raise CourseError(f"Attentions (layers, heads, tokens, tokens) are needed, not {tuple(attention.shape)}.")
    mean = attention.mean(dim=1)
    return 0.5 * mean + 0.5 * torch.eye(mean.shape[-1], dtype=mean.dtype, device=mean.device)


def rollout(attention: torch.Tensor) -> torch.Tensor:
    """Attention rollout (Abnar & Zuidema 2020, arXiv:2005.00928): the shares of the input tokens after each layer.

    Args:
        attention: ``(layers, heads, tokens, tokens)``.

    Returns:
        ``(layers, tokens, tokens)``: in layer ``l``, row ``i`` says how much of each *input* token has come to place ``i``.

    Raises:
        CourseError: the shape is another one.
    """
    so_far: list[torch.Tensor] = []
    for layer in _mixed(attention):
        so_far.append(layer @ so_far[-1] if so_far else layer)
    return torch.stack(so_far)


def flow(attention: torch.Tensor, source: int = 0) -> np.ndarray:
    """Attention flow (the same paper): the layers as pipes as wide as their attention, and what can run through at most.

    Args:
        attention: ``(layers, heads, tokens, tokens)``.
        source: the token of the last layer from which it runs, [CLS] unless told.

    Returns:
        ``(tokens,)``: the maximum flow (at most 1) to each input token, each computed as if it were alone.

    Raises:
        CourseError: the shape is another one.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_flow

    pipes = (_mixed(attention).double().numpy() * UNITS).round().astype(np.int32)  # (layers, tokens, tokens)
    layers, tokens, _ = pipes.shape
    network = np.zeros(((layers + 1) * tokens,) * 2, dtype=np.int32)
    for layer in range(layers):  # node = level * tokens + token; level 0 is the input
        upper, lower = (layer + 1) * tokens, layer * tokens
        network[upper : upper + tokens, lower : lower + tokens] = pipes[layer]
    network = csr_array(network)
    top = layers * tokens + source
    return np.array([maximum_flow(network, top, token).flow_value / UNITS for token in range(tokens)])


def _outputs(model: PreTrainedModel) -> list[torch.nn.Linear]:
    """Of every layer the matrix that reads the heads' results side by side."""
    ends = ("attention.output.dense", "attention.out_lin")  # BERT's family, DistilBERT
    return [module for name, module in model.named_modules() if name.endswith(ends)]


@contextlib.contextmanager
def ablate(model: PreTrainedModel, heads: Mapping[int, Sequence[int]]) -> Iterator[None]:
    """Switch heads off: what they hand on is zero inside the ``with``, and back again after it.

    The weights stay as they are: a hook empties the heads' places in the input of ``attention.output.dense``.

    Args:
        model: any of BERT's family.
        heads: layer -> its heads, both from 0.

    Raises:
        CourseError: there is no such layer or head.
    """
    outputs, count = _outputs(model), model.config.num_attention_heads
    for layer, own in heads.items():
        if not 0 <= layer < len(outputs) or not all(0 <= head < count for head in own):
            raise CourseError(
                f"There is no layer {layer} with heads {list(own)}: this model has the layers 0 to {len(outputs) - 1} "
                f"and in each the heads 0 to {count - 1}."
            )

    def silence(own: Sequence[int]) -> Callable:
        def hook(_: torch.nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
            context = inputs[0].unflatten(-1, (count, -1)).clone()  # (batch, tokens, heads, size of a head)
            context[..., list(own), :] = 0
            return (context.flatten(-2),)

        return hook

    handles = [outputs[layer].register_forward_pre_hook(silence(own)) for layer, own in heads.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def rewrite(model: PreTrainedModel, change: Callable[[torch.Tensor, int], torch.Tensor]) -> Iterator[None]:
    """Let the model go on with other attention weights than those that it computed, inside the ``with``.

    Args:
        model: any model whose attention goes through transformers' ``AttentionInterface``.
        change: ``(weights (batch, heads, tokens, tokens), layer) -> weights`` of the same shape; padding is its business.

    Raises:
        CourseError: the model is not eager.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    check_eager(model)
    layers: dict[int, int] = {}  # in the order in which they are met

    def attend(
        module: torch.nn.Module,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor | None,
        scaling: float | None = None,
        **_: object,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        scores = query @ key.transpose(-1, -2) * (scaling or query.shape[-1] ** -0.5)
        if attention_mask is not None:
            scores = scores + attention_mask
        weights = change(scores.softmax(dim=-1), layers.setdefault(id(module), len(layers)))
        return (weights @ value).transpose(1, 2).contiguous(), weights

    AttentionInterface.register("rewritten", attend)
    AttentionMaskInterface.register("rewritten", eager_mask)
    try:
        model.set_attn_implementation("rewritten")
        yield
    finally:
        model.set_attn_implementation("eager")


def _scores(
    method: str,
    from_cls: Callable[[torch.Tensor], Sequence[float]],
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    target: int | str | None,
) -> Attribution:
    prepared, found, logits = _run(model, tokenizer, text)
    label = model.config.id2label[target_class(model, logits, target)]
    scores = sum_by_word([float(v) for v in from_cls(found)], prepared.owners, len(prepared.words))
    return Attribution(text, prepared.words, tuple(scores.tolist()), label, method)


def attention_scores(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str, target: int | str | None = None
) -> Attribution:
    """What [CLS] looks at in the last layer, mean of the heads, by word. It is the same for every ``target``.

    Raises:
        CourseError: the model is not eager or no classifier, there is no such class, the text has no word or too many tokens.
    """
    return _scores("attention", lambda found: found[-1].mean(dim=0)[0].tolist(), model, tokenizer, text, target)


def rollout_scores(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str, target: int | str | None = None
) -> Attribution:
    """What has come to [CLS] by ``rollout`` through all layers, by word. It is the same for every ``target``; errors as above."""
    return _scores("rollout", lambda found: rollout(found)[-1, 0].tolist(), model, tokenizer, text, target)
