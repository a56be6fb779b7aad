"""Wrong variants of `Decoder` (exercise 10), the likeliest first."""

import torch
from torch import nn

from grader.authoring import device_mistake, mistake
from solutions import ex10_decoder_layer as reference


def layers_of(stack, *made_with):
    return [reference.DecoderLayer(*made_with) for _ in range(stack)]


@mistake
class Decoder__stack_swaps_the_masks(reference.Decoder):
    """The stack swaps the two masks when it hands them to its layers."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        for layer in self.layers:
            x = layer(x, memory, source_allowed, target_allowed)
        return x


@mistake
class Decoder__stack_forgets_the_target_mask(reference.Decoder):
    """The stack does not hand target_allowed to its layers, so every position sees the future."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        for layer in self.layers:
            x = layer(x, memory, source_allowed=source_allowed)
        return x


@mistake
class Decoder__stack_forgets_the_source_mask(reference.Decoder):
    """The stack does not hand source_allowed to its layers, so the source's padding is read like words."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        for layer in self.layers:
            x = layer(x, memory, target_allowed)
        return x


@mistake
class Decoder__draws_in_eval_mode(reference.Decoder):
    """A random number is drawn in eval mode too, so whatever is drawn afterwards changes."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        torch.rand(1)
        return super().forward(x, memory, target_allowed, source_allowed)


@mistake
class Decoder__plain_list(reference.Decoder):
    """The layers are in a plain Python list, so the stack owns no parameter: nothing is trained."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        nn.Module.__init__(self)
        self.layers = layers_of(num_layers, d_model, num_heads, d_ff, dropout)


@mistake
class Decoder__one_layer_repeated(reference.Decoder):
    """All entries of `layers` are one and the same layer: multiplying a list copies no module."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        nn.Module.__init__(self)
        self.layers = nn.ModuleList(layers_of(1, d_model, num_heads, d_ff, dropout) * num_layers)


@mistake
class Decoder__one_layer_too_few(reference.Decoder):
    """The stack has one layer fewer than num_layers, unless num_layers is 1."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        nn.Module.__init__(self)
        self.layers = nn.ModuleList(layers_of(max(1, num_layers - 1), d_model, num_heads, d_ff, dropout))


@mistake
class Decoder__heads_and_d_ff_swapped(reference.Decoder):
    """The layers are made with num_heads and d_ff swapped."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        nn.Module.__init__(self)
        self.layers = nn.ModuleList(layers_of(num_layers, d_model, d_ff, num_heads, dropout))


@mistake
class Decoder__final_norm(reference.Decoder):
    """The stack has a norm of its own at the end. With post-norm every layer ends in one already."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)
        self.norm = reference.LayerNorm(d_model)

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        return self.norm(super().forward(x, memory, target_allowed, source_allowed))


@mistake
class Decoder__dropout_not_passed(reference.Decoder):
    """The layers are made without `dropout`, so they never drop anything."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        super().__init__(num_layers, d_model, num_heads, d_ff)


@mistake
class Decoder__memory_replaced(reference.Decoder):
    """After the first layer, a layer reads the previous layer's output in place of the memory."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        for i, layer in enumerate(self.layers):
            x = layer(x, memory, target_allowed, source_allowed if i == 0 else target_allowed)
            memory = x
        return x


@mistake
class Decoder__memory_for_the_last_layer_only(reference.Decoder):
    """Only the last layer reads the memory; the ones before it read the target."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        for layer in self.layers[:-1]:
            x = layer(x, x, target_allowed, target_allowed)
        return self.layers[-1](x, memory, target_allowed, source_allowed)


@mistake
class Decoder__masks_for_the_first_layer_only(reference.Decoder):
    """Only the first layer gets the masks; the layers after it see everything."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        for layer in self.layers:
            x = layer(x, memory, target_allowed, source_allowed)
            target_allowed = source_allowed = None
        return x


@mistake
class Decoder__layers_not_chained(reference.Decoder):
    """Every layer gets the stack's input, so only the last one matters."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        for layer in self.layers:
            output = layer(x, memory, target_allowed, source_allowed)
        return output


@mistake
class Decoder__returns_too_early(reference.Decoder):
    """The loop returns in its first iteration, so only the first layer is used."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        return self.layers[0](x, memory, target_allowed, source_allowed)


@mistake
class Decoder__last_layer_first(reference.Decoder):
    """The layers are applied from the last to the first."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        for layer in reversed(self.layers):
            x = layer(x, memory, target_allowed, source_allowed)
        return x


@mistake
class Decoder__residual_around_layers(reference.Decoder):
    """The stack adds each layer's input to its output. The residual connections are inside the layers."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        for layer in self.layers:
            x = x + layer(x, memory, target_allowed, source_allowed)
        return x


@mistake
class Decoder__dropout_by_default(reference.Decoder):
    """The stack drops features although no dropout was asked for: its default is not 0."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)


@mistake
class Decoder__remembers_the_first_mask(reference.Decoder):
    """The target mask of the first call is kept for all later ones."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        if not hasattr(self, "_kept"):
            self._kept = target_allowed
        return super().forward(x, memory, self._kept, source_allowed)


@mistake
class Decoder__six_layers_at_most(reference.Decoder):
    """Only the first six layers work. The paper has six; a stack has as many as it is asked for."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        for layer in self.layers[:6]:
            x = layer(x, memory, target_allowed, source_allowed)
        return x


@mistake
class Decoder__memory_replaced_where_it_fits(reference.Decoder):
    """Where the memory is as long as the target, the layers after the first read the one before them in its place."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        fits = memory.shape == x.shape
        for layer in self.layers:
            x = layer(x, memory, target_allowed, source_allowed)
            memory = x if fits else memory
        return x


@mistake
class Decoder__stack_gives_the_target_mask_for_both(reference.Decoder):
    """The stack gives its layers target_allowed for the source too."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        for layer in self.layers:
            x = layer(x, memory, target_allowed, target_allowed)
        return x


@mistake
class Decoder__memory_not_passed_on(reference.Decoder):
    """The stack gives its layers the target where they should get the memory."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        for layer in self.layers:
            x = layer(x, x, target_allowed, source_allowed)
        return x


@device_mistake
class Decoder__constant_as_an_attribute(reference.Decoder):
    """A constant tensor is a plain attribute: `.to()` moves parameters and buffers, and leaves it on the CPU."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)
        self.scale = torch.ones(d_model, dtype=torch.float64)

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        return super().forward(x * self.scale.to(x.dtype), memory, target_allowed, source_allowed)
