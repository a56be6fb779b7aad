"""What stands in for a decoder where a thousand words are written, one at a time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class StubDecoder:
    """Scores that cost hardly anything, whose most likely word follows from every word before it and its position.

    Args:
        words: what may be the most likely word.
        vocab: how many words there are.
    """

    def __init__(self, words: Sequence[int], vocab: int) -> None:
        self._scores = torch.eye(vocab)[torch.tensor(words)]  # (word, vocab)

    def __call__(self, decoder_input: Tensor, memory: Tensor, source: Tensor) -> Tensor:
        """Takes what a Transformer's `decode` takes; logits (batch, target, vocab) come back."""
        turns = torch.arange(1, decoder_input.size(1) + 1, device=decoder_input.device)
        follows = (decoder_input * turns).cumsum(1) % len(self._scores)  # (batch, target)
        self._scores = self._scores.to(decoder_input.device, memory.dtype)
        return self._scores[follows]


class StubStep:
    """One step of a decoder for one row, which costs hardly anything: the likeliest word follows from the word that it
    is fed and from how many steps there were before. The state is that number, 0 at first.

    Args:
        words: (step, token): the likeliest word after that token.
        vocab: how many words there are.
    """

    def __init__(self, words: Sequence[Sequence[int]], vocab: int) -> None:
        self.words, self.vocab = words, vocab
        self._logits = torch.eye(vocab, dtype=torch.float64)

    def __call__(self, tokens: Tensor, steps_before: int) -> tuple[Tensor, int]:
        """tokens (1,) and the state; logits (1, vocab) and the next state come back."""
        if steps_before == len(self.words):
            raise RuntimeError(f"step is called more than {steps_before} times")
        (token,) = tokens.tolist()
        return self._logits[self.words[steps_before][token]][None], steps_before + 1

    def writes(self, first: int) -> list[int]:
        """The likeliest word of every step, where the first is fed this word and each later one the word before it."""
        written = [first]
        for likeliest in self.words:
            written.append(likeliest[written[-1]])
        return written[1:]
