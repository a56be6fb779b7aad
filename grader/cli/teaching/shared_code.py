"""How much of the code of two submissions is shared that hardly anybody else has, in bits: each halves the chance.

A copy is renamed, reordered and laid out anew. So a line counts without the names that its author chose, alone or with
the line before it; the names count by themselves, and so do the words of comments. What a tenth of the class has, or
the kit itself, says nothing.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import keyword
import math
import re
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

COMMON = 0.1
"""What such a share of a class has says nothing."""
NAMES_COMMON = 0.25
OTHER_NAME = 1.0
"""The bits that a name which is not shared speaks against a copy: a copier changes about every second one."""
FOLLOWS, UNSEEN = 0.3, 2.0
"""How likely the next line is the same where nobody else has the one before it; that counts as so many others."""
FEW = 15
"""Who shares something with at most so many others is compared with each of them."""
RUN = 3
"""Words in a row of a comment."""
MOST_RUNS = 10
"""A long comment is no better proof than so many words in a row."""
PYTHON = {*dir(builtins), "self"}
Line = list[tuple[bool, str]]
"""The tokens of a line, and whether each is a name that its author chose."""
Feature = tuple[str, str]


@dataclass
class Text:
    """What of one file may be shared.

    Args:
        lines: function -> its lines, each without its names.
        pairs: function -> each line with the one before it, without their names; empty for a first line.
        names: those that its author chose.
        words: runs of words in comments and texts.
    """

    lines: dict[str, list[str]] = field(default_factory=dict)
    pairs: dict[str, list[str]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)

    def features(self) -> Iterator[Feature]:
        """Everything in it that may be rare."""
        for kind, found in (("line", self.lines), ("pair", self.pairs)):
            for function, lines in found.items():
                yield from {(f"{kind} {function}", line) for line in lines if line}
        yield from (("name", name) for name in self.names)
        yield from (("words", words) for words in self.words)


@dataclass(frozen=True)
class Shared:
    """What two files share.

    Args:
        bits: how much that says.
        reasons: what it is, a sentence each.
    """

    bits: float
    reasons: list[str]


def read(text: bytes, given: set[str]) -> Text:
    """Reads a file, or as much of it as is Python.

    Args:
        given: names that are everybody's: those of the stub.
    """
    found, here = Text(), ""
    lines: dict[str, list[Line]] = defaultdict(list)
    for line in _logical_lines(text, given, found.words):
        word = line[0][1]
        if word in ("def", "class"):
            here = line[1][1] if len(line) > 1 and line[1][1] in given else ""
        elif word not in ("import", "from", "@"):
            lines[here].append(line)
    for function, written in lines.items():
        found.lines[function] = [_nameless(line) for line in written]
        found.pairs[function] = ["", *(_nameless(one, other) for one, other in pairwise(written))]
        found.names |= {token for line in written for own, token in line if own}
    return found


def names_in(text: bytes) -> set[str]:
    """Every name of a file's code."""
    with contextlib.suppress(tokenize.TokenError, SyntaxError, ValueError):
        tokens = tokenize.tokenize(io.BytesIO(text).readline)
        return {token.string for token in tokens if token.type == tokenize.NAME}
    return set()


def _logical_lines(text: bytes, given: set[str], words: set[str]) -> Iterator[Line]:
    line: Line = []
    try:
        for token in tokenize.tokenize(io.BytesIO(text).readline):
            if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and not line):
                said = re.findall(r"\w+", token.string.lower())
                words.update(" ".join(said[i : i + RUN]) for i in range(len(said) - RUN + 1))
            elif token.type == tokenize.NEWLINE:
                if line:
                    yield line
                line = []
            elif token.type in (tokenize.NAME, tokenize.OP, tokenize.NUMBER, tokenize.STRING):
                word = token.string
                known = keyword.iskeyword(word) or word in PYTHON or word in given or (line and line[-1][1] == ".")
                line.append((token.type == tokenize.NAME and not known, word))
    except (tokenize.TokenError, SyntaxError, ValueError):
        pass  # what was read until then counts
    if line:
        yield line


def _nameless(*lines: Line) -> str:
    """Lines with a number in place of each name."""
    seen: dict[str, int] = {}
    return " ; ".join(
        " ".join(f"_{seen.setdefault(token, len(seen) + 1)}" if own else token for own, token in line) for line in lines
    )


class Comparison:
    """The files of one exercise.

    Args:
        texts: id -> the file.
        kit: what everybody could see: the stub and the solution.
    """

    def __init__(self, texts: Mapping[str, Text], kit: Sequence[Text]) -> None:
        self._texts, self._size = texts, len(texts)
        self._kit = {feature for text in kit for feature in text.features()}
        self._holders: dict[Feature, list[str]] = defaultdict(list)
        for name, text in texts.items():
            for feature in text.features():
                self._holders[feature].append(name)
        self._counts = Counter({feature: len(who) for feature, who in self._holders.items()})
        self._alone = {name: self._lines_of(text, text) for name, text in texts.items()}

    def pairs(self) -> Iterable[tuple[str, str]]:
        """Those who share something that few have."""
        few = max(FEW, self._size // 60)
        found = {
            pair
            for feature, who in self._holders.items()
            if 2 <= len(who) <= few and feature not in self._kit
            for pair in combinations(sorted(who), 2)
        }
        return sorted(found)

    def of(self, one: str, other: str) -> Shared:
        """What these two share."""
        mine, yours = self._texts[one], self._texts[other]
        bits, reasons = 0.0, []
        for function, (shared, count) in self._lines_of(mine, yours).items():
            least = min(self._alone[one][function][0], self._alone[other][function][0])
            part = shared / least if least else 0.0
            bits += shared * min(1.0, part) ** 2  # what is shared by chance is a part; a copy is the whole
            if shared and part > 0.5:
                where = f" of {function}" if function else " of functions of their own"
                reasons.append(f"{count} line{'s' if count > 1 else ''}{where} alike but for names")
        names = sorted(mine.names & yours.names, key=lambda name: (self._counts["name", name], name))
        rare = [name for name in names if self._weight(("name", name), NAMES_COMMON)]
        others = min(len(mine.names), len(yours.names)) - len(names)
        said_by_names = sum(self._weight(("name", name), NAMES_COMMON) for name in rare) - others * OTHER_NAME
        if said_by_names > 0:
            bits += said_by_names
            reasons.append(f"the same names: {', '.join(rare[:6])}")
        words = [self._weight(("words", run), COMMON) for run in sorted(mine.words & yours.words)]
        if said := [run for run, weight in zip(sorted(mine.words & yours.words), words, strict=True) if weight]:
            bits += max(words) + min(len(said) - 1, MOST_RUNS)
            reasons.append(f"the same words: {'; '.join(said[:4])}")
        return Shared(bits, reasons)

    def _lines_of(self, mine: Text, yours: Text) -> dict[str, tuple[float, int]]:
        """Function -> the bits that its shared lines are worth, and how many lines these are."""
        return {
            function: self._walk(function, lines, mine.pairs[function], yours)
            for function, lines in mine.lines.items()
            if function in yours.lines
        }

    def _walk(self, function: str, lines: Sequence[str], pairs: Sequence[str], yours: Text) -> tuple[float, int]:
        bits, seen = 0.0, set()
        theirs, their_pairs = {*yours.lines[function]}, {*yours.pairs[function]}
        for place, (line, pair) in enumerate(zip(lines, pairs, strict=True)):
            if line in seen or line not in theirs or (f"line {function}", line) in self._kit:
                continue
            seen.add(line)
            if pair and pair in their_pairs:  # after that line, how likely is this one
                before = self._counts[f"line {function}", lines[place - 1]] - 2  # others than these two
                after = self._counts[f"pair {function}", pair] - 2
                bits -= math.log2(min(1.0, (max(after, 0) + FOLLOWS * UNSEEN) / (max(before, 0) + UNSEEN)))
            else:
                bits += self._weight((f"line {function}", line), COMMON)
        return bits, len(seen)

    def _weight(self, feature: Feature, common: float) -> float:
        """The bits of something that is shared; none where it is common or the kit's."""
        count = self._counts[feature]
        if feature in self._kit or count > max(2, common * self._size):
            return 0.0
        return math.log2(self._size / max(count - 1, 1))
