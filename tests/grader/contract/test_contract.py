"""What must hold for every exercise on disk, whichever they are. Adding an exercise adds to these tests by itself."""

import ast
import functools
import re
import subprocess

import pytest

from grader.checks.attempt import check_seed
from grader.cli.teaching.new_exercise import unfilled
from grader.judging.exercise import CheckSettings, run_exercise
from grader.kit import hints
from grader.kit.collect import collect
from grader.kit.discovery import Kit
from grader.kit.stub import stub_of
from grader.kit.variants import alternatives
from grader.remote.transport import LocalTransport, WorkerTransport
from grader.results.verdicts import CORE, MISSING, PASS, UNWRITTEN
from grader.source.file import Source
from tests.grader.support.kits import ROOT

# Coverage would add a third to the time of what runs learner's code most of the time.
pytestmark = pytest.mark.no_cover
SEEDS = {"local": 0, "worker": 1}
SEED = 20_170_612
each_exercise = pytest.mark.parametrize("exercise", Kit().exercises, ids=lambda exercise: exercise.slug)
both_transports = pytest.mark.parametrize("transport", ["local", "worker"])


@pytest.fixture
def connect(workers, transport):
    return LocalTransport if transport == "local" else lambda: WorkerTransport(workers)


def run(session, exercise, text, connect, seed, name="learner", some=slice(None)):
    """Checks of an exercise on a text, without looking for known mistakes."""
    found = session.checks[exercise.slug][some]
    recogniser = session.recogniser(exercise)
    source = source_of(session, exercise, text, name)
    reference = recogniser.trusted.reference
    return run_exercise(found, source, reference, recogniser, CheckSettings(seed, connect=connect))


def source_of(session, exercise, text, name="learner"):
    trusted = session.trusted(exercise).source
    return Source(exercise.slug, f"<{name}>", name, text, trusted.earlier, trusted.shortcuts)


def test_the_top_level_holds_nothing_but_what_belongs_there():
    """What a test or a person leaves behind is seen before it is handed in."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    top = {file.partition("/")[0] for file in files if file and not file.startswith(".")}
    assert top == {"LICENSE", "README.md", "pyproject.toml", "exercises", "grader", "solutions", "tests"}


@each_exercise
def test_the_three_trees_hold_the_same_names(exercise):
    for file in (exercise.stub, exercise.lesson, exercise.solution, exercise.checks, exercise.hints):
        assert file.is_file(), f"{file} is missing"
    assert exercise.mistakes.exists(), f"{exercise.mistakes} is missing"


@each_exercise
def test_nothing_is_left_to_fill(exercise):
    assert not unfilled(exercise), "\n".join(unfilled(exercise))


@each_exercise
def test_the_stub_is_the_solution_without_its_bodies(exercise):
    stub = stub_of(exercise.solution.read_text(encoding="utf-8"))
    assert exercise.stub.read_text(encoding="utf-8") == stub, (
        f"exercises/{exercise.slug}.py differs from its stub: fine while you learn; "
        f"after a change of the solution run `python -m grader.kit.stub {exercise.number}`"
    )


@each_exercise
def test_every_public_name_of_a_solution_says_what_it_does(exercise):
    tree = ast.parse(exercise.solution.read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for node in [*tree.body, *(method for owner in classes for method in owner.body)]:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


@each_exercise
def test_an_exercise_fits_its_budget(exercise):
    for file in (exercise.stub, exercise.solution):
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 120


@each_exercise
def test_the_points_of_an_exercise_add_up_to_ten(session, exercise):
    found = session.checks[exercise.slug]
    core = [check for check in found if check.tier == CORE]
    assert sum(check.points for check in core) == pytest.approx(8)
    assert sum(check.points for check in found) == pytest.approx(10)
    assert 8 <= len({check.id.partition("[")[0] for check in core}) <= 14


@each_exercise
def test_every_check_has_three_hints_and_no_hint_lacks_its_check(session, exercise):
    ladders = hints.read(exercise.hints)
    titles = {re.sub(r" \(.*\)$", "", check.title) for check in session.checks[exercise.slug]}
    assert set(ladders) == titles
    assert {len(rungs) for rungs in ladders.values()} == {3}


@each_exercise
@both_transports
def test_the_stub_is_unwritten_in_every_check(session, exercise, connect):
    result = run(session, exercise, exercise.stub.read_bytes(), connect, 1)
    assert result.verdict == UNWRITTEN
    assert {outcome.verdict for outcome in result.outcomes} == {UNWRITTEN}
    assert result.score == 0


@each_exercise
@both_transports
def test_the_solution_passes_every_check(session, exercise, connect, transport):
    result = run(session, exercise, exercise.solution.read_bytes(), connect, SEEDS[transport])
    assert [(o.title, o.message) for o in result.outcomes if o.verdict != PASS] == []
    assert result.score == 10


@each_exercise
def test_alternatives_pass(session, exercise):
    """Each meets a quarter of the checks; `python -m grader.dev.matrix` puts them to all, and in workers too."""
    assert alternatives(exercise)
    for number, variant in enumerate(alternatives(exercise)):
        result = run(session, exercise, variant.source, LocalTransport, 2, variant.name, slice(number % 4, None, 4))
        assert [(variant.name, o.title, o.message) for o in result.outcomes if o.verdict != PASS] == []


ZEROS = """
import torch as _torch

def _zeros(value):
    if isinstance(value, _torch.Tensor):
        return _torch.zeros_like(value)
    if isinstance(value, tuple):
        return tuple(_zeros(item) for item in value)
    return 0.0 if isinstance(value, float) else value

def _lazy(function):
    return lambda *args, **kwargs: _zeros(function(*args, **kwargs))

for _name, _value in list(globals().items()):
    if getattr(_value, "__module__", None) == __name__ and not _name.startswith("_"):
        if isinstance(_value, type):
            for _method, _body in list(vars(_value).items()):
                if callable(_body) and not _method.startswith("_"):
                    setattr(_value, _method, _lazy(_body))
        else:
            globals()[_name] = _lazy(_value)
"""


@each_exercise
def test_zeros_of_the_right_shape_earn_nothing(session, exercise):
    text, trusted = exercise.solution.read_bytes() + ZEROS.encode(), session.trusted(exercise)
    passed = [
        check.title
        for check in session.checks[exercise.slug]
        if not check.structural and trusted.attempt("zeros", text, check, check_seed(SEED, check)).error is None
    ]
    assert passed == [], "these let every structural check earn its points: mark them structural=True"


@each_exercise
def test_a_missing_file_scores_nothing_and_is_listed(session, exercise):
    result = session.run(exercise, None)
    assert (result.verdict, result.score, result.max_score) == (MISSING, 0.0, 10.0)
    assert len(result.outcomes) == len(session.checks[exercise.slug])


def test_collecting_twice_finds_the_same(session, kit):
    again = functools.partial(collect, kit)(kit.exercises[:1])
    assert [check.id for check in again[kit.exercises[0].slug]] == [
        check.id for check in session.checks[kit.exercises[0].slug]
    ]
