"""Wrong answers to the exercises of chapter 09, each with a distinctive part of the sentence it must get."""

import collections
import math

from helpers.metrics import normalise_answer


def _place(shift=0, stop=0, special=True, one=False, strict=False, swap=False, cut="none", cover=True):
    """The right answer with one fault; ``cut`` says what happens to answers that the window does not hold."""

    def answer(offsets, start, end):
        inside = [
            place
            for place, offset in enumerate(offsets)
            if offset
            and ((offset[0] < end and offset[1] > start) if cover else (start <= offset[0] and offset[1] <= end))
        ]
        if not inside:
            return (0, 0) if cut != "last" else (len(offsets) - 1, len(offsets) - 1)
        first, last = inside[0], inside[-1]
        if strict and (offsets[first][0] != start or offsets[last][1] - 1 != end):
            return 0, 0
        whole = offsets[first][0] <= start, offsets[last][1] >= end
        if (cut == "none" and not all(whole)) or (cut == "end" and not whole[1]):
            return 0, 0
        if one:
            last = first
        place = first + shift, last + shift + stop
        return place[::-1] if swap else place

    return answer


def _scores(
    normal=normalise_answer,
    shared="bag",
    kind="f1",
    over=max,
    scale=1,
    empty=0.0,
    swap=False,
    exact_over=max,
    number=False,
):
    def answer(prediction, answers):
        own, exact, f1 = normal(prediction), [], []
        for text in answers:
            true = normal(text)
            exact.append(float(own == true))
            a, b = own.split(), true.split()
            same = sum((collections.Counter(a) & collections.Counter(b)).values())
            if shared == "set":
                a, b = list(set(a)), list(set(b))
                same = len(set(a) & set(b))
            elif shared == "member":
                same = sum(word in b for word in a)
            if not a and not b:
                f1.append(empty)
            elif kind == "f1":
                f1.append(2 * same / (len(a) + len(b)))
            else:
                f1.append(same / max(1, len(a) if kind == "precision" else len(b)))
        pair = scale * exact_over(exact), scale * over(f1)
        return pair[1] if number else pair[::-1] if swap else pair

    return answer


def _mean(values):
    return sum(values) / len(values)


def _span(least=0, longer=0, inside=True, until=1, shift=0, score=lambda a, b: a + b, unlimited=False):
    def answer(start, end, first, last, most):
        places = range(first, last + until) if inside else range(len(start))
        most = len(start) if unlimited else most + longer
        pairs = [(i, j) for i in places for j in places if least <= j - i < most] or [(0, 0)]
        i, j = max(pairs, key=lambda pair: float(score(start[pair[0]], end[pair[1]])))
        return i + shift * first, j + shift * first

    return answer


def _independent(start, end, first, last, most):
    return int(start.argmax()), int(end.argmax())


def _in_context(start, end, first, last, most):
    return first + int(start[first : last + 1].argmax()), first + int(end[first : last + 1].argmax())


def _greedy(start, end, first, last, most):
    i = first + int(start[first : last + 1].argmax())
    return i, i + int(end[i : min(last + 1, i + most)].argmax())


def _backwards(start, end, first, last, most):
    pairs = [(i, j) for i in range(first, last + 1) for j in range(first, last + 1) if j - i < most]
    return max(pairs, key=lambda pair: float(start[pair[0]] + end[pair[1]]))


def _touching(offsets, start, end):
    inside = [place for place, offset in enumerate(offsets) if offset and offset[0] <= end and offset[1] >= start]
    return (inside[0], inside[-1]) if inside else (0, 0)


def _end_inside(offsets, start, end):
    places = [0, 0]
    for place, offset in enumerate(offsets):
        for k, character in enumerate((start, end)):
            if offset and offset[0] <= character < offset[1]:
                places[k] = place
    return places


def _plain(own, true):
    """F1 of two texts as they are, word by word."""
    shared = sum((collections.Counter(own.split()) & collections.Counter(true.split())).values())
    return 2 * shared / (len(own.split()) + len(true.split())) if shared else 0.0


def _f1(own, true):
    return _plain(normalise_answer(own), normalise_answer(true))


def _exact(own, true):
    return float(normalise_answer(own) == normalise_answer(true))


def _two(exact=_exact, f1=_f1, exact_over=max, over=max):
    """Both scores, one of them with a fault."""
    return lambda prediction, answers: (
        exact_over([exact(prediction, text) for text in answers]),
        over([f1(prediction, text) for text in answers]),
    )


def _letters(own, true):
    own, true = normalise_answer(own), normalise_answer(true)
    return 2 * (collections.Counter(own) & collections.Counter(true)).total() / max(1, len(own) + len(true))


def _words(text):
    return set(normalise_answer(text).split())


def _plain_mean(own, true):
    own, true = normalise_answer(own).split(), normalise_answer(true).split()
    shared = sum((collections.Counter(own) & collections.Counter(true)).values())
    return shared * (1 / max(1, len(own)) + 1 / max(1, len(true))) / 2


def _until(first, last, most, to, best=-math.inf, pair=None, start=None, end=None):
    for i in range(first, last + 1):
        for j in to(i, last, most):
            if start[i] + end[j] > best:
                best, pair = start[i] + end[j], (i, j)
    return pair


def _loops(to=lambda i, last, most: range(i, min(last, i + most - 1) + 1), best=-math.inf):
    return lambda start, end, first, last, most: _until(first, last, most, to, best, None, start, end)


def _end_first(start, end, first, last, most):
    j = first + int(end[first : last + 1].argmax())
    low = max(first, j - most + 1)
    return low + int(start[low : j + 1].argmax()), j


def _moved(by):
    def answer(start, end, first, last, most):
        i, j = _loops()(start, end, first, last, most)
        return i, j + by(first)

    return answer


WRONG = {
    "9.1": [
        (lambda offsets, start, end: (start, end), "those are the characters again"),
        (_place(stop=1), "one token too far"),
        (_place(shift=-6), "the model counts from [CLS]"),
        (_place(one=True), "only one token came back"),
        (_place(strict=True), "the window lacks the answer, but it holds it"),
        (_place(swap=True), "first and last are swapped"),
        (_place(cover=False), "begins and ends inside words"),
        (_place(cut="last"), "begins after the answer"),
        (_place(cut="keep"), "cuts off the end"),
        (_place(cut="end"), "cuts off the beginning"),
        (lambda offsets, start, end: 7, "two numbers are needed"),
        (_touching, "takes in a bracket"),
        (_end_inside, "no last one is found"),
    ],
    "9.2": [
        (_scores(normal=str), "case, punctuation and articles still count in your exact match"),
        (_scores(scale=100), "those are per cent"),
        (_scores(swap=True), "exact match comes first"),
        (_scores(shared="set"), "counts twice"),
        (_scores(shared="member"), "as often as *both* have it"),
        (_scores(kind="precision"), "that is precision"),
        (_scores(kind="recall"), "that is recall"),
        (_two(f1=_exact), "a partly right answer gets a part"),
        (_scores(over=lambda values: values[0]), "only the first accepted answer"),
        (_scores(over=_mean), "SQuAD takes the maximum"),
        (_scores(empty=1.0), "F1 0 where no word is shared"),
        (_scores(number=True), "two numbers are needed"),
        (_two(exact=lambda own, true: float(own.lower() == true.lower())), "only upper and lower case"),
        (_two(exact=lambda own, true: float(normalise_answer(own) == true)), "the accepted answers need it as well"),
        (_two(exact=lambda own, true: float(normalise_answer(true) in normalise_answer(own))), "contains the other"),
        (_two(exact=lambda own, true: float(_words(own) == _words(true))), "not the sets of their words"),
        (_two(exact_over=lambda values: values[0]), "looks at the first accepted answer"),
        (_two(exact_over=lambda values: values[-1]), "your exact match is that of the last"),
        (_two(exact_over=min), "wants all accepted answers"),
        (_two(exact_over=_mean), "your exact match is the mean"),
        (_two(f1=_plain), "F1 still counts case"),
        (_two(f1=_letters), "counts shared *letters*"),
        (_two(f1=lambda a, b: len(_words(a) & _words(b)) / max(1, len(_words(a) | _words(b)))), "all different words"),
        (_two(f1=_plain_mean), "the plain mean"),
        (_two(f1=lambda own, true: _f1(own, true) / 2), "half of F1"),
        (_two(over=lambda values: values[-1]), "F1 is that of the last"),
    ],
    "9.3": [
        (_independent, "together they are often no valid answer"),
        (_in_context, "the context's two largest logits"),
        (_backwards, "end before they start"),
        (_span(shift=-1), "you count from the first token of the context"),
        (_span(inside=False), "leave the context"),
        (_span(longer=1), "one token too long"),
        (_span(unlimited=True), "much longer than"),
        (_span(until=0), "yours never reach it"),
        (_span(least=1), "yours never do"),
        (_span(longer=-1), "tokens is allowed"),
        (_span(score=lambda a, b: a * b), "the largest *product*"),
        (_greedy, "you fix the best start"),
        (lambda *arguments: 3, "two places are needed"),
        (_loops(best=0), "what it starts from"),
        (_loops(to=lambda i, last, most: range(i, min(last, i + most - 1))), "a range leaves out its own end"),
        (_loops(to=lambda i, last, most: range(i, min(32, i + most))), "end behind it"),
        (_end_first, "you fix the best end"),
        (_moved(lambda first: 1), "the place after the last token"),
        (_moved(lambda first: -first), "but the end from the first token"),
    ],
}
