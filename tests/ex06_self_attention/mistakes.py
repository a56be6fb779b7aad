"""Wrong variants of exercise 6, the likeliest first."""

import torch
import torch.nn.functional as F

from grader.authoring import device_mistake, mistake
from solutions import ex06_self_attention as reference


@mistake
def attention_scores__no_scaling(q, k):
    """The scores are not divided by sqrt(d_k), so with wide keys the softmax is almost all-or-nothing."""
    return q @ k.transpose(-2, -1)


@mistake
def self_attention__scaled_twice(x, w_q, w_k, w_v):
    """The scores are divided by sqrt(d_k) a second time before the softmax, so the weights are too even."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    weights = torch.softmax(reference.attention_scores(q, k) / q.size(-1) ** 0.5, dim=-1)
    return weights @ v, weights


@mistake
def attention_scores__divided_by_d_k(q, k):
    """The scores are divided by d_k itself, not by its square root, so the weights become almost uniform."""
    return q @ k.transpose(-2, -1) / q.size(-1)


@mistake
def attention_scores__multiplied_by_root(q, k):
    """The scores are multiplied by sqrt(d_k). They should be divided by it."""
    return q @ k.transpose(-2, -1) * q.size(-1) ** 0.5


@mistake
def attention_scores__scaled_by_number_of_keys(q, k):
    """The scores are divided by the root of the number of keys. The width of a key is what makes them grow."""
    return q @ k.transpose(-2, -1) / k.size(-2) ** 0.5


@mistake
def attention_scores__scaled_by_number_of_queries(q, k):
    """The scores are divided by the root of the number of queries. The width of a query is what makes them grow."""
    return q @ k.transpose(-2, -1) / q.size(-2) ** 0.5


@mistake
def attention_scores__divided_by_the_number_of_keys(q, k):
    """The scores are divided by the number of keys. It is the root of d_k that they are divided by."""
    return q @ k.transpose(-2, -1) / k.size(-2)


@mistake
def attention_scores__divided_by_the_number_of_queries(q, k):
    """The scores are divided by the number of queries. It is the root of d_k that they are divided by."""
    return q @ k.transpose(-2, -1) / q.size(-2)


@mistake
def attention_scores__multiplied_by_d_k(q, k):
    """The scores are multiplied by d_k where they should be divided by its root."""
    return q @ k.transpose(-2, -1) * q.size(-1)


@mistake
def attention_scores__root_rounded_down(q, k):
    """The root of d_k is rounded to a whole number, which is wrong unless d_k is a square."""
    return q @ k.transpose(-2, -1) / int(q.size(-1) ** 0.5)


@mistake
def attention_scores__cosine(q, k):
    """Queries and keys are scaled to length 1 first: the scores are cosines, and lengths no longer count."""
    return F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)


@mistake
def attention_scores__rows_and_columns_swapped(q, k):
    """Rows and columns are swapped: a row should belong to a query and a column to a key."""
    return reference.attention_scores(k, q)


@mistake
def attention_scores__batch_only(q, k):
    """Only inputs with exactly one leading axis work: the axes are counted from the front, not from the end."""
    return q @ k.transpose(1, 2) / q.size(-1) ** 0.5


@mistake
def attention_scores__at_most_two_leading_axes(q, k):
    """Inputs with more than two leading axes are not accepted. Any number of them should work."""
    pattern = {2: "qd,kd->qk", 3: "bqd,bkd->bqk", 4: "bhqd,bhkd->bhqk"}[q.dim()]
    return torch.einsum(pattern, q, k) / q.size(-1) ** 0.5


@mistake
def attention_scores__viewed_as_transposed(q, k):
    """The keys are reshaped instead of transposed: the numbers of different keys get mixed."""
    return q @ k.reshape(*k.shape[:-2], k.size(-1), k.size(-2)) / q.size(-1) ** 0.5


@mistake
def attention_scores__scores_squeezed(q, k):
    """Axes of size 1 are squeezed away, so a single query, key or sentence loses its axis."""
    return reference.attention_scores(q, k).squeeze()


@mistake
def attention_scores__scaled_in_place(q, k):
    """The query is divided in place, so the caller's tensor changes too."""
    scale = q.size(-1) ** 0.5
    with torch.no_grad():
        q.div_(scale)
    return q @ k.transpose(-2, -1)


@mistake
def project_qkv__transposed_matrices(x, w_q, w_k, w_v):
    """The matrices are applied transposed, as nn.Linear stores them. Here a matrix is (d_model, d_k)."""
    return F.linear(x, w_q), F.linear(x, w_k), F.linear(x, w_v)


@mistake
def project_qkv__keys_from_the_query_matrix(x, w_q, w_k, w_v):
    """Keys are made with the matrix of the queries, so every token matches itself best."""
    return x @ w_q, x @ w_q, x @ w_v


@mistake
def project_qkv__queries_and_keys_swapped(x, w_q, w_k, w_v):
    """Queries and keys are swapped in what is returned."""
    return x @ w_k, x @ w_q, x @ w_v


@mistake
def project_qkv__returns_float32(x, w_q, w_k, w_v):
    """The projections are converted to float32, whatever the dtype of the input."""
    return (x @ w_q).float(), (x @ w_k).float(), (x @ w_v).float()


@mistake
def project_qkv__values_detached(x, w_q, w_k, w_v):
    """The values are cut off from the graph, so nothing that depends on them can be trained."""
    return x @ w_q, x @ w_k, (x @ w_v).detach()


@mistake
def self_attention__softmax_over_queries(x, w_q, w_k, w_v):
    """The softmax runs over the queries, so columns sum to one instead of rows."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    weights = torch.softmax(reference.attention_scores(q, k), dim=-2)
    return weights @ v, weights


@mistake
def self_attention__softmax_over_batch(x, w_q, w_k, w_v):
    """The softmax runs over the batch, so the sentences of a batch compete with each other."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    weights = torch.softmax(reference.attention_scores(q, k), dim=0)
    return weights @ v, weights


@mistake
def self_attention__sign_of_the_exponent(x, w_q, w_k, w_v):
    """The exponent has the wrong sign: the key that fits a query least gets the largest weight."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    weights = torch.softmax(-reference.attention_scores(q, k), dim=-1)
    return weights @ v, weights


@mistake
def self_attention__softmax_over_everything(x, w_q, w_k, w_v):
    """One softmax runs over all queries and keys of a sentence, so it is not a row that sums to one."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    weights = torch.softmax(reference.attention_scores(q, k).flatten(1), dim=-1).unflatten(1, (x.size(1), -1))
    return weights @ v, weights


@mistake
def self_attention__mixes_the_keys(x, w_q, w_k, w_v):
    """The weights mix the keys where their width fits. They should mix the values."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    weights = torch.softmax(reference.attention_scores(q, k), dim=-1)
    return weights @ (k if k.shape == v.shape else v), weights


@mistake
def self_attention__mixes_the_queries(x, w_q, w_k, w_v):
    """The weights mix the queries where their width fits. They should mix the values."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    weights = torch.softmax(reference.attention_scores(q, k), dim=-1)
    return weights @ (q if q.shape == v.shape else v), weights


@mistake
def self_attention__weights_and_output_swapped(x, w_q, w_k, w_v):
    """The weights are returned first and the output second. It should be (output, weights)."""
    return reference.self_attention(x, w_q, w_k, w_v)[::-1]


@mistake
def self_attention__softmax_without_maximum(x, w_q, w_k, w_v):
    """The exponentials are taken of the raw scores, so large scores overflow to infinity and then to NaN."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    exponentials = reference.attention_scores(q, k).exp()
    weights = exponentials / exponentials.sum(-1, keepdim=True)
    return weights @ v, weights


@mistake
def self_attention__float64_without_maximum(x, w_q, w_k, w_v):
    """The exponentials are taken of the raw scores in float64. float64 overflows too, only later."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    scores = reference.attention_scores(q, k)
    exponentials = (scores if q.dtype == torch.float64 else scores - scores.amax(-1, keepdim=True)).exp()
    weights = exponentials / exponentials.sum(-1, keepdim=True)
    return weights @ v, weights


@mistake
def self_attention__no_softmax(x, w_q, w_k, w_v):
    """The raw scores are used as weights: there is no softmax, so a row does not sum to one."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    weights = reference.attention_scores(q, k)
    return weights @ v, weights


@mistake
def self_attention__mixes_the_inputs(x, w_q, w_k, w_v):
    """The weights mix the tokens themselves. They should mix the tokens' values."""
    q, k, _ = reference.project_qkv(x, w_q, w_k, w_v)
    weights = torch.softmax(reference.attention_scores(q, k), dim=-1)
    return weights @ x, weights


@mistake
def self_attention__causal(x, w_q, w_k, w_v):
    """A token sees only itself and what comes before it. Here every token should see all tokens."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    scores = reference.attention_scores(q, k)
    later = torch.ones_like(scores, dtype=torch.bool).triu(1)
    weights = torch.softmax(scores.masked_fill(later, -torch.inf), dim=-1)
    return weights @ v, weights


@mistake
def self_attention__mixes_down_the_columns(x, w_q, w_k, w_v):
    """The values are mixed by the columns of the weights. The row of a query holds the weights of its output."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    weights = torch.softmax(reference.attention_scores(q, k), dim=-1)
    return weights.transpose(-2, -1) @ v, weights


@mistake
def self_attention__weights_detached(x, w_q, w_k, w_v):
    """The weights are cut off from the graph before they mix the values, so queries and keys are never trained."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    weights = torch.softmax(reference.attention_scores(q, k), dim=-1)
    return weights.detach() @ v, weights


@mistake
def self_attention__tiny_denominator(x, w_q, w_k, w_v):
    """A small number is added to the softmax's denominator, so rows do not quite sum to one."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    scores = reference.attention_scores(q, k)
    exponentials = (scores - scores.amax(-1, keepdim=True)).exp()
    weights = exponentials / (exponentials.sum(-1, keepdim=True) + 1e-5)
    return weights @ v, weights


@mistake
def self_attention__returns_scores(x, w_q, w_k, w_v):
    """The second result holds the scores before the softmax, not the weights."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    scores = reference.attention_scores(q, k)
    return torch.softmax(scores, dim=-1) @ v, scores


@mistake
def self_attention__squeezed(x, w_q, w_k, w_v):
    """Axes of size 1 are squeezed away, so a batch of one sentence loses its batch axis."""
    output, weights = reference.self_attention(x, w_q, w_k, w_v)
    return output.squeeze(), weights.squeeze()


@mistake
def self_attention__needs_contiguous_input(x, w_q, w_k, w_v):
    """`view` is used on the input, which fails for a tensor that is not contiguous in memory."""
    batch, length, d_model = x.shape
    flat = x.view(batch * length, d_model)
    return reference.self_attention(flat.view(batch, length, d_model), w_q, w_k, w_v)


@mistake
def self_attention__library_call(x, w_q, w_k, w_v):
    """The library's attention does the work that this exercise asks you to do yourself."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    weights = torch.softmax(reference.attention_scores(q, k), dim=-1)
    return F.scaled_dot_product_attention(q, k, v), weights


@mistake
def self_attention__rounded_to_float32(x, w_q, w_k, w_v):
    """The softmax is computed in float32 and converted back, which costs a float64 input half of its digits."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    weights = torch.softmax(reference.attention_scores(q, k).float(), dim=-1).to(x.dtype)
    return weights @ v, weights


@device_mistake
def self_attention__results_on_the_cpu(x, w_q, w_k, w_v):
    """The results are moved to the CPU at the end, where a caller on a GPU cannot use them."""
    output, weights = reference.self_attention(x, w_q, w_k, w_v)
    return output.cpu(), weights.cpu()


@device_mistake
def attention_scores__root_on_the_cpu(q, k):
    """The root of d_k is a tensor on the default device, so scores on a GPU cannot be divided by it."""
    return q @ k.transpose(-2, -1) / torch.tensor([q.size(-1)], dtype=q.dtype).sqrt()


@mistake
def self_attention__residual(x, w_q, w_k, w_v):
    """The input is added to the output if their shapes fit. That belongs to a later exercise, not here."""
    output, weights = reference.self_attention(x, w_q, w_k, w_v)
    return (output + x if output.shape == x.shape else output), weights


@mistake
def self_attention__first_tokens_only(x, w_q, w_k, w_v):
    """Only a fixed number of tokens is looked at. No length is named as the longest: take it from x."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    weights = torch.softmax(reference.attention_scores(q, k), dim=-1)
    weights = weights.masked_fill(torch.arange(x.size(1), device=x.device) >= 1024, 0.0)
    weights = weights / weights.sum(-1, keepdim=True)
    return weights @ v, weights


@mistake
def self_attention__length_taken_for_the_batch(x, w_q, w_k, w_v):
    """If the batch is as large as the length, the two axes of the scores are swapped. Axes are told apart by
    position, not by size."""
    q, k, v = reference.project_qkv(x, w_q, w_k, w_v)
    scores = reference.attention_scores(q, k)
    weights = torch.softmax(scores.transpose(0, 1) if x.size(0) == x.size(1) else scores, dim=-1)
    return weights @ v, weights


@mistake
def attention_scores__square_keys_not_transposed(q, k):
    """Where there are as many keys as features, the keys are not transposed, as the shapes fit without it."""
    fitting = k if k.size(-1) == k.size(-2) else k.transpose(-2, -1)
    return q @ fitting / q.size(-1) ** 0.5


@mistake
def attention_scores__at_most_1024_keys(q, k):
    """Keys after a fixed number get no score. No length is named as the longest."""
    return reference.attention_scores(q, k[..., :1024, :])


@mistake
def attention_scores__at_most_1024_queries(q, k):
    """Queries after a fixed number get no scores. No length is named as the longest."""
    return reference.attention_scores(q[..., :1024, :], k)


@mistake
def project_qkv__square_matrices_transposed(x, w_q, w_k, w_v):
    """Square matrices are applied transposed, as nn.Linear stores them. Here a matrix is (d_model, d_k)."""
    return tuple(x @ (w.T if w.size(0) == w.size(1) else w) for w in (w_q, w_k, w_v))


@mistake
def attention_scores__keys_cut_off_with_heads(q, k):
    """With an axis for heads the keys are cut off from the graph, so nothing that makes them can be trained."""
    return reference.attention_scores(q, k.detach() if k.dim() == 4 else k)


@mistake
def attention_scores__grad_mode_turned_on(q, k):
    """Gradients are turned on globally; they should be left as they were found."""
    torch.set_grad_enabled(True)
    return reference.attention_scores(q, k)
