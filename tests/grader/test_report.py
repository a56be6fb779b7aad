"""report.html and the students' pages."""

import re
import unicodedata

from grader.report import page_path


def test_an_id_that_every_file_system_takes_is_its_page():
    assert page_path("alice") == "students/alice.html"
    assert page_path("smith_12-3.b") == "students/smith_12-3.b.html"


HOSTILE = [
    "", ".", "..", "../../etc/passwd", "a/b", "a\\b", "C:\\x", "Alice", "ALICE", "con", "con.txt", "NUL", "lpt1.html",
    "x" * 300, "trailing.", "trailing ", "-rf", ".hidden", "a\x00b", "a\nb", "\x1b]0;title\x07", "<script>", "50%41",
    "jos\u00e9", unicodedata.normalize("NFD", "jos\u00e9"), "\u202egnp.exe", "\U0001f600", "\u674e\u660e", "\udcff",
    page_path("Alice")[len("students/") : -len(".html")], "com\u00b9", "a?b*c:d|e\"f",
]  # fmt: skip


def test_any_id_has_a_page_of_its_own():
    paths = [page_path(one) for one in [*HOSTILE, "alice", "josé"]]
    assert len({path.lower() for path in paths}) == len({*HOSTILE, "alice", "josé"})
    for path in paths:
        assert re.fullmatch(r"students/[a-z0-9][a-z0-9_.-]{0,80}\.html", path)
        assert path.split("/")[1].split(".")[0] not in {"con", "nul", "aux", "prn", "lpt1"}
