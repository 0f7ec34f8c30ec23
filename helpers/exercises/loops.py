"""The training loop of exercise 5.4, right and with each mistake that its check recognises."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy

MISTAKES = {
    "the gradients of all earlier batches pile up: clear them once for every step, but at the right place.": {
        "clear": "never"
    },
    "the gradients are cleared once an epoch, so they pile up over its batches: clear them once for every step.": {
        "clear": "epoch"
    },
    "cross_entropy takes logits and does the softmax itself; here it gets probabilities, and learns slowly.": {
        "squash": True
    },
    "there is one step an epoch; step() belongs inside the loop over the batches.": {"step": "epoch"},
    "a new optimizer in every epoch forgets its running averages; make one, before the loops.": {"new": True},
    "the loss goes up: the weights walk with the gradient instead of against it.": {"sign": -1},
}


class Probe(torch.nn.Module):
    """A small network that remembers whether it was run in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
        self.modes: set[bool] = set()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.modes.add(self.training)
        return self.layers(inputs)

    def weights(self) -> torch.Tensor:
        return torch.cat([p.detach().flatten() for p in self.parameters()])


def loop(
    model: Probe,
    batches: list,
    epochs: int,
    rate: float,
    clear: str = "step",
    squash: bool = False,
    step: str = "batch",
    new: bool = False,
    sign: int = 1,
) -> list[float]:
    """The right loop; the keywords make the wrong ones whose results are recognised."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    model.train()
    history = []
    for _ in range(epochs):
        optimizer = torch.optim.AdamW(model.parameters(), lr=rate) if new else optimizer
        total = 0.0
        if clear == "epoch":
            optimizer.zero_grad()
        for number, (inputs, labels) in enumerate(batches, 1):
            logits = model(inputs)
            loss = cross_entropy(logits.softmax(-1) if squash else logits, labels)
            (sign * loss).backward()
            if step == "batch" or number == len(batches):
                optimizer.step()
                if clear == "step":
                    optimizer.zero_grad()
            total += loss.item()
        history.append(total / len(batches))
    return history
