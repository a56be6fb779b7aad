"""Other ways to be right in exercise 10."""

import copy

import torch
from torch import nn

from grader.authoring import alternative
from solutions import ex10_decoder_layer as reference


@alternative
class DecoderLayer__one_method_for_residuals(reference.DecoderLayer):
    """A helper method does the residual connections; arguments are passed by name."""

    def add_and_norm(self, norm, x, added):
        return norm(self.dropout(added) + x)

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        """Also prints."""
        print("shapes", x.shape, memory.shape)
        written = self.self_attention(query=x, key=x, value=x, allowed=target_allowed)
        x = self.add_and_norm(self.norm_1, x, written[0])
        read = self.cross_attention(query=x, key=memory, value=memory, allowed=source_allowed)
        x = self.add_and_norm(self.norm_2, x, read[0])
        return self.add_and_norm(self.norm_3, x, self.feed_forward(x))


@alternative
class DecoderLayer__masks_written_out(reference.DecoderLayer):
    """Masks that were left out are made, and those given are expanded to three axes; an extra buffer."""

    def __init__(self, d_model, num_heads, d_ff, dropout=0.0):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.register_buffer("calls", torch.zeros(()), persistent=False)

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        if target_allowed is None:
            target_allowed = torch.ones(1, 1, dtype=torch.bool, device=x.device)
        if source_allowed is None:
            source_allowed = torch.ones(1, 1, dtype=torch.bool, device=x.device)
        batch, target, source = x.size(0), x.size(1), memory.size(1)
        target_allowed = target_allowed.expand(batch, target, target).contiguous()
        source_allowed = source_allowed.expand(batch, target, source).contiguous()
        return super().forward(x, memory, target_allowed, source_allowed)


@alternative
class DecoderLayer__one_sentence_at_a_time(reference.DecoderLayer):
    """A loop over the batch."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        def row(mask, i):
            return mask[min(i, len(mask) - 1)] if mask is not None and mask.dim() == 3 else mask

        rows = [
            super(type(self), self).forward(
                x[i : i + 1], memory[i : i + 1], row(target_allowed, i), row(source_allowed, i)
            )
            for i in range(len(x))
        ]
        return torch.cat(rows)


@alternative
class Decoder__copies_of_one_layer(reference.Decoder):
    """Independent copies of one layer, which begin with equal values."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        nn.Module.__init__(self)
        first = reference.DecoderLayer(d_model, num_heads, d_ff, dropout)
        self.layers = nn.ModuleList([first, *(copy.deepcopy(first) for _ in range(num_layers - 1))])


@alternative
class Decoder__sequential_as_a_list(reference.Decoder):
    """nn.Sequential holds the layers; the loop counts."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        nn.Module.__init__(self)
        self.num_layers = num_layers
        self.layers = nn.Sequential()
        for i in range(num_layers):
            self.layers.append(reference.DecoderLayer(d_model, num_heads, d_ff=d_ff, dropout=dropout))
            assert len(self.layers) == i + 1

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        output = x
        for i in range(self.num_layers):
            output = self.layers[i](output, memory, source_allowed=source_allowed, target_allowed=target_allowed)
        return output


@alternative
class Decoder__recursive(reference.Decoder):
    """The last layer is fed by all those before it."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        def up_to(count):
            if count == 0:
                return x
            return self.layers[count - 1](up_to(count - 1), memory, target_allowed, source_allowed)

        return up_to(len(self.layers))
