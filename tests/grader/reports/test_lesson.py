"""Lessons as they are read: no formula is damaged on its way, and what stands in a lesson is shown as text."""

import re
from xml.etree import ElementTree

import pytest

from grader.errors import KitError
from grader.kit.discovery import Exercise, Kit
from grader.kit.lesson import Formula, Picture, Prose, parts
from grader.reports import lesson
from grader.reports.terminal import Screen

each_lesson = pytest.mark.parametrize("exercise", Kit().exercises, ids=lambda exercise: exercise.slug)
CODE = re.compile(r"^(?:> ?)?```.*?^(?:> ?)?```|`[^`]*`", re.MULTILINE | re.DOTALL)


def formulas(exercise):
    return [part for part in parts(exercise) if isinstance(part, Formula)]


def shown(exercise, capsys, width):
    screen = Screen()
    screen.console.width = width
    lesson.show(screen, exercise)
    return capsys.readouterr().out


@each_lesson
def test_a_terminal_shows_every_formula_in_the_authors_words(exercise, capsys):
    text = [line.strip() for line in shown(exercise, capsys, 80).splitlines()]
    for formula in formulas(exercise):
        for line in formula.plain.splitlines():
            assert line.strip() in text
            assert not re.search(r"[\\{}]", line), "a plain twin is read as it stands"
    assert not [line for line in text if re.search(r"\\[a-z,;!]|\$\$|<!--", line)]


@each_lesson
def test_no_formula_reaches_a_renderer_of_markdown(exercise):
    for part in parts(exercise):
        if isinstance(part, Prose):
            prose = CODE.sub("", part.text)
            assert "$" not in prose
            assert not re.search(r"\\[A-Za-z]", prose)


@each_lesson
def test_a_page_shows_every_formula_in_mathml(exercise):
    page = lesson.as_html(exercise)
    made = re.findall(r"<math .*?</math>", page, flags=re.DOTALL)
    assert len(made) == len(formulas(exercise))
    for text in made:
        tree = ElementTree.fromstring(text)
        assert tree.get("display") == "block"
        assert "\\" not in "".join(tree.itertext()), "a command that the library does not know"


@each_lesson
def test_no_line_of_code_is_wrapped(exercise, capsys):
    text = exercise.lesson.read_text(encoding="utf-8")
    seen = {line.strip(" \u258c") for line in shown(exercise, capsys, 80).splitlines()}
    for block in re.findall(r"^(?:> )?```python\n(.*?)^(?:> )?```", text, flags=re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            assert line.removeprefix("> ").strip(" >") in {one.strip(" >") for one in seen}


@each_lesson
def test_nothing_is_wider_than_a_terminal(exercise, capsys):
    assert max(map(len, shown(exercise, capsys, 80).splitlines())) <= 80


@each_lesson
def test_every_address_is_a_link_of_its_own(exercise):
    page = lesson.as_html(exercise)
    written = re.findall(r"https?://[^\s)>\"]*[\w/]", exercise.lesson.read_text(encoding="utf-8"))
    assert re.findall(r'href="([^"]*)"', page) == [address.replace("&", "&amp;") for address in written]


def written(tmp_path, text):
    (tmp_path / "exercises").mkdir(exist_ok=True)
    (tmp_path / "exercises" / "ex01_topic.md").write_text(text, encoding="utf-8")
    return Exercise("ex01_topic", tmp_path)


def test_a_formula_without_a_twin_is_refused(tmp_path):
    with pytest.raises(KitError, match="without `<!-- plain"):
        parts(written(tmp_path, "# Title\n\n$$\nx\n$$\n\nwords\n"))


def test_a_twin_belongs_to_the_formula_before_it(tmp_path):
    exercise = written(tmp_path, "a\n\n$$\n\\alpha\n$$\n\n<!-- plain\nalpha\n-->\n\n$$\nb\n$$\n\n<!-- plain\nb\n-->\n")
    assert parts(exercise) == [Prose("a\n\n"), Formula("\\alpha", "alpha"), Formula("b", "b")]


def test_tags_and_scripts_in_a_lesson_stay_text(tmp_path):
    folder = tmp_path / "exercises" / "pictures"
    folder.mkdir(parents=True)
    (folder / "one.svg").write_text('<svg xmlns="x"/>', encoding="utf-8")
    exercise = written(tmp_path, '<script>alert(1)</script>\n\n![a "b" <i>](pictures/one.svg)\n\n[x](javascript:a)\n')
    page = lesson.as_html(exercise)
    assert "<script" not in page
    assert "<i>" not in page
    assert "javascript:a" not in re.findall(r'href="([^"]*)"', page)
    assert [part.alternative for part in parts(exercise) if isinstance(part, Picture)] == ['a "b" <i>']
