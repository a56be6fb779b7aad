"""A learner's Transformer on pairs of texts: its training, what it writes, where it looks, and how it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grader.files import write_atomic
from grader.labs.bench import Bench, digest, numbers
from grader.labs.pairs import Pairs, Vocabulary
from grader.labs.training import Run, State, Trained, read_frame, train
from grader.protocol.codec import Encoder
from grader.source.file import File

BATCH, D_MODEL, HEADS, D_FF, LAYERS = 64, 64, 4, 128, 2
SPARE = 8
"""Characters that it may write more than the longest translation has."""


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

    def write(self, texts: Sequence[str], cut: Mapping[str, Any] | None = None) -> list[str]:
        """What it writes on its own, greedily.

        Args:
            cut: what of the model is switched off, for the program.
        """
        source = self.source.ids(texts, eos=False)
        answer = self.bench.ask(
            "write", self.state, self.sizes, source, self.target.longest + SPARE, dict(cut or {}), files=self.files
        )
        tokens = numbers(answer.get("tokens"), (len(texts), None), "what was written").long()
        return [self.target.text(row) for row in tokens.tolist()]

    def look(self, text: str, written: str) -> list[list[float]]:
        """How much it looks at each character of a text while it writes each of its own."""
        source, target = self.source.ids([text], eos=False), self.target.ids([written], eos=False)
        answer = self.bench.ask("look", self.state, self.sizes, source, target, files=self.files)
        found: list[list[float]] = numbers(answer.get("weights"), (len(written), len(text)), "the weights").tolist()
        return found

    def probe(self, text: str, target: str) -> tuple[float, float]:
        """The most that a score moves when a character after it is changed, and the loss when it is fed properly."""
        source, right = self.source.ids([text], eos=False), self.target.ids([target], eos=True)
        answer = self.bench.ask("probe", self.state, self.sizes, source, right, files=self.files)
        moved, loss = (numbers(answer.get(name), (), name).item() for name in ("moved", "loss"))
        return moved, loss

    def keep(self, file: Path, data: Pairs) -> None:
        """Keeps it for `grader translate`."""
        known: dict[str, Any] = {"files": digest(self.bench.files), "state": self.state}
        known |= {"source": self.source.characters, "target": self.target.characters}
        known |= {"longest": [self.source.longest, self.target.longest]}
        known |= {"examples": list(data.examples), "kind": data.kind}
        write_atomic(file, Encoder().frame(known))


def sizes(source: Vocabulary, target: Vocabulary) -> list[int]:
    """The first arguments of exercise 11's Transformer."""
    return [len(source), len(target), D_MODEL, HEADS, D_FF, LAYERS]


@dataclass(frozen=True)
class Kept:
    """A model that was kept.

    Args:
        same: whether the learner's files are still those that it was trained with.
        examples, kind: of the pairs that it was trained on.
    """

    translator: Translator
    same: bool
    examples: list[str]
    kind: str


def kept(file: Path, bench: Bench) -> Kept | None:
    """What was kept in a file; None where nothing was."""
    found = read_frame(file)
    if found is None or "kind" not in found:
        return None
    source, target = (Vocabulary(found[side], found["longest"][i]) for i, side in enumerate(("source", "target")))
    translator = Translator(bench, found["state"], source, target)
    return Kept(translator, found["files"] == digest(bench.files), found["examples"], found["kind"])


def trained(
    bench: Bench,
    data: Pairs,
    name: str,
    steps: int,
    seed: int,
    files: Mapping[str, File] | None = None,
) -> tuple[Translator, Trained]:
    """Trains one model."""
    sources, targets = data.tensors()

    def batches(first: int, last: int) -> list[Tensor]:
        chosen = torch.tensor([data.batch(seed, step, BATCH) for step in range(first, last)])
        return [sources[chosen], targets[chosen]]

    run = Run(name, sizes(data.source, data.target), batches, bench.steps or steps, seed, files)
    result = train(bench, run)
    return Translator(bench, result.state, data.source, data.target, files), result


def exact(translator: Translator, data: Pairs) -> tuple[float, list[tuple[str, str, str]]]:
    """The share of the test that it translates without a mistake, and what it got wrong: source, written, right."""
    written = translator.write([source for source, _ in data.test])
    wrong = [(s, w, t) for (s, t), w in zip(data.test, written, strict=True) if w != t]
    return 1 - len(wrong) / len(data.test), wrong
