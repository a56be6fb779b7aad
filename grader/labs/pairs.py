"""Texts and their translations: characters as numbers, pairs to train on and others to test on, pairs from a file."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from grader.errors import UsageError
from grader.text import shown

PAD, BOS, EOS = 0, 1, 2
Pair = tuple[str, str]
PAIRS, TESTED, FEW = 11_000, 300, (64, 8)
"""How many are trained on and tested; both where a test of ours wants few."""
SEED = 2017
"""Of what is drawn: the same pairs every time."""
MOST_CHARACTERS, MOST_BYTES, FEWEST_PAIRS = 80, 20_000_000, 40
"""Of a file: characters of a text, bytes altogether, and pairs."""
MOST_ERRORS = 20
"""Lines that are named in one message."""


@dataclass(frozen=True)
class Vocabulary:
    """The characters of one language; id 3 is the first.

    Args:
        longest: characters of the longest text.
    """

    characters: str
    longest: int

    @classmethod
    def of(cls, texts: Iterable[str]) -> Vocabulary:
        texts = list(texts)
        return cls("".join(sorted(set().union(*texts))), max(map(len, texts)))

    def __len__(self) -> int:
        return len(self.characters) + 3

    def unknown(self, text: str) -> str:
        """The characters that it does not have."""
        return "".join(dict.fromkeys(character for character in text if character not in self.characters))

    def ids(self, texts: Sequence[str], *, eos: bool) -> Tensor:
        """(texts, longest) int64, padded on the right."""
        number = {character: i + 3 for i, character in enumerate(self.characters)}
        rows = [[number[character] for character in text] + [EOS] * eos for text in texts]
        longest = max(map(len, rows))
        return torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])

    def text(self, ids: Iterable[int]) -> str:
        """What ids say, up to the first eos; an id that is no character as a question mark."""
        said = []
        for one in ids:
            if one == EOS:
                break
            said.append(self.characters[one - 3] if 3 <= one < len(self) else "?")
        return "".join(said)


@dataclass(frozen=True)
class Pairs:
    """Pairs to train on, and others to test on.

    Args:
        unseen: what the test is made of, in words: `dates of unseen days`.
        examples: sources that show what a text looks like.
        kind: what they are: `dates en`, `numbers`, `file`.
    """

    train: list[Pair]
    test: list[Pair]
    source: Vocabulary
    target: Vocabulary
    unseen: str
    examples: tuple[str, ...]
    kind: str

    def batch(self, seed: int, step: int, size: int) -> list[int]:
        """Which pairs a step is trained on: nothing but its number and the seed decide."""
        return random.Random(f"{seed} {step}").choices(range(len(self.train)), k=size)

    def tensors(self) -> tuple[Tensor, Tensor]:
        """All of the training pairs: sources and targets."""
        sources, targets = zip(*self.train, strict=True)
        return self.source.ids(sources, eos=False), self.target.ids(targets, eos=True)


def made(train: list[Pair], test: list[Pair], unseen: str, examples: Sequence[str], kind: str) -> Pairs:
    """Pairs with the characters of all of them."""
    source, target = (Vocabulary.of(pair[side] for pair in [*train, *test]) for side in (0, 1))
    return Pairs(train, test, source, target, unseen, tuple(examples), kind)


def unreadable(text: str, source: Vocabulary, examples: Sequence[str]) -> str | None:
    """Why a model cannot read a text, a sentence; None where it can.

    Args:
        examples: texts that it can read.
    """
    if not text:
        return "there is nothing to translate"
    if unknown := source.unknown(text):
        what = f"character{'s' * (len(unknown) > 1)} {shown(' '.join(unknown))!r}"
        return f"the model has never seen the {what}; it reads texts like {' or '.join(examples)}"
    if len(text) > source.longest:
        return f"{len(text)} characters are more than it has learned: the longest text had {source.longest}"
    return None


def from_file(file: Path) -> Pairs:
    """Pairs from a file of lines `source TAB translation`, in UTF-8; a tenth of them, 300 at most, is the test.

    Spaces in a row count as one.

    Raises UsageError that names every line that is none.
    """
    try:
        if file.stat().st_size > MOST_BYTES:
            raise UsageError(f"--pairs {file}: more than {MOST_BYTES // 1_000_000} MB")
        lines = file.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines()
    except OSError as error:
        raise UsageError(f"--pairs {file}: {error.strerror}") from None
    found: dict[str, tuple[int, str]] = {}
    wrong = []
    for number, line in enumerate(lines, 1):
        pair = _pair(line)
        if isinstance(pair, str):
            wrong.append(f"line {number}: {pair}")
        elif pair[0] in found:
            wrong.append(f"line {number}: the source of line {found[pair[0]][0]} again; each may stand there once")
        else:
            found[pair[0]] = (number, pair[1])
    if wrong:
        more = [f"and {len(wrong) - MOST_ERRORS} more"] if len(wrong) > MOST_ERRORS else []
        raise UsageError(f"--pairs {file}:\n  " + "\n  ".join(wrong[:MOST_ERRORS] + more))
    if len(found) < FEWEST_PAIRS:
        raise UsageError(f"--pairs {file}: {len(found)} pairs are too few to learn from; at least {FEWEST_PAIRS}")
    pairs = [(source, target) for source, (_, target) in found.items()]
    random.Random(SEED).shuffle(pairs)
    tested = min(TESTED, len(pairs) // 10)
    examples = [source for source, _ in pairs[:2]]
    return made(pairs[tested:], pairs[:tested], f"unseen lines of {file.name}", examples, "file")


def _pair(line: bytes) -> Pair | str:
    """The two texts of a line, or what is wrong with it."""
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start + 1} is no UTF-8"
    if not text.strip():
        return "empty"
    parts = [" ".join(part.split()) for part in text.split("\t")]
    if len(parts) != 2:
        return f"{len(parts) - 1 or 'no'} tab{'s' if len(parts) > 2 else ''}; a line is SOURCE, one tab, TRANSLATION"
    for name, part in zip(("source", "translation"), parts, strict=True):
        if not part:
            return f"no {name}"
        if len(part) > MOST_CHARACTERS:
            return f"the {name} has {len(part)} characters; at most {MOST_CHARACTERS}"
    return parts[0], parts[1]
