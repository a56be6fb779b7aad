"""Wrong variants of `Transformer.embed` (exercise 11), the likeliest first."""

import math

import torch

from grader.authoring import device_mistake, mistake
from solutions import ex11_transformer as reference


@mistake
class Transformer__no_scaling(reference.Transformer):
    """The words' vectors are not multiplied by sqrt(d_model). They start small, so the positions drown them."""

    def embed(self, tokens, embedding):
        return self.dropout(reference.add_positions(embedding(tokens)))


@mistake
class Transformer__scale_divided(reference.Transformer):
    """The words' vectors are divided by sqrt(d_model). They should be multiplied by it."""

    def embed(self, tokens, embedding):
        return self.dropout(reference.add_positions(embedding(tokens) / math.sqrt(embedding.embedding_dim)))


@mistake
class Transformer__scaled_by_d_model(reference.Transformer):
    """The words' vectors are multiplied by d_model itself, not by its square root."""

    def embed(self, tokens, embedding):
        return self.dropout(reference.add_positions(embedding(tokens) * embedding.embedding_dim))


@mistake
class Transformer__no_positions(reference.Transformer):
    """No positions are added, so the model cannot know the order of the words."""

    def embed(self, tokens, embedding):
        return self.dropout(embedding(tokens) * math.sqrt(embedding.embedding_dim))


@mistake
class Transformer__positions_scaled_too(reference.Transformer):
    """The positions are added before the scaling, so they are scaled too."""

    def embed(self, tokens, embedding):
        return self.dropout(reference.add_positions(embedding(tokens)) * math.sqrt(embedding.embedding_dim))


@mistake
class Transformer__positions_along_the_batch(reference.Transformer):
    """The positions run along the batch: every sentence gets one, and its words share it."""

    def embed(self, tokens, embedding):
        x = embedding(tokens) * math.sqrt(embedding.embedding_dim)
        return self.dropout(reference.add_positions(x.transpose(0, 1)).transpose(0, 1))


@mistake
class Transformer__no_dropout(reference.Transformer):
    """What is embedded does not go through dropout."""

    def embed(self, tokens, embedding):
        return reference.add_positions(embedding(tokens) * math.sqrt(embedding.embedding_dim))


@mistake
class Transformer__dropout_before_positions(reference.Transformer):
    """Dropout comes before the positions are added. It belongs on the sum."""

    def embed(self, tokens, embedding):
        return reference.add_positions(self.dropout(embedding(tokens) * math.sqrt(embedding.embedding_dim)))


@mistake
class Transformer__always_the_source_embedding(reference.Transformer):
    """The argument `embedding` is not used: the source's table is looked up for both languages."""

    def embed(self, tokens, embedding):
        return super().embed(tokens, self.source_embedding)


@mistake
class Transformer__dropped_twice(reference.Transformer):
    """What is embedded goes through dropout twice, so far more is lost than was asked for."""

    def embed(self, tokens, embedding):
        return self.dropout(super().embed(tokens, embedding))


@mistake
class Transformer__returns_float32(reference.Transformer):
    """What is embedded is float32, whatever dtype the weights have."""

    def embed(self, tokens, embedding):
        return super().embed(tokens, embedding).float()


@mistake
class Transformer__table_of_512(reference.Transformer):
    """Positions come from a table of 512 rows, too short for a longer sentence. There is no largest length."""

    def embed(self, tokens, embedding):
        x = embedding(tokens) * math.sqrt(embedding.embedding_dim)
        table = reference.add_positions(x.new_zeros(1, 512, embedding.embedding_dim))
        return self.dropout(x + table[:, : tokens.size(1)])


@mistake
class Transformer__table_of_the_first_dtype(reference.Transformer):
    """The table of positions keeps the dtype in which it was first made, but the weights have a different one now."""

    table = None

    def embed(self, tokens, embedding):
        x = embedding(tokens) * math.sqrt(embedding.embedding_dim)
        length = tokens.size(1)
        if self.table is None or self.table.size(1) < length or self.table.device != x.device:
            self.table = reference.add_positions(torch.zeros_like(x[:1]))
        return self.dropout(x + self.table[:, :length])


@mistake
class Transformer__target_cut_short(reference.Transformer):
    """Only the first positions of a long target are read or get their place in the sentence."""

    def embed(self, tokens, embedding):
        x = embedding(tokens) * math.sqrt(embedding.embedding_dim)
        return self.dropout(torch.cat([reference.add_positions(x[:, :20]), x[:, 20:]], dim=1))


@device_mistake
class Transformer__table_as_an_attribute(reference.Transformer):
    """The table of positions is a plain attribute: `.to()` moves parameters and buffers, and leaves it on the CPU."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        width = self.source_embedding.embedding_dim
        self.table = reference.add_positions(torch.zeros(1, 5000, width, dtype=torch.float64))[0]

    def embed(self, tokens, embedding):
        x = embedding(tokens) * math.sqrt(embedding.embedding_dim)
        return self.dropout(x + self.table[: tokens.size(1)].to(x.dtype))
