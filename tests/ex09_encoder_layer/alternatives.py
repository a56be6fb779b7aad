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


@alternative
class LayerNorm__var_mean(reference.LayerNorm):
    """torch.var_mean."""

    def forward(self, x):
        var, mean = torch.var_mean(x, dim=-1, correction=0, keepdim=True)
        return (x - mean) / (var + self.eps).sqrt() * self.weight + self.bias


@alternative
class LayerNorm__unbiased_false(reference.LayerNorm):
    """The usual lines with `unbiased=False`."""

    def forward(self, x):
        mean = x.mean(-1, keepdim=True)
        var = x.var(-1, unbiased=False, keepdim=True)
        out = (x - mean) / torch.sqrt(var + self.eps)
        return self.weight * out + self.bias


@alternative
class LayerNorm__mean_in_place(reference.LayerNorm):
    """A copy that is changed in place, and the deviation's norm: the root of d_model times its standard deviation."""

    def forward(self, x):
        x = x.clone()
        x -= x.mean(dim=-1, keepdim=True)
        x = x * torch.rsqrt(torch.mean(x**2, dim=-1, keepdim=True) + self.eps)
        return x * self.weight + self.bias


@alternative
class FeedForward__module_relu(reference.FeedForward):
    """A module for the ReLU, made where it is used."""

    def forward(self, x):
        x = self.linear_in(x)
        x = nn.ReLU()(x)
        x = self.dropout(x)
        return self.linear_out(x)


@alternative
class FeedForward__maximum(reference.FeedForward):
    """The maximum with zero."""

    def forward(self, x):
        hidden = F.linear(x, self.linear_in.weight, self.linear_in.bias)
        hidden = torch.maximum(hidden, torch.zeros_like(hidden))
        return self.linear_out(self.dropout(hidden))


@alternative
class EncoderLayer__residual_in_place(reference.EncoderLayer):
    """A variable for the residual, added in place to what dropout returned."""

    def forward(self, x, allowed=None):
        residual = x
        x, _ = self.self_attention(query=x, key=x, value=x, allowed=allowed)
        x = self.dropout(x)
        x += residual
        x = self.norm_1(x)
        residual = x
        x = self.dropout(self.feed_forward(x))
        x += residual
        return self.norm_2(x)


@alternative
class EncoderLayer__blocks(reference.EncoderLayer):
    """nn.TransformerEncoderLayer's two methods."""

    def _sa_block(self, x, mask):
        return self.dropout(self.self_attention(x, x, x, mask)[0])

    def _ff_block(self, x):
        return self.dropout(self.feed_forward(x))

    def forward(self, src, allowed=None):
        x = self.norm_1(src + self._sa_block(src, allowed))
        return self.norm_2(x + self._ff_block(x))


@alternative
class Encoder__appended(reference.Encoder):
    """An empty ModuleList, to which the layers are appended."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        super(reference.Encoder, self).__init__()
        self.d_model = d_model
        self.layers = nn.ModuleList()
        for _ in range(num_layers):
            self.layers.append(reference.EncoderLayer(d_model, num_heads, d_ff, dropout))

    def forward(self, x, allowed=None):
        output = x
        for mod in self.layers:
            output = mod(output, allowed=allowed)
        return output
