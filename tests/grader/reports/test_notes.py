"""What stands on a page beside the results: the assignment, when and what was handed in, an instructor's notes."""

import re

import pytest

from grader.errors import UsageError
from grader.reports import html, notes
from grader.reports.gradebook import Person
from tests.grader.support.documents import check, document, exercise, mistaken, right, submission

CLASS = document([submission("ada", [right()]), submission("bob", [mistaken()])])


def mistake():
    (name,) = {check["mistake"] for check in mistaken()["checks"] if check["mistake"]}
    return name


def pages(tmp_path, about):
    html.write(tmp_path, CLASS, about=about)
    return [(tmp_path / "students" / f"{name}.html").read_text() for name in ("ada", "bob")]


def test_a_note_is_on_the_page_of_everybody_who_made_the_mistake_and_on_no_other(tmp_path):
    (tmp_path / notes.NAME).write_text(f'{mistaken()["id"]}.{mistake()} = "Slide 14 <b>"')
    ada, bob = pages(tmp_path, html.About(notes=notes.read(tmp_path)))
    assert "Slide 14 &lt;b&gt;" in bob
    assert "Slide 14" not in ada


@pytest.mark.parametrize("text", ["a.b = 1", "a = 'x'", "a.b ="])
def test_a_file_that_holds_no_notes_is_refused(tmp_path, text):
    (tmp_path / notes.NAME).write_text(text)
    with pytest.raises(UsageError, match=r"notes\.toml"):
        notes.read(tmp_path)
    assert notes.read(tmp_path / "nowhere") == {}


def test_a_page_says_of_what_it_is_and_which_file_counted(tmp_path):
    person = Person(handed_in="2026-10-05T23:59:00+09:00", late=True, files={mistaken()["id"]: "src/mine.py"})
    about = html.About("Sequence models, hw3", "2026-10-06", {"bob": person}, alike=["ada, bob: ex01 is the same file"])
    ada, bob = pages(tmp_path, about)
    assert "Sequence models, hw3, graded on 2026-10-06" in ada
    assert "2026-10-05 23:59:00+09:00" in bob
    assert "; late" in bob
    assert "what counts: <bdi>src/mine.py</bdi>" in bob
    assert "; late" not in ada
    report = (tmp_path / "report.html").read_text()
    assert "<h1>Sequence models, hw3</h1>" in report
    assert "ada, bob: ex01 is the same file" in report


def test_packages_that_the_class_lacked_are_listed_once(tmp_path):
    from grader.source.absent import sentence

    message = f"ModuleNotFoundError: {sentence('einops')}"
    checks = [check(i, "fail", message=message) for i in (1, 2)]
    lacking = [exercise(slug, "fail", checks) for slug in ("ex01_a", "ex02_b")]
    html.write(tmp_path, document([submission("ada", lacking), submission("bob", lacking[:1])]))
    (listed,) = re.findall(r'<span class="code">einops</span>: (.*?)</li>', (tmp_path / "report.html").read_text())
    assert re.findall(r"<bdi>(\w+)</bdi>", listed) == ["ada", "bob"]
