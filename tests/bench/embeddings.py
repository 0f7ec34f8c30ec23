"""Vectors of 2,000 sentences, the ways that people get them; and how ours grows with the number of texts, rows in training included."""

from __future__ import annotations

import importlib.util
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from helpers.bundle import ROOT

BENCHMARKS = ROOT.parent / "shared" / "benchmarks"
WAYS = {
    "single": "the tutorials' single batch, padded to the longest",
    "pipeline": '`pipeline("feature-extraction", batch_size=32)`',
    "sentence-transformers": "`SentenceTransformer.encode`, batches of 32, float32",
    "float32": "`embed`, float32",
    "bfloat16": "`embed`, bfloat16",
}
COUNT = 2000
GROWING = {
    "embed": "`embed`, {:,} short texts",
    "stream": "`embed_to_parquet`, {:,} short texts",
    "train": "`fine_tune`, one epoch, {:,} short texts",
}


def sentences(count: int | None = None) -> tuple[list[str], str]:
    """The texts, and what they are: whole sentences of SST-2 where those are at hand, otherwise the bundled reviews, over and over."""
    import pandas as pd

    from helpers import course

    count = count or COUNT
    path = BENCHMARKS / "sst2-sentences" / "train.parquet"
    if path.exists():
        return pd.read_parquet(path)["sentence"].tolist()[:count], "sentences of SST-2"
    bundled = list(course.dataset("sentiment")["train"]["sentence"])
    return list(itertools.islice(itertools.cycle(bundled), count)), "bundled reviews, repeated"


def loaded() -> tuple[Any, Any, str]:
    """The bundled model in float32, ready to read, its tokenizer, and their folder."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    from helpers import course

    folder = course.checkpoint("bert")
    model = AutoModel.from_pretrained(folder, add_pooling_layer=False, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(folder), folder


def single_batch(texts: list[str], model: Any, tokenizer: Any) -> Any:
    """As in the well-known tutorial: every text padded to the longest of all, one call, the first token's vector."""
    import numpy as np
    import torch

    ids = [tokenizer.encode(text, add_special_tokens=True) for text in texts]
    width = max(map(len, ids))
    padded = np.array([row + [0] * (width - len(row)) for row in ids])
    with torch.no_grad():
        found = model(torch.tensor(padded), attention_mask=torch.tensor(np.where(padded != 0, 1, 0)))
    return found[0][:, 0, :].numpy()


def one(way: str) -> dict[str, Any]:
    """All sentences once, in this process; a few of them before the clock starts."""
    import torch
    from transformers import pipeline

    from helpers.embeddings import embed
    from helpers.measure import measure

    if way == "sentence-transformers" and importlib.util.find_spec("sentence_transformers") is None:
        return {"missing": "not installed"}
    (texts, what), (model, tokenizer, folder) = sentences(), loaded()
    if way == "single":
        read = lambda some: single_batch(some, model, tokenizer)  # noqa: E731
    elif way == "pipeline":
        pipe = pipeline("feature-extraction", model=model, tokenizer=tokenizer, batch_size=32)
        read = lambda some: [rows[0][0] for rows in pipe(some)]  # noqa: E731
    elif way == "sentence-transformers":
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

        parts = [Transformer(folder, model_kwargs={"dtype": torch.float32}), Pooling(model.config.hidden_size, "mean")]
        whole = SentenceTransformer(modules=parts, device="cpu")
        read = lambda some: whole.encode(some, batch_size=32, show_progress_bar=False)  # noqa: E731
    else:
        dtype = None if way == "float32" else torch.bfloat16
        read = lambda some: embed(some, model, tokenizer, dtype=dtype)  # noqa: E731
    read(texts[:20])
    with measure() as cost:
        found = read(texts)
    result = {"seconds": cost.seconds, "megabytes": cost.megabytes, "count": len(texts), "unit": what}
    if way in ("float32", "bfloat16", "sentence-transformers"):
        alone = torch.cat([embed([text], model, tokenizer) for text in texts[:100]])
        turned = 1 - torch.nn.functional.cosine_similarity(torch.as_tensor(found[:100]), alone)
        result["note"] = f"cosine distance from each text read alone in float32: at most {turned.max():.0e}"
    return result


def short_texts(count: int) -> Iterator[str]:
    """Texts of eight words and a number, no two alike."""
    texts, _ = sentences(900)
    for number, text in enumerate(itertools.islice(itertools.cycle(texts), count)):
        yield f"{' '.join(text.split()[:8])} {number}"


def growing(way: str, count: int) -> dict[str, Any]:
    """``count`` short texts embedded, streamed to a file, or trained on."""
    import torch

    from helpers import device
    from helpers.embeddings import embed
    from helpers.measure import measure
    from helpers.streaming import embed_to_parquet

    dtype = device.number_format(device.best())
    with tempfile.TemporaryDirectory() as place:
        if way == "train":
            cost = trained(count, place)
        else:
            model, tokenizer, _ = loaded()

            def read(count: int, name: str) -> None:
                if way == "embed":
                    embed(list(short_texts(count)), model, tokenizer, dtype=dtype)
                else:
                    rows = ({"text": text} for text in short_texts(count))
                    embed_to_parquet(rows, Path(place) / name, model, tokenizer, dtype=dtype)

            read(20, "warm.parquet")
            with measure() as cost:
                read(count, "all.parquet")
    number_format = "bfloat16" if dtype == torch.bfloat16 else "float32"
    return {
        "seconds": cost.seconds,
        "megabytes": cost.megabytes,
        "count": count,
        "unit": "texts",
        "note": number_format,
    }


def trained(count: int, place: str) -> Any:
    """What one epoch over ``count`` short texts costs."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from helpers import course
    from helpers.measure import measure
    from helpers.training import fine_tune

    course.start(1)
    folder = course.checkpoint("bert")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = list(short_texts(count))
    rows = Dataset.from_dict({"text": texts, "label": [number % 2 for number in range(count)]})
    rows = rows.map(lambda batch: tokenizer(batch["text"]), batched=True)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2, dtype=torch.float32)
    with measure() as cost:
        fine_tune(
            model, tokenizer, rows, rows.select(range(100)), place, epochs=1, evaluations=1, rate=1e-4, batch_size=32
        )
    return cost
