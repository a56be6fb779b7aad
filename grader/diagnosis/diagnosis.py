"""What the grader says of a known mistake: a name where all agrees, a clue where some of it does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from grader.kit.variants import Variant


class Certainty(Enum):
    """How well a mistake fits all that is known of a file."""

    NAME = "its results are the learner's, and no check of the same functions says otherwise"
    CLUE = "its results are the learner's here, and another check of the same functions fails in another way"
    HERE = "its results are the learner's here, and no other check was looked at"
    GUESS = "it raises what the learner's raises, which proves nothing"


IF = "You get what you would get if this were so:"
IF_BOTH = "You get what you would get if these two were so at once:"
HERE_IF = "In this check you get what you would get if this were so:"
NOT_ALL = "It does not explain another check of the same function, which fails too."
MAYBE = "It may be this:"


@dataclass(frozen=True)
class Diagnosis:
    """What the grader recognised: one mistake, or two at once."""

    mistakes: tuple[Variant, ...] = ()
    certainty: Certainty = Certainty.NAME

    @property
    def name(self) -> str | None:
        """The mistake's name in the catalogue; none for what is no more than a clue. Of two at once it is the first:
        results hold one name, and the catalogue has the likelier mistake first; the message tells both."""
        return self.mistakes[0].name if self.mistakes and self.certainty is Certainty.NAME else None

    def sentences(self) -> list[str]:
        """What a learner reads. What was inferred from equal results is never said as if it had been seen."""
        said = [one.diagnosis for one in self.mistakes]
        if not said:
            return []
        if self.certainty is Certainty.GUESS:
            return [f"{MAYBE} {said[0]}"]
        rest = [NOT_ALL] if self.certainty is Certainty.CLUE else []
        if len(said) > 1:
            return [IF_BOTH, *(f"- {diagnosis}" for diagnosis in said), *rest]
        return [f"{IF if self.certainty is Certainty.NAME else HERE_IF} {said[0]}", *rest]


NOTHING = Diagnosis()
