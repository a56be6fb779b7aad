"""What stands in for a model's `decode` where a thousand words are written, one at a time."""

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
        self._words = torch.tensor(words)
        self._vocab = vocab

    def __call__(self, decoder_input: Tensor, memory: Tensor, source: Tensor) -> Tensor:
        """Takes what a Transformer's `decode` takes; logits (batch, target, vocab) come back."""
        turns = torch.arange(1, decoder_input.size(1) + 1, device=decoder_input.device)
        follows = (decoder_input * turns).cumsum(1) % len(self._words)  # (batch, target)
        rows = torch.eye(self._vocab, dtype=memory.dtype)[self._words].to(decoder_input.device)
        return rows[follows]
