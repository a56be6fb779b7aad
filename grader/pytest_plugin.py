"""The kit's pytest plugin: `python -m pytest tests/ex06_self_attention` checks `exercises/`, here, under pdb if wanted.

It gives checks their `code`, `draw` and `expect`, and turns what they raise into the same sentences as
`grader check`. Everything outside the exercises' folders it leaves alone.
"""

from __future__ import annotations

import bdb
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from grader.errors import Finding, Mismatch
from grader.kit.discovery import COURSE, SLUG, Exercise, Kit
from grader.kit.requirements import unmet
from grader.text import short_path

TIMEOUT = 10.0
STASH = pytest.StashKey["Bench"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("grader", "checking exercises")
    group.addoption("--target", default=None, help="the folder of exercises to check [default: exercises/]")
    group.addoption("--transport", choices=["local", "worker"], default="local", help="here, or in another process")
    group.addoption("--seed", type=int, default=None, help="repeat a run exactly")
    group.addoption("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto", help="where the code works")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "points(value, of, tier, structural, patience): what a check is worth, and of what"
    )
    config.addinivalue_line("markers", "needs(of): the function that one case of a check is about")
    config.addinivalue_line("markers", "no_cover: not measured, for pytest-cov")
    config.addinivalue_line("markers", "shortcuts(*names): library calls that would do an exercise's whole work")
    if lacking := unmet():
        raise pytest.UsageError("; ".join(lacking))
    from grader.kit.collect import use_references

    stack = ExitStack()
    stack.enter_context(use_references(Kit()))
    config.add_cleanup(stack.close)


class Bench:
    """What the checks of one pytest session share."""

    def __init__(self, config: pytest.Config) -> None:
        from grader.judging.open import new_seed
        from grader.judging.session import absent, devices, work_here
        from grader.launch.launcher import launcher

        self.kit = Kit()
        asked = config.getoption("--target")
        self.target = Path(asked) if asked is not None else Path(short_path(self.kit.exercises_folder))
        if not self.target.exists():
            raise pytest.UsageError(f"--target {self.target}: there is no such folder or file")
        given = config.getoption("--seed")
        self.seed: int = new_seed() if given is None else given
        self.devices = devices(config.getoption("--device"))
        self.absent = absent(config.getoption("--device"))
        self.workers = launcher() if config.getoption("--transport") == "worker" else None
        if self.workers is None:
            work_here(self.devices)
        self._codes: dict[tuple[str, str], Any] = {}
        self._recognisers: dict[str, Any] = {}
        config.add_cleanup(self.close)

    def connect(self, device: str) -> Any:
        from grader.remote.transport import LocalTransport, WorkerTransport

        return LocalTransport(debugging=True) if self.workers is None else WorkerTransport(self.workers, device)

    def code(self, exercise: Exercise, shortcuts: tuple[str, ...], device: str) -> Any:
        """The learner's file of an exercise, loaded once for all its checks."""
        from grader.kit import collect
        from grader.remote.code import Code
        from grader.submissions.intake import read_one

        key = (exercise.slug, device)
        if key not in self._codes:
            for other in [old for old in self._codes if old[0] != exercise.slug]:
                self._codes.pop(other).close()
            file = read_one(self.target, self.kit.exercises).files.get(exercise.slug)
            if file is None or file.refusal:
                raise pytest.UsageError((file and file.refusal) or f"{self.target} holds no {exercise.slug}.py")
            source = collect.source_of(self.kit, exercise, file, shortcuts, str(file.path or file.name))
            reference = collect.reference(self.kit, exercise.slug)
            self._codes[key] = Code(source, partial(self.connect, device), reference, device=device)
        return self._codes[key]

    def recogniser(self, exercise: Exercise, shortcuts: tuple[str, ...]) -> Any:
        """The reference and the known mistakes of an exercise, loaded at its first failure."""
        from grader.judging.session import recogniser_of

        if exercise.slug not in self._recognisers:
            self._recognisers[exercise.slug] = recogniser_of(self.kit, exercise, shortcuts)
        return self._recognisers[exercise.slug]

    def close(self) -> None:
        for code in self._codes.values():
            code.close()
        if self.workers is not None:
            self.workers.close()


def _bench(config: pytest.Config) -> Bench:
    if STASH not in config.stash:
        config.stash[STASH] = Bench(config)
    return config.stash[STASH]


def _exercise(item: Any) -> Exercise | None:
    """The exercise whose folder a test lies in, if any."""
    folder: Path = item.path.parent
    return Exercise(folder.name, COURSE) if SLUG.fullmatch(folder.name) else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if _exercise(metafunc.definition) is None or metafunc.config.option.collectonly:
        return
    devices = _bench(metafunc.config).devices
    if "device" in metafunc.fixturenames and len(devices) > 1:
        metafunc.parametrize("device", devices)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    own = [item for item in items if _exercise(item) is not None]
    if config.option.collectonly or not own:
        return
    if _bench(config).workers is None and not config.option.usepdb and config.pluginmanager.hasplugin("timeout"):
        for item in own:
            item.add_marker(pytest.mark.timeout(TIMEOUT))


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    if STASH not in config.stash:
        return []
    bench = config.stash[STASH]
    lines = [f"checking {bench.target}, seed {bench.seed}; the same run again: --seed {bench.seed}"]
    return lines + [f"no {device} here: skipped there" for device in bench.absent]


@pytest.fixture
def device(request: pytest.FixtureRequest) -> str:
    """Where the learner's code works."""
    return _bench(request.config).devices[0]


@pytest.fixture
def code(request: pytest.FixtureRequest, device: str) -> Any:
    """The learner's code: call its names as if they were here."""
    from grader.kit.collect import check_of

    exercise = _exercise(request.node)
    if exercise is None:
        raise pytest.UsageError(f"{request.node.nodeid} is no check of an exercise")
    check = check_of(request.node, exercise.slug)
    return _bench(request.config).code(exercise, check.shortcuts, device)


@pytest.fixture
def draw(request: pytest.FixtureRequest, device: str) -> Any:
    """Fresh inputs, the same for the same seed."""
    from grader.checks.attempt import widest
    from grader.checks.draw import Draw

    return Draw(_seed(request.node), widest=widest(device))


@pytest.fixture
def expect(code: Any, draw: Any) -> Any:
    """What a check may demand."""
    from grader.checks.expect import Expect

    return Expect(code, draw)


def _code(item: pytest.Function) -> Any:
    return item.funcargs["code"]


def _seed(item: Any) -> int:
    from grader.checks.attempt import check_seed
    from grader.kit.collect import check_of

    exercise = _exercise(item)
    assert exercise is not None
    return check_seed(_bench(item.config).seed, check_of(item, exercise.slug))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    if _exercise(pyfuncitem) is None or "code" not in pyfuncitem.funcargs:
        return (yield)
    code = _code(pyfuncitem)
    mark = pyfuncitem.get_closest_marker("points")
    code.begin(_seed(pyfuncitem), mark.kwargs.get("patience", 1.0) if mark is not None else 1.0)
    try:
        return (yield)
    except Finding as finding:
        if pyfuncitem.config.option.usepdb and isinstance(finding, Mismatch) and code.calls:
            _step_in(pyfuncitem, code)
        files = {pyfuncitem.function.__code__.co_filename, code.source.filename}
        raise finding.with_traceback(_frames_in(files, finding.__traceback__)) from None


def _step_in(item: pytest.Function, code: Any) -> None:
    """Under `--pdb`: stops in the learner's function, called with what was found to go wrong. `q` ends the session."""
    from grader.judging.step_in import step_in
    from grader.kit.collect import check_of

    capturing = item.config.pluginmanager.getplugin("capturemanager")
    if capturing is not None:
        capturing.suspend(in_=True)
    try:
        step_in(check_of(item, item.path.parent.name), code, _seed(item))
    except bdb.BdbQuit:
        pytest.exit("the debugger was left", returncode=pytest.ExitCode.TESTS_FAILED)
    finally:
        if capturing is not None:
            capturing.resume()


def _frames_in(files: set[str], traceback: TracebackType | None) -> TracebackType | None:
    """The frames of the check and of the learner's file alone: where a debugger should stop."""
    if traceback is None:
        return None
    rest = _frames_in(files, traceback.tb_next)
    if traceback.tb_frame.f_code.co_filename not in files:
        return rest
    return TracebackType(rest, traceback.tb_frame, traceback.tb_lasti, traceback.tb_lineno)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    exercise = _exercise(item)
    if exercise is None or call.when != "call" or call.excinfo is None or not isinstance(item, pytest.Function):
        return report
    from grader.checks.attempt import Attempt
    from grader.judging.exercise import judged
    from grader.judging.explanation import with_diagnosis
    from grader.kit.collect import check_of
    from grader.source.file import spot

    error = call.excinfo.value
    if not isinstance(error, Exception) or "code" not in item.funcargs:
        return report
    check, bench, learner = check_of(item, exercise.slug), _bench(item.config), _code(item)
    tried = Attempt(error, learner, call.duration)
    recogniser = bench.recogniser(exercise, check.shortcuts)
    outcome, run = judged(check, learner, tried, recogniser, _seed(item))
    if run is not None:
        outcome = with_diagnosis(outcome, recogniser.diagnose_alone(run))
    if outcome.verdict == "skip":
        report.outcome, report.longrepr = "skipped", (str(item.path), 0, outcome.message)
    elif outcome.verdict != "error":
        where = f"\n{spot(learner.source.shown, learner.source, outcome.line)}" if outcome.line else ""
        report.longrepr = f"{outcome.message}{where}        seed {bench.seed}"
        report.user_properties.append(("verdict", outcome.verdict))
    return report


def pytest_report_teststatus(
    report: pytest.TestReport,
) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    if report.failed and ("verdict", "unwritten") in getattr(report, "user_properties", []):
        return "unwritten", "u", ("UNWRITTEN", {"yellow": True})
    return None
