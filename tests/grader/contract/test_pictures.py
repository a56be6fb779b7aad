"""The pictures of the lessons: drawn by code, as they lie in the repository, and read by everybody."""

import re
from xml.etree import ElementTree

import pytest

from grader.dev.pictures import gallery
from grader.dev.pictures.drawing import STYLE
from grader.kit.discovery import COURSE, Kit
from grader.kit.lesson import Picture, parts

FOLDER = COURSE / "exercises" / "pictures"
FILES = gallery.files()
OURS = 12
"""The exercises of the kit itself; a lesson that a course adds may do without a picture."""
PAPERS = {"light": "#fbfaf7", "dark": "#16191d"}


def pictures(exercise):
    """Those that are drawn: the figures of labs have tests of their own."""
    return [part for part in parts(exercise) if isinstance(part, Picture) and part.is_drawn]


def test_every_picture_is_as_the_code_draws_it():
    """After a change: `python -m grader.dev.pictures`."""
    lie_there = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.iterdir()}
    assert lie_there.keys() == FILES.keys()
    for name, text in FILES.items():
        assert lie_there[name] == text, name


@pytest.mark.parametrize("exercise", Kit().exercises, ids=lambda exercise: exercise.slug)
def test_a_lesson_shows_its_pictures_and_says_what_is_on_them(exercise):
    shown = pictures(exercise)
    assert shown or exercise.number > OURS
    mine = {name for name in FILES if name.startswith(exercise.slug[:5]) and name.endswith(".svg")}
    assert {part.svg.name for part in shown} == mine
    for part in shown:
        assert len(part.alternative.split()) >= 10
        assert not set(part.alternative) & set("[]`*")
        assert max(map(len, part.text.splitlines())) <= 76
        assert part.text.isascii()


@pytest.mark.parametrize("name", sorted(name for name in FILES if name.endswith(".svg")))
def test_a_picture_is_alone_and_inside_its_frame(name):
    text = FILES[name]
    tree = ElementTree.fromstring(text)
    width, height = int(tree.get("width")), int(tree.get("height"))
    assert width == 640, "wide enough to read, narrow enough for a page"
    assert not re.search(r"<script|href|url\(|@import|\son\w+=", text)
    for element in tree.iter():
        for key, limit in (("x", width), ("y", height), ("cx", width), ("cy", height)):
            assert 0 <= float(element.get(key, 0)) <= limit
        kind = element.get("class")
        assert kind is None or f".{kind}{{" in STYLE


def luminance(colour):
    colour = colour.removeprefix("#")
    colour = "".join(2 * digit for digit in colour) if len(colour) == 3 else colour
    parts = (int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", PAPERS)
def test_words_can_be_read_on_light_and_on_dark_paper(scheme):
    """Contrast of at least 4.5, as WCAG 2.1 wants it of small text."""
    light, _, dark = STYLE.partition("@media (prefers-color-scheme:dark)")
    colours = dict(re.findall(r"\.pic-(paper|ink|quiet|one|two)\{fill:(#\w+)\}", light if scheme == "light" else dark))
    assert colours.pop("paper") == PAPERS[scheme]
    assert colours.keys() == {"ink", "quiet", "one", "two"}
    for colour in colours.values():
        high, low = sorted((luminance(colour), luminance(PAPERS[scheme])), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5
