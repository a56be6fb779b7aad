"""What layers do to the differences between words: attention alone, with the residual, and a whole layer."""

import torch

from exercises.ex09_encoder_layer import EncoderLayer
from exercises.lab_training import guarded


@guarded
def cosines(seed, layers, length, d_model):
    """The mean cosine between different words before and after each layer, and the mean size of an entry.

    Returns:
        {"cosine", "size"}, each (3, layers + 1): attention alone, attention and residual, your whole layer.
    """
    torch.manual_seed(seed)
    stack = [EncoderLayer(d_model, 4, 4 * d_model).double().eval() for _ in range(layers)]
    words = torch.randn(16, length, d_model, dtype=torch.float64)
    found, sizes = [], []
    with torch.no_grad():
        for kind in ("attention", "residual", "layer"):
            x = words
            found.append(between(x))
            sizes.append(x.abs().mean())
            for layer in stack:
                if kind == "layer":
                    x = layer(x)
                else:
                    mixed, _ = layer.self_attention(x, x, x, None)
                    x = mixed if kind == "attention" else x + mixed
                found.append(between(x))
                sizes.append(x.abs().mean())
    shape = (3, layers + 1)
    return {"cosine": torch.stack(found).reshape(shape), "size": torch.stack(sizes).reshape(shape)}


def between(x):
    """The mean cosine between two different words of a sequence, each word less nothing: as a dot product sees them."""
    unit = x / x.norm(dim=-1, keepdim=True)
    products = unit @ unit.transpose(-2, -1)  # (batch, length, length)
    length = x.size(1)
    return (products.sum((-2, -1)) - length).mean() / (length * (length - 1))
