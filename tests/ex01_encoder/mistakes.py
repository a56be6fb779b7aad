"""Wrong variants of exercise 1, the likeliest first."""

import torch

from grader.authoring import device_mistake, mistake
from solutions import ex01_encoder as reference


def sums(x, h, w_x, w_h, bias):
    """The four blocks before their sigmoid or tanh."""
    return (x @ w_x.T + h @ w_h.T + bias).chunk(4, dim=-1)


def start(x, w_h):
    """A state of zeros."""
    return x.new_zeros(x.size(0), w_h.size(1))


def real(x, lengths):
    """(batch, source, 1), true at real tokens."""
    return (torch.arange(x.size(1), device=x.device) < lengths.unsqueeze(-1)).unsqueeze(-1)


def walk(cell, x, lengths, w_x, w_h, bias, keep=torch.where):
    """The loop over time. `keep(real, new, old)` is the next state; outputs are zero at padding."""
    h = c = start(x, w_h)
    outputs = []
    for t in range(x.size(1)):
        now = (t < lengths).unsqueeze(-1)
        next_h, next_c = cell(x[:, t], h, c, w_x, w_h, bias)
        h, c = keep(now, next_h, h), keep(now, next_c, c)
        outputs.append(next_h.masked_fill(~now, 0.0))
    return torch.stack(outputs, dim=1), (h, c)


def always(now, new, old):
    """A state that padding updates too."""
    return new


def detached_every(count, x, lengths, w_x, w_h, bias):
    """encode, the state cut off from the graph before every token whose position is a multiple of `count`."""
    position = [0]

    def cell(token, h, c, *weights):
        cut = position[0] > 0 and position[0] % count == 0
        position[0] += 1
        return reference.lstm_cell(token, h.detach() if cut else h, c.detach() if cut else c, *weights)

    return walk(cell, x, lengths, w_x, w_h, bias)


@mistake
def encode__state_after_the_padding(x, lengths, w_x, w_h, bias):
    """The context is the state after the padding. A short row's state should stop changing at its last real token."""
    return walk(reference.lstm_cell, x, lengths, w_x, w_h, bias, keep=always)


@mistake
def encode__lengths_ignored(x, lengths, w_x, w_h, bias):
    """The lengths are not used: padding is read as if it were tokens, in the outputs and in the context."""
    return reference.encode(x, torch.full_like(lengths, x.size(1)), w_x, w_h, bias)


@mistake
def encode__outputs_go_on_at_padding(x, lengths, w_x, w_h, bias):
    """The context is right, but the outputs go on changing through the padding. They should be zero there."""
    whole = torch.full_like(lengths, x.size(1))
    outputs, _ = reference.encode(x, whole, w_x, w_h, bias)
    return outputs, reference.encode(x, lengths, w_x, w_h, bias)[1]


@mistake
def encode__last_output_repeated_at_padding(x, lengths, w_x, w_h, bias):
    """The outputs at padding repeat the last real h. The state stays the same there, but the output should be zero."""
    outputs, (h, c) = reference.encode(x, lengths, w_x, w_h, bias)
    return torch.where(real(x, lengths), outputs, h.unsqueeze(1)), (h, c)


@mistake
def encode__padding_set_to_zero_and_read(x, lengths, w_x, w_h, bias):
    """Padding is set to zero and then read as a token. Even a token of zeros changes the state."""
    x = x.masked_fill(~real(x, lengths), 0.0)
    return walk(reference.lstm_cell, x, lengths, w_x, w_h, bias, keep=always)


@mistake
def encode__state_cleared_at_padding(x, lengths, w_x, w_h, bias):
    """The state is multiplied by the mask, so it falls to zero at padding. It should stay as it was."""
    clear = lambda now, new, old: new * now  # noqa: E731
    return walk(reference.lstm_cell, x, lengths, w_x, w_h, bias, keep=clear)


@mistake
def encode__cell_not_frozen(x, lengths, w_x, w_h, bias):
    """h stops at the last real token, but c goes on changing through the padding. Both belong to the context."""
    outputs, (h, _) = reference.encode(x, lengths, w_x, w_h, bias)
    _, (_, c) = reference.encode(x, torch.full_like(lengths, x.size(1)), w_x, w_h, bias)
    return outputs, (h, c)


@mistake
def encode__last_column_as_context(x, lengths, w_x, w_h, bias):
    """h is the last column of the outputs. For a short row that column is padding."""
    outputs, (_, c) = reference.encode(x, lengths, w_x, w_h, bias)
    return outputs, (outputs[:, -1], c)


@mistake
def encode__one_token_too_few(x, lengths, w_x, w_h, bias):
    """The last real token of every row is not read: the count stops one too early."""
    return reference.encode(x, lengths - 1, w_x, w_h, bias)


@mistake
def encode__one_token_too_many(x, lengths, w_x, w_h, bias):
    """One position too many is read: the first padding of a row counts as a token."""
    return reference.encode(x, lengths + 1, w_x, w_h, bias)


@mistake
def encode__stops_at_the_longest_row(x, lengths, w_x, w_h, bias):
    """The outputs end at the longest row. They should be as long as the input, zeros included."""
    longest = int(lengths.max())
    return reference.encode(x[:, :longest], lengths, w_x, w_h, bias)


@mistake
def encode__rows_left_sorted(x, lengths, w_x, w_h, bias):
    """The rows are sorted by length, and their original order is not restored."""
    order = lengths.argsort(descending=True, stable=True)
    return reference.encode(x[order], lengths[order], w_x, w_h, bias)


@mistake
def encode__time_first(x, lengths, w_x, w_h, bias):
    """The outputs have time as their first axis. Here the batch comes first."""
    outputs, state = reference.encode(x, lengths, w_x, w_h, bias)
    return outputs.transpose(0, 1), state


@mistake
def encode__loops_over_the_batch(x, lengths, w_x, w_h, bias):
    """The loop runs over the first axis as if it were time: sentences are read as tokens. The batch comes first."""
    h = c = x.new_zeros(x.size(1), w_h.size(1))
    outputs = []
    for token in x:
        h, c = reference.lstm_cell(token, h, c, w_x, w_h, bias)
        outputs.append(h)
    return torch.stack(outputs).masked_fill(~real(x, lengths), 0.0), (h, c)


@mistake
def encode__outputs_hold_c(x, lengths, w_x, w_h, bias):
    """The outputs hold c, what the cell remembers. They should hold h, what it shows."""
    swapped = lambda *a: reference.lstm_cell(*a)[::-1]  # noqa: E731
    h = c = start(x, w_h)
    outputs = []
    for t in range(x.size(1)):
        now = (t < lengths).unsqueeze(-1)
        next_c, next_h = swapped(x[:, t], h, c, w_x, w_h, bias)
        h, c = torch.where(now, next_h, h), torch.where(now, next_c, c)
        outputs.append(next_c.masked_fill(~now, 0.0))
    return torch.stack(outputs, dim=1), (h, c)


@mistake
def encode__context_swapped(x, lengths, w_x, w_h, bias):
    """The context is (c, h). It should be (h, c)."""
    outputs, (h, c) = reference.encode(x, lengths, w_x, w_h, bias)
    return outputs, (c, h)


@mistake
def encode__three_results(x, lengths, w_x, w_h, bias):
    """Three values are returned. h and c belong together, as one pair."""
    outputs, (h, c) = reference.encode(x, lengths, w_x, w_h, bias)
    return outputs, h, c


@mistake
def encode__context_with_a_layer_axis(x, lengths, w_x, w_h, bias):
    """h and c have an axis for layers in front, as nn.LSTM's have. Here they are (batch, hidden)."""
    outputs, (h, c) = reference.encode(x, lengths, w_x, w_h, bias)
    return outputs, (h.unsqueeze(0), c.unsqueeze(0))


@mistake
def encode__state_not_carried(x, lengths, w_x, w_h, bias):
    """Every token is read from a state of zeros: what the last step returned is not passed on."""
    forget = lambda x, h, c, *w: reference.lstm_cell(x, h * 0, c * 0, *w)  # noqa: E731
    return walk(forget, x, lengths, w_x, w_h, bias)


@mistake
def encode__cell_not_carried(x, lengths, w_x, w_h, bias):
    """h is passed on to the next token, c is not: the memory starts at zero for every token."""
    forget = lambda x, h, c, *w: reference.lstm_cell(x, h, c * 0, *w)  # noqa: E731
    return walk(forget, x, lengths, w_x, w_h, bias)


@mistake
def encode__read_from_right_to_left(x, lengths, w_x, w_h, bias):
    """Every row is read from its end to its beginning."""
    last = lengths.unsqueeze(-1) - 1
    t = torch.arange(x.size(1), device=x.device)
    index = torch.where(t <= last, last - t, t).unsqueeze(-1).expand_as(x)
    outputs, state = reference.encode(x.gather(1, index), lengths, w_x, w_h, bias)
    return outputs.gather(1, index[..., :1].expand_as(outputs)), state


@mistake
def encode__starts_at_one(x, lengths, w_x, w_h, bias):
    """The state starts at one. Before the first token nothing has been read, so it should be zero."""
    h = c = start(x, w_h) + 1
    outputs = []
    for t in range(x.size(1)):
        now = (t < lengths).unsqueeze(-1)
        next_h, next_c = reference.lstm_cell(x[:, t], h, c, w_x, w_h, bias)
        h, c = torch.where(now, next_h, h), torch.where(now, next_c, c)
        outputs.append(next_h.masked_fill(~now, 0.0))
    return torch.stack(outputs, dim=1), (h, c)


@mistake
def encode__starts_at_random(x, lengths, w_x, w_h, bias):
    """The state starts at random numbers, so the same sentence is encoded differently every time."""
    h = c = torch.randn_like(start(x, w_h))
    outputs = []
    for t in range(x.size(1)):
        now = (t < lengths).unsqueeze(-1)
        next_h, next_c = reference.lstm_cell(x[:, t], h, c, w_x, w_h, bias)
        h, c = torch.where(now, next_h, h), torch.where(now, next_c, c)
        outputs.append(next_h.masked_fill(~now, 0.0))
    return torch.stack(outputs, dim=1), (h, c)


@mistake
def encode__state_in_the_default_dtype(x, lengths, w_x, w_h, bias):
    """The first state is made in torch's default dtype, float32, and does not follow the dtype of x."""
    h = c = torch.zeros(x.size(0), w_h.size(1), device=x.device)
    return walk(lambda x, _, __, *w: reference.lstm_cell(x, h, c, *w), x, lengths, w_x, w_h, bias)


@mistake
def encode__zeros_at_padding_added_as_small_numbers(x, lengths, w_x, w_h, bias):
    """The outputs at padding are tiny numbers. They should be exactly zero."""
    outputs, state = reference.encode(x, lengths, w_x, w_h, bias)
    return outputs.masked_fill(~real(x, lengths), 1e-10), state


@mistake
def encode__padding_guessed_from_zeros(x, lengths, w_x, w_h, bias):
    """A token whose features are all zero is treated as padding. Only the lengths say where a row ends."""
    h = c = start(x, w_h)
    outputs = []
    for t in range(x.size(1)):
        now = (t < lengths).unsqueeze(-1) & (x[:, t] != 0).any(-1, keepdim=True)
        next_h, next_c = reference.lstm_cell(x[:, t], h, c, w_x, w_h, bias)
        h, c = torch.where(now, next_h, h), torch.where(now, next_c, c)
        outputs.append(next_h.masked_fill(~now, 0.0))
    return torch.stack(outputs, dim=1), (h, c)


@mistake
def encode__squeezed(x, lengths, w_x, w_h, bias):
    """Axes of size 1 are squeezed away, so a batch of one sentence loses its batch axis."""
    outputs, (h, c) = reference.encode(x, lengths, w_x, w_h, bias)
    return outputs.squeeze(), (h.squeeze(), c.squeeze())


@mistake
def encode__needs_contiguous_input(x, lengths, w_x, w_h, bias):
    """`view` is used on the input, which fails for a tensor that is not contiguous in memory."""
    return reference.encode(x.view(-1, x.size(-1)).view(x.shape), lengths, w_x, w_h, bias)


@mistake
def encode__mask_broadcast_over_features(x, lengths, w_x, w_h, bias):
    """The mask over the batch is broadcast over the features. It needs an axis of size 1 at its end."""
    h = c = start(x, w_h)
    outputs = []
    for t in range(x.size(1)):
        now = t < lengths
        now = now if now.size(0) in (1, h.size(1)) else now.unsqueeze(-1)
        next_h, next_c = reference.lstm_cell(x[:, t], h, c, w_x, w_h, bias)
        h, c = torch.where(now, next_h, h), torch.where(now, next_c, c)
        outputs.append(next_h.masked_fill(~now, 0.0))
    return torch.stack(outputs, dim=1), (h, c)


@mistake
def encode__detached_between_tokens(x, lengths, w_x, w_h, bias):
    """The state is detached after every token, so no token learns what it meant for the later ones."""
    cut = lambda x, h, c, *w: reference.lstm_cell(x, h.detach(), c.detach(), *w)  # noqa: E731
    return walk(cut, x, lengths, w_x, w_h, bias)


@mistake
def encode__context_detached(x, lengths, w_x, w_h, bias):
    """The context is cut off from the graph, so a decoder that starts from it cannot train the encoder."""
    outputs, (h, c) = reference.encode(x, lengths, w_x, w_h, bias)
    return outputs, (h.detach(), c.detach())


@mistake
def encode__padding_overwritten(x, lengths, w_x, w_h, bias):
    """The padding of the caller's tensor is overwritten in place."""
    with torch.no_grad():
        x.masked_fill_(~real(x, lengths), 0.0)
    return reference.encode(x, lengths, w_x, w_h, bias)


@mistake
def encode__padding_of_a_single_row_read(x, lengths, w_x, w_h, bias):
    """A batch of one row is read to the end of the tensor. One row may be padded too."""
    lengths = torch.full_like(lengths, x.size(1)) if len(x) == 1 else lengths
    return reference.encode(x, lengths, w_x, w_h, bias)


@mistake
def encode__single_row_without_gradient(x, lengths, w_x, w_h, bias):
    """A batch of one row is cut off from the graph, as if one row were never trained on."""
    return reference.encode(x.detach() if len(x) == 1 else x, lengths, w_x, w_h, bias)


@mistake
def encode__seeds_the_random_state(x, lengths, w_x, w_h, bias):
    """torch's random state is seeded inside, which changes every random number drawn afterwards."""
    torch.manual_seed(0)
    return reference.encode(x, lengths, w_x, w_h, bias)


@mistake
def lstm_cell__forget_gate_first(x, h, c, w_x, w_h, bias):
    """The first two blocks are taken as forget and input. Here the input gate comes first."""
    f, i, g, o = sums(x, h, w_x, w_h, bias)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake
def lstm_cell__candidate_last(x, h, c, w_x, w_h, bias):
    """The last two blocks are taken as output gate and candidate. Here the candidate is third, the output gate last."""
    i, f, o, g = sums(x, h, w_x, w_h, bias)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake
def lstm_cell__candidate_second(x, h, c, w_x, w_h, bias):
    """The blocks are taken in the order of other libraries, with the candidate second. Here it is third."""
    i, g, f, o = sums(x, h, w_x, w_h, bias)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake
def lstm_cell__states_swapped(x, h, c, w_x, w_h, bias):
    """c comes first and h second in what is returned. It should be (h, c)."""
    return reference.lstm_cell(x, h, c, w_x, w_h, bias)[::-1]


@mistake
def lstm_cell__only_h(x, h, c, w_x, w_h, bias):
    """Only h is returned. The next step needs c too."""
    return reference.lstm_cell(x, h, c, w_x, w_h, bias)[0]


@mistake
def lstm_cell__forget_gate_twice(x, h, c, w_x, w_h, bias):
    """The candidate passes the forget gate too. What is new goes through the input gate: f * c + i * g."""
    _, f, g, o = sums(x, h, w_x, w_h, bias)
    c = torch.sigmoid(f) * (c + torch.tanh(g))
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake
def lstm_cell__input_gate_twice(x, h, c, w_x, w_h, bias):
    """The input gate stands at the old c too. What is kept goes through the forget gate: f * c + i * g."""
    i, _, g, o = sums(x, h, w_x, w_h, bias)
    c = torch.sigmoid(i) * (c + torch.tanh(g))
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake
def lstm_cell__gates_tied(x, h, c, w_x, w_h, bias):
    """The input gate is 1 minus the forget gate. Here both have rows of their own."""
    _, f, g, o = sums(x, h, w_x, w_h, bias)
    f = torch.sigmoid(f)
    c = f * c + (1 - f) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake
def lstm_cell__gates_added(x, h, c, w_x, w_h, bias):
    """Input gate and candidate are added. A gate is a factor: i * g."""
    i, f, g, o = sums(x, h, w_x, w_h, bias)
    c = torch.sigmoid(f) * c + (torch.sigmoid(i) + torch.tanh(g))
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake
def lstm_cell__forget_gate_added(x, h, c, w_x, w_h, bias):
    """The forget gate is added to c. A gate is a factor: f * c."""
    i, f, g, o = sums(x, h, w_x, w_h, bias)
    c = (torch.sigmoid(f) + c) + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake
def lstm_cell__output_gate_added(x, h, c, w_x, w_h, bias):
    """The output gate is added to tanh(c). A gate is a factor: o * tanh(c)."""
    _, c_new = reference.lstm_cell(x, h, c, w_x, w_h, bias)
    _, _, _, o = sums(x, h, w_x, w_h, bias)
    return torch.sigmoid(o) + torch.tanh(c_new), c_new


@mistake
def lstm_cell__parts_of_the_cell_multiplied(x, h, c, w_x, w_h, bias):
    """What is kept and what is new are multiplied. They are added: f * c + i * g."""
    i, f, g, o = sums(x, h, w_x, w_h, bias)
    c = (torch.sigmoid(f) * c) * (torch.sigmoid(i) * torch.tanh(g))
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake
def lstm_cell__input_gate_has_the_forget_bias(x, h, c, w_x, w_h, bias):
    """The input gate gets the bias of the forget gate. Each block of rows has its own block of the bias."""
    _, b_f, b_g, b_o = bias.chunk(4)
    return reference.lstm_cell(x, h, c, w_x, w_h, torch.cat([b_f, b_f, b_g, b_o]))


@mistake
def lstm_cell__forget_gate_has_the_input_bias(x, h, c, w_x, w_h, bias):
    """The forget gate gets the bias of the input gate. Each block of rows has its own block of the bias."""
    b_i, _, b_g, b_o = bias.chunk(4)
    return reference.lstm_cell(x, h, c, w_x, w_h, torch.cat([b_i, b_i, b_g, b_o]))


@mistake
def lstm_cell__output_gate_has_the_candidates_bias(x, h, c, w_x, w_h, bias):
    """The output gate gets the bias of the candidate. Each block of rows has its own block of the bias."""
    b_i, b_f, b_g, _ = bias.chunk(4)
    return reference.lstm_cell(x, h, c, w_x, w_h, torch.cat([b_i, b_f, b_g, b_g]))


@mistake
def lstm_cell__candidate_has_the_output_bias(x, h, c, w_x, w_h, bias):
    """The candidate gets the bias of the output gate. Each block of rows has its own block of the bias."""
    b_i, b_f, _, b_o = bias.chunk(4)
    return reference.lstm_cell(x, h, c, w_x, w_h, torch.cat([b_i, b_f, b_o, b_o]))


@mistake
def lstm_cell__sigmoid_of_the_cell(x, h, c, w_x, w_h, bias):
    """h shows the sigmoid of c. It should show its tanh, which may be negative."""
    _, _, _, o = sums(x, h, w_x, w_h, bias)
    _, c = reference.lstm_cell(x, h, c, w_x, w_h, bias)
    return torch.sigmoid(o) * torch.sigmoid(c), c


@mistake
def lstm_cell__sigmoid_twice(x, h, c, w_x, w_h, bias):
    """All four blocks go through a sigmoid at once, and the candidate then through its tanh as well. The candidate's
    sum goes through the tanh alone."""
    i, f, g, o = torch.sigmoid(x @ w_x.T + h @ w_h.T + bias).chunk(4, dim=-1)
    c = f * c + i * torch.tanh(g)
    return o * torch.tanh(c), c


@mistake
def lstm_cell__h_from_the_old_cell(x, h, c, w_x, w_h, bias):
    """h is made from what the cell remembered before this token. It should come from the new c."""
    _, _, _, o = sums(x, h, w_x, w_h, bias)
    return torch.sigmoid(o) * torch.tanh(c), reference.lstm_cell(x, h, c, w_x, w_h, bias)[1]


@mistake
def lstm_cell__h_without_tanh(x, h, c, w_x, w_h, bias):
    """h shows the cell without a tanh, so it is not bounded by one."""
    i, f, g, o = sums(x, h, w_x, w_h, bias)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * c, c


@mistake
def lstm_cell__sigmoid_on_the_candidate(x, h, c, w_x, w_h, bias):
    """The candidate goes through a sigmoid like a gate. With a tanh it can also lower what is remembered."""
    i, f, g, o = sums(x, h, w_x, w_h, bias)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.sigmoid(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake
def lstm_cell__candidate_without_tanh(x, h, c, w_x, w_h, bias):
    """The candidate is used as it is, without its tanh."""
    i, f, g, o = sums(x, h, w_x, w_h, bias)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * g
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake
def lstm_cell__gates_without_sigmoid(x, h, c, w_x, w_h, bias):
    """The gates are used as they come out of the sums. A sigmoid makes each a share between 0 and 1."""
    i, f, g, o = sums(x, h, w_x, w_h, bias)
    c = f * c + i * torch.tanh(g)
    return o * torch.tanh(c), c


@mistake
def lstm_cell__tanh_on_the_gates(x, h, c, w_x, w_h, bias):
    """The gates go through a tanh. A gate is a share between 0 and 1, so it needs a sigmoid."""
    i, f, g, o = sums(x, h, w_x, w_h, bias)
    c = torch.tanh(f) * c + torch.tanh(i) * torch.tanh(g)
    return torch.tanh(o) * torch.tanh(c), c


@mistake
def lstm_cell__no_forget_gate(x, h, c, w_x, w_h, bias):
    """Nothing is ever forgotten: the forget gate is not used."""
    i, _, g, o = sums(x, h, w_x, w_h, bias)
    c = c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake
def lstm_cell__no_input_gate(x, h, c, w_x, w_h, bias):
    """The candidate is added in full: the input gate is not used."""
    _, f, g, o = sums(x, h, w_x, w_h, bias)
    c = torch.sigmoid(f) * c + torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake
def lstm_cell__no_output_gate(x, h, c, w_x, w_h, bias):
    """The output gate is not used: the cell shows everything that it remembers."""
    _, c = reference.lstm_cell(x, h, c, w_x, w_h, bias)
    return torch.tanh(c), c


@mistake
def lstm_cell__forget_bias_of_one(x, h, c, w_x, w_h, bias):
    """One is added to the forget gate's sum. That belongs in the initial bias, if anywhere, not in the step."""
    i, f, g, o = sums(x, h, w_x, w_h, bias)
    c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake
def lstm_cell__no_bias(x, h, c, w_x, w_h, bias):
    """The bias is not added."""
    return reference.lstm_cell(x, h, c, w_x, w_h, torch.zeros_like(bias))


@mistake
def lstm_cell__bias_twice(x, h, c, w_x, w_h, bias):
    """The bias is added twice. nn.LSTMCell has two of them; here there is one."""
    return reference.lstm_cell(x, h, c, w_x, w_h, 2 * bias)


@mistake
def lstm_cell__last_h_ignored(x, h, c, w_x, w_h, bias):
    """The gates look at the token alone. They should see the last h too."""
    return reference.lstm_cell(x, torch.zeros_like(h), c, w_x, w_h, bias)


@mistake
def lstm_cell__gates_see_c(x, h, c, w_x, w_h, bias):
    """The recurrent weights are applied to c. They belong to h."""
    return reference.lstm_cell(x, c, c, w_x, w_h, bias)


@mistake
def lstm_cell__joined_in_the_wrong_order(x, h, c, w_x, w_h, bias):
    """The token and h are joined in one order and their weights in the other, so weights meet the wrong numbers."""
    i, f, g, o = (torch.cat([h, x], dim=-1) @ torch.cat([w_x, w_h], dim=-1).T + bias).chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake
def lstm_cell__gates_interleaved(x, h, c, w_x, w_h, bias):
    """The gates are taken from every fourth row. Each gate is one block of consecutive rows."""
    i, f, g, o = (x @ w_x.T + h @ w_h.T + bias).unflatten(-1, (-1, 4)).unbind(-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake
def lstm_cell__weights_not_transposed(x, h, c, w_x, w_h, bias):
    """The weights are multiplied untransposed. A row belongs to a unit of a gate, so they have to be transposed."""
    i, f, g, o = (x @ w_x + h @ w_h + bias).chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake
def lstm_cell__transposed_by_their_shape(x, h, c, w_x, w_h, bias):
    """The weights are transposed only if the shapes demand it, so a square matrix is used the wrong way round."""
    w_x = w_x if w_x.size(0) == x.size(-1) else w_x.T
    i, f, g, o = (x @ w_x + h @ w_h.T + bias).chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake
def lstm_cell__step_squeezed(x, h, c, w_x, w_h, bias):
    """Axes of size 1 are squeezed away, so a single row or a single unit loses its axis."""
    h, c = reference.lstm_cell(x, h, c, w_x, w_h, bias)
    return h.squeeze(), c.squeeze()


@mistake
def lstm_cell__cell_updated_in_place(x, h, c, w_x, w_h, bias):
    """c is updated in place, so the caller's tensor changes too."""
    h, new = reference.lstm_cell(x, h, c, w_x, w_h, bias)
    c.data.copy_(new)
    return h, new


@mistake
def lstm_cell__memory_detached(x, h, c, w_x, w_h, bias):
    """c is cut off from the graph, so no gradient reaches what was read earlier."""
    return reference.lstm_cell(x, h, c.detach(), w_x, w_h, bias)


@mistake
def lstm_cell__sigmoid_that_overflows(x, h, c, w_x, w_h, bias):
    """The sigmoid is written as 1 / (1 + exp(-z)). If exp overflows, its gradient is NaN, and large padding is
    enough for that."""
    i, f, g, o = sums(x, h, w_x, w_h, bias)
    i, f, o = (1 / (1 + torch.exp(-z)) for z in (i, f, o))
    c = f * c + i * torch.tanh(g)
    return o * torch.tanh(c), c


@mistake
def lstm_cell__returns_float32(x, h, c, w_x, w_h, bias):
    """The states are converted to float32, whatever the dtype of the input."""
    h, c = reference.lstm_cell(x, h, c, w_x, w_h, bias)
    return h.float(), c.float()


@mistake
def lstm_cell__library_call(x, h, c, w_x, w_h, bias):
    """The library's cell does the work that this exercise asks you to do yourself."""
    return torch.lstm_cell(x, (h, c), w_x, w_h, bias, torch.zeros_like(bias))


@device_mistake
def encode__first_state_on_the_cpu(x, lengths, w_x, w_h, bias):
    """The first h and c are made on the default device, the CPU. They must be on the device of x."""
    h = c = torch.zeros(x.size(0), w_h.size(1), dtype=x.dtype)
    outputs = []
    for t in range(x.size(1)):
        now = (t < lengths).unsqueeze(-1)
        next_h, next_c = reference.lstm_cell(x[:, t], h, c, w_x, w_h, bias)
        h, c = torch.where(now, next_h, h), torch.where(now, next_c, c)
        outputs.append(next_h.masked_fill(~now, 0.0))
    return torch.stack(outputs, dim=1), (h, c)


@device_mistake
def encode__outputs_on_the_cpu(x, lengths, w_x, w_h, bias):
    """The outputs are written into a tensor on the default device, so they end up on the CPU wherever x is."""
    outputs, context = reference.encode(x, lengths, w_x, w_h, bias)
    written = torch.zeros(outputs.shape, dtype=x.dtype)
    for t in range(x.size(1)):
        written[:, t] = outputs[:, t]
    return written, context


@device_mistake
def encode__positions_on_the_cpu(x, lengths, w_x, w_h, bias):
    """The positions compared with lengths are made on the default device, but lengths may be on a different one."""
    outputs, context = reference.encode(x, lengths, w_x, w_h, bias)
    padding = torch.arange(x.size(1)) >= lengths.unsqueeze(-1)
    return outputs.masked_fill(padding.unsqueeze(-1), 0.0), context


@mistake
def lstm_cell__cell_clamped(x, h, c, w_x, w_h, bias):
    """The cell is kept between fixed bounds. It may grow as large as its gates let it."""
    i, f, g, o = (x @ w_x.T + h @ w_h.T + bias).chunk(4, dim=-1)
    c = (torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)).clamp(-50, 50)
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake
def encode__detached_every_ten_tokens(x, lengths, w_x, w_h, bias):
    """The state is detached every few tokens, so in a long sequence no gradient reaches the early ones."""
    return detached_every(10, x, lengths, w_x, w_h, bias)


@mistake
def encode__detached_every_few_hundred_tokens(x, lengths, w_x, w_h, bias):
    """The state is detached every few tokens, as truncated back-propagation does. Here gradients flow back through
    the whole sequence, however long it is."""
    return detached_every(256, x, lengths, w_x, w_h, bias)


@mistake
def encode__at_most_1024_tokens(x, lengths, w_x, w_h, bias):
    """What stands after a fixed number of tokens is not read. No length is named as the longest."""
    outputs, state = reference.encode(x[:, :1024], lengths.clamp(max=1024), w_x, w_h, bias)
    rest = x.new_zeros(x.size(0), max(0, x.size(1) - 1024), w_h.size(1))
    return torch.cat([outputs, rest], dim=1), state
