"""Wrong variants of exercise 4, the likeliest first."""

import numpy as np
import torch
import torch.nn.functional as F

from grader.authoring import device_mistake, mistake
from solutions import ex04_attention_weights as reference


def real_positions(scores, lengths):
    """(batch, source) bool: True at real positions."""
    return torch.arange(scores.size(1), device=scores.device) < lengths.unsqueeze(1)


# ----------------------------------------------------------------------------------------------------- dot_scores


@mistake
def dot_scores__scaled(query, keys):
    """The scores are divided by the root of the width. The Transformer does that; this score is a plain dot product."""
    return reference.dot_scores(query, keys) / query.size(-1) ** 0.5


@mistake
def dot_scores__not_summed(query, keys):
    """Query and key are multiplied entry by entry, but the products are not summed: a dot product is one number."""
    return query.unsqueeze(1) * keys


@mistake
def dot_scores__axis_kept(query, keys):
    """An axis of size 1 is left over: the scores are (batch, source, 1) and should be (batch, source)."""
    return keys @ query.unsqueeze(-1)


@mistake
def dot_scores__squeezed(query, keys):
    """Axes of size 1 are squeezed away, so one sentence or one source word loses its axis too."""
    return (keys @ query.unsqueeze(-1)).squeeze()


@mistake
def dot_scores__first_query_for_all(query, keys):
    """The first sentence's query scores the keys of every sentence. Each row has a query of its own."""
    return keys @ query[0]


@mistake
def dot_scores__queries_of_the_batch_summed(query, keys):
    """The queries of the whole batch are summed before they meet the keys, so sentences influence each other."""
    return torch.einsum("bh,csh->cs", query, keys)


@mistake
def dot_scores__mean(query, keys):
    """The products are averaged and not summed, so each score is divided by the width."""
    return (query.unsqueeze(1) * keys).mean(dim=-1)


@mistake
def dot_scores__cosine(query, keys):
    """Query and keys are scaled to length 1 first. That is a cosine; here their lengths count too."""
    return F.cosine_similarity(query.unsqueeze(1), keys, dim=-1)


@mistake
def dot_scores__viewed_as_transposed(query, keys):
    """The keys are reshaped instead of transposed: the numbers of different positions get mixed."""
    batch, source, hidden = keys.shape
    return (query.unsqueeze(1) @ keys.reshape(batch, hidden, source)).squeeze(1)


@mistake
def dot_scores__softmaxed(query, keys):
    """A softmax is already applied to the scores. That is the next function's work, and padding is not known yet."""
    return reference.dot_scores(query, keys).softmax(dim=-1)


@mistake
def dot_scores__source_first(query, keys):
    """The scores come out as (source, batch). The batch is the first axis."""
    return reference.dot_scores(query, keys).T


@mistake
def dot_scores__keys_detached(query, keys):
    """The keys are cut off from the graph, so attention can't train the encoder."""
    return reference.dot_scores(query, keys.detach())


@mistake
def dot_scores__multiplied_in_place(query, keys):
    """The keys are multiplied in place, so the caller's encoder states change."""
    with torch.no_grad():
        keys *= query.unsqueeze(1)
    return keys.sum(dim=-1)


@mistake
def dot_scores__needs_contiguous_input(query, keys):
    """`view` is used on the input, which fails for a tensor that is not contiguous in memory."""
    flat = keys.view(-1, keys.size(-1)) * query.repeat_interleave(keys.size(1), dim=0)
    return flat.sum(dim=-1).view(keys.shape[:2])


@mistake
def dot_scores__float32(query, keys):
    """The scores are computed in float32 and converted back, which costs float64 inputs half of their digits."""
    return reference.dot_scores(query.float(), keys.float()).to(query.dtype)


# ------------------------------------------------------------------------------------------------ additive_scores


@mistake
def additive_scores__no_tanh(query, keys, w_query, w_key, v):
    """The tanh is missing. Without it the query adds the same number to all positions, and the softmax removes it."""
    return ((query @ w_query.T).unsqueeze(1) + keys @ w_key.T) @ v


@mistake
def additive_scores__no_v(query, keys, w_query, w_key, v):
    """The features are summed without their weights v."""
    return torch.tanh((query @ w_query.T).unsqueeze(1) + keys @ w_key.T).sum(dim=-1)


@mistake
def additive_scores__tanh_of_each(query, keys, w_query, w_key, v):
    """The tanh is taken of query and key separately. It belongs around their sum."""
    return (torch.tanh(query @ w_query.T).unsqueeze(1) + torch.tanh(keys @ w_key.T)) @ v


@mistake
def additive_scores__tanh_outside(query, keys, w_query, w_key, v):
    """The tanh is applied to the finished score. It belongs inside, before the product with v."""
    return torch.tanh(((query @ w_query.T).unsqueeze(1) + keys @ w_key.T) @ v)


@mistake
def additive_scores__relu(query, keys, w_query, w_key, v):
    """relu is used in place of tanh."""
    return torch.relu((query @ w_query.T).unsqueeze(1) + keys @ w_key.T) @ v


@mistake
def additive_scores__sigmoid(query, keys, w_query, w_key, v):
    """A sigmoid is used in place of tanh."""
    return torch.sigmoid((query @ w_query.T).unsqueeze(1) + keys @ w_key.T) @ v


@mistake
def additive_scores__multiplied(query, keys, w_query, w_key, v):
    """The projected query and keys are multiplied. Additive attention adds them."""
    return torch.tanh((query @ w_query.T).unsqueeze(1) * (keys @ w_key.T)) @ v


@mistake
def additive_scores__query_left_out(query, keys, w_query, w_key, v):
    """The query is not used, so every decoder step looks at the same places."""
    return torch.tanh(keys @ w_key.T) @ v


@mistake
def additive_scores__keys_left_out(query, keys, w_query, w_key, v):
    """The keys are not used, so all source positions get the same score."""
    return (torch.tanh(query @ w_query.T) @ v).unsqueeze(1).expand(-1, keys.size(1)).clone()


@mistake
def additive_scores__query_matrix_untransposed(query, keys, w_query, w_key, v):
    """w_query is applied the wrong way round, which raises an error only if its two sizes differ."""
    return torch.tanh((query @ w_query).unsqueeze(1) + keys @ w_key.T) @ v


@mistake
def additive_scores__key_matrix_untransposed(query, keys, w_query, w_key, v):
    """w_key is applied the wrong way round, which raises an error only if its two sizes differ."""
    return torch.tanh((query @ w_query.T).unsqueeze(1) + keys @ w_key) @ v


@mistake
def additive_scores__matrices_swapped(query, keys, w_query, w_key, v):
    """w_query and w_key are swapped."""
    return torch.tanh((query @ w_key.T).unsqueeze(1) + keys @ w_query.T) @ v


@mistake
def additive_scores__query_spread_over_the_source(query, keys, w_query, w_key, v):
    """The query lacks an axis for the source, so if the sizes allow it, row b's query is added to position b."""
    return torch.tanh(query @ w_query.T + keys @ w_key.T) @ v


@mistake
def additive_scores__queries_repeated_in_the_wrong_order(query, keys, w_query, w_key, v):
    """The queries are repeated as a block and not each one by itself, so keys meet the queries of other sentences."""
    batch, source, _ = keys.shape
    repeated = (query @ w_query.T).repeat(source, 1).view(batch, source, -1)
    return torch.tanh(repeated + keys @ w_key.T) @ v


@mistake
def additive_scores__energies_softmaxed(query, keys, w_query, w_key, v):
    """A softmax runs over the features before v weighs them. The features go through the tanh alone."""
    energies = torch.tanh((query @ w_query.T).unsqueeze(1) + keys @ w_key.T)
    return energies.softmax(dim=-1) @ v


@mistake
def additive_scores__softmaxed_already(query, keys, w_query, w_key, v):
    """A softmax is applied to the scores already. That is the next function's work, and padding is not known yet."""
    return reference.additive_scores(query, keys, w_query, w_key, v).softmax(dim=-1)


@mistake
def additive_scores__query_matrix_for_both(query, keys, w_query, w_key, v):
    """w_query is applied to the keys too; w_key is not used."""
    return torch.tanh((query @ w_query.T).unsqueeze(1) + keys @ w_query.T) @ v


@mistake
def additive_scores__key_matrix_for_both(query, keys, w_query, w_key, v):
    """w_key is applied to the query too; w_query is not used."""
    return torch.tanh((query @ w_key.T).unsqueeze(1) + keys @ w_key.T) @ v


@mistake
def additive_scores__subtracted(query, keys, w_query, w_key, v):
    """The projected keys are subtracted from the query. Additive attention adds them."""
    return torch.tanh((query @ w_query.T).unsqueeze(1) - keys @ w_key.T) @ v


@mistake
def additive_scores__key_scored_first(query, keys, w_query, w_key, v):
    """The tanh covers the keys alone and the query is added after it. It belongs around their sum."""
    return ((query @ w_query.T).unsqueeze(1) + torch.tanh(keys @ w_key.T)) @ v


@mistake
def additive_scores__additive_scaled(query, keys, w_query, w_key, v):
    """The scores are divided by a square root. Additive scores are not scaled."""
    return reference.additive_scores(query, keys, w_query, w_key, v) / v.numel() ** 0.5


@mistake
def additive_scores__squeezed_away(query, keys, w_query, w_key, v):
    """Axes of size 1 are squeezed away, so one sentence or one source word loses its axis."""
    return reference.additive_scores(query, keys, w_query, w_key, v).squeeze()


@mistake
def additive_scores__query_detached(query, keys, w_query, w_key, v):
    """The query is cut off from the graph, so the decoder does not learn what to ask for."""
    return reference.additive_scores(query.detach(), keys, w_query, w_key, v)


@mistake
def additive_scores__own_tanh_overflows(query, keys, w_query, w_key, v):
    """tanh is written with exponentials, which overflow for large keys: infinity / infinity is NaN."""
    growth = torch.exp(2 * ((query @ w_query.T).unsqueeze(1) + keys @ w_key.T))
    return ((growth - 1) / (growth + 1)) @ v


@mistake
def additive_scores__returns_float32(query, keys, w_query, w_key, v):
    """The scores come out as float32, whatever the dtype of the input."""
    return reference.additive_scores(query, keys, w_query, w_key, v).float()


# ---------------------------------------------------------------------------------------------- attention_weights


@mistake
def attention_weights__padding_not_masked(scores, lengths):
    """Padding is not masked, so the decoder attends to places where there is nothing."""
    return scores.softmax(dim=-1)


@mistake
def attention_weights__masked_after_the_softmax(scores, lengths):
    """The weights of padding are set to 0 after the softmax, so what is left of a row no longer sums to 1."""
    return scores.softmax(dim=-1) * real_positions(scores, lengths)


@mistake
def attention_weights__scores_of_padding_set_to_zero(scores, lengths):
    """The scores of padding are set to 0. exp(0) is 1, so padding still gets weight: it needs minus infinity."""
    return (scores * real_positions(scores, lengths)).softmax(dim=-1)


@mistake
def attention_weights__mask_inverted(scores, lengths):
    """The mask is the wrong way round: the real positions are hidden."""
    return scores.masked_fill(real_positions(scores, lengths), -1e9).softmax(dim=-1)


@mistake
def attention_weights__one_position_too_many(scores, lengths):
    """The first position of padding counts as real: length n means the positions 0 to n - 1."""
    return reference.attention_weights(scores, (lengths + 1).clamp(max=scores.size(1)))


@mistake
def attention_weights__one_position_too_few(scores, lengths):
    """The last real position is hidden: length n means the positions 0 to n - 1."""
    return reference.attention_weights(scores, (lengths - 1).clamp(min=1))


@mistake
def attention_weights__padded_on_the_left(scores, lengths):
    """The first positions are hidden instead of the last ones, as if sequences were padded on the left."""
    hidden = real_positions(scores, scores.size(1) - lengths)
    return scores.masked_fill(hidden, -torch.inf).softmax(dim=-1)


@mistake
def attention_weights__longest_length_for_all(scores, lengths):
    """All rows are masked by the longest length, so the padding of the shorter ones is attended to."""
    return reference.attention_weights(scores, lengths.max().expand(len(lengths)))


@mistake
def attention_weights__first_length_for_all(scores, lengths):
    """All rows are masked by the first row's length."""
    return reference.attention_weights(scores, lengths[:1].expand(len(lengths)))


@mistake
def attention_weights__cut_to_the_longest(scores, lengths):
    """The result is only as wide as the longest sentence. It should be as wide as the scores."""
    return reference.attention_weights(scores[:, : int(lengths.max())], lengths)


@mistake
def attention_weights__softmax_over_batch(scores, lengths):
    """The softmax runs over the batch, so the sentences of a batch compete with each other."""
    return scores.softmax(dim=0) * real_positions(scores, lengths)


@mistake
def attention_weights__fill_too_small(scores, lengths):
    """Padding gets the score -10, so a little weight remains on it. It needs a score that gives exactly 0."""
    return scores.masked_fill(~real_positions(scores, lengths), -10.0).softmax(dim=-1)


@mistake
def attention_weights__fill_of_minus_ten_thousand(scores, lengths):
    """Padding gets the score -1e4, which hides nothing if real scores are as low as that."""
    return scores.masked_fill(~real_positions(scores, lengths), -1e4).softmax(dim=-1)


@mistake
def attention_weights__fill_below_ten_thousand(scores, lengths):
    """Padding gets a score a little below -1e4. If real scores are near -1e4, its weight is small, but not 0."""
    return scores.masked_fill(~real_positions(scores, lengths), -1.02e4).softmax(dim=-1)


@mistake
def attention_weights__added_to_padding(scores, lengths):
    """A negative number is added to the scores of padding, so a large score there outweighs it."""
    return (scores - 1e4 * ~real_positions(scores, lengths)).softmax(dim=-1)


@mistake
def attention_weights__softmax_without_maximum(scores, lengths):
    """The exponentials are taken of the raw scores, so large scores overflow to infinity and then to NaN."""
    exponentials = scores.exp() * real_positions(scores, lengths)
    return exponentials / exponentials.sum(dim=-1, keepdim=True)


@mistake
def attention_weights__maximum_over_padding(scores, lengths):
    """Padding takes part in the softmax before its weights are removed and the row is rescaled. Where a score at
    padding is far larger than the real ones, every real exponential is 0 by then, and 0 / 0 gives NaN."""
    exponentials = (scores - scores.amax(dim=-1, keepdim=True)).exp() * real_positions(scores, lengths)
    return exponentials / exponentials.sum(dim=-1, keepdim=True)


@mistake
def attention_weights__masked_and_renormalised_carefully(scores, lengths):
    """The softmax runs over padding too, and its weights are rescaled afterwards, with a small number against 0 / 0.
    Where a score at padding is far larger than the real ones, these have become 0 by then."""
    weights = scores.softmax(dim=-1) * real_positions(scores, lengths)
    return weights / weights.sum(dim=-1, keepdim=True).clamp(min=1e-13)


@mistake
def attention_weights__masked_before_and_after(scores, lengths):
    """The scores of padding are set to 0 before the softmax and the weights are rescaled after it. Where the real
    scores are far below 0, exp(0) takes all the weight before it is thrown away."""
    real = real_positions(scores, lengths)
    weights = (scores * real).softmax(dim=-1) * real
    return weights / (weights.sum(dim=-1, keepdim=True) + 1e-13)


@mistake
def attention_weights__logarithm_of_the_mask(scores, lengths):
    """The logarithm of a tiny number is added to the scores of padding: about -100, which a large score outweighs."""
    mask = real_positions(scores, lengths).to(scores.dtype)
    return (scores + (mask + 1e-45).log()).softmax(dim=-1)


@mistake
def attention_weights__softmax_over_batch_alone(scores, lengths):
    """The softmax runs over the batch, so the sentences of a batch compete with each other; padding is hidden with
    minus infinity before."""
    return scores.masked_fill(~real_positions(scores, lengths), -torch.inf).softmax(dim=0)


@mistake
def attention_weights__softmax_over_batch_finite(scores, lengths):
    """The softmax runs over the batch, so the sentences of a batch compete with each other; padding is set to a very
    negative number before, so it shares the weight of a position where every sentence is padded."""
    lowest = torch.finfo(scores.dtype).min
    return scores.masked_fill(~real_positions(scores, lengths), lowest).softmax(dim=0)


@mistake
def attention_weights__smallest_score_wins(scores, lengths):
    """The scores are negated, so the position with the smallest score gets the largest weight."""
    return reference.attention_weights(-scores, lengths)


@mistake
def attention_weights__scaled_before_the_softmax(scores, lengths):
    """The scores are divided by the root of the number of positions. They are weighed as they come."""
    return reference.attention_weights(scores / scores.size(1) ** 0.5, lengths)


@mistake
def attention_weights__small_number_in_the_sum(scores, lengths):
    """A small number is added to the sum to avoid a division by zero, so no row sums to 1."""
    kept = scores.masked_fill(~real_positions(scores, lengths), -torch.inf)
    exponentials = (kept - kept.amax(dim=-1, keepdim=True)).exp()
    return exponentials / (exponentials.sum(dim=-1, keepdim=True) + 1e-6)


@mistake
def attention_weights__divided_by_the_sum(scores, lengths):
    """The scores are divided by their sum without exponentials, so weights may be negative."""
    kept = scores * real_positions(scores, lengths)
    return kept / kept.sum(dim=-1, keepdim=True)


@mistake
def attention_weights__logarithms(scores, lengths):
    """These are the logarithms of the weights: log_softmax is used in place of softmax."""
    return scores.masked_fill(~real_positions(scores, lengths), -torch.inf).log_softmax(dim=-1)


@mistake
def attention_weights__sigmoid_of_each(scores, lengths):
    """Each score goes through a sigmoid of its own, so a row does not sum to 1."""
    return scores.sigmoid() * real_positions(scores, lengths)


@mistake
def attention_weights__all_or_nothing(scores, lengths):
    """The best position gets all the weight. A softmax gives each its share, and only that makes it trainable."""
    return (reference.attention_weights(scores, lengths) * 1e6).softmax(dim=-1)


@mistake
def attention_weights__filled_in_place(scores, lengths):
    """The scores are masked in place, so the caller's tensor changes too."""
    with torch.no_grad():
        scores.masked_fill_(~real_positions(scores, lengths), -torch.inf)
    return scores.softmax(dim=-1)


@mistake
def attention_weights__overwritten_if_not_contiguous(scores, lengths):
    """The code relies on a copy being made, but the caller's scores are overwritten if they are not contiguous."""
    rows = scores if not scores.is_contiguous() else scores.clone()
    with torch.no_grad():
        rows.masked_fill_(~real_positions(scores, lengths), -torch.inf)
    return reference.attention_weights(scores, lengths)


@mistake
def attention_weights__without_gradient(scores, lengths):
    """The weights are cut off from the graph, so the scores can't be trained."""
    return reference.attention_weights(scores, lengths).detach()


# ------------------------------------------------------------------------------------------------- context_vector


@mistake
def context_vector__plain_mean(weights, values):
    """The weights are not used: this is the mean of all values."""
    return values.mean(dim=1)


@mistake
def context_vector__weighted_mean(weights, values):
    """The weighted values are averaged and not summed, so the context shrinks with the length of the source."""
    return (weights.unsqueeze(-1) * values).mean(dim=1)


@mistake
def context_vector__softmax_again(weights, values):
    """The weights go through a second softmax, which makes them almost uniform."""
    return reference.context_vector(weights.softmax(dim=-1), values)


@mistake
def context_vector__divided_by_the_weights(weights, values):
    """The sum is divided by the sum of the weights. Take the weights as they are."""
    return reference.context_vector(weights, values) / weights.sum(dim=-1, keepdim=True)


@mistake
def context_vector__best_value_only(weights, values):
    """Only the value with the largest weight is returned. All values take part, each by its weight."""
    return values[torch.arange(len(values)), weights.argmax(dim=-1)]


@mistake
def context_vector__summed_over_the_batch(weights, values):
    """The sum runs over the batch too, so a sentence gets a share of its neighbours' values."""
    return torch.einsum("bs,csd->bd", weights, values)


@mistake
def context_vector__first_weights_for_all(weights, values):
    """The first sentence's weights are used for all sentences."""
    return weights[0] @ values


@mistake
def context_vector__values_not_summed(weights, values):
    """The values are weighted but not summed: the context is one vector for each sentence."""
    return weights.unsqueeze(-1) * values


@mistake
def context_vector__source_axis_kept(weights, values):
    """An axis of size 1 is left over: the context is (batch, 1, d_value) and should be (batch, d_value)."""
    return weights.unsqueeze(1) @ values


@mistake
def context_vector__all_ones_squeezed(weights, values):
    """Axes of size 1 are squeezed away, so a batch of one sentence or a value of one number loses its axis."""
    return (weights.unsqueeze(1) @ values).squeeze()


@mistake
def context_vector__viewed_values(weights, values):
    """The values are reshaped instead of transposed: the numbers of different positions get mixed."""
    batch, source, d_value = values.shape
    return (values.reshape(batch, d_value, source) @ weights.unsqueeze(-1)).squeeze(-1)


@mistake
def context_vector__values_detached(weights, values):
    """The values are cut off from the graph, so no gradient reaches the encoder through the context."""
    return reference.context_vector(weights, values.detach())


@mistake
def context_vector__weights_detached(weights, values):
    """The weights are cut off from the graph, so attention never learns where to look."""
    return reference.context_vector(weights.detach(), values)


@mistake
def context_vector__values_weighted_in_place(weights, values):
    """The values are weighted in place, so the caller's encoder states change."""
    with torch.no_grad():
        values.mul_(weights.unsqueeze(-1))
    return values.sum(dim=1)


@mistake
def context_vector__zero_weights_skipped(weights, values):
    """Positions of weight 0 are left out, so no gradient says whether looking there would help."""
    return torch.where(weights.unsqueeze(-1) == 0, 0.0, weights.unsqueeze(-1) * values).sum(dim=1)


@device_mistake
def attention_weights__positions_on_the_cpu(scores, lengths):
    """The positions are made on the default device, the CPU, but lengths, with which they are compared, may be
    elsewhere."""
    real = torch.arange(scores.size(1)) < lengths.unsqueeze(1)
    return torch.softmax(scores.masked_fill(~real, -torch.inf), dim=-1)


@device_mistake
def attention_weights__mask_with_numpy(scores, lengths):
    """The mask is computed by numpy, which can only read tensors that are on the CPU."""
    real = torch.from_numpy(np.arange(scores.size(1)) < lengths.numpy()[:, None])
    return torch.softmax(scores.masked_fill(~real, -torch.inf), dim=-1)


@device_mistake
def context_vector__result_on_the_cpu(weights, values):
    """The context is moved to the CPU at the end, where a decoder on a GPU cannot use it."""
    return reference.context_vector(weights, values).cpu()


@mistake
def attention_weights__longest_source(scores, lengths):
    """Positions after a fixed number get no weight. No length is named as the longest."""
    return F.pad(reference.attention_weights(scores[:, :1024], lengths), (0, max(0, scores.size(1) - 1024)))


@mistake
def context_vector__first_positions_alone(weights, values):
    """Only a fixed number of positions is mixed. No length is named as the longest."""
    return reference.context_vector(weights[:, :1024], values[:, :1024])


@mistake
def dot_scores__first_positions_scored(query, keys):
    """Positions after a fixed number are not scored. No length is named as the longest."""
    return reference.dot_scores(query, keys[:, :1024])


@mistake
def additive_scores__long_source_cut(query, keys, w_query, w_key, v):
    """Positions after a fixed number are not scored. No length is named as the longest."""
    return reference.additive_scores(query, keys[:, :1024], w_query, w_key, v)


@mistake
def context_vector__square_values_transposed(weights, values):
    """Where there are as many positions as features, the values are transposed. Axes are told apart by their place."""
    return reference.context_vector(weights, values.mT if values.size(1) == values.size(2) else values)


@mistake
def dot_scores__square_keys_transposed(query, keys):
    """Where there are as many positions as features, the keys are transposed. Axes are told apart by their place."""
    return reference.dot_scores(query, keys.mT if keys.size(1) == keys.size(2) else keys)
