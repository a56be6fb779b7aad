"""Wrong variants of exercise 8, the likeliest first."""

import math

import torch
import torch.nn.functional as F

from grader.authoring import device_mistake, mistake
from solutions import ex08_multi_head as reference


def project(module, query, key, value):
    """q, k and v, split into heads."""
    projected = (module.q_proj(query), module.k_proj(key), module.v_proj(value))
    return [reference.split_heads(x, module.num_heads) for x in projected]


def per_head(allowed, q, k):
    """The mask with an axis for the heads, whatever came in."""
    if allowed is None:
        return torch.ones(q.size(-2), k.size(-2), dtype=torch.bool, device=q.device)
    return allowed.unsqueeze(-3)


def finish(module, weights, v):
    """The output that follows from the weights."""
    return module.out_proj(reference.concat_heads(weights @ v)), weights


def scaled_scores(q, k):
    return q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))


@mistake
def split_heads__one_reshape(x, num_heads):
    """One reshape puts parts of different tokens into one row. The shape is right, the numbers are not."""
    batch, length, d_model = x.shape
    if d_model % num_heads:
        raise ValueError(f"{d_model} is not divisible by {num_heads}")
    return x.reshape(batch, num_heads, length, d_model // num_heads)


@mistake
def concat_heads__joined_in_one_reshape(x):
    """One reshape puts different tokens of one head side by side. What belongs together are the heads of one token."""
    batch, heads, length, d_head = x.shape
    return x.reshape(batch, length, heads * d_head)


@mistake
class MultiHeadAttention__scaled_by_d_model(reference.MultiHeadAttention):
    """The scores are divided by the root of d_model. A score adds up the products of one head only, which are fewer."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        heads, weights = reference.masked_attention(q / math.sqrt(self.num_heads), k, v, per_head(allowed, q, k))
        return self.out_proj(reference.concat_heads(heads)), weights


@mistake
class MultiHeadAttention__no_scaling(reference.MultiHeadAttention):
    """The scores of a head are not divided by the root of its width."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        scaled = q * math.sqrt(q.size(-1))
        heads, weights = reference.masked_attention(scaled, k, v, per_head(allowed, q, k))
        return self.out_proj(reference.concat_heads(heads)), weights


@mistake
class MultiHeadAttention__scaled_twice(reference.MultiHeadAttention):
    """The scores are divided by the root twice: once here, and once more in the attention function."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        scaled = q / math.sqrt(q.size(-1))
        heads, weights = reference.masked_attention(scaled, k, v, per_head(allowed, q, k))
        return self.out_proj(reference.concat_heads(heads)), weights


@mistake
class MultiHeadAttention__no_last_projection(reference.MultiHeadAttention):
    """The heads are glued together and returned: `out_proj` is missing, so the heads never meet."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        heads, weights = reference.masked_attention(q, k, v, per_head(allowed, q, k))
        return reference.concat_heads(heads), weights


@mistake
class MultiHeadAttention__no_first_projections(reference.MultiHeadAttention):
    """Query, key and value are split without being projected: `q_proj`, `k_proj` and `v_proj` are missing."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = (reference.split_heads(x, self.num_heads) for x in (query, key, value))
        heads, weights = reference.masked_attention(q, k, v, per_head(allowed, q, k))
        return self.out_proj(reference.concat_heads(heads)), weights


@mistake
class MultiHeadAttention__one_head(reference.MultiHeadAttention):
    """One attention over the whole width takes the place of several: all heads show the same weights."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = (x.unsqueeze(1) for x in (self.q_proj(query), self.k_proj(key), self.v_proj(value)))
        heads, weights = reference.masked_attention(q, k, v, per_head(allowed, q, k))
        return self.out_proj(heads.squeeze(1)), weights.expand(-1, self.num_heads, -1, -1)


@mistake
class MultiHeadAttention__weights_averaged_over_heads(reference.MultiHeadAttention):
    """The weights are averaged over the heads, so their head axis is gone. `nn.MultiheadAttention` does that."""

    def forward(self, query, key, value, allowed=None):
        output, weights = super().forward(query, key, value, allowed)
        return output, weights.mean(dim=1)


@mistake
class MultiHeadAttention__only_the_output(reference.MultiHeadAttention):
    """Only the output is returned. The weights of every head should be returned too."""

    def forward(self, query, key, value, allowed=None):
        return super().forward(query, key, value, allowed)[0]


@mistake
class MultiHeadAttention__keys_as_values(reference.MultiHeadAttention):
    """The values are made from `key`. This goes unnoticed as long as key and value are the same tensor."""

    def forward(self, query, key, value, allowed=None):
        return super().forward(query, key, key, allowed)


@mistake
class MultiHeadAttention__keys_from_the_query_matrix(reference.MultiHeadAttention):
    """The keys go through `q_proj`, so `k_proj` is never used."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = (self.q_proj(query), self.q_proj(key), self.v_proj(value))
        q, k, v = (reference.split_heads(x, self.num_heads) for x in (q, k, v))
        heads, weights = reference.masked_attention(q, k, v, per_head(allowed, q, k))
        return self.out_proj(reference.concat_heads(heads)), weights


@mistake
class MultiHeadAttention__values_not_projected(reference.MultiHeadAttention):
    """The values are mixed without being projected: `v_proj` is never used."""

    def forward(self, query, key, value, allowed=None):
        q, k, _ = project(self, query, key, value)
        v = reference.split_heads(value, self.num_heads)
        heads, weights = reference.masked_attention(q, k, v, per_head(allowed, q, k))
        return self.out_proj(reference.concat_heads(heads)), weights


@mistake
class MultiHeadAttention__softmax_over_queries(reference.MultiHeadAttention):
    """The softmax runs over the queries, so the weights of one query do not sum to one."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        allowed = per_head(allowed, q, k)
        scores = scaled_scores(q, k).masked_fill(~allowed, -1e30)
        return finish(self, torch.softmax(scores, dim=-2).masked_fill(~allowed, 0), v)


@mistake
class MultiHeadAttention__softmax_over_heads(reference.MultiHeadAttention):
    """The softmax runs over the heads, so they share each key out. Each head should have a row of its own."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        allowed = per_head(allowed, q, k)
        scores = scaled_scores(q, k).masked_fill(~allowed, -1e30)
        return finish(self, torch.softmax(scores, dim=1).masked_fill(~allowed, 0), v)


@mistake
class MultiHeadAttention__overflows(reference.MultiHeadAttention):
    """The exponentials are taken of the raw scores, so large scores overflow to infinity and then to NaN."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        exponentials = scaled_scores(q, k).exp() * per_head(allowed, q, k)
        total = exponentials.sum(-1, keepdim=True)
        return finish(self, exponentials / total.masked_fill(total == 0, 1), v)


@mistake
class MultiHeadAttention__mask_ignored(reference.MultiHeadAttention):
    """`allowed` is never used: every query sees every key."""

    def forward(self, query, key, value, allowed=None):
        return super().forward(query, key, value)


@mistake
class MultiHeadAttention__mask_inverted(reference.MultiHeadAttention):
    """The mask is read the wrong way round: what is True is hidden. Here True means: may be attended to."""

    def forward(self, query, key, value, allowed=None):
        return super().forward(query, key, value, None if allowed is None else ~allowed)


@mistake
class MultiHeadAttention__mask_without_a_head_axis(reference.MultiHeadAttention):
    """The mask meets the scores without an axis for the heads, so its batch axis lands on the heads."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        allowed = per_head(None, q, k) if allowed is None else allowed
        heads, weights = reference.masked_attention(q, k, v, allowed)
        return self.out_proj(reference.concat_heads(heads)), weights


@mistake
class MultiHeadAttention__two_axes_are_batch_and_key(reference.MultiHeadAttention):
    """A mask of two axes is treated as (batch, key). Its axes are query and key."""

    def forward(self, query, key, value, allowed=None):
        if allowed is not None and allowed.dim() == 2:
            allowed = allowed[:, None, :]
        return super().forward(query, key, value, allowed)


@mistake
class MultiHeadAttention__three_axes_only(reference.MultiHeadAttention):
    """Only a mask with a batch axis works. A mask (query, key), the same for every sequence, has to work too."""

    def forward(self, query, key, value, allowed=None):
        if allowed is not None:
            batch, queries, keys = allowed.shape
            allowed = allowed.reshape(batch, queries, keys)
        return super().forward(query, key, value, allowed)


@mistake
class MultiHeadAttention__mask_on_the_query_axis(reference.MultiHeadAttention):
    """The mask is applied with query and key swapped, so it hides queries. It should hide keys."""

    def forward(self, query, key, value, allowed=None):
        if allowed is not None:
            allowed = allowed.transpose(-2, -1)
        return super().forward(query, key, value, allowed)


@mistake
class MultiHeadAttention__mask_after_softmax(reference.MultiHeadAttention):
    """The weights are set to 0 after the softmax, so those that are left no longer sum to one."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        weights = torch.softmax(scaled_scores(q, k), dim=-1)
        return finish(self, weights.masked_fill(~per_head(allowed, q, k), 0), v)


@mistake
class MultiHeadAttention__scores_set_to_zero(reference.MultiHeadAttention):
    """Forbidden scores are set to 0 before the softmax. The exponential of 0 is 1: such a key still gets a weight."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        scores = scaled_scores(q, k).masked_fill(~per_head(allowed, q, k), 0)
        return finish(self, torch.softmax(scores, dim=-1), v)


@mistake
class MultiHeadAttention__small_penalty(reference.MultiHeadAttention):
    """Forbidden scores become -1e4, which is not low enough: a score of this size, allowed or not, undoes the mask."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        allowed = per_head(allowed, q, k)
        scores = scaled_scores(q, k).masked_fill(~allowed, -1e4)
        return finish(self, torch.softmax(scores, dim=-1).masked_fill(~allowed.any(-1, keepdim=True), 0), v)


@mistake
class MultiHeadAttention__nan_without_keys(reference.MultiHeadAttention):
    """Forbidden scores are -inf and nothing more: a query with no allowed key gets 0 / 0, which is NaN."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        scores = scaled_scores(q, k).masked_fill(~per_head(allowed, q, k), -torch.inf)
        return finish(self, torch.softmax(scores, dim=-1), v)


@mistake
class MultiHeadAttention__nan_in_the_gradient(reference.MultiHeadAttention):
    """-inf is added to forbidden scores and NaN replaced by 0 afterwards. The result is right, its gradient is NaN."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        allowed = per_head(allowed, q, k)
        penalty = torch.zeros_like(allowed, dtype=q.dtype).masked_fill(~allowed, -torch.inf)
        return finish(self, torch.softmax(scaled_scores(q, k) + penalty, dim=-1).nan_to_num(0.0), v)


@mistake
class MultiHeadAttention__uniform_without_keys(reference.MultiHeadAttention):
    """A query with no allowed key spreads its weight evenly over forbidden keys. It should get weights of 0."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        scores = scaled_scores(q, k).masked_fill(~per_head(allowed, q, k), -1e30)
        return finish(self, torch.softmax(scores, dim=-1), v)


@mistake
class MultiHeadAttention__output_of_zero_without_keys(reference.MultiHeadAttention):
    """The output of a query with no allowed key is set to 0. Its heads are 0, and `out_proj` adds its bias to that."""

    def forward(self, query, key, value, allowed=None):
        output, weights = super().forward(query, key, value, allowed)
        return output * (weights.sum((1, 3)) > 0).unsqueeze(-1), weights


@mistake
class MultiHeadAttention__causal_without_a_mask(reference.MultiHeadAttention):
    """Without a mask the future is hidden. None means that every query may see every key."""

    def forward(self, query, key, value, allowed=None):
        if allowed is None:
            allowed = torch.ones(query.size(1), key.size(1), dtype=torch.bool, device=query.device).tril()
        return super().forward(query, key, value, allowed)


@mistake
class MultiHeadAttention__one_length_for_both(reference.MultiHeadAttention):
    """The length of the queries is used for the keys too, so it works only if the two are equal."""

    def forward(self, query, key, value, allowed=None):
        batch, length, d_model = query.shape
        shape = (batch, length, self.num_heads, d_model // self.num_heads)
        q, k, v = (self.q_proj(query), self.k_proj(key), self.v_proj(value))
        q, k, v = (x.reshape(shape).transpose(1, 2) for x in (q, k, v))
        heads, weights = reference.masked_attention(q, k, v, per_head(allowed, q, k))
        return self.out_proj(reference.concat_heads(heads)), weights


@mistake
class MultiHeadAttention__needs_contiguous_input(reference.MultiHeadAttention):
    """`view` merges axes of the inputs, which fails for a tensor that is not contiguous in memory."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = (
            projection(x.view(-1, x.size(-1))).view(*x.shape[:2], self.num_heads, -1).transpose(1, 2)
            for projection, x in ((self.q_proj, query), (self.k_proj, key), (self.v_proj, value))
        )
        heads, weights = reference.masked_attention(q, k, v, per_head(allowed, q, k))
        return self.out_proj(reference.concat_heads(heads)), weights


@mistake
class MultiHeadAttention__remembers_the_first_mask(reference.MultiHeadAttention):
    """The mask of the first call is kept and used again, though every call brings its own."""

    def forward(self, query, key, value, allowed=None):
        if allowed is not None and not hasattr(self, "kept"):
            self.kept = allowed
        return super().forward(query, key, value, getattr(self, "kept", None))


@mistake
class MultiHeadAttention__mask_changed_in_place(reference.MultiHeadAttention):
    """The caller's mask is inverted in place, so it means the opposite after the call."""

    def forward(self, query, key, value, allowed=None):
        if allowed is None:
            return super().forward(query, key, value)
        return super().forward(query, key, value, ~allowed.logical_not_())


@mistake
class MultiHeadAttention__weights_detached(reference.MultiHeadAttention):
    """The weights are cut off from the graph, so `q_proj` and `k_proj` never learn."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        _, weights = reference.masked_attention(q, k, v, per_head(allowed, q, k))
        return finish(self, weights.detach(), v)


@mistake
class MultiHeadAttention__converted_to_float32(reference.MultiHeadAttention):
    """The softmax is computed in float32 and converted back, which costs a float64 input half of its digits."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        dtype, allowed = q.dtype, per_head(allowed, q, k)
        scores = scaled_scores(q, k).float().masked_fill(~allowed, -1e30)
        return finish(self, torch.softmax(scores, dim=-1).to(dtype).masked_fill(~allowed, 0), v)


@mistake
class MultiHeadAttention__library_call(reference.MultiHeadAttention):
    """The library's attention does the work that this exercise asks you to do yourself."""

    def forward(self, query, key, value, allowed=None):
        _, weights = super().forward(query, key, value, allowed)
        q, k, v = project(self, query, key, value)
        heads = F.scaled_dot_product_attention(q, k, v, per_head(allowed, q, k))
        return self.out_proj(reference.concat_heads(heads.nan_to_num())), weights


@mistake
def split_heads__heads_interleaved(x, num_heads):
    """Feature i goes to head i % num_heads. A head owns features that lie side by side."""
    batch, length, d_model = x.shape
    if d_model % num_heads:
        raise ValueError(f"{d_model} is not divisible by {num_heads}")
    return x.reshape(batch, length, d_model // num_heads, num_heads).permute(0, 3, 1, 2)


@mistake
def split_heads__heads_after_tokens(x, num_heads):
    """The heads come after the tokens, (batch, length, head, d_head): heads would attend to heads."""
    return reference.split_heads(x, num_heads).transpose(1, 2)


@mistake
def split_heads__heads_before_batch(x, num_heads):
    """The heads come before the batch, (head, batch, length, d_head)."""
    return reference.split_heads(x, num_heads).transpose(0, 1)


@mistake
def split_heads__squeezed(x, num_heads):
    """Axes of size 1 are squeezed away, so one head, one token or one sentence loses its axis."""
    return reference.split_heads(x, num_heads).squeeze()


@mistake
def split_heads__heads_in_the_batch(x, num_heads):
    """Heads and batch are merged into one axis."""
    return reference.split_heads(x, num_heads).flatten(0, 1)


@mistake
def split_heads__remainder_cut_off(x, num_heads):
    """Leftover features are dropped silently. A width that does not divide is an error."""
    d_head = max(x.size(-1) // num_heads, 1)
    pieces = [x[..., h * d_head : (h + 1) * d_head] for h in range(num_heads)]
    return torch.stack([piece for piece in pieces if piece.size(-1) == d_head], dim=1)


@mistake
def split_heads__assertion(x, num_heads):
    """A width that does not divide raises an AssertionError. It should raise a ValueError."""
    assert x.size(-1) % num_heads == 0, f"{x.size(-1)} is not divisible by {num_heads}"
    return reference.split_heads(x, num_heads)


@mistake
def split_heads__error_without_numbers(x, num_heads):
    """The error does not say which numbers do not fit: its message has to contain both."""
    if x.size(-1) % num_heads:
        raise ValueError("d_model must be divisible by num_heads")
    return reference.split_heads(x, num_heads)


@mistake
def split_heads__left_to_torch(x, num_heads):
    """Nothing checks the width, so torch complains about some shape (a RuntimeError), or no error is raised at all."""
    return x.reshape(*x.shape[:2], num_heads, -1).transpose(1, 2)


@mistake
def concat_heads__view_without_contiguous(x):
    """`view` follows a transpose. The transposed tensor is not contiguous in memory, so `view` refuses it."""
    batch, heads, length, d_head = x.shape
    return x.transpose(1, 2).view(batch, length, heads * d_head)


@mistake
def concat_heads__features_interleaved(x):
    """Feature 0 of every head comes first, then feature 1. The features of one head belong side by side."""
    return x.permute(0, 2, 3, 1).flatten(2)


@mistake
def concat_heads__heads_added_up(x):
    """The heads are added up. They belong side by side, so that the last projection can tell them apart."""
    return x.sum(dim=1)


@mistake
def concat_heads__detached(x):
    """The heads are copied without their history, so no gradient gets past this point."""
    return torch.tensor(reference.concat_heads(x.detach()).tolist(), dtype=x.dtype, device=x.device)


@device_mistake
class MultiHeadAttention__mask_of_ones_on_the_cpu(reference.MultiHeadAttention):
    """If no mask is given, a mask of ones is made on the default device. It must be on the device of the query."""

    def forward(self, query, key, value, allowed=None):
        if allowed is None:
            allowed = torch.ones(query.size(1), key.size(1), dtype=torch.bool)
        return super().forward(query, key, value, allowed)


@device_mistake
def concat_heads__written_on_the_cpu(x):
    """The heads are written into a tensor on the default device, so the result is on the CPU wherever x is."""
    batch, heads, length, d_head = x.shape
    glued = torch.empty(batch, length, heads * d_head, dtype=x.dtype)
    for head in range(heads):
        glued[:, :, head * d_head : (head + 1) * d_head] = x[:, head]
    return glued


@mistake
class MultiHeadAttention__query_added(reference.MultiHeadAttention):
    """The query is added to the output. A residual connection belongs to the layer around attention, not to it."""

    def forward(self, query, key, value, allowed=None):
        output, weights = super().forward(query, key, value, allowed)
        return output + query, weights


@mistake
class MultiHeadAttention__values_as_keys(reference.MultiHeadAttention):
    """The keys are made from `value`. This goes unnoticed as long as key and value are the same tensor."""

    def forward(self, query, key, value, allowed=None):
        return super().forward(query, value, value, allowed)


@mistake
class MultiHeadAttention__key_and_value_projections_swapped(reference.MultiHeadAttention):
    """Keys go through `v_proj` and values through `k_proj`. Each has a projection of its own."""

    def forward(self, query, key, value, allowed=None):
        q, _, _ = project(self, query, key, value)
        k, v = (reference.split_heads(x, self.num_heads) for x in (self.v_proj(key), self.k_proj(value)))
        heads, weights = reference.masked_attention(q, k, v, per_head(allowed, q, k))
        return self.out_proj(reference.concat_heads(heads)), weights


@mistake
class MultiHeadAttention__dropout_while_training(reference.MultiHeadAttention):
    """While training some weights are dropped. This exercise asks for no dropout."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        _, weights = reference.masked_attention(q, k, v, per_head(allowed, q, k))
        return finish(self, F.dropout(weights, 0.1, self.training), v)


@mistake
class MultiHeadAttention__a_million_subtracted(reference.MultiHeadAttention):
    """Forbidden scores are lowered by a million. Garbage at a forbidden position may make a score larger than that."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        allowed = per_head(allowed, q, k)
        weights = torch.softmax(scaled_scores(q, k) - 1e6 * ~allowed, dim=-1) * allowed
        return finish(self, weights, v)


@mistake
class MultiHeadAttention__first_128_keys(reference.MultiHeadAttention):
    """Only the first 128 keys are attended to. There is no largest length: take it from `key`."""

    def forward(self, query, key, value, allowed=None):
        near = torch.arange(key.size(1), device=key.device)[None] < 128
        return super().forward(query, key, value, near if allowed is None else allowed & near)


@mistake
class MultiHeadAttention__heads_kept_on_the_class(reference.MultiHeadAttention):
    """The number of heads is kept on the class, so a new module changes it for all modules. Keep it on `self`."""

    last = 1

    def __init__(self, d_model, num_heads):
        super().__init__(d_model, num_heads)
        type(self).last = num_heads

    def forward(self, query, key, value, allowed=None):
        self.num_heads = type(self).last
        return super().forward(query, key, value, allowed)


@mistake
class MultiHeadAttention__split_in_one_reshape(reference.MultiHeadAttention):
    """`forward` makes the heads with one reshape, which puts parts of different tokens into one row."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = (
            projection(x).reshape(x.size(0), self.num_heads, x.size(1), -1)
            for projection, x in ((self.q_proj, query), (self.k_proj, key), (self.v_proj, value))
        )
        heads, weights = reference.masked_attention(q, k, v, per_head(allowed, q, k))
        return self.out_proj(reference.concat_heads(heads)), weights


@mistake
class MultiHeadAttention__glued_in_one_reshape(reference.MultiHeadAttention):
    """`forward` glues the heads with one reshape. It puts different tokens of one head side by side; what belongs
    together are the heads of one token."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        heads, weights = reference.masked_attention(q, k, v, per_head(allowed, q, k))
        return self.out_proj(heads.reshape(query.shape)), weights


@mistake
class MultiHeadAttention__slices_interleaved(reference.MultiHeadAttention):
    """`forward` gives feature i to head i % num_heads. A head owns features that lie side by side."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = (
            projection(x).unflatten(-1, (-1, self.num_heads)).permute(0, 3, 1, 2)
            for projection, x in ((self.q_proj, query), (self.k_proj, key), (self.v_proj, value))
        )
        heads, weights = reference.masked_attention(q, k, v, per_head(allowed, q, k))
        return self.out_proj(reference.concat_heads(heads)), weights


@mistake
class MultiHeadAttention__glued_feature_by_feature(reference.MultiHeadAttention):
    """`forward` puts feature 0 of every head first, then feature 1. The features of one head belong side by side."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        heads, weights = reference.masked_attention(q, k, v, per_head(allowed, q, k))
        return self.out_proj(heads.permute(0, 2, 3, 1).flatten(2)), weights


@mistake
class MultiHeadAttention__heads_glued_in_reverse(reference.MultiHeadAttention):
    """The heads are glued from the last to the first. Head 0 comes first."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        heads, weights = reference.masked_attention(q, k, v, per_head(allowed, q, k))
        return self.out_proj(reference.concat_heads(heads.flip(1))), weights


@mistake
class MultiHeadAttention__scaled_by_the_number_of_heads(reference.MultiHeadAttention):
    """The scores are divided by the root of the number of heads. It is the width of a head that makes them grow."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        scaled = q * math.sqrt(q.size(-1) / self.num_heads)
        heads, weights = reference.masked_attention(scaled, k, v, per_head(allowed, q, k))
        return self.out_proj(reference.concat_heads(heads)), weights


@mistake
class MultiHeadAttention__queries_from_key(reference.MultiHeadAttention):
    """The queries are made from `key`, so `query` asks nothing."""

    def forward(self, query, key, value, allowed=None):
        batch, length, d_model = query.shape
        q = self.q_proj(key).reshape(batch, length, self.num_heads, d_model // self.num_heads).transpose(1, 2)
        _, k, v = project(self, query, key, value)
        heads, weights = reference.masked_attention(q, k, v, per_head(allowed, q, k))
        return self.out_proj(reference.concat_heads(heads)), weights


@mistake
class MultiHeadAttention__everything_from_query(reference.MultiHeadAttention):
    """Keys and values are made from `query`: it attends to itself, and `key` and `value` are never read."""

    def forward(self, query, key, value, allowed=None):
        return super().forward(query, query, query, allowed)


@mistake
class MultiHeadAttention__values_from_query(reference.MultiHeadAttention):
    """The values are made from `query`. What is looked up are the projected values."""

    def forward(self, query, key, value, allowed=None):
        return super().forward(query, key, query, allowed)


@mistake
class MultiHeadAttention__query_and_key_projections_swapped(reference.MultiHeadAttention):
    """Queries go through `k_proj` and keys through `q_proj`. Each has a projection of its own."""

    def forward(self, query, key, value, allowed=None):
        _, _, v = project(self, query, key, value)
        q, k = (reference.split_heads(x, self.num_heads) for x in (self.k_proj(query), self.q_proj(key)))
        heads, weights = reference.masked_attention(q, k, v, per_head(allowed, q, k))
        return self.out_proj(reference.concat_heads(heads)), weights


@mistake
class MultiHeadAttention__axis_put_behind_the_first(reference.MultiHeadAttention):
    """The axis for the heads is put behind the first axis of every mask. In a mask of two axes, (query, key), that
    turns the queries into heads."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = project(self, query, key, value)
        allowed = per_head(None, q, k) if allowed is None else allowed.unsqueeze(1)
        heads, weights = reference.masked_attention(q, k, v, allowed)
        return self.out_proj(reference.concat_heads(heads)), weights


@mistake
class MultiHeadAttention__first_1024_keys(reference.MultiHeadAttention):
    """Only the first 1,024 keys are attended to. No length is named as the longest: take it from `key`."""

    def forward(self, query, key, value, allowed=None):
        near = torch.arange(key.size(1), device=key.device)[None] < 1024
        return super().forward(query, key, value, near if allowed is None else allowed & near)
