"""``fine_tune``: Hugging Face's ``Trainer`` with settings that suit small data on any machine, and errors that speak.

What it adds to ``Trainer``'s defaults: batches of similar length, padded only to their longest row; the number format and the
attention that are quickest on this device; fused AdamW; warm-up as a share of the steps; evaluation and a checkpoint every so
often, the best one loaded at the end; a run that was killed goes on where it stopped when the same cell is run again.
It runs unchanged under ``accelerate launch`` and ``torchrun``.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from transformers import (
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    EarlyStoppingCallback,
    EvalPrediction,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from helpers import device, metrics
from helpers.errors import CourseError
from helpers.history import History
from helpers.preflight import alone, check_split, head_of, last_checkpoint, processes, record_of, share_of

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def fine_tune(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    train: Dataset,
    validation: Dataset,
    folder: str | Path,
    *,
    epochs: float = 3,
    rate: float = 1e-4,
    batch_size: int = 32,
    warmup: float = 0.1,
    dropout: float | None = 0.0,
    score: Callable[[EvalPrediction], Mapping[str, float]] | None = None,
    best_by: str = "loss",
    patience: int | None = None,
    evaluations: int | None = None,
    keep: int = 1,
    callbacks: Sequence[TrainerCallback] = (),
    seed: int = 42,
) -> History:
    """Fine-tune ``model`` in place, and leave it as it was at its best evaluation, ready to predict.

    Args:
        model: with its task's head. Its attention is set to the quickest of this device ("eager" on a CPU).
        tokenizer: for padding; saved with every checkpoint.
        train: tokenised rows: ``input_ids`` and, as the head wants, ``label``/``labels`` or ``start_positions`` and ``end_positions``.
        validation: the same, for the evaluations.
        folder: for the checkpoints. The same call with the same folder goes on from the last one.
        epochs: passes over the training rows.
        rate: the learning rate at the end of the warm-up; from there it falls in a line to 0.
        batch_size: rows a step; processes that train together (``accelerate launch``) divide them among themselves.
        warmup: share of the steps in which the rate rises from 0.
        dropout: for all layers, in training; ``None`` keeps the checkpoint's. 0 is quicker and, on little data, better: README, 'Training, measured'.
        score: predictions and labels -> named scores; accuracy and macro F1 for a classifier of texts unless given.
        best_by: the score (or "loss") that says which evaluation is best.
        patience: stop after so many evaluations without a better one; ``None``: never.
        evaluations: how many in all, evenly spaced; one an epoch unless given.
        keep: how many checkpoints to leave in the folder; the best is always among them, and of the others the newest.
        callbacks: ``Trainer``'s own kind, for what else should happen at a step or an evaluation.
        seed: of the order of the rows and of dropout.

    Returns:
        What happened, step by step; it prints and draws itself.

    Raises:
        CourseError: a column is missing, a split is empty or smaller than a batch, a label does not fit the model, there is only
            one class, the loss is no number any more, ``best_by`` is no score, the folder holds another run, another
            training writes to it now, or it is full, or the processes cannot divide a batch evenly.
    """
    folder = Path(folder)
    check_split(train, "training", model, batch_size)
    check_split(validation, "validation", model, 1)
    steps = math.ceil(epochs * math.ceil(len(train) / batch_size))
    every = math.ceil(steps / (evaluations or max(1, round(epochs))))
    settings = {
        "epochs": epochs,
        "rate": rate,
        "batch_size": batch_size,
        "warmup": warmup,
        "dropout": dropout,
        "seed": seed,
    }
    record = record_of(model, train, **settings, evaluated_every=every)
    last = last_checkpoint(folder, record)
    where = device.best()
    model.set_attn_implementation("eager" if where.type == "cpu" else "sdpa")
    if dropout is not None:
        for layer in model.modules():
            if isinstance(layer, torch.nn.Dropout):
                layer.p = dropout
    score = score or (_classifier_scores if head_of(model) == "SequenceClassification" else None)
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        learning_rate=rate,
        per_device_train_batch_size=share_of(batch_size),
        per_device_eval_batch_size=2 * batch_size,
        warmup_steps=warmup,  # below 1, Trainer reads it as a share of the steps
        weight_decay=0.01,
        optim="adamw_torch_fused",
        bf16=device.number_format(where) == torch.bfloat16,
        use_cpu=where.type == "cpu",
        dataloader_pin_memory=where.type == "cuda",
        train_sampling_strategy="group_by_length",
        average_tokens_across_devices=False,  # BERT's losses are means already; Trainer would multiply by the processes
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=keep,  # with 1, the best and, until the end, the last
        load_best_model_at_end=True,
        metric_for_best_model=f"eval_{best_by}",
        greater_is_better=best_by != "loss",
        logging_steps=max(1, every // 10),
        logging_nan_inf_filter=False,  # a loss that is no number must be seen
        disable_tqdm=True,
        report_to="none",
        seed=seed,
    )
    collate = DataCollatorForTokenClassification if head_of(model) == "TokenClassification" else DataCollatorWithPadding
    watching = [_Watch(), *([_Progress()] if _watched() else []), *callbacks]
    if patience is not None:
        watching.append(EarlyStoppingCallback(early_stopping_patience=patience))
    trainer = _InOrder(
        model,
        arguments,
        collate(tokenizer, pad_to_multiple_of=8),  # few widths: a CPU keeps prepared kernels for every shape it has met
        train,
        validation,
        processing_class=tokenizer,
        compute_metrics=score,
        callbacks=watching,
    )
    trainer.remove_callback(PrinterCallback)
    if processes() > 1:
        trainer.accelerator.rng_types = [
            "torch"
        ]  # one order of the rows for all, also when dropout has drawn differently
    folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    try:
        with alone(folder, record):
            trainer.train(resume_from_checkpoint=str(last) if last else None)
    except KeyError as error:
        if best_by in str(error):
            raise CourseError(
                f"There is no score {best_by!r} to choose the best checkpoint by: see what `score` returns."
            ) from error
        raise
    trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)  # or it goes on predicting in bfloat16
    model.eval()
    history = History.of(trainer.state, time.perf_counter() - began, best_by)
    del trainer
    model.zero_grad()
    device.release()  # the optimizer's averages and the gradients: three times the model
    return history


class _InOrder(Trainer):
    """With ``group_by_length`` Trainer reorders the evaluation rows, too, and predictions no longer belong to their rows.

    Several processes draw the same global batches as one would.
    And a checkpoint that does not fit on the disk any more is one sentence, and leaves nothing half-written.
    """

    def _get_eval_sampler(self, eval_dataset: Dataset) -> torch.utils.data.Sampler | None:
        return torch.utils.data.SequentialSampler(eval_dataset) if self.args.world_size <= 1 else None

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> torch.utils.data.Sampler | None:
        sampler = super()._get_train_sampler(train_dataset)
        sampler.batch_size *= self.args.world_size  # it sorts stretches of 50 batches
        return sampler

    def _save_checkpoint(self, *args: object, **settings: object) -> None:
        try:
            super()._save_checkpoint(*args, **settings)
        except (OSError, RuntimeError, SafetensorError) as error:  # Python's files, torch's, and the weights'
            folder, step = Path(self.args.output_dir), self.state.global_step
            shutil.rmtree(folder / f"checkpoint-{step}", ignore_errors=True)
            raise CourseError(
                f"Could not save the checkpoint of step {step} in {folder} ({str(error).splitlines()[0]}): make room there, or "
                "choose a folder elsewhere, and run the cell again; it goes on from the checkpoint before, if there is one."
            ) from error


class _Watch(TrainerCallback):
    """Before anything is saved, a look at the numbers."""

    def on_step_end(self, args: object, state: object, control: object, **_: object) -> None:
        control.should_log = control.should_log or control.should_save

    def on_log(self, args: object, state: object, control: object, logs: dict | None = None, **_: object) -> None:
        bad = [name for name in ("loss", "grad_norm", "eval_loss") if not math.isfinite((logs or {}).get(name, 0.0))]
        if bad:
            raise CourseError(
                f"The {'loss' if bad != ['grad_norm'] else 'gradient'} is no number any more at step {state.global_step}: "
                f"try a smaller rate than {args.learning_rate:g}; nothing of this step was saved."
            )

    def on_evaluate(self, *_: object, **__: object) -> None:
        device.release()  # batches of ever other sizes leave holes in the heap


class _Progress(TrainerCallback):
    """A bar where somebody watches; it leaves no output behind."""

    def on_train_begin(self, args: object, state: object, control: object, **_: object) -> None:
        from tqdm.auto import tqdm

        self.bar = tqdm(total=state.max_steps, initial=state.global_step, leave=False, unit="step", desc="fine-tuning")

    def on_step_end(self, args: object, state: object, control: object, **_: object) -> None:
        self.bar.update(state.global_step - self.bar.n)

    def on_train_end(self, args: object, state: object, control: object, **_: object) -> None:
        self.bar.close()


def _watched() -> bool:
    """A notebook or a terminal, and neither CI nor a test (``COURSE_PROGRESS=0``) runs it."""
    return not os.environ.get("CI") and os.environ.get("COURSE_PROGRESS", "1") != "0"


def _classifier_scores(found: EvalPrediction) -> dict[str, float]:
    best = found.predictions.argmax(-1)
    return {"accuracy": metrics.accuracy(best, found.label_ids), "macro_f1": metrics.macro_f1(best, found.label_ids)}
