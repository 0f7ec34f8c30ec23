"""Question answering over 1,000 passages, and how long a notebook waits before it can begin."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any

PASSAGES = 1000
READING = {
    "padded": "one passage at a time, padded to 384 tokens, as scripts do it",
    "single": "one passage at a time",
    "windows": "`window_logits`, batches by length",
}
STARTING = {
    "helpers": "`import helpers`",
    "course": "`from helpers import course; course.start()`",
    "model": "the same, then the bundled BERT and its tokenizer",
}
CODE = {
    "helpers": "import helpers",
    "course": "from helpers import course; course.start()",
    "model": "from helpers import course; course.start(); from tests.bench.embeddings import loaded; loaded()",
}


def reading(way: str) -> dict[str, Any]:
    """Answer a question about each of 1,000 passages, in this process; "padded" reads a tenth and is scaled up."""
    import torch

    from helpers import course
    from helpers.measure import measure
    from helpers.padding import pad
    from helpers.tasks import best_answers, question_windows, window_logits

    model, tokenizer = course.fine_tuned("questions")
    rows = [*course.dataset("questions")["train"], *course.dataset("questions")["validation"]]
    rows = list(itertools.islice(itertools.cycle(rows), PASSAGES))
    part = 10 if way == "padded" else 1

    def one_by_one(windows: list) -> tuple[list, list]:
        found: tuple[list, list] = ([], [])
        for window in windows:
            ids, mask = pad([window.input_ids], length=384 if way == "padded" else None)
            types = pad([window.token_type_ids], length=384 if way == "padded" else None)[0]
            with torch.inference_mode():
                output = model(ids, attention_mask=mask, token_type_ids=types)
            found[0].append(output.start_logits[0])
            found[1].append(output.end_logits[0])
        return found

    def read(rows: list[dict]) -> list[str]:
        contexts = [row["context"] for row in rows]
        windows = question_windows(tokenizer, [row["question"] for row in rows], contexts)
        logits = window_logits(model, windows) if way == "windows" else one_by_one(windows)
        return [answers[0].text for answers in best_answers(windows, *logits, contexts)]

    read(rows[:4])
    with measure() as cost:
        read(rows[: PASSAGES // part])
    note = "a tenth of them, times ten" if part > 1 else ""
    seconds = cost.seconds * part
    return {"seconds": seconds, "megabytes": cost.megabytes, "count": PASSAGES, "unit": "passages", "note": note}


def starting(way: str) -> dict[str, Any]:
    """A fresh process that does the same before it ends; Python's own start is taken off."""
    import time

    def run(code: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        return time.perf_counter() - began

    run(CODE[way])  # from now on the files are in the system's memory
    return {"seconds": max(0.0, run(CODE[way]) - run("pass"))}
