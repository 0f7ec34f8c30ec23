"""The checks of chapter 07, named entity recognition."""

from __future__ import annotations

import math
from collections.abc import Callable

from helpers import metrics
from helpers.exercises.checking import call, exercise
from helpers.tasks import IGNORE, spans_of

# pieces of:   [CLS]  New  York  ##ers  met  An  ##na  ##lise  Ben  [SEP]; word 4 is a character that the tokenizer drops
WORD_IDS = [None, 0, 1, 1, 2, 3, 3, 3, 5, None]
LABELS = [7, 8, 0, 1, 3, 1]
RIGHT = [IGNORE, 7, 8, IGNORE, 0, 1, IGNORE, IGNORE, 1, IGNORE]


@exercise("7.1")
def align(answer: Callable) -> str | None:
    """``answer(word_ids, labels)``: the label of its word for a word's first piece, -100 for everything else."""
    got = call(answer, list(WORD_IDS), list(LABELS))
    try:
        got = [int(label) for label in got]
    except (TypeError, ValueError):
        return "a list of numbers is needed, one for each word piece."
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
    if got[3] == 8 or got[7] == 1:
        return "the last piece of each word carries the label; the first one should."
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
}


@exercise("7.2")
def spans(answer: Callable) -> str | None:
    """``answer(tags)``: a list of (type, first word, word after the last)."""
    got = {}
    for name, tags in SENTENCES.items():
        try:
            own = list(call(answer, tags.split()))
            got[name] = [("",) if isinstance(entity, str) else tuple(entity) for entity in own]
        except TypeError:
            return "a list of tuples (type, start, end) is needed."
    wanted = {name: [tuple(span) for span in spans_of(tags.split())] for name, tags in SENTENCES.items()}
    if any(len(entity) != 3 for entity in got["plain"]):
        return "each entity is three things: its type, its first word, and the word after its last one."
    first = got["plain"][0] if got["plain"] else ()
    if first and "-" in str(first[0]):
        return f"the type is what follows the dash: PER, not {first[0]}."
    if first and not isinstance(first[0], str):
        return "the type comes first: (type, start, end)."
    if first == ("PER", 1, 2) and ("LOC", 4, 4) in got["plain"]:
        return "your ends are the last word itself; the end is the word after it, as in a slice words[start:end]."
    if first == ("PER", 1, 2):
        return "an entity ends after its first word: an I- of the same type goes on with it."
    if not got["last"]:
        return "an entity that reaches the end of the sentence is lost: nothing closes it there."
    if got["neighbours"] == [("PER", 0, 2)]:
        return "two neighbours of one type have become one entity; that is what B- is for: it always begins a new one."
    if got["change"] == [("ORG", 0, 3)]:
        return "I-LOC goes on with an entity of type ORG; compare the types, too."
    if got["orphan"] == []:
        return "an I- that continues nothing is ignored; models predict such tags, and the CoNLL scorer lets them begin an entity."
    if len(got["orphan"]) == 2:
        return "after an I- that begins an entity, the next I- of that type should continue it."
    if got["again"] != wanted["again"] and ("LOC", 0, 3) in got["again"]:
        return "an entity goes on across an O; O closes what is open."
    for name in SENTENCES:
        if got[name] != wanted[name]:
            return f"for {SENTENCES[name]} the entities are {wanted[name]}, but yours are {got[name]}."
    return None


TRUE = ["B-PER I-PER O O B-LOC", "B-ORG I-ORG I-ORG O", "O O B-LOC O", "O B-PER O O B-MISC O B-ORG I-ORG"]
SAID = ["B-PER I-PER O O B-ORG", "B-ORG I-ORG O O", "O O B-LOC B-LOC", "O B-PER O B-LOC B-MISC O B-ORG O"]


@exercise("7.3")
def entity_f1(answer: Callable) -> str | None:
    """``answer(predictions, tags)``: F1 over whole entities of all sentences, as a share."""
    true, said = [row.split() for row in TRUE], [row.split() for row in SAID]
    got = float(call(answer, said, true))
    words = [(t, s) for own, other in zip(true, said, strict=True) for t, s in zip(own, other, strict=True)]
    known = [
        [{(row, *span) for span in spans_of(tags)} for row, tags in enumerate(sentences)] for sentences in (true, said)
    ]
    wanted, own = (set().union(*sentences) for sentences in known)
    hits = len(wanted & own)

    def f1(shared: float, one: float, two: float) -> float:
        return 2 * shared / (one + two) if shared else 0.0

    def is_(value: float) -> bool:
        return math.isclose(got, value, abs_tol=1e-6)

    right = metrics.entity_f1(said, true)
    alike = sum(t == s != "O" for t, s in words)
    places = [{span[:1] + span[2:] for span in group} for group in (wanted, own)]
    bags = [{span[1:] for span in group} for group in (wanted, own)]
    kinds = [scores["f1"] for kind, scores in metrics.entity_scores(said, true).items() if kind != "all"]
    touched = sum(any(a[:2] == b[:2] and a[2] < b[3] and b[2] < a[3] for b in own) for a in wanted)
    mistakes = {
        "these are per cent; a share between 0 and 1 is asked for.": 100 * right,
        "this is the share of words with the right tag; a word is no entity, and most words are O.": sum(
            t == s for t, s in words
        )
        / len(words),
        "you compare word by word; an entity counts only as a whole, with both borders right.": f1(
            alike, sum(t != "O" for t, _ in words), sum(s != "O" for _, s in words)
        ),
        "the type is not compared: an ORG that is called LOC is an error.": f1(
            len(places[0] & places[1]), *map(len, places)
        ),
        "entities of different sentences fall together in your set; put the sentence's number into it.": f1(
            len(bags[0] & bags[1]), *map(len, bags)
        ),
        "this is the mean over the sentences; count hits over all sentences first, and divide once.": sum(
            f1(len(a & b), len(a), len(b)) for a, b in zip(*known, strict=True)
        )
        / len(true),
        "this is the mean over the types (macro); CoNLL counts all entities together.": sum(kinds) / len(kinds),
        "this is the precision alone: the true entities that nobody found must count as well.": hits / len(own),
        "this is the recall alone: the entities that were wrongly predicted must count as well.": hits / len(wanted),
        "this is the plain mean of precision and recall; F1 is their harmonic mean.": (
            hits / len(own) + hits / len(wanted)
        )
        / 2,
        "this is the share of sentences without any error; count entities, over all sentences.": sum(
            t == s for t, s in zip(true, said, strict=True)
        )
        / len(true),
        "hits are divided by all entities of both sides together; F1 counts the hits twice above the line.": hits
        / len(wanted | own),
        "an entity that only overlaps with a true one counts as found; both borders must be right.": f1(
            touched, len(wanted), len(own)
        ),
    }
    for message, value in mistakes.items():
        if is_(value) and not is_(right):
            return message
    if not is_(right):
        return f"seqeval says {right:.3f} for the example, but yours is {got:.3f}."
    try:
        nothing = float(call(answer, [["O", "O"]], [["B-PER", "O"]]))
    except ZeroDivisionError:
        return "if nothing is predicted your function divides by 0; then F1 is 0."
    if nothing != 0:
        return f"if nothing is predicted F1 is 0, but yours is {nothing:g}."
    return None


@exercise("7.4")
def cut_out(answer: Callable) -> str | None:
    """``answer(text, words, spans)``: [(type, the entity's text, exactly as it stands in the original)]."""
    text = "Zoe\u0308  Brandt-Ng (U.S.) flew to\u00a0İstanbul"
    words = [(0, 4), (6, 15), (16, 17), (17, 21), (21, 22), (23, 27), (28, 30), (31, 39)]
    given = [("PER", 0, 2), ("LOC", 3, 4), ("LOC", 7, 8)]
    got = call(answer, text, list(words), list(given))
    try:
        got = [(str(kind), str(own)) for kind, own in got]
    except (TypeError, ValueError):
        return "a list of pairs (type, text) is needed."
    wanted = [(kind, text[words[start][0] : words[end - 1][1]]) for kind, start, end in given]
    if [kind for kind, _ in got] != [kind for kind, _, _ in given]:
        return "there should be one pair for each span, its type first, in the order of the spans."
    person = got[0][1]
    if person == "Zoe\u0308 Brandt-Ng":
        return (
            "you glue the words together with single spaces; the original has two. Cut one slice from the text instead."
        )
    if person == "Zoe\u0308Brandt-Ng":
        return "you glue the words together without what stands between them; cut one slice from the text instead."
    if person == text[: words[1][0]]:
        return "you stop where the last word begins; a word's place is a pair, and its end is the second of the two."
    if person == "Zoe\u0308":
        return "you stop where the first word stops; the entity ends with its last word."
    if person == text[:2]:
        return "start and end of a span count words; look their characters up in `words` before you slice the text."
    if person == text[words[0][0] : words[2][0]] or person == text[words[0][0] : words[2][1]]:
        return "the end of a span is the word after the last; the entity's last word is number end - 1."
    if person.lower() == person:
        return "the text was lower-cased; the original is asked for, and lower() can even change its length."
    for own, right in zip(got, wanted, strict=True):
        if own != right:
            return f"{right!r} is expected, but you give {own!r}."
    return None
