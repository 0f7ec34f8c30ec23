"""A model for pairs of texts that reads them apart."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModel
from transformers.modeling_outputs import SequenceClassifierOutput

from helpers.padding import pool


class Siamese(torch.nn.Module):
    """Two texts read apart, one vector each (mean of the last layer but one), and a linear layer on |u - v| and u * v.

    The classification objective of Sentence-BERT (Reimers & Gurevych 2019). With a few hundred pairs it learns more about
    paraphrases than a model that reads both texts at once: ``input_ids`` hold first all first texts, then all second ones.
    """

    def __init__(self, checkpoint: str, **settings: object) -> None:
        super().__init__()
        self.bert = AutoModel.from_pretrained(checkpoint, **settings)
        self.head = torch.nn.Linear(2 * self.bert.config.hidden_size, self.bert.config.num_labels)
        torch.nn.init.zeros_(self.head.weight)

    @classmethod
    def from_pretrained(cls, checkpoint: str | Path, **settings: object) -> Siamese:
        """As the ``AutoModel`` classes have it."""
        return cls(str(checkpoint), **settings)

    def forward(self, attention_mask: torch.Tensor, **batch: torch.Tensor) -> SequenceClassifierOutput:
        """Logits (pairs, classes) of 2 x pairs texts."""
        hidden = self.bert(attention_mask=attention_mask, output_hidden_states=True, **batch).hidden_states[-2]
        u, v = pool(hidden.float(), attention_mask).chunk(2)
        size = torch.cat([u, v]).detach().square().mean().sqrt()  # features of about one, whatever the layer's scale
        features = torch.cat([(u - v).abs() / size, u * v / size**2], dim=1)
        return SequenceClassifierOutput(
            logits=self.head(10 * features)
        )  # ten: under Adam a new head is ten times as quick
