"""report.html and the students' pages: what they say, and that text stays text."""

import re
import unicodedata
from html.parser import HTMLParser

import pytest

from grader.paths import ROOT
from grader.reports import code, statistics
from grader.reports import html as report
from grader.reports.changes import changes
from grader.reports.html import page_path
from tests.grader.support.documents import (
    ANSI,
    CLASS,
    HOSTILE,
    PICTURE,
    SCRIPT,
    check,
    document,
    exercise,
    hostile_class,
    missing,
    mistaken,
    right,
    submission,
)

STRANGE_IDS = [
    "", ".", "..", "../../etc/passwd", "a/b", "a\\b", "C:\\x", "Alice", "ALICE", "con", "con.txt", "NUL", "lpt1.html",
    "x" * 300, "trailing.", "trailing ", "-rf", ".hidden", "a\x00b", "a\nb", "\x1b]0;title\x07", "<script>", "50%41",
    "jos\u00e9", unicodedata.normalize("NFD", "jos\u00e9"), "\u202egnp.exe", "\U0001f600", "\u674e\u660e", "\udcff",
    page_path("Alice")[len("students/") : -len(".html")], "com\u00b9", "a?b*c:d|e\"f",
]  # fmt: skip
VOID = {"meta", "link", "input", "br", "img", "rect", "path"}


class Reader(HTMLParser):
    """The tags, attributes and text of a page; every tag that is opened must be closed."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.words, self.scripts, self._open = [], [], [], [], []
        self.feed(page)
        self.close()
        assert self._open == []
        self.text = " ".join("".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_endtag(self, tag):
        assert self._open.pop() == tag
        if tag in ("td", "th", "dt", "dd", "p", "pre", "div", "li", "text"):
            self.words.append(" ")

    def handle_data(self, data):
        if self._open[-1:] == ["script"]:
            self.scripts.append(data)
        elif self._open[-1:] != ["style"]:
            self.words.append(data)


def test_an_id_that_every_file_system_takes_is_its_page():
    assert page_path("alice") == "students/alice.html"
    assert page_path("smith_12-3.b") == "students/smith_12-3.b.html"


def test_any_id_has_a_page_of_its_own():
    ids = {*STRANGE_IDS, *HOSTILE, "alice"}
    paths = [page_path(one) for one in ids]
    assert len({path.lower() for path in paths}) == len(ids)
    for path in paths:
        assert re.fullmatch(r"students/[a-z0-9][a-z0-9_.-]{0,80}\.html", path)
        assert path.split("/")[1].split(".")[0] not in {"con", "nul", "aux", "prn", "lpt1"}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """What is written for the hostile class."""
    out = tmp_path_factory.mktemp("pages")
    report.write(out, hostile_class())
    return out


def test_every_submission_has_a_page_and_the_report_links_to_it(pages):
    links = {
        value for tag, name, value in Reader((pages / "report.html").read_text("utf-8")).attributes if name == "href"
    }
    for text in HOSTILE:
        assert (pages / page_path(text)).is_file()
        assert page_path(text) in links
    assert not list(pages.rglob("*.part"))


def test_text_is_shown_as_text(pages):
    for file in pages.rglob("*.html"):
        page = Reader(file.read_text("utf-8"))
        assert not {"img", "object", "iframe"} & set(page.tags)
        assert all("taken" not in script for script in page.scripts)
        assert not any(name.startswith("on") for _, name, _ in page.attributes)
        assert not any("javascript:" in (value or "") for _, _, value in page.attributes)
    whole = Reader((pages / "report.html").read_text("utf-8")).text
    assert SCRIPT in whole
    assert "\u241b[31mred\u241b[0m" in whole
    assert "\u27e8U+202E\u27e9gnp.exe" in whole


def test_no_control_character_reaches_a_page(pages):
    for file in pages.rglob("*.html"):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", file.read_text("utf-8"))
    assert re.search("[\x00-\x1f]", ANSI)


def test_nothing_is_loaded_from_elsewhere(pages):
    for file in pages.rglob("*.html"):
        text = file.read_text("utf-8")
        page = Reader(text)
        for tag, name, value in page.attributes:
            if name in ("src", "href", "action", "data", "srcset"):
                assert value == "data:," or value.startswith(("#", "students/")), (tag, name, value)
        style = text.partition("<style>")[2].partition("</style>")[0]
        assert "url(" not in style
        assert "@import" not in style


def test_only_the_script_that_was_written_for_the_page_may_run(pages):
    page = Reader((pages / "report.html").read_text("utf-8"))
    (policy,) = [value for tag, name, value in page.attributes if (value or "").startswith("default-src")]
    assert "script-src 'sha256-" in policy
    assert len(page.scripts) == 1
    student = Reader((pages / page_path(SCRIPT)).read_text("utf-8"))
    assert any("script-src 'none'" in (value or "") for _, _, value in student.attributes)
    assert student.scripts == []


def test_the_report_says_what_the_class_did():
    text = Reader(report.class_page(document(CLASS, problems=["eve: went wrong"]))).text
    assert "5 submissions, seed 4127, on cpu" in text
    assert "2 The gates are in another order. ex01_encoder gate_order bob, cat" in text
    assert "1 number 2 ex02_other cat" in text  # a failure that no mistake explains
    assert "bob bob.zip notes.txt is not an exercise" in text
    assert "ann: 9.0 s" in text
    assert "eve: went wrong" in text
    assert "network none" in text
    assert "files of others hidden" in text
    assert "memory, MB 2048" in text
    assert "ann 20 10 10 9.0" in text
    assert "bob 5 5 \u2013 1 0.5" in text
    assert "dan 10 u 10 0.5" in text
    assert "eve none ! 10 0.5" in text


def test_a_file_that_failed_as_a_whole_is_said_once():
    lost = [check(i, "fail", message="Python cannot read ex01_encoder.py:\ninvalid syntax") for i in (1, 2)]
    one = submission("ann", [exercise("ex01_encoder", "fail", lost)])
    (count,) = statistics.exercises(document([one]))
    assert count.unexplained == {}
    assert count.unloaded == {"an error of syntax: Python cannot read it": ["ann"]}
    assert Reader(report.student_page(one, document([])["run"])).text.count("invalid syntax") == 1


def test_the_same_reason_is_folded_the_second_time():
    twice = exercise("ex01_encoder", "fail", [check(1), *(check(i, "fail", message="Why.\nWhere.") for i in (2, 3))])
    page = Reader(report.student_page(submission("ann", [twice]), document([])["run"]))
    assert page.text.count("same reason") == 1
    assert page.text.count("Where.") == 2


def test_what_changed_is_said_with_the_reason():
    before = document(
        [submission("ann", [right()]), submission("bob", [right()]), submission("old", [right()])], seed=1
    )
    now = document([submission("ann", [mistaken()]), submission("bob", [missing()]), submission("new", [right()])])
    found = changes(now, before)
    assert found.scores == 2
    assert found.came == ["new"]
    assert found.went == ["old"]
    assert found.conditions == ["seed: 1 before, 4127 now"]
    assert found.reasons == [
        (("ex01_encoder", "number 2", "pass", "fail"), ["ann"]),
        (("ex01_encoder", "", "pass", "missing"), ["bob"]),
    ]
    text = Reader(report.class_page(now, before)).text
    assert "2 scores changed; 1 new: new; 1 no longer there: old." in text
    assert "ann 10 5 ex01_encoder, number 2: pass \u2192 fail" in text
    assert "scores changed" not in report.class_page(now)


def test_a_student_reads_what_a_terminal_would_have_said():
    one = submission("bob", [mistaken(picture=PICTURE), missing("ex02_other")], problems=["two copies"])
    page = Reader(report.student_page(one, document([])["run"]))
    text = page.text
    assert "5 of 20 points" in text
    assert "The gates are in another order. lstm_cell(x, h, c): 6 of 6 values differ worst at batch 1" in text
    assert text.count("there is no ex02_other.py") == 1
    assert "two copies" in text
    assert "batch 1; rows: query, columns: key" in text
    assert page.tags.count("svg") == 2
    assert ("svg", "aria-label", "your values, 2 of them wrong, 2 x 3") in page.attributes
    assert {"nan", "-inf", "12346"} <= set(
        re.findall(r">([^<>]+)</text>", report.student_page(one, document([])["run"]))
    )


def test_a_student_reads_the_first_step_and_the_small_example():
    step = {"line": 4, "text": f"Line 4 gives the first result that the reference does not have: {SCRIPT}"}
    failed = check(1, "fail", message="6 of 6 values differ", step=step, example="x = [1]\nyours: [2]")
    one = submission("bob", [exercise("ex01_encoder", "fail", [failed])])
    text = Reader(report.student_page(one, document([])["run"])).text
    assert f"{step['text']} for example x = [1] yours: [2]" in text
    whole = Reader(report.class_page(document([one]))).text
    assert f"One line gives the first result that the reference does not have: {SCRIPT}" in whole


def test_an_absent_device_is_said_once():
    found = exercise("ex01_encoder", "pass", [check(1), check(2, "skip", message="not here")])
    one = submission("ann", [{**found, "skipped": {"cuda": 2}}])
    text = Reader(report.student_page(one, document([])["run"])).text
    assert text.count("no cuda here") == 1
    assert "2 checks not run on cuda: no cuda here" in text
    assert "number 2 skip 0 / 0 not here" in text


def test_the_pages_of_those_who_are_gone_go(tmp_path):
    report.write(tmp_path, document(CLASS))
    (tmp_path / "students" / "notes.txt").write_text("mine")
    report.write(tmp_path, document(CLASS[:1]))
    assert sorted(path.name for path in (tmp_path / "students").iterdir()) == ["ann.html", "notes.txt"]


def test_an_empty_class_has_a_report(tmp_path):
    report.write(tmp_path, document([]), document(CLASS))
    assert "0 submissions" in (tmp_path / "report.html").read_text("utf-8")


def test_templates_are_in_the_wheel():
    assert '"templates/*"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_the_code_of_what_failed_is_on_the_page_and_its_lines_are_numbered(tmp_path):
    step = {"line": 2, "text": "Line 2 gives another value."}
    one = submission("Bob B", [mistaken(step=step), right("ex02_other")])
    text = b"def f(x):\n    return x < 1  # \x1b[31m</pre><b>\n"
    code.keep(tmp_path, document([one]), lambda name, slug: text if name == "Bob B" else b"")
    (kept,) = tmp_path.rglob("*.py")
    assert kept.relative_to(tmp_path).as_posix() == f"code/{page_path('Bob B')[9:-5]}/ex01_encoder.py"
    about = report.About(code=lambda name, slug, said: code.listing(code.read(tmp_path, name, slug), said))
    page = report.student_page(one, document([])["run"], about)
    assert page.count("the code that was graded</summary>") == 1
    assert "    1  def f(x):\n&gt;   2      return x &lt; 1  # [31m&lt;/pre&gt;&lt;b&gt;</pre>" in page
    code.keep(tmp_path, document([submission("Bob B", [right()])]), lambda name, slug: text)
    assert not [*tmp_path.rglob("*.py")], "nothing failed any more"


def test_a_long_file_is_cut_on_the_page_and_what_is_no_text_is_shown_all_the_same():
    assert code.listing(b"x\n" * 3000, ()).endswith(" 2000  x\n... and 1000 lines more")
    assert code.listing(b"\xff\x00", ()) == "    1  \ufffd"


def test_a_run_that_changes_nothing_says_so():
    same = document(CLASS)
    assert "What changed since the run before Nothing. Problems" in Reader(report.class_page(same, same)).text
