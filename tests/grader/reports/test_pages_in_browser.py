"""The pages in a real browser: nothing runs or loads but what we wrote, and people can use them."""

import pytest

from grader.reports import html
from grader.reports.html import page_path
from tests.grader.support import browser
from tests.grader.support.documents import (
    HOSTILE,
    PICTURE,
    SCRIPT,
    document,
    hostile_class,
    mistaken,
    right,
    submission,
)

pytestmark = pytest.mark.skipif(browser.PROGRAM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The hostile class, with two plain people among them, and the run before."""
    out = tmp_path_factory.mktemp("pages")
    found = hostile_class()
    found["submissions"] += [
        submission("zoe", [right(), right("ex02_other")]),
        submission("adam", [mistaken(picture=PICTURE), mistaken("ex02_other", "w" * 300, "long")]),
    ]
    before = document([submission("adam", [right(), right("ex02_other")])])
    html.write(out, found, before)
    return out


@pytest.fixture(params=["report.html", page_path(SCRIPT), page_path("adam")], ids=["report", "hostile", "plain"])
def shown(request, chromium, pages):
    """A page, open."""
    chromium.look()
    chromium.open(pages / request.param)
    return chromium


def test_nothing_runs_and_nothing_is_loaded(shown):
    assert shown.run("document.title") != "taken"
    assert shown.run("document.querySelectorAll('img, iframe, object, embed').length") == 0
    assert shown.errors == []
    assert [url for url in shown.requests if not url.startswith(("file:", "data:,"))] == []
    assert sum(url.startswith("file:") for url in shown.requests) == 1


def test_hostile_text_is_read_as_it_was_written(chromium, pages):
    chromium.open(pages / "report.html")
    text = chromium.run("document.body.innerText")
    assert SCRIPT in text
    assert "\u241b[31mred" in text
    assert "[link](javascript:alert(1)) **bold**" in text
    assert chromium.run("[...document.links].every(a => a.protocol === 'file:')")


def test_a_narrow_window_is_not_scrolled_sideways(shown):
    shown.look(width=360)
    assert shown.run("document.documentElement.scrollWidth") <= 360


def test_the_reader_chooses_light_or_dark(shown):
    background = "getComputedStyle(document.body).backgroundColor"
    light, seen = shown.run(background), shown.picture()
    shown.look(scheme="dark")
    assert shown.run(background) != light
    assert shown.picture() != seen


def test_the_first_key_goes_past_the_menu(shown):
    shown.press("Tab")
    assert shown.run("document.activeElement.textContent") == "Skip to the content"
    assert shown.run("document.activeElement.getBoundingClientRect().left") >= 0
    assert shown.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_submissions_are_sorted_and_found(chromium, pages):
    chromium.look()
    chromium.open(pages / "report.html")
    names = "[...document.querySelectorAll('#students tbody tr')].filter(r => !r.hidden).map(r => r.cells[0].innerText)"
    chromium.run("document.querySelectorAll('#students thead button')[1].click()")
    assert chromium.run(names)[0] == "zoe"  # the highest score first
    assert chromium.run("document.querySelectorAll('#students thead th')[1].ariaSort") == "descending"
    chromium.run("document.querySelectorAll('#students thead button')[1].click()")
    assert chromium.run(names)[0] == "adam"
    chromium.run(
        "{ const box = document.querySelector('input'); box.value = 'ZO'; box.dispatchEvent(new Event('input')) }"
    )
    assert chromium.run(names) == ["zoe"]
    assert chromium.run("document.querySelector('[role=status]').innerText") == f"1 of {len(HOSTILE) + 2}"


def test_what_is_folded_is_printed(chromium, pages):
    chromium.open(pages / "report.html")
    seen = "document.querySelector('details:not([open]) table').checkVisibility()"
    assert not chromium.run(seen)
    chromium.look(media="print")
    assert chromium.run(seen)
    assert chromium.run("getComputedStyle(document.querySelector('nav')).display") == "none"


def test_a_heat_map_is_drawn(chromium, pages):
    chromium.look()
    chromium.open(pages / page_path("adam"))
    assert chromium.run("[...document.querySelectorAll('svg')].map(s => s.getBoundingClientRect().width > 100)") == [
        True,
        True,
    ]
    assert "nan" in chromium.run("document.querySelector('svg').textContent")
