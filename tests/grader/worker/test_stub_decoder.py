"""What stands in for a decoder lets no word be left out unseen."""

import pytest
import torch

from grader.worker.stub_decoder import StubDecoder, StubStep

WORDS, VOCAB = [0, 1, 4, 5, 6, 7, 8], 9


def most_likely(tokens):
    source = torch.zeros(len(tokens), 2, dtype=torch.int64)
    logits = StubDecoder(WORDS, VOCAB)(tokens, torch.zeros(len(tokens), 2, 3, dtype=torch.float64), source)
    assert logits.shape == (*tokens.shape, VOCAB)
    assert logits.dtype == torch.float64
    return logits.argmax(-1)


def write(longest, window):
    tokens = torch.ones(1, 1, dtype=torch.int64)
    for _ in range(longest):
        tokens = torch.cat([tokens, most_likely(tokens[:, -window:])[:, -1:]], dim=1)
    return tokens[0, 1:]


def test_a_word_follows_from_what_stands_before_it_and_from_nothing_after_it():
    tokens = torch.tensor([[1, 4, 5, 6]])
    other = torch.tensor([[1, 4, 7, 6]])
    assert set(most_likely(tokens).flatten().tolist()) <= set(WORDS)
    assert (most_likely(tokens) != most_likely(other)).tolist() == [[False, False, True, True]]


def test_what_a_window_leaves_out_shows():
    whole = write(150, window=1000)
    assert len(whole.unique()) > 3
    for window in (1, 64, 128):
        assert int((write(150, window) != whole).nonzero()[0]) <= window + 10


def test_a_stub_step_says_what_follows_from_the_token_and_the_step():
    step = StubStep([[1, 0, 2], [2, 2, 0]], 3)
    logits, state = step(torch.tensor([1]), 0)
    assert logits.tolist() == [[1.0, 0.0, 0.0]]
    logits, state = step(torch.tensor([2]), state)
    assert logits.tolist() == [[1.0, 0.0, 0.0]]
    assert step(torch.tensor([0]), 1)[0].tolist() == [[0.0, 0.0, 1.0]]
    assert step.writes(1) == [0, 2]
    assert step.writes(2) == [2, 0]
    with pytest.raises(RuntimeError, match="more than 2 times"):
        step(torch.tensor([0]), state)
