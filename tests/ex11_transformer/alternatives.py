"""Other ways to be right in exercise 11."""

import torch

from grader.authoring import alternative
from solutions import ex11_transformer as reference


@alternative
class Transformer__own_loop(reference.Transformer):
    """A loop of its own with a buffer of max_length columns, prefixes without grad, inference of flags by dict."""

    def generate(self, source, bos_id, eos_id, max_length):
        print("writing", len(source), "rows")
        before = {name: module.training for name, module in self.named_modules()}
        self.eval()
        with torch.no_grad():
            memory = self.encode(source)
            rows = torch.full((len(source), max_length + 1), self.pad_id, device=source.device)
            rows[:, 0] = bos_id
            open_rows = torch.ones(len(source), dtype=torch.bool, device=source.device)
            length = 0
            while length < max_length and open_rows.any():
                best = self.decode(rows[:, : length + 1], memory, source)[:, -1].max(dim=-1).indices
                length += 1
                rows[open_rows, length] = best[open_rows]
                open_rows &= best != eos_id
        for name, module in self.named_modules():
            module.train(before[name]) if not list(module.children()) else setattr(module, "training", before[name])
        return rows[:, 1 : length + 1]


@alternative
class Transformer__rows_one_by_one(reference.Transformer):
    """Each row is written alone, without its padding, and the rows are padded at the end."""

    def generate(self, source, bos_id, eos_id, max_length):
        rows = [
            super(type(self), self).generate(row[row != self.pad_id].unsqueeze(0), bos_id, eos_id, max_length)[0]
            for row in source
        ]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self.pad_id)


@alternative
class Transformer__padding_is_zeroed(reference.Transformer):
    """Memory and logits are set to 0 at padding."""

    def encode(self, source):
        return super().encode(source) * (source != self.pad_id).unsqueeze(-1)

    def decode(self, decoder_input, memory, source):
        logits = super().decode(decoder_input, memory, source)
        return logits.masked_fill((decoder_input == self.pad_id).unsqueeze(-1), 0.0)


@alternative
class Transformer__lengths(reference.Transformer):
    """Lengths are counted, and only the causal mask guards the target: right-padding is always the future."""

    def encode(self, source):
        lengths = (source != self.pad_id).sum(dim=1)
        real = torch.arange(source.size(1), device=source.device) < lengths.unsqueeze(1)
        allowed = real.unsqueeze(1).expand(-1, source.size(1), -1)
        return self.encoder(self.embed(source, self.source_embedding), allowed)

    def decode(self, decoder_input, memory, source):
        past = reference.causal_mask(decoder_input.size(1), device=decoder_input.device)
        lengths = (source != self.pad_id).sum(dim=1)
        real = torch.arange(source.size(1), device=source.device) < lengths.unsqueeze(1)
        x = self.embed(decoder_input, self.target_embedding)
        return self.output(self.decoder(x, memory, past, real.unsqueeze(1)))


@alternative
class Transformer__embeds_by_hand(reference.Transformer):
    """Rows are picked from the weights, and the positions are made one by one."""

    def embed(self, tokens, embedding):
        weight = embedding.weight
        x = weight[tokens] * weight.size(1) ** 0.5
        return self.dropout(torch.stack(list(reference.add_positions(x))))


@alternative
class Transformer__inference_mode(reference.Transformer):
    """inference_mode is a stronger no_grad."""

    def generate(self, source, bos_id, eos_id, max_length):
        with torch.inference_mode():
            return super().generate(source, bos_id, eos_id, max_length)
