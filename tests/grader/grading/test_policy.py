"""course.toml: read with the line of whatever is wrong, and applied with a reason for every change."""

import json
from datetime import datetime, timezone

import pytest

from grader.errors import UsageError
from grader.grading import course as courses
from grader.grading import policy, roster
from grader.reports.gradebook import Person
from grader.submissions.people import Member
from tests.grader.support.documents import broken, document, mistaken, right, submission
from tests.grader.support.kits import copy_kit, run

COURSE = """\
[course]
name = "Sequence models"

[[assignment]]
name = "hw3"
exercises = [6]
points = 20
due = 2026-10-12T23:59:00+09:00
seed = 4127

[late]
grace_minutes = 15
per_day = 0.1
cap = 0.25

[feedback]
before = "hidden"

[aliases]
gh-ada = "2026-01"

[[mark]]
assignment = "hw3"
student = "2026-03"
mark = 18
reason = "an oral exam"
"""


MARK = """\
[[mark]]
assignment = "hw3"
student = "2026-03"
mark = 3
reason = "another"
"""


def course(tmp_path, text=COURSE):
    (tmp_path / "course.toml").write_text(text)
    return courses.read(tmp_path / "course.toml")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("per_day = 0.1", "per_day = 10", "line 13: per_day is 10: write a share from 0 to 1"),
        ("per_day = 0.1", 'per_day = "a lot"', "line 13: per_day must be a number"),
        ("points = 20", "points = 0", "line 7: points must be more than 0"),
        ("points = 20", "points = true", "line 7: points must be a number"),
        ("+09:00", "", "line 8: due has no time zone"),
        ("due = 2026-10-12T23:59:00+09:00", 'due = "Monday"', "line 8: due must be a date with a time"),
        (
            "exercises = [6]",
            "exercise = [6]",
            "line 6: there is no 'exercise' in assignment; there are name",
        ),
        ('before = "hidden"', 'before = "none"', "line 17: before is 'none': write full or hidden"),
        ("[[mark]]\nassignment", "[[mark]]\nof", "line 23: there is no 'of' in mark"),
        ('student = "2026-03"\n', "", "line 22: this mark has no 'student'"),
        ('assignment = "hw3"', 'assignment = "hw4"', "line 23: there is no assignment 'hw4'"),
        ("[[assignment]]", "[assignment]", "line 4: write .*two brackets"),
        ("[late]", "[lat]", "line 11: there is no 'lat'; there are course, assignment, late"),
        ("points = 20", "points = = 20", "at line 7"),
        ('gh-ada = "2026-01"', "gh-ada = true", "line 20: gh-ada must be a student number or a login"),
        ("grace_minutes = 15", "grace_minutes = -5", "line 12: grace_minutes is -5: write 0 or more"),
        (
            "[late]\ngrace_minutes = 15\nper_day = 0.1",
            "[late.per_day]\nx = 1\n[late]",
            "line 11: per_day must be a number",
        ),
        ("cap = 0.25", "cap = nan", "line 14: cap must be a number, not nan"),
        ("exercises = [6]", "exercises = [6, 60]", "line 6: .*60"),
        ("[late]\n", "[attempts]\nmost = 0\n[late]\n", "line 12: most is 0: write 1 or more"),
        ("[late]\n", '[attempts]\ncounts = "all"\n[late]\n', "line 12: counts is 'all': write latest or best"),
        ("[course]\n", "attempts.most = -1\n[course]\n", "line 1: most is -1"),
        ('[course]\nname = "Sequence models"', "course = 3", "line 1: course is a table"),
        ("[late]\n", '[[assignment]]\nname = "HW3"\n[late]\n', "line 12: this assignment is there twice: hw3"),
        ("[aliases]", MARK + "[aliases]", "line 28: this mark is there twice: hw3, 2026-03"),
    ],
)
def test_whatever_is_wrong_is_named_by_its_line(tmp_path, old, new, sentence):
    assert old in COURSE
    with pytest.raises(UsageError, match=sentence):
        course(tmp_path, COURSE.replace(old, new))


CLASS = document(
    [
        submission("gh-ada", [right()]),
        submission("bob", [mistaken()]),
        submission("cleo", [right()]),
        submission("dan", [right()]),
        submission("eve", [broken()]),
        submission("fay", [right()]),
    ]
)
PEOPLE = {
    "gh-ada": Person(handed_in="2026-10-12T14:00:00+00:00"),
    "bob": Person((Member(login="bob"),), handed_in="2026-10-14T01:00:00+09:00"),
    "cleo": Person((Member(number="2026-03"),), handed_in="2026-10-30T01:00:00+09:00"),
    "dan": Person(handed_in="2026-10-30T01:00:00+09:00"),
    "eve": Person(handed_in="2026-10-30T01:00:00+09:00"),
    "fay": Person(late=True),
}


def test_scores_become_marks_with_a_reason_for_whatever_is_not_the_score(tmp_path):
    found = course(tmp_path)
    made = policy.marked(CLASS, PEOPLE, found, found.assignment("hw3"))
    marks = {one["id"]: (one["score"], one["max_score"], one["reasons"]) for one in made["submissions"]}
    half = CLASS["submissions"][1]["score"] / CLASS["submissions"][1]["max_score"]
    assert marks["gh-ada"] == (20, 20, [])
    assert marks["bob"] == (round(20 * half * 0.8, 2), 20, ["2 days late: 20 % less"])
    assert marks["cleo"] == (18, 20, ["set by hand: an oral exam"])
    assert marks["dan"] == (15, 20, ["18 days late: 25 % less"])
    assert marks["eve"] == (None, 20, [])
    assert marks["fay"][0] == 20
    assert "how late is not known" in marks["fay"][2][0]
    assert CLASS["submissions"][0]["score"] == 10, "the document itself stays"


def test_grace_is_not_late(tmp_path):
    found = course(tmp_path)
    for at, lost in (("2026-10-13T00:14:00+09:00", False), ("2026-10-13T00:14:01", True)):
        made = policy.marked(CLASS, {"dan": Person(handed_in=at)}, found, found.assignment("hw3"))
        assert bool(made["submissions"][3]["reasons"]) == lost


def test_an_alias_is_a_student_number():
    people = policy.aliased({"gh-ada": Person(), "bob": Person()}, {"gh-ada": "2026-01"})
    assert people["gh-ada"].members[0].number == "2026-01"
    assert people["bob"].members == ()


def test_a_roster_says_who_handed_in_nothing_and_who_is_who_on_github(tmp_path):
    (tmp_path / "roster.csv").write_text(
        "Name,Number,Login,GitHub\nAda L,2026-01,ada,gh-ada\nBob B,2026-02,bob,\nCleo C,2026-03,cleo,gh-cleo\n",
        "utf-8-sig",
    )
    found = course(tmp_path, COURSE.replace('models"', 'models"\nroster = "roster.csv"').replace("gh-ada =", "gh-x ="))
    people = policy.aliased({"gh-ada": Person(), "bob": Person()}, found.aliases)
    assert people["gh-ada"].members[0].number == "2026-01"
    assert roster.absentees(["gh-ada", "bob"], people, found.roster) == ["Cleo C"]
    for text in ("who\nada\n", ""):
        (tmp_path / "roster.csv").write_text(text)
        with pytest.raises(UsageError, match=r"line 3: roster\.csv has none of the columns number, login, email"):
            course(tmp_path, COURSE.replace('models"', 'models"\nroster = "roster.csv"'))
    (tmp_path / "roster.csv").write_text("name,number\nAda,1\n\nBob,\n")
    with pytest.raises(UsageError, match=r"roster\.csv has nobody in line 3: each needs one of number, login"):
        course(tmp_path, COURSE.replace('models"', 'models"\nroster = "roster.csv"'))
    with pytest.raises(UsageError, match=r"line 3: gone\.csv, the roster, cannot be read"):
        course(tmp_path, COURSE.replace('models"', 'models"\nroster = "gone.csv"'))


PAIRS = """\
name,number,login,group,github
Ada L,2026-01,ada,pair 1,
Bob B,2026-02,bob,pair 1,
Cleo C,2026-03,cleo,pair 2,gh-cleo
Dan D,2026-04,dan,pair 2,
Eve E,2026-05,eve,pair 3,
Fay F,2026-06,fay,,
"""


def test_a_partner_has_the_mark_of_what_the_other_handed_in():
    enrolled = roster.read(PAIRS)
    ids = ["ada", "gh-cleo", "dan"]
    people, said = roster.with_partners(ids, {"dan": Person(handed_in="2026-10-12")}, enrolled)
    assert [one.number for one in people["ada"].members] == ["2026-01", "2026-02"]
    assert "gh-cleo" not in people, "both of pair 2 handed in: each stands alone"
    assert said == ["group pair 2 handed in 2 times, and each counts alone: gh-cleo, dan"]
    assert roster.absentees(ids, people, enrolled) == ["Eve E", "Fay F"]
    known, _ = roster.with_partners(["x"], {"x": Person((Member("Bob B", canvas="17"),))}, enrolled)
    assert [(one.name, one.canvas) for one in known["x"].members] == [("Bob B", "17"), ("Ada L", "")]


def test_a_mark_for_nobody_is_said(tmp_path):
    found = course(tmp_path, COURSE.replace('student = "2026-03"', 'student = "2026-30"'))
    assert policy.nobodys(CLASS, PEOPLE, found, found.assignment("hw3")) == [
        "the mark of 18 that course.toml sets for 2026-30 is for nobody who handed in"
    ]
    assert policy.nobodys(CLASS, PEOPLE, course(tmp_path), found.assignment("hw3")) == []


def marks(score, reasons=(), submission="a", share=1.0):
    one = {"id": "ada", "score": score, "max_score": 20, "reasons": list(reasons), "share": share}
    return {"submissions": [{**one, "submission": submission, "earned": score}]}


def test_every_mark_keeps_its_history(tmp_path):
    def now():
        return datetime(2026, 10, 13, tzinfo=timezone.utc)

    def keep(*one):
        return policy.keep_history(tmp_path, marks(*one), policy.history_of(tmp_path), now)

    assert [keep(*one) for one in ((15,), (15,), (18, ["by hand"]), (18, ["by hand"], "b"))] == [0, 0, 1, 0]
    history = json.loads((tmp_path / policy.MARKS).read_text())["ada"]
    assert [(one["mark"], one["submission"]) for one in history] == [(15, "a"), (18, "a"), (18, "b")]
    assert history[1] == {
        **{"when": "2026-10-13T00:00:00+00:00", "mark": 18, "of": 20, "reasons": ["by hand"]},
        **{"submission": "a", "earned": 18},
    }


@pytest.mark.parametrize(
    ("most", "counts", "handed_in", "wanted"),
    [
        (0, "latest", "a15 b9", (9, [])),
        (0, "best", "a15 b9 c12", (15, ["attempt 1 of 3 counts: it is the best"])),
        (0, "best", "a15 b18", (18, [])),
        (0, "best", "a15 a9", (9, [])),  # the same submission, graded anew
        (2, "latest", "a15 b9 c20", (9, ["attempt 2 of 3 counts: no more than 2 do"])),
        (2, "best", "a15 b9 c20", (15, ["attempt 1 of 3 counts: no more than 2 do"])),
        (2, "latest", "a15 b9 a15", (15, [])),
    ],
)
def test_the_attempts_that_count_make_the_mark(tmp_path, most, counts, handed_in, wanted):
    for word in handed_in.split():
        history = policy.history_of(tmp_path)
        made = policy.counted(marks(int(word[1:])), history, {"ada": word[0]}, courses.Attempts(most, counts))
        policy.keep_history(tmp_path, made, history)
    (one,) = made["submissions"]
    assert (one["score"], one["reasons"]) == wanted


def test_a_mark_by_hand_and_one_that_failed_are_no_matter_of_attempts(tmp_path):
    policy.keep_history(tmp_path, marks(15), {})
    history, best = policy.history_of(tmp_path), courses.Attempts(1, "best")
    for now in (marks(3, ["set by hand: x"], share=None), marks(None)):
        (one,) = policy.counted(now, history, {"ada": "b"}, best)["submissions"]
        assert (one["score"], one["reasons"]) == (now["submissions"][0]["score"], now["submissions"][0]["reasons"])


def test_feedback_changes_when_it_is_due(tmp_path):
    found = course(tmp_path)
    assignment = found.assignment("HW3")
    assert found.feedback(assignment, datetime(2026, 10, 12, 14, tzinfo=timezone.utc)) == "hidden"
    assert found.feedback(assignment, datetime(2026, 10, 12, 15, tzinfo=timezone.utc)) == "full"
    with pytest.raises(UsageError, match="no assignment 'hw4', only hw3"):
        found.assignment("hw4")


def test_a_class_is_graded_by_it(tmp_path):
    kit = copy_kit(tmp_path / "kit", only={5, 6})
    for name in ("ada", "2026-03"):
        (kit / "hw3" / name).mkdir(parents=True)
    slug = "ex06_self_attention.py"
    (kit / "hw3" / "ada" / slug).write_bytes((kit / "solutions" / slug).read_bytes())
    (kit / "course.toml").write_text(COURSE)
    result = run(kit, "grade", "hw3", "--out", "out", "--course", "course.toml", "--device", "cpu", "--jobs", 1)
    assert result.returncode == 0, result.stderr
    assert "20 of 20" in result.stdout
    assert "18 of 20  set by hand: an oral exam" in result.stdout
    found = json.loads((kit / "out" / "results.json").read_text())
    assert (found["run"]["seed"], [one["score"] for one in found["submissions"]]) == (4127, [0, 10])
    assert '"feedback": "full"' in (kit / "out" / "run.json").read_text()
    assert "2026-03,2026-03,18,20,0,,set by hand" in (kit / "out" / "gradebook.csv").read_text("utf-8-sig").replace(
        "2026-03 holds no file: nothing was handed in", ""
    )
