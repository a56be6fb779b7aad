"""Wrong variants of exercise 11, the likeliest first."""

import math

import torch
from torch import nn

from grader.authoring import device_mistake, mistake
from solutions import ex11_transformer as reference


def scores(model, decoder_input, memory, target_allowed, source_allowed):
    x = model.embed(decoder_input, model.target_embedding)
    return model.output(model.decoder(x, memory, target_allowed, source_allowed))


def masks(model, decoder_input, source):
    """What decode allows on the target's and on the source's side."""
    past = torch.ones(decoder_input.size(1), decoder_input.size(1), dtype=torch.bool, device=source.device).tril()
    return (decoder_input != model.pad_id).unsqueeze(1) & past, (source != model.pad_id).unsqueeze(1)


def write(model, source, bos_id, max_length, tidy, over, window=None, position=-1):
    """The loop of generate. tidy(tokens, ended) is what is kept, over(ended) whether to stop."""
    flags = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            memory = model.encode(source)
            written = torch.full((len(source), 1), bos_id, dtype=torch.int64, device=source.device)
            ended = torch.zeros(len(source), dtype=torch.bool, device=source.device)
            for _ in range(max_length):
                prefix = written if window is None else written[:, -window:]
                tokens = model.decode(prefix, memory, source)[:, position].argmax(-1)
                tokens, ended = tidy(tokens, ended)
                written = torch.cat([written, tokens.unsqueeze(1)], dim=1)
                if over(ended):
                    break
    finally:
        for module, training in flags:
            module.training = training
    return written


def ending(eos_id, pad_id):
    """The right way to keep tokens."""

    def tidy(tokens, ended):
        tokens = tokens.masked_fill(ended, pad_id)
        return tokens, ended | (tokens == eos_id)

    return tidy


@mistake
class Transformer__no_scaling(reference.Transformer):
    """The words' vectors are not multiplied by sqrt(d_model), so the positions drown them."""

    def embed(self, tokens, embedding):
        return self.dropout(reference.add_positions(embedding(tokens)))


@mistake
class Transformer__scale_divided(reference.Transformer):
    """The words' vectors are divided by sqrt(d_model) where they should be multiplied by it."""

    def embed(self, tokens, embedding):
        return self.dropout(reference.add_positions(embedding(tokens) / math.sqrt(embedding.embedding_dim)))


@mistake
class Transformer__scaled_by_d_model(reference.Transformer):
    """The words' vectors are multiplied by d_model itself, not by its square root."""

    def embed(self, tokens, embedding):
        return self.dropout(reference.add_positions(embedding(tokens) * embedding.embedding_dim))


@mistake
class Transformer__no_positions(reference.Transformer):
    """No positions are added, so the model cannot know the order of the words."""

    def embed(self, tokens, embedding):
        return self.dropout(embedding(tokens) * math.sqrt(embedding.embedding_dim))


@mistake
class Transformer__positions_scaled_too(reference.Transformer):
    """The positions are added before the scaling, so they are scaled too."""

    def embed(self, tokens, embedding):
        return self.dropout(reference.add_positions(embedding(tokens)) * math.sqrt(embedding.embedding_dim))


@mistake
class Transformer__positions_along_the_batch(reference.Transformer):
    """The positions run along the batch: every sentence gets one, and its words share it."""

    def embed(self, tokens, embedding):
        x = embedding(tokens) * math.sqrt(embedding.embedding_dim)
        return self.dropout(reference.add_positions(x.transpose(0, 1)).transpose(0, 1))


@mistake
class Transformer__no_dropout(reference.Transformer):
    """What is embedded does not go through dropout."""

    def embed(self, tokens, embedding):
        return reference.add_positions(embedding(tokens) * math.sqrt(embedding.embedding_dim))


@mistake
class Transformer__dropout_before_positions(reference.Transformer):
    """Dropout comes before the positions are added. It belongs on the sum."""

    def embed(self, tokens, embedding):
        return reference.add_positions(self.dropout(embedding(tokens) * math.sqrt(embedding.embedding_dim)))


@mistake
class Transformer__always_the_source_embedding(reference.Transformer):
    """The argument `embedding` is not used: the source's table is looked up for both languages."""

    def embed(self, tokens, embedding):
        return super().embed(tokens, self.source_embedding)


@mistake
class Transformer__dropped_twice(reference.Transformer):
    """What is embedded goes through dropout twice, so far more is lost than was asked for."""

    def embed(self, tokens, embedding):
        return self.dropout(super().embed(tokens, embedding))


@mistake
class Transformer__returns_float32(reference.Transformer):
    """What is embedded is float32, whatever dtype the weights have."""

    def embed(self, tokens, embedding):
        return super().embed(tokens, embedding).float()


@mistake
class Transformer__source_unmasked(reference.Transformer):
    """The encoder gets no mask, so words attend to padding."""

    def encode(self, source):
        return self.encoder(self.embed(source, self.source_embedding))


@mistake
class Transformer__source_mask_inverted(reference.Transformer):
    """The encoder's mask is upside down: only padding may be attended to."""

    def encode(self, source):
        return self.encoder(self.embed(source, self.source_embedding), (source == self.pad_id).unsqueeze(1))


@mistake
class Transformer__padding_is_always_zero(reference.Transformer):
    """Token 0 is taken for padding. The padding is `pad_id`, which may be another token."""

    def encode(self, source):
        return self.encoder(self.embed(source, self.source_embedding), (source != 0).unsqueeze(1))


@mistake
class Transformer__causal(reference.Transformer):
    """The encoder is causal. The whole source is there from the beginning, and every word may see all of it."""

    def encode(self, source):
        past = torch.ones(source.size(1), source.size(1), dtype=torch.bool, device=source.device).tril()
        return self.encoder(self.embed(source, self.source_embedding), (source != self.pad_id).unsqueeze(1) & past)


@mistake
class Transformer__mask_on_the_queries(reference.Transformer):
    """The mask is laid on the rows: padding asks nothing, but words still attend to padding."""

    def encode(self, source):
        return self.encoder(self.embed(source, self.source_embedding), (source != self.pad_id).unsqueeze(2))


@mistake
class Transformer__source_read_with_the_target_table(reference.Transformer):
    """The source is looked up in the target's embedding."""

    def encode(self, source):
        return self.encoder(self.embed(source, self.target_embedding), (source != self.pad_id).unsqueeze(1))


@mistake
class Transformer__memory_not_finite(reference.Transformer):
    """Padding is marked with infinity in the memory. There it may be anything, but it has to be finite."""

    def encode(self, source):
        return super().encode(source).masked_fill((source == self.pad_id).unsqueeze(-1), float("inf"))


@mistake
class Transformer__not_causal(reference.Transformer):
    """The decoder has no causal mask, so every position sees the words that it should predict."""

    def decode(self, decoder_input, memory, source):
        _, source_allowed = masks(self, decoder_input, source)
        return scores(self, decoder_input, memory, (decoder_input != self.pad_id).unsqueeze(1), source_allowed)


@mistake
class Transformer__strictly_causal(reference.Transformer):
    """A position does not see itself, only what came before: the diagonal is missing."""

    def decode(self, decoder_input, memory, source):
        target_allowed, source_allowed = masks(self, decoder_input, source)
        itself = torch.eye(decoder_input.size(1), dtype=torch.bool, device=source.device)
        return scores(self, decoder_input, memory, target_allowed & ~itself, source_allowed)


@mistake
class Transformer__causal_backwards(reference.Transformer):
    """The causal mask is upside down: a position sees what comes after it and not what came before."""

    def decode(self, decoder_input, memory, source):
        _, source_allowed = masks(self, decoder_input, source)
        length = decoder_input.size(1)
        future = torch.ones(length, length, dtype=torch.bool, device=source.device).triu()
        return scores(self, decoder_input, memory, future, source_allowed)


@mistake
class Transformer__cross_attention_unmasked(reference.Transformer):
    """Cross-attention gets no mask, so the decoder reads the source's padding."""

    def decode(self, decoder_input, memory, source):
        return scores(self, decoder_input, memory, masks(self, decoder_input, source)[0], None)


@mistake
class Transformer__padding_is_zero_in_decode(reference.Transformer):
    """In decode, token 0 is taken for padding. The padding is `pad_id`, which may be another token."""

    def decode(self, decoder_input, memory, source):
        past = torch.ones(decoder_input.size(1), decoder_input.size(1), dtype=torch.bool, device=source.device).tril()
        return scores(self, decoder_input, memory, (decoder_input != 0).unsqueeze(1) & past, (source != 0).unsqueeze(1))


@mistake
class Transformer__masks_swapped(reference.Transformer):
    """The masks of the target and of the source are given in each other's place."""

    def decode(self, decoder_input, memory, source):
        target_allowed, source_allowed = masks(self, decoder_input, source)
        return scores(self, decoder_input, memory, source_allowed, target_allowed)


@mistake
class Transformer__memory_made_again(reference.Transformer):
    """decode makes its own memory from the source and ignores the one that it is given."""

    def decode(self, decoder_input, memory, source):
        return super().decode(decoder_input, self.encode(source), source)


@mistake
class Transformer__target_read_with_the_source_table(reference.Transformer):
    """The target is looked up in the source's embedding."""

    def decode(self, decoder_input, memory, source):
        target_allowed, source_allowed = masks(self, decoder_input, source)
        x = self.embed(decoder_input % self.source_embedding.num_embeddings, self.source_embedding)
        return self.output(self.decoder(x, memory, target_allowed, source_allowed))


@mistake
class Transformer__returns_probabilities(reference.Transformer):
    """A softmax has been applied. Logits were asked for: the loss applies its own."""

    def decode(self, decoder_input, memory, source):
        return super().decode(decoder_input, memory, source).softmax(-1)


@mistake
class Transformer__returns_log_probabilities(reference.Transformer):
    """A log-softmax has been applied. Logits were asked for: the loss applies its own."""

    def decode(self, decoder_input, memory, source):
        return super().decode(decoder_input, memory, source).log_softmax(-1)


@mistake
class Transformer__no_output_layer(reference.Transformer):
    """The last linear map is missing: decode returns vectors and not scores of words."""

    def decode(self, decoder_input, memory, source):
        target_allowed, source_allowed = masks(self, decoder_input, source)
        return self.decoder(self.embed(decoder_input, self.target_embedding), memory, target_allowed, source_allowed)


@mistake
class Transformer__only_the_last_position(reference.Transformer):
    """Only the scores after the last position are returned. Training needs them at every position."""

    def decode(self, decoder_input, memory, source):
        return super().decode(decoder_input, memory, source)[:, -1:]


@mistake
class Transformer__encoder_without_gradient(reference.Transformer):
    """The encoder runs without recording gradients, so it never learns."""

    def forward(self, source, decoder_input):
        with torch.no_grad():
            memory = self.encode(source)
        return self.decode(decoder_input, memory, source)


@mistake
class Transformer__memory_detached(reference.Transformer):
    """The memory is cut off from the graph, so the encoder learns nothing."""

    def decode(self, decoder_input, memory, source):
        return super().decode(decoder_input, memory.detach(), source)


@mistake
class Transformer__sides_swapped(reference.Transformer):
    """Source and target are given to encode and decode in each other's place."""

    def forward(self, source, decoder_input):
        size = self.source_embedding.num_embeddings
        return self.decode(source, self.encode(decoder_input % size), decoder_input)


@mistake
class Transformer__in_train_mode(reference.Transformer):
    """generate does not switch to eval mode, so dropout goes on while it writes."""

    def generate(self, source, bos_id, eos_id, max_length):
        self.eval = lambda: self
        try:
            return super().generate(source, bos_id, eos_id, max_length)
        finally:
            del self.eval


@mistake
class Transformer__left_in_eval_mode(reference.Transformer):
    """generate switches to eval mode and leaves it on, so training goes on without dropout."""

    def generate(self, source, bos_id, eos_id, max_length):
        result = super().generate(source, bos_id, eos_id, max_length)
        self.eval()
        return result


@mistake
class Transformer__one_flag_for_all(reference.Transformer):
    """The model's own training flag is given to every part afterwards. A part may have had another one."""

    def generate(self, source, bos_id, eos_id, max_length):
        result = super().generate(source, bos_id, eos_id, max_length)
        self.train(self.training)
        return result


@mistake
class Transformer__left_in_train_mode(reference.Transformer):
    """generate ends with train(), whatever the mode was before."""

    def generate(self, source, bos_id, eos_id, max_length):
        result = super().generate(source, bos_id, eos_id, max_length)
        self.train()
        return result


@mistake
class Transformer__records_gradients(reference.Transformer):
    """Gradients are recorded while writing: memory is spent on a graph that nobody needs."""

    def generate(self, source, bos_id, eos_id, max_length):
        result = super().generate(source, bos_id, eos_id, max_length)
        with torch.enable_grad():
            self.encode(source)
        return result


@mistake
class Transformer__grad_mode_left_off(reference.Transformer):
    """Grad mode is switched off for good, so nothing can be trained afterwards."""

    def generate(self, source, bos_id, eos_id, max_length):
        result = super().generate(source, bos_id, eos_id, max_length)
        torch.set_grad_enabled(False)
        return result


@mistake
class Transformer__parameters_frozen(reference.Transformer):
    """The parameters are told to need no gradient, and stay so: nothing can be trained afterwards."""

    def generate(self, source, bos_id, eos_id, max_length):
        self.requires_grad_(False)
        return super().generate(source, bos_id, eos_id, max_length)


@mistake
class Transformer__bos_included(reference.Transformer):
    """The result begins with bos. bos is fed, and is no part of what is written."""

    def generate(self, source, bos_id, eos_id, max_length):
        return write(self, source, bos_id, max_length, ending(eos_id, self.pad_id), torch.all)


@mistake
class Transformer__only_the_last_token_is_fed(reference.Transformer):
    """Each step is fed the last token alone, so what was written before it is forgotten, and its position too."""

    def generate(self, source, bos_id, eos_id, max_length):
        return write(self, source, bos_id, max_length, ending(eos_id, self.pad_id), torch.all, window=1)[:, 1:]


@mistake
class Transformer__scores_of_the_first_position(reference.Transformer):
    """Each step takes the scores of the first position. The next word is scored at the last one."""

    def generate(self, source, bos_id, eos_id, max_length):
        return write(self, source, bos_id, max_length, ending(eos_id, self.pad_id), torch.all, position=0)[:, 1:]


@mistake
class Transformer__begins_with_eos(reference.Transformer):
    """Writing begins with eos where it should begin with bos."""

    def generate(self, source, bos_id, eos_id, max_length):
        return write(self, source, eos_id, max_length, ending(eos_id, self.pad_id), torch.all)[:, 1:]


@mistake
class Transformer__begins_with_padding(reference.Transformer):
    """Writing begins with padding where it should begin with bos."""

    def generate(self, source, bos_id, eos_id, max_length):
        return write(self, source, self.pad_id, max_length, ending(eos_id, self.pad_id), torch.all)[:, 1:]


@mistake
class Transformer__first_row_ends_all(reference.Transformer):
    """Writing stops as soon as one row has ended. Rows end on their own, and writing stops with the last."""

    def generate(self, source, bos_id, eos_id, max_length):
        return write(self, source, bos_id, max_length, ending(eos_id, self.pad_id), torch.any)[:, 1:]


@mistake
class Transformer__goes_on_after_eos(reference.Transformer):
    """A row goes on after its eos. It should hold padding from there on."""

    def generate(self, source, bos_id, eos_id, max_length):
        def tidy(tokens, ended):
            return tokens, ended | (tokens == eos_id)

        return write(self, source, bos_id, max_length, tidy, torch.all)[:, 1:]


@mistake
class Transformer__all_rows_end_together(reference.Transformer):
    """The eos of one row ends nothing: it goes on, and so do all rows. Remember which rows have ended."""

    def generate(self, source, bos_id, eos_id, max_length):
        def tidy(tokens, ended):
            return tokens.masked_fill(ended & False, self.pad_id), tokens == eos_id

        return write(self, source, bos_id, max_length, tidy, torch.all)[:, 1:]


@mistake
class Transformer__never_stops(reference.Transformer):
    """Writing always goes on to max_length, though every row may have ended long before."""

    def generate(self, source, bos_id, eos_id, max_length):
        return write(self, source, bos_id, max_length, ending(eos_id, self.pad_id), lambda ended: False)[:, 1:]


@mistake
class Transformer__padded_with_zero(reference.Transformer):
    """Rows are filled up with 0. The padding is `pad_id`, which may be another token."""

    def generate(self, source, bos_id, eos_id, max_length):
        return write(self, source, bos_id, max_length, ending(eos_id, 0), torch.all)[:, 1:]


@mistake
class Transformer__padded_with_eos(reference.Transformer):
    """Rows are filled up with eos, where padding was asked for."""

    def generate(self, source, bos_id, eos_id, max_length):
        return write(self, source, bos_id, max_length, ending(eos_id, eos_id), torch.all)[:, 1:]


@mistake
class Transformer__eos_left_out(reference.Transformer):
    """The eos itself is replaced by padding. A row holds its tokens up to its first eos and including it."""

    def generate(self, source, bos_id, eos_id, max_length):
        result = super().generate(source, bos_id, eos_id, max_length)
        return result.masked_fill(result == eos_id, self.pad_id)


@mistake
class Transformer__one_step_too_many(reference.Transformer):
    """One step more than max_length is made."""

    def generate(self, source, bos_id, eos_id, max_length):
        return super().generate(source, bos_id, eos_id, max_length + 1)


@mistake
class Transformer__one_step_too_few(reference.Transformer):
    """max_length counts bos here, so a sentence is one word shorter than allowed."""

    def generate(self, source, bos_id, eos_id, max_length):
        return super().generate(source, bos_id, eos_id, max(1, max_length - 1))


@mistake
class Transformer__least_likely(reference.Transformer):
    """argmin is taken for argmax: the least likely word is written."""

    def generate(self, source, bos_id, eos_id, max_length):
        self.output.weight.data.neg_(), self.output.bias.data.neg_()
        try:
            return super().generate(source, bos_id, eos_id, max_length)
        finally:
            self.output.weight.data.neg_(), self.output.bias.data.neg_()


@mistake
class Transformer__sampled(reference.Transformer):
    """Words are drawn at random by their probabilities. Greedy writing takes the most likely one."""

    def generate(self, source, bos_id, eos_id, max_length):
        def step(tokens, prefix):
            prefix = torch.cat([prefix, tokens.to(prefix.device).unsqueeze(1)], dim=1)
            logits = self.decode(prefix, memory, source)[:, -1]
            return logits - torch.empty_like(logits).exponential_().log(), prefix

        flags = [(module, module.training) for module in self.modules()]
        self.eval()
        with torch.no_grad():
            memory = self.encode(source)
            result = reference.greedy_decode(step, source[:, :0], len(source), bos_id, eos_id, self.pad_id, max_length)
        for module, training in flags:
            module.training = training
        return result


@mistake
class Transformer__as_int32(reference.Transformer):
    """The tokens are int32, and int64 was asked for."""

    def generate(self, source, bos_id, eos_id, max_length):
        return super().generate(source, bos_id, eos_id, max_length).int()


@mistake
class Transformer__library_class(reference.Transformer):
    """A Transformer class of the library is used. This exercise connects the parts that you built."""

    def generate(self, source, bos_id, eos_id, max_length):
        nn.TransformerDecoderLayer(4, 1, 4)
        return super().generate(source, bos_id, eos_id, max_length)


@mistake
class Transformer__memory_dropped(reference.Transformer):
    """Dropout falls on the memory as well, although the encoder's layers have dropped what they add."""

    def encode(self, source):
        return self.dropout(super().encode(source))


@mistake
class Transformer__dropped_again_in_encode(reference.Transformer):
    """What is embedded is dropped once more before the encoder, so too little of the source is left."""

    def encode(self, source):
        allowed = (source != self.pad_id).unsqueeze(1)
        return self.encoder(self.dropout(self.embed(source, self.source_embedding)), allowed)


@mistake
class Transformer__forward_ends_in_train_mode(reference.Transformer):
    """forward leaves the model in train mode, whatever its mode was, so the next call drops features."""

    def forward(self, source, decoder_input):
        logits = super().forward(source, decoder_input)
        self.train()
        return logits


@mistake
class Transformer__grad_mode_turned_on(reference.Transformer):
    """Gradients are turned on after writing, where they should be left as they were found."""

    def generate(self, source, bos_id, eos_id, max_length):
        tokens = super().generate(source, bos_id, eos_id, max_length)
        torch.set_grad_enabled(True)
        return tokens


@mistake
class Transformer__bos_is_one(reference.Transformer):
    """Every sentence begins with token 1. Which token begins one is for the caller to say."""

    def generate(self, source, bos_id, eos_id, max_length):
        return super().generate(source, 1, eos_id, max_length)


@mistake
class Transformer__fifty_more_than_the_source(reference.Transformer):
    """At most 50 tokens more than the source has are written, whatever `max_length` says."""

    def generate(self, source, bos_id, eos_id, max_length):
        return super().generate(source, bos_id, eos_id, min(max_length, source.size(1) + 50))


@mistake
class Transformer__bos_ends_a_row(reference.Transformer):
    """The end is looked for in all that was fed, bos included: where one id is both, nothing more is written."""

    def generate(self, source, bos_id, eos_id, max_length):
        return super().generate(source, bos_id, eos_id, 1 if bos_id == eos_id else max_length)


@mistake
class Transformer__table_of_512(reference.Transformer):
    """Positions come from a table of 512 rows, and a longer sentence has more. A model has no longest sentence."""

    def embed(self, tokens, embedding):
        x = embedding(tokens) * math.sqrt(embedding.embedding_dim)
        table = reference.add_positions(x.new_zeros(1, 512, embedding.embedding_dim))
        return self.dropout(x + table[:, : tokens.size(1)])


@mistake
class Transformer__table_of_the_first_dtype(reference.Transformer):
    """The table of positions is kept as it was made at first, and the weights have another dtype now."""

    table = None

    def embed(self, tokens, embedding):
        x = embedding(tokens) * math.sqrt(embedding.embedding_dim)
        length = tokens.size(1)
        if self.table is None or self.table.size(1) < length or self.table.device != x.device:
            self.table = reference.add_positions(torch.zeros_like(x[:1]))
        return self.dropout(x + self.table[:, :length])


@device_mistake
class Transformer__future_on_the_cpu(reference.Transformer):
    """The causal mask is made on the default device, the CPU. It has to be where the tokens are."""

    def decode(self, decoder_input, memory, source):
        past = torch.ones(decoder_input.size(1), decoder_input.size(1), dtype=torch.bool).tril()
        target_allowed = (decoder_input != self.pad_id).unsqueeze(1) & past
        return scores(self, decoder_input, memory, target_allowed, (source != self.pad_id).unsqueeze(1))


@device_mistake
class Transformer__table_as_an_attribute(reference.Transformer):
    """The table of positions is a plain attribute: `.to()` moves parameters and buffers, and leaves it on the CPU."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        width = self.source_embedding.embedding_dim
        self.table = reference.add_positions(torch.zeros(1, 5000, width, dtype=torch.float64))[0]

    def embed(self, tokens, embedding):
        x = embedding(tokens) * math.sqrt(embedding.embedding_dim)
        return self.dropout(x + self.table[: tokens.size(1)].to(x.dtype))


@device_mistake
class Transformer__first_tokens_on_the_cpu(reference.Transformer):
    """generate begins with a column of bos on the default device, which the model on a GPU cannot look up."""

    def generate(self, source, bos_id, eos_id, max_length):
        begun = torch.full((len(source), 1), bos_id)
        if begun.device == source.device:
            return super().generate(source, bos_id, eos_id, max_length)
        return self.decode(begun, self.encode(source), source)


@device_mistake
class Transformer__words_on_the_cpu(reference.Transformer):
    """generate brings its words to the CPU at the end. They belong where source is."""

    def generate(self, source, bos_id, eos_id, max_length):
        return super().generate(source, bos_id, eos_id, max_length).cpu()


@mistake
class Transformer__source_cut_short(reference.Transformer):
    """Of a long source only the first words are read. A model has no longest sentence."""

    def forward(self, source, decoder_input):
        return super().forward(source[:, :20], decoder_input)

    def generate(self, source, bos_id, eos_id, max_length):
        return super().generate(source[:, :20], bos_id, eos_id, max_length)


@mistake
class Transformer__writing_cut_short(reference.Transformer):
    """Writing ends after a number of steps of your own, though `max_length` allows more."""

    def generate(self, source, bos_id, eos_id, max_length):
        return super().generate(source, bos_id, eos_id, min(max_length, 20))


@mistake
class Transformer__short_window(reference.Transformer):
    """At each step only the last few tokens are fed. The decoder needs all that is written so far."""

    def generate(self, source, bos_id, eos_id, max_length):
        return write(self, source, bos_id, max_length, ending(eos_id, self.pad_id), torch.all, window=10)[:, 1:]


@mistake
class Transformer__target_cut_short(reference.Transformer):
    """Of a long target only the first positions are read or get their place in the sentence."""

    def embed(self, tokens, embedding):
        x = embedding(tokens) * math.sqrt(embedding.embedding_dim)
        return self.dropout(torch.cat([reference.add_positions(x[:, :20]), x[:, 20:]], dim=1))
