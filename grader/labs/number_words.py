"""Korean number words and the numbers that they say, as num2words has them."""

from __future__ import annotations

import random

from grader.labs.pairs import PAIRS, SEED, TESTED, Pairs, made

MOST_DIGITS = 8


def words(number: int) -> str:
    """A number below 10^8, or 10^8 itself, in Korean."""
    from num2words import num2words

    return str(num2words(number, lang="ko"))


def number_words(pairs: int = PAIRS, test: int = TESTED) -> Pairs:
    """The same pairs every time: numbers of 1 to 8 digits, each length as likely; no number of the test is trained on.

    Args:
        pairs: to train on.
        test: how many to test on.
    """
    draw, drawn = random.Random(SEED), dict.fromkeys((10**MOST_DIGITS,))
    while len(drawn) < pairs + test:
        digits = draw.randint(1, MOST_DIGITS)
        drawn.setdefault(draw.randrange(10 ** (digits - 1) if digits > 1 else 0, 10**digits))
    numbers = list(drawn)
    draw.shuffle(numbers)
    both = [(words(number), str(number)) for number in numbers]
    return made(both[test:], both[:test], "unseen numbers up to 10^8", [words(19), words(20_240)], "numbers")


def said(text: str, written: str) -> bool:
    """Whether a text says a number: the one that was written."""
    return written.isdecimal() and int(written) <= 10**MOST_DIGITS and words(int(written)) == text
