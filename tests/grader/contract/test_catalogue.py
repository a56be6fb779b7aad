"""Every mistake of every exercise is caught, the likeliest are named, and no check is without use."""

import functools
import re

import pytest

from grader.checks.attempt import attempt, check_seed
from grader.dev.survey import as_learner, matrix_of, survey_mistakes
from grader.diagnosis.similarity import same_calls
from grader.kit.discovery import Kit
from grader.kit.variants import mistakes
from grader.remote.transport import LocalTransport, WorkerTransport

# Coverage would add a third to the time of what runs learner's code most of the time.
pytestmark = pytest.mark.no_cover
NAMED = 3
"""How many of the likeliest mistakes are put through recognition and a worker here."""
SEED = 20_170_612
each_exercise = pytest.mark.parametrize("exercise", Kit().exercises, ids=lambda exercise: exercise.slug)


def alike(check, mistake):
    """How many words the name of a check and what is said of a mistake have in common."""
    return len(words(check) & words(f"{mistake.name} {mistake.diagnosis}"))


def is_about(check, mistake):
    """Whether a check is about what has the mistake in it."""
    return mistake.target in (check.of, check.of.partition(".")[0])


def words(text):
    return set(re.findall("[a-z]{3,}", text.lower()))


@pytest.fixture(scope="module")
def likeliest(session):
    """The likeliest mistakes of an exercise and the first check that names each, built once."""

    @functools.cache
    def build(exercise):
        ways = {"local": LocalTransport}
        return matrix_of(session, exercise, [*survey_mistakes(session, exercise, SEED, ways, first=NAMED)])

    return build


@pytest.fixture(scope="module")
def catchers_of(session):
    """For every mistake of an exercise a check that catches it, found once.

    Those with words in common come first, then those about what has the mistake in it, then those that caught the
    last few.
    """

    def find(exercise):
        trusted, order = session.trusted(exercise), list(session.checks[exercise.slug])
        found = {}
        for variant in mistakes(exercise):
            for check in sorted(order, key=lambda one: (-alike(one.id, variant), not is_about(one, variant))):
                if trusted.attempt(variant.name, variant.source, check, check_seed(SEED, check)).error:
                    found[variant.name] = check
                    order = [check, *(other for other in order if other is not check)]
                    break
        return found

    return functools.cache(find)


@each_exercise
def test_every_mistake_is_caught(catchers_of, exercise):
    caught = catchers_of(exercise)
    assert [variant.name for variant in mistakes(exercise) if variant.name not in caught] == []


@each_exercise
def test_mistakes_about_devices_are_caught_on_a_gpu(session, catchers_of, exercise):
    trusted, caught = session.trusted(exercise), catchers_of(exercise)
    about_devices = [variant for variant in mistakes(exercise) if variant.shows_on_gpus_only]
    assert about_devices
    for variant in about_devices:
        check = caught[variant.name]
        tried = trusted.attempt(variant.name, variant.source, check, check_seed(SEED, check))
        assert tried.is_on_a_gpu, f"{variant.name} is caught by {check.id}, which works on the CPU"


@each_exercise
def test_the_likeliest_mistakes_are_named(likeliest, exercise):
    """`python -m grader.dev.matrix` looks at all of them, on as many seeds as wanted."""
    matrix = likeliest(exercise)
    assert len(matrix.rows) == NAMED
    assert [row.variant.name for row in matrix.uncaught] == []
    assert len(matrix.misnamed) <= 1, [(row.variant.name, row.called) for row in matrix.misnamed]


@each_exercise
def test_every_check_catches_some_mistake(session, catchers_of, exercise):
    trusted, families = session.trusted(exercise), {}
    for check in session.checks[exercise.slug]:
        families.setdefault(check.id.partition("[")[0], []).append(check)
    for check in catchers_of(exercise).values():
        families.pop(check.id.partition("[")[0], None)
    for name, checks in families.items():
        assert any(
            trusted.attempt(variant.name, variant.source, check, check_seed(SEED, check)).error
            for variant in sorted(mistakes(exercise), key=lambda one: -alike(name, one))
            for check in checks
        ), f"{name} catches no mistake"


@each_exercise
def test_a_mistake_is_the_same_in_a_worker(session, likeliest, exercise, workers):
    """The check that named it here fails there with the same results."""
    trusted = session.trusted(exercise)
    checks = {check.id: check for check in session.checks[exercise.slug]}
    for row in likeliest(exercise).rows:
        variant, seen = row.variant, row.trials[0]
        check = checks[seen.called_by or seen.caught_by[0]]
        code = as_learner(variant, trusted, lambda: WorkerTransport(workers))
        here = trusted.attempt_mistakes([variant], check, check_seed(SEED, check))
        there = attempt(check, code, check_seed(SEED, check))
        code.close()
        assert there.error is not None, f"{variant.name} passes {check.id} in a worker"
        assert same_calls(here.calls, there.calls), f"{variant.name} gives other results in a worker"
