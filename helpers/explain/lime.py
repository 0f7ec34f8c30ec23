"""LIME (Ribeiro, Singh, Guestrin 2016, arXiv:1602.04938): hide words at random, look at the probabilities, fit a line.

The sampling and the fit are the ``lime`` library's. What it needs from us is a model that answers many texts at once, and settings
that suit a BERT: every word by its place, and ``[MASK]`` where a word is hidden, so that the sentence keeps its shape.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from helpers.errors import CourseError
from helpers.explain.inputs import check_classes, prepare, target_class
from helpers.explain.words import Attribution, word_spans
from helpers.padding import length_batches, longest_input, pad

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Predictor:
    """Texts in, probabilities out: what LIME and every other test by changed texts asks for.

    Texts of similar length share a batch, and a text that occurs twice is computed once. Neither changes an answer by more than
    rounding. ``asked`` counts the texts that the model has read.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_tokens: int | None = None
    ) -> None:
        """Args:
            model: a classifier; it is used as it is, in its number format, on its device.
            tokenizer: the model's own.
            max_tokens: a batch's rows times its width stay within this; unless told 512 on a CPU, which gains nothing by more and
                loses time on padding, and 16,384 elsewhere.

        Raises:
            CourseError: the model does not choose between two classes or more.
        """
        check_classes(model)
        self.model, self.tokenizer = model, tokenizer
        self.max_tokens = max_tokens or (512 if model.device.type == "cpu" else 16_384)
        self.asked = 0

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """The probability of each class for each text, in the order of the texts: ``(texts, classes)``, classes as in ``id2label``.

        Raises:
            CourseError: ``texts`` is no list of texts, is empty, or holds one with more tokens than the model has positions for.
        """
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise CourseError(
                "predict_proba takes a list of texts and answers with one row each: put a single text into a list."
            )
        if not len(texts):
            raise CourseError("There is no text to predict: the list is empty.")
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        ids = self.tokenizer(list(places))["input_ids"]
        lengths = [len(row) for row in ids]
        longest = longest_input(self.model.config)
        if max(lengths) > longest:
            raise CourseError(
                f"A text has {max(lengths)} tokens and the model reads at most {longest}: shorten it first."
            )
        found = np.empty((len(ids), self.model.config.num_labels))
        was_training = self.model.training
        self.model.eval()
        with torch.inference_mode():
            for batch in length_batches(lengths, self.max_tokens):
                inputs, mask = pad([ids[i] for i in batch], self.tokenizer.pad_token_id or 0)  # (rows, width)
                logits = self.model(inputs.to(self.model.device), attention_mask=mask.to(self.model.device)).logits
                found[batch] = logits.float().softmax(dim=-1).cpu().numpy()
        self.model.train(was_training)
        self.asked += len(ids)
        return found[[places[text] for text in texts]]


def without(text: str, hidden: Collection[int], mask: str) -> str:
    """The text with some of its words replaced by ``mask``; spaces and punctuation stay.

    Args:
        text: with words at the places of ``hidden``.
        hidden: indices into ``word_spans(text)``.
        mask: what stands for a hidden word, such as ``"[MASK]"``; ``""`` deletes it.

    Raises:
        CourseError: the text has no word, or no word of that number.
    """
    spans = word_spans(text)
    if hidden and not 0 <= min(hidden) <= max(hidden) < len(spans):
        raise CourseError(f"The words to hide are numbered from 0 to {len(spans) - 1}, not {sorted(hidden)}.")
    for place in sorted(hidden, reverse=True):  # from the end, so that the places before stay valid
        start, end = spans[place]
        text = text[:start] + mask + text[end:]
    return text


def lime_scores(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    target: int | str | None = None,
    *,
    samples: int = 1000,
    seed: int = 42,
    mask: str | None = None,
) -> Attribution:
    """LIME's weight of each word for the probability of a class.

    Args:
        model: a classifier.
        tokenizer: the model's own.
        text: what to explain.
        target: a class number or a label name; ``None`` for the predicted class.
        samples: how many versions of the text the model has to read; few make another explanation with each seed.
        seed: of the versions; the same seed gives the same explanation.
        mask: what a hidden word is replaced by; ``None`` for the tokenizer's ``[MASK]``, ``""`` deletes it.

    Raises:
        CourseError: the text has no word or is too long, there is no such class, or there are fewer than two samples.
    """
    from lime.lime_text import LimeTextExplainer

    if samples < 2:
        raise CourseError(f"LIME cannot fit a line to {samples} samples: a few hundred are usual.")
    predictor, words = Predictor(model, tokenizer), prepare(model, tokenizer, text).words
    chosen = target_class(model, torch.from_numpy(predictor.predict_proba([text])), target)
    explainer = (
        LimeTextExplainer(  # a new one at every call: a used one has drawn random numbers, and would go on from there
            bow=False,
            mask_string=tokenizer.mask_token if mask is None else mask,
            feature_selection="none",
            random_state=seed,
        )
    )
    found = explainer.explain_instance(text, predictor.predict_proba, labels=(chosen,), num_samples=samples)
    weights = dict(found.local_exp[chosen])
    scores = tuple(float(weights[place]) for place in range(len(words)))
    return Attribution(text, words, scores, model.config.id2label[chosen], "LIME")


def leave_one_out(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    target: int | str | None = None,
    *,
    mask: str | None = None,
) -> Attribution:
    """How much the probability of a class falls when a word alone is hidden: as many readings as words, and no chance.

    Args and Raises as for ``lime_scores``. (Zeiler and Fergus 2014, arXiv:1311.2901, did it to pictures, as *occlusion*.)
    """
    predictor, words = Predictor(model, tokenizer), prepare(model, tokenizer, text).words
    mask = tokenizer.mask_token if mask is None else mask
    found = predictor.predict_proba([text, *(without(text, [place], mask) for place in range(len(words)))])
    chosen = target_class(model, torch.from_numpy(found[:1]), target)
    scores = tuple((found[0, chosen] - found[1:, chosen]).tolist())
    return Attribution(text, words, scores, model.config.id2label[chosen], "leave one out")
