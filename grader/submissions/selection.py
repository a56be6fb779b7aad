"""Of the files that somebody handed in, the one that counts for each exercise. The rest is named, never dropped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from grader.kit.discovery import NUMBERED, Exercise
from grader.limits import MAX_SOURCE
from grader.source.definitions import defined_names
from grader.source.file import File
from grader.submissions.bounds import MAX_NOTEBOOK, MAX_UNNAMED, Unreadable
from grader.submissions.files import NOTEBOOK, PYTHON, SubmittedFile, kind_of
from grader.text import shown, visible

NUMBER = re.compile(r"(?<![^\W\d_])ex(\d\d)(?!\d)", re.IGNORECASE)
LOOSE_NUMBER = re.compile(r"ex(\d\d)(?!\d)", re.IGNORECASE)
"""Also the end of Alex06."""
_HEADING = re.compile(rb"(?:\xef\xbb\xbf)?[ \t]{0,8}#[ \t]{0,8}(ex\d\d)_", re.IGNORECASE)
_CELL = re.compile(rb"^# %% .*\n", re.MULTILINE)
"""The line above each cell of a notebook's source."""


class Matcher:
    """Tells which exercise a file is: by `exNN` in its name, by a first line `# exNN_topic`, by what it defines.

    Args:
        exercises: all that there are.
    """

    def __init__(self, exercises: Sequence[Exercise]) -> None:
        self._slugs = {exercise.slug[:4]: exercise.slug for exercise in exercises}
        self._exercises = exercises
        self._owners: dict[str, str] | None = None

    def by_name(self, name: str) -> list[str]:
        """The exercises whose numbers stand in a file's name."""
        return self._known([f"ex{number}" for number in NUMBER.findall(name)])

    def by_loose_name(self, name: str) -> list[str]:
        """The exercises whose numbers stand in a file's name, if only as the end of another word."""
        return self._known([f"ex{number}" for number in LOOSE_NUMBER.findall(name)])

    def by_heading(self, text: bytes) -> list[str]:
        """The exercise that the first line names; in a notebook, the first line of each cell."""
        starts = [0, *(match.end() for match in _CELL.finditer(text))]
        found = (_HEADING.match(text, start) for start in starts)
        return self._known([match[1].decode().lower() for match in found if match])

    def by_definitions(self, text: bytes) -> list[str]:
        """The exercises that ask for a name which a file defines."""
        return sorted({self._owner[name] for name in defined_names(text) if name in self._owner})

    def _known(self, numbers: Sequence[str]) -> list[str]:
        return list(dict.fromkeys(self._slugs[number] for number in numbers if number in self._slugs))

    @property
    def _owner(self) -> dict[str, str]:
        """name -> the exercise that asks for it."""
        if self._owners is None:
            texts = {exercise.slug: _text(exercise) for exercise in self._exercises}
            self._owners = {name: slug for slug, text in texts.items() for name in defined_names(text)}
        return self._owners


def _text(exercise: Exercise) -> bytes:
    for path in (exercise.solution, exercise.stub):
        if path.is_file():
            return path.read_bytes()
    return b""


BY_NAME, BY_HEADING, BY_DEFINITIONS, BY_LOOSE_NAME = range(4)
_KIT = ("solutions", "tests", "grader")
"""The folders beside `exercises/` in a copy of the kit: nobody's own work."""


@dataclass(frozen=True)
class Candidate:
    """A file that may stand for an exercise.

    Args:
        slug: the exercise.
        member: the file.
        reason: what says so, the surest first.
    """

    slug: str
    member: SubmittedFile
    reason: int

    @property
    def order(self) -> tuple[int, int, float, bool, str]:
        """The shallowest, then the newest, comes first."""
        exact = self.member.name == f"{self.slug}.py"
        return self.reason, self.member.depth, -self.member.modified, not exact, self.member.path


def _is_lesson(member: SubmittedFile) -> bool:
    """The kit's lessons lie beside the exercises."""
    return member.name.endswith(".md") and NUMBERED.match(member.name) is not None


class Chooser:
    """Chooses among the files of one submission.

    Args:
        members: its files.
        matcher: tells which exercise a file is.
    """

    def __init__(self, members: Sequence[SubmittedFile], matcher: Matcher) -> None:
        self.files: dict[str, File] = {}
        self.problems: list[str] = []
        self._matcher = matcher
        self._loaded: dict[int, File] = {}
        self._unnamed = 0
        self._notebooks = 0
        own = self._without_the_kit(sorted(members, key=lambda member: (member.depth, member.path)))
        found = [candidate for member in own for candidate in self._candidates(member)]
        for slug in sorted({candidate.slug for candidate in found}):
            self._choose(slug, sorted((one for one in found if one.slug == slug), key=lambda one: one.order))
        known = {id(candidate.member) for candidate in found}
        known |= {key for key, file in self._loaded.items() if file.refusal}  # of these the reason has been said
        self._name_the_rest([member for member in own if id(member) not in known])

    def _without_the_kit(self, members: list[SubmittedFile]) -> list[SubmittedFile]:
        """A copy of the whole kit holds solutions; they are not the student's."""
        files = [member for member in members if NUMBERED.match(member.name)]
        homes = {m.path.removesuffix(f"exercises/{m.name}") for m in files if m.folder.endswith("exercises/")}
        kit = tuple(f"{home}{name}/" for home in homes for name in _KIT)
        own = [member for member in members if not member.path.startswith(kit) and not _is_lesson(member)]
        if any(member.path.startswith(kit) for member in members):
            self.problems.append("the kit's own folders beside exercises/ (solutions, tests, grader) were left out")
            own = [m for m in own if m.folder not in homes or kind_of(m.name) in (PYTHON, NOTEBOOK)]
        return own

    def _candidates(self, member: SubmittedFile) -> list[Candidate]:
        kind = kind_of(member.name)
        if kind not in (PYTHON, NOTEBOOK):
            return []
        named = self._matcher.by_name(member.name)
        if named:
            return [Candidate(slug, member, BY_NAME) for slug in named]
        self._unnamed += max(member.size, MAX_UNNAMED >> 8)
        if self._unnamed > MAX_UNNAMED:
            return []
        text = self._load(member).text
        headed = self._matcher.by_heading(text)
        defined = self._matcher.by_definitions(text) if not headed or kind == NOTEBOOK else []
        found = [Candidate(slug, member, BY_HEADING) for slug in headed]
        found += [Candidate(slug, member, BY_DEFINITIONS) for slug in defined if slug not in headed]
        loose = self._matcher.by_loose_name(member.name) if not found else []
        return found + [Candidate(slug, member, BY_LOOSE_NAME) for slug in loose]

    def _choose(self, slug: str, candidates: list[Candidate]) -> None:
        best, *others = candidates
        if others:
            names = ", ".join(shown(other.member.path) for other in others[:3])
            names += f" and {len(others) - 3} more" if len(others) > 3 else ""
            self.problems.append(
                f"{slug} is there {len(candidates)} times: {shown(best.member.path)} counts, not {names}"
            )
        self.files[slug] = self._load(best.member)

    def _load(self, member: SubmittedFile) -> File:
        """A member as Python source; one that can't be read says so in `refusal`."""
        if id(member) not in self._loaded:
            try:
                self._loaded[id(member)] = self._read(member)
            except Unreadable as error:
                refusal = f"{shown(member.path)} {error}"
                self.problems.append(refusal)
                self._loaded[id(member)] = File(visible(member.path), b"", path=member.disk, refusal=refusal)
        return self._loaded[id(member)]

    def _read(self, member: SubmittedFile) -> File:
        if kind_of(member.name) != NOTEBOOK:
            return File(visible(member.path), self._utf8(member, member.whole(MAX_SOURCE)), path=member.disk)
        from grader.submissions import notebooks

        data = member.whole(MAX_NOTEBOOK)
        self._notebooks += len(data)
        if self._notebooks > 2 * MAX_NOTEBOOK:
            raise Unreadable(f"was not read: {2 * MAX_NOTEBOOK:,} bytes of notebooks were read before it")
        text, problems = notebooks.read(data)
        if not text:
            raise Unreadable(f"cannot be read: {problems[-1]}")
        self.problems += [f"{shown(member.path)}: {problem}" for problem in problems]
        if len(text) > MAX_SOURCE:
            raise Unreadable(f"holds more than {MAX_SOURCE:,} bytes of code, which is not read")
        return File(visible(member.path), text, definitions_only=True, path=member.disk)

    def _utf8(self, member: SubmittedFile, data: bytes) -> bytes:
        """UTF-16, which some Windows programs write, as Python can read it. Other bytes stay as they are."""
        if not data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return data
        self.problems.append(f"{shown(member.path)} is saved as UTF-16 and was read as such: save it as UTF-8")
        return data.decode("utf-16", "replace").encode()

    def _name_the_rest(self, members: list[SubmittedFile]) -> None:
        if members:
            names = ", ".join(shown(member.path) for member in members[:5])
            more = f" and {len(members) - 5} more" if len(members) > 5 else ""
            verb = "belongs" if len(members) == 1 else "belong"
            self.problems.append(f"{names}{more} {verb} to no exercise: put exNN in the file's name")
