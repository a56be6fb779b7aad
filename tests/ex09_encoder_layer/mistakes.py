"""Wrong variants of exercise 9, the likeliest first."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from grader.authoring import device_mistake, mistake
from solutions import ex09_encoder_layer as reference


@mistake
class LayerNorm__unbiased_variance(reference.LayerNorm):
    """The variance is divided by d_model - 1, as `var` and `std` do by default. Layer norm divides by d_model."""

    def forward(self, x):
        variance = x.var(dim=-1, keepdim=True)
        return (x - x.mean(dim=-1, keepdim=True)) / torch.sqrt(variance + self.eps) * self.weight + self.bias


@mistake
class LayerNorm__root_then_square(reference.LayerNorm):
    """The standard deviation is squared again. Where all features are equal, the gradient of its root is NaN."""

    def forward(self, x):
        variance = x.var(dim=-1, keepdim=True, correction=0).sqrt() ** 2
        return (x - x.mean(dim=-1, keepdim=True)) / torch.sqrt(variance + self.eps) * self.weight + self.bias


@mistake
class LayerNorm__eps_outside_the_root(reference.LayerNorm):
    """eps is added to the standard deviation. It belongs to the variance, before the root is taken."""

    def forward(self, x):
        deviation = x - x.mean(dim=-1, keepdim=True)
        root = deviation.square().mean(dim=-1, keepdim=True).sqrt()
        return deviation / (root + self.eps) * self.weight + self.bias


@mistake
class LayerNorm__unbiased_and_eps_outside(reference.LayerNorm):
    """`std` divides by d_model - 1, and eps is added after the root: two differences to layer norm."""

    def forward(self, x):
        deviation = x - x.mean(dim=-1, keepdim=True)
        return deviation / (x.std(dim=-1, keepdim=True) + self.eps) * self.weight + self.bias


@mistake
class LayerNorm__no_eps(reference.LayerNorm):
    """There is no eps: a token whose features are all equal is divided by zero."""

    def forward(self, x):
        deviation = x - x.mean(dim=-1, keepdim=True)
        return deviation / deviation.square().mean(dim=-1, keepdim=True).sqrt() * self.weight + self.bias


@mistake
class LayerNorm__eps_of_its_own(reference.LayerNorm):
    """eps is a number in the formula. The one that the module was made with is not used."""

    def forward(self, x):
        deviation = x - x.mean(dim=-1, keepdim=True)
        return deviation / (deviation.square().mean(dim=-1, keepdim=True) + 1e-5).sqrt() * self.weight + self.bias


@mistake
class LayerNorm__weight_and_bias_unused(reference.LayerNorm):
    """`weight` and `bias` are not used. They start as 1 and 0, so this stays hidden until something is learned."""

    def forward(self, x):
        deviation = x - x.mean(dim=-1, keepdim=True)
        return deviation / (deviation.square().mean(dim=-1, keepdim=True) + self.eps).sqrt()


@mistake
class LayerNorm__bias_unused(reference.LayerNorm):
    """`bias` is never added."""

    def forward(self, x):
        return super().forward(x) - self.bias


@mistake
class LayerNorm__bias_before_weight(reference.LayerNorm):
    """The bias is added before the multiplication with the weight, so the weight scales it too."""

    def forward(self, x):
        return super().forward(x) - self.bias + self.bias * self.weight


@mistake
class LayerNorm__over_the_sequence(reference.LayerNorm):
    """Mean and variance run over the tokens of a sentence. Each token has its own, over its features."""

    def forward(self, x):
        deviation = x - x.mean(dim=-2, keepdim=True)
        return deviation / (deviation.square().mean(dim=-2, keepdim=True) + self.eps).sqrt() * self.weight + self.bias


@mistake
class LayerNorm__over_the_batch(reference.LayerNorm):
    """Mean and variance run over the batch: that is batch norm. Each token has its own, over its features."""

    def forward(self, x):
        deviation = x - x.mean(dim=0, keepdim=True)
        return deviation / (deviation.square().mean(dim=0, keepdim=True) + self.eps).sqrt() * self.weight + self.bias


@mistake
class LayerNorm__over_everything(reference.LayerNorm):
    """One mean and one variance for the whole tensor. Each token has its own, over its features."""

    def forward(self, x):
        deviation = x - x.mean()
        return deviation / (deviation.square().mean() + self.eps).sqrt() * self.weight + self.bias


@mistake
class LayerNorm__over_all_but_the_batch(reference.LayerNorm):
    """One mean and one variance for a whole sentence. Each token has its own, over its features."""

    def forward(self, x):
        axes = list(range(1, x.dim())) or [0]
        deviation = x - x.mean(dim=axes, keepdim=True)
        return deviation / (deviation.square().mean(dim=axes, keepdim=True) + self.eps).sqrt() * self.weight + self.bias


@mistake
class LayerNorm__mean_kept(reference.LayerNorm):
    """The mean is not subtracted, only the scale is changed: that is RMS norm."""

    def forward(self, x):
        return x / (x.square().mean(dim=-1, keepdim=True) + self.eps).sqrt() * self.weight + self.bias


@mistake
class LayerNorm__divided_by_the_variance(reference.LayerNorm):
    """The root is missing: the deviation is divided by the variance itself."""

    def forward(self, x):
        deviation = x - x.mean(dim=-1, keepdim=True)
        return deviation / (deviation.square().mean(dim=-1, keepdim=True) + self.eps) * self.weight + self.bias


@mistake
class LayerNorm__three_axes_only(reference.LayerNorm):
    """The features are taken for axis 2. They are the last axis, however many come before."""

    def forward(self, x):
        deviation = x - x.mean(dim=2, keepdim=True)
        return deviation / (deviation.square().mean(dim=2, keepdim=True) + self.eps).sqrt() * self.weight + self.bias


@mistake
class LayerNorm__statistics_detached(reference.LayerNorm):
    """Mean and variance are cut off from the graph, so the gradient is that of a mere scaling."""

    def forward(self, x):
        mean, variance = x.mean(-1, keepdim=True).detach(), x.var(-1, keepdim=True, correction=0).detach()
        return (x - mean) / torch.sqrt(variance + self.eps) * self.weight + self.bias


@mistake
class LayerNorm__library_call(reference.LayerNorm):
    """The library's layer norm does the work that this exercise asks you to build."""

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


@mistake
class LayerNorm__in_place(reference.LayerNorm):
    """The mean is subtracted in place, so the caller's tensor changes too."""

    def forward(self, x):
        result = super().forward(x)
        if not x.requires_grad:
            x -= x.mean(dim=-1, keepdim=True)
        return result


@mistake
class LayerNorm__computed_in_float32(reference.LayerNorm):
    """The norm is computed in float32 and converted back, which costs a float64 input half of its digits."""

    def forward(self, x):
        return super().forward(x.float()).to(x.dtype) + 0 * x if x.dtype is torch.float64 else super().forward(x)


@mistake
class EncoderLayer__sublayers_side_by_side(reference.EncoderLayer):
    """Both sublayers read the layer's input. The feed-forward should read what the first norm returns."""

    def forward(self, x, allowed=None):
        y = self.norm_1(x + self.dropout(self.self_attention(x, x, x, allowed)[0]))
        return self.norm_2(y + self.dropout(self.feed_forward(x)))


@mistake
class FeedForward__no_relu(reference.FeedForward):
    """There is no ReLU: two linear maps in a row are one linear map."""

    def forward(self, x):
        return self.linear_out(self.dropout(self.linear_in(x)))


@mistake
class FeedForward__relu_at_the_end(reference.FeedForward):
    """The ReLU comes after the second map. So nothing negative can leave, and the two maps are one."""

    def forward(self, x):
        return torch.relu(self.linear_out(self.dropout(self.linear_in(x))))


@mistake
class FeedForward__relu_twice(reference.FeedForward):
    """A second ReLU follows the second map, so nothing negative can leave."""

    def forward(self, x):
        return torch.relu(super().forward(x))


@mistake
class FeedForward__gelu(reference.FeedForward):
    """GELU takes the place of ReLU. Later models do that; the paper, and this exercise, use ReLU."""

    def forward(self, x):
        return self.linear_out(self.dropout(F.gelu(self.linear_in(x))))


@mistake
class FeedForward__residual_inside(reference.FeedForward):
    """The input is added here. The residual connection belongs to the layer around it, which adds it again."""

    def forward(self, x):
        return x + super().forward(x)


@mistake
class FeedForward__no_dropout(reference.FeedForward):
    """`dropout` is never used inside the feed-forward."""

    def forward(self, x):
        return self.linear_out(torch.relu(self.linear_in(x)))


@mistake
class FeedForward__dropout_at_the_end(reference.FeedForward):
    """Dropout comes after the second map. Here it belongs between the ReLU and the second map."""

    def forward(self, x):
        return self.dropout(self.linear_out(torch.relu(self.linear_in(x))))


@mistake
class FeedForward__dropout_always_on(reference.FeedForward):
    """Dropout stays on in eval mode, so the same input gives another result in every call."""

    def forward(self, x):
        return self.linear_out(F.dropout(torch.relu(self.linear_in(x)), self.dropout.p, training=True))


@mistake
class FeedForward__dropout_not_scaled(reference.FeedForward):
    """What dropout keeps is not scaled up, so in training everything is smaller than in eval mode."""

    def forward(self, x):
        hidden = torch.relu(self.linear_in(x))
        if self.training:
            hidden = hidden * (torch.rand_like(hidden) >= self.dropout.p)
        return self.linear_out(hidden)


@mistake
class EncoderLayer__pre_norm(reference.EncoderLayer):
    """The norm comes before each sublayer (pre-norm). This exercise, as the paper, normalises after the sum."""

    def forward(self, x, allowed=None):
        normed = self.norm_1(x)
        x = x + self.dropout(self.self_attention(normed, normed, normed, allowed)[0])
        return x + self.dropout(self.feed_forward(self.norm_2(x)))


@mistake
class EncoderLayer__pre_norm_adds_the_normed(reference.EncoderLayer):
    """The norm comes first, and the result is added to what it normalised. Here the norm comes after the sum."""

    def forward(self, x, allowed=None):
        x = self.norm_1(x)
        x = x + self.dropout(self.self_attention(x, x, x, allowed)[0])
        x = self.norm_2(x)
        return x + self.dropout(self.feed_forward(x))


@mistake
class EncoderLayer__dropout_on_the_queries(reference.EncoderLayer):
    """The queries are dropped before the attention compares them. Only what a sublayer adds is dropped."""

    def forward(self, x, allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(self.dropout(x), x, x, allowed)[0]))
        return self.norm_2(x + self.dropout(self.feed_forward(x)))


@mistake
class EncoderLayer__same_entries_dropped_twice(reference.EncoderLayer):
    """Both sublayers lose the same entries: dropout was drawn once, and each needs a draw of its own."""

    def forward(self, x, allowed=None):
        mask = self.dropout(torch.ones_like(x))
        x = self.norm_1(x + mask * self.self_attention(x, x, x, allowed)[0])
        return self.norm_2(x + mask * self.feed_forward(x))


@mistake
class EncoderLayer__feed_forward_without_dropout(reference.EncoderLayer):
    """The feed-forward was made without `dropout`, so nothing is dropped inside it."""

    def __init__(self, d_model, num_heads, d_ff, dropout=0.0):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.feed_forward = reference.FeedForward(d_model, d_ff)


@mistake
class EncoderLayer__dropout_after_the_sum(reference.EncoderLayer):
    """Dropout hits the sum, so it drops the word itself too. It belongs on the sublayer's result."""

    def forward(self, x, allowed=None):
        x = self.norm_1(self.dropout(x + self.self_attention(x, x, x, allowed)[0]))
        return self.norm_2(self.dropout(x + self.feed_forward(x)))


@mistake
class EncoderLayer__no_residual(reference.EncoderLayer):
    """Nothing is added: each sublayer replaces its input, so what the word itself was is lost."""

    def forward(self, x, allowed=None):
        x = self.norm_1(self.dropout(self.self_attention(x, x, x, allowed)[0]))
        return self.norm_2(self.dropout(self.feed_forward(x)))


@mistake
class EncoderLayer__no_residual_around_attention(reference.EncoderLayer):
    """The result of the attention is normalised by itself: its input was not added."""

    def forward(self, x, allowed=None):
        x = self.norm_1(self.dropout(self.self_attention(x, x, x, allowed)[0]))
        return self.norm_2(x + self.dropout(self.feed_forward(x)))


@mistake
class EncoderLayer__no_residual_around_feed_forward(reference.EncoderLayer):
    """The result of the feed-forward is normalised by itself: its input was not added."""

    def forward(self, x, allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, allowed)[0]))
        return self.norm_2(self.dropout(self.feed_forward(x)))


@mistake
class EncoderLayer__norm_before_the_sum(reference.EncoderLayer):
    """Each sublayer's result is normalised by itself and then added. The norm belongs around the sum."""

    def forward(self, x, allowed=None):
        x = x + self.norm_1(self.dropout(self.self_attention(x, x, x, allowed)[0]))
        return x + self.norm_2(self.dropout(self.feed_forward(x)))


@mistake
class EncoderLayer__one_norm_for_both(reference.EncoderLayer):
    """norm_1 is used in both places. Each place has learned weights of its own."""

    def forward(self, x, allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, allowed)[0]))
        return self.norm_1(x + self.dropout(self.feed_forward(x)))


@mistake
class EncoderLayer__norms_exchanged(reference.EncoderLayer):
    """norm_1 and norm_2 stand in each other's place."""

    def forward(self, x, allowed=None):
        x = self.norm_2(x + self.dropout(self.self_attention(x, x, x, allowed)[0]))
        return self.norm_1(x + self.dropout(self.feed_forward(x)))


@mistake
class EncoderLayer__no_second_norm(reference.EncoderLayer):
    """The second sum is not normalised."""

    def forward(self, x, allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, allowed)[0]))
        return x + self.dropout(self.feed_forward(x))


@mistake
class EncoderLayer__second_residual_from_the_input(reference.EncoderLayer):
    """The second sum adds the layer's input. It should add what the feed-forward was given."""

    def forward(self, x, allowed=None):
        y = self.norm_1(x + self.dropout(self.self_attention(x, x, x, allowed)[0]))
        return self.norm_2(x + self.dropout(self.feed_forward(y)))


@mistake
class EncoderLayer__feed_forward_first(reference.EncoderLayer):
    """The feed-forward comes before the attention."""

    def forward(self, x, allowed=None):
        x = self.norm_1(x + self.dropout(self.feed_forward(x)))
        return self.norm_2(x + self.dropout(self.self_attention(x, x, x, allowed)[0]))


@mistake
class Encoder__mask_not_passed_on(reference.Encoder):
    """The mask is not passed on to the layers: padding is attended to."""

    def forward(self, x, allowed=None):
        return super().forward(x)


@mistake
class EncoderLayer__mask_ignored(reference.EncoderLayer):
    """`allowed` is never passed to the attention: every token sees every other."""

    def forward(self, x, allowed=None):
        return super().forward(x)


@mistake
class EncoderLayer__mask_inverted(reference.EncoderLayer):
    """The mask is turned round on its way to the attention. True means: may be attended to."""

    def forward(self, x, allowed=None):
        return super().forward(x, None if allowed is None else ~allowed)


@mistake
class EncoderLayer__returns_a_tuple(reference.EncoderLayer):
    """The layer returns a tuple. It should return one tensor, of the shape of x."""

    def forward(self, x, allowed=None):
        return super().forward(x, allowed), None


@mistake
class EncoderLayer__dropout_of_whole_tokens(reference.EncoderLayer):
    """Dropout drops whole tokens. Each entry should have a fate of its own."""

    def forward(self, x, allowed=None):
        token = torch.ones_like(x[..., :1])
        x = self.norm_1(x + self.dropout(token) * self.self_attention(x, x, x, allowed)[0])
        return self.norm_2(x + self.dropout(token) * self.feed_forward(x))


@mistake
class EncoderLayer__no_dropout_at_all(reference.EncoderLayer):
    """`dropout` is used on neither sublayer's result."""

    def forward(self, x, allowed=None):
        x = self.norm_1(x + self.self_attention(x, x, x, allowed)[0])
        return self.norm_2(x + self.feed_forward(x))


@mistake
class EncoderLayer__no_dropout_on_attention(reference.EncoderLayer):
    """The result of the attention is added without dropout."""

    def forward(self, x, allowed=None):
        x = self.norm_1(x + self.self_attention(x, x, x, allowed)[0])
        return self.norm_2(x + self.dropout(self.feed_forward(x)))


@mistake
class EncoderLayer__no_dropout_on_feed_forward(reference.EncoderLayer):
    """The result of the feed-forward is added without dropout."""

    def forward(self, x, allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, allowed)[0]))
        return self.norm_2(x + self.feed_forward(x))


@mistake
class EncoderLayer__dropout_after_the_norm(reference.EncoderLayer):
    """Dropout hits what the norm returns. It belongs on the sublayer's result, before the sum."""

    def forward(self, x, allowed=None):
        x = self.dropout(self.norm_1(x + self.self_attention(x, x, x, allowed)[0]))
        return self.dropout(self.norm_2(x + self.feed_forward(x)))


@mistake
class EncoderLayer__dropped_twice(reference.EncoderLayer):
    """The attention's result goes through dropout twice, so too much of it is dropped."""

    def forward(self, x, allowed=None):
        x = self.norm_1(x + self.dropout(self.dropout(self.self_attention(x, x, x, allowed)[0])))
        return self.norm_2(x + self.dropout(self.feed_forward(x)))


@mistake
class EncoderLayer__same_dropout_in_every_call(reference.EncoderLayer):
    """The random numbers are seeded in every call, so the same entries are dropped for ever."""

    def forward(self, x, allowed=None):
        if self.training:
            torch.manual_seed(0)
        return super().forward(x, allowed)


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
    """num_heads and d_ff are passed on in each other's place."""

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
    """Only the first layer is used: the loop returns in its first round."""

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
    """Without a word about dropout some is used. The default is 0."""

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
    """The results of all layers are returned. Asked for is what the last one returns."""

    def forward(self, x, allowed=None):
        results = []
        for layer in self.layers:
            x = layer(x, allowed)
            results.append(x)
        return results


@mistake
class Encoder__no_gradient(reference.Encoder):
    """The result is computed without recording, so nothing in the encoder can be trained."""

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
    """A mask is taken to have a row for each sentence, where an axis of size 1 counts for all of them."""

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


@device_mistake
class LayerNorm__eps_on_the_cpu(reference.LayerNorm):
    """eps is made a tensor with an axis, on the default device, and cannot be added to a variance on another."""

    def forward(self, x):
        deviation = x - x.mean(dim=-1, keepdim=True)
        variance = deviation.square().mean(dim=-1, keepdim=True) + torch.tensor([self.eps], dtype=x.dtype)
        return deviation / torch.sqrt(variance) * self.weight + self.bias


@device_mistake
class FeedForward__zeros_on_the_cpu(reference.FeedForward):
    """The zeros of the ReLU are made on the default device, and the features may be on another."""

    def forward(self, x):
        hidden = self.linear_in(x)
        hidden = torch.maximum(hidden, torch.zeros(hidden.size(-1), dtype=x.dtype))
        return self.linear_out(self.dropout(hidden))


@device_mistake
class Encoder__constant_as_an_attribute(reference.Encoder):
    """A constant tensor is a plain attribute: `.to()` moves parameters and buffers, and leaves it on the CPU."""

    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.0):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)
        self.scale = torch.ones(d_model, dtype=torch.float64)

    def forward(self, x, allowed=None):
        return super().forward(x * self.scale.to(x.dtype), allowed)


@mistake
class Encoder__six_layers_at_most(reference.Encoder):
    """Only the first six layers work. The paper has six; a stack has as many as it is asked for."""

    def forward(self, x, allowed=None):
        for layer in self.layers[:6]:
            x = layer(x, allowed)
        return x


@mistake
class FeedForward__input_dropped_too(reference.FeedForward):
    """The input goes through dropout as well. It has one place here: between the ReLU and linear_out."""

    def forward(self, x):
        return super().forward(self.dropout(x))


@mistake
class EncoderLayer__dropout_before_attention(reference.EncoderLayer):
    """What self-attention reads is dropped too. Dropout belongs on its result alone."""

    def forward(self, x, allowed=None):
        dropped = self.dropout(x)
        x = self.norm_1(x + self.dropout(self.self_attention(dropped, dropped, dropped, allowed)[0]))
        return self.norm_2(x + self.dropout(self.feed_forward(x)))
