"""The checks of chapter 07, named entity recognition."""

from __future__ import annotations

import math
import unicodedata
import warnings
from collections.abc import Callable

from helpers import metrics
from helpers.exercises.checking import call, example, exercise
from helpers.exercises.entity_slips import SAID, TRUE, other_scores
from helpers.tasks import IGNORE, spans_of

# pieces of:   [CLS]  New  York  ##ers  met  An  ##na  ##lise  Ben  [SEP]; word 4 is a character that the tokenizer drops
WORD_IDS = [None, 0, 1, 1, 2, 3, 3, 3, 5, None]
LABELS = [7, 8, 0, 1, 3, 1]
RIGHT = [IGNORE, 7, 8, IGNORE, 0, 1, IGNORE, IGNORE, 1, IGNORE]
LAST = [IGNORE, 7, IGNORE, 8, 0, IGNORE, IGNORE, 1, 1, IGNORE]
INSIDE = [IGNORE, 7, 8, 8, 0, 1, 2, 2, 1, IGNORE]  # later pieces of a word with B- get the I- of its type


@exercise("7.1")
def align(answer: Callable) -> str | None:
    """``answer(word_ids, labels)``: the label of its word for a word's first piece, -100 for everything else."""
    got = call(answer, list(WORD_IDS), list(LABELS))
    try:
        got = list(got)
        if any(label is None for label in got):
            return "there is a None in your list; [CLS] and [SEP] get a number as well, -100, which the loss knows."
        got = [int(label) for label in got]
    except (TypeError, ValueError):
        return "a list of numbers is needed, one for each word piece."
    if len(got) == 1:
        return "only one entry came back: does your return stand inside the loop?"
    if got == [label for label in RIGHT if label != IGNORE]:
        return "only the first piece of each word has an entry in your list; the others need one, too: -100."
    if len(got) == len(LABELS):
        return "you return one label a word; the model sees word pieces, so there must be one for each of them."
    if got == [label for label, word in zip(RIGHT, WORD_IDS, strict=True) if word is not None]:
        return "[CLS] and [SEP] have no entry, so every label would stand one place too early; they get -100."
    if len(got) != len(WORD_IDS):
        return f"there are {len(WORD_IDS)} word pieces, but your list has {len(got)} entries."
    if got == [IGNORE if word is None else LABELS[word] for word in WORD_IDS]:
        return "every piece of a word carries its label, so long words count more than short ones; only the first may."
    if got[0] == 0 or got[-1] == 0:
        return "[CLS] and [SEP] count as words outside of any entity; they are no words: -100, so that the loss skips them."
    if got == [
        0 if label == IGNORE and word is not None else label for label, word in zip(RIGHT, WORD_IDS, strict=True)
    ]:
        return (
            "the later pieces of a word get 0, which is the label O: that would teach the model that names end early."
        )
    if got == LAST:
        return "the last piece of each word carries the label; the first one should."
    if got == INSIDE:
        return "the later pieces get the I- label of the entity; here they get -100, so that each word counts once."
    if got == [word if label != IGNORE else IGNORE for word, label in zip(WORD_IDS, RIGHT, strict=True)]:
        return "these are the numbers of the words; each is the place in `labels` where the word's label stands."
    if got == [IGNORE if word == 0 else label for word, label in zip(WORD_IDS, RIGHT, strict=True)]:
        return "word 0 gets no label: `if word` is false for the number 0, too; ask whether it `is not None`."
    if got[8] == 3:
        return (
            "you count the words yourself, but the tokenizer may drop one; word_ids says which word a piece belongs to."
        )
    alike = list(call(answer, [None, 0, 1, None], [0, 0]))
    if alike == [IGNORE, 0, IGNORE, IGNORE]:
        return "two neighbouring words with the same label are two words; compare word numbers, not labels."
    if got != RIGHT:
        place = next(i for i in range(len(RIGHT)) if got[i] != RIGHT[i])
        return f"piece {place} (word {WORD_IDS[place]}) should have {RIGHT[place]}, but has {got[place]}."
    cut = [None, 0, 0, 1, None]
    if list(call(answer, list(cut), [5, 6, 5])) != [IGNORE, 5, IGNORE, 6, IGNORE]:
        return (
            "a sentence that was cut off has more words than pieces show; take only the labels of words that are there."
        )
    return None


SENTENCES = {
    "plain": "O B-PER I-PER O B-LOC O",
    "last": "O O B-ORG I-ORG",
    "neighbours": "B-PER B-PER O",
    "change": "B-ORG I-LOC I-LOC O",
    "orphan": "O I-PER I-PER O",
    "again": "B-LOC O I-LOC B-LOC I-LOC",
    "none": "O O O",
    "misc": "B-MISC I-MISC O",
}


@exercise("7.2")
def spans(answer: Callable) -> str | None:
    """``answer(tags)``: a list of (type, first word, word after the last)."""
    got = {}
    for name, tags in SENTENCES.items():
        with example(tags):
            own = call(answer, tags.split())
        if isinstance(own, (set, frozenset)):
            return "a set has no order, and your entities must come in the order of the sentence; return a list."
        try:
            got[name] = [("",) if isinstance(entity, str) else tuple(entity) for entity in own]
        except TypeError:
            return "a list of tuples (type, start, end) is needed."
    wanted = {name: [tuple(span) for span in spans_of(tags.split())] for name, tags in SENTENCES.items()}
    if any(len(entity) != 3 for entity in got["plain"]):
        return "each entity is three things: its type, its first word, and the word after its last one."
    if not got["plain"]:
        return f"in {SENTENCES['plain']} nothing is found, but there are two entities."
    if got["plain"] == wanted["plain"][:1]:
        return f"in {SENTENCES['plain']} only the first entity is found; does a return stand inside the loop?"
    if got["plain"] == wanted["plain"][::-1]:
        return "the entities of a sentence should come in the order in which they stand there."
    first = got["plain"][0]
    if "-" in str(first[0]):
        return f"the type is what follows the dash: PER, not {first[0]}."
    if not isinstance(first[0], str):
        return "the type comes first: (type, start, end)."
    if (first[1:] == (1, 3) and first[0] != "PER") or {entity[0] for entity in got["misc"]} in ({"ISC"}, {"MIS"}):
        return "the type is all that follows the dash, be it three letters or four: PER, LOC, ORG, MISC."
    if first == ("PER", 2, 4):
        return "the first word of a sentence is number 0; your numbers begin with 1."
    if first == ("PER", 1, 2) and got["plain"][1:] == [("LOC", 4, 1)]:
        return "the third thing is not the number of words; it is the place of the word after the last one."
    if first == ("PER", 1, 2) and ("LOC", 4, 4) in got["plain"]:
        return "your ends are the last word itself; the end is the word after it, as in a slice words[start:end]."
    if first == ("PER", 1, 2):
        return "an entity ends after its first word: an I- of the same type goes on with it."
    if not got["last"]:
        return "an entity that reaches the end of the sentence is lost: nothing closes it there."
    if got["neighbours"] == [("PER", 0, 2)]:
        return "two neighbours of one type have become one entity; that is what B- is for: it always begins a new one."
    if got["neighbours"] == [("PER", 1, 2)]:
        return "where a B- follows an entity at once, that entity is lost; keep it before the new one begins."
    if got["change"] == [("ORG", 0, 3)]:
        return "I-LOC goes on with an entity of type ORG; compare the types, too."
    if got["orphan"] == []:
        return "an I- that continues nothing is ignored; models predict such tags, and the CoNLL scorer lets them begin an entity."
    if got["change"] in ([("ORG", 0, 1)], [("ORG", 0, 1), ("LOC", 2, 3)]):
        return "an I- of another type only ends the entity before it in yours; it also begins one of its own type."
    if len(got["orphan"]) == 2:
        return "after an I- that begins an entity, the next I- of that type should continue it."
    if got["again"] != wanted["again"] and ("LOC", 0, 3) in got["again"]:
        return "an entity goes on across an O; O closes what is open."
    for name in SENTENCES:
        if got[name] != wanted[name]:
            return f"for {SENTENCES[name]} the entities are {wanted[name]}, but yours are {got[name]}."
    return None


@exercise("7.3")
def entity_f1(answer: Callable) -> str | None:
    """``answer(predictions, tags)``: F1 over whole entities of all sentences, as a share."""
    true, said = [row.split() for row in TRUE], [row.split() for row in SAID]

    def ask(said: list[list[str]], true: list[list[str]]) -> float | None:
        with warnings.catch_warnings(action="ignore"):  # seqeval warns where there is no entity
            own = call(answer, said, true)
        try:
            return float(own)
        except (TypeError, ValueError):
            return None

    got, right = ask(said, true), metrics.entity_f1(said, true)
    if got is None:
        return "one number is needed, F1 alone, and something else came back."
    for message, value in other_scores(said, true).items():
        if math.isclose(got, value, abs_tol=1e-6) and not math.isclose(got, right, abs_tol=1e-6):
            return message
    for rows in (4, 3):  # F1 of the first three sentences is no round number
        got, right = ask(said[:rows], true[:rows]), metrics.entity_f1(said[:rows], true[:rows])
        if math.isclose(got, right, abs_tol=1e-6):
            continue
        if math.isclose(got, right, abs_tol=6e-3):
            return "your F1 is rounded; return it as it is, and round only what you print."
        return f"seqeval says {right:.3f} for the example, but yours is {got:.3f}."
    for said, what in (
        ([["O", "O"]], "nothing is predicted"),
        ([["O", "B-LOC"]], "everything predicted is wrong"),
        ([["O", "O"]], "there is no entity at all, neither true nor predicted,"),
    ):
        true = [["O", "O"]] if "neither" in what else [["B-PER", "O"]]
        try:
            nothing = ask(said, true)
        except ZeroDivisionError:
            return f"if {what} your function divides by 0; then F1 is 0."
        if nothing != 0:
            return f"if {what} F1 is 0, but yours is {nothing:g}."
    if ask([["O", "B-LOC"], ["I-LOC", "O"]], [["O", "B-LOC"], ["B-LOC", "O"]]) != 1:
        return "an I- at the start of a sentence goes on with the entity at the end of the one before; take the sentences one by one."
    if ask([["O", "B-LOC"], ["B-PER", "O"]], [["B-PER", "O"], ["O", "B-LOC"]]) != 0:
        return "an entity counts as found though it was predicted in another sentence; compare within each sentence."
    return None


@exercise("7.4")
def cut_out(answer: Callable) -> str | None:
    """``answer(text, words, spans)``: [(type, the entity's text, exactly as it stands in the original)]."""
    text = "Zoe\u0308  Brandt-Ng  (U.S.) flew to\u00a0İstanbul"
    words = [(0, 4), (6, 15), (17, 18), (18, 22), (22, 23), (24, 28), (29, 31), (32, 40)]
    given = [("PER", 0, 2), ("LOC", 3, 4), ("LOC", 7, 8)]
    wanted = [(kind, text[words[start][0] : words[end - 1][1]]) for kind, start, end in given]
    for spans in (given[:2], given):  # the last one ends with the text: whoever looks at a word too far stops there
        got = call(answer, text, list(words), list(spans))
        try:
            got = [(kind, own) for kind, own in got]
        except (TypeError, ValueError):
            return "a list of pairs (type, text) is needed."
        if [kind for kind, _ in got] != [kind for kind, _, _ in spans]:
            return "there should be one pair for each span, its type first, in the order of the spans."
        if not all(isinstance(own, str) for _, own in got):
            return (
                f"the second thing of a pair is one string, the entity's text; yours is a {type(got[0][1]).__name__}."
            )
        if (message := _cut_slip(got, text, words, wanted)) is not None:
            return message
    text, words = "New Haven, not New  York", [(0, 3), (4, 9), (9, 10), (11, 14), (15, 18), (20, 24)]
    (_, own), *_ = call(answer, text, list(words), [("LOC", 4, 6)])
    if own != "New  York":
        return f"of New Haven, not New  York the words 4 to 6 are 'New  York', not {own!r}; use the places in `words`, do not search."
    return None


def _cut_slip(got: list[tuple[str, str]], text: str, words: list[tuple[int, int]], wanted: list) -> str | None:
    person = got[0][1]
    if person == "Zoe\u0308 Brandt-Ng":
        return "there is a single space between the words; the original has two. Cut one slice from the text, and leave it as it is."
    if person == "Zoe\u0308Brandt-Ng":
        return "you glue the words together without what stands between them; cut one slice from the text instead."
    if person == text[: words[1][0]]:
        return "you stop where the last word begins; a word's place is a pair, and its end is the second of the two."
    if person == "Zoe\u0308":
        return "you stop where the first word stops; the entity ends with its last word."
    if person == text[:2]:
        return "start and end of a span count words; look their characters up in `words` before you slice the text."
    if person == text[: words[1][1] + 1]:
        return "your slice is a character too long: the second number of a word already is the place after its end."
    if person == text[words[0][0] : words[2][0]] or person == text[words[0][0] : words[2][1]]:
        return "the end of a span is the word after the last; the entity's last word is number end - 1."
    if person.lower() == person:
        return "the text was lower-cased; the original is asked for, and lower() can even change its length."
    if person != wanted[0][1] and unicodedata.normalize("NFC", person) == unicodedata.normalize("NFC", wanted[0][1]):
        return "yours looks like the original, but its ë is composed in another way; leave every character as it is."
    for own, right in zip(got, wanted, strict=False):
        if own != right:
            return f"{right!r} is expected, but you give {own!r}."
    return None
