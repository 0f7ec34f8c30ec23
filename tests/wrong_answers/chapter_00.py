"""Wrong answers to the exercises of chapter 00, each with a part of the message that only it may get."""

WRONG = {
    "0.1": [
        (lambda sentence: 1, "same number for every sentence"),
        (lambda sentence: sentence.count("mask"), "plain word mask"),
        (lambda sentence: sentence.lower().count("[mask]"), "in small letters"),
        (lambda sentence: sentence.split().count("[MASK]"), "for '[MASK][MASK]"),
        (lambda sentence: sentence.count("MASK"), "MASK without brackets"),
        (lambda sentence: int("[MASK]" in sentence), "two holes were counted as one"),
        (lambda sentence: sentence.split("[MASK]"), "a whole number is needed"),
        (lambda sentence: len(sentence.split("[MASK]")), "without a hole should give 0"),
    ]
}
