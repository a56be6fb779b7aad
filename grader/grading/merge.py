"""`grader merge`: the shards of one class become the folder of results that one run would have made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grader.errors import EXIT_GRADER, EXIT_PASS, UsageError
from grader.files import writing_atomic
from grader.grading import output
from grader.grading.class_file import ClassFile
from grader.grading.grade import JOURNAL
from grader.grading.journal import Journal
from grader.grading.lock import Lock
from grader.launch import isolation
from grader.reports import code
from grader.reports.terminal import Screen
from grader.results.document import Run, run_of
from grader.text import listed, shown


class _Part:
    """One folder to merge. Raises UsageError where it holds no whole results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.of_class = ClassFile.read(folder)
        self.journal = Journal(folder / JOURNAL)
        run = run_of(folder / output.DOCUMENT)
        if self.journal.header is None or run is None:
            raise UsageError(f"{folder} holds no finished results: run the same `grader grade` command there again")
        self.header, self.run = self.journal.header, run
        if lacking := [name for name in self.of_class.places if not self.journal.knows(name)]:
            raise UsageError(
                f"{folder} is not finished: {len(lacking)} of {len(self.of_class.places)} submissions have no result. "
                "Run the same `grader grade` command there again"
            )


def merge(folders: Sequence[Path], out: Path, exports: output.Exports) -> int:
    """Makes `out` of the folders, in whatever order they are named. Returns the exit status.

    Raises UsageError where they are not the shards of one class, all of them, graded alike.
    """
    if any(out.resolve() == folder.resolve() for folder in folders):
        raise UsageError(f"--out {out} is one of the folders to merge: name another one")
    parts = [_Part(folder) for folder in folders]
    first = parts[0]
    for part in parts[1:]:
        _compare(first, part)
    whole = _whole([part.of_class for part in parts])
    exports.check(whole.name)
    owners = {name: part for part in parts for name in part.of_class.places}
    ids = [*whole.places]
    lock = Lock.of_folder(out)
    try:
        _refuse_another_class(out, whole)
        with writing_atomic(out / JOURNAL, durable=True) as file:
            for name in ids:
                file.write(owners[name].journal.line(name))
        (out / "run.json").write_bytes((first.folder / "run.json").read_bytes())
        journal = Journal(out / JOURNAL)
        run = _run([part.run for part in parts], whole)
        graded = {name: part.folder for name, part in owners.items()}
        made = output.make(
            out, journal, ids, run, whole, exports, lambda name, slug: code.read(graded[name], name, slug)
        )
    finally:
        lock.release()
    output.tell(Screen(), out, made)
    return EXIT_GRADER if made.errors else EXIT_PASS


def _compare(one: _Part, other: _Part) -> None:
    if one.of_class.known_by != other.of_class.known_by:
        raise UsageError(f"{one.folder} and {other.folder} are no shards of one class: other submissions were found")
    differ = [name for name in one.header if one.header[name] != other.header.get(name)]
    if differ:
        raise UsageError(f"{one.folder} and {other.folder} were not graded alike: {listed(differ)} differ")


def _whole(parts: Sequence[ClassFile]) -> ClassFile:
    """The class of which these are all the shards."""
    places: dict[str, int] = {}
    for part in parts:
        if twice := [name for name in part.places if name in places]:
            raise UsageError(f"{shown(twice[0])} is in two of the folders: each shard is merged once")
        places.update(part.places)
    size = parts[0].size
    if len(places) < size:
        have = listed([part.shard or "the whole" for part in parts], most=10)
        raise UsageError(f"{size - len(places)} of {size} submissions are in none of the folders, which hold {have}")
    places = dict(sorted(places.items(), key=lambda item: item[1]))
    known = {name: person for part in parts for name, person in part.people.items()}
    people = {name: known[name] for name in places}
    return ClassFile(parts[0].name, parts[0].known_by, size, places, people, parts[0].problems, parts[0].alike)


def _refuse_another_class(out: Path, whole: ClassFile) -> None:
    before = Journal(out / JOURNAL)
    if before.ids and not {*before.ids} & {*whole.places}:
        raise UsageError(f"--out {out} holds the results of another class: name another folder")


def _run(runs: Sequence[dict[str, Any]], whole: ClassFile) -> Run:
    """What is said of all runs at once: of isolation what held in each."""
    first = runs[0]
    around = isolation.weakest([one["isolation"] for one in runs])
    seconds = max(one["seconds"] for one in runs)
    return Run(first["seed"], first["devices"], around, seconds, [*whole.problems], first["absent_devices"])
