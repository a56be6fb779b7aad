"""What is counted of a class."""

import pytest

from grader.reports import html as report
from grader.reports import statistics
from grader.reports.changes import changes
from tests.grader.support.documents import (
    CLASS,
    check,
    document,
    exercise,
    mistaken,
    submission,
)


def test_counts_are_of_those_who_wrote_the_exercise():
    first, second = statistics.exercises(document(CLASS))
    assert first.verdicts == {"fail": 2, "pass": 1, "unwritten": 1, "error": 1}
    assert [(one.passed, one.failed) for one in first.checks.values()] == [(4, 0), (1, 2)]
    assert [(one.passed, one.failed) for one in second.checks.values()] == [(4, 0), (3, 1)]
    assert first.unexplained == {}
    assert second.unexplained == {("number 2", ""): ["cat"]}
    assert first.mean == 5.0


def test_the_cases_of_a_check_count_as_one():
    def cases(*verdicts):
        found = [check(i, verdict, message="x" if verdict == "fail" else "") for i, verdict in enumerate(verdicts)]
        for one, size in zip(found, "ab", strict=True):
            one.update(id=f"test_any_size_may_be_one[{size}]", title=f"any size may be one ({size})")
        return exercise("ex01_encoder", "fail" if "fail" in verdicts else "pass", found)

    passing, failing = submission("ann", [cases("pass", "pass")]), submission("bob", [cases("pass", "fail")])
    (count,) = statistics.exercises(document([passing, failing]))
    assert [(one.title, one.passed, one.failed) for one in count.checks.values()] == [("any size may be one", 1, 1)]
    assert count.unexplained == {("any size may be one", ""): ["bob"]}


def test_those_whose_way_parts_alike_are_one_row_whatever_the_line():
    def at(line, code):
        step = {"line": 7, "text": f"{line} gives the first result that the reference does not have: {code}"}
        return [exercise("ex01_encoder", "fail", [check(1, "fail", message="x", step=step)])]

    ann, bob, cat = at("Line 4", "h = x"), at("Cell 3, line 2", "h = x"), at("Line 4", "h = c")
    class_ = [submission("ann", ann), submission("bob", bob), submission("cat", cat)]
    (count,) = statistics.exercises(document(class_))
    said = "One line gives the first result that the reference does not have: "
    assert count.unexplained == {
        ("number 1", said + "h = x"): ["ann", "bob"],
        ("number 1", said + "h = c"): ["cat"],
    }


def test_scores_are_spread_over_bins():
    found = statistics.scores(document(CLASS))
    assert (found.number, found.without, found.full, found.median) == (5, 1, 1, 10.0)
    assert sum(found.counts) == 4
    assert found.counts[-1] == 1
    assert statistics.scores(document([])).counts == []


def test_a_mistake_in_several_checks_counts_its_maker_once():
    two = exercise("ex01_encoder", "fail", [check(i, "fail", message="Why.", mistake="m") for i in (1, 2)])
    (found,) = statistics.mistakes(document([submission("ann", [two]), submission("bob", [two])]))
    assert found.who == ["ann", "bob"]
    assert found.sentence == "Why."


def test_two_mistakes_at_once_are_two_of_the_class():
    message = "You get what you would get if these two were so at once:\n- One.\n- Two.\nf(x): 1 of 2 values differ"
    both = exercise("ex01_encoder", "fail", [check(1, "fail", message=message, mistake="one")])
    class_ = [submission("ann", [both]), submission("bob", [mistaken(sentence="Two.", mistake="two")])]
    found = [(one.name, one.sentence, one.who) for one in statistics.mistakes(document(class_))]
    assert found == [("two", "Two.", ["ann", "bob"]), ("one", "One.", ["ann"])]
    found = [(one.name, one.sentence, one.who) for one in statistics.mistakes(document(class_[:1]))]
    assert found == [("", "Two.", ["ann"]), ("one", "One.", ["ann"])]


def test_the_same_run_changes_nothing():
    found = changes(document(CLASS), document(CLASS))
    assert (found.scores, found.reasons, found.conditions) == (0, [], [])


ABSENT = {"device": "cuda", "message": "no cuda here"}


def test_an_absent_device_is_no_failure_and_no_change():
    lost = [check(i, "fail", message="Python cannot read it") for i in (1, 2)]
    skips = [check(i, "skip", **ABSENT) for i in (1, 2)]
    now = document([submission("ann", [exercise("ex01_encoder", "fail", [*lost, *skips])])])
    before = document([submission("ann", [exercise("ex01_encoder", "fail", lost)])])
    (count,) = statistics.exercises(now)
    assert [(one.device, one.passed, one.failed) for one in count.checks.values()] == [("cpu", 0, 1), ("cpu", 0, 1)]
    assert not count.several_devices
    assert count.unloaded == {"an error of syntax: Python cannot read it": ["ann"]}
    assert statistics.shared_message(now["submissions"][0]["exercises"][0]) == "Python cannot read it"
    assert statistics.not_run([*lost, *skips]) == ["2 checks not run on cuda: no cuda here"]
    assert changes(now, before).changed == []


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("Python cannot read ex06.py:\n  x", "an error of syntax: Python cannot read it"),
        ("Python 3.11 cannot read ex06.py:\n  x", "an error of syntax: Python cannot read it"),
        ("while ex06.py was loaded: no result after 5 seconds: an endless loop?", "loading it does not end"),
        ("the file takes too long to load", "loading it does not end"),
        ("while ex06.py was loaded: the process ended", "its process ended while it was loaded"),
        ("the file ends its process while it is loaded", "its process ended while it was loaded"),
        (
            "x.py could not be loaded at line 3: ImportError: einops is not installed where this code is checked; of",
            "it needs einops, which is not installed here",
        ),
        ("ex06.py could not be loaded at line 9: NameError: name 'x'", "it raises NameError while it is loaded"),
        ("ex06.py could not be loaded at cell 7, line 2: KeyError: 1", "it raises KeyError while it is loaded"),
        ("ex06.py is UTF-16 text, which Python cannot read; save it as UTF-8", "it is no text in UTF-8, or too large"),
        ("something else", "every check fails alike"),
    ],
)
def test_files_that_could_not_be_loaded_are_told_apart(message, why):
    lost = [check(i, "fail", message=message) for i in (1, 2)]
    now = document([submission(name, [exercise("ex01_encoder", "fail", lost)]) for name in ("ann", "bob")])
    (count,) = statistics.exercises(now)
    assert (count.unloaded, count.unexplained) == ({why: ["ann", "bob"]}, {})
    assert f"{why} <span" in report.class_page(now)
