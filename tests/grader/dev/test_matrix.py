"""The kill matrix as a page and as lines: what it says of mistakes that are missed, misnamed, and of idle checks."""

import re
from dataclasses import replace

import pytest
from click.testing import CliRunner

from grader.dev import matrix, survey
from grader.dev.survey import Trial, as_learner, matrix_of, survey_mistakes
from grader.errors import KitError
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
    seen += [Trial(wrong[0].name, 3, "worker")]
    seen += [Trial(wrong[1].name, 0, "local", (check,), "another", check, names=((check, "another"),))]
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
    html = matrix.page([surveyed], UNIT)
    assert f'<h2 id="{surveyed.exercise.slug}">' in html
    for heading in (
        "Not always caught",
        "Not always called by their name",
        "Called by another one's name",
        "Right ways that were refused",
    ):
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
    number = len(surveyed.rows)
    assert f"{number - 1} of {number} mistakes caught on 1 seed" in result.output
    assert "1 false name;" in result.output
    assert f"is falsely called another (1): {surveyed.checks[0].id}" in result.output
    assert "passes on seeds 3 worker" in result.output
    assert "is called another (1)" in result.output
    assert "is refused, seed 0 local: <b>why</b>" in result.output
    assert (tmp_path / "m.html").is_file()


UNIT = matrix.Unit(6, 20, 3, ("local",), mistakes=True, alternatives=True, device="cpu")


def test_it_says_what_was_looked_at():
    assert matrix.looked_at(UNIT)[:3] == [
        "A mistake on 3 seeds: every check, and what the checks call it.",
        "A mistake on 17 seeds: until one check fails; names were not looked at.",
        "An alternative on 20 seeds: every check.",
    ]
    assert matrix.looked_at(replace(UNIT, seeds=1, alternatives=False))[:-1] == [
        "A mistake on 1 seed: every check, and what the checks call it."
    ]
    assert "names were not" in matrix.looked_at(replace(UNIT, names=0))[0]


class Deaf(LocalTransport):
    """Loads the file, and then knows nothing of any name."""

    def request(self, frame, answer):
        reply = super().request(frame, answer)
        return Encoder().frame({"missing": "it", "shortcuts": []}) if b"no_scaling" in self.file(frame) else reply

    loaded = b""

    def file(self, frame):
        """The file that was loaded, where something is called in it."""
        if b"<no_scaling>" in frame:
            self.loaded = frame
            return b""
        return self.loaded if b"attention_scores" in frame[:80] else b""


def test_over_another_transport_the_same_answers_are_recognised_once(session, exercise, monkeypatch):
    ways = {"local": LocalTransport, "the same": LocalTransport, "deaf": Deaf}
    recogniser, asked = session.recogniser(exercise(6)), []
    diagnose = recogniser.diagnose
    monkeypatch.setattr(recogniser, "diagnose", lambda *runs: asked.append(runs) or diagnose(*runs))
    place = [one.name for one in mistakes(exercise(6))].index("no_scaling") + 1
    seen = [*survey_mistakes(session, exercise(6), 1, ways, first=place)][-3:]
    assert [trial.transport for trial in seen] == list(ways)
    assert seen[1] == replace(seen[0], transport="the same")
    assert seen[2].message != seen[1].message
    assert len(asked) == place + 1, "other answers are recognised anew"


def test_on_later_seeds_a_mistake_is_run_until_it_is_caught(session, exercise, monkeypatch):
    ways, six = {"local": LocalTransport}, exercise(6)
    (whole,) = survey_mistakes(session, six, 0, ways, first=1)
    tried, run = [], survey.attempt
    monkeypatch.setattr(survey, "attempt", lambda check, *rest: tried.append(check.id) or run(check, *rest))
    known = {whole.variant: whole.caught_by[-2:]}
    (first,) = survey_mistakes(session, six, 1, ways, first=1, catchers=known)
    everything = len(session.checks[six.slug])
    assert len(tried) == everything + 1, "each once on the reference, and one on the mistake"
    assert first.caught_by == (tried[-1],)
    assert tried[-1] in known[whole.variant]
    assert not first.names_were_looked_at
    (other,) = survey_mistakes(session, six, 1, ways, first=1, catchers={})
    assert other.caught_by == (tried[-1],)


def test_a_check_that_calls_nothing_of_a_mistake_is_run_on_the_reference_alone(session, exercise, monkeypatch):
    """A mistake in `project_qkv` does not show in the checks of `attention_scores`; in all others it is run."""
    six = exercise(6)
    bench = survey._Bench(session, six, 1, LocalTransport, "cpu")
    variant = next(one for one in mistakes(six) if one.target == "project_qkv")
    tried, run = [], survey.attempt
    monkeypatch.setattr(survey, "attempt", lambda check, *rest: tried.append(check.id) or run(check, *rest))
    shared = [one.tried.error for one in bench.runs(variant)]
    assert 0 < len(tried) < len(session.checks[six.slug])
    assert [str(one.tried.error) for one in bench._run(bench._learner(variant))] == [str(one) for one in shared]


def test_a_reference_that_fails_is_the_kits_fault(session, exercise, monkeypatch):
    monkeypatch.setattr(survey, "as_reference", lambda *given: as_learner(mistakes(exercise(6))[0], *given))
    with pytest.raises(KitError, match="fails on the reference with seed 1"):
        next(survey_mistakes(session, exercise(6), 1, {"local": LocalTransport}))


def test_a_survey_of_right_ways_refuses_none(exercise):
    unit = replace(UNIT, seeds=1, mistakes=False)
    seen = matrix.carry_out(unit)
    assert {trial.variant for trial in seen} == {one.name for one in alternatives(exercise(6))}
    assert [trial.message for trial in seen if trial.caught_by] == []
