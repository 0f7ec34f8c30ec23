"""What happened in a training run, step by step: printed, drawn, or as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from transformers import TrainerState


@dataclass(frozen=True)
class History:
    """The log of one run.

    Attributes:
        losses: (step, training loss: mean since the entry before, learning rate).
        evaluations: one a row: step, epoch, ``loss`` and the scores on the validation split.
        best: the evaluation whose weights the model has now.
        seconds: of this call; after a resumption only those since then.
    """

    losses: list[tuple[int, float, float]]
    evaluations: list[dict[str, float]]
    best: dict[str, float]
    seconds: float

    @classmethod
    def of(cls, state: TrainerState, seconds: float, best_by: str) -> History:
        """From the state that ``Trainer`` keeps."""
        losses = [(row["step"], row["loss"], row["learning_rate"]) for row in state.log_history if "loss" in row]
        timings = ("eval_runtime", "eval_samples_per_second", "eval_steps_per_second")
        evaluations = [
            {name.removeprefix("eval_"): value for name, value in row.items() if name not in timings}
            for row in state.log_history
            if "eval_loss" in row
        ]
        sign = 1 if best_by == "loss" else -1
        return cls(losses, evaluations, min(evaluations, key=lambda row: sign * row[best_by]), seconds)

    def table(self) -> pd.DataFrame:
        """The evaluations, one a row."""
        import pandas as pd

        return pd.DataFrame(self.evaluations).set_index("step")

    def show(self, digits: int = 2) -> None:
        """Draw training and validation loss over the steps, and print the evaluations."""
        from helpers import viewers

        steps = [row["step"] for row in self.evaluations]
        begin, training = 0, []
        for step in steps:  # the training loss between two evaluations
            part = [loss for at, loss, _ in self.losses if begin < at <= step]
            training.append(sum(part) / max(1, len(part)))
            begin = step
        series = {"training": training, "validation": [row["loss"] for row in self.evaluations]}
        viewers.lines(series, steps, "training and validation loss", "step", "loss", digits)
        for row in self.evaluations:
            scores = ", ".join(f"{k} {v:.{digits}f}" for k, v in row.items() if k not in ("step", "epoch", "loss"))
            print(f"  after {row['epoch']:.1f} epochs: {scores}{' (best)' if row is self.best else ''}")
