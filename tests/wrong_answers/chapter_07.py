"""Wrong answers to the exercises of chapter 07, each with a distinctive part of the sentence it must get."""

from itertools import chain
from unicodedata import normalize

from helpers.metrics import entity_scores
from helpers.tasks import spans_of


def _align(later=-100, special=-100, last=False):
    def answer(word_ids, labels):
        neighbours = [*word_ids[1:], None] if last else [None, *word_ids[:-1]]
        return [
            special if word is None else labels[word] if word != other else labels[word] if later == "same" else later
            for word, other in zip(word_ids, neighbours)
        ]

    return answer


def _counting(word_ids, labels):
    found, before, number = [], None, -1
    for word in word_ids:
        number += word is not None and word != before
        found.append(labels[number] if word is not None and word != before else -100)
        before = word
    return found


def _by_label(word_ids, labels):
    own = [-100 if word is None else labels[word] for word in word_ids]
    return [label if label != before else -100 for before, label in zip([None, *own], own)]


def _all_words(word_ids, labels):
    first = {word: place for place, word in reversed(list(enumerate(word_ids))) if word is not None}
    found = [-100] * len(word_ids)
    for word, label in enumerate(labels):
        if word in first or len(word_ids) == 5:
            found[first.get(word, -1)] = label
    return found


def _spans(begin=True, same=True, orphan=True, closed=True, gap=False):
    def answer(tags):
        found, open_ = [], None
        for place, tag in enumerate(tags):
            prefix, _, kind = tag.partition("-")
            continues = open_ and prefix != "O" and (prefix == "I" or not begin) and (kind == open_[0] or not same)
            if continues:
                open_ = (open_[0], open_[1], place + 1)
                continue
            if open_ and not (gap and prefix == "O"):
                found.append(open_)
                open_ = None
            if prefix == "B" or (prefix == "I" and orphan):
                open_ = (kind, place, place + 1)
        return found + [open_] * bool(open_ and closed)

    return answer


def _changed(change):
    return lambda tags: [change(*span) for span in spans_of(tags)]


def _counts(said, true, key=lambda row, span: (row, *span)):
    wanted, own = (
        {key(row, span) for row, tags in enumerate(sentences) for span in spans_of(tags)} for sentences in (true, said)
    )
    return len(wanted & own), len(own), len(wanted)


def _f1(shared, one, two):
    return 2 * shared / (one + two) if shared else 0.0


def _keyed(key):
    return lambda said, true: _f1(*_counts(said, true, key))


def _by_word(said, true):
    pairs = [pair for rows in zip(said, true) for pair in zip(*rows)]
    return _f1(sum(s == t != "O" for s, t in pairs), sum(s != "O" for s, _ in pairs), sum(t != "O" for _, t in pairs))


def _accuracy(said, true):
    pairs = [pair for rows in zip(said, true) for pair in zip(*rows)]
    return sum(s == t for s, t in pairs) / len(pairs)


def _macro(said, true):
    scores = [own["f1"] for kind, own in entity_scores(said, true).items() if kind != "all"]
    return sum(scores) / len(scores)


def _touching(said, true):
    hits = 0
    for own, other in zip(said, true):
        for a in spans_of(other):
            hits += any(a.kind == b.kind and a.start < b.end and b.start < a.end for b in spans_of(own))
    return _f1(hits, *_counts(said, true)[1:])


def _divides(said, true):
    shared, own, wanted = _counts(said, true)
    precision, recall = shared / own, shared / wanted
    return 2 * precision * recall / (precision + recall)


def _mean(said, true):
    shared, own, wanted = _counts(said, true)
    return (shared / max(1, own) + shared / wanted) / 2


def _glued(glue):
    return lambda text, words, spans: [
        (kind, glue.join(text[a:b] for a, b in words[start:end])) for kind, start, end in spans
    ]


def _slice(first, last, change=str):
    def answer(text, words, spans):
        words = [*words, (len(text), len(text))]
        return [(kind, change(text[words[s][0] : last(words, s, e)])) for kind, s, e in spans]

    return answer if first else lambda text, words, spans: [(kind, text[s:e]) for kind, s, e in spans]


def _searched(text, words, spans):
    own = [text[start:end] for start, end in words]
    return [(k, text[text.index(own[s]) : text.index(own[e - 1]) + len(own[e - 1])]) for k, s, e in spans]


def _jaccard(said, true):
    shared, one, two = _counts(said, true)
    return shared / (one + two - shared)


def _sometimes(answer, silent):
    """An answer that returns nothing for some of the examples."""
    return lambda *arguments: None if silent(*arguments) else answer(*arguments)


def _falsy(word_ids, labels):
    before = [None, *word_ids]
    return [labels[word] if word and word != other else -100 for word, other in zip(word_ids, before)]


def _inside(word_ids, labels):
    """Later pieces get the I- of their word's B-, as in some tutorials."""
    own = [-100 if word is None else labels[word] for word in word_ids]
    return [
        label + label % 2 if label > 0 and word == other else label
        for label, word, other in zip(own, word_ids, [None, *word_ids])
    ]


def _machine(tags, keep=True, turn=True):
    """Tags -> entities with a variable for the open one; it may get lost before a B- or not begin at another type."""
    found, kind, start = [], None, 0
    for place, tag in enumerate([*tags, "O"]):
        if kind and (tag[:2] in ("B-", "O") or tag[2:] != kind):
            lost = tag[:2] == "B-" and not keep
            found += [] if lost else [(kind, start, place)]
            begins = tag[:2] == "B-" or (tag != "O" and turn)
            kind, start = (tag[2:], place) if begins else (None, place)
        elif tag != "O" and not kind:
            kind, start = tag[2:], place
    return found


def _unset(tags):
    current = None
    for tag in tags:
        if tag[:2] == "I-" and current[0] == tag[2:]:
            return []
        current = (tag[2:],) if tag[:2] == "B-" else None
    return []


def _tags_f1(average):
    from sklearn.metrics import f1_score

    return lambda said, true: f1_score([*chain(*true)], [*chain(*said)], average=average)


def _guarded(said, true):
    shared, own, wanted = _counts(said, true)
    if not own or not wanted:
        return 0.0
    precision, recall = shared / own, shared / wanted
    return 2 * precision * recall / (precision + recall)


def _unguarded(said, true):
    shared, own, wanted = _counts(said, true)
    return 2 * shared / (own + wanted)


def _in_lists(said, true):
    own, wanted = ([span for tags in sentences for span in spans_of(tags)] for sentences in (said, true))
    return _f1(sum(span in wanted for span in own), len(own), len(wanted))


def _in_one_row(said, true):
    return _f1(*_counts([[*chain(*said)]], [[*chain(*true)]]))


WRONG = {
    "7.1": [
        (_align(later="same"), "every piece of a word carries its label"),
        (_align(special=0), "count as words outside"),
        (_align(later=0), "names end early"),
        (_align(last=True), "the last piece of each word"),
        (_counting, "you count the words yourself"),
        (_by_label, "compare word numbers, not labels"),
        (lambda word_ids, labels: labels, "one label a word"),
        (
            lambda word_ids, labels: [x for x, w in zip(_align()(word_ids, labels), word_ids) if w is not None],
            "one place",
        ),
        (lambda word_ids, labels: _align()(word_ids, labels)[:-1], "but your list has 9"),
        (_all_words, "was cut off"),
        (_falsy, "`if word` is false"),
        (_inside, "the I- label of the entity"),
        (lambda word_ids, labels: _align()(word_ids, range(len(labels))), "the numbers of the words"),
        (lambda word_ids, labels: _align(special=None)(word_ids, labels), "a None in your list"),
        (lambda word_ids, labels: [x for x in _align()(word_ids, labels) if x != -100], "only the first piece of each"),
        (lambda word_ids, labels: _align()(word_ids, labels)[:1], "inside the loop"),
    ],
    "7.2": [
        (_changed(lambda kind, start, end: (kind, start, end - 1)), "ends are the last word itself"),
        (_changed(lambda kind, start, end: (start, end, kind)), "the type comes first"),
        (_changed(lambda kind, start, end: ("B-" + kind, start, end)), "what follows the dash"),
        (_changed(lambda kind, start, end: (start, end)), "each entity is three things"),
        (_sometimes(lambda tags: spans_of(tags), lambda tags: "B-ORG" in tags), "every way through it needs a return"),
        (_changed(lambda kind, start, end: (kind, start, start + 1)), "ends after its first word"),
        (_spans(begin=False), "that is what B- is for"),
        (_spans(same=False), "compare the types, too"),
        (_spans(orphan=False), "is ignored; models predict"),
        (_spans(closed=False), "nothing closes it there"),
        (_spans(gap=True), "goes on across an O"),
        (lambda tags: spans_of(tags)[::-1], "in the order in which they stand"),
        (lambda tags: {tuple(span) for span in spans_of(tags)}, "a set has no order"),
        (lambda tags: [], "nothing is found"),
        (_changed(lambda kind, start, end: (("B-" + kind)[-3:], start, end)), "all that follows the dash"),
        (_changed(lambda kind, start, end: (kind, start + 1, end + 1)), "your numbers begin with 1"),
        (_changed(lambda kind, start, end: (kind, start, end - start)), "not the number of words"),
        (lambda tags: _machine(tags, keep=False), "that entity is lost"),
        (lambda tags: _machine(tags, turn=False), "only ends the entity before it"),
        (_unset, "TypeError in its line 4"),
        (lambda tags: spans_of(tags)[:1], "only the first entity is found"),
    ],
    "7.3": [
        (_accuracy, "the share of words"),
        (_by_word, "word by word"),
        (_keyed(lambda row, span: (row, span.start, span.end)), "the type is not compared"),
        (_keyed(lambda row, span: tuple(span)), "of different sentences fall together"),
        (lambda said, true: sum(_f1(*_counts([s], [t])) for s, t in zip(said, true)) / len(true), "over the sentences"),
        (_macro, "mean over the types"),
        (lambda said, true: _counts(said, true)[0] / max(1, _counts(said, true)[1]), "the precision alone"),
        (lambda said, true: _counts(said, true)[0] / _counts(said, true)[2], "the recall alone"),
        (_mean, "plain mean of precision and recall"),
        (_touching, "only overlaps"),
        (
            lambda said, true: sum(spans_of(s) == spans_of(t) for s, t in zip(said, true)) / len(true),
            "sentences without any error",
        ),
        (_jaccard, "divided by all entities of both sides"),
        (lambda said, true: 100 * _f1(*_counts(said, true)), "per cent"),
        (_divides, "divides by 0"),
        (lambda said, true: _f1(*_counts(said, true)) or 1.0, "yours is 1"),
        (_tags_f1("macro"), "the mean of F1 over the *tags*"),
        (_tags_f1("weighted"), "weighed by how common"),
        (lambda said, true: _f1(*_counts(said, true)) / 2, "half of what it should be"),
        (lambda said, true: round(_f1(*_counts(said, true)), 2), "rounded"),
        (lambda said, true: (0.5, 0.5, _f1(*_counts(said, true))), "one number is needed"),
        (_guarded, "if everything predicted is wrong"),
        (_unguarded, "neither true nor predicted"),
        (_in_one_row, "take the sentences one by one"),
        (_in_lists, "predicted in another sentence"),
    ],
    "7.4": [
        (_glued(" "), "a single space between the words"),
        (_glued(""), "without what stands between"),
        (_slice(True, lambda words, s, e: words[s][1]), "where the first word stops"),
        (_slice(False, None), "look their characters up"),
        (_slice(True, lambda words, s, e: words[e - 1][0]), "where the last word begins"),
        (_slice(True, lambda words, s, e: words[e][1]), "the word after the last"),
        (_slice(True, lambda words, s, e: words[e - 1][1] + 1), "a character too long"),
        (
            _slice(True, lambda words, s, e: words[e - 1][1], lambda own: normalize("NFC", own)),
            "composed in another way",
        ),
        (_searched, "do not search"),
        (lambda text, words, spans: [(k, [text[a:b] for a, b in words[s:e]]) for k, s, e in spans], "is a list"),
        (_slice(True, lambda words, s, e: words[e - 1][1], str.lower), "was lower-cased"),
        (lambda text, words, spans: [text[words[s][0] : words[e - 1][1]] for _, s, e in spans], "a list of pairs"),
        (lambda text, words, spans: _glued(" ")(text, words, spans)[:1], "one pair for each span"),
    ],
}
