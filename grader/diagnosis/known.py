"""What the judge recognised in a failed check, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass

from grader.kit.variants import Variant


@dataclass(frozen=True)
class Known:
    """What the judge recognised: one mistake, one of two, or two at once."""

    mistakes: tuple[Variant, ...] = ()
    at_once: bool = False

    @property
    def name(self) -> str | None:
        """The mistake's name in the catalogue. Of two at once it is the first: results hold one name, and the
        catalogue has the likelier mistake first; the message tells both."""
        return self.mistakes[0].name if self.mistakes else None

    def sentences(self) -> list[str]:
        """What a learner reads."""
        said = [one.diagnosis for one in self.mistakes]
        if self.at_once:
            return ["Two things are wrong here at once:", *(f"- {diagnosis}" for diagnosis in said)]
        return said[:1] + [f"(It may also be this: {diagnosis})" for diagnosis in said[1:]]
