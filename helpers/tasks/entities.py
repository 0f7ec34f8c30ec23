"""Named entities: labels for word pieces, entities from IOB2 tags, and entities of a raw text with their place in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch

from helpers.errors import CourseError
from helpers.padding import length_batches, longest_input, pad

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

IGNORE = -100  # torch's cross-entropy leaves places with this target out
HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # written without spaces: each character is a word, as for BERT's tokenizer
LETTER = rf"(?:(?![{HAN}])\w)"
WORD = re.compile(
    rf"[{HAN}]|(?:[^\W\d_{HAN}]\.)+"  # 京; J. and U.S.
    rf"|['’]s\b|{LETTER}+(?:(?:[-/&.]|(?<=\d)[,:](?=\d)|['’](?!s\b)){LETTER}+)*"  # 's; words, Pia-Maria, O'Neil, 3:01.22
    r"|(\S)\1*"  # any other sign, alone or repeated
)


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
        CourseError: a sentence is empty, has another number of tags than words, or a tag is no number.
    """
    for row, (words, own) in enumerate(zip(sentences, tags, strict=True), 1):
        if not len(words):
            raise CourseError(f"Sentence {row} has no words; leave it out.")
        if len(words) != len(own):
            raise CourseError(f"Sentence {row} has {len(words)} words, but {len(own)} tags; each word needs one.")
        if names := [tag for tag in own if isinstance(tag, str)]:
            raise CourseError(f"Sentence {row} has the tag '{names[0]}'; a model learns its number, names.index(tag).")
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


class Entity(NamedTuple):
    """A named entity in a text: ``text`` is the original's ``[start:end]``, in characters; ``score`` from 0 to 1."""

    kind: str
    start: int
    end: int
    text: str
    score: float


def words_in(text: str) -> list[tuple[int, int]]:
    """Cut a raw text into words as annotated news text has them: [(start, end), ...] in characters, ends exclusive.

    Spaces separate words, and so do signs at a word's edges; initials, U.S., O'Neil and 3:01.22 stay whole, 's is a word. A
    combining mark, what a zero-width joiner joins, and a skin tone stay with the character that they belong to (compare
    Unicode Standard Annex 29), so that no entity ends between a letter and its accent.
    """
    bases = [place for place in range(len(text)) if not place or not _belongs(text[place - 1], text[place])]
    edges = [*bases, len(text)]  # the marks of a character lie between its place and the next edge
    found = WORD.finditer("".join(text[place] for place in bases))
    return [(edges[word.start()], edges[word.end()]) for word in found]


def _belongs(before: str, char: str) -> bool:
    """Whether a character is one sign with the one before it."""
    mark = unicodedata.category(char)[0] == "M" or char == "\u200d" or "\U0001f3fb" <= char <= "\U0001f3ff"
    return mark or (before == "\u200d" and not char.isspace())


def entities_in(
    text: str, words: Sequence[tuple[int, int]], tags: Sequence[str], scores: Sequence[float] | None = None
) -> list[Entity]:
    """The entities that IOB2 tags mark in a raw text.

    Args:
        text: the original; every entity's text is a slice of it, whatever a tokenizer makes of its characters.
        words: (start, end) of each word, as ``words_in`` gives them.
        tags: a tag a word.
        scores: how sure the model is of each tag; an entity gets the mean over its words, and 1 without scores.

    Raises:
        CourseError: words and tags differ in number, or a tag is none.
    """
    if len(words) != len(tags):
        raise CourseError(f"The text has {len(words)} words, but {len(tags)} tags; each word needs one.")
    found = []
    for kind, first, end in spans_of(tags):
        begin, stop = words[first][0], words[end - 1][1]
        sure = 1.0 if scores is None else sum(scores[first:end]) / (end - first)
        found.append(Entity(kind, begin, stop, text[begin:stop], sure))
    return found


def find_entities(
    texts: Sequence[str], model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_length: int = 0
) -> list[list[Entity]]:
    """The entities of raw texts of any length, a list a text; a word has the tag of its first piece.

    A text beyond ``max_length`` is read in windows that overlap by a quarter; a word counts where it stands farthest from a cut.

    Args:
        texts: strings.
        model: for token classification, with IOB2 tags in ``config.id2label``.
        tokenizer: the model's own.
        max_length: word pieces a window, [CLS] and [SEP] included; as many as the model has positions unless given.

    Raises:
        CourseError: a text is empty, or the model's labels are no IOB2 tags.
    """
    for row, text in enumerate(texts, 1):
        if not text.strip():
            raise CourseError(f"Text {row} is empty: there is nothing in it to find; leave it out.")
    names = [model.config.id2label[i] for i in range(model.config.num_labels)]
    spans_of(names)  # says which name is no tag
    words = [words_in(text) for text in texts]
    limit = max_length or longest_input(model.config)
    encoded = tokenizer(
        [[text[start:end] for start, end in own] for text, own in zip(texts, words, strict=True)],
        is_split_into_words=True,
        truncation=True,
        max_length=limit,
        stride=limit // 4,
        return_overflowing_tokens=True,
    )
    seen = [[(-1, "O", 1.0)] * len(own) for own in words]  # distance from a cut, tag, probability of the tag
    was_training = model.training
    model.eval()
    for rows in length_batches([len(ids) for ids in encoded["input_ids"]], max_tokens=2048):
        input_ids, mask = pad([encoded["input_ids"][row] for row in rows], tokenizer.pad_token_id)  # (batch, tokens)
        with torch.inference_mode():
            logits = model(input_ids.to(model.device), attention_mask=mask.to(model.device)).logits
        sure, best = (values.tolist() for values in logits.float().softmax(dim=-1).max(dim=-1))  # (batch, tokens)
        for place, row in enumerate(rows):
            own, before = encoded.word_ids(row), None
            text = seen[encoded["overflow_to_sample_mapping"][row]]
            for token, word in enumerate(own):
                if word is not None and word != before:
                    text[word] = max(
                        text[word],
                        (min(token, len(own) - token), names[best[place][token]], sure[place][token]),
                        key=lambda reading: reading[0],
                    )
                before = word
    model.train(was_training)
    return [
        entities_in(text, own, [tag for _, tag, _ in read], [score for _, _, score in read])
        for text, own, read in zip(texts, words, seen, strict=True)
    ]
