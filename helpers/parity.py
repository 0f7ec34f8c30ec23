"""Parity debugger: run a student's BERT beside the library's, and name the first sub-layer whose numbers differ.

A wrong encoder rarely crashes: it returns vectors of the right shape. So the student's code hands each intermediate
result to ``record``, hooks take the same ones out of ``BertModel``, and both are compared step by step.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from helpers.errors import CourseError

# how a hook gets a step: from what goes into a module, what comes out, the number of heads, and earlier steps
PICKS: dict[str, Callable] = {
    "in": lambda arguments, output, heads, record: arguments[0],
    "out": lambda arguments, output, heads, record: output,
    "out[0]": lambda arguments, output, heads, record: output[0],
    "out[1]": lambda arguments, output, heads, record: output[1],
    "heads": lambda arguments, output, heads, record: output.unflatten(-1, (heads, -1)).transpose(1, 2),
    "q @ k": lambda _, o, h, record: record["query"][-1] @ record["key"][-1].mT * record["key"][-1].shape[-1] ** -0.5,
}
# step -> what to look at first if it is the first to differ, where it is in BertModel, and how a hook gets it
STEPS = {
    "embedding sum": ("are word, position and token type all looked up and added?", "embeddings.LayerNorm", "in"),
    "embeddings": ("is it a layer norm with the configuration's eps, and unbiased=False?", "embeddings", "out"),
    "query": ("is it x @ weight.T + bias, then split: (batch, heads, tokens, size)?", "attention.self.query", "heads"),
    "key": ("are the key's own weight and bias used, and split like the query?", "attention.self.key", "heads"),
    "value": ("are the value's own weight and bias used, and split like the query?", "attention.self.value", "heads"),
    "attention scores": ("is the 1/sqrt(d) missing, d the size of one head?", "attention.self", "q @ k"),
    "attention weights": ("is the mask applied before a softmax over the last axis?", "attention.self", "out[1]"),
    "context": ("is it weights @ value, with the heads of a token side by side again?", "attention.self", "out[0]"),
    "attention dense": ("is attention.output.dense applied, with its bias?", "attention.output.dense", "out"),
    "attention sum": ("is the residual missing: the layer's input is added?", "attention.output.LayerNorm", "in"),
    "attention norm": ("is attention.output.LayerNorm applied, and after the sum?", "attention.output", "out"),
    "expansion": ("is it intermediate.dense and then the exact GELU (erf, not tanh)?", "intermediate", "out"),
    "contraction": ("is output.dense applied to the expansion, with its bias?", "output.dense", "out"),
    "output sum": ("is the result of the attention's layer norm added here?", "output.LayerNorm", "in"),
    "output": ("is output.LayerNorm applied, and after the sum?", "output", "out"),
}
ONCE = 2  # the first two occur once, the others in every layer


class Record(dict[str, list[Tensor]]):
    """``x = record("output", x)`` keeps a tensor and hands it back; the second "output" is that of layer 2."""

    def __call__(self, step: str, tensor: Tensor) -> Tensor:
        """Keep ``tensor`` under ``step``, a key of ``STEPS`` (else ``CourseError``)."""
        if step not in STEPS:
            raise CourseError(f"There is no step {step!r} to record; the names are {', '.join(map(repr, STEPS))}.")
        self.setdefault(step, []).append(tensor.detach())
        return tensor


@dataclass(frozen=True)
class Divergence:
    """The first step at which two encoders differ; printed, it is a message to the student."""

    step: str  # a key of STEPS
    layer: int  # 0 for the embeddings, then 1, 2, ... as in ``hidden_states`` (encoder.layer.0 is layer 1)
    difference: str
    agreed: str  # the last place at which both were equal

    def __str__(self) -> str:
        place, hint = _place(self.step, self.layer), STEPS[self.step][0]
        return f"{place}: {hint}\n  {self.difference}; equal up to {self.agreed}."


def first_divergence(
    model: nn.Module, student: Callable, tolerance: float = 1e-5, **inputs: Tensor
) -> Divergence | None:
    """Run both encoders on the same inputs and return the first step at which they differ, or ``None``.

    Args:
        model: a transformers ``BertModel`` (or a model with a head on top of one); comes back as it was.
        student: called as ``student(**inputs, record=record)``. Steps that it does not record are skipped; if it stops
            with an exception, what it recorded before is compared first.
        tolerance: allowed difference, as a fraction of the step's largest value (or of 1, if that is larger).
        **inputs: ``input_ids`` and so on, ``(batch, tokens)``; with padding and a pair in it, more mistakes show.
    """
    wanted, record, stopped = reference(model, **inputs), Record(), None
    with torch.no_grad():
        try:
            student(**inputs, record=record)
        except Exception as error:  # an encoder under construction fails in every way there is
            stopped = error
    if not record and stopped is None:
        raise CourseError("Nothing was recorded: write x = record('output', x) and so on in your encoder.")
    names, layers, agreed = list(STEPS), range(1, len(wanted["output"]) + 1), "the input"
    for step, layer in [(s, 0) for s in names[:ONCE]] + [(s, i) for i in layers for s in names[ONCE:]]:
        expected, got, index = wanted[step], record.get(step, []), max(layer - 1, 0)
        if got and len(got) != len(expected) and stopped is None:
            raise CourseError(f"'{step}' was recorded {len(got)} times, not {len(expected)}: once for each layer.")
        if index < len(got):
            if difference := _difference(got[index], expected[index], tolerance):
                return Divergence(step, layer, difference, agreed)
            agreed = _place(step, layer)
    if stopped is not None:
        raise stopped


def reference(model: nn.Module, **inputs: Tensor) -> Record:
    """All steps of a transformers ``BertModel``, taken out with forward hooks (dropout off, eager attention)."""
    model = model.base_model
    if model.config.model_type != "bert":
        raise CourseError(f"The debugger knows the parts of a BertModel, not those of a {type(model).__name__}.")
    record, heads = Record(), model.config.num_attention_heads

    def keep(step: str, pick: str, _: nn.Module, arguments: tuple, output: Tensor | tuple) -> None:
        record(step, PICKS[pick](arguments, output, heads, record))

    with ExitStack() as clean_up, torch.no_grad():
        for place, (step, (_, path, pick)) in enumerate(STEPS.items()):
            for part in [model] if place < ONCE else model.encoder.layer:
                clean_up.enter_context(part.get_submodule(path).register_forward_hook(partial(keep, step, pick)))
        clean_up.callback(model.set_attn_implementation, model.config._attn_implementation)
        clean_up.callback(model.train, model.training)
        model.set_attn_implementation("eager")  # only this one computes the weights as a tensor of their own
        model.eval()(**inputs)
    return record


def _place(step: str, layer: int) -> str:
    return f"the {step} of layer {layer}" if layer else f"the {step}"


def _difference(got: Tensor, expected: Tensor, tolerance: float) -> str | None:
    """How two tensors differ, as far as their numbers tell, or ``None`` if they do not."""
    if got.shape != expected.shape:
        return f"its shape is {tuple(got.shape)} instead of {tuple(expected.shape)}"
    got, expected = got.double().cpu(), expected.double().cpu()
    if not got.isfinite().all():
        return "it holds infinite or undefined values (scores are recorded before the mask)"
    allowed = tolerance * max(1.0, expected.abs().max().item())
    worst = (got - expected).abs().max().item()
    if worst <= allowed:
        return None
    ratio = ((got * expected).sum() / (expected * expected).sum()).item()
    if (got - ratio * expected).abs().max() <= allowed * max(1.0, abs(ratio)):
        return f"every value is {ratio:.2f} times what it should be"
    if (got.flatten().sort().values - expected.flatten().sort().values).abs().max() <= allowed:
        return "the right numbers, but in the wrong places"
    return f"off by up to {worst:.2g}"
