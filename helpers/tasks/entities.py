"""Named entities: labels for word pieces, and entities from IOB2 tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from helpers.errors import CourseError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORE = -100  # torch's cross-entropy leaves places with this target out


class AlignedWords(NamedTuple):
    """Sentences as word pieces, an inner list a sentence; ``labels`` is ``IGNORE`` but at the first piece of each word."""

    input_ids: list[list[int]]
    word_ids: list[list[int | None]]
    labels: list[list[int]]


def align_labels(
    tokenizer: PreTrainedTokenizerBase,
    sentences: Sequence[Sequence[str]],
    tags: Sequence[Sequence[int]],
    max_length: int = 512,
) -> AlignedWords:
    """Cut the words of each sentence into word pieces, and give the first piece of a word its label.

    Counting each word once is what the CoNLL score does (Devlin et al. 2019, section 5.3). A word that the tokenizer
    drops (a lone control character) or that lies beyond ``max_length`` has no piece, and so no label.

    Args:
        tokenizer: of the model that will read the pieces.
        sentences: a list of words a sentence.
        tags: a label id a word.
        max_length: word pieces a sentence, [CLS] and [SEP] included; more are cut off.

    Raises:
        CourseError: a sentence is empty, or has another number of tags than words.
    """
    for row, (words, own) in enumerate(zip(sentences, tags, strict=True), 1):
        if not len(words):
            raise CourseError(f"Sentence {row} has no words; leave it out.")
        if len(words) != len(own):
            raise CourseError(f"Sentence {row} has {len(words)} words, but {len(own)} tags; each word needs one.")
    encoded = tokenizer(
        [list(words) for words in sentences], is_split_into_words=True, truncation=True, max_length=max_length
    )
    word_ids = [encoded.word_ids(row) for row in range(len(sentences))]
    labels = []
    for own, words in zip(word_ids, tags, strict=True):
        first = [word is not None and word != before for before, word in zip([None, *own], own, strict=False)]
        labels.append([int(words[word]) if new else IGNORE for new, word in zip(first, own, strict=True)])
    return AlignedWords(encoded["input_ids"], word_ids, labels)


class Span(NamedTuple):
    """An entity: its type and the words ``start`` to ``end`` (exclusive)."""

    kind: str
    start: int
    end: int


def spans_of(tags: Sequence[str]) -> list[Span]:
    """The entities in a sentence's IOB2 tags.

    An ``I-`` tag that continues nothing begins an entity, as in the official CoNLL scorer.

    Raises:
        CourseError: a tag is neither O nor B- or I- with a type.
    """
    spans: list[Span] = []
    for place, tag in enumerate(tags):
        if tag == "O":
            continue
        prefix, dash, kind = tag.partition("-")
        if prefix not in ("B", "I") or not dash or not kind:
            raise CourseError(f"'{tag}' is no IOB2 tag: it must be O, or B- or I- and a type, as in B-PER.")
        open_ = bool(spans) and spans[-1].end == place and spans[-1].kind == kind
        if prefix == "I" and open_:
            spans[-1] = spans[-1]._replace(end=place + 1)
        else:
            spans.append(Span(kind, place, place + 1))
    return spans


def tags_of(spans: Sequence[Span], words: int) -> list[str]:
    """IOB2 tags for a sentence of so many words: the inverse of ``spans_of``.

    Raises:
        CourseError: two spans overlap, or one does not lie within the sentence.
    """
    tags = ["O"] * words
    for kind, start, end in spans:
        if not 0 <= start < end <= words or any(tag != "O" for tag in tags[start:end]):
            raise CourseError(f"The {kind} from word {start} to {end} overlaps another or leaves the {words} words.")
        tags[start:end] = [f"B-{kind}"] + [f"I-{kind}"] * (end - start - 1)
    return tags
