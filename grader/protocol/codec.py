"""Values as bytes: the only thing that passes between the grader and a learner's code.

A frame is a msgpack document followed by the raw bytes of its tensors; a dict of tensors, such as the parameters of a
module, is one row of numbers. What may cross is a closed list: None, bool, int, float, str, bytes, list, tuple, dict
with str keys, plain tensors, dtypes, devices and references to objects that stay on their own side. Everything else
arrives as a `Foreign` that carries the name of its type. Nothing is ever unpickled, and every size is checked before
anything is allocated.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

import msgpack
import torch
from torch import Tensor

from grader.limits import MAX_DEPTH, MAX_DOCUMENT, MAX_FRAME, MAX_NODES, MAX_TEXT
from grader.protocol.values import DTYPES, NAMES, CodecError, Decoded, Foreign, Reference
from grader.simulated_gpu import SimulatedTensor

# Bound before any learner's code is imported, so that a patched method of Tensor does not break the transport.
_detach = Tensor.detach
_cpu = Tensor.cpu
_copy = Tensor.copy_
_numpy = Tensor.numpy
_reshape = Tensor.reshape
_cat = torch.cat
_no_grad = torch.no_grad
_view = Tensor.view
_resolve = (Tensor.resolve_conj, Tensor.resolve_neg)


def raw_bytes(tensor: Tensor) -> bytes:
    """The values of a tensor on any device, in row-major order."""
    try:
        return _numpy(_detach(tensor)).tobytes()
    except (TypeError, RuntimeError):  # what numpy lacks: bfloat16, another device, a lazy sign
        plain = _cpu(_detach(tensor))
    for resolve in _resolve:
        plain = resolve(plain)
    if plain.numel() == 0:
        return b""
    # An axis of size 1 may have any stride and still count as contiguous, which `view` does not take: copy.
    flat = _copy(torch.empty(plain.numel(), dtype=plain.dtype, device="cpu"), _reshape(plain, (-1,)))
    return _numpy(_view(flat, torch.uint8)).tobytes()


def with_strides(tensor: Tensor, strides: list[int]) -> Tensor:
    """The same values laid out in memory with these strides (0 for an expanded axis)."""
    extent = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, strides, strict=True))
    if tensor.numel() == 0 or extent * tensor.element_size() > MAX_FRAME:
        return tensor
    laid_out = torch.zeros(extent, dtype=tensor.dtype, device=tensor.device).as_strided(tensor.shape, strides)
    target, source = laid_out, tensor
    for axis, stride in enumerate(strides):
        if stride == 0:
            target, source = target.narrow(axis, 0, 1), source.narrow(axis, 0, 1)
    target.copy_(source)
    return laid_out


_TENSOR, _TUPLE, _REFERENCE, _FOREIGN, _DTYPE, _DEVICE, _STATE = range(1, 8)
_PLAIN = frozenset((int, str, bytes))
_ASIS = frozenset((type(None), bool, float))
_NESTED = (list, tuple, dict)
_USUAL = frozenset((Tensor, torch.nn.Parameter))
_TENSORS = _USUAL | {SimulatedTensor}
_WORD = 1 << 63
"""Beyond every int that msgpack holds."""

_stride = Tensor.stride  # before any learner's code is imported, as in `tensors`
_pack = msgpack.Packer(use_bin_type=True).pack


class Encoder:
    """Turns one value into a frame.

    Args:
        refer: gives the reference for an object that must stay here, or None.
        keep_strides: send the memory layout of a tensor too, so that a non-contiguous input arrives as one.
        max_bytes: the most that the tensors of one frame may hold.
        max_text: the longest str; longer ones are cut.
    """

    def __init__(
        self,
        refer: Callable[[Any], Reference | None] = lambda _: None,
        *,
        keep_strides: bool = False,
        max_bytes: int = MAX_FRAME,
        max_text: int = MAX_TEXT,
    ) -> None:
        self.refer = refer
        self.keep_strides = keep_strides
        self.max_bytes = max_bytes
        self.max_text = max_text
        self.tensors: list[Tensor] = []
        self._buffers: list[bytes] = []
        self._size = 0
        self._nodes = 0

    def frame(self, value: Any) -> bytes:
        document = _pack(self._plain(value, 0))
        return b"".join([struct.pack("<I", len(document)), document, *self._buffers])

    def _plain(self, value: Any, depth: int) -> Any:
        self._nodes += 1
        kind = type(value)
        if kind in _ASIS or (kind is str and len(value) <= self.max_text) or (kind is int and -_WORD <= value < _WORD):
            return value
        if depth > MAX_DEPTH:
            return _foreign("a value that is nested too deep")
        if kind in _TENSORS:
            return self._tensor(value)
        if kind is list and not value:
            return value
        if kind in _NESTED:
            return self._container(value, kind, depth)
        if kind in _PLAIN:
            return self._structure(value, kind, depth)
        if (reference := self.refer(value)) is not None:
            about = [reference.kind, reference.id, reference.about]
            return msgpack.ExtType(_REFERENCE, _pack_about(about))
        if issubclass(kind, Tensor):
            return _foreign(f"{kind.__name__}, a subclass of Tensor")
        return self._structure(value, kind, depth)

    def _structure(self, value: Any, kind: type, depth: int) -> Any:
        for base in _NESTED:
            if issubclass(kind, base):
                return self._container(value, base, depth)
        if issubclass(kind, int):
            number = int.__index__(value)
            return number if -_WORD <= number < _WORD else _foreign("an int that needs more than 64 bits")
        if issubclass(kind, float):
            return float.__float__(value)
        if issubclass(kind, str):
            text = str.__str__(value)
            return text if len(text) <= self.max_text else text[: self.max_text] + "..."
        if kind is bytes:
            return value if len(value) <= MAX_DOCUMENT // 2 else _foreign(f"bytes, {len(value):,} of them")
        if kind is torch.dtype and value in NAMES:
            return msgpack.ExtType(_DTYPE, NAMES[value].encode())
        if kind is torch.device:
            return msgpack.ExtType(_DEVICE, str(value).encode())
        return _foreign(f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."))

    def _container(self, value: Any, base: Any, depth: int) -> Any:
        if self._nodes + base.__len__(value) > MAX_NODES:
            return _foreign("a value with too many parts")
        if base is dict:
            if {*map(type, dict.keys(value))} - {str}:
                return _foreign("a dict whose keys are not all str")
            if len(value) > 1 and (state := self._state(value)) is not None:
                return state
            return {key: self._plain(item, depth + 1) for key, item in dict.items(value)}
        items = [self._plain(item, depth + 1) for item in base.__iter__(value)]
        return items if base is list else msgpack.ExtType(_TUPLE, _pack(items))

    def _tensor(self, tensor: Tensor) -> Any:
        name = NAMES.get(tensor.dtype)
        if name is None or tensor.layout is not torch.strided:
            return _foreign(f"a Tensor with dtype {tensor.dtype} and layout {tensor.layout}")
        shape = list(tensor.shape)
        nbytes = tensor.numel() * tensor.element_size()
        if self._size + nbytes > self.max_bytes:
            return _foreign(f"a Tensor of shape {tuple(shape)}, {nbytes:,} bytes, too large to compare")
        self.tensors.append(tensor)
        raw = raw_bytes(tensor)
        strides = list(_stride(tensor)) if self.keep_strides and not tensor.is_contiguous() else None
        head = [name, shape, strides, _name(tensor.device), tensor.requires_grad, self._size, len(raw)]
        self._size += len(raw)
        self._buffers.append(raw)
        return msgpack.ExtType(_TENSOR, _pack(head))

    def _state(self, tensors: dict[str, Tensor]) -> Any | None:
        """Two plain tensors or more, of one dtype and on the CPU, in one row; None for others."""
        each = list(dict.values(tensors))
        if self.keep_strides or not {*map(type, each)} <= _USUAL:
            return None
        dtype = each[0].dtype
        if any(one.dtype is not dtype or not one.is_cpu or one.layout is not torch.strided for one in each):
            return None
        name, shapes = NAMES.get(dtype), [list(one.shape) for one in each]
        count = sum(map(math.prod, shapes))
        if name is None or self._size + count * dtype.itemsize > self.max_bytes:
            return None
        with _no_grad():
            raw = raw_bytes(_cat([_reshape(one, (-1,)) for one in each]))
        head = [list(dict.keys(tensors)), name, shapes, [one.requires_grad for one in each], self._size, len(raw)]
        self.tensors += each
        self._nodes += len(each)
        self._size += len(raw)
        self._buffers.append(raw)
        return msgpack.ExtType(_STATE, _pack(head))


_name = cache(str)
"""Of a device."""


def _foreign(what: str) -> Any:
    return msgpack.ExtType(_FOREIGN, what[:200].encode(errors="replace"))


_pack_about = msgpack.Packer(use_bin_type=True, default=lambda odd: _foreign(type(odd).__name__)).pack


class Decoder:
    """Turns one frame back into a value.

    Args:
        resolve: gives the object that a reference stands for.
        device: where tensors are placed, None for the device that the frame names.
    """

    def __init__(self, resolve: Callable[[Reference], Any], *, device: str | None = "cpu") -> None:
        self.resolve = resolve
        self.device = device
        self._left = 0
        """Bytes that no tensor has taken yet."""

    def value(self, frame: bytes) -> Decoded:
        """Raises CodecError for bytes that are not a frame."""
        try:
            return self._value(frame)
        except CodecError:
            raise
        except Exception as error:  # every way in which nonsense can fail is the same to the caller
            raise CodecError(f"not a frame: {type(error).__name__}") from error

    def _value(self, frame: bytes) -> Decoded:
        if len(frame) < 4:
            raise CodecError("a frame has at least 4 bytes")
        start = 4 + struct.unpack_from("<I", frame)[0]
        if not 4 < start <= min(len(frame), MAX_DOCUMENT):
            raise CodecError("the document does not fit its frame")
        buffers = memoryview(frame)[start:]
        decoded = Decoded(None)
        nodes, inside = iter(range(MAX_NODES * 2)), [0]

        def extension(code: int, data: bytes) -> Any:
            if code == _TENSOR:
                return self._tensor(data, buffers, decoded)
            if code == _TUPLE:
                return tuple(unpack(data))
            if code == _STATE:
                return self._state(data, buffers, decoded)
            if code == _REFERENCE:
                kind, number, about = unpack(data)
                return self.resolve(Reference(kind, number, about))
            if code == _FOREIGN:
                return Foreign(data.decode(errors="replace"))
            if code == _DTYPE:
                return DTYPES[data.decode()]
            if code == _DEVICE:
                return torch.device(data.decode())
            raise CodecError(f"unknown extension {code}")

        def unpack(data: bytes) -> Any:
            if next(nodes, None) is None or inside[0] > MAX_DEPTH:  # each costs a piece of the C stack
                raise CodecError("too many values")
            inside[0] += 1
            value = msgpack.unpackb(data, ext_hook=extension, raw=False)
            inside[0] -= 1
            return value

        self._left = len(buffers)
        document = bytes(frame[4:start])
        decoded.value = unpack(document)
        if len(document.translate(None, _NO_HEADS)) > MAX_DEPTH:  # as many lists or dicts as it takes
            _demand_depth(decoded.value, MAX_DEPTH + 1)
        return decoded

    def _tensor(self, data: bytes, buffers: memoryview, decoded: Decoded) -> Tensor:
        name, shape, strides, device, requires_grad, offset, nbytes = msgpack.unpackb(data)
        dtype = DTYPES[name]
        values = self._values(_count(shape), dtype, offset, nbytes, buffers)
        raw = bytearray(values)
        tensor = torch.frombuffer(raw, dtype=dtype).reshape(shape) if raw else torch.empty(shape, dtype=dtype)
        if (place := device if self.device is None else self.device) != "cpu":
            tensor = tensor.to(place)
        if strides is not None:
            tensor = with_strides(tensor, strides)
        decoded.tensors.append(tensor)
        decoded.raw.append(values)
        decoded.devices.append(str(device)[:32])
        decoded.requires_grad.append(bool(requires_grad))
        return tensor

    def _state(self, data: bytes, buffers: memoryview, decoded: Decoded) -> dict[str, Tensor]:
        names, name, shapes, requires_grad, offset, nbytes = msgpack.unpackb(data)
        if {*map(type, names)} - {str}:
            raise CodecError("a name is no str")
        dtype, counts = DTYPES[name], [_count(shape) for shape in shapes]
        values = self._values(sum(counts), dtype, offset, nbytes, buffers)
        raw = bytearray(values)
        row = torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0, dtype=dtype)
        row = row if self.device is None else row.to(self.device)
        pieces = [piece.view(shape) for piece, shape in zip(torch.split(row, counts), shapes, strict=True)]
        state = dict(zip(names, pieces, strict=True))
        decoded.tensors += pieces
        decoded.devices += ["cpu"] * len(pieces)
        decoded.requires_grad += [bool(flag) for _, flag in zip(pieces, requires_grad, strict=True)]
        start = 0
        for count in counts:
            end = start + count * dtype.itemsize
            decoded.raw.append(values[start:end])
            start = end
        return state

    def _values(self, count: int, dtype: torch.dtype, offset: int, nbytes: int, buffers: memoryview) -> memoryview:
        """The bytes of so many numbers. Raises CodecError where they are not there, or were somebody's already."""
        if count * dtype.itemsize != nbytes or offset < 0 or offset + nbytes > len(buffers):
            raise CodecError("the bytes of a tensor do not fit its shape")
        self._left -= nbytes
        if self._left < 0:
            raise CodecError("two tensors share bytes")
        return buffers[offset : offset + nbytes]


def _count(shape: list[int]) -> int:
    """The numbers in a tensor of this shape. Raises CodecError where it is none."""
    count = 1
    for size in shape:
        if type(size) is not int or size < 0:
            raise CodecError("a size is not a number")
        count *= size
    return count


_NO_HEADS = bytes({*range(256)} - {*range(0x80, 0xA0), *range(0xDC, 0xE0)})
"""The bytes with which msgpack begins no list and no dict."""


def _demand_depth(value: Any, left: int) -> None:
    """Raises CodecError for lists and dicts nested deeper than that."""
    kind = type(value)
    if kind in _NESTED:
        if left == 0:
            raise CodecError("nested too deep")
        for item in value.values() if kind is dict else value:
            if type(item) in _NESTED:
                _demand_depth(item, left - 1)
