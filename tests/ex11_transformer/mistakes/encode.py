"""Wrong variants of `Transformer.encode` (exercise 11), the likeliest first."""

import torch

from grader.authoring import mistake
from solutions import ex11_transformer as reference


@mistake
class Transformer__source_unmasked(reference.Transformer):
    """The encoder gets no mask, so words attend to padding."""

    def encode(self, source):
        return self.encoder(self.embed(source, self.source_embedding))


@mistake
class Transformer__source_mask_inverted(reference.Transformer):
    """The encoder's mask is inverted: only padding may be attended to."""

    def encode(self, source):
        return self.encoder(self.embed(source, self.source_embedding), (source == self.pad_id).unsqueeze(1))


@mistake
class Transformer__padding_is_always_zero(reference.Transformer):
    """Token 0 is treated as padding. The padding is `pad_id`, which may be a different token."""

    def encode(self, source):
        return self.encoder(self.embed(source, self.source_embedding), (source != 0).unsqueeze(1))


@mistake
class Transformer__causal(reference.Transformer):
    """The encoder is causal. The whole source is there from the beginning, and every word may see all of it."""

    def encode(self, source):
        past = torch.ones(source.size(1), source.size(1), dtype=torch.bool, device=source.device).tril()
        return self.encoder(self.embed(source, self.source_embedding), (source != self.pad_id).unsqueeze(1) & past)


@mistake
class Transformer__mask_on_the_queries(reference.Transformer):
    """The mask is applied to the rows: padding asks nothing, but words still attend to padding."""

    def encode(self, source):
        return self.encoder(self.embed(source, self.source_embedding), (source != self.pad_id).unsqueeze(2))


@mistake
class Transformer__source_read_with_the_target_table(reference.Transformer):
    """The source is looked up in the target's embedding."""

    def encode(self, source):
        return self.encoder(self.embed(source, self.target_embedding), (source != self.pad_id).unsqueeze(1))


@mistake
class Transformer__memory_not_finite(reference.Transformer):
    """Padding is marked with infinity in the memory. It may hold anything there, but it has to be finite."""

    def encode(self, source):
        return super().encode(source).masked_fill((source == self.pad_id).unsqueeze(-1), float("inf"))


@mistake
class Transformer__memory_dropped(reference.Transformer):
    """Dropout is applied to the memory as well, although the encoder's layers have dropped what they add."""

    def encode(self, source):
        return self.dropout(super().encode(source))


@mistake
class Transformer__dropped_again_in_encode(reference.Transformer):
    """What is embedded is dropped once more before the encoder, so too little of the source is left."""

    def encode(self, source):
        allowed = (source != self.pad_id).unsqueeze(1)
        return self.encoder(self.dropout(self.embed(source, self.source_embedding)), allowed)


@mistake
class Transformer__source_looked_up_alone(reference.Transformer):
    """encode looks the source's words up and does nothing more: scaling, positions and dropout of `embed` are
    missing."""

    def encode(self, source):
        return self.encoder(self.source_embedding(source), (source != self.pad_id).unsqueeze(1))


@mistake
class Transformer__source_unread_after_512(reference.Transformer):
    """What stands in the source after 512 tokens is never read. A model has no longest source."""

    def encode(self, source):
        near = torch.arange(source.size(1), device=source.device) < 512
        allowed = ((source != self.pad_id) & near).unsqueeze(1)
        return self.encoder(self.embed(source, self.source_embedding), allowed)
