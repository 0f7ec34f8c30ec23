"""``python -m tests.bench lime``: LIME's samples of one sentence, read by ``helpers.explain.lime.Predictor`` and by a pipeline, side by side.

The same samples (1,000 versions of a sentence of 20 words, the hidden ones deleted, or replaced by ``[MASK]``), the same model. A pipeline with
``top_k=None`` gets one text at a time, as tutorials write it. Each run is in a process of its own, the two take turns, and each reads
50 of the samples before the clock starts. ``--samples`` and ``--repeats`` change the size.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys

import numpy as np

WAYS = {
    "pipeline": "`pipeline(top_k=None)`, one text at a time",
    "predictor": "`Predictor.predict_proba`, batches by length",
}
SENTENCE = "The script is a mess and the music too loud, but the two leads are so warm that nobody minds."
HIDDEN = {
    "deleted": "",
    "[MASK]": "[MASK]",
}  # LIME's own way for a bag of words, whose versions differ in length; the course's way
WANTED = 3.0  # times as fast, at least


def samples(count: int, mask: str, seed: int = 42) -> list[str]:
    """Versions of the sentence, drawn as LIME draws them."""
    from helpers.explain.lime import without
    from helpers.explain.words import words_of

    draw, words = np.random.RandomState(seed), len(words_of(SENTENCE))
    sizes = draw.randint(1, words + 1, count - 1)
    return [SENTENCE] + [without(SENTENCE, draw.choice(words, size, replace=False).tolist(), mask) for size in sizes]


def one(way: str, hidden: str, count: int) -> dict[str, object]:
    """Read all samples once, in this process."""
    from transformers import pipeline

    from helpers import course, device
    from helpers.explain.lime import Predictor
    from helpers.measure import measure

    course.start(42)
    model, tokenizer = course.fine_tuned("sentiment")
    model.to(device.best())
    texts, names = samples(count, HIDDEN[hidden]), list(model.config.id2label.values())
    predictor = Predictor(model, tokenizer)
    pipe = pipeline("text-classification", model=model, tokenizer=tokenizer, device=model.device, top_k=None)

    def by_pipeline(some: list[str]) -> list[list[float]]:
        rows = [{answer["label"]: answer["score"] for answer in pipe([text])[0]} for text in some]
        return [[row[name] for name in names] for row in rows]

    read = predictor.predict_proba if way == "predictor" else by_pipeline
    read(texts[:50])
    with measure() as cost:
        found = read(texts)
    return {"seconds": cost.seconds, "megabytes": cost.megabytes, "probabilities": np.asarray(found).tolist()}


def main(arguments: list[str]) -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench lime", description=__doc__)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    wanted = parser.parse_args(arguments)
    if wanted.one:
        print(json.dumps(one(*wanted.one, wanted.samples)))
        return
    runs: dict[tuple[str, str], list[dict]] = {(way, hidden): [] for hidden in HIDDEN for way in WAYS}
    for turn in range(1, wanted.repeats + 1):
        for way, hidden in runs:
            command = [
                sys.executable,
                "-m",
                "tests.bench",
                "lime",
                "--one",
                way,
                hidden,
                "--samples",
                str(wanted.samples),
            ]
            environment = {**os.environ, "COURSE_PROGRESS": "0"}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            runs[way, hidden].append(json.loads(done.stdout.splitlines()[-1]))
            print(f"  turn {turn}, {way}, {hidden}: {runs[way, hidden][-1]['seconds']:.2f} s", flush=True)
    report(runs, wanted.samples)


def report(runs: dict[tuple[str, str], list[dict]], count: int) -> None:
    """The table, in Markdown, and whether the aim is met."""
    import torch
    import transformers

    from helpers import device
    from helpers.explain.words import words_of

    seconds = {key: statistics.median(run["seconds"] for run in found) for key, found in runs.items()}
    print(
        f"\n{count:,} samples of a sentence of {len(words_of(SENTENCE))} words, medians of {len(runs['pipeline', 'deleted'])}; "
        f"{device.describe(device.best())}, torch {torch.__version__}, transformers {transformers.__version__}\n"
    )
    print("| hidden words | way | seconds | samples/s | memory on top | times as fast |\n|---|---|---|---|---|---|")
    for (way, hidden), found in runs.items():
        memory = max(run["megabytes"] for run in found)
        print(
            f"| {hidden} | {WAYS[way]} | {seconds[way, hidden]:.1f} | {count / seconds[way, hidden]:,.0f} | {memory:,.0f} MB "
            f"| {seconds['pipeline', hidden] / seconds[way, hidden]:.1f} |"
        )
    print()
    for hidden in HIDDEN:
        left, right = (np.array(runs[way, hidden][0]["probabilities"]) for way in WAYS)
        faster = seconds["pipeline", hidden] / seconds["predictor", hidden]
        print(
            f"{hidden}: at least {WANTED:.0f} times as fast: {'yes' if faster >= WANTED else 'NO'}; "
            f"the probabilities differ by {np.abs(left - right).max():.0e} at most."
        )
