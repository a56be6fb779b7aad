"""Which known mistake a learner made: the one that answers all that the checks asked as the learner's file did.

A name is a claim about a file, so it is made when every check has run. It must show as the learner's results in one
check at least, where nothing is raised, and contradict no other check of the same functions, failed or passed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

from torch import nn

from grader.diagnosis.call_graph import CallGraph, replaced
from grader.diagnosis.diagnosis import NOTHING, Certainty, Diagnosis
from grader.diagnosis.evidence import MOST_FOR_ONE, Evidence, Run, Witness
from grader.diagnosis.similarity import same_exception
from grader.errors import LearnerError
from grader.kit.variants import Variant, can_meet

if TYPE_CHECKING:
    from grader.checks.attempt import Attempt
    from grader.diagnosis.trusted import TrustedCode
    from grader.kit.collect import Check

MAX_SEARCH, MAX_AGAIN, MAX_SEARCH_FOR_TWO = 1_100.0, 100.0, 150.0
"""About how many milliseconds may go into looking for mistakes; into looking again when none fitted one check; and into
looking for two at once."""

MAX_HOLD, MAX_HOLD_AT_ALL = 500.0, 600.0
"""About how many may go into holding a mistake that was found against the other checks; and all of them."""

MERGING = 10.0
"""What it costs to see whether two changes of one function can be made together, in milliseconds."""

FIRST_ASKED = 3
"""Checks that the file passes, to which a mistake is put before it is asked a costly question."""

MAX_PAIRS = 30
"""Pairs of mistakes that are tried on one file."""

MAX_VAIN, MAX_VAIN_AT_ALL = 1, 3
"""Failed checks of the same functions, and of one file, for which all mistakes are tried and none fits: what no
catalogue has fails many checks."""

MAX_PARTLY = 3
"""Mistakes that explain one check and leave another open: after so many the best of them is taken."""


@dataclass(frozen=True)
class _Claim:
    """Mistakes that contradict nothing that is known.

    Args:
        mistakes: one, or two at once.
        proven: the checks in which their results are the learner's.
        crashes: the checks in which they raise something where the learner's file does.
        left: the checks of the same functions that fail in another way.
        made_elsewhere: whether a helper that they are in is right by itself, so that they were made in what calls it.
    """

    mistakes: tuple[Variant, ...]
    proven: frozenset[str]
    crashes: frozenset[str]
    left: frozenset[str]
    made_elsewhere: bool = False

    @property
    def explained(self) -> frozenset[str]:
        return self.proven | self.crashes

    @property
    def rank(self) -> tuple[int, bool]:
        """The larger, the better it fits."""
        return len(self.explained) - len(self.left), not self.made_elsewhere


@dataclass
class _File:
    """What the checks said of one file, and what was found out about it so far."""

    failed: list[Run]
    passed: list[Run]
    witness: Witness
    claims: list[_Claim] = field(default_factory=list)
    refuted: set[tuple[str, ...]] = field(default_factory=set)
    suspects: list[Variant] = field(default_factory=list)
    """What fits some check by itself."""
    pairs: int = 0
    held: float = 0.0
    """About how many milliseconds were allowed for holding mistakes against the other checks."""
    vain: Counter[frozenset[str]] = field(default_factory=Counter)
    """How often no mistake fitted, by what the check calls."""

    @cached_property
    def call_graph(self) -> CallGraph | None:
        """Of the learner's file; None where its text is more than can be read."""
        source = self.failed[0].tried.source
        with suppress(Exception):  # so deeply nested that the compiler of another process alone bears it, say
            return CallGraph(source.text, source.definitions_only)
        return None

    def gives_up(self, run: Run) -> bool:
        return self.vain[run.entered] >= MAX_VAIN or self.vain.total() >= MAX_VAIN_AT_ALL or self.witness.is_tired

    def is_explained(self, run: Run) -> bool:
        return any(run.check.id in claim.explained for claim in self.claims)


class Recogniser:
    """The known mistakes of one exercise, beside one learner's file after another.

    Args:
        trusted: runs checks on files of our own.
        mistakes: the catalogue, the likelier first.
    """

    def __init__(self, trusted: TrustedCode, mistakes: Sequence[Variant]) -> None:
        self.trusted = trusted
        self._mistakes = mistakes
        self._order = {mistake.name: number for number, mistake in enumerate(mistakes)}
        self._call_graph = CallGraph(trusted.source.text)
        self._units = {mistake.name: self.replaced_by(mistake) for mistake in mistakes}

    def run_of(self, check: Check, seed: int, tried: Attempt) -> Run:
        """A check that was run on a learner's file, with what it calls."""
        called = [call.name for call in tried.calls]
        reached = self._call_graph.reached(called)
        entered = frozenset(unit for unit in self._call_graph.entered(called) if not unit.endswith(".__init__"))
        looping = frozenset(name for name in called if self._call_graph.loops(self._call_graph.reached([name])))
        return Run(check, seed, tried, entered or reached, reached, looping)

    def diagnose(self, failed: Sequence[Run], passed: Sequence[Run]) -> dict[str, Diagnosis]:
        """What is recognised in each failed check of one file, by the check's id.

        Args:
            failed: the checks that the file fails, in teaching order; the reference passes them.
            passed: the checks that it passes.
        """
        file = _File(list(failed), list(passed), Witness(self.trusted, MAX_SEARCH, self.units_of))
        on_cpu = [run for run in failed if not run.tried.is_on_a_gpu]
        cheap = [run for run in on_cpu or failed if not run.is_costly]
        simplest_first = sorted(cheap or failed, key=lambda run: (_raised(run), len(run.reached), run.weight))
        for run in simplest_first:
            if not file.is_explained(run) and not file.gives_up(run):
                self._look_for_one(file, run)
        file.witness.allow(MAX_SEARCH_FOR_TWO)
        for pairs in (self._of_suspects, self._with_a_known_one, self._that_show) if on_cpu else ():
            for run in simplest_first:
                if not file.is_explained(run) and not file.witness.is_tired:
                    self._look_for_two(file, run, pairs(file, run))
        return {run.check.id: self._said(file, run) for run in failed}

    def mistakes_called(self, name: str | None) -> list[Variant]:
        """The mistake of this name; none for no name."""
        return [one for one in self._mistakes if one.name == name]

    def diagnose_alone(self, run: Run) -> Diagnosis:
        """What is recognised in a failed check where no other was run."""
        known = self.diagnose([run], [])[run.check.id]
        return replace(known, certainty=Certainty.HERE) if known.certainty is Certainty.NAME else known

    # ------------------------------------------------------------------------------------------ looking for them

    def _look_for_one(self, file: _File, run: Run) -> None:
        partly: list[_Claim] = []
        for one in self._in(file, run):
            if len(partly) >= MAX_PARTLY or not self._is_worth_it(file, one, run):
                continue
            if file.witness.of((one,), run) is not Evidence.PROVEN:
                continue
            file.suspects += [one] if one not in file.suspects else []
            claim = self._held(file, (one,), run)
            if claim is not None and not claim.left and not claim.made_elsewhere:
                file.claims.append(claim)
                return
            partly += [claim] if claim is not None else []
        if partly:
            file.claims.append(max(partly, key=lambda claim: claim.rank))
        else:
            file.vain[run.entered] += 1
            file.witness.limit(MAX_AGAIN)

    def _is_worth_it(self, file: _File, mistake: Variant, run: Run) -> bool:
        """Whether a mistake is to be asked what a check asks. Where that is costly, it is not if it fails one of the
        cheap checks of the same functions that the file passes: it would be refuted by that."""
        if not run.is_costly:
            return True
        passed = [one for one in self._nearest(file.passed, (mistake,), run) if one.entered & run.entered]
        cheap = [one for one in passed if not (one.check.structural or one.is_costly)][:FIRST_ASKED]
        return not any(file.witness.fails((mistake,), other) for other in cheap)

    def _look_for_two(self, file: _File, run: Run, pairs: Iterator[tuple[Variant, Variant]]) -> None:
        for pair in pairs:
            if file.witness.of(pair, run) is Evidence.PROVEN and (claim := self._held(file, pair, run)) is not None:
                file.claims.append(claim)
                return

    def _in(self, file: _File, run: Run) -> list[Variant]:
        """The mistakes that can show in a check: the likely ones, then the unlikely. Where all is right
        but on a GPU, those about devices come first.

        Unlikely are those in places that a passed check of values calls and this check does not.
        """
        sound = frozenset[str]().union(*(one.entered for one in file.passed if not one.check.structural)) - run.entered
        devices_first = run.tried.is_on_a_gpu
        groups: list[list[Variant]] = [[], [], [], []]
        for one in self._shown(run):
            is_unlikely = self._units[one.name] <= sound
            groups[is_unlikely + 2 * (devices_first and not one.shows_on_gpus_only)].append(one)
        return [one for group in groups for one in group]

    def _shown(self, run: Run) -> list[Variant]:
        return [one for one in self._mistakes if self._units[one.name] & run.reached]

    def _of_suspects(self, file: _File, run: Run) -> Iterator[tuple[Variant, Variant]]:
        """Mistakes in different places, each of which fits some check by itself."""
        for pair in combinations(sorted(file.suspects, key=lambda one: self._order[one.name]), 2):
            if self._apart(*pair):
                yield pair

    def _with_a_known_one(self, file: _File, run: Run) -> Iterator[tuple[Variant, Variant]]:
        """A mistake that was recognised in other checks, and one in another place."""
        for suspect in [claim.mistakes[0] for claim in file.claims if len(claim.mistakes) == 1]:
            for other in self._shown(run) if file.witness.of((suspect,), run) is Evidence.OTHER else []:
                if self._apart(suspect, other) and self._shows(file, other, run):
                    first, second = sorted((suspect, other), key=lambda one: self._order[one.name])
                    yield first, second

    def _that_show(self, file: _File, run: Run) -> Iterator[tuple[Variant, Variant]]:
        """Any two that are wrong where the file is; first those that go best with what it answers there."""
        showing = [one for one in self._shown(run) if file.witness.shows_with_another(one, run)]
        likely = [(-file.witness.fit(one, two, run), one, two) for one, two in combinations(showing, 2)]
        likely.sort(key=lambda each: (round(each[0], 6), self._order[each[1].name] + self._order[each[2].name]))
        for _, one, two in likely:
            if file.pairs >= MAX_PAIRS or file.witness.is_tired:
                return
            if one.target == two.target:
                file.witness.charge(MERGING)
            if self._apart(one, two):
                file.pairs += 1
                yield one, two

    def _shows(self, file: _File, mistake: Variant, run: Run) -> bool:
        return file.witness.of((mistake,), run) is Evidence.OTHER and file.witness.shows_with_another(mistake, run)

    def _apart(self, one: Variant, other: Variant) -> bool:
        """Whether one file can hold both."""
        if one.target == other.target:
            return can_meet(one, other)
        return not self._units[one.name] & self._units[other.name]

    # ------------------------------------------------------------------------------------------ do they hold?

    def _held(self, file: _File, mistakes: tuple[Variant, ...], run: Run) -> _Claim | None:
        """What these mistakes, which fit one check, explain of the others; None where one contradicts them."""
        key = tuple(one.name for one in mistakes)
        if key in file.refuted:
            return None
        more = min(MAX_HOLD, MAX_HOLD_AT_ALL - file.held)
        file.held += more
        file.witness.allow(more)
        claim = self._against_the_failed(file, mistakes, run)
        passed = self._passed_in_spite_of(file, mistakes, run) if claim is not None else None
        if claim is None or (passed is not None and (claim.left or passed.entered & run.entered)):
            file.refuted.add(key)
            return None
        is_right = passed is not None or any(file.witness.is_right_by_itself(mistakes, one) for one in file.failed)
        if is_right and self._is_used(file, mistakes, claim):
            file.refuted.add(key)
            return None
        return replace(claim, made_elsewhere=passed is not None)

    def _is_used(self, file: _File, mistakes: tuple[Variant, ...], claim: _Claim) -> bool:
        """Whether the learner's file uses a helper, in which these mistakes are made, where they explain what fails. It
        does for all we know where its text cannot be read."""
        units, explained = self.units_of(mistakes), [run for run in file.failed if run.check.id in claim.explained]
        above = {unit for run in explained for unit in run.entered if unit not in units}
        return file.call_graph is None or file.call_graph.uses(above, units)

    def _against_the_failed(self, file: _File, mistakes: tuple[Variant, ...], run: Run) -> _Claim | None:
        said = {other.check.id: file.witness.of(mistakes, other) for other in self._nearest(file.failed, mistakes, run)}
        against = [other for other in file.failed if said.get(other.check.id) is Evidence.OTHER]
        for other in file.failed:
            is_new = other.check.id not in said and bool(self.units_of(mistakes) & other.reached)
            is_new = is_new and other.weight <= MOST_FOR_ONE
            if is_new and file.witness.of(mistakes, other) is Evidence.PROVEN:
                said[other.check.id] = Evidence.PROVEN
        kept = {  # where less runs, and something else comes out, more of it proves nothing
            other.check.id: said[other.check.id]
            for other in file.failed
            if said.get(other.check.id) in FITS and not any(one.reached <= other.reached for one in against)
        }
        if Evidence.PROVEN not in kept.values():
            return None
        proven = frozenset(name for name, kind in kept.items() if kind is Evidence.PROVEN)
        left = frozenset(name for name, kind in said.items() if name not in kept and kind is not Evidence.UNKNOWN)
        if left and any(file.witness.is_right_by_itself(mistakes, other) for other in file.failed):
            return None
        return _Claim(mistakes, proven, frozenset(kept) - proven, left)

    def _passed_in_spite_of(self, file: _File, mistakes: tuple[Variant, ...], run: Run) -> Run | None:
        """A check that the learner's file passes and the mistakes fail: of the functions that this one calls, if there
        is one, else of a helper alone.

        A helper that is right by itself is no objection where a mistake explains all of what calls it, and the file
        does not use the helper there: the same mistake was made without it.
        """
        nearest = sorted(self._nearest(file.passed, mistakes, run), key=lambda other: not other.entered & run.entered)
        return next((other for other in nearest if file.witness.fails(mistakes, other)), None)

    def _nearest(self, runs: Sequence[Run], mistakes: tuple[Variant, ...], run: Run) -> list[Run]:
        """The checks of the same functions in which these mistakes can show, the cheaper first; costly ones are left
        out."""
        units = self.units_of(mistakes)
        same = [one for one in runs if one.entered & run.entered or one.reached <= run.reached]
        if not run.tried.is_on_a_gpu:  # what fails there may fail for the device's sake
            same = [one for one in same if not one.tried.is_on_a_gpu]
        near = sorted((one for one in same if units & one.reached), key=lambda one: one.weight)
        return [one for one in near if one is run or not one.is_costly]

    def units_of(self, mistakes: Sequence[Variant]) -> frozenset[str]:
        """The functions and methods that these mistakes replace."""
        return frozenset[str]().union(*(self._units[one.name] for one in mistakes))

    def replaced_by(self, variant: Variant) -> frozenset[str]:
        """The functions and methods that a variant replaces."""
        every = self._call_graph.units_of(variant.target)
        units = replaced(variant.pieces[-1], variant.target)
        if units is None or not units & every:
            return frozenset(every)
        added = units - every
        return frozenset(every) if any(hasattr(nn.Module, unit.split(".")[1]) for unit in added) else units & every

    # ------------------------------------------------------------------------------------------ what is said

    def _said(self, file: _File, run: Run) -> Diagnosis:
        name = run.check.id
        claims = [claim for claim in file.claims if name in claim.explained]
        if not claims:
            return self._guess(file, run)
        whole = [claim for claim in claims if not self._leaves_over(file, claim)]
        claims = sorted(whole or claims, key=lambda claim: (len(claim.mistakes), -len(claim.explained)))
        first = claims[0]
        certainty = Certainty.NAME if whole else Certainty.CLUE
        return Diagnosis(first.mistakes, certainty)

    def _leaves_over(self, file: _File, claim: _Claim) -> bool:
        """Whether a check of the same functions fails in a way that no claim explains."""
        by_others = frozenset[str]().union(*(other.explained for other in file.claims if other is not claim))
        return bool(claim.left - by_others)

    def _guess(self, file: _File, run: Run) -> Diagnosis:
        """A mistake that raises the same here, where what is raised says more than two sizes do."""
        if file.claims or not _raised(run) or (file.gives_up(run) and file.vain[run.entered] == 0):
            return NOTHING
        for one in self._in(file, run):
            if file.witness.of((one,), run) is not Evidence.CRASHES:
                continue
            mine = self.trusted.attempt_mistakes((one,), run.check, run.seed)
            if not same_exception(mine.requests, run.tried.requests, with_sizes=one.shows_on_gpus_only):
                continue
            if all(file.witness.of((one,), other) in FITS for other in self._nearest(file.failed, (one,), run)):
                return Diagnosis((one,), Certainty.GUESS)
        return NOTHING


def _raised(run: Run) -> bool:
    """Whether the learner's code raised: that proves no mistake, so values are looked at before."""
    return isinstance(run.tried.error, LearnerError)


FITS = (Evidence.PROVEN, Evidence.CRASHES)
