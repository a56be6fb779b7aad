"""Other ways to be right in exercise 9."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from grader.authoring import alternative
from solutions import ex09_encoder_layer as reference


@alternative
class LayerNorm__var(reference.LayerNorm):
    """var with the correction turned off, and rsqrt."""

    def forward(self, x):
        scale = torch.rsqrt(x.var(dim=-1, keepdim=True, correction=0) + self.eps)
        return torch.addcmul(self.bias, (x - x.mean(-1, True)) * scale, self.weight)


@alternative
class LayerNorm__mean_of_squares(reference.LayerNorm):
    """The mean of the squares minus the square of the mean, which may come out a little below 0."""

    def forward(self, x):
        mean = x.mean(-1, keepdim=True)
        variance = ((x * x).mean(-1, keepdim=True) - mean * mean).clamp(min=0)
        return self.weight * ((x - mean) / (variance + self.eps) ** 0.5) + self.bias


@alternative
class FeedForward__functional(reference.FeedForward):
    """Matrix products, clamp, and dropout before the clamp, which is the same."""

    def forward(self, x):
        hidden = x @ self.linear_in.weight.T + self.linear_in.bias
        hidden = F.dropout(hidden, p=self.dropout.p, training=self.training).clamp(min=0)
        return hidden @ self.linear_out.weight.T + self.linear_out.bias


@alternative
class FeedForward__token_by_token(reference.FeedForward):
    """All tokens in one long row."""

    def forward(self, x):
        flat = x.reshape(-1, x.size(-1))
        return self.linear_out(self.dropout(self.linear_in(flat).relu())).reshape(x.shape)


@alternative
class EncoderLayer__own_dropout(reference.EncoderLayer):
    """A helper for both sublayers, with a dropout made by hand, which draws for p = 0 too."""

    def drop(self, x):
        if not self.training:
            return x
        keep = torch.rand(x.shape, device=x.device) >= self.dropout.p
        return torch.where(keep, x / max(1 - self.dropout.p, 1e-6), torch.zeros_like(x))

    def around(self, norm, x, part):
        return norm(self.drop(part) + x)

    def forward(self, x, allowed=None):
        print("length", x.size(1))
        x = self.around(self.norm_1, x, self.self_attention(query=x, key=x, value=x, allowed=allowed)[0])
        return self.around(self.norm_2, x, self.feed_forward(x))


@alternative
class Encoder__copies(reference.Encoder):
    """Copies of one layer: equal at the start, but independent."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        nn.Module.__init__(self)
        layer = reference.EncoderLayer(d_model, num_heads, d_ff, dropout)
        self.layers = nn.ModuleList([copy.deepcopy(layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.register_buffer("count", torch.tensor(num_layers), persistent=False)


@alternative
class Encoder__sequential(reference.Encoder):
    """nn.Sequential as a list, filled in a loop, and an initialisation of its own."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        nn.Module.__init__(self)
        self.layers = nn.Sequential()
        for i in range(num_layers):
            layer = reference.EncoderLayer(d_model=d_model, num_heads=num_heads, d_ff=d_ff, dropout=dropout)
            self.layers.add_module(str(i), layer)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, x, allowed=None):
        for i in range(len(self.layers)):
            x = self.layers[i](x, allowed=allowed)
        return x
