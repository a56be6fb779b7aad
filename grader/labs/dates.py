"""Korean dates and their translations, from Unicode's CLDR as Babel has it; test days are never trained on."""

from __future__ import annotations

import datetime
import random
import re

from grader.errors import UsageError
from grader.labs.pairs import PAIRS, SEED, TESTED, Pairs, made
from grader.text import shown

FORMATS = ("full", "long", "medium")
FIRST, LAST = datetime.date(1950, 1, 1), datetime.date(2049, 12, 31)
EXAMPLE = "2024\ub144 3\uc6d4 19\uc77c"
_READ = (
    re.compile(r"(\d{4})\ub144 (\d{1,2})\uc6d4 (\d{1,2})\uc77c [\uac00-\ud7a3]\uc694\uc77c"),
    re.compile(r"(\d{4})\ub144 (\d{1,2})\uc6d4 (\d{1,2})\uc77c"),
    re.compile(r"(\d{4})\. (\d{1,2})\. (\d{1,2})\."),
)
"""The Korean dates of each format."""


def translated(day: datetime.date, form: str, locale: str = "en") -> tuple[str, str]:
    """A day in Korean and in another language, in one of FORMATS."""
    from babel.dates import format_date

    return format_date(day, form, locale="ko"), format_date(day, form, locale=locale)


def known_locale(name: str) -> str:
    """The locale as CLDR writes it. Raises UsageError where it has none."""
    from babel import Locale, UnknownLocaleError

    try:
        return str(Locale.parse(name.replace("-", "_")))
    except (UnknownLocaleError, ValueError, TypeError):
        raise UsageError(f"--locale: CLDR has no locale {shown(name)!r}; de, ja and pt_BR are some") from None


def expected(text: str, locale: str = "en") -> str | None:
    """The right translation of a Korean date; None where it is none of FORMATS, or no day of the calendar."""
    form, day = read(text)
    if form is None or day is None:
        return None
    korean, right = translated(day, form, locale)
    return right if korean == text else None


def read(text: str) -> tuple[str | None, datetime.date | None]:
    """Which of FORMATS a text is written in, and its day: each None where there is none.

    The day of the week is not looked at, nor are zeros before a number.
    """
    for form, pattern in zip(FORMATS, _READ, strict=True):
        if found := pattern.fullmatch(text):
            try:
                return form, datetime.date(*map(int, found.groups()))
            except ValueError:
                return form, None
    return None, None


def examples() -> list[str]:
    """Dates that say how dates are written."""
    return [translated(datetime.date(2024, 3, 19), form)[0] for form in ("long", "medium")]


def dates(
    pairs: int = PAIRS,
    test: int = TESTED,
    last_year: int | None = None,
    test_year: int | None = None,
    locale: str = "en",
) -> Pairs:
    """The same pairs every time.

    Args:
        pairs: to train on.
        test: days to test on, which are not among the days of training.
        last_year: the last year of the days of training, where it is not all.
        test_year: the only year of the days of the test.
        locale: the language that dates are translated into.
    """
    draw = random.Random(SEED)
    days = [FIRST + datetime.timedelta(n) for n in range((LAST - FIRST).days + 1)]
    draw.shuffle(days)
    tested = [
        day for day in days if test_year in (None, day.year) and (test_year or day.year <= (last_year or day.year))
    ]
    tested = tested[:test]
    kept = set(days) - set(tested)
    trained = [day for day in days if day in kept and day.year <= (last_year or day.year)]
    train = [translated(trained[i % len(trained)], draw.choice(FORMATS), locale) for i in range(pairs)]
    tests = [translated(day, FORMATS[i % len(FORMATS)], locale) for i, day in enumerate(tested)]
    return made(train, tests, "dates of unseen days", examples(), f"dates {locale}")
