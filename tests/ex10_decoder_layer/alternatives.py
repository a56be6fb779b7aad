"""Other ways to be right in exercise 10."""

import copy
import functools

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


@alternative
class DecoderLayer__sublayers_as_functions(reference.DecoderLayer):
    """The Annotated Transformer's sublayer connection, given a function, with the norm after the sum."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        def sublayer(x, norm, part):
            return norm(x + self.dropout(part(x)))

        m = memory
        x = sublayer(x, self.norm_1, lambda x: self.self_attention(x, x, x, target_allowed)[0])
        x = sublayer(x, self.norm_2, lambda x: self.cross_attention(x, m, m, source_allowed)[0])
        return sublayer(x, self.norm_3, self.feed_forward)


@alternative
class DecoderLayer__blocks(reference.DecoderLayer):
    """nn.TransformerDecoderLayer's three methods."""

    def _sa_block(self, x, mask):
        return self.dropout(self.self_attention(x, x, x, mask)[0])

    def _mha_block(self, x, mem, mask):
        return self.dropout(self.cross_attention(x, mem, mem, mask)[0])

    def _ff_block(self, x):
        return self.dropout(self.feed_forward(x))

    def forward(self, tgt, memory, target_allowed=None, source_allowed=None):
        x = self.norm_1(tgt + self._sa_block(tgt, target_allowed))
        x = self.norm_2(x + self._mha_block(x, memory, source_allowed))
        return self.norm_3(x + self._ff_block(x))


@alternative
class DecoderLayer__weights_kept(reference.DecoderLayer):
    """Dive into Deep Learning's names; the weights of both attentions are kept for a picture."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x2, self.self_weights = self.self_attention(x, x, x, target_allowed)
        y = self.norm_1(self.dropout(x2) + x)
        y2, self.cross_weights = self.cross_attention(y, memory, memory, source_allowed)
        z = self.norm_2(self.dropout(y2) + y)
        return self.norm_3(self.dropout(self.feed_forward(z)) + z)


@alternative
class DecoderLayer__residual_in_place(reference.DecoderLayer):
    """A variable for the residual, added in place to what dropout returned."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        residual = x
        x, _ = self.self_attention(x, x, x, allowed=target_allowed)
        x = self.dropout(x)
        x += residual
        residual = x = self.norm_1(x)
        x, _ = self.cross_attention(x, memory, memory, allowed=source_allowed)
        x = self.dropout(x)
        x += residual
        residual = x = self.norm_2(x)
        x = self.dropout(self.feed_forward(x))
        x += residual
        return self.norm_3(x)


@alternative
class Decoder__appended_and_reduced(reference.Decoder):
    """The layers are appended; functools.reduce sends x through them."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        super(reference.Decoder, self).__init__()
        self.layers = nn.ModuleList([])
        for _ in range(num_layers):
            self.layers.append(reference.DecoderLayer(d_model, num_heads, d_ff, dropout))

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        return functools.reduce(lambda y, layer: layer(y, memory, target_allowed, source_allowed), self.layers, x)
