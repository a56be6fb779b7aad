"""What stands in for a decoder lets no word be left out unseen."""

import torch

from grader.worker.stub_decoder import StubDecoder

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
