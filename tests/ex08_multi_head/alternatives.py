"""Other ways to be right in exercise 8."""

import math

import torch
import torch.nn.functional as F

from grader.authoring import alternative
from solutions import ex08_multi_head as reference


@alternative
def split_heads__chunks(x, num_heads):
    """Cut into chunks, which are stacked."""
    if x.size(-1) % num_heads != 0:
        raise ValueError(f"{num_heads} heads do not fit into a d_model of {x.size(-1)}")
    return torch.stack(x.chunk(num_heads, dim=-1), dim=1)


@alternative
def split_heads__unflatten(x, num_heads):
    """unflatten and movedim; says it with an exception of its own."""

    class DoesNotDivideError(ValueError):
        pass

    if x.size(-1) % num_heads:
        raise DoesNotDivideError(f"d_model={x.size(-1)}, num_heads={num_heads}")
    return x.unflatten(-1, (num_heads, -1)).movedim(-2, 1)


@alternative
def split_heads__view(x, num_heads):
    """A view: cutting one axis in two works in every memory order."""
    batch, length, d_model = x.shape
    if d_model % num_heads:
        raise ValueError(f"{d_model} is not divisible by {num_heads}")
    return x.view(batch, length, num_heads, d_model // num_heads).transpose(1, 2)


@alternative
def concat_heads__cat(x):
    """The heads are unbound and joined, one next to the other."""
    return torch.cat(x.unbind(dim=1), dim=-1)


@alternative
def concat_heads__contiguous_view(x):
    """permute, contiguous, view."""
    batch, heads, length, d_head = x.shape
    return x.permute(0, 2, 1, 3).contiguous().view(batch, length, heads * d_head)


@alternative
class MultiHeadAttention__einsum(reference.MultiHeadAttention):
    """einsum throughout, -inf on rows that have a key, and a list as the result."""

    def forward(self, query, key, value, allowed=None):
        batch, length, d_model = query.shape
        shape = (batch, -1, self.num_heads, d_model // self.num_heads)
        q = self.q_proj(query).reshape(shape) * (d_model / self.num_heads) ** -0.5
        k, v = self.k_proj(key).reshape(shape), self.v_proj(value).reshape(shape)
        scores = torch.einsum("bqhd,bkhd->bhqk", q, k)
        if allowed is None:
            allowed = query.new_ones(1, 1, dtype=torch.bool)
        allowed = allowed.expand(batch, length, key.size(1))[:, None]
        someone = allowed.any(-1, keepdim=True)
        scores = scores.masked_fill(~allowed & someone, float("-inf"))
        weights = torch.softmax(scores, dim=-1) * someone
        mixed = torch.einsum("bhqk,bkhd->bqhd", weights, v).reshape(batch, length, d_model)
        return [F.linear(mixed, self.out_proj.weight, self.out_proj.bias), weights]


@alternative
class MultiHeadAttention__loop_over_heads(reference.MultiHeadAttention):
    """One head after the other, each with its own slice of the weight matrices."""

    def forward(self, query, key, value, allowed=None):
        width = query.size(-1) // self.num_heads
        if allowed is None:
            allowed = torch.ones(query.size(1), key.size(1), dtype=torch.bool, device=query.device)
        outputs, weights = 0, []
        for head in range(self.num_heads):
            rows = slice(head * width, (head + 1) * width)
            q = query @ self.q_proj.weight[rows].T + self.q_proj.bias[rows]
            k = key @ self.k_proj.weight[rows].T + self.k_proj.bias[rows]
            v = value @ self.v_proj.weight[rows].T + self.v_proj.bias[rows]
            mixed, seen = reference.masked_attention(q, k, v, allowed)
            outputs = outputs + mixed @ self.out_proj.weight[:, rows].T
            weights.append(seen)
        return outputs + self.out_proj.bias, torch.stack(weights, dim=1)


@alternative
class MultiHeadAttention__additive_mask(reference.MultiHeadAttention):
    """A large finite penalty is added, and the softmax is written by hand."""

    def attend(self, q, k, v, allowed):
        scores = q @ k.mT / q.size(-1) ** 0.5 + torch.zeros_like(allowed, dtype=q.dtype).masked_fill(~allowed, -1e9)
        exponentials = (scores - scores.max(dim=-1, keepdim=True).values.detach()).exp()
        weights = exponentials / exponentials.sum(dim=-1, keepdim=True)
        weights = torch.where(allowed, weights, torch.zeros_like(weights))
        return weights @ v, weights

    def forward(self, query, key, value, allowed=None):
        print("query", tuple(query.shape), "key", tuple(key.shape))
        q, k, v = self.q_proj(query), self.k_proj(key), self.v_proj(value)
        q, k, v = (reference.split_heads(x, self.num_heads) for x in (q, k, v))
        if allowed is None:
            allowed = torch.ones(1, 1, dtype=torch.bool, device=query.device)
        if allowed.dim() == 2:
            allowed = allowed[None]
        output, weights = self.attend(q, k, v, allowed[:, None])
        return self.out_proj(reference.concat_heads(output)), weights


@alternative
class MultiHeadAttention__heads_in_the_batch(reference.MultiHeadAttention):
    """Heads and batch are one axis inside, and the projections run as one product."""

    def forward(self, query, key, value, allowed=None):
        batch, heads = query.size(0), self.num_heads
        q, k, v = (
            reference.split_heads(projection(x), heads).flatten(0, 1)
            for projection, x in ((self.q_proj, query), (self.k_proj, key), (self.v_proj, value))
        )
        scores = torch.baddbmm(q.new_zeros(()), q, k.mT, beta=0, alpha=q.size(-1) ** -0.5)
        if allowed is not None:
            allowed = allowed.expand(batch, query.size(1), key.size(1)).repeat_interleave(heads, dim=0)
            scores = scores.masked_fill(allowed.logical_not(), torch.finfo(scores.dtype).min)
        weights = scores.softmax(-1)
        if allowed is not None:
            weights = weights * allowed
        mixed = torch.bmm(weights, v).unflatten(0, (batch, heads))
        return self.out_proj(mixed.transpose(1, 2).flatten(2)), weights.unflatten(0, (batch, heads))


@alternative
class MultiHeadAttention__nan_replaced(reference.MultiHeadAttention):
    """-inf and nan_to_num: masked_fill lets no gradient through where it fills, so none of the NaN gets out."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = self.q_proj(query), self.k_proj(key), self.v_proj(value)
        q, k, v = (reference.split_heads(x, self.num_heads) for x in (q, k, v))
        scores = q @ k.transpose(-2, -1) / q.size(-1) ** 0.5
        if allowed is not None:
            scores = scores.masked_fill(~allowed.unsqueeze(-3), float("-inf"))
        weights = torch.softmax(scores, dim=-1).nan_to_num(nan=0.0)
        return self.out_proj(reference.concat_heads(weights @ v)), weights


@alternative
class MultiHeadAttention__key_without_its_bias(reference.MultiHeadAttention):
    """The bias of k_proj adds the same to all scores of a query: a softmax does not see it, and its gradient is 0."""

    def forward(self, query, key, value, allowed=None):
        q, k, v = self.q_proj(query), torch.nn.functional.linear(key, self.k_proj.weight), self.v_proj(value)
        q, k, v = (reference.split_heads(x, self.num_heads) for x in (q, k, v))
        heads, weights = reference.masked_attention(
            q, k, v, q.new_ones(1, dtype=torch.bool) if allowed is None else allowed.unsqueeze(-3)
        )
        return self.out_proj(reference.concat_heads(heads)), weights


@alternative
def split_heads__cut_and_stacked(x, num_heads):
    """One slice for each head."""
    d_model = x.shape[-1]
    if d_model % num_heads != 0:
        raise ValueError(f"d_model ({d_model}) must be divisible by num_heads ({num_heads})")
    width = d_model // num_heads
    return torch.stack([x[:, :, i * width : (i + 1) * width] for i in range(num_heads)], dim=1)


@alternative
def concat_heads__transpose_flatten(x):
    """transpose and flatten, the last size left to torch."""
    return x.transpose(1, 2).flatten(start_dim=2)


@alternative
class MultiHeadAttention__annotated_transformer(reference.MultiHeadAttention):
    """MultiHeadedAttention of The Annotated Transformer: zip over the projections, view, -1e9, and zeros afterwards."""

    def forward(self, query, key, value, allowed=None):
        nbatches, d_k = query.size(0), query.size(-1) // self.num_heads
        mask = allowed
        if mask is not None:
            mask = mask.unsqueeze(1) if mask.dim() == 3 else mask
        query, key, value = [
            lin(x).view(nbatches, -1, self.num_heads, d_k).transpose(1, 2)
            for lin, x in zip((self.q_proj, self.k_proj, self.v_proj), (query, key, value), strict=True)
        ]
        scores = torch.matmul(query, key.transpose(-2, -1)) / math.sqrt(d_k)
        if mask is not None:
            scores = scores.masked_fill(mask == 0, -1e9)
        self.attn = scores.softmax(dim=-1)
        if mask is not None:
            self.attn = self.attn * mask
        x = torch.matmul(self.attn, value)
        x = x.transpose(1, 2).contiguous().view(nbatches, -1, self.num_heads * d_k)
        return self.out_proj(x), self.attn


@alternative
class MultiHeadAttention__dive_into_deep_learning(reference.MultiHeadAttention):
    """The way of Dive into Deep Learning: heads in the batch, a masked softmax with -1e6, the mask repeated."""

    def transpose_qkv(self, x):
        x = x.reshape(x.shape[0], x.shape[1], self.num_heads, -1)
        x = x.permute(0, 2, 1, 3)
        return x.reshape(-1, x.shape[2], x.shape[3])

    def transpose_output(self, x):
        x = x.reshape(-1, self.num_heads, x.shape[1], x.shape[2])
        x = x.permute(0, 2, 1, 3)
        return x.reshape(x.shape[0], x.shape[1], -1)

    def forward(self, query, key, value, allowed=None):
        queries = self.transpose_qkv(self.q_proj(query))
        keys = self.transpose_qkv(self.k_proj(key))
        values = self.transpose_qkv(self.v_proj(value))
        scores = torch.bmm(queries, keys.transpose(1, 2)) / math.sqrt(queries.shape[-1])
        if allowed is not None:
            allowed = allowed.expand(query.shape[0], query.shape[1], key.shape[1])
            allowed = torch.repeat_interleave(allowed, repeats=self.num_heads, dim=0)
            scores[~allowed] = -1e6
        weights = F.softmax(scores, dim=-1)
        if allowed is not None:
            weights = weights.masked_fill(~allowed, 0.0)
        output = self.transpose_output(torch.bmm(weights, values))
        return self.out_proj(output), weights.reshape(-1, self.num_heads, *weights.shape[1:])


@alternative
class MultiHeadAttention__mingpt(reference.MultiHeadAttention):
    """minGPT's lines, with minus infinity where something is allowed in a row."""

    def forward(self, query, key, value, allowed=None):
        B, T, C = query.size()
        S, nh = key.size(1), self.num_heads
        k = self.k_proj(key).view(B, S, nh, C // nh).transpose(1, 2)  # (B, nh, S, hs)
        q = self.q_proj(query).view(B, T, nh, C // nh).transpose(1, 2)  # (B, nh, T, hs)
        v = self.v_proj(value).view(B, S, nh, C // nh).transpose(1, 2)  # (B, nh, S, hs)
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        if allowed is None:
            att = F.softmax(att, dim=-1)
        else:
            mask = allowed.expand(B, T, S).unsqueeze(1)
            att = F.softmax(att.masked_fill(mask == 0, float("-inf")), dim=-1)
            att = att.masked_fill(mask == 0, 0.0)
        y = att @ v
        y = y.transpose(1, 2).contiguous().view(B, T, C)
        return self.out_proj(y), att


@alternative
class MultiHeadAttention__fairseq(reference.MultiHeadAttention):
    """fairseq's order: time first inside, heads in the batch, the query scaled before the product."""

    def forward(self, query, key, value, allowed=None):
        tgt_len, bsz, embed_dim = query.shape[1], query.shape[0], query.shape[2]
        head_dim = embed_dim // self.num_heads
        q = self.q_proj(query.transpose(0, 1)) * head_dim**-0.5
        k, v = self.k_proj(key.transpose(0, 1)), self.v_proj(value.transpose(0, 1))
        q = q.contiguous().view(tgt_len, bsz * self.num_heads, head_dim).transpose(0, 1)
        k = k.contiguous().view(-1, bsz * self.num_heads, head_dim).transpose(0, 1)
        v = v.contiguous().view(-1, bsz * self.num_heads, head_dim).transpose(0, 1)
        src_len = k.size(1)
        attn_weights = torch.bmm(q, k.transpose(1, 2)).view(bsz, self.num_heads, tgt_len, src_len)
        if allowed is not None:
            hidden = ~(allowed if allowed.dim() == 2 else allowed.unsqueeze(1))
            attn_weights = attn_weights.masked_fill(hidden, float("-inf")).softmax(-1).masked_fill(hidden, 0)
        else:
            attn_weights = attn_weights.softmax(-1)
        attn = torch.bmm(attn_weights.view(bsz * self.num_heads, tgt_len, src_len), v)
        attn = attn.transpose(0, 1).contiguous().view(tgt_len, bsz, embed_dim)
        return self.out_proj(attn).transpose(0, 1), attn_weights
