"""Korean dates and their English translations, from Unicode's CLDR as Babel has it; test days are never trained on."""

from __future__ import annotations

import datetime
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

PAD, BOS, EOS = 0, 1, 2
FORMATS = ("full", "long", "medium")
FIRST, LAST = datetime.date(1950, 1, 1), datetime.date(2049, 12, 31)
PAIRS, TEST_DAYS = 11_000, 300
_READ = (
    re.compile(r"(\d{4})\ub144 (\d{1,2})\uc6d4 (\d{1,2})\uc77c [\uac00-\ud7a3]\uc694\uc77c"),
    re.compile(r"(\d{4})\ub144 (\d{1,2})\uc6d4 (\d{1,2})\uc77c"),
    re.compile(r"(\d{4})\. (\d{1,2})\. (\d{1,2})\."),
)
"""The Korean dates of each format."""


@dataclass(frozen=True)
class Vocabulary:
    """The characters of one language; id 3 is the first."""

    characters: str

    @classmethod
    def of(cls, texts: Iterable[str]) -> Vocabulary:
        return cls("".join(sorted({character for text in texts for character in text})))

    def __len__(self) -> int:
        return len(self.characters) + 3

    def unknown(self, text: str) -> str:
        """The characters that it does not have."""
        return "".join(dict.fromkeys(character for character in text if character not in self.characters))

    def ids(self, texts: Sequence[str], *, eos: bool) -> Tensor:
        """(texts, longest) int64, padded on the right."""
        number = {character: i + 3 for i, character in enumerate(self.characters)}
        rows = [[number[character] for character in text] + [EOS] * eos for text in texts]
        longest = max(map(len, rows))
        return torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])

    def text(self, ids: Iterable[int]) -> str:
        """What ids say, up to the first eos; an id that is no character as a question mark."""
        said = []
        for one in ids:
            if one == EOS:
                break
            said.append(self.characters[one - 3] if 3 <= one < len(self) else "?")
        return "".join(said)


def translated(day: datetime.date, form: str) -> tuple[str, str]:
    """A day in Korean and in English, in one of FORMATS."""
    from babel.dates import format_date

    return format_date(day, form, locale="ko"), format_date(day, form, locale="en")


def expected(text: str) -> str | None:
    """The right translation of a Korean date; None where it is none of FORMATS, or no day of the calendar."""
    for form, pattern in zip(FORMATS, _READ, strict=True):
        if found := pattern.fullmatch(text):
            try:
                korean, english = translated(datetime.date(*map(int, found.groups())), form)
            except ValueError:
                return None
            return english if korean == text else None
    return None


@dataclass(frozen=True)
class Dates:
    """Pairs to train on, and pairs of other days to test on."""

    train: list[tuple[str, str]]
    test: list[tuple[str, str]]
    source: Vocabulary
    target: Vocabulary

    def batch(self, seed: int, step: int, size: int) -> list[int]:
        """Which pairs a step is trained on: nothing but its number and the seed decide."""
        return random.Random(f"{seed} {step}").choices(range(len(self.train)), k=size)

    def tensors(self) -> tuple[Tensor, Tensor]:
        """All of the training pairs: sources and targets."""
        sources, targets = zip(*self.train, strict=True)
        return self.source.ids(sources, eos=False), self.target.ids(targets, eos=True)


def dates(
    pairs: int = PAIRS, test: int = TEST_DAYS, last_year: int | None = None, test_year: int | None = None
) -> Dates:
    """The same pairs every time.

    Args:
        pairs: to train on.
        test: days to test on, which are not among the days of training.
        last_year: the last year of the days of training, where it is not all.
        test_year: the only year of the days of the test.
    """
    draw = random.Random(2017)
    days = [FIRST + datetime.timedelta(n) for n in range((LAST - FIRST).days + 1)]
    draw.shuffle(days)
    tested = [
        day for day in days if test_year in (None, day.year) and (test_year or day.year <= (last_year or day.year))
    ]
    tested = tested[:test]
    kept = set(days) - set(tested)
    trained = [day for day in days if day in kept and day.year <= (last_year or day.year)]
    train = [translated(trained[i % len(trained)], draw.choice(FORMATS)) for i in range(pairs)]
    tests = [translated(day, FORMATS[i % len(FORMATS)]) for i, day in enumerate(tested)]
    both = [*train, *tests]
    source, target = (Vocabulary.of(pair[side] for pair in both) for side in (0, 1))
    return Dates(train, tests, source, target)
