"""What a class did, counted from results.json's document: scores, checks, mistakes, what changed since another run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import mean, median
from typing import Any

from grader.verdicts import CRASH, ERROR, FAIL, MISSING, PASS, SKIP, TIMEOUT, UNWRITTEN

Document = Mapping[str, Any]
BINS = 12
SLOWEST = 10


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
    unexplained: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """The first check that failed and who failed it, of those in whose code no known mistake was found."""

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
    titles: Counter[str] = field(default_factory=Counter)
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
            if title := _unexplained(exercise):
                count.unexplained[title].append(one["id"])
    return list(found.values())


def _count(count: ExerciseCount, exercise: Document) -> None:
    """A check that is run in several cases is passed by whoever passes them all."""
    written = exercise["verdict"] not in (MISSING, UNWRITTEN)
    said: dict[tuple[str, str], bool] = {}
    for check in exercise["checks"]:
        key = (check["id"].partition("[")[0], check["device"])
        count.checks.setdefault(key, CheckCount(base_title(check), check["device"]))
        if written and check["verdict"] not in (SKIP, ERROR):
            said[key] = said.get(key, True) and check["verdict"] == PASS
    for key, passed in said.items():
        count.checks[key].passed += passed
        count.checks[key].failed += not passed


def base_title(check: Document) -> str:
    """The title of a check without its case: `any size may be one (batch)` -> `any size may be one`."""
    title: str = check["title"]
    return title.rpartition(" (")[0] or title if check["id"].endswith("]") else title


def _unexplained(exercise: Document) -> str:
    """The first failure of an exercise in which no mistake was recognised; empty where one was, or nothing failed."""
    failed = [check for check in exercise["checks"] if check["verdict"] in (FAIL, TIMEOUT, CRASH)]
    tried = [check for check in failed if not check["message"].endswith(" is unwritten")]
    if exercise["verdict"] != FAIL or not tried or any(check["mistake"] for check in failed):
        return ""
    if shared_message(exercise):
        return "nothing ran: the whole file failed"
    return base_title(tried[0])


def shared_message(exercise: Document) -> str:
    """What all checks of an exercise say alike: no such file, a file that cannot be loaded."""
    messages = {check["message"] for check in exercise["checks"]}
    return messages.pop() if len(messages) == 1 and len(exercise["checks"]) > 1 else ""


def mistakes(document: Document) -> list[Mistake]:
    """The most common first. Whoever made one in several checks counts once."""
    found: dict[tuple[str, str], Mistake] = {}
    for one, exercise, check in _checks(document):
        if not check["mistake"]:
            continue
        key = (exercise["id"], check["mistake"])
        mistake = found.setdefault(key, Mistake(*key))
        mistake.sentences[check["message"].partition("\n")[0]] += 1
        mistake.titles[check["title"]] += 1
        if one["id"] not in mistake.who[-1:]:
            mistake.who.append(one["id"])
    return sorted(found.values(), key=lambda mistake: (-len(mistake.who), mistake.exercise, mistake.name))


def _checks(document: Document) -> Iterator[tuple[Document, Document, Document]]:
    for one in document["submissions"]:
        for exercise in one["exercises"]:
            for check in exercise["checks"]:
                yield one, exercise, check


def slowest(document: Document) -> list[Document]:
    return sorted(document["submissions"], key=lambda one: -one["seconds"])[:SLOWEST]


@dataclass
class Changed:
    """One submission that another run judged otherwise, and why."""

    id: str
    before: float | None
    after: float | None
    reasons: list[tuple[str, str, str, str]] = field(default_factory=list)
    """(exercise, check or empty, verdict before, verdict now)"""


@dataclass
class Changes:
    """This run against another one."""

    conditions: list[str]
    came: list[str]
    went: list[str]
    changed: list[Changed]

    @property
    def scores(self) -> int:
        return sum(one.before != one.after for one in self.changed)

    @property
    def reasons(self) -> list[tuple[tuple[str, str, str, str], list[str]]]:
        """Each reason and whom it touched, the most common first."""
        whom: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
        for one in self.changed:
            for reason in one.reasons:
                whom[reason].append(one.id)
        return sorted(whom.items(), key=lambda item: -len(item[1]))


def changes(document: Document, previous: Document) -> Changes:
    """What is not as it was in `previous`: submissions, scores, verdicts, and under which conditions they were made."""
    old = {one["id"]: one for one in previous["submissions"]}
    new = {one["id"]: one for one in document["submissions"]}
    conditions = [
        f"{name}: {_words(previous['run'].get(name))} before, {_words(document['run'].get(name))} now"
        for name in ("grader", "python", "torch", "seed", "devices")
        if previous["run"].get(name) != document["run"].get(name)
    ]
    changed = [_changed(old[id_], one) for id_, one in new.items() if id_ in old]
    touched = [one for one in changed if one.reasons or one.before != one.after]
    return Changes(conditions, [i for i in new if i not in old], [i for i in old if i not in new], touched)


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _changed(old: Document, new: Document) -> Changed:
    before = {exercise["id"]: exercise for exercise in old["exercises"]}
    found = Changed(new["id"], old["score"], new["score"])
    for exercise in new["exercises"]:
        if exercise["id"] in before:
            found.reasons += _reasons(before[exercise["id"]], exercise)
        else:
            found.reasons.append((exercise["id"], "", "not asked", exercise["verdict"]))
    return found


def _reasons(old: Document, new: Document) -> list[tuple[str, str, str, str]]:
    """Per check, or for the whole exercise where it was or is not there at all."""
    whole = (MISSING, UNWRITTEN, ERROR)
    if old["verdict"] != new["verdict"] and (old["verdict"] in whole or new["verdict"] in whole):
        return [(new["id"], "", old["verdict"], new["verdict"])]
    before = {(check["id"], check["device"]): check["verdict"] for check in old["checks"]}
    found = [
        (new["id"], f"{base_title(check)}{_on(check, new)}", was, check["verdict"])
        for check in new["checks"]
        if (was := before.get((check["id"], check["device"]), "not asked")) != check["verdict"]
    ]
    return list(dict.fromkeys(found))


def _on(check: Document, exercise: Document) -> str:
    several = any(other["device"] != check["device"] for other in exercise["checks"])
    return f" on {check['device']}" if several else ""
