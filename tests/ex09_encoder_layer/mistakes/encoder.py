"""Wrong variants of `Encoder` (exercise 9), the likeliest first."""

import copy

import torch
from torch import nn

from grader.authoring import device_mistake, mistake
from solutions import ex09_encoder_layer as reference


@mistake
class Encoder__mask_not_passed_on(reference.Encoder):
    """The mask is not passed on to the layers: padding is attended to."""

    def forward(self, x, allowed=None):
        return super().forward(x)


@mistake
class Encoder__one_layer_repeated(reference.Encoder):
    """One layer is repeated: all places share its weights. Each layer should have its own."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        nn.Module.__init__(self)
        layer = reference.EncoderLayer(d_model, num_heads, d_ff, dropout)
        self.layers = nn.ModuleList([layer] * num_layers)


@mistake
class Encoder__plain_list(reference.Encoder):
    """The layers are in a plain Python list, where `parameters()` and `.to()` do not find them."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        nn.Module.__init__(self)
        self.layers = [reference.EncoderLayer(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]


@mistake
class Encoder__always_six_layers(reference.Encoder):
    """There are always six layers, whatever `num_layers` says."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        super().__init__(6, d_model, num_heads, d_ff, dropout)


@mistake
class Encoder__one_layer_too_few(reference.Encoder):
    """One layer is missing: counting from 1 to num_layers - 1 makes num_layers - 1 of them."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        super().__init__(num_layers - 1, d_model, num_heads, d_ff, dropout)


@mistake
class Encoder__arguments_exchanged(reference.Encoder):
    """num_heads and d_ff are swapped when they are passed on."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        super().__init__(num_layers, d_model, d_ff, num_heads, dropout)


@mistake
class Encoder__final_norm(reference.Encoder):
    """A norm follows the last layer. Pre-norm stacks need one; here every layer ends in a norm already."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)
        self.norm = reference.LayerNorm(d_model)

    def forward(self, x, allowed=None):
        return self.norm(super().forward(x, allowed))


@mistake
class Encoder__every_layer_reads_the_input(reference.Encoder):
    """Every layer reads the encoder's input, so only the last one counts. Each should read its predecessor's result."""

    def forward(self, x, allowed=None):
        return [layer(x, allowed) for layer in self.layers][-1]


@mistake
class Encoder__first_layer_only(reference.Encoder):
    """Only the first layer is used: the loop returns in its first iteration."""

    def forward(self, x, allowed=None):
        for layer in self.layers:
            return layer(x, allowed)
        return x


@mistake
class Encoder__layers_in_reverse(reference.Encoder):
    """The layers are used from the last to the first."""

    def forward(self, x, allowed=None):
        for layer in reversed(self.layers):
            x = layer(x, allowed)
        return x


@mistake
class Encoder__adds_its_input(reference.Encoder):
    """The input is added to the result of the whole stack. Residual connections belong inside the layers."""

    def forward(self, x, allowed=None):
        return x + super().forward(x, allowed)


@mistake
class Encoder__mask_for_the_first_layer_only(reference.Encoder):
    """Only the first layer gets the mask. In the layers after it padding is attended to."""

    def forward(self, x, allowed=None):
        for i, layer in enumerate(self.layers):
            x = layer(x, allowed if i == 0 else None)
        return x


@mistake
class Encoder__dropout_not_passed_on(reference.Encoder):
    """`dropout` is not passed on to the layers, so nothing is ever dropped."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        super().__init__(num_layers, d_model, num_heads, d_ff)


@mistake
class Encoder__dropout_by_default(reference.Encoder):
    """Some dropout is used even if none is asked for. The default should be 0."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)


@mistake
class Encoder__eval_mode_inside(reference.Encoder):
    """The encoder switches itself to eval mode when it is called, so dropout never works in training."""

    def forward(self, x, allowed=None):
        self.eval()
        return super().forward(x, allowed)


@mistake
class Encoder__seeds_the_random_numbers(reference.Encoder):
    """Making an encoder sets the global random seed: whatever is drawn afterwards repeats itself."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        torch.manual_seed(0)
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)


@mistake
class Encoder__weights_of_the_norms_shared(reference.Encoder):
    """The layers are copies that share their norms. No two layers may share a parameter."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)
        first = self.layers[0]
        self.layers = nn.ModuleList([first, *(copy.deepcopy(first) for _ in range(num_layers - 1))])
        for layer in self.layers:
            layer.norm_1 = first.norm_1


@mistake
class Encoder__results_of_all_layers(reference.Encoder):
    """The results of all layers are returned. Only that of the last one should be."""

    def forward(self, x, allowed=None):
        results = []
        for layer in self.layers:
            x = layer(x, allowed)
            results.append(x)
        return results


@mistake
class Encoder__no_gradient(reference.Encoder):
    """The result is computed without recording gradients, so nothing in the encoder can be trained."""

    def forward(self, x, allowed=None):
        with torch.no_grad():
            return super().forward(x, allowed)


@mistake
class Encoder__remembers_the_first_mask(reference.Encoder):
    """The mask of the first call is kept and used again, though every call brings its own."""

    def forward(self, x, allowed=None):
        if not hasattr(self, "kept"):
            self.kept = allowed
        return super().forward(x, self.kept)


@mistake
class Encoder__left_in_train_mode(reference.Encoder):
    """The stack is in train mode after a call, whatever its mode was, so the next call drops features."""

    def forward(self, x, allowed=None):
        x = super().forward(x, allowed)
        self.train()
        return x


@mistake
class Encoder__one_mask_for_each_sentence(reference.Encoder):
    """A mask is assumed to have an entry for each sentence. An axis of size 1 should count for all of them."""

    def forward(self, x, allowed=None):
        if allowed is not None and allowed.dim() == 3:
            allowed = torch.stack([allowed[i] for i in range(len(x))])
        return super().forward(x, allowed)


@mistake
class Encoder__blind_queries_zeroed(reference.Encoder):
    """A token that may attend to nothing is set to 0. It keeps its residual: only its attention is 0."""

    def forward(self, x, allowed=None):
        if allowed is not None and allowed.dim() == 3 and allowed.size(1) == x.size(1):
            x = x * allowed.any(dim=-1, keepdim=True)
        return super().forward(x, allowed)


@mistake
class Encoder__six_layers_at_most(reference.Encoder):
    """Only the first six layers work. The paper has six; a stack has as many as it is asked for."""

    def forward(self, x, allowed=None):
        for layer in self.layers[:6]:
            x = layer(x, allowed)
        return x


@mistake
class Encoder__two_axes_are_batch_and_key(reference.Encoder):
    """A mask of two axes is taken for one of (batch, key) where its first axis is as large as the batch. Its axes are
    query and key."""

    def forward(self, x, allowed=None):
        if allowed is not None and allowed.dim() == 2 and allowed.size(0) == x.size(0):
            allowed = allowed.unsqueeze(1)
        return super().forward(x, allowed)


@mistake
class Encoder__first_1024_tokens(reference.Encoder):
    """Only the first 1,024 tokens are attended to. A stack has no longest sequence."""

    def forward(self, x, allowed=None):
        near = torch.arange(x.size(1), device=x.device)[None] < 1024
        return super().forward(x, near if allowed is None else allowed & near)


@device_mistake
class Encoder__constant_as_an_attribute(reference.Encoder):
    """A constant tensor is a plain attribute: `.to()` moves parameters and buffers, and leaves it on the CPU."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)
        self.scale = torch.ones(d_model, dtype=torch.float64)

    def forward(self, x, allowed=None):
        return super().forward(x * self.scale.to(x.dtype), allowed)
