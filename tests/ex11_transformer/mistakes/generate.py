"""Wrong variants of `Transformer.generate` (exercise 11), the likeliest first."""

import torch
from torch import nn

from grader.authoring import device_mistake, mistake
from solutions import ex11_transformer as reference


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
class Transformer__left_in_train_mode(reference.Transformer):
    """generate ends with train(), whatever the mode was before."""

    def generate(self, source, bos_id, eos_id, max_length):
        result = super().generate(source, bos_id, eos_id, max_length)
        self.train()
        return result


@mistake
class Transformer__records_gradients(reference.Transformer):
    """Gradients are recorded while writing: memory is spent on a graph that is never used."""

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
    """The parameters are set to require no gradient, and stay so: nothing can be trained afterwards."""

    def generate(self, source, bos_id, eos_id, max_length):
        self.requires_grad_(False)
        return super().generate(source, bos_id, eos_id, max_length)


@mistake
class Transformer__bos_included(reference.Transformer):
    """The result begins with bos. bos is fed, and is not part of what is written."""

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
    """Writing begins with eos. It should begin with bos."""

    def generate(self, source, bos_id, eos_id, max_length):
        return write(self, source, eos_id, max_length, ending(eos_id, self.pad_id), torch.all)[:, 1:]


@mistake
class Transformer__begins_with_padding(reference.Transformer):
    """Writing begins with padding. It should begin with bos."""

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
class Transformer__eos_ends_nothing(reference.Transformer):
    """Eos is a word like any other here: every row goes on to max_length, and nothing is padding."""

    def generate(self, source, bos_id, eos_id, max_length):
        return write(self, source, bos_id, max_length, lambda words, ended: (words, ended), lambda ended: False)[:, 1:]


@mistake
class Transformer__all_rows_end_together(reference.Transformer):
    """The eos of one row ends nothing: it goes on, and so do all rows. Remember which rows have ended."""

    def generate(self, source, bos_id, eos_id, max_length):
        def tidy(tokens, ended):
            return tokens.masked_fill(ended & False, self.pad_id), tokens == eos_id

        return write(self, source, bos_id, max_length, tidy, torch.all)[:, 1:]


@mistake
class Transformer__never_stops(reference.Transformer):
    """Writing always goes on to max_length, even if every row ended long before."""

    def generate(self, source, bos_id, eos_id, max_length):
        return write(self, source, bos_id, max_length, ending(eos_id, self.pad_id), lambda ended: False)[:, 1:]


@mistake
class Transformer__padded_with_zero(reference.Transformer):
    """Rows are filled up with 0. The padding is `pad_id`, which may be a different token."""

    def generate(self, source, bos_id, eos_id, max_length):
        return write(self, source, bos_id, max_length, ending(eos_id, 0), torch.all)[:, 1:]


@mistake
class Transformer__padded_with_eos(reference.Transformer):
    """Rows are filled up with eos. They should be filled up with padding."""

    def generate(self, source, bos_id, eos_id, max_length):
        return write(self, source, bos_id, max_length, ending(eos_id, eos_id), torch.all)[:, 1:]


@mistake
class Transformer__eos_left_out(reference.Transformer):
    """The eos itself is replaced by padding. A row holds its tokens up to and including its first eos."""

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
    """argmin is used in place of argmax: the least likely word is written."""

    def generate(self, source, bos_id, eos_id, max_length):
        self.output.weight.data.neg_(), self.output.bias.data.neg_()
        try:
            return super().generate(source, bos_id, eos_id, max_length)
        finally:
            self.output.weight.data.neg_(), self.output.bias.data.neg_()


@mistake
class Transformer__sampled(reference.Transformer):
    """Words are drawn at random according to their probabilities. Greedy writing takes the most likely one."""

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
    """The tokens are int32. They should be int64."""

    def generate(self, source, bos_id, eos_id, max_length):
        return super().generate(source, bos_id, eos_id, max_length).int()


@mistake
class Transformer__library_class(reference.Transformer):
    """A Transformer class of the library is used. This exercise connects the parts that you built."""

    def generate(self, source, bos_id, eos_id, max_length):
        nn.TransformerDecoderLayer(4, 1, 4)
        return super().generate(source, bos_id, eos_id, max_length)


@mistake
class Transformer__grad_mode_turned_on(reference.Transformer):
    """Gradients are turned on after writing. They should be left as they were found."""

    def generate(self, source, bos_id, eos_id, max_length):
        tokens = super().generate(source, bos_id, eos_id, max_length)
        torch.set_grad_enabled(True)
        return tokens


@mistake
class Transformer__bos_is_one(reference.Transformer):
    """Every sentence begins with token 1. The caller says which token begins one."""

    def generate(self, source, bos_id, eos_id, max_length):
        return super().generate(source, 1, eos_id, max_length)


@mistake
class Transformer__fifty_more_than_the_source(reference.Transformer):
    """At most 50 tokens more than the source has are written, whatever `max_length` says."""

    def generate(self, source, bos_id, eos_id, max_length):
        return super().generate(source, bos_id, eos_id, min(max_length, source.size(1) + 50))


@mistake
class Transformer__bos_ends_a_row(reference.Transformer):
    """The end is looked for in everything that was fed, bos included: if bos and eos are the same id, nothing
    more is written."""

    def generate(self, source, bos_id, eos_id, max_length):
        return super().generate(source, bos_id, eos_id, 1 if bos_id == eos_id else max_length)


@mistake
class Transformer__source_cut_short(reference.Transformer):
    """Only the first words of a long source are read. There is no largest length."""

    def forward(self, source, decoder_input):
        return super().forward(source[:, :20], decoder_input)

    def generate(self, source, bos_id, eos_id, max_length):
        return super().generate(source[:, :20], bos_id, eos_id, max_length)


@mistake
class Transformer__writing_cut_short(reference.Transformer):
    """Writing ends at a limit of your own, though `max_length` allows more."""

    def generate(self, source, bos_id, eos_id, max_length):
        return super().generate(source, bos_id, eos_id, min(max_length, 20))


@mistake
class Transformer__short_window(reference.Transformer):
    """At each step only the last few tokens are fed. The decoder needs all that has been written so far."""

    def generate(self, source, bos_id, eos_id, max_length):
        return write(self, source, bos_id, max_length, ending(eos_id, self.pad_id), torch.all, window=10)[:, 1:]


@mistake
class Transformer__window_of_64(reference.Transformer):
    """At each step only the last 64 tokens are fed. The decoder needs all that is written so far."""

    def generate(self, source, bos_id, eos_id, max_length):
        return write(self, source, bos_id, max_length, ending(eos_id, self.pad_id), torch.all, window=64)[:, 1:]


@mistake
class Transformer__window_of_1024(reference.Transformer):
    """At each step only the last 1,024 tokens are fed. The decoder needs all that is written so far."""

    def generate(self, source, bos_id, eos_id, max_length):
        return write(self, source, bos_id, max_length, ending(eos_id, self.pad_id), torch.all, window=1024)[:, 1:]


@mistake
class Transformer__at_most_1024_words(reference.Transformer):
    """At most 1,024 words are written, though `max_length` allows more."""

    def generate(self, source, bos_id, eos_id, max_length):
        return super().generate(source, bos_id, eos_id, min(max_length, 1024))


@device_mistake
class Transformer__first_tokens_on_the_cpu(reference.Transformer):
    """The first tokens that the model is fed are on the CPU, where greedy_decode makes bos: take them to its device."""

    def generate(self, source, bos_id, eos_id, max_length):
        begun = torch.full((len(source), 1), bos_id)
        if begun.device == source.device:
            return super().generate(source, bos_id, eos_id, max_length)
        return self.decode(begun, self.encode(source), source)


@device_mistake
class Transformer__words_on_the_cpu(reference.Transformer):
    """generate moves its words to the CPU at the end. They belong on the device of source."""

    def generate(self, source, bos_id, eos_id, max_length):
        return super().generate(source, bos_id, eos_id, max_length).cpu()
