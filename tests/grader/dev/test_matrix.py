"""The kill matrix as a page and as lines: what it says of mistakes that are missed, misnamed, and of idle checks."""

import re
from dataclasses import replace

import pytest
from click.testing import CliRunner

from grader.dev import matrix
from grader.dev.survey import Trial, matrix_of, survey_mistakes
from grader.kit.variants import alternatives, mistakes
from grader.protocol.codec import Encoder
from grader.remote.transport import LocalTransport


@pytest.fixture
def surveyed(session, exercise):
    """Exercise 6 after a survey in which one mistake was missed, one misnamed and one right way refused."""
    six = exercise(6)
    check = session.checks[six.slug][0].id
    wrong, right = mistakes(six), alternatives(six)
    seen = [Trial(one.name, 0, "local", (check,), one.name, check) for one in wrong[2:]]
    seen += [Trial(wrong[0].name, 3, "worker"), Trial(wrong[1].name, 0, "local", (check,), "another", check)]
    seen += [Trial(one.name, 0, "local", right=True) for one in right[1:]]
    seen += [Trial(right[0].name, 0, "local", (check,), message="<b>why</b>", right=True)]
    return matrix_of(session, six, seen)


def test_rows_are_counted(surveyed, exercise):
    names = [one.name for one in mistakes(exercise(6))]
    assert [row.variant.name for row in surveyed.rows] == names
    assert [row.variant.name for row in surveyed.uncaught] == names[:1]
    assert [row.variant.name for row in surveyed.misnamed] == names[:2]
    assert surveyed.misnamed[1].called == {"another": 1}
    assert len(surveyed.refused) == 1
    assert surveyed.share_named == pytest.approx((len(names) - 2) / len(names))
    assert len(surveyed.idle) == len({check.id.partition("[")[0] for check in surveyed.checks}) - 1


def test_the_page_shows_them_and_needs_nothing_else(surveyed):
    html = matrix.page([surveyed], 1, ["local"])
    assert f'<h2 id="{surveyed.exercise.slug}">' in html
    for heading in ("Not always caught", "Not always called by their name", "Right ways that were refused"):
        assert f"<h3>{heading}</h3>" in html
    assert "&lt;b&gt;why&lt;/b&gt;" in html
    assert "<b>why</b>" not in html
    assert html.count("<tr>") >= len(surveyed.rows)
    assert "prefers-color-scheme: dark" in html
    assert not re.search(r"""(src|href)=["'](?!#|data:)""", html)


def test_the_command_says_the_same_and_fails(surveyed, monkeypatch, tmp_path):
    trials = [seen for row in [*surveyed.rows, *surveyed.right] for seen in row.trials]
    monkeypatch.setattr(matrix, "carry_out", lambda unit: trials)
    result = CliRunner().invoke(matrix.main, ["6", "--jobs", "1", "--html", str(tmp_path / "m.html")])
    assert result.exit_code == 1
    assert f"{len(surveyed.rows) - 1} always caught" in result.output
    assert "passes on seeds 3 worker" in result.output
    assert "is called another (1)" in result.output
    assert "is refused, seed 0 local: <b>why</b>" in result.output
    assert (tmp_path / "m.html").is_file()


class Deaf(LocalTransport):
    """Loads the file, and then knows nothing of any name."""

    def request(self, frame, answer):
        reply = super().request(frame, answer)
        return Encoder().frame({"missing": "it", "shortcuts": []}) if b"attention_scores" in frame[:80] else reply


def test_over_another_transport_the_check_that_named_a_mistake_is_enough(session, exercise):
    ways = {"local": LocalTransport, "the same": LocalTransport, "deaf": Deaf}
    seen = [*survey_mistakes(session, exercise(6), 1, ways, thorough=False, first=1)]
    assert [trial.transport for trial in seen] == list(ways)
    assert seen[1] == replace(seen[0], transport="the same", caught_by=(seen[0].called_by,))
    assert seen[2].message != seen[1].message
    assert len(seen[2].caught_by) > len(seen[0].caught_by), "other answers: all checks are run"


def test_a_survey_of_right_ways_refuses_none(exercise):
    unit = matrix.Unit(6, 1, ("local",), mistakes=False, alternatives=True, thorough=False, device="cpu")
    seen = matrix.carry_out(unit)
    assert {trial.variant for trial in seen} == {one.name for one in alternatives(exercise(6))}
    assert [trial.message for trial in seen if trial.caught_by] == []
