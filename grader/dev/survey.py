"""Runs mistakes and alternatives in the learner's place: which check catches each, and under which name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from grader.checks.attempt import Attempt, attempt, check_seed
from grader.diagnosis.evidence import Run
from grader.diagnosis.recognise import Recogniser
from grader.diagnosis.similarity import same_calls
from grader.diagnosis.trusted import TrustedCode
from grader.errors import KitError, Lost
from grader.judging.session import Session
from grader.kit.collect import Check
from grader.kit.discovery import Exercise
from grader.kit.variants import Variant, alternatives, mistakes
from grader.remote.code import Code
from grader.remote.transport import Transport
from grader.source.file import Source

Connect = Callable[[], Transport]


@dataclass(frozen=True)
class Trial:
    """One variant, on one seed, over one transport."""

    variant: str
    seed: int
    transport: str
    caught_by: tuple[str, ...] = ()
    """Every check that failed; over another transport than the first, the one that was looked at again."""
    called: str | None = None
    """The name that the first check gave that gave one."""
    called_by: str | None = None
    message: str = ""
    """What the first check said that failed."""
    right: bool = False
    """Whether it is an equivalent."""
    names: tuple[tuple[str, str], ...] = ()
    """Each check that named something, and what."""

    @property
    def false_names(self) -> list[tuple[str, str]]:
        """The checks that named another mistake, and which."""
        return [(check, name) for check, name in self.names if name != self.variant or self.right]


@dataclass(frozen=True)
class Row:
    """One variant and all its trials."""

    variant: Variant
    trials: Sequence[Trial]

    @property
    def missed(self) -> int:
        """In how many trials no check failed."""
        return sum(1 for trial in self.trials if not trial.caught_by)

    @property
    def named(self) -> int:
        return sum(1 for trial in self.trials if trial.called == self.variant.name)

    @property
    def called(self) -> dict[str, int]:
        """The names it was given instead of its own."""
        names = Counter(trial.called or "nothing" for trial in self.trials)
        return {name: count for name, count in names.items() if name != self.variant.name}

    @property
    def named_by(self) -> set[str]:
        """The checks that were the first to name something."""
        return {trial.called_by for trial in self.trials if trial.called_by}

    @property
    def caught_by(self) -> dict[str, int]:
        """How often each check failed."""
        return dict(Counter(name for trial in self.trials for name in trial.caught_by))


@dataclass
class Matrix:
    """All mistakes of one exercise against its checks, and its alternatives."""

    exercise: Exercise
    checks: Sequence[Check]
    rows: list[Row]
    right: list[Row] = field(default_factory=list)
    """The alternatives: none should be caught."""

    @property
    def uncaught(self) -> list[Row]:
        return [row for row in self.rows if row.missed]

    @property
    def misnamed(self) -> list[Row]:
        return [row for row in self.rows if row.named < len(row.trials)]

    @property
    def refused(self) -> list[Row]:
        """Alternatives that some check failed."""
        return [row for row in self.right if row.missed < len(row.trials)]

    @property
    def idle(self) -> list[str]:
        """Checks that catch no mistake, whatever their parameters."""
        busy = {family(name) for row in self.rows for name in row.caught_by}
        return sorted({family(check.id) for check in self.checks} - busy)

    @property
    def share_named(self) -> float:
        trials = sum(len(row.trials) for row in self.rows)
        return sum(row.named for row in self.rows) / max(1, trials)


def family(check_id: str) -> str:
    """A check without its parameters."""
    return check_id.partition("[")[0]


def matrix_of(session: Session, exercise: Exercise, trials: Sequence[Trial]) -> Matrix:
    """The trials in the order of the catalogue."""

    def rows(variants: Sequence[Variant], right: bool) -> list[Row]:
        seen = [trial for trial in trials if trial.right is right]
        found = [Row(one, [trial for trial in seen if trial.variant == one.name]) for one in variants]
        return [row for row in found if row.trials]

    wrong_ways, right_ways = rows(mistakes(exercise), False), rows(alternatives(exercise), True)
    return Matrix(exercise, session.checks[exercise.slug], wrong_ways, right_ways)


def survey_mistakes(
    session: Session,
    exercise: Exercise,
    seed: int,
    transports: dict[str, Connect],
    *,
    thorough: bool = True,
    first: int | None = None,
    device: str = "cpu",
) -> Iterator[Trial]:
    """Every mistake of an exercise as a learner's file, over one transport after another.

    Where the check that named a mistake gets the same answers over another transport, it is recognised there too, and
    nothing else is run.

    Args:
        thorough: against every check over every transport; else over the first alone, and over the others against
            the check that names it.
        first: so many mistakes, the likeliest; None is all.
        device: where the code works.
    """
    checks = session.checks[exercise.slug]
    for mistake in mistakes(exercise)[:first]:
        viewer = _Viewer(mistake, checks, session.recogniser(exercise), seed, thorough, device)
        for transport, connect in transports.items():
            yield viewer.again(transport, connect) or viewer.whole(transport, connect)


@dataclass
class _Viewer:
    """Looks at one mistake on one seed."""

    mistake: Variant
    checks: Sequence[Check]
    recogniser: Recogniser
    seed: int
    thorough: bool
    device: str
    seen: Trial | None = None
    named: tuple[Check, Attempt] | None = None
    """The check that gave the mistake its name, and what came of it."""

    def again(self, transport: str, connect: Connect) -> Trial | None:
        """What was seen before, if the check that named the mistake gets the same answers here."""
        if self.thorough or self.seen is None or self.named is None:
            return None
        check, before = self.named
        code = as_learner(self.mistake, self.recogniser.trusted, connect, self.device)
        now = attempt(check, code, check_seed(self.seed, check))
        code.close()
        same = now.error is not None and same_calls(before.calls, now.calls)
        return replace(self.seen, transport=transport, caught_by=(check.id,)) if same else None

    def whole(self, transport: str, connect: Connect) -> Trial:
        """One check after the other, as for a learner."""
        recogniser, failed, passed = self.recogniser, list[Run](), list[Run]()
        code = as_learner(self.mistake, self.recogniser.trusted, connect, self.device)
        for check in self.checks:
            drawn = check_seed(self.seed, check)
            tried = attempt(check, code, drawn)
            if tried.error is not None and not recogniser.trusted.reference_passes(check, drawn):
                raise KitError(f"{check.id} fails on the reference with seed {self.seed}")
            (passed if tried.error is None else failed).append(recogniser.run_of(check, drawn, tried))
        found = recogniser.diagnose([run for run in failed if not isinstance(run.tried.error, Lost)], passed)
        code.close()
        names = [(run, name) for run in failed if run.check.id in found and (name := found[run.check.id].name)]
        if names:
            self.named = names[0][0].check, names[0][0].tried
        self.seen = Trial(
            self.mistake.name,
            self.seed,
            transport,
            tuple(run.check.id for run in failed),
            names[0][1] if names else None,
            names[0][0].check.id if names else None,
            str(failed[0].tried.error) if failed else "",
            names=tuple((run.check.id, name) for run, name in names),
        )
        return self.seen


def survey_alternatives(
    session: Session, exercise: Exercise, seed: int, transports: dict[str, Connect], device: str = "cpu"
) -> Iterator[Trial]:
    """Every alternative of an exercise as a learner's file, against every check."""
    trusted = session.trusted(exercise)
    for transport, connect in transports.items():
        for variant in alternatives(exercise):
            code = as_learner(variant, trusted, connect, device)
            tried = [(c.id, attempt(c, code, check_seed(seed, c)).error) for c in session.checks[exercise.slug]]
            failed = [(name, error) for name, error in tried if error is not None]
            code.close()
            said = f"{failed[0][0]}: {failed[0][1]}" if failed else ""
            yield Trial(variant.name, seed, transport, tuple(name for name, _ in failed), message=said, right=True)


def as_learner(variant: Variant, trusted: TrustedCode, connect: Connect, device: str = "cpu") -> Code:
    """A variant as a submitted file."""
    own = trusted.source
    source = Source(own.slug, f"<{variant.name}>", variant.name, variant.source, own.earlier, own.shortcuts)
    return Code(source, connect, trusted.reference, device=device)
