"""The codec: what crosses, what arrives as a Foreign, what is refused."""

import struct
from collections import namedtuple

import msgpack
import numpy as np
import pytest
import torch

from grader.protocol.codec import Decoder, Encoder
from grader.protocol.values import DTYPES, CodecError, Foreign, Reference


def through(value, **options):
    decoder = Decoder(lambda reference: reference)
    return decoder.value(Encoder(**options).frame(value)).value


@pytest.mark.parametrize(
    "value", [None, True, -3, 2**62, 0.1, float("inf"), "é", b"\0", [1, [2]], (1, (2.5, "x")), {"a": 1}]
)
def test_plain_values_cross_unchanged(value):
    result = through(value)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize("dtype", list(DTYPES.values()), ids=list(DTYPES))
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 5)], ids=str)
def test_tensors_cross_bit_by_bit(dtype, shape):
    tensor = torch.arange(int(np.prod(shape)), dtype=torch.int64).reshape(shape).to(dtype)
    result = through(tensor)
    assert (result.dtype, result.shape) == (tensor.dtype, tensor.shape)
    assert result.contiguous().view(-1).tolist() == tensor.contiguous().view(-1).tolist()


@pytest.mark.parametrize(
    "tensor",
    [
        torch.randn(3, 4, dtype=torch.float64).t(),
        torch.randn(2, 3, 4).permute(2, 0, 1),
        torch.randn(6)[::2],
        torch.randn(3, 1).expand(3, 4),
        torch.randn(4, 4)[1:, ::2],
        torch.randn(5, 7)[:1, 3:4],
        torch.randn(7)[2::7],
    ],
    ids=["transposed", "permuted", "strided", "expanded", "sliced", "one entry", "one entry of a row"],
)
def test_strides_are_kept_where_asked_for(tensor):
    result = through(tensor, keep_strides=True)
    assert result.stride() == tensor.stride() or tensor.is_contiguous()
    assert torch.equal(result, tensor)
    assert through(tensor).is_contiguous()


def test_what_a_tensor_says_about_itself_crosses_too():
    frame = Encoder().frame([torch.ones(2, requires_grad=True), torch.ones(1)])
    decoded = Decoder(lambda reference: reference).value(frame)
    assert decoded.requires_grad == [True, False]
    assert decoded.devices == ["cpu", "cpu"]


def state(**more):
    return {"weight": torch.randn(2, 3), "bias": torch.randn(2)[::1], "nothing": torch.empty(0, 4), **more}


@pytest.mark.parametrize("device", ["cpu", None])
def test_a_dict_of_tensors_crosses_as_one_row(device):
    sent = state(turned=torch.randn(3, 2).t(), scale=torch.nn.Parameter(torch.tensor(2.0)))
    encoder = Encoder()
    frame = encoder.frame([sent])
    decoded = Decoder(lambda reference: reference, device=device).value(frame)
    (arrived,) = decoded.value
    assert list(arrived) == list(sent)
    assert all(
        torch.equal(arrived[name], tensor) and type(arrived[name]) is torch.Tensor for name, tensor in sent.items()
    )
    assert decoded.requires_grad == [False] * 4 + [True]
    assert decoded.devices == ["cpu"] * 5
    assert [bytes(raw) for raw in decoded.raw] == [one.detach().numpy().tobytes() for one in sent.values()]
    one_by_one = Encoder(keep_strides=True).frame([sent])
    assert len(frame) < len(one_by_one)


@pytest.mark.parametrize(
    "other",
    [torch.ones(2, dtype=torch.float64), None, torch.ones(2).to_sparse(), 3],
    ids=["dtype", "none", "sparse", "int"],
)
def test_a_dict_of_other_things_crosses_one_by_one(other):
    sent = state(other=other)
    arrived = through(sent)
    assert torch.equal(arrived["weight"], sent["weight"])
    if isinstance(other, torch.Tensor) and other.layout is not torch.strided:
        assert type(arrived["other"]) is Foreign
    else:
        assert type(arrived["other"]) is type(other)
        assert getattr(arrived["other"], "dtype", None) == getattr(other, "dtype", None)


def test_a_dict_of_tensors_too_large_is_told_of():
    arrived = through({"a": torch.zeros(4), "b": torch.zeros(400)}, max_bytes=100)
    assert torch.equal(arrived["a"], torch.zeros(4))
    assert "too large to compare" in arrived["b"].what


class Shape(torch.Tensor):
    pass


class Everything:
    __class__ = torch.Tensor

    def __eq__(self, other):
        return True

    __hash__ = None


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (torch.ones(2).as_subclass(Shape), "Shape, a subclass of Tensor"),
        (Everything(), "Everything"),
        (np.ones(2), "numpy.ndarray"),
        (2**70, "more than 64 bits"),
        ({1: 2}, "keys are not all str"),
        (torch.zeros(1).expand(10**10), "too large to compare"),
        ([0] * 100_000, "too many parts"),
        (torch.zeros(2).to_sparse(), "layout torch.sparse_coo"),
        (len, "builtin_function_or_method"),
        ({1, 2}, "set"),
    ],
    ids=["subclass", "liar", "array", "int", "keys", "expanded", "long", "sparse", "function", "set"],
)
def test_everything_else_arrives_as_its_name(value, what):
    result = through(value)
    assert type(result) is Foreign
    assert what in result.what


def test_subclasses_of_plain_types_arrive_as_the_plain_type():
    pair = namedtuple("Pair", "output weights")
    assert through(pair(1, 2)) == (1, 2)
    assert type(through(np.float64(0.5))) is float


def test_a_value_that_holds_itself_ends():
    loop = []
    loop.append(loop)
    assert "nested too deep" in repr(through(loop))


def test_references_are_resolved_by_the_other_side():
    encoder = Encoder(lambda value: Reference("callback", 7) if callable(value) else None)
    decoded = Decoder(lambda reference: ("found", reference.kind, reference.id)).value(encoder.frame([print]))
    assert decoded.value == [("found", "callback", 7)]


def frame(document, payload=b""):
    return struct.pack("<I", len(document)) + document + payload


def tensor_head(shape, nbytes, offset=0, dtype="float32"):
    head = msgpack.packb([dtype, shape, None, "cpu", False, offset, nbytes])
    return msgpack.packb(msgpack.ExtType(1, head))


def state_head(names, shapes, nbytes, offset=0, dtype="float32", flags=None):
    head = msgpack.packb([names, dtype, shapes, [False] * len(names) if flags is None else flags, offset, nbytes])
    return msgpack.packb(msgpack.ExtType(7, head))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xff\xff\xff",
        frame(b"\xc1"),
        frame(msgpack.packb(msgpack.ExtType(99, b""))),
        frame(tensor_head([10**12], 0)),
        frame(tensor_head([10**12], 4 * 10**12)),
        frame(tensor_head([2], 8), b"1234"),
        frame(tensor_head([-2, -1], 8), b"12345678"),
        frame(tensor_head(["2"], 8), b"12345678"),
        frame(tensor_head([2], 8, offset=-8), b"12345678"),
        frame(tensor_head([2], 8, dtype="object"), b"12345678"),
        frame(state_head(["a"], [[2]], 8), b"1234"),
        frame(state_head(["a", "b"], [[2]], 8), b"12345678"),
        frame(state_head([1], [[2]], 8), b"12345678"),
        frame(state_head(["a"], [[-2]], -8), b"12345678"),
        frame(state_head(["a", "b"], [[10**12], [0]], 4 * 10**12)),
        frame(state_head(["a"], [[2]], 8, dtype="object"), b"12345678"),
        frame(state_head(["a"], [[2]], 8, flags=[]), b"12345678"),
        frame(state_head(["a"], [[2]], 8, flags=[True, True]), b"12345678"),
        frame(b"\x91" * 5_000),
        frame(msgpack.packb([1]) + b"tail"),
    ],
    ids=range(21),
)
def test_nonsense_is_refused_before_anything_is_allocated(data):
    with pytest.raises(CodecError):
        Decoder(lambda reference: reference).value(data)


def test_a_patched_tensor_does_not_break_the_encoder(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "detach", None)
    monkeypatch.setattr(torch.Tensor, "contiguous", None)
    monkeypatch.setattr(torch.Tensor, "cpu", None)
    assert through(torch.ones(2)).tolist() == [1, 1]


def _nested(levels):
    document = msgpack.packb(0)
    for _ in range(levels):
        document = msgpack.packb(msgpack.ExtType(2, b"\x91" + document))
    return document


@pytest.mark.parametrize(
    "document",
    [_nested(200), b"\x91" * 100 + b"\xc0"],
    ids=["tuples", "lists"],
)
def test_nesting_that_would_fill_the_stack_is_refused(document):
    with pytest.raises(CodecError):
        Decoder(lambda reference: reference).value(struct.pack("<I", len(document)) + document)


def test_tensors_that_share_their_bytes_are_refused():
    many = b"\x92" + tensor_head([250], 1_000) * 2
    with pytest.raises(CodecError, match="share"):
        Decoder(lambda reference: reference).value(frame(many, bytes(1_000)))
