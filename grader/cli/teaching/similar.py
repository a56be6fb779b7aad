"""`grader similar DIR`: submissions that are wrong in the same rare way, and files for the tools that compare code.

Two who copied share what nobody else has. What many share is the course's, not theirs: a common mistake, a line of the
stub or of the lesson. So what counts is weighed by how few have it, in bits, and a pair is shown where chance would not
give as much to any pair of the class. It is a place to look, never an accusation.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from grader.cli.teaching.packages import zipped
from grader.cli.teaching.shared_code import Comparison, Shared, names_in, read
from grader.errors import UsageError
from grader.files import write_atomic
from grader.kit.discovery import Exercise, Kit
from grader.kit.stub import stub_of
from grader.reports import templating
from grader.reports.html import page_path
from grader.reports.terminal import Screen
from grader.results.document import Reader
from grader.results.verdicts import FAIL, PASS, SKIP, UNWRITTEN
from grader.submissions import intake
from grader.submissions.intake import Entry
from grader.text import clean, shown

RARE = 3
"""A way to be wrong that more have is the course's; in a small class two."""
LEAST_BITS, SPARE_BITS = 12.0, 1.0
"""A pair of a small class is shown from so much on; of a larger one from one in twice as many as it has pairs."""
MOST_PARTNERS = 3
"""Who shares as much with more than so many has what many have: they are no pair."""
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
    """A way to be wrong, that others may share."""

    exercise: str
    kind: str
    text: str


FACTORS = {"result": 1.5, "mistake": 1.0, "verdicts": 1.5}
"""What each kind says beside its rarity: the same wrong numbers are hardly ever chance."""


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
    entries = intake.read(place, kit.exercises, folder.resolve()).entries
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
    many = "1 pair shares" if len(pairs) == 1 else f"{len(pairs)} pairs share"
    screen.line(f"{many} something rare: open {folder / PAGE}")
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
    """The pairs that share more than chance gives, those who share most first."""
    pairs: dict[tuple[str, str], Pair] = {}
    ids = {one["id"] for one in document["submissions"]}

    def add(one: str, other: str, bits: float, exercise: str, reasons: Iterable[str]) -> None:
        pair = pairs.setdefault((one, other), Pair(one, other))
        pair.weight += bits
        pair.reasons += [(exercise, clean(text, 200)) for text in reasons]

    for trace, who in _holders(document).items():
        bits = FACTORS[trace.kind] * math.log2(len(ids) / (len(who) - 1))
        for one, other in combinations(who, 2):
            add(one, other, bits, trace.exercise, [IN_WORDS[trace.kind].format(trace.text)])
    for exercise in exercises:
        for one, other, shared in _shared_code(exercise, [entry for entry in entries if entry.id in ids]):
            add(one, other, shared.bits, exercise.slug, shared.reasons)
    found = _without_crowds(_beyond_chance([*pairs.values()], len(ids)))
    for pair in found:
        pair.reasons = _few(pair.reasons)
    return sorted(found, key=lambda pair: (-pair.weight, pair.one, pair.other))


def _holders(document: Mapping[str, Any]) -> dict[Trace, list[str]]:
    """The rare ways to be wrong, and whose they are."""
    holders: dict[Trace, set[str]] = defaultdict(set)
    for one in document["submissions"]:
        for trace in _ways_to_be_wrong(one):
            holders[trace].add(one["id"])
    rare = min(RARE, max(2, len(document["submissions"]) // 10))
    found = {trace: sorted(who) for trace, who in holders.items() if 2 <= len(who) <= rare}
    return dict(sorted(found.items(), key=lambda item: (len(item[1]), item[0].kind, item[0].text)))


def _shared_code(exercise: Exercise, entries: Sequence[Entry]) -> Iterator[tuple[str, str, Shared]]:
    solution = exercise.solution.read_text(encoding="utf-8").encode()
    given = names_in(_stub(exercise))
    files = {entry.id: entry.files[exercise.slug].text for entry in entries if exercise.slug in entry.files}
    kit = [read(text, given) for text in (_stub(exercise), solution)]
    comparison = Comparison({name: read(text, given) for name, text in files.items()}, kit)
    for one, other in comparison.pairs():
        if (shared := comparison.of(one, other)).bits > 0:
            yield one, other, shared


def _beyond_chance(pairs: Sequence[Pair], size: int) -> list[Pair]:
    """Those who share more than chance gives to any pair of the class.

    Who writes in a way that few do shares something with several of them. So what somebody shares with one person
    counts beyond half of what they share with the fourth.
    """
    weights: dict[str, list[float]] = defaultdict(list)
    for pair in pairs:
        for name in (pair.one, pair.other):
            weights[name].append(pair.weight)
    usual = {name: sorted(found, reverse=True)[MOST_PARTNERS:][:1] for name, found in weights.items()}
    line = max(LEAST_BITS, math.log2(max(1, size * (size - 1) / 2)) + SPARE_BITS)
    return [pair for pair in pairs if pair.weight - max([0.0, *usual[pair.one], *usual[pair.other]]) / 2 >= line]


def _without_crowds(pairs: Sequence[Pair]) -> list[Pair]:
    """Those of whom neither shares as much with many."""
    partners = Counter(name for pair in pairs for name in (pair.one, pair.other))
    return [pair for pair in pairs if max(partners[pair.one], partners[pair.other]) <= MOST_PARTNERS]


IN_WORDS = {
    "result": "the same wrong values: {}",
    "mistake": "the same rare mistake: {}",
    "verdicts": "the same checks fail: {}",
}


def _few(reasons: list[tuple[str, str]]) -> list[tuple[str, str]]:
    more = len(reasons) - MOST_REASONS
    return [*reasons[:MOST_REASONS], *([("", f"and {more} more")] if more > 0 else [])]


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
