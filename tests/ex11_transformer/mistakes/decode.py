"""Wrong variants of `Transformer.decode` (exercise 11), the likeliest first."""

import torch

from grader.authoring import device_mistake, mistake
from solutions import ex11_transformer as reference


def scores(model, decoder_input, memory, target_allowed, source_allowed):
    x = model.embed(decoder_input, model.target_embedding)
    return model.output(model.decoder(x, memory, target_allowed, source_allowed))


def masks(model, decoder_input, source):
    """What decode allows on the target's and on the source's side."""
    past = torch.ones(decoder_input.size(1), decoder_input.size(1), dtype=torch.bool, device=source.device).tril()
    return (decoder_input != model.pad_id).unsqueeze(1) & past, (source != model.pad_id).unsqueeze(1)


@mistake
class Transformer__not_causal(reference.Transformer):
    """The decoder has no causal mask, so every position sees the words that it should predict."""

    def decode(self, decoder_input, memory, source):
        _, source_allowed = masks(self, decoder_input, source)
        return scores(self, decoder_input, memory, (decoder_input != self.pad_id).unsqueeze(1), source_allowed)


@mistake
class Transformer__strictly_causal(reference.Transformer):
    """A position does not see itself, only what came before: the diagonal is missing."""

    def decode(self, decoder_input, memory, source):
        target_allowed, source_allowed = masks(self, decoder_input, source)
        itself = torch.eye(decoder_input.size(1), dtype=torch.bool, device=source.device)
        return scores(self, decoder_input, memory, target_allowed & ~itself, source_allowed)


@mistake
class Transformer__causal_backwards(reference.Transformer):
    """The causal mask is reversed: a position sees what comes after it and not what came before."""

    def decode(self, decoder_input, memory, source):
        _, source_allowed = masks(self, decoder_input, source)
        length = decoder_input.size(1)
        future = torch.ones(length, length, dtype=torch.bool, device=source.device).triu()
        return scores(self, decoder_input, memory, future, source_allowed)


@mistake
class Transformer__cross_attention_unmasked(reference.Transformer):
    """Cross-attention gets no mask, so the decoder reads the source's padding."""

    def decode(self, decoder_input, memory, source):
        return scores(self, decoder_input, memory, masks(self, decoder_input, source)[0], None)


@mistake
class Transformer__padding_is_zero_in_decode(reference.Transformer):
    """In decode, token 0 is treated as padding. The padding is `pad_id`, which may be a different token."""

    def decode(self, decoder_input, memory, source):
        past = torch.ones(decoder_input.size(1), decoder_input.size(1), dtype=torch.bool, device=source.device).tril()
        return scores(self, decoder_input, memory, (decoder_input != 0).unsqueeze(1) & past, (source != 0).unsqueeze(1))


@mistake
class Transformer__masks_swapped(reference.Transformer):
    """The masks of the target and of the source are swapped."""

    def decode(self, decoder_input, memory, source):
        target_allowed, source_allowed = masks(self, decoder_input, source)
        return scores(self, decoder_input, memory, source_allowed, target_allowed)


@mistake
class Transformer__memory_made_again(reference.Transformer):
    """decode makes its own memory from the source and ignores the one that it is given."""

    def decode(self, decoder_input, memory, source):
        return super().decode(decoder_input, self.encode(source), source)


@mistake
class Transformer__target_read_with_the_source_table(reference.Transformer):
    """The target is looked up in the source's embedding."""

    def decode(self, decoder_input, memory, source):
        target_allowed, source_allowed = masks(self, decoder_input, source)
        x = self.embed(decoder_input % self.source_embedding.num_embeddings, self.source_embedding)
        return self.output(self.decoder(x, memory, target_allowed, source_allowed))


@mistake
class Transformer__returns_probabilities(reference.Transformer):
    """A softmax has been applied. Logits should be returned: the loss applies its own."""

    def decode(self, decoder_input, memory, source):
        return super().decode(decoder_input, memory, source).softmax(-1)


@mistake
class Transformer__returns_log_probabilities(reference.Transformer):
    """A log-softmax has been applied. Logits should be returned: the loss applies its own."""

    def decode(self, decoder_input, memory, source):
        return super().decode(decoder_input, memory, source).log_softmax(-1)


@mistake
class Transformer__no_output_layer(reference.Transformer):
    """The last linear map is missing: decode returns vectors and not scores for words."""

    def decode(self, decoder_input, memory, source):
        target_allowed, source_allowed = masks(self, decoder_input, source)
        return self.decoder(self.embed(decoder_input, self.target_embedding), memory, target_allowed, source_allowed)


@mistake
class Transformer__only_the_last_position(reference.Transformer):
    """Only the scores after the last position are returned. Training needs them at every position."""

    def decode(self, decoder_input, memory, source):
        return super().decode(decoder_input, memory, source)[:, -1:]


@mistake
class Transformer__encoder_without_gradient(reference.Transformer):
    """The encoder runs without recording gradients, so it never learns."""

    def forward(self, source, decoder_input):
        with torch.no_grad():
            memory = self.encode(source)
        return self.decode(decoder_input, memory, source)


@mistake
class Transformer__memory_detached(reference.Transformer):
    """The memory is cut off from the graph, so the encoder learns nothing."""

    def decode(self, decoder_input, memory, source):
        return super().decode(decoder_input, memory.detach(), source)


@mistake
class Transformer__sides_swapped(reference.Transformer):
    """Source and target are swapped when they are given to encode and decode."""

    def forward(self, source, decoder_input):
        size = self.source_embedding.num_embeddings
        return self.decode(source, self.encode(decoder_input % size), decoder_input)


@mistake
class Transformer__forward_ends_in_train_mode(reference.Transformer):
    """forward leaves the model in train mode, whatever its mode was, so the next call drops features."""

    def forward(self, source, decoder_input):
        logits = super().forward(source, decoder_input)
        self.train()
        return logits


@mistake
class Transformer__decode_reads_the_source(reference.Transformer):
    """decode looks up `source` where it should look up `decoder_input`."""

    def decode(self, decoder_input, memory, source):
        x = self.embed(source, self.target_embedding)
        return self.output(self.decoder(x, memory, *masks(self, decoder_input, source)))


@mistake
class Transformer__target_mask_for_both(reference.Transformer):
    """The target's mask is given to cross-attention too. What may be read of the source, its padding says."""

    def decode(self, decoder_input, memory, source):
        target_allowed, _ = masks(self, decoder_input, source)
        return scores(self, decoder_input, memory, target_allowed, target_allowed)


@mistake
class Transformer__target_looked_up_alone(reference.Transformer):
    """decode looks the target's words up and does nothing more: scaling, positions and dropout of `embed` are
    missing."""

    def decode(self, decoder_input, memory, source):
        x = self.target_embedding(decoder_input)
        return self.output(self.decoder(x, memory, *masks(self, decoder_input, source)))


@mistake
class Transformer__causal_table_of_1024(reference.Transformer):
    """The causal mask is cut out of a table of 1,024 positions, which a longer target does not fit."""

    def decode(self, decoder_input, memory, source):
        length = decoder_input.size(1)
        past = torch.ones(1024, 1024, dtype=torch.bool, device=source.device).tril()[:length, :length]
        return scores(self, decoder_input, memory, past, masks(self, decoder_input, source)[1])


@device_mistake
class Transformer__future_on_the_cpu(reference.Transformer):
    """The causal mask is made on the default device, the CPU. It must be on the device of the tokens."""

    def decode(self, decoder_input, memory, source):
        past = torch.ones(decoder_input.size(1), decoder_input.size(1), dtype=torch.bool).tril()
        target_allowed = (decoder_input != self.pad_id).unsqueeze(1) & past
        return scores(self, decoder_input, memory, target_allowed, (source != self.pad_id).unsqueeze(1))
