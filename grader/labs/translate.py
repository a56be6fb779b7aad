"""The lab of exercise 12: the learner's Transformer translates dates of days that it has never seen."""

from __future__ import annotations

from typing import Any

from grader.labs.bench import Bench
from grader.labs.dates import dates
from grader.labs.figures import can_show
from grader.labs.lab import Figure, Finding, Lab, Question, Table, over, spread
from grader.labs.translator import Translator, exact, trained

BAR = 0.97
EXAMPLE = "2024\ub144 3\uc6d4 19\uc77c"
IN_ENGLISH = {"\ub144": "(year)", "\uc6d4": "(month)", "\uc77c": "(day)"}
"""What stands in a figure for a Korean character, where no font here has it."""
QUESTION = Question(
    "Your Transformer has never seen a date, nor a word of either language. After 800 batches of 64 pairs, how many "
    "dates of unseen days does it translate without one wrong character?",
    ("hardly any", "about half", "nearly all of them"),
)


def run(bench: Bench) -> Finding:
    pairs, test = (64, 8) if bench.steps else (11_000, 300)
    data, steps = dates(pairs, test), 1600 if bench.full else 800
    models = bench.seeds + bench.full
    shares, losses, wrong = [], [], []
    first: Translator | None = None
    for seed in range(bench.seeds):
        translator, training = trained(bench, data, "translate", steps, seed, seed, models)
        first = first or translator
        share, missed = exact(translator, data)
        shares.append(share)
        losses.append(training.losses)
        wrong += missed
    assert first is not None
    first.keep(bench.out / "model.frame")
    rows = [("unseen days", f"{100 * min(shares):.1f} %", spread([sum(row[-40:]) / len(row[-40:]) for row in losses]))]
    notes = [f"{source} became {written}, not {right}." for source, written, right in wrong[:3]]
    numbers: dict[str, Any] = {"exact": shares, "losses": losses, "wrong": wrong[:50]}
    if bench.full:
        later, words = _later(bench, steps, models)
        rows.append(("trained to 2009, tested on 2040", f"{100 * later:.1f} %", ""))
        numbers["trained to 2009, tested on 2040"] = later
        notes.append(words)
    written = first.write([EXAMPLE])[0]
    weights = first.look(EXAMPLE, written) if written else []
    notes.append(f"It wrote {written!r} for {EXAMPLE!r}. Try one of your own: grader translate {EXAMPLE!r}")
    figures = [
        Figure(
            "learning",
            f"After {len(losses[0])} batches it translates {100 * min(shares):.0f} % of unseen days right",
            f"The loss over the steps, on a logarithmic scale, from {losses[0][0]:.2g} to {losses[0][-1]:.2g}.",
            lambda axes: _curve(axes, losses),
        )
    ]
    if weights:
        figures.append(
            Figure(
                "alignment",
                _looked(weights, EXAMPLE, written),
                f"A picture of weights: a row for each character of {written}, a column for each of {EXAMPLE}.",
                lambda axes: _alignment(axes, weights, EXAMPLE, written),
            )
        )
    return Finding(
        claim="Attention alone can translate: at least 97 % of dates of unseen days, without one wrong character.",
        held=min(shares) >= BAR,
        measured=f"share of {len(data.test)} unseen days translated exactly, written greedily, {over(bench.seeds)}: "
        + spread(shares, ".3f"),
        table=Table(("dates", "exact", "loss at the end"), rows),
        figures=figures,
        numbers=numbers,
        notes=notes,
    )


def _later(bench: Bench, steps: int, models: int) -> tuple[float, str]:
    """What a model makes of a year that lies after all it was trained on."""
    data = dates(last_year=2009, test_year=2040)
    translator, _ = trained(bench, data, "to 2009", steps, 0, models - 1, models)
    share, wrong = exact(translator, data)
    example = f": {wrong[0][0]} became {wrong[0][1]}" if wrong else ""
    return share, f"Trained on days to 2009, it translates {100 * share:.1f} % of days of 2040{example}."


def _looked(weights: list[list[float]], source: str, written: str) -> str:
    """The finding of the alignment, for a title."""
    digits = [row for row, character in enumerate(written) if character.isdecimal()]
    same = sum(source[max(range(len(source)), key=weights[row].__getitem__)] == written[row] for row in digits)
    return f"It looks at what it copies: {same} of {len(digits)} digits are written looking at that very digit most"


def _curve(axes: Any, losses: list[list[float]]) -> None:
    for seed, row in enumerate(losses):
        smooth = [sum(row[max(0, i - 9) : i + 1]) / len(row[max(0, i - 9) : i + 1]) for i in range(len(row))]
        axes.plot(range(1, len(row) + 1), smooth, ("-", "--", "-.", ":")[seed % 4], label=f"seed {seed}")
    axes.set(yscale="log", xlabel="batches of 64 pairs", ylabel="loss, nats per character (mean of 10)")
    if len(losses) > 1:
        axes.legend()


def _alignment(axes: Any, weights: list[list[float]], source: str, written: str) -> None:
    image = axes.imshow(weights, aspect="auto", cmap="Greys", vmin=0, vmax=1)
    names = {" ": "(space)"} if can_show(source) else {" ": "(space)", **IN_ENGLISH}
    axes.set_xticks(range(len(source)), [names.get(character, character) for character in source], fontsize=9)
    axes.set_yticks(range(len(written)), [names.get(character, character) for character in written], fontsize=8)
    axes.set(xlabel="Korean date, read", ylabel="English, written")
    axes.grid(False)
    axes.figure.colorbar(image, ax=axes, label="weight")


LAB = Lab("translate", QUESTION, 1, run, ("matplotlib", "babel"))
