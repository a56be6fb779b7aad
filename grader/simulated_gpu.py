"""A simulated GPU for machines that have none: real numbers on a device that is only claimed.

A `SimulatedTensor` says that it is on `gpu:0` and holds an ordinary CPU tensor. Every operation on it comes through
`carry_out`, which refuses what CUDA refuses, does the rest on the CPU and claims the device again for the result. So
a mask made on the wrong device fails here as it would on a GPU, `.item()` and loops until eos work, and values can be
compared. torch has a slot for a device like this one.

What CUDA takes is taken: CPU scalars (tensors without axes) beside GPU tensors, CPU indices into a GPU tensor,
assigning a CPU tensor to a slice of a GPU tensor. Code that calls a GPU CUDA works: `is_cuda` is True here, and
`.cuda()` and "cuda" mean this device. It teaches; it does not prove: the code under
check shares its process.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _python_dispatch, backend_registration
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing

aten = torch.ops.aten


def _fused_lstm(
    from_input: Tensor, from_hidden: Tensor, c: Tensor, bias: Tensor | None = None, other_bias: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """`aten::_thnn_fused_lstm_cell`: new h, new c and, for the way back, the four gates before their sigmoids.

    By torch's own cell, which a submission can be seen to use: a formula of ours would lie open to exercise 1.
    """
    stacked = from_input + from_hidden
    for one in (bias, other_bias):
        stacked = stacked if one is None else stacked + one
    as_it_is = torch.eye(stacked.shape[1], dtype=stacked.dtype)
    nothing = stacked.new_zeros(stacked.shape[1], c.shape[1])
    within = stacked.clamp(-1e4, 1e4)  # an infinite one times the zeros of `as_it_is` is no number
    h, c = aten.lstm_cell.default(within, [torch.zeros_like(c), c], as_it_is, nothing)
    return h, c, stacked


def _fused_lstm_backward(
    grad_h: Tensor | None, grad_c: Tensor | None, old_c: Tensor, c: Tensor, stacked: Tensor, has_bias: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """The gradients of the gates before their sigmoids, of the old c, of the bias."""
    grad_h = torch.zeros_like(c) if grad_h is None else grad_h
    grad_c = torch.zeros_like(c) if grad_c is None else grad_c
    i, f, g, o = (gate(part) for gate, part in zip(_GATES, stacked.chunk(4, dim=1), strict=True))
    shown = c.tanh()
    grad_c = grad_c + grad_h * o * (1 - shown * shown)
    inner = [grad_c * g * i * (1 - i), grad_c * old_c * f * (1 - f), grad_c * i * (1 - g * g)]
    before = torch.cat([*inner, grad_h * shown * o * (1 - o)], dim=1)
    return before, grad_c * f, before.sum(0) if has_bias else None


_GATES = (torch.sigmoid, torch.sigmoid, torch.tanh, torch.sigmoid)

COPIES = {aten.copy_.default, aten._copy_from.default, aten._copy_from_and_resize.default}
"""They take any two devices."""
_READS_INDEXED = {aten.index.Tensor, aten._unsafe_index.Tensor}
_WRITES_INDEXED = {
    *(aten.index_put.default, aten.index_put_.default),
    *(aten._index_put_impl_.default, aten._unsafe_index_put.default),
}
_INDEXED = _READS_INDEXED | _WRITES_INDEXED
_TAKES_NO_SCALARS = {aten.stack.default, aten.cat.default}


def refuse(operation: Callable[..., Any], args: tuple[Any, ...], away: Sequence[Tensor], place: str) -> None:
    """Raises RuntimeError, in torch's words, where an operation on a GPU may not have these CPU tensors.

    Args:
        away: the tensors among its inputs that are on the CPU; some other is on the GPU.
        place: the GPU, for the message.
    """
    if not away or operation is aten._pack_padded_sequence.default:  # which wants its second tensor on the CPU
        return
    if operation in _INDEXED:  # the indices may be anywhere if the tensor is on the GPU
        if args[0] is away[0]:
            raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
        away = [one for one in away if operation in _WRITES_INDEXED and one is args[2]]
    in_place = operation.__name__.partition(".")[0].endswith("_")
    for tensor in away:
        written = in_place and tensor is args[0]
        if tensor.dim() > 0 or written or operation in _TAKES_NO_SCALARS:
            text = f"Expected all tensors to be on the same device, but found at least two devices, {place} and cpu!"
            raise RuntimeError(f"{text} The one on cpu has shape {tuple(tensor.shape)}")


NAME = "gpu"
PLACE = f"{NAME}:0"
_REGISTER = "_setup_privateuseone_for_python_backend"


def is_free() -> bool:
    """Whether this torch has the private function, and no other backend has taken the slot."""
    taken_by = torch._C._get_privateuse1_backend_name()
    return hasattr(backend_registration, _REGISTER) and taken_by in ("privateuseone", NAME)


class _Device:
    """What torch asks the module of a device for: `torch.gpu`."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        """The CPU's generator makes the random numbers of this device too, and is seeded already."""

    def get_rng_state(self, device: object = None) -> Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: Tensor, device: object = None) -> None:
        torch.set_rng_state(state)

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.float16, torch.bfloat16]

    def synchronize(self, device: object = None) -> None:
        """Nothing runs beside the CPU."""


_kernels: list[torch.library.Library] = []
"""They work for as long as this lives."""


def take(number_of: Callable[[Tensor], Any]) -> None:
    """Registers `gpu` as a device of this process, for good.

    Args:
        number_of: the number that a tensor of one element on this device holds. `torch.tensor([x, y])` reads its
            elements by it, past everything else.
    """
    getattr(backend_registration, _REGISTER)(NAME, backend_module=_Device())
    library = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
    library.impl("_local_scalar_dense", number_of, "PrivateUse1")  # type: ignore[no-untyped-call]
    _kernels.append(library)


Operation = Callable[..., Any]
aten = torch.ops.aten


_real = ""
"""The real GPU that this process works on itself, if any."""


def yield_to(device: str) -> None:
    """Turns simulation off in this process: code that is to work on a GPU works on this real one.

    For a process that itself works on a real GPU: where a GPU was simulated, torch goes backward on no other.
    """
    global _real
    _real = device


def place() -> str:
    """The device for code that is to work on a GPU."""
    return _real or NAME


def available() -> bool:
    """Whether there is such a place: this torch has the private function, and no other backend has taken the slot."""
    return bool(_real) or is_free()


@functools.cache
def register() -> None:
    """Makes `gpu` a device of this process, for good; 3 ms, once.

    The first backward pass of a process starts a thread for each device that there is by then, and after that a
    forked child cannot go backward. So one pass is made first, while there is only the CPU.
    """
    torch.ones((), requires_grad=True).backward()  # type: ignore[no-untyped-call]
    take(lambda x: _held(x).item())


_USUAL = (
    *(aten.alias.default, aten.detach.default, aten.expand.default, aten.permute.default, aten.select.int),
    *(aten.slice.Tensor, aten.split.Tensor, aten.squeeze.dim, aten.t.default, aten.transpose.int),
    *(aten.unbind.int, aten.unsqueeze.default, aten.view.default),
    *(aten.add_.Tensor, aten.div_.Tensor, aten.fill_.Scalar, aten.masked_fill_.Scalar, aten.mul_.Tensor),
)
"""What checks use of the operations that return a view of an input, or write into it."""


def read_schemas() -> None:
    """Reads what torch knows of the usual operations, which takes 0.5 ms for each the first time."""
    read = getattr(_python_dispatch, "get_alias_info", lambda _: None)
    for operation in _USUAL:
        read(operation)


@functools.cache
def _device() -> torch.device:
    return torch.device(PLACE)


class SimulatedTensor(Tensor):
    """A tensor on the simulated GPU."""

    _held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls: type[SimulatedTensor], held: Tensor) -> SimulatedTensor:
        made: SimulatedTensor = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=_device(),
        )
        made._held = held
        return made

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Operation, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return carry_out(func, args, kwargs or {})

    @property
    def data(self) -> Tensor:
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        """What `module.to(...)` and `weight.data = ...` do."""
        Tensor.data.__set__(self, value)  # type: ignore[attr-defined]
        self._held = _held(value)

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]
        return True

    def __repr__(self) -> str:  # type: ignore[override]
        return f"{repr(self._held)[:-1]}, device='{PLACE}')"

    def numpy(self, *args: Any, **kwargs: Any) -> Any:
        text = f"can't convert {PLACE} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory"
        raise TypeError(f"{text} first.")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return self.numpy()

    def tolist(self) -> Any:
        return self._held.tolist()

    def __format__(self, spec: str) -> str:
        return format(self._held, spec) if self.dim() == 0 else object.__format__(self, spec)


class _Simulation(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Intercepts operations without a SimulatedTensor among their inputs: `torch.zeros(3, device="gpu")`."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else the first operation imports torch._dynamo, for 1.3 s

    def __torch_dispatch__(self, func: Operation, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return carry_out(func, args, kwargs or {})


class _CudaMeansGpu(TorchFunctionMode):
    """Reads `.cuda()` as `.to("gpu")`; the device "cuda" as "gpu" where this process sees no real one."""

    def __init__(self) -> None:
        super().__init__()
        self._by_name = not torch.cuda.is_available()

    def __torch_function__(self, func: Operation, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.cuda:
            return args[0].to(NAME)
        kwargs = kwargs or {}
        names = self._by_name and any(type(value) in _NAMING for value in (*args, *kwargs.values()))
        if names and getattr(func, "__name__", "") not in _GETTERS:
            args = [_renamed(value) for value in args]
            kwargs = {name: _renamed(value) for name, value in kwargs.items()}
        return func(*args, **kwargs)


_GETTERS = {"__get__", "__set__"}
_NAMING = {str, torch.device}
"""What names a device."""


def _renamed(value: Any) -> Any:
    is_cuda = type(value) is torch.device and value.type == "cuda"
    is_cuda = is_cuda or (type(value) is str and value.partition(":")[0] == "cuda")
    return _device() if is_cuda else value


@contextmanager
def simulating(*, speaks_of_cuda: bool = True) -> Iterator[None]:
    """In this block `gpu` is a device: tensors can be made there and moved there.

    Args:
        speaks_of_cuda: the code may say "cuda" and mean this device. To listen costs a fifth of all else.
    """
    register()
    lifting = torch._C._only_lift_cpu_tensors()
    torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(..., device="gpu") is made on the CPU, then moved
    try:
        # Backward passes stay on this thread, as the CPU's do.
        one_thread = torch.autograd.set_multithreading_enabled(False)
        listening = _CudaMeansGpu() if speaks_of_cuda else nullcontext()
        with one_thread, listening, _Simulation():  # type: ignore[no-untyped-call]
            yield
    finally:
        torch._C._set_only_lift_cpu_tensors(lifting)


def carry_out(operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """One operation, as a GPU would do it. Raises RuntimeError where it mixes devices."""
    here, away = _places((*args, *kwargs.values()))
    asked = kwargs.get("device")
    if not here and not _is_gpu(asked):
        return operation(*args, **kwargs)
    if kwargs.get("generator") is not None:  # random numbers of a GPU come from a generator of that GPU
        raise RuntimeError(f"Expected a '{NAME}' device type for generator but found 'cpu'")
    is_copy, by_hand, aliases = _way_of(operation)
    if is_copy:  # from any device to any device, in place
        operation(*_held(args), **_held(kwargs))
        return args[0]
    if here:
        refuse(operation, args, away, PLACE)
    if by_hand is not None:
        return by_hand(*args)
    options = {**kwargs, "device": "cpu"} if asked is not None else kwargs
    result = operation(*_held(args), **_held(options))
    if asked is not None and not _is_gpu(asked):
        return result
    result = _claimed(result)
    if not here or not aliases:
        return result
    return return_and_correct_aliasing(operation, args, kwargs, result)  # type: ignore[no-untyped-call]


@functools.cache
def _way_of(operation: Any) -> tuple[bool, Operation | None, bool]:
    """Whether an operation copies between any two devices; what does it by hand; and whether it writes into an input
    or returns a view of one, as its schema says."""
    aliases = any(argument.alias_info is not None for argument in operation._schema.arguments)
    return operation in COPIES, _BY_HAND.get(operation), aliases


def _is_gpu(device: Any) -> bool:
    return device is not None and torch.device(device).type == NAME


def _places(values: Sequence[Any]) -> tuple[bool, list[Tensor]]:
    """Whether a tensor among an operation's inputs, of which some are lists, is on the GPU; and those on the CPU."""
    here, away = False, []
    for value in values:
        if isinstance(value, SimulatedTensor):
            here = True
        elif isinstance(value, Tensor):
            away.append(value)
        elif type(value) in (tuple, list):
            inside, others = _places(value)
            here, away = here or inside, away + others
    return here, away


def _held(value: Any) -> Any:
    """The same with CPU tensors."""
    kind = type(value)
    if kind is SimulatedTensor:
        return value._held
    if kind is tuple or kind is list:
        return kind([_held(item) for item in value])
    if isinstance(value, SimulatedTensor):
        return value._held
    return {name: _held(item) for name, item in value.items()} if kind is dict else value


def _claimed(value: Any) -> Any:
    """The same with tensors on the simulated GPU."""
    if type(value) in (tuple, list):
        return type(value)([_claimed(item) for item in value])
    if not isinstance(value, Tensor) or isinstance(value, SimulatedTensor):
        return value
    if torch.is_inference_mode_enabled():  # what is made in it can't be told to be a view of what was there before
        with torch.inference_mode(False):
            return SimulatedTensor(value)
    return SimulatedTensor(value)


def _pack(values: Tensor, lengths: Tensor, batch_first: bool) -> tuple[Tensor, Tensor]:
    """Packing wants its lengths on the CPU and leaves the sizes of its batches there."""
    if isinstance(lengths, SimulatedTensor):
        raise RuntimeError(f"'lengths' argument should be a 1D CPU int64 tensor, but got 1D {PLACE} Long tensor")
    packed, sizes = aten._pack_padded_sequence.default(_held(values), lengths, batch_first)
    return _claimed(packed), sizes


def _with_held(function: Operation) -> Operation:
    """The same function for simulated tensors."""
    return lambda *args: _claimed(function(*_held(args)))


_BY_HAND: dict[Operation, Operation] = {
    aten._pack_padded_sequence.default: _pack,
    aten._thnn_fused_lstm_cell.default: _with_held(_fused_lstm),
    aten._thnn_fused_lstm_cell_backward_impl.default: _with_held(_fused_lstm_backward),
    # The attention that needs no kernel of its own.
    aten._fused_sdp_choice.default: lambda *args: 0,
}
