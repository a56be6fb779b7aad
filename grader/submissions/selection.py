"""Of the files that somebody handed in, the one that counts for each exercise. The rest is named, never dropped.

Of several the first counts that is no untouched stub, then the one with the exact name, then the one that defines
all that the exercise asks for, then what its name says, then the shallowest, then the newest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from grader.kit.discovery import NUMBERED, Exercise
from grader.kit.stub import stub_of
from grader.limits import MAX_SOURCE
from grader.source.definitions import defined_names
from grader.source.file import File
from grader.submissions.bounds import MAX_NOTEBOOK, MAX_UNNAMED, DiskError, Unreadable
from grader.submissions.files import NOTEBOOK, PYTHON, SubmittedFile, kind_of
from grader.text import listed, shown, visible

NUMBER = re.compile(r"(?<![^\W\d_])ex(\d\d)(?!\d)", re.IGNORECASE)
LOOSE_NUMBER = re.compile(r"ex(\d\d)(?!\d)", re.IGNORECASE)
"""Also the end of Alex06."""
_HEADING = re.compile(rb"(?:\xef\xbb\xbf)?[ \t]{0,8}#[ \t]{0,8}(ex\d\d)_", re.IGNORECASE)
_CELL = re.compile(rb"^# %% .*\n", re.MULTILINE)
"""The line above each cell of a notebook's source."""
_OWN_TEST = re.compile(r"test_.*\.(py|ipynb)", re.IGNORECASE)
_HARMLESS = re.compile(
    r"(readme|license|changelog|notice|contributing)(\.\w{1,4})?|.*requirements.*\.txt|(pyproject|poetry)\.(toml|lock)"
    r"|setup\.(py|cfg)|makefile|environment\.ya?ml|results?\.json|conftest\.py|__init__\.py",
    re.IGNORECASE,
)
"""What comes with a repository and is nobody's exercise: not worth a sentence where exercises are there."""
_TEXT = re.compile(rb'""".{0,20000}?"""', re.DOTALL)
_NOT_OURS = re.compile(rb"^(?:import grader|grader\.(?:start|check)_here\(.*\)|pass)$")
"""What a notebook of the kit holds beside the stub."""


class Matcher:
    """Tells which exercise a file is: by `exNN` in its name, by a first line `# exNN_topic`, by what it defines.

    Args:
        exercises: all that there are.
    """

    def __init__(self, exercises: Sequence[Exercise]) -> None:
        self._slugs = {exercise.slug[:4]: exercise.slug for exercise in exercises}
        self._exercises = exercises
        self._owners: dict[str, str] | None = None
        self._stubs: dict[str, frozenset[bytes]] = {}

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

    def is_whole(self, slug: str, text: bytes) -> bool:
        """Whether all the names that an exercise asks for are defined."""
        return {name for name, owner in self._owner.items() if owner == slug} <= {*defined_names(text)}

    def is_stub(self, slug: str, text: bytes) -> bool:
        """Whether nothing was written: every line stands in the stub, too."""
        lines = own_lines(text)
        return bool(lines) and lines <= self._stub(slug)

    def rank(self, slug: str, file: File, attempt: str) -> tuple[bool, str, bool, bool]:
        """How well a file stands for an exercise among several things that one person handed in: the highest counts."""
        exact = file.name.rpartition("/")[2].lower() in (slug + PYTHON, slug + NOTEBOOK)
        return not self.is_stub(slug, file.text), attempt, exact, self.is_whole(slug, file.text)

    def _stub(self, slug: str) -> frozenset[bytes]:
        if slug not in self._stubs:
            exercise = next(one for one in self._exercises if one.slug == slug)
            stubs = [path.read_bytes() for path in (exercise.stub,) if path.is_file()]
            if exercise.solution.is_file():
                stubs = [stub_of(exercise.solution.read_text(encoding="utf-8")).encode()]
            self._stubs[slug] = frozenset[bytes]().union(*map(own_lines, stubs))
        return self._stubs[slug]

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


def own_lines(text: bytes) -> frozenset[bytes]:
    """The lines of a file that are no comment and no docstring, wherever they stand."""
    lines = {line.strip() for line in _TEXT.sub(b"", text).splitlines()}
    return frozenset(line for line in lines if line and not line.startswith(b"#") and not _NOT_OURS.match(line))


MAX_COPIES = 50
"""Files of one exercise that are read."""
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
    def is_exact(self) -> bool:
        """Whether it is called exactly like the exercise."""
        return self.member.name.lower() in (self.slug + PYTHON, self.slug + NOTEBOOK)


def _is_lesson(member: SubmittedFile) -> bool:
    """The kit's lessons and questions lie beside the exercises, and their pictures in a folder there."""
    picture = member.folder.endswith(("pictures/", "figures/")) and member.name.endswith((".svg", ".txt"))
    return (picture or member.name.endswith(".md")) and NUMBERED.match(member.name) is not None


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
            self._choose(slug, [one for one in found if one.slug == slug])
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
        if kind not in (PYTHON, NOTEBOOK) or _OWN_TEST.fullmatch(member.name):
            return []
        named = self._matcher.by_name(member.name)
        if named:
            return [Candidate(slug, member, BY_NAME) for slug in named]
        self._unnamed += max(min(member.size, MAX_SOURCE), MAX_UNNAMED >> 8)
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
        if len(candidates) > 1:
            candidates.sort(key=lambda one: (not one.is_exact, one.member.depth, -one.member.modified, one.member.path))
            candidates[:MAX_COPIES] = sorted(candidates[:MAX_COPIES], key=self._order)
        best, *others = candidates
        if others:
            names = ", ".join(shown(other.member.path) for other in others[:3])
            names += f" and {len(others) - 3} more" if len(others) > 3 else ""
            untouched = self._matcher.is_stub(slug, self._load(others[0].member).text)
            why = " (it is the untouched stub)" if untouched and len(others) == 1 else ""
            self.problems.append(
                f"{slug} is there {len(candidates)} times: {shown(best.member.path)} counts, not {names}{why}"
            )
        # one that this disk does not give away may be the one that counts
        loaded = [self._load(candidate.member) for candidate in candidates[:MAX_COPIES]]
        self.files[slug] = next((file for file in loaded if file.unreadable), loaded[0])

    def _order(self, one: Candidate) -> tuple[object, ...]:
        """The first counts."""
        text, member = self._load(one.member).text, one.member
        untouched, whole = self._matcher.is_stub(one.slug, text), self._matcher.is_whole(one.slug, text)
        python_first = kind_of(member.name) != PYTHON
        return (
            untouched,
            not one.is_exact,
            not whole,
            one.reason,
            member.depth,
            -member.modified,
            python_first,
            member.path,
        )

    def _load(self, member: SubmittedFile) -> File:
        """A member as Python source; one that can't be read says so in `refusal`."""
        if id(member) not in self._loaded:
            try:
                self._loaded[id(member)] = self._read(member)
            except Unreadable as error:
                refusal = f"{shown(member.path)} {error}"
                self.problems.append(refusal)
                unreadable = refusal if isinstance(error, DiskError) else ""
                self._loaded[id(member)] = File(
                    visible(member.path), b"", path=member.disk, refusal=refusal, unreadable=unreadable
                )
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
        """What is no exercise: each kind gets the sentence that helps."""
        if self.files:
            members = [member for member in members if not _HARMLESS.fullmatch(member.name)]
        tests = [member for member in members if _OWN_TEST.fullmatch(member.name)]
        if tests:
            self.problems.append(f"{_paths(tests)}: a name that begins with test_ is a test, and no exercise")
        members = [member for member in members if member not in tests]
        numbered = [
            one for one in members if kind_of(one.name) not in (PYTHON, NOTEBOOK) and self._matcher.by_name(one.name)
        ]
        for member in numbered:
            (slug, *_) = self._matcher.by_name(member.name)
            self.problems.append(
                f"{shown(member.path)} is no Python file and was not read: hand in {slug}.py or .ipynb"
            )
        members = [member for member in members if member not in numbered]
        if members:
            verb = "belongs" if len(members) == 1 else "belong"
            self.problems.append(f"{_paths(members)} {verb} to no exercise: put exNN in the file's name")


def _paths(members: Sequence[SubmittedFile]) -> str:
    return listed([shown(member.path) for member in members])
