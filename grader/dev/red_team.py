"""`grader grade --red-team`: submissions that attack the grader, run against an exercise on this machine.

Each file of `attacks/` is the end of a submission whose functions all return zeros: it must earn nothing, touch
nothing and leave nothing behind. Its docstring says what it tries. `# needs: NAME` names what of the isolation must
hold for it to be refused; where that is missing, it is reported as open.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grader.checks.attempt import attempt
from grader.diagnosis.recognise import Recogniser
from grader.diagnosis.trusted import TrustedCode
from grader.judging.exercise import CheckSettings, run_exercise
from grader.kit import collect
from grader.kit.discovery import Exercise, Kit
from grader.launch import isolation
from grader.launch.launcher import launcher
from grader.launch.spawn import Launcher, label
from grader.limits import Limits
from grader.paths import ATTACKS
from grader.remote.transport import WorkerTransport
from grader.results.verdicts import ExerciseResult
from grader.source.file import File, Source

SECONDS = 1.0
"""For an attack; honest code has the usual time."""
SEED = 4127
BREACH = "BREACH: "
TWICE = "# twice\n"
"""In an attack that looks for what it left the first time."""
_NEEDS = re.compile(r"^# needs: (\w+)$", re.M)
_UNWRITTEN = re.compile(r"raise NotImplementedError\([^)]*\)")
_PRELUDE = """
CANARY, PORT, KIT, GRADER, NAMES = {canary!r}, {port!r}, {kit!r}, {grader!r}, {names!r}
class Breach(BaseException):
    pass
def breach(what):
    raise Breach({breach!r} + what)
def everywhere(function):
    for name in NAMES:
        if isinstance(globals()[name], type):
            globals()[name].forward = lambda self, *a, **k: function(*a, **k)
        else:
            globals()[name] = function
"""


@dataclass(frozen=True)
class Attack:
    """One submission that tries something.

    Args:
        name: its file's name.
        tries: what it tries, one sentence.
        text: the code.
        needs: the layer or promise of the isolation without which it cannot be refused.
    """

    name: str
    tries: str
    text: str
    needs: str | None


@dataclass(frozen=True)
class AttackResult:
    """The result of an attack; `harm` is empty where it did none."""

    attack: Attack
    result: ExerciseResult
    harm: tuple[str, ...] = ()
    open: bool = False
    """Whether what it needs to be refused is missing on this machine."""

    @property
    def held(self) -> bool:
        return not self.harm


def attacks() -> list[Attack]:
    """Every attack there is."""
    found = []
    for file in sorted(ATTACKS.glob("*.py")):
        text = file.read_text(encoding="utf-8")
        needs = _NEEDS.search(text)
        tries = " ".join((ast.get_docstring(ast.parse(text)) or "").split())
        found.append(Attack(file.stem, tries, text, needs.group(1) if needs else None))
    return found


class Target:
    """A place to attack: an exercise, the workers, and things nearby that must stay as they are.

    Args:
        kit: where the exercise lies.
        exercise: which one is attacked.
        workers: what runs the attacks.
        every: attacks meet each so many checks of the exercise, honest code meets them all.
    """

    def __init__(self, kit: Kit, exercise: Exercise, workers: Launcher, *, every: int = 1) -> None:
        self._checks = collect.collect(kit, [exercise])[exercise.slug]
        self._attacked = self._checks[::every]
        self._reference = collect.reference(kit, exercise.slug)
        self._source = collect.source_of(kit, exercise, File.at(exercise.solution), self._checks[0].shortcuts)
        self._recogniser = Recogniser(TrustedCode(self._source, self._reference, attempt, attempt), [])
        self._kit, self._exercise, self._workers = kit, exercise, workers
        self._settings = CheckSettings(SEED, connect=lambda: WorkerTransport(workers))
        self._stack = contextlib.ExitStack()
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._folder.chmod(0o755)
        self._listener = self._stack.enter_context(contextlib.closing(socket.socket()))
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self._listener.setblocking(False)

    def close(self) -> None:
        """Removes what attacks may have left where nothing kept them from it."""
        self._stack.close()
        for folder in ("/tmp", "/dev/shm", "/var/tmp"):
            for left in Path(folder).glob("grader-attack-*"):
                with contextlib.suppress(OSError):
                    left.unlink()

    def honest(self) -> ExerciseResult:
        """What the reference earns now; it must never change."""
        return self._run(self._checks, self._source, self._settings)

    def attacked(self, attack: Attack) -> AttackResult:
        """Runs one attack and looks at what it did."""
        source = replace(self._source, text=self._submission(attack).encode())
        for path in self._folder.iterdir():
            path.rmdir() if path.is_dir() else path.unlink()
        (self._folder / "canary").write_text("alive", encoding="utf-8")
        WorkerTransport(self._workers).close()  # where an attack has ended what starts workers, that starts again
        before = set(processes())
        for _ in range(2 if TWICE in attack.text else 1):
            result = self._run(self._attacked, source, replace(self._settings, seconds=SECONDS))
        return AttackResult(attack, result, tuple(self._harm(result, before)), bool(self._lacks(attack)))

    def _run(self, found: Sequence[collect.Check], source: Source, settings: CheckSettings) -> ExerciseResult:
        return run_exercise(found, source, self._reference, self._recogniser, settings)

    def _submission(self, attack: Attack) -> str:
        """The stub with zeros for results, then the attack."""
        stub = self._exercise.stub.read_text(encoding="utf-8")
        kinds = (ast.FunctionDef, ast.ClassDef)
        prelude = _PRELUDE.format(
            canary=str(self._folder / "canary"),
            port=self._listener.getsockname()[1],
            kit=str(self._kit.root),
            grader=os.getpid(),
            names=[node.name for node in ast.parse(stub).body if isinstance(node, kinds)],
            breach=BREACH,
        )
        hollow = _UNWRITTEN.sub("return __import__('torch').zeros(1)", stub)
        return f"{hollow}\n{prelude}\n{attack.text}"

    def _harm(self, result: ExerciseResult, before: set[int]) -> Iterator[str]:
        if result.score is None:
            yield "it was taken for the grader's own fault"
        elif result.score > 0:
            yield f"it earned {result.score:g} points that it did not compute"
        said = [outcome.message + outcome.output for outcome in result.outcomes]
        yield from {found.splitlines()[0] for text in said for found in text.split(BREACH)[1:]}
        if _content(self._folder) != {"canary": "alive"}:
            yield "it changed a file of another"
        with contextlib.suppress(BlockingIOError):
            self._listener.accept()[0].close()
            yield "it reached the network"
        if left := set(processes()) - before:
            yield f"it left {len(left)} processes behind"

    def _lacks(self, attack: Attack) -> list[str]:
        return isolation.missing(self._workers.isolation, [attack.needs]) if attack.needs else []


def _content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") if path.is_file() else "" for path in folder.iterdir()}


def processes() -> Iterator[int]:
    """The processes that run learners' code for this process."""
    own = label().encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if own in (folder / "cmdline").read_bytes().split(b"\0") and "Z" not in _state(folder):
                yield int(folder.name)


def _state(folder: Path) -> str:
    return (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]


def run(kit: Kit, exercises: Sequence[Exercise], say: Callable[[str], None]) -> int:
    """Runs every attack against each exercise and reports. Returns the exit status: 1 where one did harm."""
    workers = launcher(Limits(), many=True)
    broken = 0
    try:
        for exercise in exercises:
            say(f"{exercise.slug}: {len(attacks())} attacks")
            broken += _attack(kit, exercise, workers, say)
    finally:
        workers.close()
    say("every attack was refused" if not broken else f"{broken} attacks did harm")
    return 1 if broken else 0


def _attack(kit: Kit, exercise: Exercise, workers: Launcher, say: Callable[[str], None]) -> int:
    range_ = Target(kit, exercise, workers)
    broken = 0
    try:
        before = range_.honest()
        for attack in attacks():
            found = range_.attacked(attack)
            state = "refused" if found.held else "OPEN" if found.open else "HARM"
            broken += not found.held and not found.open
            why = "".join(f"\n          {harm}" for harm in found.harm)
            say(f"  {state:<8}{attack.name:<32}{attack.tries}{why}")
        if points(range_.honest()) != points(before):
            say("  HARM    honest code does not earn what it earned before")
            broken += 1
    finally:
        range_.close()
    return broken


def points(result: ExerciseResult) -> list[tuple[str, str, float]]:
    """What must never change for the same file: verdicts and points."""
    return [(outcome.id, outcome.verdict, outcome.points) for outcome in result.outcomes]
