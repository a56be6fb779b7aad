"""What a class did, counted from results.json's document: scores, checks, mistakes."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import mean, median
from typing import Any

from grader.diagnosis.diagnosis import IF
from grader.results.verdicts import CRASH, ERROR, FAIL, MISSING, PASS, SKIP, TIMEOUT, UNWRITTEN

Document = Mapping[str, Any]
BINS = 12
SLOWEST = 10
_LINE = re.compile(r"(?:[Cc]ell \d+, )?[Ll]ine \d+")
_ABSENT = re.compile(r"([\w.-]+) is not installed where this code is checked")
_UNLOADED = (
    (_ABSENT, "it needs {}, which is not installed here"),
    (re.compile(r"Python(?: \d+\.\d+)? cannot read "), "an error of syntax: Python cannot read it"),
    (re.compile(r"the file (?:takes too long)|while .* was loaded: no result after"), "loading it does not end"),
    (re.compile(r"the file (?:ends its process)|while .* was loaded: "), "its process ended while it was loaded"),
    (re.compile(r".* could not be loaded(?: at [^:]+)?: (\w+)"), "it raises {} while it is loaded"),
    (re.compile(r"the file cannot be loaded: "), "an error of syntax, or an exception while it is loaded"),
    (re.compile(r".* (?:is UTF-16 text|has [\d,]+ bytes)"), "it is no text in UTF-8, or too large"),
)
"""What the message begins with that all checks of a file share, and why the file could not be loaded."""


@dataclass
class CheckCount:
    """How those who wrote the exercise did in one check, all its cases together, on one device."""

    title: str
    device: str
    passed: int = 0
    failed: int = 0

    @property
    def share(self) -> float:
        return self.passed / max(1, self.passed + self.failed)


@dataclass
class ExerciseCount:
    """How the class did in one exercise."""

    id: str
    max_score: float
    verdicts: Counter[str] = field(default_factory=Counter)
    scores: list[float] = field(default_factory=list)
    checks: dict[tuple[str, str], CheckCount] = field(default_factory=dict)
    unexplained: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    """The first check that failed, with the step said of it, and who failed so, where no known mistake was found."""
    unloaded: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Why a file could not be loaded, and whose."""

    @property
    def mean(self) -> float | None:
        return mean(self.scores) if self.scores else None

    @property
    def several_devices(self) -> bool:
        return len({device for _, device in self.checks}) > 1


@dataclass
class Mistake:
    """One mistake of the class and who made it."""

    exercise: str
    name: str
    sentences: Counter[str] = field(default_factory=Counter)
    who: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        return self.sentences.most_common(1)[0][0] or self.name.replace("_", " ")


@dataclass
class Scores:
    """The distribution of the scores; those without one are left out."""

    number: int
    without: int
    most: float
    mean: float | None = None
    median: float | None = None
    full: int = 0
    counts: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


def scores(document: Document) -> Scores:
    """Twelve bins of one width from 0 to the most that can be had; the last holds the full score too."""
    submissions = document["submissions"]
    most = max((one["max_score"] for one in submissions), default=0.0)
    found = [one["score"] for one in submissions if one["score"] is not None]
    if not found:
        return Scores(len(submissions), len(submissions), most)
    width = (most or 1.0) / BINS
    bins = Counter(min(BINS - 1, int(score / width)) for score in found)
    labels = [
        f"{i * width:g}\u2013{(i + 1) * width:g}" if width == int(width) else f"{i * width:.1f}+" for i in range(BINS)
    ]
    full = sum(score == one["max_score"] for one in submissions if (score := one["score"]) is not None)
    counts = [bins[i] for i in range(BINS)]
    return Scores(
        len(submissions), len(submissions) - len(found), most, mean(found), median(found), full, counts, labels
    )


def exercises(document: Document) -> list[ExerciseCount]:
    """Per exercise and per check, in the order of the document."""
    found: dict[str, ExerciseCount] = {}
    for one in document["submissions"]:
        for exercise in one["exercises"]:
            count = found.setdefault(exercise["id"], ExerciseCount(exercise["id"], exercise["max_score"]))
            count.verdicts[exercise["verdict"]] += 1
            if exercise["score"] is not None:
                count.scores.append(exercise["score"])
            _count(count, exercise)
            if exercise["verdict"] == FAIL and (message := shared_message(exercise)):
                count.unloaded[why_unloaded(message)].append(one["id"])
            elif failure := _unexplained(exercise):
                count.unexplained[failure].append(one["id"])
    return list(found.values())


def _count(count: ExerciseCount, exercise: Document) -> None:
    """A check that is run in several cases is passed by whoever passes them all."""
    written = exercise["verdict"] not in (MISSING, UNWRITTEN)
    said: dict[tuple[str, str], bool] = {}
    for check in exercise["checks"]:
        if check["verdict"] == SKIP:
            continue
        key = (check["id"].partition("[")[0], check["device"])
        count.checks.setdefault(key, CheckCount(base_title(check), check["device"]))
        if written and check["verdict"] != ERROR:
            said[key] = said.get(key, True) and check["verdict"] == PASS
    for key, passed in said.items():
        count.checks[key].passed += passed
        count.checks[key].failed += not passed


def base_title(check: Document) -> str:
    """The title of a check without its case: `any size may be one (batch)` -> `any size may be one`."""
    title: str = check["title"]
    return title.rpartition(" (")[0] or title if check["id"].endswith("]") else title


def _unexplained(exercise: Document) -> tuple[str, str] | None:
    """The first failure of an exercise in which no mistake was recognised; None where one was, or nothing failed.

    Its title, and where the way parts from the reference's as far as it can be the same for several people.
    """
    failed = [check for check in exercise["checks"] if check["verdict"] in (FAIL, TIMEOUT, CRASH)]
    if exercise["verdict"] != FAIL or not failed or any(check["mistake"] for check in failed):
        return None
    step = failed[0].get("step")
    return base_title(failed[0]), _LINE.sub(_no_number, step["text"]) if step else ""


def why_unloaded(message: str) -> str:
    """Why a file could not be loaded, from the message that all checks share, without what is one student's own."""
    for pattern, why in _UNLOADED:
        if found := (pattern.search if pattern is _ABSENT else pattern.match)(message):
            return why.format(*found.groups())
    return "every check fails alike"


def _no_number(line: re.Match[str]) -> str:
    return "One line" if line[0][0].isupper() else "a line"


def shared_message(exercise: Document) -> str:
    """What all checks of an exercise say alike: no such file, a file that cannot be loaded."""
    messages = [check["message"] for check in exercise["checks"] if check["verdict"] != SKIP]
    return messages[0] if len(messages) > 1 and len(set(messages)) == 1 else ""


def not_run(checks: Iterable[Document]) -> list[str]:
    """A sentence for each device that some checks were not run on, and why."""
    counts = Counter((check["device"], check["message"]) for check in checks if check["verdict"] == SKIP)
    return [f"{n} {'check' if n == 1 else 'checks'} not run on {device}: {why}" for (device, why), n in counts.items()]


def not_here(exercise: Document) -> list[str]:
    """A sentence for each device that is not here, and for the checks that would have run there, too."""
    skipped: Mapping[str, int] = exercise.get("skipped", {})
    return [
        f"{n} {'check' if n == 1 else 'checks'} not run on {device}: no {device} here" for device, n in skipped.items()
    ]


def mistakes(document: Document) -> list[Mistake]:
    """The most common first. Whoever made one in several checks counts once.

    Of two mistakes that were made at once a check names the first; the other is known by its sentence.
    """
    named = [(one["id"], exercise["id"], check) for one, exercise, check in _checks(document) if check["mistake"]]
    names = {(slug, diagnoses(check["message"])[0]): check["mistake"] for _, slug, check in named}
    found: dict[tuple[str, str], Mistake] = {}
    for who, slug, check in named:
        first, *others = diagnoses(check["message"])
        for name, sentence in [(check["mistake"], first), *((names.get((slug, text), ""), text) for text in others)]:
            mistake = found.setdefault((slug, name or sentence), Mistake(slug, name))
            mistake.sentences[sentence] += 1
            if who not in mistake.who[-1:]:
                mistake.who.append(who)
    return sorted(found.values(), key=lambda mistake: (-len(mistake.who), mistake.exercise, mistake.name))


def reason(message: str) -> tuple[str, str]:
    """What a message says first, with the points of its list if it is one, and the facts after it."""
    lines = message.split("\n")
    end = 1
    while end < len(lines) and lines[end].startswith("- "):
        end += 1
    return "\n".join(lines[:end]), "\n".join(lines[end:])


def diagnoses(message: str) -> list[str]:
    """The sentence about each mistake that a message names, without the words that make it an inference."""
    first, *points = reason(message)[0].split("\n")
    return [point.removeprefix("- ") for point in points] or [first.removeprefix(f"{IF} ")]


def _checks(document: Document) -> Iterator[tuple[Document, Document, Document]]:
    for one in document["submissions"]:
        for exercise in one["exercises"]:
            for check in exercise["checks"]:
                yield one, exercise, check


def absent_packages(document: Document) -> dict[str, list[str]]:
    """Package -> whose code uses it, of those that are not installed where it was graded; the most wanted first."""
    found: dict[str, list[str]] = defaultdict(list)
    for one, _, check in _checks(document):
        for package in _ABSENT.findall(check["message"]):
            if one["id"] not in found[package][-1:]:
                found[package].append(one["id"])
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def slowest(document: Document) -> list[Document]:
    return sorted(document["submissions"], key=lambda one: -one["seconds"])[:SLOWEST]
