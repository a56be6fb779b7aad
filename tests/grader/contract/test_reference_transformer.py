"""The solutions of exercises 9 to 11 against torch's own Transformer layers with the same weights."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from solutions import ex09_encoder_layer as encoder
from solutions import ex10_decoder_layer as decoder
from solutions import ex11_transformer as transformer
from tests.grader.support.references import close, randn

D_MODEL, HEADS, D_FF = 6, 3, 7
BOS, EOS, PAD = 1, 2, 0


def wild(module: nn.Module, scale: float = 1.0) -> nn.Module:
    """Gives every parameter random values, biases and norms too: an initial 0 or 1 hides mistakes."""
    for seed, parameter in enumerate(module.parameters()):
        parameter.data = scale * randn(*parameter.shape, seed=seed)
    return module


def torch_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Renames one layer's weights, or a whole stack's, to what torch's Transformer layers call them."""
    renamed: dict[str, Tensor] = {}
    for name, value in state.items():
        name = name.replace("self_attention", "self_attn").replace("cross_attention", "multihead_attn")
        name = name.replace("feed_forward.linear_in", "linear1").replace("feed_forward.linear_out", "linear2")
        name = name.replace("norm_", "norm")
        if (part := name.rsplit(".", 2))[-2] in ("q_proj", "k_proj", "v_proj"):
            name = f"{part[0]}.in_proj_{part[2]}"  # q, k and v come in this order and are stacked in it
            value = torch.cat([renamed[name], value]) if name in renamed else value
        renamed[name] = value
    return renamed


def same_gradients(actual: Tensor, expected: Tensor, inputs: list[Tensor]) -> None:
    probe = randn(*actual.shape, seed=12)
    wanted = torch.autograd.grad(expected, inputs, probe)
    for gradient, want in zip(torch.autograd.grad(actual, inputs, probe), wanted, strict=True):
        close(gradient, want)


@pytest.mark.parametrize(("shape", "eps"), [((2, 5, 7), 1e-5), ((3, 2), 0.5), ((1, 1, 1), 1e-5)])
def test_layer_norm_is_torchs(shape: tuple[int, ...], eps: float) -> None:
    actual, expected = (wild(cls(shape[-1], eps=eps)) for cls in (encoder.LayerNorm, nn.LayerNorm))
    for scale in (1.0, 1e-3, 0.0):
        x = (randn(*shape) * scale).requires_grad_()
        close(actual(x), expected(x))
        same_gradients(actual(x), expected(x), [x])


def test_feed_forward_is_linear_relu_linear() -> None:
    module, x = wild(encoder.FeedForward(D_MODEL, D_FF)), randn(2, 3, D_MODEL)
    w_in, b_in, w_out, b_out = (parameter.detach().numpy() for parameter in module.parameters())
    close(module(x), np.maximum(x.numpy() @ w_in.T + b_in, 0) @ w_out.T + b_out)


ENCODER_MASKS = {
    "none": None,
    "causal": torch.ones(5, 5, dtype=torch.bool).tril(),
    "padding": torch.tensor([[[True] * 5], [[True, True, False, False, False]]]),
}


@pytest.mark.parametrize("allowed", ENCODER_MASKS.values(), ids=ENCODER_MASKS.keys())
@pytest.mark.parametrize("num_layers", [1, 3])
def test_encoder_is_torchs_post_norm_encoder(num_layers: int, allowed: Tensor | None) -> None:
    module = wild(encoder.Encoder(num_layers, D_MODEL, HEADS, D_FF))
    assert len(module.layers) == num_layers
    layer = nn.TransformerEncoderLayer(D_MODEL, HEADS, D_FF, dropout=0.0, batch_first=True)
    oracle = nn.TransformerEncoder(layer, num_layers, enable_nested_tensor=False).double()
    oracle.load_state_dict(torch_names(module.state_dict()))
    x = randn(5, 2, D_MODEL).transpose(0, 1).requires_grad_()
    forbidden = None if allowed is None else ~allowed.expand(2, 5, 5).repeat_interleave(HEADS, dim=0)
    expected = oracle(x, mask=forbidden)
    close(module(x, allowed), expected)
    same_gradients(module(x, allowed), expected, [x])
    close(module.layers[0](x, allowed), oracle.layers[0](x, src_mask=forbidden))


@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("masked", [True, False])
def test_decoder_is_torchs_post_norm_decoder(num_layers: int, masked: bool) -> None:
    module = wild(decoder.Decoder(num_layers, D_MODEL, HEADS, D_FF))
    assert len(module.layers) == num_layers
    layer = nn.TransformerDecoderLayer(D_MODEL, HEADS, D_FF, dropout=0.0, batch_first=True)
    oracle = nn.TransformerDecoder(layer, num_layers).double()
    oracle.load_state_dict(torch_names(module.state_dict()))
    x, memory = randn(2, 4, D_MODEL).requires_grad_(), randn(2, 5, D_MODEL, seed=1).requires_grad_()
    past = torch.ones(4, 4, dtype=torch.bool).tril()
    real = torch.tensor([[True] * 5, [True, True] + [False] * 3])
    masks = {"tgt_mask": ~past, "memory_key_padding_mask": ~real} if masked else {}
    expected = oracle(x, memory, **masks)
    actual = module(x, memory, past, real.unsqueeze(1)) if masked else module(x, memory)
    close(actual, expected)
    same_gradients(actual, expected, [x, memory])


@pytest.mark.parametrize("stack", [encoder.Encoder, decoder.Decoder])
def test_layers_of_a_stack_share_nothing(stack: type[nn.Module]) -> None:
    one, three = (sum(p.numel() for p in stack(n, D_MODEL, HEADS, D_FF).parameters()) for n in (1, 3))
    assert three == 3 * one > 0


def test_dropout_of_everything_leaves_the_residuals() -> None:
    x, memory = randn(2, 4, D_MODEL), randn(2, 5, D_MODEL)
    stacks = (encoder.Encoder, decoder.Decoder)
    enc, dec = (wild(stack(1, D_MODEL, HEADS, D_FF, dropout=1.0)).layers[0] for stack in stacks)
    close(enc(x), enc.norm_2(enc.norm_1(x)))
    close(dec(x, memory), dec.norm_3(dec.norm_2(dec.norm_1(x))))
    close(enc.feed_forward(x), enc.feed_forward.linear_out.bias.expand(2, 4, D_MODEL))
    model = transformer.Transformer(5, 5, D_MODEL, HEADS, D_FF, 1, dropout=1.0)
    assert not model.embed(torch.tensor([[3, 4]]), model.source_embedding).any()
    assert not torch.equal(enc.eval()(x), enc.norm_2(enc.norm_1(x)))


def small_transformer(dropout: float = 0.0, scale: float = 1.0) -> transformer.Transformer:
    return wild(transformer.Transformer(11, 9, D_MODEL, HEADS, D_FF, 2, dropout=dropout, pad_id=PAD), scale)


def wandering_transformer() -> transformer.Transformer:
    """A model that writes 4 7 3 8 5 6 EOS but hesitates, in each row elsewhere, so rows end at other steps.

    With arbitrary weights every row would repeat one token for ever, whatever `generate` does.
    """
    model = small_transformer(dropout=0.5, scale=0.2)
    for name, parameter in model.named_parameters():
        if "norm" in name:
            parameter.data.fill_(1.0 if name.endswith("weight") else 0.0)
    words, chain = F.layer_norm(randn(9, D_MODEL, seed=2), (D_MODEL,)), [BOS, 4, 7, 3, 8, 5, 6, EOS]
    model.target_embedding.weight.data = words
    model.output.weight.data.zero_()[chain[1:]] = words[chain[:-1]]  # each word asks for the next
    model.output.bias.data = torch.tensor([-1e3] + [0.0] * 8, dtype=torch.float64)  # padding is never written
    return model


def torchs_logits(model: transformer.Transformer, source: Tensor, decoder_input: Tensor) -> Tensor:
    """The same model out of torch's stacks, one row at a time and without its padding."""
    layers = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
    enc_layer, dec_layer = (layer(D_MODEL, HEADS, D_FF, dropout=0.0, batch_first=True) for layer in layers)
    enc = nn.TransformerEncoder(enc_layer, 2, enable_nested_tensor=False).double()
    dec = nn.TransformerDecoder(dec_layer, 2).double()
    enc.load_state_dict(torch_names(model.encoder.state_dict()))
    dec.load_state_dict(torch_names(model.decoder.state_dict()))

    def embed(tokens: Tensor, weight: Tensor) -> Tensor:
        positions, columns = np.arange(len(tokens))[:, None], np.arange(D_MODEL)
        angles = positions / 10000 ** ((columns - columns % 2) / D_MODEL)
        waves = torch.tensor(np.where(columns % 2, np.cos(angles), np.sin(angles)))
        return (weight[tokens] * D_MODEL**0.5 + waves).unsqueeze(0)

    memory = enc(embed(source[source != PAD], model.source_embedding.weight))
    length = len(decoder_input)
    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    return model.output(dec(embed(decoder_input, model.target_embedding.weight), memory, tgt_mask=future))[0]


SOURCE = torch.tensor([[3, 10, 4, 7, 5], [9, 6, PAD, PAD, PAD], [8, PAD, PAD, PAD, PAD]])
TARGET = torch.tensor([[BOS, 4, 8, 3], [BOS, 5, PAD, PAD], [BOS, 7, 6, PAD]])


def test_transformer_is_torchs_on_each_row_without_its_padding() -> None:
    model = small_transformer()
    logits = model(SOURCE, TARGET)
    assert logits.shape == (3, 4, 9)
    assert logits.isfinite().all()
    for row in range(3):
        real = TARGET[row][TARGET[row] != PAD]
        close(logits[row, : len(real)], torchs_logits(model, SOURCE[row], real))
    close(model.decode(TARGET, model.encode(SOURCE), SOURCE), logits)


def test_padding_and_future_change_nothing_before_them() -> None:
    model = small_transformer()
    holes = torch.tensor([[BOS, PAD, 8, 3]])  # padding inside is not attended to either
    model.target_embedding.weight.data[PAD] = 1.0
    before = model(SOURCE[:1], holes)
    model.target_embedding.weight.data[PAD] = 1e4
    close(model(SOURCE[:1], holes)[:, [0, 2, 3]], before[:, [0, 2, 3]])
    changed = torch.tensor([[BOS, PAD, 8, 4]])
    close(model(SOURCE[:1], changed)[:, [0, 2]], before[:, [0, 2]])


def greedy_rows(model: transformer.Transformer, max_length: int) -> Iterator[list[int]]:
    for source in SOURCE:
        words: list[int] = []
        while len(words) < max_length and EOS not in words:
            words.append(int(torchs_logits(model, source, torch.tensor([BOS, *words]))[-1].argmax()))
        yield words


@pytest.mark.parametrize("max_length", [1, 4, 12])
def test_generate_is_greedy_decoding_of_each_row(max_length: int) -> None:
    model = wandering_transformer().train(max_length != 4)
    tokens = model.generate(SOURCE, BOS, EOS, max_length)
    rows = list(greedy_rows(model, max_length))
    longest = max(map(len, rows))
    assert tokens.tolist() == [row + [PAD] * (longest - len(row)) for row in rows]
    assert {module.training for module in model.modules()} == {max_length != 4}
    assert torch.is_grad_enabled()
    if max_length == 12:
        assert len({len(row) for row in rows}) == 3


def test_words_and_positions_start_at_one_size():
    """The lesson's reason for the factor sqrt(d_model) holds for the tables of the given `__init__`."""
    torch.manual_seed(0)
    model = transformer.Transformer(300, 400, d_model=64)
    for table in (model.source_embedding, model.target_embedding):
        assert abs(table.weight.std().item() - 64**-0.5) < 0.01
        words = model.embed(torch.arange(300).unsqueeze(0), table) - model.embed(torch.zeros(1, 300).long(), table)
        assert 0.5 < (words.std() / 2**0.5).item() < 2.0
