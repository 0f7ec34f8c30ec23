"""A model that finds answers and begins with what bert-mini knows: how alike two texts are."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.nn import functional
from transformers import AutoModel
from transformers.modeling_outputs import QuestionAnsweringModelOutput

from helpers.padding import pool


class GuidedReader(torch.nn.Module):
    """Start and end logits of each token: a linear layer, plus how alike the words around the token are to the question.

    A new linear layer alone learns from a few hundred questions where *their* answers are, and little about others. So the
    question takes part in the choice of the span, as in Splinter (Ram et al. 2021): the cosine of the mean of its tokens and
    the mean of the ``AROUND`` tokens around a place, times ``SCALE``. Nothing in it is new, for bert-mini began as a model of
    sentence similarity (Reimers & Gurevych 2019): untrained, it points within 15 tokens of half of SQuAD's answers, where
    chance has a fifth (``tests/test_build_scripts.py``).
    """

    AROUND, SCALE = 9, 40.0

    def __init__(self, checkpoint: str, **settings: object) -> None:
        super().__init__()
        self.bert = AutoModel.from_pretrained(checkpoint, **settings)
        self.head = torch.nn.Linear(self.bert.config.hidden_size, 2)
        for parameter in self.head.parameters():
            torch.nn.init.zeros_(parameter)

    @classmethod
    def from_pretrained(cls, checkpoint: str | Path, **settings: object) -> GuidedReader:
        """As the ``AutoModel`` classes have it."""
        return cls(str(checkpoint), **settings)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> QuestionAnsweringModelOutput:
        """Logits (texts, tokens) twice, for ``[CLS] question [SEP] context [SEP]``; outside the context -1e4."""
        hidden = self.bert(input_ids, attention_mask, token_type_ids).last_hidden_state.float()
        context = (token_type_ids * attention_mask).float()
        first = ((1 - token_type_ids) * attention_mask).float()
        question = first * first.roll(1, 1) * first.roll(-1, 1)  # without its ends, [CLS] and [SEP]
        asked = pool(hidden, question)[:, None]
        around = functional.cosine_similarity(self.smooth(hidden, context), asked, dim=-1)
        guide = self.SCALE * around - 1e4 * (1 - context)
        start, end = (guide + logits for logits in self.head(hidden).unbind(-1))
        return QuestionAnsweringModelOutput(start_logits=start, end_logits=end)

    def smooth(self, hidden: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """The mean of the ``AROUND`` tokens of the context around each: (texts, tokens, size)."""

        def mean(values: torch.Tensor) -> torch.Tensor:
            return functional.avg_pool1d(values, self.AROUND, 1, self.AROUND // 2)

        total = mean((hidden * context[..., None]).transpose(1, 2))
        return (total / mean(context[:, None]).clamp(min=1e-3)).transpose(1, 2)
