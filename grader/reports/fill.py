"""Fills a gradebook exported from Canvas, or a grading worksheet of Moodle, and leaves all else in it as it is.

The platform finds students and columns by what it wrote there itself: its own ids, in its own language.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from grader.errors import UsageError
from grader.reports.gradebook import Person
from grader.reports.sheet import Sheet
from grader.results.verdicts import MISSING, PASS, SKIP, UNWRITTEN
from grader.submissions.people import Member
from grader.text import listed, plain, shown

Document = Mapping[str, Any]
TOTAL = "total"
"""What the whole score is called where columns are named by exercise."""
POINTS_POSSIBLE = "Points Possible"
TEST_STUDENT = "Student, Test"
"""The student that Canvas invents for a teacher who wants to see what students see."""
_OWN_COLUMNS = re.compile(r"\b(Current|Final|Override) (Score|Grade|Points|Status)\b")
"""Sums of Canvas's, which it does not read back."""
_NUMBERED = re.compile(r"(?P<title>.*) \((?P<id>\d+)\)", re.DOTALL)
_PARTICIPANT = re.compile(r"\D+(\d+)")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")

# As Moodle's language packs have them (mod_assign and core_grades): the worksheet's headings are translated.
GRADE = ("grade", "성적", "점수", "bewertung", "note", "calificación", "nota", "评点", "評点", "成绩", "分數", "оценка")
MAXIMUM = ("maximum grade", "최고 성적", "최대 성적", "최고점수", "höchstpunktzahl", "note maximale", "最大評点")
FEEDBACK = (
    "feedback comments",
    "피드백 댓글",
    "피드백 의견",
    "의견 피드백",
    "feedback als kommentar",
    "フィードバックコメント",
)
NO = ("no", "아니오", "아니요", "nein", "non", "いいえ", "否")


@dataclass
class Filled:
    """A file that was filled.

    Args:
        data: its bytes.
        said: what an instructor should know, a sentence each.
        rows: id of a submission -> its rows in the file, for what is handed back to each student.
        is_worksheet: it is a grading worksheet of Moodle.
    """

    data: bytes
    said: list[str] = field(default_factory=list)
    rows: dict[str, list[list[str]]] = field(default_factory=dict)
    is_worksheet: bool = False


@dataclass(frozen=True)
class _Layout:
    """Where things stand in a file.

    Args:
        students: the numbers of the rows that are a student's.
        keys: kind of key -> value -> rows, as `Member` has the kinds.
        name: the column of a student's name.
        places: what is filled -> its column.
        most: what is filled -> row -> the points that can be had there; empty where the file does not say.
        comments: the column of comments.
        locked: rows whose grade can't be changed.
    """

    students: Sequence[int]
    keys: Mapping[str, Mapping[str, Sequence[int]]]
    name: int
    places: Mapping[str, int]
    most: Mapping[str, Mapping[int, float]]
    comments: int | None = None
    locked: Sequence[int] = ()


def fill(
    data: bytes,
    name: str,
    document: Document,
    people: Mapping[str, Person],
    columns: Mapping[str, str],
    assignment: str = "",
) -> Filled:
    """Fills the file of a course. Raises UsageError where it is none of those two, or has no such column.

    Args:
        name: what the file is called.
        columns: `total` or an exercise's slug -> the title or the id of its column; of none, the total's is looked for.
        assignment: what the assignment is called, where its column has to be found by that.
    """
    sheet = Sheet(data, name)
    rows = sheet.rows
    is_gradebook = {"Student", "ID", "Section"} <= {*rows[0]}
    layout = _canvas(rows, name, columns, assignment) if is_gradebook else _moodle(rows, name, columns)
    filled = Filled(b"", is_worksheet=not is_gradebook)
    owners = _owners(layout, document, people, filled.said)
    for one in document["submissions"]:
        mine = owners.get(one["id"], [])
        filled.rows[one["id"]] = [rows[row] for row in mine]
        for row in mine:
            _put(sheet, rows, layout, one, row, filled)
    _say_scales(layout, document, filled)
    silent = [rows[row][layout.name] for row in layout.students if not any(row in mine for mine in owners.values())]
    if silent:
        filled.said.append(f"handed in nothing, and left as they are: {listed([shown(who) for who in silent], 20)}")
    filled.data = sheet.bytes()
    return filled


def _put(sheet: Sheet, rows: Sequence[Sequence[str]], layout: _Layout, one: Document, row: int, filled: Filled) -> None:
    who = shown(rows[row][layout.name])
    if row in layout.locked:
        filled.said.append(f"{who}: the grade is locked there, and was left as it is")
        return
    for what, (score, most) in _scores(one).items():
        column = layout.places.get(what)
        if column is None:
            continue
        if score is None:
            filled.said.append(f"{who}: no score, as the grader failed; left as it is")
        elif rows[row][column].strip().upper() == "EX":
            filled.said.append(f"{who}: excused there, and left so")
        else:
            there = layout.most.get(what, {}).get(row, 0.0)
            sheet.put(row, column, plain(score * there / most if there and most else score))
    if layout.comments is not None and one["score"] is not None:
        sheet.put(row, layout.comments, comment(one))


def _scores(one: Document) -> dict[str, tuple[float | None, float]]:
    """What is filled -> the score and the most that can be had."""
    found: dict[str, tuple[float | None, float]] = {TOTAL: (one["score"], one["max_score"])}
    share = one.get("share", 1.0)
    if share is not None:  # what of a mark set by hand is an exercise's nobody knows
        for exercise in one["exercises"]:
            score = None if exercise["score"] is None else exercise["score"] * share
            found[exercise["id"]] = score, exercise["max_score"]
    return found


def comment(one: Document) -> str:
    """What a student reads beside the grade: points of each exercise, and the first check that did not pass."""
    said = []
    for exercise in one["exercises"]:
        if exercise["verdict"] == MISSING:
            said.append(f"{exercise['id']}: not handed in")
            continue
        failed = [check for check in exercise["checks"] if check["verdict"] not in (PASS, SKIP, UNWRITTEN)]
        first = f" (first: {failed[0]['title']})" if failed else ""
        said.append(f"{exercise['id']}: {plain(exercise['score'] or 0)} of {plain(exercise['max_score'])}{first}")
    return "; ".join([*said, *one.get("reasons", [])])


def _say_scales(layout: _Layout, document: Document, filled: Filled) -> None:
    """Says where a column holds other points than we gave."""
    most = {what: top for one in document["submissions"] for what, (_, top) in _scores(one).items()}
    for what in layout.places:
        there = {*layout.most.get(what, {}).values()}
        if len(there) == 1 and what in most and there != {most[what]}:
            points = plain(there.pop())
            filled.said.append(f"{what}: scores of {plain(most[what])} points were scaled to the {points} of the file")


# ------------------------------------------------------------------------------------------------- whose row


def _owners(layout: _Layout, document: Document, people: Mapping[str, Person], said: list[str]) -> dict[str, list[int]]:
    """Id -> the rows of whoever stands behind it. A row that two submissions would fill is nobody's."""
    found: dict[str, list[int]] = defaultdict(list)
    lost = []
    for one in document["submissions"]:
        for member in people.get(one["id"], Person()).members or (Member(),):
            row = _row_of(layout, one["id"], member)
            if row is None:
                lost.append(member.name or one["id"])
            else:
                found[one["id"]].append(row)
    counts = Counter(row for mine in found.values() for row in {*mine})
    for name, mine in found.items():
        if twice := [row for row in mine if counts[row] > 1]:
            lost.append(name)
            found[name] = [row for row in mine if row not in twice]
    if lost:
        said.append(f"in no row of the file, and not filled in: {listed([shown(who) for who in lost], 20)}")
    return found


def _row_of(layout: _Layout, id: str, member: Member) -> int | None:  # noqa: A002  (the document's own word)
    """The row of a person: by the first of their keys that is in one row alone."""
    known = [(kind, getattr(member, kind)) for kind in ("canvas", "moodle", "number", "email", "login", "name")]
    if replace(member, name="") == Member():  # of whom nothing else is known
        known += [("login", id), ("number", id), ("email", id), ("name", id)]
    for kind, value in known:
        rows = layout.keys.get(kind, {}).get(_key(value), []) if value else []
        if len(rows) == 1:
            return rows[0]
    return None


def _key(text: str) -> str:
    return " ".join(text.split()).casefold()


def _index(pairs: Iterator[tuple[str, str, int]]) -> dict[str, dict[str, list[int]]]:
    """Kind, value and row -> kind -> value -> rows."""
    found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for kind, value, row in pairs:
        rows = found[kind][_key(value)]
        if value.strip() and row not in rows:
            rows.append(row)
    return found


def _names(text: str) -> set[str]:
    """The ways to write a name: Lovelace, Ada; Ada Lovelace."""
    last, comma, first = text.partition(",")
    return {text, f"{first.strip()} {last.strip()}"} if comma else {text}


# ---------------------------------------------------------------------------------------------------- Canvas


def _canvas(rows: list[list[str]], name: str, columns: Mapping[str, str], assignment: str) -> _Layout:
    """Where things stand in what Grades > Export gives: columns up to Section are the student's."""
    head = rows[0]
    points = next((row for row in rows[1:4] if row and POINTS_POSSIBLE in row[0]), [])
    students = [
        i
        for i, row in enumerate(rows[1:], 1)
        if len(row) == len(head) and row[head.index("ID")].strip() and row[head.index("Student")] != TEST_STUDENT
    ]
    wanted = {
        column: title
        for column, title in enumerate(head)
        if column > head.index("Section") and title.strip() and not _OWN_COLUMNS.search(title)
        if not (len(points) > column and "read only" in points[column])
    }
    places = _columns(wanted, name, columns, assignment)
    at = {
        title: head.index(title)
        for title in ("Student", "ID", "SIS User ID", "SIS Login ID", "Integration ID")
        if title in head
    }

    def pairs() -> Iterator[tuple[str, str, int]]:
        for i in students:
            cells: dict[str, str] = {title: rows[i][column] for title, column in at.items()}
            yield "canvas", cells["ID"], i
            for kind, title in (
                *(("number", "SIS User ID"), ("number", "Integration ID"), ("login", "SIS Login ID")),
                *(("email", "SIS Login ID"), ("login", "SIS User ID"), ("number", "SIS Login ID")),
            ):
                yield kind, cells.get(title, ""), i
            for written in _names(cells["Student"]):
                yield "name", written, i

    most = {
        what: {i: _number(points[column]) for i in students} for what, column in places.items() if len(points) > column
    }
    return _Layout(students, _index(pairs()), head.index("Student"), places, most)


def _columns(wanted: Mapping[int, str], name: str, columns: Mapping[str, str], assignment: str) -> dict[str, int]:
    """What is filled -> its column, by the id or the title that was named; one that is not named by its own title."""
    titles = {column: _NUMBERED.fullmatch(title) for column, title in wanted.items()}

    def named(word: str) -> list[int]:
        exact = [i for i, match in titles.items() if word in (wanted[i], match["id"] if match else "")]
        return exact or [i for i, match in titles.items() if match and _key(word) == _key(match["title"])]

    every = listed([shown(title) for title in wanted.values()], 20) or "none that can be filled"
    places = {}
    for what, word in columns.items():
        found = named(word)
        if len(found) != 1:
            raise UsageError(f"{name} has {len(found) or 'no'} column {shown(word)}; its columns are {every}")
        places[what] = found[0]
    if not columns:
        found = named(assignment) or [*wanted]
        if len(found) != 1:
            raise UsageError(f"{name}: say which column with --column TITLE or its number; its columns are {every}")
        places[TOTAL] = found[0]
    return places


def _number(text: str) -> float:
    """A number as people write it, 0 for anything else."""
    return float(text.strip().replace(",", ".")) if _NUMBER.fullmatch(text.strip()) else 0.0


# ---------------------------------------------------------------------------------------------------- Moodle


def _moodle(rows: list[list[str]], name: str, columns: Mapping[str, str]) -> _Layout:
    """Where things stand in a grading worksheet. Its headings are translated: known ones, else the form of a column."""
    head = rows[0]
    students = [i for i, row in enumerate(rows[1:], 1) if len(row) == len(head) and _PARTICIPANT.fullmatch(row[0])]
    if not students or len(students) < len([row for row in rows[1:] if any(row)]):
        raise UsageError(
            f"{name} is neither a gradebook exported from Canvas (columns Student, ID, Section) "
            "nor a grading worksheet of Moodle (a first column of Participant 123)"
        )
    if {*columns} - {TOTAL}:
        raise UsageError(f"{name}: a worksheet of Moodle is one assignment's, and has no columns for exercises")
    most = _named(head, MAXIMUM) or _column_of_maxima(rows, students)
    grade = _named(head, (_key(columns[TOTAL]),)) if columns else _named(head, GRADE)
    if grade is None and most and not columns:
        grade = most - 1
    if grade is None:
        raise UsageError(f"{name}: which column is the grade? Say it with --column TITLE; there are {listed(head, 20)}")

    def pairs() -> Iterator[tuple[str, str, int]]:
        for i in students:
            match = _PARTICIPANT.fullmatch(rows[i][0])
            yield "moodle", match[1] if match else "", i
            for cell in rows[i][1:grade]:
                for kind in ("number", "email", "login"):
                    yield kind, cell, i
                for written in _names(cell):
                    yield "name", written, i

    maxima = {TOTAL: {i: _number(rows[i][most]) for i in students}} if most is not None else {}
    can = most + 1 if most is not None and most + 1 < len(head) else None
    locked = [i for i in students if can is not None and _key(rows[i][can]) in NO]
    return _Layout(students, _index(pairs()), 1, {TOTAL: grade}, maxima, _named(head, FEEDBACK), locked)


def _named(head: Sequence[str], words: Sequence[str]) -> int | None:
    """The only column with one of these headings."""
    found = [i for i, title in enumerate(head) if _key(title) in words]
    return found[0] if len(found) == 1 else None


def _column_of_maxima(rows: Sequence[Sequence[str]], students: Sequence[int]) -> int | None:
    """The column with the same number above 0 in every row: the most that can be had."""
    for column in range(2, len(rows[0])):
        values = {rows[i][column] for i in students}
        if len(values) == 1 and _number(min(values)) > 0:
            return column
    return None
