"""Other ways to be right in exercise 11."""

import math

import torch

from exercises.ex05_sinusoidal_encoding import sinusoidal_encoding
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


@alternative
class Transformer__mode_of_the_model(reference.Transformer):
    """nanoGPT's loop under no_grad; the model's own mode is kept in a variable and set again."""

    @torch.no_grad()
    def generate(self, source, bos_id, eos_id, max_length):
        was_training = self.training
        self.eval()
        memory = self.encode(source)
        idx = torch.full((source.size(0), 1), bos_id, dtype=torch.long, device=source.device)
        finished = torch.zeros(source.size(0), dtype=torch.bool, device=source.device)
        for _ in range(max_length):
            logits = self.decode(idx, memory, source)
            logits = logits[:, -1, :]
            idx_next = torch.argmax(logits, dim=-1)
            idx_next = torch.where(finished, torch.full_like(idx_next, self.pad_id), idx_next)
            idx = torch.cat((idx, idx_next[:, None]), dim=1)
            finished |= idx_next == eos_id
            if finished.all():
                break
        self.train(was_training)
        return idx[:, 1:]


@alternative
class Transformer__train_if_it_was(reference.Transformer):
    """A buffer filled with padding, a decorator, and train() only where the model was in train mode."""

    @torch.inference_mode()
    def generate(self, source, bos_id, eos_id, max_length):
        training = self.training
        self.eval()
        batch = source.shape[0]
        memory = self.encode(source)
        ys = torch.full((batch, max_length + 1), self.pad_id, dtype=source.dtype, device=source.device)
        ys[:, 0] = bos_id
        done = [False] * batch
        for t in range(max_length):
            prob = self.decode(ys[:, : t + 1], memory, source)[:, t].softmax(-1)
            _, next_word = prob.max(dim=1)
            for b in range(batch):
                if not done[b]:
                    ys[b, t + 1] = next_word[b]
                    done[b] = next_word[b].item() == eos_id
            if all(done):
                break
        if training:
            self.train()
        return ys[:, 1 : t + 2]


@alternative
class Transformer__whole_model_each_step(reference.Transformer):
    """Each step calls the whole model; what is written is a list of columns, stacked at the end."""

    def generate(self, source, bos_id, eos_id, max_length):
        mode = self.training
        self.train(False)
        try:
            with torch.no_grad():
                fed, columns = source.new_full((len(source), 1), bos_id), []
                unfinished = torch.ones(len(source), dtype=torch.long, device=source.device)
                while len(columns) < max_length and unfinished.max() > 0:
                    _, word = self(source, fed)[:, -1].log_softmax(dim=-1).topk(1)
                    word = word.squeeze(1) * unfinished + self.pad_id * (1 - unfinished)
                    columns.append(word)
                    fed = torch.cat([fed, word.unsqueeze(-1)], dim=-1)
                    unfinished = unfinished.mul(word.ne(eos_id).long())
                return torch.stack(columns, dim=1)
        finally:
            self.train(mode)


@alternative
class Transformer__annotated_masks(reference.Transformer):
    """The Annotated Transformer's masks, made by methods of the model."""

    @staticmethod
    def subsequent_mask(size):
        return torch.triu(torch.ones(1, size, size), diagonal=1).type(torch.uint8) == 0

    def make_std_mask(self, tgt):
        tgt_mask = (tgt != self.pad_id).unsqueeze(-2)
        return tgt_mask & self.subsequent_mask(tgt.size(-1)).to(tgt_mask.device)

    def encode(self, source):
        x = self.embed(source, self.source_embedding)
        return self.encoder(x, (source != self.pad_id).unsqueeze(-2))

    def decode(self, decoder_input, memory, source):
        x = self.embed(decoder_input, self.target_embedding)
        x = self.decoder(x, memory, self.make_std_mask(decoder_input), (source != self.pad_id).unsqueeze(-2))
        return self.output(x)


@alternative
class Transformer__masks_written_out(reference.Transformer):
    """Masks of three whole axes, (batch, query, key), made with expand and repeat."""

    def encode(self, source):
        real = source.ne(self.pad_id)
        mask = real.unsqueeze(1).repeat(1, source.size(1), 1)
        return self.encoder(self.embed(source, self.source_embedding), allowed=mask)

    def decode(self, decoder_input, memory, source):
        batch, length = decoder_input.shape
        past = torch.tril(torch.ones((length, length), device=decoder_input.device)).bool()
        past = past.expand(batch, length, length) & decoder_input.ne(self.pad_id)[:, None, :]
        cross = source.ne(self.pad_id)[:, None, :].expand(batch, length, source.size(1))
        x = self.embed(decoder_input, self.target_embedding)
        return self.output(self.decoder(x, memory, target_allowed=past, source_allowed=cross))


@alternative
class Transformer__table_of_positions(reference.Transformer):
    """The table is asked for by length and width, in the dtype and on the device of the words."""

    def embed(self, tokens, embedding):
        x = embedding(tokens)
        x = x * x.size(-1) ** 0.5
        pe = sinusoidal_encoding(tokens.size(1), x.size(-1), device=x.device, dtype=x.dtype)
        return self.dropout(x + pe.unsqueeze(0))


@alternative
class Transformer__table_that_grows(reference.Transformer):
    """A table of positions is kept and made anew where it is too short, of another dtype or elsewhere."""

    def embed(self, tokens, embedding):
        x = embedding(tokens) * math.sqrt(embedding.embedding_dim)
        table = getattr(self, "table", None)
        if table is None or len(table) < x.size(1) or table.dtype != x.dtype or table.device != x.device:
            self.table = table = sinusoidal_encoding(2 * x.size(1), x.size(2), device=x.device, dtype=x.dtype)
        return self.dropout(x + table[: x.size(1)])


@alternative
class Transformer__own_step(reference.Transformer):
    """The parts of decode are called one by one in generate, which has a loop of its own over them."""

    @torch.no_grad()
    def generate(self, source, bos_id, eos_id, max_length):
        was = self.training
        self.eval()
        memory, real = self.encode(source), (source != self.pad_id).unsqueeze(1)
        ys = torch.ones(source.size(0), 1, device=source.device).fill_(bos_id).type_as(source)
        over = torch.zeros_like(ys[:, 0], dtype=torch.bool)
        for _ in range(max_length):
            past = torch.ones(ys.size(1), ys.size(1), dtype=torch.bool, device=source.device).tril()
            out = self.decoder(self.embed(ys, self.target_embedding), memory, past, real)
            next_word = self.output(out[:, -1]).argmax(dim=1).masked_fill(over, self.pad_id)
            ys = torch.cat([ys, next_word.unsqueeze(1)], dim=1)
            over = over | (next_word == eos_id)
            if bool(over.all()):
                break
        self.train(was)
        return ys[:, 1:]
