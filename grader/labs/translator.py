"""A learner's Transformer on dates: its training, what it writes, where it looks, and how it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grader.files import write_atomic
from grader.labs.bench import Bench, digest, numbers
from grader.labs.dates import Dates, Vocabulary
from grader.labs.training import Run, State, Trained, read_frame, train
from grader.protocol.codec import Encoder
from grader.source.file import File

BATCH, D_MODEL, HEADS, D_FF, LAYERS = 64, 64, 4, 128, 2
LONGEST = 48
"""Characters that it may write."""


@dataclass(frozen=True)
class Translator:
    """A trained model, with the files that it runs on.

    Args:
        files: others than the learner's.
    """

    bench: Bench
    state: State
    source: Vocabulary
    target: Vocabulary
    files: Mapping[str, File] | None = None

    @property
    def sizes(self) -> list[int]:
        return sizes(self.source, self.target)

    def write(self, texts: Sequence[str]) -> list[str]:
        """What it writes on its own, greedily."""
        source = self.source.ids(texts, eos=False)
        answer = self.bench.ask("write", self.state, self.sizes, source, LONGEST, files=self.files)
        tokens = numbers(answer.get("tokens"), (len(texts), None), "what was written").long()
        return [self.target.text(row) for row in tokens.tolist()]

    def look(self, text: str, written: str) -> list[list[float]]:
        """How much it looks at each character of a text while it writes each of its own."""
        source, target = self.source.ids([text], eos=False), self.target.ids([written], eos=False)
        answer = self.bench.ask("look", self.state, self.sizes, source, target, files=self.files)
        found: list[list[float]] = numbers(answer.get("weights"), (len(written), len(text)), "the weights").tolist()
        return found

    def keep(self, file: Path) -> None:
        """Keeps it for `grader translate`."""
        known: dict[str, Any] = {"files": digest(self.bench.files), "source": self.source.characters}
        known |= {"target": self.target.characters, "state": self.state}
        write_atomic(file, Encoder().frame(known))


def sizes(source: Vocabulary, target: Vocabulary) -> list[int]:
    """The first arguments of exercise 11's Transformer."""
    return [len(source), len(target), D_MODEL, HEADS, D_FF, LAYERS]


def kept(file: Path, bench: Bench) -> tuple[Translator, bool] | None:
    """What was kept, and whether the learner's files are still those that it was trained with."""
    found = read_frame(file)
    if found is None:
        return None
    source, target = Vocabulary(found["source"]), Vocabulary(found["target"])
    return Translator(bench, found["state"], source, target), found["files"] == digest(bench.files)


def trained(
    bench: Bench,
    data: Dates,
    name: str,
    steps: int,
    seed: int,
    place: int,
    of: int,
    files: Mapping[str, File] | None = None,
) -> tuple[Translator, Trained]:
    """Trains one model on dates."""
    sources, targets = data.tensors()

    def batches(first: int, last: int) -> list[Tensor]:
        chosen = torch.tensor([data.batch(seed, step, BATCH) for step in range(first, last)])
        return [sources[chosen], targets[chosen]]

    run = Run(name, sizes(data.source, data.target), batches, bench.steps or steps, seed, files)
    result = train(bench, run, place, of)
    return Translator(bench, result.state, data.source, data.target, files), result


def exact(translator: Translator, data: Dates) -> tuple[float, list[tuple[str, str, str]]]:
    """The share of the test that it translates without a mistake, and what it got wrong: source, written, right."""
    written = translator.write([source for source, _ in data.test])
    wrong = [(s, w, t) for (s, t), w in zip(data.test, written, strict=True) if w != t]
    return 1 - len(wrong) / len(data.test), wrong
