"""A line of digits, copied: by the Seq2Seq of exercise 2, and by a decoder that looks back with exercise 4.

Exercises 3 and 4 are imported where they are asked for: who has come to exercise 2 has not written them yet.
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from exercises.ex02_reverse_input import Seq2Seq
from exercises.lab_training import guarded, load, train_piece

PAD, BOS, EOS, VOCAB = 0, 1, 2, 13
EMBEDDING, HIDDEN, PEAK = 32, 64, 3e-3
LOOPED = ("attention", "looped")
"""The kinds that exercise 3's loop runs."""


def an_id(tokens):
    """Tokens that can be looked up: what a row is fed that has ended is free, and may be none."""
    return tokens.clamp(0, VOCAB - 1)


class Attending(nn.Module):
    """Exercise 3's loop around a decoder that looks back with exercise 4 (the output layer is Luong's)."""

    def __init__(self):
        super().__init__()
        self.source_embedding = nn.Embedding(VOCAB, EMBEDDING)
        self.target_embedding = nn.Embedding(VOCAB, EMBEDDING)
        self.encoder = nn.LSTM(EMBEDDING, HIDDEN, batch_first=True)
        self.cell = nn.LSTMCell(EMBEDDING, HIDDEN)
        self.mix = nn.Linear(2 * HIDDEN, HIDDEN)
        self.output = nn.Linear(HIDDEN, VOCAB)

    def start(self, source, lengths):
        x = self.source_embedding(source)
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        outputs, (h, c) = self.encoder(packed)
        keys, _ = pad_packed_sequence(outputs, batch_first=True, total_length=source.size(1))
        return h[0], c[0], keys, lengths

    def step(self, tokens, state):
        from exercises.ex04_attention_weights import attention_weights, context_vector, dot_scores

        h, c, keys, lengths = state
        h, c = self.cell(self.target_embedding(an_id(tokens).to(h.device)), (h, c))
        weights = attention_weights(dot_scores(h, keys), lengths)
        context = context_vector(weights, keys)
        logits = self.output(torch.tanh(self.mix(torch.cat([h, context], dim=-1))))
        return logits, (h, c, keys, lengths)


class Fixed(Seq2Seq):
    """The learner's Seq2Seq, one step at a time too."""

    def start(self, source, lengths):
        return self.encode(source, lengths)

    def step(self, tokens, state):
        x = self.target_embedding(an_id(tokens).to(state[0].device)).unsqueeze(1)
        outputs, state = self.decoder(x, state)
        return self.output(outputs[:, 0]), state


def make(kind, seed=0):
    """`fixed`, `reversed` or `attention`; `looped` is `fixed` in exercise 3's loop."""
    torch.manual_seed(seed)
    return Attending() if kind == "attention" else Fixed(VOCAB, VOCAB, EMBEDDING, HIDDEN, kind == "reversed")


@guarded
def train(state, first, steps, seed, kind, batches):
    def update(model, optimizer, source, lengths, targets, ratio=1.0):
        model.train()
        optimizer.zero_grad()
        if kind in LOOPED:
            from exercises.ex03_teacher_forcing import decode_loop, sequence_loss

            logits = decode_loop(model.step, model.start(source, lengths), targets, BOS, float(ratio))
            loss = sequence_loss(logits, targets, PAD)
        else:
            shifted = torch.cat([torch.full_like(targets[:, :1], BOS), targets[:, :-1]], dim=1)
            logits = model(source, lengths, shifted)
            loss = F.cross_entropy(logits.transpose(1, 2), targets, ignore_index=PAD)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    rates = [PEAK * (1 - (first + i) / steps) for i in range(len(batches[0]))]
    return train_piece(make(kind, seed), update, state, first, seed, rates, batches)


@guarded
def write(state, kind, source, lengths, max_length):
    """What the model writes on its own: {"tokens" (batch, length)}."""
    model = make(kind)
    load(model, state)
    model.to(source.device).eval()
    with torch.no_grad():
        begun = model.start(source, lengths)
        if kind in LOOPED:
            from exercises.ex03_teacher_forcing import greedy_decode

            return {"tokens": greedy_decode(model.step, begun, len(source), BOS, EOS, PAD, max_length).cpu()}
        return {"tokens": greedily(model.step, begun, len(source), max_length).cpu()}


@guarded
def told_and_alone(state, kind, source, lengths, targets):
    """What the model says at each place, told the truth up to there, and alone: {"told", "alone"} (batch, target)."""
    from exercises.ex03_teacher_forcing import decode_loop

    model, said = make(kind), {}
    load(model, state)
    model.to(source.device).eval()
    with torch.no_grad():
        for name, ratio in (("told", 1.0), ("alone", 0.0)):
            logits = decode_loop(model.step, model.start(source, lengths), targets, BOS, ratio)
            said[name] = logits.argmax(dim=-1).cpu()
    return said


def greedily(step, state, batch, max_length):
    """Writes max_length tokens, each the likeliest; after a row's first eos there is padding."""
    tokens, written = torch.full((batch,), BOS), []
    for _ in range(max_length):
        logits, state = step(tokens, state)
        tokens = logits.argmax(dim=-1)
        written.append(tokens)
    found = torch.stack(written, dim=1)
    after = ((found == EOS).cumsum(1) - (found == EOS).long()) > 0
    return found.masked_fill(after, PAD)
