"""Wrong variants of `masked_attention` (exercise 7), the likeliest first."""

import torch
import torch.nn.functional as F

from grader.authoring import device_mistake, mistake
from solutions import ex07_masked_attention as reference

INFINITY = float("inf")


def scores_of(q, k):
    wide = torch.promote_types(q.dtype, torch.float32)
    return q.to(wide) @ k.to(wide).transpose(-2, -1) / q.size(-1) ** 0.5


def lowest_where_forbidden(scores, allowed):
    return scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)


def attend(scores, allowed):
    return torch.softmax(lowest_where_forbidden(scores, allowed), dim=-1).masked_fill(~allowed, 0.0)


def results(weights, q, v):
    return (weights @ v.to(weights.dtype)).to(q.dtype), weights.to(q.dtype)


@mistake
def masked_attention__mask_ignored(q, k, v, allowed):
    """The mask has no effect. (`masked_fill` returns a new tensor; the old one stays as it is.)"""
    return results(torch.softmax(scores_of(q, k), dim=-1), q, v)


@mistake
def masked_attention__inverted(q, k, v, allowed):
    """What is allowed is hidden and what is forbidden is seen. True means MAY be attended to."""
    return results(attend(scores_of(q, k), ~allowed), q, v)


@mistake
def masked_attention__empty_row_is_nan(q, k, v, allowed):
    """A query with no allowed key gets a row of minus infinity, and the softmax of that is NaN."""
    return results(torch.softmax(scores_of(q, k).masked_fill(~allowed, -INFINITY), dim=-1), q, v)


@mistake
def masked_attention__nan_replaced_afterwards(q, k, v, allowed):
    """NaN is replaced by 0 after the softmax. The result looks right, but the gradient still goes through the NaN."""
    scores = scores_of(q, k)
    hidden = torch.zeros_like(scores).masked_fill(~allowed, -INFINITY)
    return results(torch.softmax(scores + hidden, dim=-1).nan_to_num(0.0), q, v)


@mistake
def masked_attention__empty_row_is_uniform(q, k, v, allowed):
    """A query with no allowed key spreads its weight evenly over all keys. It should get zeros."""
    return results(torch.softmax(lowest_where_forbidden(scores_of(q, k), allowed), dim=-1), q, v)


@mistake
def masked_attention__forbidden_scores_are_zero(q, k, v, allowed):
    """Forbidden scores are set to 0. The exponential of 0 is 1, so forbidden keys still get weight."""
    return results(torch.softmax(scores_of(q, k) * allowed, dim=-1), q, v)


@mistake
def masked_attention__small_negative_number(q, k, v, allowed):
    """Forbidden scores are set to a number like -10, so a little weight remains where it should be exactly 0."""
    return results(torch.softmax(scores_of(q, k).masked_fill(~allowed, -10.0), dim=-1), q, v)


@mistake
def masked_attention__minus_ten_thousand(q, k, v, allowed):
    """Forbidden scores are set to -10,000. Allowed scores can be that low themselves."""
    scores = scores_of(q, k).masked_fill(~allowed, -1e4)
    return results(torch.softmax(scores, dim=-1) * allowed.any(-1, keepdim=True), q, v)


@mistake
def masked_attention__ten_thousand_subtracted(q, k, v, allowed):
    """10,000 is subtracted from forbidden scores. Scores differ by more than that, so forbidden keys still win."""
    scores = scores_of(q, k) - 1e4 * (~allowed)
    return results(torch.softmax(scores, dim=-1) * allowed.any(-1, keepdim=True), q, v)


@mistake
def masked_attention__after_softmax(q, k, v, allowed):
    """The mask is applied after the softmax: forbidden keys have taken their share, so a row sums to less than 1."""
    return results(torch.softmax(scores_of(q, k), dim=-1) * allowed, q, v)


@mistake
def masked_attention__after_softmax_rescaled(q, k, v, allowed):
    """Forbidden keys take part in the softmax and are taken out afterwards. A huge forbidden score leaves 0 / 0."""
    weights = torch.softmax(scores_of(q, k), dim=-1) * allowed
    total = weights.sum(-1, keepdim=True)
    return results(weights / total.masked_fill(~allowed.any(-1, keepdim=True), 1.0), q, v)


@mistake
def masked_attention__weights_not_masked_in_the_output(q, k, v, allowed):
    """The output is mixed with weights that were not masked; only the weights returned are."""
    weights = attend(scores_of(q, k), allowed)
    return results(torch.softmax(scores_of(q, k), dim=-1), q, v)[0], weights.to(q.dtype)


@mistake
def masked_attention__unmasked_weights_returned(q, k, v, allowed):
    """The weights returned are those without the mask; only the output obeys it."""
    output, _ = reference.masked_attention(q, k, v, allowed)
    return output, torch.softmax(scores_of(q, k), dim=-1).to(q.dtype)


@mistake
def masked_attention__plus_infinity(q, k, v, allowed):
    """Forbidden scores are set to plus infinity, the opposite of hiding them, and the softmax becomes NaN."""
    return results(torch.softmax(scores_of(q, k).masked_fill(~allowed, INFINITY), dim=-1), q, v)


@mistake
def masked_attention__zero_times_infinity(q, k, v, allowed):
    """The mask is multiplied by minus infinity. 0 times infinity is NaN, so allowed scores are lost too."""
    scores = scores_of(q, k)
    return results(torch.softmax(scores + (~allowed).to(scores.dtype) * -INFINITY, dim=-1), q, v)


@mistake
def masked_attention__no_scaling(q, k, v, allowed):
    """The scores are not divided by sqrt(d_k), so with wide keys the softmax is almost all-or-nothing."""
    return results(attend(scores_of(q, k) * q.size(-1) ** 0.5, allowed), q, v)


@mistake
def masked_attention__divided_by_d_k(q, k, v, allowed):
    """The scores are divided by d_k itself, not by its square root."""
    return results(attend(scores_of(q, k) / q.size(-1) ** 0.5, allowed), q, v)


@mistake
def masked_attention__scaled_by_width_of_values(q, k, v, allowed):
    """The scores are divided by the root of d_v. It is d_k, the width of a key, that makes them grow."""
    return results(attend(scores_of(q, k) * (q.size(-1) / v.size(-1)) ** 0.5, allowed), q, v)


@mistake
def masked_attention__softmax_over_queries(q, k, v, allowed):
    """The softmax runs over the queries, so columns sum to one instead of rows."""
    weights = torch.softmax(lowest_where_forbidden(scores_of(q, k), allowed), dim=-2)
    return results(weights.masked_fill(~allowed, 0.0), q, v)


@mistake
def masked_attention__scores_returned(q, k, v, allowed):
    """The second result holds the masked scores, not the weights."""
    scores = lowest_where_forbidden(scores_of(q, k), allowed)
    return reference.masked_attention(q, k, v, allowed)[0], scores.to(q.dtype)


@mistake
def masked_attention__divisor_with_an_epsilon(q, k, v, allowed):
    """A small number is added to the divisor of the softmax in every row, so no row sums to exactly 1."""
    scores = lowest_where_forbidden(scores_of(q, k), allowed)
    exponentials = (scores - scores.amax(-1, keepdim=True)).exp() * allowed
    return results(exponentials / (exponentials.sum(-1, keepdim=True) + 1e-6), q, v)


@mistake
def masked_attention__softmax_without_maximum(q, k, v, allowed):
    """The exponentials are taken of the raw scores, so large scores overflow to infinity and then to NaN."""
    scores = scores_of(q, k)
    exponentials = scores.masked_fill(~allowed, -INFINITY).exp()
    total = exponentials.sum(-1, keepdim=True)
    return results(exponentials / total.masked_fill(total == 0, 1.0), q, v)


@mistake
def masked_attention__maximum_over_forbidden_keys(q, k, v, allowed):
    """The maximum that is subtracted looks at forbidden keys too. A huge one there pushes all allowed weights to 0."""
    scores = scores_of(q, k)
    exponentials = (scores - scores.amax(-1, keepdim=True)).exp() * allowed
    total = exponentials.sum(-1, keepdim=True)
    return results(exponentials / total.masked_fill(total == 0, 1.0), q, v)


@mistake
def masked_attention__infinity_chosen_away(q, k, v, allowed):
    """Forbidden exponentials overflow before `where` drops them. The result is right, but its gradient is not."""
    scores = scores_of(q, k)
    top = lowest_where_forbidden(scores, allowed).amax(-1, keepdim=True)
    exponentials = torch.where(allowed, (scores - top).exp(), 0.0)
    total = exponentials.sum(-1, keepdim=True)
    return results(exponentials / total.masked_fill(total == 0, 1.0), q, v)


@mistake
def masked_attention__scores_clamped(q, k, v, allowed):
    """The scores are clamped so that nothing overflows. Large scores that differ become equal."""
    return results(attend(scores_of(q, k).clamp(-60, 60), allowed), q, v)


@mistake
def masked_attention__empty_row_sees_everything(q, k, v, allowed):
    """A query with no allowed key is allowed to see all of them: forbidden keys come back in."""
    return results(attend(scores_of(q, k), allowed | ~allowed.any(-1, keepdim=True)), q, v)


@mistake
def masked_attention__empty_row_only_if_all_are(q, k, v, allowed):
    """Zeros are returned only if nothing at all is allowed. A single query without a key still becomes NaN."""
    if not allowed.any():
        return v.new_zeros(*q.shape[:-1], v.size(-1)), v.new_zeros(*q.shape[:-1], k.size(-2))
    return results(torch.softmax(scores_of(q, k).masked_fill(~allowed, -INFINITY), dim=-1), q, v)


@mistake
def masked_attention__empty_row_has_uniform_weights(q, k, v, allowed):
    """The output of a query with no allowed key is 0, but its weights are not."""
    weights = torch.softmax(lowest_where_forbidden(scores_of(q, k), allowed), dim=-1)
    output, _ = reference.masked_attention(q, k, v, allowed)
    return output, weights.to(q.dtype)


@mistake
def masked_attention__empty_row_has_an_output(q, k, v, allowed):
    """The weights of a query with no allowed key are 0, but its output is the mean of all values."""
    weights = torch.softmax(lowest_where_forbidden(scores_of(q, k), allowed), dim=-1)
    return results(weights, q, v)[0], weights.masked_fill(~allowed, 0.0).to(q.dtype)


@mistake
def masked_attention__one_leading_axis(q, k, v, allowed):
    """Exactly one leading axis is expected. There may be none, and there will be two: batch and head."""
    weights = attend(scores_of(q, k), allowed)
    return torch.bmm(weights, v.to(weights.dtype)).to(q.dtype), weights.to(q.dtype)


@mistake
def masked_attention__mask_needs_every_axis(q, k, v, allowed):
    """The mask is assumed to have a row for every query. An axis of size 1 should be broadcast."""
    queries = range(q.size(-2))
    rows = [attend(scores_of(q[..., i : i + 1, :], k), allowed[..., i : i + 1, :]) for i in queries]
    return results(torch.cat(rows, dim=-2), q, v)


@mistake
def masked_attention__mask_needs_the_batch(q, k, v, allowed):
    """The first axis of the mask is assumed to be the batch. A mask of two axes has none."""
    rows = []
    for some_q, some_k, mask in zip(q, k, allowed, strict=True):
        rows.append(attend(scores_of(some_q, some_k), mask))
    return results(torch.stack(rows), q, v)


@mistake
def masked_attention__axis_put_into_the_mask(q, k, v, allowed):
    """An axis is inserted into every mask after the batch. Only the caller knows where its mask is to be broadcast."""
    inner = allowed.unsqueeze(1) if allowed.dim() == 3 and q.dim() > 3 else allowed
    if allowed.dim() == 2:
        inner = allowed.unsqueeze(1)
    return results(attend(scores_of(q, k), inner), q, v)


@mistake
def masked_attention__half_cannot_hold_a_billion(q, k, v, allowed):
    """Forbidden scores are set to -1e9 in the dtype of the input, and float16 has no such number."""
    scores = (q @ k.transpose(-2, -1) / q.size(-1) ** 0.5).masked_fill(~allowed, -1e9)
    weights = torch.softmax(scores, dim=-1).masked_fill(~allowed, 0.0)
    return weights @ v, weights


@mistake
def masked_attention__minus_a_billion(q, k, v, allowed):
    """Forbidden scores are set to -1e9 and that is all: a query with no allowed key spreads its weight evenly over
    forbidden ones, and float16 has no such number."""
    scores = (q @ k.transpose(-2, -1) / q.size(-1) ** 0.5).masked_fill(~allowed, -1e9)
    weights = torch.softmax(scores, dim=-1)
    return weights @ v, weights


@mistake
def masked_attention__half_overflows_under_a_sum(q, k, v, allowed):
    """The lowest number is added to scores in the dtype of the input. In float16 the sum is infinity, then NaN."""
    scores = q @ k.transpose(-2, -1) / q.size(-1) ** 0.5
    scores = scores + (~allowed).to(q.dtype) * torch.finfo(q.dtype).min
    weights = torch.softmax(scores, dim=-1).masked_fill(~allowed, 0.0)
    return weights @ v, weights


@mistake
def masked_attention__hundred_thousand_subtracted(q, k, v, allowed):
    """100,000 is subtracted from forbidden scores. With large queries, garbage scores more than that."""
    scores = scores_of(q, k) - 1e5 * (~allowed)
    return results(torch.softmax(scores, dim=-1) * allowed, q, v)


@mistake
def masked_attention__at_most_two_leading_axes(q, k, v, allowed):
    """Inputs with more than two leading axes are not accepted. Any number of them should work."""
    pattern = {2: "qd,kd->qk", 3: "bqd,bkd->bqk", 4: "bhqd,bhkd->bhqk"}[q.dim()]
    wide = torch.promote_types(q.dtype, torch.float32)
    scores = torch.einsum(pattern, q.to(wide), k.to(wide)) / q.size(-1) ** 0.5
    return results(attend(scores, allowed), q, v)


@mistake
def masked_attention__float32_returned(q, k, v, allowed):
    """The results are float32, whatever the dtype of the input."""
    weights = attend(scores_of(q, k), allowed).float()
    return weights @ v.float(), weights


@mistake
def masked_attention__float64_returned(q, k, v, allowed):
    """The results are float64, whatever the dtype of the input."""
    return results(attend(scores_of(q, k), allowed).double(), q.double(), v)


@mistake
def masked_attention__half_weights_stay_wide(q, k, v, allowed):
    """The output is converted back to the dtype of the input, but the weights are not."""
    weights = attend(scores_of(q, k), allowed)
    return results(weights, q, v)[0], weights


@mistake
def masked_attention__rounded_to_float32(q, k, v, allowed):
    """Everything is computed in float32 and converted back, which costs a float64 input half of its digits."""
    output, weights = reference.masked_attention(q.float(), k.float(), v.float(), allowed)
    return output.to(q.dtype), weights.to(q.dtype)


@mistake
def masked_attention__rounded_to_half(q, k, v, allowed):
    """float32 inputs are computed in bfloat16, as under autocast, which costs most of their digits."""
    if q.dtype != torch.float32:
        return reference.masked_attention(q, k, v, allowed)
    output, weights = reference.masked_attention(q.bfloat16(), k.bfloat16(), v.bfloat16(), allowed)
    return output.to(q.dtype), weights.to(q.dtype)


@mistake
def masked_attention__squeezed(q, k, v, allowed):
    """Axes of size 1 are squeezed away, so a batch of one loses its batch axis."""
    output, weights = reference.masked_attention(q, k, v, allowed)
    return output.squeeze(), weights.squeeze()


@mistake
def masked_attention__needs_contiguous_input(q, k, v, allowed):
    """`view` is used on the inputs, which fails for a tensor that is not contiguous in memory."""
    flat = [tensor.view(-1).view(tensor.shape) for tensor in (q, k, v)]
    return reference.masked_attention(*flat, allowed)


@mistake
def masked_attention__weights_detached(q, k, v, allowed):
    """The weights are cut off from the graph, so queries and keys can't be trained."""
    weights = attend(scores_of(q, k), allowed).detach()
    return results(weights, q, v)


@mistake
def masked_attention__values_detached(q, k, v, allowed):
    """The values are cut off from the graph, so nothing that makes them can be trained."""
    return reference.masked_attention(q, k, v.detach(), allowed)


@mistake
def masked_attention__mask_inverted_in_place(q, k, v, allowed):
    """The caller's mask is inverted in place, so the next call gets the opposite mask."""
    result = reference.masked_attention(q, k, v, allowed)
    allowed.logical_not_()
    return result


@mistake
def masked_attention__inputs_scaled_in_place(q, k, v, allowed):
    """The query is divided in place, so the caller's tensor changes too."""
    result = reference.masked_attention(q, k, v, allowed)
    with torch.no_grad():
        q.div_(q.size(-1) ** 0.5)
    return result


@mistake
def masked_attention__library_call(q, k, v, allowed):
    """The library's attention does the work that this exercise asks you to do yourself."""
    F.scaled_dot_product_attention(q, k, v)
    return reference.masked_attention(q, k, v, allowed)


@mistake
def masked_attention__axis_for_heads_guessed(q, k, v, allowed):
    """A mask of three axes gets one for the heads if its first axis has the size of the batch. Broadcasting says
    which axes a mask has: they are the last ones."""
    if q.dim() == 4 and allowed.dim() == 3 and allowed.size(0) == q.size(0):
        allowed = allowed.unsqueeze(1)
    return reference.masked_attention(q, k, v, allowed)


@mistake
def masked_attention__inputs_clamped(q, k, v, allowed):
    """Keys and values are clamped to be safe from garbage, so large ones that are allowed are changed too."""
    return reference.masked_attention(q, k.clamp(-100, 100), v.clamp(-100, 100), allowed)


@mistake
def masked_attention__residual(q, k, v, allowed):
    """If the shapes allow it, q is added to the output. A residual connection is not part of attention."""
    output, weights = reference.masked_attention(q, k, v, allowed)
    return (output + q if q.shape == v.shape else output), weights


@mistake
def masked_attention__first_128_keys(q, k, v, allowed):
    """Only the first 128 keys are attended to. There is no largest length: take it from k."""
    near = torch.arange(k.size(-2), device=k.device) < 128
    return reference.masked_attention(q, k, v, allowed & near)


@mistake
def masked_attention__first_1024_keys(q, k, v, allowed):
    """Only the first 1,024 keys are attended to. No length is named as the longest: take it from k."""
    near = torch.arange(k.size(-2), device=k.device) < 1024
    return reference.masked_attention(q, k, v, allowed & near)


@mistake
def masked_attention__zero_scores_then_zero_weights(q, k, v, allowed):
    """Forbidden scores are 0 in the softmax, a score like any other, so they take a share before their weights
    become 0."""
    scores = scores_of(q, k)
    weights = torch.softmax(scores.masked_fill(~allowed, 0.0), dim=-1).masked_fill(~allowed, 0.0)
    return results(weights, q, v)


@mistake
def masked_attention__output_from_detached_weights(q, k, v, allowed):
    """The output is mixed by weights that are cut off from the graph, so q and k cannot learn from it."""
    weights = attend(scores_of(q, k), allowed)
    return results(weights.detach(), q, v)[0], weights.to(q.dtype)


@mistake
def masked_attention__weights_without_gradient(q, k, v, allowed):
    """The weights are returned cut off from the graph. Both results pass gradients on."""
    output, weights = reference.masked_attention(q, k, v, allowed)
    return output, weights.detach()


@device_mistake
def masked_attention__zeros_on_the_cpu(q, k, v, allowed):
    """The zeros for queries with no allowed key are made on the default device, but the weights may be elsewhere."""
    weights = torch.softmax(lowest_where_forbidden(scores_of(q, k), allowed), dim=-1)
    return results(torch.where(allowed, weights, torch.zeros(weights.shape, dtype=weights.dtype)), q, v)
