"""results.json: what other tools read. Its format is fixed by `format`. Imports no torch."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grader
from grader.files import writing_atomic
from grader.limits import MAX_MESSAGE, MAX_RECORD
from grader.results.verdicts import ERROR, SKIP, ExerciseResult, Outcome
from grader.text import clean

FORMAT = 1


def versions() -> dict[str, str]:
    """What a result depends on, besides the checks and the submission."""
    return {
        "grader": grader.__version__,
        "python": platform.python_version(),
        "torch": version("torch").partition("+")[0],
    }


@dataclass
class Run:
    """One run of the grader over submissions."""

    seed: int
    devices: Sequence[str]
    isolation: dict[str, Any]
    """What surrounded the code, as the launcher reports it."""
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    absent_devices: Sequence[str] = ()
    """Devices that were looked for and are not here."""

    def record(self) -> dict[str, Any]:
        """The `run` part of results.json."""
        return {
            **versions(),
            "seed": self.seed,
            "devices": list(self.devices),
            "absent_devices": list(self.absent_devices),
            "isolation": self.isolation,
            "problems": self.problems,
            "seconds": round(self.seconds, 3),
        }


def submission(
    id: str,  # noqa: A002  (the document's own word)
    source: str,
    results: Sequence[ExerciseResult],
    *,
    page: str | None = None,
    seconds: float = 0.0,
    problems: Sequence[str] = (),
) -> dict[str, Any]:
    """One student's part of results.json. The score is null where some exercise has none because of the grader."""
    scores = [result.score for result in results]
    return {
        "id": id,
        "source": source,
        "page": page,
        "score": None if None in scores else round(sum(score for score in scores if score is not None), 2),
        "max_score": sum(result.max_score for result in results),
        "seconds": round(seconds, 3),
        "problems": [clean(problem, MAX_MESSAGE) for problem in problems],
        "exercises": [_exercise(result) for result in results],
    }


def _exercise(result: ExerciseResult) -> dict[str, Any]:
    absent = result.absent
    return {
        "id": result.slug,
        "verdict": result.verdict,
        "score": result.score,
        "max_score": result.max_score,
        "skipped": {device: len(skips) for device, skips in absent.items()},
        "checks": [_check(outcome) for outcome in result.outcomes if outcome.device not in absent],
    }


def _check(outcome: Outcome) -> dict[str, Any]:
    found = {
        "id": outcome.id,
        "title": outcome.title,
        "device": outcome.device,
        "verdict": outcome.verdict,
        "points": 0.0 if outcome.verdict == SKIP else outcome.points,
        "max_points": outcome.max_points,
        "tier": outcome.tier,
        "function": outcome.of,
        "message": outcome.message,
        "mistake": outcome.mistake,
        "step": {"line": outcome.step[0], "text": outcome.step[1]} if outcome.step else None,
        "example": outcome.example,
        "seconds": outcome.seconds,
    }
    return {**found, "picture": outcome.picture.record()} if outcome.picture else found


def errors(record: dict[str, Any]) -> list[str]:
    """The sentences of `run.problems` about one submission: what the grader could not do.

    Once for each exercise, and once for all where the reason is the same.
    """
    reasons: dict[str, str] = {}
    for exercise in record["exercises"]:
        broken = [check for check in exercise["checks"] if check["verdict"] == ERROR]
        if broken:
            title, message = broken[0]["title"], broken[0]["message"]
            alike = len({check["message"] for check in broken}) == 1 and len(broken) == len(exercise["checks"]) > 1
            reasons[exercise["id"]] = message if alike else f"{title}: {message}"
    if len(reasons) > 1 and len({*reasons.values()}) == 1:
        reasons = {f"{len(reasons)} exercises": next(iter(reasons.values()))}
    return [clean(f"{record['id']}: {name}: {why}", MAX_MESSAGE) for name, why in reasons.items()]


def dumps(value: Any) -> str:
    """JSON on one line. Text that is no Unicode, as a file's name may be, is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def bounded(record: dict[str, Any]) -> str:
    """A submission's record as one line of at most MAX_RECORD bytes.

    Pictures and examples go first, then the ends of messages.
    """
    text = dumps(record)
    if len(text.encode()) <= MAX_RECORD:
        return text
    checks = [check for exercise in record["exercises"] for check in exercise["checks"]]
    for check in checks:
        check.pop("picture", None)
        check["example"] = None
    limit = MAX_MESSAGE
    while len((text := dumps(record)).encode()) > MAX_RECORD and limit > 16:
        limit //= 2
        record["problems"] = [clean(problem, limit) for problem in record["problems"][:100]]
        for check in checks:
            check["message"] = clean(check["message"], limit)
    return text


def write(path: Path, run: Run, submissions: Iterable[str]) -> None:
    """Writes results.json, whole or not at all.

    Args:
        submissions: the record of each as JSON, in the order of the document; never all in memory.
    """
    with writing_atomic(path, durable=True) as file:
        file.writelines(parts(run, submissions))


def parts(run: Run, submissions: Iterable[str]) -> Iterator[bytes]:
    """The text of results.json, piece by piece; `submissions` as for `write`."""
    yield f'{{"format": {FORMAT},\n "run": {dumps(run.record())},\n "submissions": ['.encode()
    for number, text in enumerate(submissions):
        yield ((",\n  " if number else "\n  ") + text).encode()
    yield b"]}\n"


def run_of(path: Path) -> dict[str, Any] | None:
    """The `run` part of a results.json, without reading the rest; None where there is none that can be read."""
    try:
        with path.open(encoding="utf-8") as file:
            run: dict[str, Any] = json.loads("".join(next(file) for _ in range(3)) + "]}")["run"]
    except (OSError, ValueError, StopIteration, KeyError, TypeError):
        return None
    return run


Pairs = list[tuple[str, Any]]
OF_A_CHECK = ("id", "title", "device", "verdict")


class Reader:
    """Reads JSON whose objects nobody will change: texts, and checks that were not run, are shared among them.

    Args:
        verdicts_only: of a check nothing is kept but what it is and its verdict.
    """

    def __init__(self, *, verdicts_only: bool = False) -> None:
        self._verdicts_only = verdicts_only
        self._texts: dict[str, str] = {}
        self._rows: dict[tuple[tuple[str, Any], ...], dict[str, Any]] = {}

    def loads(self, text: str | bytes) -> Any:
        return json.loads(text, object_pairs_hook=self._object)

    def _object(self, pairs: Pairs) -> dict[str, Any]:
        texts = self._texts
        pairs = [(name, texts.setdefault(value, value) if type(value) is str else value) for name, value in pairs]
        found = dict(pairs)
        if "device" not in found or "picture" in found:
            return found
        if self._verdicts_only:
            found = {name: found.get(name) for name in OF_A_CHECK}
        elif found.get("seconds") != 0.0:
            return found
        return self._rows.setdefault(tuple(found.items()), found)

    def document(self, path: Path) -> dict[str, Any] | None:
        """A document of results, None where there is none that can be read."""
        try:
            with path.open(encoding="utf-8") as file:
                head = "".join(next(file) for _ in range(3))
                document: dict[str, Any] = self.loads(head + "]}")
                document["submissions"] = [self.loads(text) for text in _records(file)]
        except (OSError, ValueError, StopIteration, RuntimeError, TypeError):
            return None
        return document


def _records(lines: Iterator[str]) -> Iterator[str]:
    """The record on each line, as `results.write` lays them out: with a comma, the last one with the end of all."""
    for line in lines:
        text = line.strip()
        yield text[:-1] if text.endswith(",") else text[:-2]
