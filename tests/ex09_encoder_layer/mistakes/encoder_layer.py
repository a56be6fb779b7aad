"""Wrong variants of `EncoderLayer` (exercise 9), the likeliest first."""

import torch

from grader.authoring import mistake
from solutions import ex09_encoder_layer as reference


@mistake
class EncoderLayer__sublayers_side_by_side(reference.EncoderLayer):
    """Both sublayers read the layer's input. The feed-forward should read what the first norm returns."""

    def forward(self, x, allowed=None):
        y = self.norm_1(x + self.dropout(self.self_attention(x, x, x, allowed)[0]))
        return self.norm_2(y + self.dropout(self.feed_forward(x)))


@mistake
class EncoderLayer__pre_norm(reference.EncoderLayer):
    """The norm comes before each sublayer (pre-norm). This exercise, like the paper, normalises after the sum."""

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
    """Nothing is added: each sublayer replaces its input, so the word itself is lost."""

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
    """norm_1 and norm_2 are swapped."""

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
class EncoderLayer__mask_ignored(reference.EncoderLayer):
    """`allowed` is never passed to the attention: every token sees every other."""

    def forward(self, x, allowed=None):
        return super().forward(x)


@mistake
class EncoderLayer__mask_inverted(reference.EncoderLayer):
    """The mask is inverted on its way to the attention. True means: may be attended to."""

    def forward(self, x, allowed=None):
        return super().forward(x, None if allowed is None else ~allowed)


@mistake
class EncoderLayer__returns_a_tuple(reference.EncoderLayer):
    """The layer returns a tuple. It should return one tensor, of the shape of x."""

    def forward(self, x, allowed=None):
        return super().forward(x, allowed), None


@mistake
class EncoderLayer__dropout_of_whole_tokens(reference.EncoderLayer):
    """Dropout drops whole tokens. Each entry should be dropped or kept on its own."""

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
    """The random numbers are seeded in every call, so the same entries are dropped every time."""

    def forward(self, x, allowed=None):
        if self.training:
            torch.manual_seed(0)
        return super().forward(x, allowed)


@mistake
class EncoderLayer__dropout_before_attention(reference.EncoderLayer):
    """What self-attention reads is dropped too. Dropout belongs on its result alone."""

    def forward(self, x, allowed=None):
        dropped = self.dropout(x)
        x = self.norm_1(x + self.dropout(self.self_attention(dropped, dropped, dropped, allowed)[0]))
        return self.norm_2(x + self.dropout(self.feed_forward(x)))


@mistake
class EncoderLayer__weights_not_taken_apart(reference.EncoderLayer):
    """The attention returns a pair, output and weights, and the pair is used as if it were the output."""

    def forward(self, x, allowed=None):
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, allowed)))
        return self.norm_2(x + self.dropout(self.feed_forward(x)))
