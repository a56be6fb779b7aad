"""A `greedy_decode` that feeds finished rows what the reference does not feed them, which is free."""

GREEDY_DECODE = """

def greedy_decode(step, state, batch_size, bos_id, eos_id, pad_id, max_length):
    tokens, done, written = torch.full((batch_size,), bos_id), torch.zeros(batch_size, dtype=torch.bool), []
    with torch.no_grad():
        for _ in range(max_length):
            logits, state = step(tokens, state)
            best = logits.argmax(-1)
            tokens = {tokens}
            written.append(tokens)
            done = done.to(logits.device) | (best == eos_id)
            if done.all():
                break
    return torch.stack(written, 1)
"""
EOS_DROPPED = "best.masked_fill(done.to(best.device) | (best == eos_id), pad_id)"
"""The row's eos is lost: padding stands where it ended."""
PADDED_WITH_EOS = "best.masked_fill(done.to(best.device), eos_id)"


def greedy_decode(tokens):
    """Source text of one that writes, and then feeds, this."""
    return GREEDY_DECODE.format(tokens=tokens)
