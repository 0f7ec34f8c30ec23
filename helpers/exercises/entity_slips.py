"""What other scores than the F1 over whole entities (exercise 7.3) come to, so that a check can name the one that was computed."""

from __future__ import annotations

from helpers import metrics
from helpers.tasks import spans_of

TRUE = ["B-PER I-PER O O B-LOC", "B-ORG I-ORG I-ORG O", "O O B-LOC O", "O B-PER O O B-MISC O B-ORG I-ORG"]
SAID = ["B-PER I-PER O O B-ORG", "B-ORG I-ORG O O", "O O B-LOC B-LOC", "O B-PER O B-LOC B-MISC O B-ORG O"]


def f1(shared: float, one: float, two: float) -> float:
    """F1 of ``shared`` hits, 0 if there is none."""
    return 2 * shared / (one + two) if shared else 0.0


def other_scores(said: list[list[str]], true: list[list[str]]) -> dict[str, float]:
    """Message -> the value of the score that deserves it, for predicted and true tags."""
    from sklearn.metrics import f1_score

    words = [(t, s) for own, other in zip(true, said, strict=True) for t, s in zip(own, other, strict=True)]
    known = [
        [{(row, *span) for span in spans_of(tags)} for row, tags in enumerate(sentences)] for sentences in (true, said)
    ]
    wanted, own = (set().union(*sentences) for sentences in known)
    hits = len(wanted & own)
    alike = sum(t == s != "O" for t, s in words)
    places = [{span[:1] + span[2:] for span in group} for group in (wanted, own)]
    bags = [{span[1:] for span in group} for group in (wanted, own)]
    kinds = [scores["f1"] for kind, scores in metrics.entity_scores(said, true).items() if kind != "all"]
    touched = sum(any(a[:2] == b[:2] and a[2] < b[3] and b[2] < a[3] for b in own) for a in wanted)
    return {
        "these are per cent; a share between 0 and 1 is asked for.": 100 * metrics.entity_f1(said, true),
        "this is the share of words with the right tag; a word is no entity, and most words are O.": sum(
            t == s for t, s in words
        )
        / len(words),
        "you compare word by word; an entity counts only as a whole, with both borders right.": f1(
            alike, sum(t != "O" for t, _ in words), sum(s != "O" for _, s in words)
        ),
        "this is the mean of F1 over the *tags*, B-PER, I-PER, O and so on; entities are to be counted, not words.": f1_score(
            *zip(*words, strict=True), average="macro"
        ),
        "this is F1 over tags, weighed by how common they are, so O decides it; count entities, not words.": f1_score(
            *zip(*words, strict=True), average="weighted"
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
        "half of what it should be: the hits stand twice above the line, or a perfect answer gets 0.5.": hits
        / (len(own) + len(wanted)),
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
