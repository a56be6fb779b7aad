"""Wrong variants of `DecoderLayer` (exercise 10), the likeliest first."""

import torch
import torch.nn.functional as F

from grader.authoring import device_mistake, mistake
from solutions import ex10_decoder_layer as reference


@mistake
class DecoderLayer__memory_unused(reference.DecoderLayer):
    """Cross-attention takes keys and values from the target itself, so the decoder never sees the source."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, target_allowed)[0]))
        x = self.norm_2(x + self.dropout(self.cross_attention(x, x, x, target_allowed)[0]))
        return self.norm_3(x + self.dropout(self.feed_forward(x)))


@mistake
class DecoderLayer__masks_swapped(reference.DecoderLayer):
    """The two masks are swapped: the source's mask is applied to the target and vice versa."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        return super().forward(x, memory, source_allowed, target_allowed)


@mistake
class DecoderLayer__queries_from_memory(reference.DecoderLayer):
    """Cross-attention asks with the memory and looks things up in the target. It is the target that asks."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, target_allowed)[0]))
        x = self.norm_2(x + self.dropout(self.cross_attention(memory, x, x, source_allowed)[0]))
        return self.norm_3(x + self.dropout(self.feed_forward(x)))


@mistake
class DecoderLayer__values_from_target(reference.DecoderLayer):
    """Cross-attention compares with the memory but fetches its values from the target."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, target_allowed)[0]))
        x = self.norm_2(x + self.dropout(self.cross_attention(x, memory, x, source_allowed)[0]))
        return self.norm_3(x + self.dropout(self.feed_forward(x)))


@mistake
class DecoderLayer__target_mask_unused(reference.DecoderLayer):
    """Self-attention ignores target_allowed, so a position sees the tokens that it is asked to predict."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        return super().forward(x, memory, None, source_allowed)


@mistake
class DecoderLayer__source_mask_unused(reference.DecoderLayer):
    """Cross-attention ignores source_allowed, so the source's padding is read like words."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        return super().forward(x, memory, target_allowed, None)


@mistake
class DecoderLayer__causal_by_default(reference.DecoderLayer):
    """Without target_allowed a causal mask is used. None means that everything may be attended to."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        if target_allowed is None:
            target_allowed = torch.ones(x.size(1), x.size(1), dtype=torch.bool, device=x.device).tril()
        return super().forward(x, memory, target_allowed, source_allowed)


@mistake
class DecoderLayer__always_causal(reference.DecoderLayer):
    """A causal mask of the layer's own replaces target_allowed. Only the caller knows what may be seen."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        past = torch.ones(x.size(1), x.size(1), dtype=torch.bool, device=x.device).tril()
        return super().forward(x, memory, past, source_allowed)


@mistake
class DecoderLayer__pre_norm(reference.DecoderLayer):
    """Each sublayer's input is normalised and the sum is not: that is pre-norm. It should be post-norm."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        y = self.norm_1(x)
        x = x + self.dropout(self.self_attention(y, y, y, target_allowed)[0])
        x = x + self.dropout(self.cross_attention(self.norm_2(x), memory, memory, source_allowed)[0])
        return x + self.dropout(self.feed_forward(self.norm_3(x)))


@mistake
class DecoderLayer__norm_before_the_sum(reference.DecoderLayer):
    """A sublayer's result is normalised and then added. The sum should be normalised instead."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = x + self.norm_1(self.dropout(self.self_attention(x, x, x, target_allowed)[0]))
        x = x + self.norm_2(self.dropout(self.cross_attention(x, memory, memory, source_allowed)[0]))
        return x + self.norm_3(self.dropout(self.feed_forward(x)))


@mistake
class DecoderLayer__dropout_on_what_self_attention_reads(reference.DecoderLayer):
    """What self-attention reads is dropped too. Only what a sublayer adds is dropped."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        y = self.dropout(x)
        x = self.norm_1(x + self.dropout(self.self_attention(y, y, y, target_allowed)[0]))
        x = self.norm_2(x + self.dropout(self.cross_attention(x, memory, memory, source_allowed)[0]))
        return self.norm_3(x + self.dropout(self.feed_forward(x)))


@mistake
class DecoderLayer__dropout_on_the_memory(reference.DecoderLayer):
    """The memory is dropped before it is read. Only what a sublayer adds is dropped."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        return super().forward(x, self.dropout(memory), target_allowed, source_allowed)


@mistake
class DecoderLayer__dropout_on_the_cross_queries(reference.DecoderLayer):
    """The queries of cross-attention are dropped. Only what a sublayer adds is dropped."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, target_allowed)[0]))
        x = self.norm_2(x + self.dropout(self.cross_attention(self.dropout(x), memory, memory, source_allowed)[0]))
        return self.norm_3(x + self.dropout(self.feed_forward(x)))


@mistake
class DecoderLayer__dropout_on_what_feed_forward_reads(reference.DecoderLayer):
    """What feed-forward reads is dropped too. Only what a sublayer adds is dropped."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, target_allowed)[0]))
        x = self.norm_2(x + self.dropout(self.cross_attention(x, memory, memory, source_allowed)[0]))
        return self.norm_3(x + self.dropout(self.feed_forward(self.dropout(x))))


@mistake
class DecoderLayer__same_features_dropped_twice(reference.DecoderLayer):
    """Both attentions lose the same features: dropout was drawn once, and each sublayer needs a draw of its own."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        mask = self.dropout(x.new_ones(x.shape))
        x = self.norm_1(x + mask * self.self_attention(x, x, x, target_allowed)[0])
        x = self.norm_2(x + mask * self.cross_attention(x, memory, memory, source_allowed)[0])
        return self.norm_3(x + self.dropout(self.feed_forward(x)))


@mistake
class DecoderLayer__feed_forward_without_dropout(reference.DecoderLayer):
    """The feed-forward was made without `dropout`, so nothing is dropped inside it."""

    def __init__(self, d_model, num_heads, d_ff, dropout=0.0):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.feed_forward = reference.FeedForward(d_model, d_ff)


@mistake
class DecoderLayer__dropout_on_the_sum(reference.DecoderLayer):
    """Dropout is applied to the whole sum, so it breaks the residual connection too."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.norm_1(self.dropout(x + self.self_attention(x, x, x, target_allowed)[0]))
        x = self.norm_2(self.dropout(x + self.cross_attention(x, memory, memory, source_allowed)[0]))
        return self.norm_3(self.dropout(x + self.feed_forward(x)))


@mistake
class DecoderLayer__no_residuals(reference.DecoderLayer):
    """Nothing is added to what a sublayer was given: the residual connections are missing."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.norm_1(self.dropout(self.self_attention(x, x, x, target_allowed)[0]))
        x = self.norm_2(self.dropout(self.cross_attention(x, memory, memory, source_allowed)[0]))
        return self.norm_3(self.dropout(self.feed_forward(x)))


@mistake
class DecoderLayer__no_cross_residual(reference.DecoderLayer):
    """Cross-attention has no residual connection: what self-attention found is thrown away."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, target_allowed)[0]))
        x = self.norm_2(self.dropout(self.cross_attention(x, memory, memory, source_allowed)[0]))
        return self.norm_3(x + self.dropout(self.feed_forward(x)))


@mistake
class DecoderLayer__residual_of_the_layer_input(reference.DecoderLayer):
    """The layer's input is added in every residual connection. Each sublayer has an input of its own."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        y = self.norm_1(x + self.dropout(self.self_attention(x, x, x, target_allowed)[0]))
        y = self.norm_2(x + self.dropout(self.cross_attention(y, memory, memory, source_allowed)[0]))
        return self.norm_3(x + self.dropout(self.feed_forward(y)))


@mistake
class DecoderLayer__cross_attention_first(reference.DecoderLayer):
    """Cross-attention comes before self-attention. Look at what has been written first."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.norm_2(x + self.dropout(self.cross_attention(x, memory, memory, source_allowed)[0]))
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, target_allowed)[0]))
        return self.norm_3(x + self.dropout(self.feed_forward(x)))


@mistake
class DecoderLayer__queries_from_the_layer_input(reference.DecoderLayer):
    """Cross-attention asks with the layer's input, not with what self-attention made of it."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        y = self.norm_1(x + self.dropout(self.self_attention(x, x, x, target_allowed)[0]))
        y = self.norm_2(y + self.dropout(self.cross_attention(x, memory, memory, source_allowed)[0]))
        return self.norm_3(y + self.dropout(self.feed_forward(y)))


@mistake
class DecoderLayer__one_attention_twice(reference.DecoderLayer):
    """The memory is read with the weights of self_attention; cross_attention is never used."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, target_allowed)[0]))
        x = self.norm_2(x + self.dropout(self.self_attention(x, memory, memory, source_allowed)[0]))
        return self.norm_3(x + self.dropout(self.feed_forward(x)))


@mistake
class DecoderLayer__one_norm_for_all(reference.DecoderLayer):
    """The same norm ends all three sublayers, and the other two are never used."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, target_allowed)[0]))
        x = self.norm_1(x + self.dropout(self.cross_attention(x, memory, memory, source_allowed)[0]))
        return self.norm_1(x + self.dropout(self.feed_forward(x)))


@mistake
class DecoderLayer__last_norms_swapped(reference.DecoderLayer):
    """norm_2 and norm_3 are swapped."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, target_allowed)[0]))
        x = self.norm_3(x + self.dropout(self.cross_attention(x, memory, memory, source_allowed)[0]))
        return self.norm_2(x + self.dropout(self.feed_forward(x)))


@mistake
class DecoderLayer__memory_normalised(reference.DecoderLayer):
    """The memory goes through a norm before it is read. It should be used as the encoder made it."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        return super().forward(x, self.norm_2(memory), target_allowed, source_allowed)


@mistake
class DecoderLayer__no_feed_forward(reference.DecoderLayer):
    """The feed-forward sublayer is missing."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, target_allowed)[0]))
        return self.norm_2(x + self.dropout(self.cross_attention(x, memory, memory, source_allowed)[0]))


@mistake
class DecoderLayer__no_dropout(reference.DecoderLayer):
    """No sublayer's result goes through dropout; it is only inside the feed-forward network."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.norm_1(x + self.self_attention(x, x, x, target_allowed)[0])
        x = self.norm_2(x + self.cross_attention(x, memory, memory, source_allowed)[0])
        return self.norm_3(x + self.feed_forward(x))


@mistake
class DecoderLayer__no_dropout_on_cross_attention(reference.DecoderLayer):
    """What cross-attention adds does not go through dropout."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, target_allowed)[0]))
        x = self.norm_2(x + self.cross_attention(x, memory, memory, source_allowed)[0])
        return self.norm_3(x + self.dropout(self.feed_forward(x)))


@mistake
class DecoderLayer__dropout_after_the_norm(reference.DecoderLayer):
    """Dropout is applied after each norm. It belongs on a sublayer's result, before the sum."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.dropout(self.norm_1(x + self.self_attention(x, x, x, target_allowed)[0]))
        x = self.dropout(self.norm_2(x + self.cross_attention(x, memory, memory, source_allowed)[0]))
        return self.dropout(self.norm_3(x + self.feed_forward(x)))


@mistake
class DecoderLayer__drops_in_eval_mode(reference.DecoderLayer):
    """F.dropout drops in eval mode too, unless it is told not to."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        p = self.dropout.p
        x = self.norm_1(x + F.dropout(self.self_attention(x, x, x, target_allowed)[0], p))
        x = self.norm_2(x + F.dropout(self.cross_attention(x, memory, memory, source_allowed)[0], p))
        return self.norm_3(x + F.dropout(self.feed_forward(x), p))


@mistake
class DecoderLayer__dropped_twice(reference.DecoderLayer):
    """Each sublayer's result goes through dropout twice, so far more is lost than was asked for."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.norm_1(x + self.dropout(self.dropout(self.self_attention(x, x, x, target_allowed)[0])))
        read = self.dropout(self.cross_attention(x, memory, memory, source_allowed)[0])
        x = self.norm_2(x + self.dropout(read))
        return self.norm_3(x + self.dropout(self.dropout(self.feed_forward(x))))


@mistake
class DecoderLayer__same_coins_every_time(reference.DecoderLayer):
    """A random seed is set in every forward pass: the same features are dropped each time, in every module."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        torch.manual_seed(0)
        return super().forward(x, memory, target_allowed, source_allowed)


@mistake
class DecoderLayer__memory_detached(reference.DecoderLayer):
    """The memory is cut off from the graph, so the encoder learns nothing from the decoder's errors."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        return super().forward(x, memory.detach(), target_allowed, source_allowed)


@mistake
class DecoderLayer__adds_in_place(reference.DecoderLayer):
    """A sublayer's result is added to x in place, so the caller's tensor changes too."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        added = self.dropout(self.self_attention(x, x, x, target_allowed)[0])
        if x.requires_grad:
            x = x + added
        else:
            x += added
        x = self.norm_1(x)
        x = self.norm_2(x + self.dropout(self.cross_attention(x, memory, memory, source_allowed)[0]))
        return self.norm_3(x + self.dropout(self.feed_forward(x)))


@mistake
class DecoderLayer__needs_contiguous_input(reference.DecoderLayer):
    """`view` is used on an input, which fails for a tensor that is not contiguous in memory."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = x.view(-1, x.size(-1)).view(x.shape)
        return super().forward(x, memory, target_allowed, source_allowed)


@mistake
class DecoderLayer__squeezed(reference.DecoderLayer):
    """Axes of size 1 are squeezed away, so a batch of one sentence loses its batch axis."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        return super().forward(x, memory, target_allowed, source_allowed).squeeze()


@mistake
class DecoderLayer__returns_float32(reference.DecoderLayer):
    """The result is converted to float32, whatever the dtype of the input."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        return super().forward(x, memory, target_allowed, source_allowed).float()


@mistake
class DecoderLayer__returns_the_weights_too(reference.DecoderLayer):
    """Attention weights are returned along with the output, and the next layer cannot take a pair."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        _, weights = self.cross_attention(x, memory, memory, source_allowed)
        return super().forward(x, memory, target_allowed, source_allowed), weights


@mistake
class DecoderLayer__library_norm(reference.DecoderLayer):
    """The library's layer norm is used in place of the one that you built in an earlier exercise."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        for norm in (self.norm_1, self.norm_2, self.norm_3):
            norm.forward = lambda y, norm=norm: F.layer_norm(y, y.shape[-1:], norm.weight, norm.bias, norm.eps)
        return super().forward(x, memory, target_allowed, source_allowed)


@mistake
class DecoderLayer__left_in_train_mode(reference.DecoderLayer):
    """The layer is in train mode after a call, whatever its mode was, so the next call drops features."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = super().forward(x, memory, target_allowed, source_allowed)
        self.train()
        return x


@mistake
class DecoderLayer__one_mask_for_each_sentence(reference.DecoderLayer):
    """A source mask is assumed to have an entry for each sentence. An axis of size 1 should count for all of them."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        if source_allowed is not None and source_allowed.dim() == 3:
            source_allowed = torch.stack([source_allowed[i] for i in range(len(x))])
        return super().forward(x, memory, target_allowed, source_allowed)


@mistake
class DecoderLayer__one_mask_for_both(reference.DecoderLayer):
    """If only one mask is given, it is used for both attentions. A mask that is left out allows everything."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        if x.size(1) == memory.size(1) and (target_allowed is None) != (source_allowed is None):
            target_allowed = source_allowed = source_allowed if target_allowed is None else target_allowed
        return super().forward(x, memory, target_allowed, source_allowed)


@mistake
class DecoderLayer__target_mask_for_both(reference.DecoderLayer):
    """target_allowed is given to cross-attention too. What may be read of the source, source_allowed says."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        return super().forward(x, memory, target_allowed, target_allowed)


@mistake
class DecoderLayer__source_mask_for_both(reference.DecoderLayer):
    """source_allowed is given to self-attention too. What may be seen of the target, target_allowed says."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        return super().forward(x, memory, source_allowed, source_allowed)


@mistake
class DecoderLayer__residual_of_the_memory(reference.DecoderLayer):
    """The memory is added to what cross-attention found. A residual connection adds what the sublayer asked with."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, target_allowed)[0]))
        x = self.norm_2(memory + self.dropout(self.cross_attention(x, memory, memory, source_allowed)[0]))
        return self.norm_3(x + self.dropout(self.feed_forward(x)))


@mistake
class DecoderLayer__keys_from_target(reference.DecoderLayer):
    """Cross-attention compares with the target and fetches its values from the memory. Both come from the memory."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, target_allowed)[0]))
        x = self.norm_2(x + self.dropout(self.cross_attention(x, x, memory, source_allowed)[0]))
        return self.norm_3(x + self.dropout(self.feed_forward(x)))


@mistake
class DecoderLayer__cross_residual_of_the_layer_input(reference.DecoderLayer):
    """The layer's input is added to what cross-attention found. It should add what norm_1 returned."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        y = self.norm_1(x + self.dropout(self.self_attention(x, x, x, target_allowed)[0]))
        y = self.norm_2(x + self.dropout(self.cross_attention(y, memory, memory, source_allowed)[0]))
        return self.norm_3(y + self.dropout(self.feed_forward(y)))


@mistake
class DecoderLayer__weights_not_taken_apart(reference.DecoderLayer):
    """The attention returns a pair, output and weights, and the pair is used as if it were the output."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, target_allowed)))
        x = self.norm_2(x + self.dropout(self.cross_attention(x, memory, memory, source_allowed)))
        return self.norm_3(x + self.dropout(self.feed_forward(x)))


@mistake
class DecoderLayer__first_1024_of_the_source(reference.DecoderLayer):
    """Of a long memory only the first 1,024 positions are read. A layer has no longest source."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        near = torch.arange(memory.size(1), device=x.device)[None] < 1024
        return super().forward(x, memory, target_allowed, near if source_allowed is None else source_allowed & near)


@mistake
class DecoderLayer__first_1024_of_the_target(reference.DecoderLayer):
    """Of a long target only the first 1,024 positions are seen. A layer has no longest target."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        near = torch.arange(x.size(1), device=x.device)[None] < 1024
        return super().forward(x, memory, near if target_allowed is None else target_allowed & near, source_allowed)


@device_mistake
class DecoderLayer__mask_of_ones_on_the_cpu(reference.DecoderLayer):
    """If no mask is given, one that allows everything is made on the default device. It must be on the device of x."""

    def forward(self, x, memory, target_allowed=None, source_allowed=None):
        if source_allowed is None:
            source_allowed = torch.ones(x.size(1), memory.size(1), dtype=torch.bool)
        return super().forward(x, memory, target_allowed, source_allowed)
