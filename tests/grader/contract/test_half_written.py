"""Files in which only the first functions are written: what is wrong in them is named, and the rest is to do."""

import pytest

from grader.diagnosis.call_graph import replaced
from grader.judging.exercise import CheckSettings, run_exercise
from grader.kit.discovery import Kit
from grader.kit.stub import stub_of, to_write
from grader.kit.variants import mistakes
from grader.results.verdicts import CORE, FAIL, PASS, UNWRITTEN
from grader.source.file import Source

pytestmark = pytest.mark.no_cover
SEED = 41
MISTAKES = 3
each_exercise = pytest.mark.parametrize("exercise", Kit().exercises, ids=lambda exercise: exercise.slug)


def functions(exercise):
    return list(to_write(exercise.solution.read_text(encoding="utf-8")).values())


def half_written(exercise, written):
    return stub_of(exercise.solution.read_text(encoding="utf-8"), written=written)


def run(session, exercise, text):
    recogniser = session.recogniser(exercise)
    trusted = recogniser.trusted
    source = Source(
        exercise.slug, "<half>", "half written", text.encode(), trusted.source.earlier, trusted.source.shortcuts
    )
    checks = session.checks[exercise.slug]
    return run_exercise(checks, source, trusted.reference, recogniser, CheckSettings(SEED))


def mistakes_in(exercise, function):
    """The first known mistakes of one function, each in a file in which nothing else is written."""
    found = []
    for mistake in mistakes(exercise):
        units = replaced(mistake.pieces[2], mistake.target) or {mistake.target}
        if units == {function} and not mistake.shows_on_gpus_only:
            found.append((mistake, "\n\n".join([half_written(exercise, {function}), *mistake.pieces[1:]])))
    return found[:MISTAKES]


@each_exercise
def test_what_is_written_and_right_passes_and_the_rest_is_to_do(session, exercise):
    """So each check is about the last of the functions that it needs, and about none that it does not need."""
    order = functions(exercise)
    for count in range(1, len(order)):
        result = run(session, exercise, half_written(exercise, order[:count]))
        for outcome in result.outcomes:
            expected = PASS if outcome.of in order[:count] else UNWRITTEN
            assert (outcome.id, outcome.verdict, outcome.message if expected == PASS else "") == (
                outcome.id,
                expected,
                "",
            )
        assert result.verdict == FAIL
        assert result.right_so_far
        assert result.first_failure is None


@each_exercise
def test_a_mistake_in_the_first_function_is_what_the_learner_reads(session, exercise):
    first = functions(exercise)[0]
    tried = mistakes_in(exercise, first)
    assert len(tried) == MISTAKES
    for mistake, text in tried:
        result = run(session, exercise, text)
        shown = result.first_failure
        assert shown is not None, mistake.name
        assert shown.of == first
        if shown.heading:  # an exception proves no mistake: torch's words are shown, and what the call was given
            assert "\ngiven: " in shown.message
        else:
            assert shown.mistake == mistake.name
            assert mistake.diagnosis in shown.message


@each_exercise
def test_checks_stand_in_the_order_of_the_functions_and_the_core_comes_first(session, exercise):
    order = functions(exercise)
    places = [(order.index(check.of), check.tier != CORE) for check in session.checks[exercise.slug]]
    assert places == sorted(places)
    assert {place for place, robust in places if not robust} == set(range(len(order)))
