"""The lessons' figures are what the labs draw on the reference, and a lesson shows the one of its lab."""

import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from grader.dev.shipped import FIGURES, MEASURED, SEEDS, figure_of, measure
from grader.kit.discovery import Kit
from grader.kit.labs import LABS
from grader.labs.catalogue import lab_of
from grader.labs.figures import drawn
from grader.learner.commands import show_lesson

SHOWN = [entry for entry in LABS if entry.after]
CHEAP = [entry for entry in SHOWN if not entry.trains and not entry.shipped]
DEAR = [entry for entry in SHOWN if lab_of(entry).figures]
NUMBER = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")
SVG = "{http://www.w3.org/2000/svg}"


def read(data):
    """The text of a figure, the numbers of its paths, and the matplotlib that drew it."""
    root = ElementTree.fromstring(data)
    texts = ["".join(node.itertext()).strip() for node in root.iter(f"{SVG}text")]
    paths = [[float(number) for number in NUMBER.findall(node.get("d", ""))] for node in root.iter(f"{SVG}path")]
    return texts, paths, re.search(rb"Matplotlib v[\w.]+", data)[0]


def compare(entry, figures):
    """The lesson's figure with the same one drawn now."""
    kept, fresh = (FIGURES / f"{entry.name}.svg").read_bytes(), drawn(figure_of(entry, figures))["svg"]
    (texts, paths, version), (new_texts, new_paths, new_version) = read(kept), read(fresh)
    assert texts == new_texts
    if version == new_version:  # another matplotlib puts things elsewhere
        assert [len(path) for path in paths] == [len(path) for path in new_paths]
        for path, new in zip(paths, new_paths, strict=True):
            assert path == pytest.approx(new, abs=0.5)


@pytest.mark.parametrize("entry", CHEAP, ids=lambda entry: entry.name)
def test_a_figure_is_what_the_lab_draws_on_the_reference(entry, tmp_path):
    compare(entry, measure(entry, tmp_path, SEEDS).figures)


@pytest.mark.parametrize("entry", DEAR, ids=lambda entry: entry.name)
def test_a_figure_is_what_the_lab_draws_from_what_was_measured(entry):
    numbers = json.loads((MEASURED / f"{entry.name}.json").read_text(encoding="utf-8"))
    compare(entry, lab_of(entry).figures(numbers))


def test_every_figure_is_drawn_again():
    assert {file.stem for file in MEASURED.iterdir()} == {entry.name for entry in DEAR}
    assert {*CHEAP, *DEAR} == {*SHOWN}


@pytest.mark.parametrize("entry", SHOWN, ids=lambda entry: entry.name)
def test_a_lesson_shows_the_figure_of_its_lab_with_its_finding_as_text(entry):
    (exercise,) = Kit().find([str(entry.after)])
    lesson = exercise.lesson.read_text(encoding="utf-8")
    assert f"`grader lab {entry.name}`" in lesson
    title = " ".join(read((FIGURES / f"{entry.name}.svg").read_bytes())[0]).replace("\u00a0", " ")
    (alt,) = re.findall(rf"^!\[(.*)\]\(figures/{entry.name}\.svg\)$", lesson, flags=re.MULTILINE)
    assert alt in title


def test_no_figure_is_left_over():
    assert {file.stem for file in FIGURES.iterdir()} == {entry.name for entry in SHOWN}


def test_a_terminal_says_what_a_figure_shows(capsys):
    show_lesson("1")
    said = " ".join(capsys.readouterr().out.split())
    assert "Figure: 20 steps back" in said
    assert "(exercises/figures/memory.svg)" in said
    assert "![" not in said
