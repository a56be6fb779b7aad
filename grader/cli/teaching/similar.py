"""`grader similar DIR`: submissions that are wrong in the same rare way, and files for the tools that compare code.

Two who copied share what nobody else has. What many share is the course's, not theirs: a common mistake, a line of the
stub or of the lesson. So only what at most a few of the class have counts. It is a place to look, never an accusation.
"""

from __future__ import annotations

import csv
import io
import json
import keyword
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from grader.cli.teaching.packages import zipped
from grader.errors import UsageError
from grader.files import write_atomic
from grader.kit.discovery import Exercise, Kit
from grader.kit.stub import stub_of
from grader.reports import templating
from grader.reports.html import page_path
from grader.reports.terminal import Screen
from grader.results.document import Reader
from grader.results.verdicts import FAIL, PASS, SKIP, UNWRITTEN
from grader.submissions.intake import Entry, read
from grader.text import clean, shown

RARE = 3
"""What at most so many of a class share may be between two of them; in a small class two."""
ENOUGH = 2.0
"""The weight from which a pair is shown."""
WORDS = 6
"""Words and signs in a row of a comment or a text, or of code, that count as one leftover."""
PAGE = "similar.html"
MOST_PAIRS = 200
MOST_REASONS = 8


@dataclass
class Pair:
    """Two submissions and what only they share.

    Args:
        reasons: exercise and what is shared, the rarest first.
    """

    one: str
    other: str
    weight: float = 0.0
    reasons: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Trace:
    """Something that a submission has and that others may have: a way to be wrong, or words beyond the stub."""

    exercise: str
    kind: str
    text: str


WEIGHTS = {"result": 1.5, "mistake": 1.0, "verdicts": 1.5, "words": 1 / 8, "form": 1 / 12}
"""What each kind of trace says, if rare: the same wrong numbers are hardly ever chance, the same words may be. Runs of
words overlap, so one line that two share is several; a copied function is a hundred."""


def similar(folder: Path, submissions: Path | None, exports: Mapping[str, Path]) -> int:
    """Writes the page, and what was asked for of the exports. Returns how many pairs there are.

    Args:
        folder: results of a class.
        submissions: where the class lies now; None where it lay when it was graded.
        exports: `dolos` or `jplag` -> the file or the folder.
    """
    kit, screen = Kit(), Screen()
    document = Reader().document(folder / "results.json")
    if document is None:
        raise UsageError(f"{folder} holds no results that can be read: `grader grade` makes them")
    place = submissions or _place(folder)
    entries = read(place, kit.exercises, folder.resolve()).entries
    slugs = {exercise["id"] for one in document["submissions"] for exercise in one["exercises"]}
    exercises = [exercise for exercise in kit.exercises if exercise.slug in slugs]
    for kind, out in exports.items():
        files = EXPORTS[kind](entries, exercises)
        _write(out, files, as_zip=kind == "dolos")
        screen.line(f"{out} is written for {kind}")
    pairs = find(document, entries, exercises)
    pages = {one["id"]: page_path(one["id"]) for one in document["submissions"]}
    count = len(document["submissions"])
    page = templating.render("similar.html", pairs=pairs[:MOST_PAIRS], all=len(pairs), pages=pages, count=count)
    write_atomic(folder / PAGE, page)
    screen.line(f"{len(pairs)} pairs share something rare: open {folder / PAGE}")
    return len(pairs)


def _place(folder: Path) -> Path:
    """Where the submissions lay. Raises UsageError where they are gone."""
    try:
        place = Path(json.loads((folder / "run.json").read_bytes())["from"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{folder} does not say where its submissions lie: use --submissions") from None
    if not place.exists():
        raise UsageError(f"the submissions are no longer in {shown(str(place))}: say where with --submissions")
    return place


# ------------------------------------------------------------------------------------------------- our own page


def find(document: Mapping[str, Any], entries: Sequence[Entry], exercises: Sequence[Exercise]) -> list[Pair]:
    """The pairs that share enough of what is rare, those who share most first."""
    texts = {entry.id: entry.files for entry in entries}
    holders: dict[Trace, set[str]] = defaultdict(set)
    stubs = {exercise.slug: _known(exercise) for exercise in exercises}
    for one in document["submissions"]:
        for trace in _ways_to_be_wrong(one):
            holders[trace].add(one["id"])
        for slug, file in texts.get(one["id"], {}).items():
            if slug in stubs:
                for kind, words in leftovers(file.text) - stubs[slug]:
                    holders[Trace(slug, kind, words)].add(one["id"])
    rare = min(RARE, max(2, len(document["submissions"]) // 10))
    pairs: dict[tuple[str, str], Pair] = {}
    for trace, who in sorted(holders.items(), key=lambda item: (len(item[1]), item[0].kind, item[0].text)):
        if 2 <= len(who) <= rare:
            for one, other in combinations(sorted(who), 2):
                pair = pairs.setdefault((one, other), Pair(one, other))
                pair.weight += WEIGHTS[trace.kind] / (len(who) - 1)
                pair.reasons.append((trace.exercise, IN_WORDS[trace.kind].format(clean(trace.text, 200))))
    found = [pair for pair in pairs.values() if pair.weight >= ENOUGH]
    for pair in found:
        pair.reasons = _few(pair.reasons)
    return sorted(found, key=lambda pair: (-pair.weight, pair.one, pair.other))


IN_WORDS = {
    "result": "the same wrong values: {}",
    "mistake": "the same rare mistake: {}",
    "verdicts": "the same checks fail: {}",
    "words": "the same words, beyond the stub: {}",
    "form": "the same code but for its names: {}",
}


def _few(reasons: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The first of them, and of runs of words that overlap one."""
    told: list[tuple[str, str]] = []
    said: set[str] = set()
    for exercise, text in reasons:
        words = {*text.split()[6:]}
        if len(words & said) <= len(words) // 2 or not told:
            told.append((exercise, text))
            said |= words
    more = len(told) - MOST_REASONS
    return [*told[:MOST_REASONS], *([("", f"and {more} more")] if more > 0 else [])]


def _ways_to_be_wrong(one: Mapping[str, Any]) -> Iterator[Trace]:
    """What a submission's failures have in common with nobody's by chance."""
    for exercise in one["exercises"]:
        if exercise["verdict"] != FAIL:
            continue
        failed = [check for check in exercise["checks"] if check["verdict"] not in (PASS, SKIP, UNWRITTEN)]
        passed = [check for check in exercise["checks"] if check["verdict"] == PASS]
        if failed and passed:
            yield Trace(exercise["id"], "verdicts", ", ".join(check["title"] for check in failed))
        for mistake in {check["mistake"] for check in failed if check["mistake"]}:
            yield Trace(exercise["id"], "mistake", mistake.replace("_", " "))
        for check in failed:
            if (picture := check.get("picture")) and not check["mistake"]:
                numbers = [_rounded(value) for row in picture["yours"] for value in row]
                yield Trace(exercise["id"], "result", f"{check['title']}: {' '.join(numbers[:12])}")


def _rounded(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, (int, float)) else str(value)


def _known(exercise: Exercise) -> set[tuple[str, str]]:
    """What everybody was given: the stub, and the solution, which the kit itself shows."""
    solution = exercise.solution.read_text(encoding="utf-8")
    return leftovers(solution.encode()) | leftovers(stub_of(solution).encode())


def leftovers(text: bytes) -> set[tuple[str, str]]:
    """What a copy keeps: `words`, runs of words of texts and of code; `form`, longer runs without names."""
    said: list[str] = []
    code: list[str] = []
    form: list[str] = []
    try:
        for token in tokenize.tokenize(io.BytesIO(text).readline):
            if token.type in (tokenize.COMMENT, tokenize.STRING):
                said += [*re.findall(r"\w+", token.string.lower()), ""]
            elif token.type in (tokenize.NAME, tokenize.OP, tokenize.NUMBER):
                code.append(token.string)
                named = token.type == tokenize.NAME and not keyword.iskeyword(token.string)
                form.append("name" if named else token.string)
    except (tokenize.TokenError, SyntaxError, ValueError):
        pass  # what was read until then counts
    found = {("words", " ".join(run)) for run in _runs(code, 2 * WORDS)}
    found |= {("words", " ".join(run)) for run in _runs(said, WORDS) if "" not in run}
    return found | {("form", " ".join(run)) for run in _runs(form, 3 * WORDS)}


def _runs(words: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (words[i : i + size] for i in range(len(words) - size + 1))


# ----------------------------------------------------------------------------------------------------- exports


def _dolos(entries: Iterable[Entry], exercises: Sequence[Exercise]) -> dict[str, bytes]:
    """What Dolos reads: a zip with info.csv, and the stubs as a template to give it with -i."""
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["filename", "label", "full_name"])
    files = {}
    for number, entry in enumerate(entries, 1):
        for slug, file in sorted(entry.files.items()):
            if slug in {exercise.slug for exercise in exercises} and file.text:
                name = f"{slug}/{number:05}.py"
                files[name] = file.text
                rows.writerow([name, entry.id, entry.id])
    files["info.csv"] = table.getvalue().encode("utf-8", "replace")
    return files | {f"template/{one.slug}.py": _stub(one) for one in exercises}


def _jplag(entries: Iterable[Entry], exercises: Sequence[Exercise]) -> dict[str, bytes]:
    """What JPlag reads: a folder for each student, and one with the stubs for -bc."""
    files = {}
    for entry in entries:
        folder = Path(page_path(entry.id)).stem
        for slug, file in sorted(entry.files.items()):
            if slug in {exercise.slug for exercise in exercises} and file.text:
                files[f"submissions/{folder}/{slug}.py"] = file.text
    return files | {f"basecode/{one.slug}.py": _stub(one) for one in exercises}


def _stub(exercise: Exercise) -> bytes:
    return stub_of(exercise.solution.read_text(encoding="utf-8")).encode()


EXPORTS = {"dolos": _dolos, "jplag": _jplag}


def _write(out: Path, files: Mapping[str, bytes], *, as_zip: bool) -> None:
    try:
        if as_zip:
            write_atomic(out, zipped(files))
        else:
            for name, data in files.items():
                write_atomic(out / name, data)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}") from None
