"""Wrong answers to the exercises of chapter 08, each with a distinctive part of the sentence it must get."""

import torch


def _fit(keep=None, types=None, order=None, cut=None):
    """The right answer, with one of its parts replaced."""

    def answer(premise, hypothesis, room):
        kept = keep(premise, hypothesis, room) if keep else premise[: room - 3 - len(hypothesis)]
        ids = order(kept, hypothesis) if order else [101, *kept, 102, *hypothesis, 102]
        own = types(kept, hypothesis) if types else [0] * (len(kept) + 2) + [1] * (len(hypothesis) + 1)
        return cut(ids, own, room) if cut else (ids, own)

    return answer


def _hypothesis_too(premise, hypothesis, room):
    premise, hypothesis = list(premise), list(hypothesis)
    while len(premise) + len(hypothesis) > room - 3:
        (premise if len(premise) > len(hypothesis) + 2 else hypothesis).pop()
    return [101, *premise, 102, *hypothesis, 102], [0] * (len(premise) + 2) + [1] * (len(hypothesis) + 1)


def _far_too_short(premise, hypothesis, room):
    return premise if len(premise) + len(hypothesis) + 3 <= room else premise[:2]


def _columns(place):
    return lambda logits, label2id, names: logits[:, place(label2id, names)]


def _backwards(logits, label2id, names):
    out = torch.empty_like(logits)
    out[:, [label2id[name] for name in names]] = logits
    return out


def _fixed(logits, label2id, names):
    return logits[:, [1, 2, 0]] if logits.shape[1] == 3 else logits


def _counted(words=lambda text: set(text.lower().split()), least=lambda count, n: count >= n, share=None, flip=False):
    def answer(hypotheses, labels, minimum):
        rows = [(word, label) for text, label in zip(hypotheses, labels) for word in words(text)]
        found = {}
        for word in {word for word, _ in rows}:
            own = [label for other, label in rows if other == word]
            if least(len(own), minimum):
                top = max(sorted(set(own)), key=own.count)
                part = share(own.count(top), top, labels) if share else own.count(top) / len(own)
                found[word] = (part, top) if flip else (top, part)
        return found

    return answer


def _zero(single=None, multi=None, place=None):
    """The right answer, with the one or the other mode, or the place of entailment, replaced."""

    def answer(logits, label2id, multi_label):
        yes = logits[..., label2id["entailment"] if place is None else place]
        no = logits[..., label2id["contradiction"]]
        if multi_label:
            return multi(logits, yes, no) if multi else (yes - no).sigmoid()
        return single(logits, yes) if single else yes.softmax(-1)

    return answer


def _filled_up(premise, hypothesis, room):
    ids, types = _fit()(premise, hypothesis, room)
    return ids + [0] * (room - len(ids)), types + [0] * (room - len(ids))


def _whole_if_none_fits(premise, hypothesis, room):
    return premise[: room - 3 - len(hypothesis)] if room > 3 + len(hypothesis) else premise


def _types_before_the_cut(premise, hypothesis, room):
    return _fit()(premise, hypothesis, room)[0], [0] * (len(premise) + 2) + [1] * (len(hypothesis) + 1)


def _overwritten(logits, label2id, names):
    out = logits
    for place, name in enumerate(names):
        out[:, place] = logits[:, label2id[name]]
    return out


def _inside(hypotheses, labels, least):
    found = {}
    for word in {word for text in hypotheses for word in text.lower().split()}:
        own = [label for text, label in zip(hypotheses, labels) if word in text.lower()]
        top = max(sorted(set(own)), key=own.count)
        found |= {word: (top, own.count(top) / len(own))} if len(own) >= least else {}
    return found


def _of_the_label(hypotheses, labels, least):
    found = _counted(least=lambda count, n: True)(hypotheses, labels, least)
    count = {word: sum(word in text.lower().split() for text in hypotheses) for word in found}
    return {word: own for word, own in found.items() if round(own[1] * count[word]) >= least}


def _rounded(hypotheses, labels, least):
    return {word: (top, round(share, 2)) for word, (top, share) in _counted()(hypotheses, labels, least).items()}


WRONG = {
    "8.1": [
        (_fit(keep=lambda p, h, room: p[: room - 4 - len(h)]), "loses a token"),
        (_fit(keep=lambda p, h, room: p[: room - 2 - len(h)]), "more than the 14 that fit"),
        (_fit(keep=lambda p, h, room: p, cut=lambda i, t, room: (i[:room], t[:room])), "the end of the pair"),
        (_fit(keep=lambda p, h, room: p[-(room - 3 - len(h)) :]), "you keep the end of the premise"),
        (_fit(keep=lambda p, h, room: p[: -(len(p) + len(h) + 3 - room)]), "a slice up to -0"),
        (_fit(keep=_far_too_short), "more than is needed"),
        (_hypothesis_too, "has lost words"),
        (_filled_up, "padding belongs to a batch"),
        (_fit(types=lambda p, h: [0] * (len(p) + 1) + [1] * (len(h) + 2)), "the first [SEP] closes"),
        (_fit(types=lambda p, h: [0] * (len(p) + 2) + [1] * len(h) + [0]), "the last [SEP] closes"),
        (_fit(types=lambda p, h: [1] * (len(p) + 2) + [0] * (len(h) + 1)), "the wrong way round"),
        (_fit(types=lambda p, h: [0] * len(p) + [1] * len(h)), "each token needs one"),
        (_fit(order=lambda p, h: [101, *h, 102, *p, 102]), "the hypothesis comes first"),
        (_fit(order=lambda p, h: [101, *p, *h, 102]), "a [SEP] (102) after each"),
        (lambda p, h, room: [101, *p, 102, *h, 102], "two lists are needed"),
        (_fit(order=lambda p, h: [101, p, 102, h, 102]), "a list inside your list"),
        (_fit(order=lambda p, h: ["[CLS]", *p, "[SEP]", *h, "[SEP]"]), "a string where a number is needed"),
        (_fit(order=lambda p, h: [101, *p, 102, 101, *h, 102]), "a second [CLS]"),
        (_fit(keep=lambda p, h, room: p[: room // 2 - 3]), "nothing may be cut"),
        (_fit(types=lambda p, h: [0] * (len(p) + len(h) + 3)), "every token type is 0"),
        (_fit(types=lambda p, h: [1] * (len(p) + 2) + [2] * (len(h) + 1)), "not 1 and 2"),
        (_fit(keep=lambda p, h, room: p), "nothing was cut"),
        (_types_before_the_cut, "before the cut"),
        (_fit(keep=_whole_if_none_fits), "nothing of the premise may stay"),
    ],
    "8.2": [
        (lambda logits, label2id, names: logits, "nothing has moved"),
        (_backwards, "the other way round"),
        (_columns(lambda own, names: [own[name] for name in sorted(names)]), "sorted by name"),
        (lambda logits, label2id, names: logits.sort(dim=1, descending=True).values, "sorted the numbers of each row"),
        (lambda logits, label2id, names: logits.argmax(1), "one number a row"),
        (lambda logits, label2id, names: logits[:, [label2id[n] for n in names]].softmax(1), "these are probabilities"),
        (lambda logits, label2id, names: logits[:, [label2id[n] for n in names]].T, "have changed places"),
        (_fixed, "other names do not"),
        (lambda logits, label2id, names: -logits, "wrong values"),
        (lambda logits, label2id, names: logits[:, [label2id[n] for n in names]].log_softmax(1), "a log_softmax has"),
        (_overwritten, "overwritten before it has been read"),
        (lambda logits, label2id, names: logits[[label2id[name] for name in names]], "you picked rows"),
        (lambda logits, label2id, names: logits[:, [0, 2, 1]], "do the places come from this label2id"),
    ],
    "8.3": [
        (_counted(words=lambda text: text.lower().split()), "counts four times"),
        (_counted(words=lambda text: set(text.split())), "are one word"),
        (_counted(words=lambda text: set(text.lower())), "split the hypotheses at spaces"),
        (_counted(least=lambda count, n: True), "pure by luck"),
        (_counted(least=lambda count, n: count > n), "hypotheses are enough"),
        (_counted(share=lambda count, top, labels: count), "these are counts"),
        (_counted(share=lambda count, top, labels: count / labels.count(top)), "the hypotheses that have the label"),
        (_counted(share=lambda count, top, labels: count / len(labels)), "number of all hypotheses"),
        (_counted(flip=True), "are swapped"),
        (lambda texts, labels, least: [("nobody", "contradiction")], "a dictionary"),
        (_counted(words=lambda text: [word.lower() for word in set(text.split())]), "before the set is made"),
        (_counted(words=lambda text: set(text.lower().replace(".", "").split())), "leave the full stop"),
        (_inside, "not among the letters"),
        (_of_the_label, "not with those of its label"),
        (_rounded, "are rounded"),
        (_counted(share=lambda count, top, labels: 75), "these are per cent"),
        (lambda texts, labels, least: _counted()(texts, labels, 10), "is empty"),
        (lambda texts, labels, least: {"nobody": ("contradiction", 0.75)}, "whatever its share is"),
        (_counted(share=lambda count, top, labels: "0.75"), "is a string in yours"),
        (lambda texts, labels, least: {"nobody": (("contradiction", 3), 0.75), "man": 0}, "the label alone"),
        (lambda texts, labels, least: {"nobody": ("neutral", 0.25), "man": 0}, "is not its commonest"),
    ],
    "8.4": [
        (_zero(place=0), "a softmax over the logits of 'contradiction'"),
        (_zero(place=2), "a softmax over the logits of 'neutral'"),
        (_zero(single=lambda z, yes: yes), "these are logits"),
        (_zero(single=lambda z, yes: yes.softmax(0)), "runs over the texts"),
        (_zero(single=lambda z, yes: z.softmax(-1)[..., 1]), "do not add up to 1"),
        (_zero(single=lambda z, yes: z.softmax(-1)[..., 1].softmax(-1)), "a softmax of a softmax"),
        (_zero(single=lambda z, yes: z.softmax(-1)[..., 1] / z.softmax(-1)[..., 1].sum(-1, True)), "already shaped"),
        (_zero(single=lambda z, yes: yes.argmax(-1)), "one number a text"),
        (_zero(multi=lambda z, yes, no: yes.softmax(-1)), "the labels still compete"),
        (_zero(multi=lambda z, yes, no: yes.sigmoid()), "at entailment alone"),
        (_zero(multi=lambda z, yes, no: z.softmax(-1)[..., 1]), "neutral still has a part"),
        (_zero(multi=lambda z, yes, no: (no - yes).sigmoid()), "the share of contradiction"),
        (_zero(multi=lambda z, yes, no: (yes - (z.sum(-1) - yes - no)).sigmoid()), "its opponent is contradiction"),
        (lambda z, own, multi: _zero()(z, own, True), "that belong to multi_label=True"),
        (_zero(single=lambda z, yes: (yes - z[..., 0]).softmax(-1)), "by their entailment logits alone"),
        (_zero(single=lambda z, yes: yes / yes.sum(-1, keepdim=True)), "logits may be negative"),
        (lambda z, own, multi: z[:, own["entailment"]].softmax(-1), "you picked one of the labels"),
        (_zero(single=lambda z, yes: yes.flatten().softmax(0).view(yes.shape)), "all texts and labels together"),
        (_zero(single=lambda z, yes: yes.log_softmax(-1)), "these are logarithms of the scores"),
        (_zero(multi=lambda z, yes, no: yes / (yes + no)), "you divide logits"),
        (_zero(multi=lambda z, yes, no: yes - no), "the sigmoid is missing"),
        (_zero(multi=lambda z, yes, no: torch.stack([yes, no], -1).softmax(-1)), "both shares come back"),
        (_zero(multi=lambda z, yes, no: 1 - z.softmax(-1)[..., 0]), "all that is not contradiction"),
        (_zero(multi=lambda z, yes, no: (s := (yes - no).sigmoid()) / s.sum(-1, True)), "do not divide by their sum"),
        (_zero(place=1), "take every place from label2id"),
    ],
}
