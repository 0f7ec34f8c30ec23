"""What each name of the course stands for: the bundled folder, the original on the Hugging Face Hub, its columns and labels.

Tables only; ``helpers.course`` reads what they name. Downloads are pinned to one revision of each repository.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Checkpoint:
    """A model by its name in the course: the bundled folder, and the original on the Hub at one revision."""

    folder: str
    hub_id: str
    revision: str


@dataclass(frozen=True)
class FineTuned:
    """A competent model of one task: the bundled adapter, and a public checkpoint on the Hub at one revision.

    ``kind`` is classes, tags or answers; ``dataset`` names the entry of ``DATASETS`` whose labels it gives. Where the public
    checkpoint calls its labels LABEL_0, LABEL_1, ..., they stand in the order of that data set (``numbered``).
    """

    kind: str
    dataset: str
    folder: str
    hub_id: str
    revision: str
    numbered: bool = False


@dataclass(frozen=True)
class Column:
    """One column: ``kind`` is text, words (a list of strings), label (one of ``names``), tags (a list of them) or answers.

    Answers are SQuAD's: ``{"text": [...], "answer_start": [...]}``, offsets in characters of the context.
    """

    kind: str = "text"
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataSource:
    """A data set by its name in the course.

    ``files`` are the patterns of the train and validation files in the repository; ``local`` the folder names looked for
    below ``COURSE_DATASETS``, best first. Rows whose first column has fewer than ``min_words`` words are left out
    (blank lines and headings). With ``split_off`` a mirror may lack the validation file: every tenth row becomes it.
    """

    folder: str
    hub_id: str
    revision: str
    files: tuple[str, str]
    local: tuple[str, ...]
    columns: dict[str, Column]
    min_words: int = 1
    split_off: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The label (or tag) names, in the order of their ids; none for questions and the corpus."""
        return next((column.names for column in self.columns.values() if column.names), ())


CHECKPOINTS = {
    "bert": Checkpoint("models/bert-mini", "google-bert/bert-base-uncased", "86b5e0934494bd15c9632b12f734a8a67f723594"),
    "distilbert": Checkpoint(
        "models/bert-mini", "distilbert/distilbert-base-uncased", "12040accade4e8a0f71eabdb258fecc2e7e948be"
    ),
}

FINE_TUNED = {
    "sentiment": FineTuned(
        "classes",
        "sentiment",
        "models/adapters/sentiment",
        "distilbert/distilbert-base-uncased-finetuned-sst-2-english",
        "714eb0fa89d2f80546fda750413ed43d93601a13",
    ),
    "topics": FineTuned(
        "classes",
        "topics",
        "models/adapters/topics",
        "mosesju/distilbert-base-uncased-finetuned-news",
        "ec6be38abf9bfea7bed695baece76951063a8112",
        numbered=True,
    ),
    "nli": FineTuned(
        "classes",
        "nli",
        "models/adapters/nli",
        "cross-encoder/nli-MiniLM2-L6-H768",
        "b95119ce93d3e065de6214e38cd4a97b0f2f2c6d",
    ),
    "entities": FineTuned(
        "tags",
        "entities",
        "models/adapters/entities",
        "dslim/bert-base-NER",
        "d1a3e8f13f8c3566299d95fcfc9a8d2382a9affc",
    ),
    "questions": FineTuned(
        "answers",
        "questions",
        "models/adapters/questions",
        "distilbert/distilbert-base-cased-distilled-squad",
        "564e9b582944a57a3e586bbb98fd6f0a4118db7f",
    ),
}

GLUE = ("nyu-mll/glue", "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c")
TEXT = Column()

DATASETS = {
    "sentiment": DataSource(
        "reviews",
        "stanfordnlp/sst2",
        "8d51e7e4887a4caaa95b3fbebbf53c0490b58bbb",
        ("data/train-*.parquet", "data/validation-*.parquet"),
        ("glue-sst2",),
        {"sentence": TEXT, "label": Column("label", ("negative", "positive"))},
    ),
    "long_reviews": DataSource(
        "reviews_long",
        "stanfordnlp/imdb",
        "e6281661ce1c48d982bc483cf8a173c1bbeb5d31",
        ("plain_text/train-*.parquet", "plain_text/test-*.parquet"),
        ("imdb",),
        {"text": TEXT, "label": Column("label", ("neg", "pos"))},
    ),
    "topics": DataSource(
        "topics",
        "fancyzhx/ag_news",
        "eb185aade064a813bc0b7f42de02595523103ca4",
        ("data/train-*.parquet", "data/test-*.parquet"),
        ("ag_news",),
        {"text": TEXT, "label": Column("label", ("World", "Sports", "Business", "Sci/Tech"))},
    ),
    "paraphrase": DataSource(
        "paraphrases",
        *GLUE,
        ("mrpc/train-*.parquet", "mrpc/validation-*.parquet"),
        ("glue-mrpc",),
        {"sentence1": TEXT, "sentence2": TEXT, "label": Column("label", ("not_equivalent", "equivalent"))},
    ),
    "nli": DataSource(
        "nli",
        *GLUE,
        ("mnli/train-*.parquet", "mnli/validation_matched-*.parquet"),
        ("glue-mnli", "sick"),
        {"premise": TEXT, "hypothesis": TEXT, "label": Column("label", ("entailment", "neutral", "contradiction"))},
    ),
    "entities": DataSource(
        "entities",
        "lhoestq/conll2003",
        "19edcb426bfd625c275c17b9a99b2239243f4377",
        ("data/train-*.parquet", "data/validation-*.parquet"),
        ("conll2003",),
        {
            "tokens": Column("words"),
            "ner_tags": Column("tags", ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC")),
        },
    ),
    "questions": DataSource(
        "questions",
        "rajpurkar/squad",
        "7b6d24c440a36b6815f21b70d25016731768db1f",
        ("plain_text/train-*.parquet", "plain_text/validation-*.parquet"),
        ("squad",),
        {"id": TEXT, "title": TEXT, "context": TEXT, "question": TEXT, "answers": Column("answers")},
    ),
    "corpus": DataSource(
        "corpus",
        "Salesforce/wikitext",
        "b08601e04326c79dfdd32d625aee71d232d685c3",
        ("wikitext-2-raw-v1/train-*.parquet", "wikitext-2-raw-v1/validation-*.parquet"),
        ("wikitext-2-raw-v1", "wikipedia-en"),
        {"text": TEXT},
        min_words=20,
        split_off=True,
    ),
}
