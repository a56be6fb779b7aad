"""The lab before the first exercise: what twelve exercises make, run from a file that comes with the kit."""

from __future__ import annotations

from grader.labs.alignment import alignment, copied, largest
from grader.labs.bench import Bench, Stopped
from grader.labs.dates import EXAMPLE, dates, examples, expected
from grader.labs.lab import Finding, Lab, Question, Table, Typed
from grader.labs.pairs import unreadable
from grader.labs.shipped import shipped, vocabularies

DAYS = 12
QUESTION = Question(
    "A model that nobody told what a month is has learned to say Korean dates in English. It writes the day. Where "
    "does it look?",
    ("everywhere, evenly", "at the day", "at the end of the date"),
)


def run(bench: Bench) -> Finding:
    translator, text = shipped(bench), bench.typed or EXAMPLE
    written = translator.write([text])[0]
    if not written:
        raise Stopped(f"the model wrote nothing for {text!r}")
    bench.tell("written", 0.5)
    weights = translator.look(text, written)
    same, digits = copied(weights, text, written)
    pairs = dates(pairs=3 * DAYS, test=DAYS).test
    over_days = [copied(translator.look(source, target), source, target) for source, target in pairs]
    share = sum(one for one, _ in over_days) / sum(many for _, many in over_days)
    bench.tell("done", 1.0)
    right = expected(text)
    notes = [f"For {text} it wrote: {written}" + (f" (right is: {right})" if right not in (None, written) else "")]
    notes.append("Every part of it is an exercise: you write it from here on, and grader lab translate trains yours.")
    rows = [
        (repr(letter), repr(text[largest(row)]), f"{max(row):.2f}")
        for letter, row in zip(written, weights, strict=True)
    ]
    return Finding(
        claim="It has found by itself where to look: most digits are written looking at that very digit.",
        held=share > 0.5,
        measured=f"{same} of {digits} digits here, {100 * share:.0f} % in {len(pairs)} other dates, by the mean weight "
        "of the last layer's four heads",
        table=Table(("it writes", "looking most at", "weight"), rows),
        figures=[alignment(weights, text, written)],
        numbers={"text": text, "written": written, "right": right, "weights": weights, "share": share},
        notes=notes,
    )


def _refused(text: str) -> str | None:
    return unreadable(text, vocabularies()[0], examples())


LAB = Lab("translate", QUESTION, 1, run, Typed("a Korean date", EXAMPLE, _refused))
