"""Runs mistakes and alternatives in the learner's place: which check catches each, and under which name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from grader.checks.attempt import attempt, check_seed
from grader.diagnosis.evidence import Run
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
    """Every check that failed; where names were not looked at, the first that was seen to fail."""
    called: str | None = None
    """The name that the first check gave that gave one."""
    called_by: str | None = None
    message: str = ""
    """What the first check said that failed."""
    right: bool = False
    """Whether it is an equivalent."""
    names: tuple[tuple[str, str], ...] = ()
    """Each check that named something, and what."""
    names_were_looked_at: bool = True

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
    def looked_at(self) -> list[Trial]:
        """The trials in which every check was run and names were looked at."""
        return [trial for trial in self.trials if trial.names_were_looked_at]

    @property
    def named(self) -> int:
        return sum(1 for trial in self.looked_at if trial.called == self.variant.name)

    @property
    def false_names(self) -> Counter[tuple[str, str]]:
        """How often which check named another mistake, and which."""
        return Counter(found for trial in self.looked_at for found in trial.false_names)

    @property
    def called(self) -> dict[str, int]:
        """What it was first called instead of by its own name."""
        names = Counter(trial.called or "nothing" for trial in self.looked_at)
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
        return [row for row in self.rows if row.named < len(row.looked_at)]

    @property
    def falsely_named(self) -> list[Row]:
        """Mistakes in which some check named another one."""
        return [row for row in self.rows if row.false_names]

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
        trials = sum(len(row.looked_at) for row in self.rows)
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
    first: int | None = None,
    device: str = "cpu",
    catchers: Mapping[str, Sequence[str]] | None = None,
) -> Iterator[Trial]:
    """Every mistake of an exercise as a learner's file, over one transport after another.

    Args:
        first: so many mistakes, the likeliest; None is all.
        device: where the code works.
        catchers: if given, names are not looked at: a mistake is run until a check catches it, beginning with the
            checks that are listed here by its name.
    """
    benches = {name: _Bench(session, exercise, seed, connect, device) for name, connect in transports.items()}
    for mistake in mistakes(exercise)[:first]:
        seen: _Seen | None = None
        for transport, bench in benches.items():
            if catchers is not None:
                yield replace(bench.until_caught(mistake, catchers.get(mistake.name, ())), transport=transport)
                continue
            seen = bench.seen(mistake, seen)
            yield replace(seen.trial, transport=transport)


def survey_alternatives(
    session: Session,
    exercise: Exercise,
    seed: int,
    transports: dict[str, Connect],
    device: str = "cpu",
    first: int | None = None,
) -> Iterator[Trial]:
    """Every alternative of an exercise, or the `first` so many, as a learner's file, against every check."""
    for transport, connect in transports.items():
        bench = _Bench(session, exercise, seed, connect, device)
        for variant in alternatives(exercise)[:first]:
            failed = [run for run in bench.runs(variant) if run.tried.error is not None]
            said = f"{failed[0].check.id}: {failed[0].tried.error}" if failed else ""
            yield Trial(variant.name, seed, transport, tuple(run.check.id for run in failed), message=said, right=True)


@dataclass(frozen=True)
class _Seen:
    """What was seen of one mistake over one transport."""

    runs: Sequence[Run]
    trial: Trial

    def is_like(self, runs: Sequence[Run]) -> bool:
        """Whether every check ended as in these runs, with the same answers: then it is recognised alike."""
        return all(
            type(one.tried.error) is type(other.tried.error)
            and str(one.tried.error) == str(other.tried.error)
            and same_calls(one.tried.calls, other.tried.calls)
            for one, other in zip(self.runs, runs, strict=True)
        )


class _Bench:
    """Puts variants of one exercise to its checks, on one seed and over one transport.

    A check that calls nothing of what a variant replaces gets the reference's answers from it. The reference is run
    once, and such a check is not run again.

    Raises KitError where the reference fails a check.
    """

    def __init__(self, session: Session, exercise: Exercise, seed: int, connect: Connect, device: str) -> None:
        self._checks, self._recogniser = session.checks[exercise.slug], session.recogniser(exercise)
        self._seed, self._connect, self._device = seed, connect, device
        self._right = {run.check.id: run for run in self._run(as_reference(self._trusted, connect, device))}
        for run in self._right.values():
            if run.tried.error is not None:
                raise KitError(f"{run.check.id} fails on the reference with seed {seed}: {run.tried.error}")

    @property
    def _trusted(self) -> TrustedCode:
        return self._recogniser.trusted

    def _run(self, code: Code, known: Mapping[str, Run] | None = None) -> list[Run]:
        """Every check on one file, but those whose runs are known."""
        runs = []
        for check in self._checks:
            if known is not None and check.id in known:
                runs.append(known[check.id])
                continue
            drawn = check_seed(self._seed, check)
            runs.append(self._recogniser.run_of(check, drawn, attempt(check, code, drawn)))
        code.close()
        return runs

    def _untouched(self, variant: Variant) -> dict[str, Run]:
        """The checks in which this variant answers as the reference does, and how that ends."""
        units = self._recogniser.replaced_by(variant)
        return {name: run for name, run in self._right.items() if run.tried.calls and not run.reached & units}

    def _learner(self, variant: Variant) -> Code:
        return as_learner(variant, self._trusted, self._connect, self._device)

    def runs(self, variant: Variant) -> list[Run]:
        """Every check on one variant."""
        return self._run(self._learner(variant), self._untouched(variant))

    def seen(self, mistake: Variant, before: _Seen | None) -> _Seen:
        """Every check on one mistake, and what is recognised, as for a learner.

        Args:
            before: what was seen over another transport; the same answers are recognised alike.
        """
        runs = self.runs(mistake)
        if before is not None and before.is_like(runs):
            return _Seen(runs, before.trial)
        failed = [run for run in runs if run.tried.error is not None]
        found = self._recogniser.diagnose(
            [run for run in failed if not isinstance(run.tried.error, Lost)],
            [run for run in runs if run.tried.error is None],
        )
        names = [(run.check.id, name) for run in failed if run.check.id in found and (name := found[run.check.id].name)]
        trial = Trial(
            mistake.name,
            self._seed,
            "",
            tuple(run.check.id for run in failed),
            names[0][1] if names else None,
            names[0][0] if names else None,
            str(failed[0].tried.error) if failed else "",
            names=tuple(names),
        )
        return _Seen(runs, trial)

    def until_caught(self, mistake: Variant, first: Sequence[str]) -> Trial:
        """One mistake, until a check catches it.

        Args:
            first: checks that come before all others, the cheapest of them first.
        """
        untouched, code = self._untouched(mistake), self._learner(mistake)
        costs = {check.id: (check.id not in first, self._right[check.id].weight) for check in self._checks}
        caught = Trial(mistake.name, self._seed, "", names_were_looked_at=False)
        for check in sorted(self._checks, key=lambda one: costs[one.id]):
            if check.id not in untouched:
                error = attempt(check, code, check_seed(self._seed, check)).error
                if error is not None:
                    caught = replace(caught, caught_by=(check.id,), message=str(error))
                    break
        code.close()
        return caught


def as_reference(trusted: TrustedCode, connect: Connect, device: str = "cpu") -> Code:
    """The reference as a submitted file."""
    own = trusted.source
    source = Source(own.slug, "<reference>", "the reference", own.text, own.earlier, own.shortcuts)
    return Code(source, connect, trusted.reference, device=device)


def as_learner(variant: Variant, trusted: TrustedCode, connect: Connect, device: str = "cpu") -> Code:
    """A variant as a submitted file."""
    own = trusted.source
    source = Source(own.slug, f"<{variant.name}>", variant.name, variant.source, own.earlier, own.shortcuts)
    return Code(source, connect, trusted.reference, device=device)
