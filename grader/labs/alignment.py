"""Where a translator looks while it writes: as words, as a share, and as a picture."""

from __future__ import annotations

from typing import Any

from grader.labs.figures import can_show
from grader.labs.lab import Figure

Weights = list[list[float]]
"""A row for each character that was written, a column for each of the source."""
IN_ENGLISH = {"\ub144": "(year)", "\uc6d4": "(month)", "\uc77c": "(day)"}
"""What stands in a figure for a Korean character, where no font here has it; of others their number in Unicode."""


def copied(weights: Weights, source: str, written: str) -> tuple[int, int]:
    """How many digits were written looking at that very digit most, and how many digits there are."""
    rows = [row for row, character in enumerate(written) if character.isdecimal()]
    return sum(source[largest(weights[row])] == written[row] for row in rows), len(rows)


def largest(row: list[float]) -> int:
    return max(range(len(row)), key=row.__getitem__)


def alignment(weights: Weights, source: str, written: str) -> Figure:
    """The weights as a picture."""
    same, digits = copied(weights, source, written)
    return Figure(
        "alignment",
        f"It looks at what it copies: {same} of {digits} digits are written looking at that very digit most",
        f"A picture of weights: a row for each character of {written}, a column for each of {source}. Most weight: "
        + ", ".join(f"{_seen(c)} on {_seen(source[largest(row)])}" for c, row in zip(written, weights, strict=True))
        + ".",
        lambda axes: _draw(axes, weights, source, written),
    )


def _draw(axes: Any, weights: Weights, source: str, written: str) -> None:
    image = axes.imshow(weights, aspect="auto", cmap="Greys", vmin=0, vmax=1)
    axes.set_xticks(range(len(source)), [_name(character) for character in source], fontsize=9)
    axes.set_yticks(range(len(written)), [_name(character) for character in written], fontsize=8)
    axes.set(xlabel="what is read", ylabel="what is written")
    axes.grid(False)
    axes.figure.colorbar(image, ax=axes, label="weight")


def _seen(character: str) -> str:
    return {" ": "space", ",": "comma", ".": "full stop"}.get(character, character)


def _name(character: str) -> str:
    """A character as a figure can show it."""
    if character == " ":
        return "\u2423"  # an open box, which stands for a space
    return character if can_show(character) else IN_ENGLISH.get(character, f"U+{ord(character):04X}")
