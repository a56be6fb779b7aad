"""Wrong variants of exercise 2, the likeliest first."""

import torch
from torch.nn.utils.rnn import pack_padded_sequence

from grader.authoring import device_mistake, mistake
from solutions import ex02_reverse_input as reference


def packed(model, x, lengths):
    """The encoder's state for embedded tokens."""
    return model.encoder(pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False))[1]


def decoded(model, decoder_input, state):
    """The logits of a decoder that starts from `state`."""
    return model.output(model.decoder(model.target_embedding(decoder_input), state)[0])


@mistake
def reverse_source__whole_row_flipped(tokens, lengths):
    """The whole row is flipped, so its padding comes first. Only the real tokens change places."""
    return tokens.flip(1)


@mistake
def reverse_source__not_reversed(tokens, lengths):
    """Nothing is reversed: the tokens come back in their old order."""
    return tokens.clone()


@mistake
def reverse_source__batch_flipped(tokens, lengths):
    """The rows change places. What should be reversed is the order of the tokens in each row."""
    return tokens.flip(0)


@mistake
def reverse_source__padding_set_to_zero(tokens, lengths):
    """Padding becomes 0. It should stay as it is, whatever ids it holds."""
    real = torch.arange(tokens.size(1), device=tokens.device) < lengths.unsqueeze(-1)
    return reference.reverse_source(tokens, lengths) * real.to(tokens.dtype)


@mistake
def reverse_source__padding_reversed_too(tokens, lengths):
    """The padding is reversed on its own as well. It should stay as it is."""
    rows = [torch.cat([row[:n].flip(0), row[n:].flip(0)]) for row, n in zip(tokens, lengths, strict=True)]
    return torch.stack(rows)


@mistake
def reverse_source__last_token_stays(tokens, lengths):
    """The last real token stays in its place: the count is one too small."""
    return reference.reverse_source(tokens, lengths - 1)


@mistake
def reverse_source__first_token_stays(tokens, lengths):
    """The first token stays in its place, as if it marked the beginning. Every real token is reversed."""
    first = torch.ones_like(tokens[:, :1])
    rest = reference.reverse_source(tokens[:, 1:], lengths - 1)
    return torch.cat([tokens[:, :1] * first, rest], dim=1)


@mistake
def reverse_source__one_token_too_many(tokens, lengths):
    """The first padding of a row is reversed with its tokens: the count is one too large."""
    return reference.reverse_source(tokens, (lengths + 1).clamp(max=tokens.size(1)))


@mistake
def reverse_source__length_of_the_first_row(tokens, lengths):
    """Every row is reversed as far as the first row. Each row has a length of its own."""
    return reference.reverse_source(tokens, lengths[:1].expand_as(lengths))


@mistake
def reverse_source__length_guessed_from_zeros(tokens, lengths):
    """The lengths are guessed by counting ids that are not 0. Id 0 may be a real token; only `lengths` says how
    long a row is."""
    return reference.reverse_source(tokens, (tokens != 0).sum(1))


@mistake
def reverse_source__cut_at_the_longest_row(tokens, lengths):
    """The result ends at the longest row. It should be as wide as the input, padding included."""
    return reference.reverse_source(tokens, lengths)[:, : int(lengths.max())]


@mistake
def reverse_source__always_int64(tokens, lengths):
    """The result is int64, whatever the dtype of the input."""
    return reference.reverse_source(tokens, lengths).long()


@mistake
def reverse_source__in_place(tokens, lengths):
    """The rows are reversed in place, so the caller's tensor changes too."""
    return tokens.copy_(reference.reverse_source(tokens, lengths))


@mistake
def reverse_source__small_ids_in_place(tokens, lengths):
    """Tokens that are not int64 are reversed in place, so the caller's tensor changes too."""
    reversed_tokens = reference.reverse_source(tokens, lengths)
    return reversed_tokens if tokens.dtype is torch.int64 else tokens.copy_(reversed_tokens)


@mistake
def reverse_source__through_floats(tokens, lengths):
    """The ids pass through float32, which cannot hold large whole numbers."""
    return reference.reverse_source(tokens.float(), lengths).to(tokens.dtype)


@mistake
def reverse_source__positions_in_the_dtype_of_the_ids(tokens, lengths):
    """Positions are computed in the dtype of the ids. A narrow one cannot count to the end of a long row."""
    positions = torch.arange(tokens.size(1), device=tokens.device).to(tokens.dtype)
    last = (lengths.unsqueeze(-1) - 1).to(tokens.dtype)
    index = torch.where(positions <= last, last - positions, positions).long()
    return tokens.gather(1, index.clamp(0, tokens.size(1) - 1))


@mistake
def reverse_source__squeezed(tokens, lengths):
    """Axes of size 1 are squeezed away, so a batch of one row loses its batch axis."""
    return reference.reverse_source(tokens, lengths).squeeze()


@mistake
def reverse_source__needs_contiguous_input(tokens, lengths):
    """`view` is used on the input, which fails for a tensor that is not contiguous in memory."""
    return reference.reverse_source(tokens.view(-1).view(tokens.shape), lengths)


@mistake
class Seq2Seq__reads_the_padding(reference.Seq2Seq):
    """The encoder reads the padding too, so the state of a short row is the one after its padding."""

    def encode(self, source, lengths):
        if self.reverse:
            source = reference.reverse_source(source, lengths)
        return self.encoder(self.source_embedding(source))[1]


@mistake
class Seq2Seq__padding_read_first(reference.Seq2Seq):
    """The whole padded row is flipped before the encoder reads it: padding comes first, and is read as tokens."""

    def encode(self, source, lengths):
        source = source.flip(1) if self.reverse else reference.reverse_source(source, lengths).flip(1)
        return self.encoder(self.source_embedding(source))[1]


@mistake
class Seq2Seq__never_reverses(reference.Seq2Seq):
    """The source is read forwards even if `reverse` is set."""

    def encode(self, source, lengths):
        return packed(self, self.source_embedding(source), lengths)


@mistake
class Seq2Seq__always_reverses(reference.Seq2Seq):
    """The source is read backwards even if `reverse` is not set."""

    def encode(self, source, lengths):
        return packed(self, self.source_embedding(reference.reverse_source(source, lengths)), lengths)


@mistake
class Seq2Seq__reverses_twice(reference.Seq2Seq):
    """The source is reversed twice, once in `forward` and once in `encode`, so it is read forwards again."""

    def forward(self, source, lengths, decoder_input):
        if self.reverse:
            source = reference.reverse_source(source, lengths)
        return super().forward(source, lengths, decoder_input)


@mistake
class Seq2Seq__rows_left_sorted(reference.Seq2Seq):
    """The rows are sorted by length for packing, and their original order is not restored."""

    def encode(self, source, lengths):
        order = lengths.argsort(descending=True, stable=True)
        return super().encode(source[order], lengths[order])


@mistake
class Seq2Seq__last_column_as_state(reference.Seq2Seq):
    """h is the last column of the encoder's outputs. For a short row that column is padding."""

    def encode(self, source, lengths):
        _, c = super().encode(source, lengths)
        if self.reverse:
            source = reference.reverse_source(source, lengths)
        outputs, _ = self.encoder(self.source_embedding(source))
        return outputs[:, -1].unsqueeze(0), c


@mistake
class Seq2Seq__padding_embedded_as_zeros(reference.Seq2Seq):
    """Padding is embedded as zeros and then read. Even a token of zeros changes the state."""

    def encode(self, source, lengths):
        if self.reverse:
            source = reference.reverse_source(source, lengths)
        real = torch.arange(source.size(1), device=source.device) < lengths.unsqueeze(-1)
        return self.encoder(self.source_embedding(source) * real.unsqueeze(-1))[1]


@mistake
class Seq2Seq__halves_swapped(reference.Seq2Seq):
    """The state is (c, h). It should be (h, c), as nn.LSTM returns and takes it."""

    def encode(self, source, lengths):
        return super().encode(source, lengths)[::-1]


@mistake
class Seq2Seq__h_twice(reference.Seq2Seq):
    """h is used in place of c too. The decoder needs what the encoder remembers as well as what it shows."""

    def encode(self, source, lengths):
        h, _ = super().encode(source, lengths)
        return h, h


@mistake
class Seq2Seq__h_alone(reference.Seq2Seq):
    """The encoder's c is replaced by zeros, so most of what it remembers is lost."""

    def encode(self, source, lengths):
        h, _ = super().encode(source, lengths)
        return h, torch.zeros_like(h)


@mistake
class Seq2Seq__state_without_layer_axis(reference.Seq2Seq):
    """The state has lost its first axis, the one for layers."""

    def encode(self, source, lengths):
        h, c = super().encode(source, lengths)
        return h[0], c[0]

    def forward(self, source, lengths, decoder_input):
        return decoded(self, decoder_input, reference.Seq2Seq.encode(self, source, lengths))


@mistake
class Seq2Seq__state_batch_first(reference.Seq2Seq):
    """The state has the batch as its first axis. `batch_first` is about the tokens; a state has its layers first."""

    def encode(self, source, lengths):
        h, c = super().encode(source, lengths)
        return h.transpose(0, 1), c.transpose(0, 1)

    def forward(self, source, lengths, decoder_input):
        return decoded(self, decoder_input, reference.Seq2Seq.encode(self, source, lengths))


@mistake
class Seq2Seq__decoder_starts_at_zero(reference.Seq2Seq):
    """The decoder starts from zeros: it never learns what the encoder has read."""

    def forward(self, source, lengths, decoder_input):
        return decoded(self, decoder_input, None)


@mistake
class Seq2Seq__target_reversed_too(reference.Seq2Seq):
    """The decoder's input is reversed as well. Only the source should be."""

    def forward(self, source, lengths, decoder_input):
        return super().forward(source, lengths, decoder_input.flip(1))


@mistake
class Seq2Seq__wrong_embedding(reference.Seq2Seq):
    """The decoder's input is embedded with the embedding of the source language."""

    def forward(self, source, lengths, decoder_input):
        outputs, _ = self.decoder(self.source_embedding(decoder_input), self.encode(source, lengths))
        return self.output(outputs)


@mistake
class Seq2Seq__encoder_decodes(reference.Seq2Seq):
    """The encoder reads the target too: the decoder, which has weights of its own, is not used."""

    def forward(self, source, lengths, decoder_input):
        outputs, _ = self.encoder(self.target_embedding(decoder_input), self.encode(source, lengths))
        return self.output(outputs)


@mistake
class Seq2Seq__probabilities(reference.Seq2Seq):
    """The scores went through a softmax. The loss does that itself; logits are what the last layer returns."""

    def forward(self, source, lengths, decoder_input):
        return super().forward(source, lengths, decoder_input).softmax(-1)


@mistake
class Seq2Seq__log_probabilities(reference.Seq2Seq):
    """The scores went through a log-softmax. The loss does that itself; logits are what the last layer returns."""

    def forward(self, source, lengths, decoder_input):
        return super().forward(source, lengths, decoder_input).log_softmax(-1)


@mistake
class Seq2Seq__only_the_last_step(reference.Seq2Seq):
    """Only the last target position is scored. Every position should be."""

    def forward(self, source, lengths, decoder_input):
        return super().forward(source, lengths, decoder_input)[:, -1]


@mistake
class Seq2Seq__time_first(reference.Seq2Seq):
    """The logits have time as their first axis. Here the batch comes first."""

    def forward(self, source, lengths, decoder_input):
        return super().forward(source, lengths, decoder_input).transpose(0, 1)


@mistake
class Seq2Seq__returns_the_state_too(reference.Seq2Seq):
    """The decoder's last state is returned with the logits. Only the logits should be returned."""

    def forward(self, source, lengths, decoder_input):
        state = self.encode(source, lengths)
        outputs, state = self.decoder(self.target_embedding(decoder_input), state)
        return self.output(outputs), state


@mistake
class Seq2Seq__logits_squeezed(reference.Seq2Seq):
    """Axes of size 1 are squeezed away, so a batch of one sentence loses its batch axis."""

    def forward(self, source, lengths, decoder_input):
        return super().forward(source, lengths, decoder_input).squeeze()


@mistake
class Seq2Seq__state_detached(reference.Seq2Seq):
    """The encoder's state is cut off from the graph, so nothing in the encoder can be trained."""

    def encode(self, source, lengths):
        h, c = super().encode(source, lengths)
        return h.detach(), c.detach()


@mistake
class Seq2Seq__state_detached_for_the_decoder(reference.Seq2Seq):
    """The decoder starts from a copy of the state that has no graph, so the loss cannot train the encoder."""

    def forward(self, source, lengths, decoder_input):
        h, c = self.encode(source, lengths)
        return decoded(self, decoder_input, (h.detach(), c.detach()))


@mistake
class Seq2Seq__returns_float32(reference.Seq2Seq):
    """The logits are converted to float32, whatever dtype the model has."""

    def forward(self, source, lengths, decoder_input):
        return super().forward(source, lengths, decoder_input).float()


@mistake
class Seq2Seq__source_overwritten(reference.Seq2Seq):
    """The caller's source is reversed in place, so the next epoch reads it forwards."""

    def encode(self, source, lengths):
        state = super().encode(source, lengths)
        if self.reverse:
            source.copy_(reference.reverse_source(source, lengths))
        return state


@mistake
class Seq2Seq__switches_to_eval(reference.Seq2Seq):
    """The model is switched to eval mode inside. Which mode it is in is for the caller to decide."""

    def encode(self, source, lengths):
        self.eval()
        return super().encode(source, lengths)


@mistake
class Seq2Seq__forward_always_reverses(reference.Seq2Seq):
    """The logits come from a reversed source even if `reverse` is False."""

    def forward(self, source, lengths, decoder_input):
        x = self.source_embedding(reference.reverse_source(source, lengths))
        return decoded(self, decoder_input, packed(self, x, lengths))


@mistake
class Seq2Seq__padding_of_a_single_row_read(reference.Seq2Seq):
    """A batch of one row is read to the end of the tensor. One row may be padded too."""

    def encode(self, source, lengths):
        if len(source) > 1:
            return super().encode(source, lengths)
        x = reference.reverse_source(source, lengths) if self.reverse else source
        return self.encoder(self.source_embedding(x))[1]


@mistake
class Seq2Seq__log_softmax_in_training(reference.Seq2Seq):
    """In train mode a log_softmax is applied. The logits should be the same in both modes."""

    def forward(self, source, lengths, decoder_input):
        logits = super().forward(source, lengths, decoder_input)
        return logits.log_softmax(-1) if self.training else logits


@mistake
class Seq2Seq__forwards_state_detached(reference.Seq2Seq):
    """Without reversal the state is cut off from the graph, so the encoder learns nothing."""

    def encode(self, source, lengths):
        h, c = super().encode(source, lengths)
        return (h, c) if self.reverse else (h.detach(), c.detach())


@device_mistake
def reverse_source__positions_on_the_cpu(tokens, lengths):
    """The positions are made on the default device, the CPU, but lengths, with which they are compared, may be
    elsewhere."""
    positions = torch.arange(tokens.size(1))
    last = lengths.unsqueeze(-1) - 1
    return tokens.gather(1, torch.where(positions <= last, last - positions, positions))


@device_mistake
class Seq2Seq__lengths_left_on_the_gpu(reference.Seq2Seq):
    """The lengths are passed to the packing as they are. It needs them on the CPU, wherever the tokens are."""

    def encode(self, source, lengths):
        x = self.source_embedding(reference.reverse_source(source, lengths) if self.reverse else source)
        return self.encoder(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))[1]


@device_mistake
class Seq2Seq__first_state_on_the_cpu(reference.Seq2Seq):
    """The encoder's first state of zeros is made on the default device, but the tokens may be on a different one."""

    def encode(self, source, lengths):
        x = self.source_embedding(reference.reverse_source(source, lengths) if self.reverse else source)
        zeros = torch.zeros(1, x.size(0), self.encoder.hidden_size, dtype=x.dtype)
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        return self.encoder(packed, (zeros, zeros))[1]


@mistake
def reverse_source__at_most_1024_tokens(tokens, lengths):
    """Rows are reversed up to a fixed length only. No length is named as the longest."""
    return torch.cat([reference.reverse_source(tokens[:, :1024], lengths.clamp(max=1024)), tokens[:, 1024:]], dim=1)


@mistake
class Seq2Seq__long_source_cut(reference.Seq2Seq):
    """A long source is cut to a fixed length before it is read. No length is named as the longest."""

    def encode(self, source, lengths):
        return super().encode(source[:, :1024], lengths.clamp(max=1024))


@mistake
class Seq2Seq__long_target_cut(reference.Seq2Seq):
    """Only the first target positions get logits: there is a fixed longest length. Every position is scored."""

    def forward(self, source, lengths, decoder_input):
        return super().forward(source, lengths, decoder_input[:, :1024])


@mistake
class Seq2Seq__reversed_where_it_should_not_be(reference.Seq2Seq):
    """`reverse` is used the wrong way round: the source is reversed where it is False."""

    def encode(self, source, lengths):
        x = self.source_embedding(source if self.reverse else reference.reverse_source(source, lengths))
        return packed(self, x, lengths)


@mistake
class Seq2Seq__state_squeezed_for_the_decoder(reference.Seq2Seq):
    """The state loses its axis for layers on the way to the decoder, which takes it as encode returns it."""

    def forward(self, source, lengths, decoder_input):
        h, c = self.encode(source, lengths)
        return decoded(self, decoder_input, (h.squeeze(0), c.squeeze(0)))


@mistake
class Seq2Seq__decoder_reads_the_source(reference.Seq2Seq):
    """The decoder reads the source once more. It should read decoder_input."""

    def forward(self, source, lengths, decoder_input):
        return decoded(self, source, self.encode(source, lengths))


@mistake
class Seq2Seq__encoder_reads_the_target(reference.Seq2Seq):
    """The encoder reads decoder_input. It should read the source."""

    def forward(self, source, lengths, decoder_input):
        lengths = lengths.clamp(max=decoder_input.size(1))
        return decoded(self, decoder_input, self.encode(decoder_input, lengths))


@mistake
class Seq2Seq__h_is_output_too(reference.Seq2Seq):
    """The decoder's last state is scored, not its output at every position."""

    def forward(self, source, lengths, decoder_input):
        _, (h, _) = self.decoder(self.target_embedding(decoder_input), self.encode(source, lengths))
        return self.output(h)


@mistake
class Seq2Seq__embedding_reversed_whole(reference.Seq2Seq):
    """The embedded source is flipped from end to end, padding included: padding is read before the words."""

    def encode(self, source, lengths):
        x = self.source_embedding(source)
        return packed(self, x.flip(1) if self.reverse else x, lengths)


@mistake
class Seq2Seq__state_of_zeros_each_step(reference.Seq2Seq):
    """The decoder is called position by position and starts every time from the encoder's state: what it has written
    is forgotten."""

    def forward(self, source, lengths, decoder_input):
        state, x = self.encode(source, lengths), self.target_embedding(decoder_input)
        steps = [self.decoder(x[:, t : t + 1], state)[0] for t in range(x.size(1))]
        return self.output(torch.cat(steps, dim=1))
