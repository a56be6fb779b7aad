"""Which labs there are, and after which exercise each comes. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LabEntry:
    """One lab, as a list shows it.

    Args:
        name: what `grader lab NAME` says.
        after: the number of the exercise whose pass unlocks it; 0 is before the first.
        needs: the numbers of the learner's exercises whose code it runs.
        seconds: about how long it takes on two cores.
        title: what is looked at.
        extras: packages that it needs besides matplotlib.
        shipped: whether it runs the model that comes with the kit. What of the model the learner's exercises do not
            give is the reference's.
    """

    name: str
    after: int
    needs: tuple[int, ...]
    seconds: int
    title: str
    extras: tuple[str, ...] = ()
    shipped: bool = False

    @property
    def trains(self) -> bool:
        """Whether it trains models, and not only looks at what they are at first."""
        return self.seconds > 10

    @property
    def offer(self) -> str:
        """How it is offered: `grader lab memory (2 s)`."""
        return f"grader lab {self.name} ({self.seconds} s)"


DATES = ("babel",)
MODEL = ("babel", "safetensors")
LABS = (
    LabEntry("trailer", 0, (), 5, "a Transformer reads a Korean date, and shows where it looks", MODEL, True),
    LabEntry("memory", 1, (1,), 2, "what reaches a gate from 20 steps back"),
    LabEntry("reversal", 2, (2,), 30, "reading backwards: where it helps, where it hurts"),
    LabEntry("forcing", 3, (2, 3), 20, "told the truth in training, alone in the test"),
    LabEntry("bottleneck", 4, (2, 3, 4), 80, "a context of fixed size against attention"),
    LabEntry("positions", 5, (5,), 2, "a head that looks one word back, and what drowns it"),
    LabEntry("saturation", 6, (6,), 2, "why scores are divided by the root of d_k"),
    LabEntry("surgery", 8, (7, 8), 20, "heads switched off one at a time", MODEL, True),
    LabEntry("collapse", 9, (8, 9), 2, "what six layers do to words without residual connections"),
    LabEntry("price", 11, (1, 7, 8, 9), 10, "what twice the length costs"),
    LabEntry("leak", 12, tuple(range(3, 13)), 90, "a wonderful loss, and nothing learned", DATES),
    LabEntry("translate", 12, tuple(range(3, 13)), 60, "your Transformer translates Korean dates", DATES),
)
"""In the order of the course."""


def unlocked_by(number: int) -> list[LabEntry]:
    """The labs that this exercise's pass unlocks."""
    return [lab for lab in LABS if lab.after == number]
