"""Training in pieces: each begins from the state that the one before ended with, and every state is kept on the disk.

A piece is a few seconds, so Ctrl-C loses no more than that, and the same command ends with the same result. A
checkpoint is a frame of the protocol: plain values and tensors, nothing that is unpickled.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grader.files import write_atomic
from grader.labs.bench import SHARED, Bench, Stopped, digest, numbers, program, state_of
from grader.protocol.codec import Decoder, Encoder
from grader.protocol.values import CodecError, Reference
from grader.source.file import File

PIECE = 40
"""Steps of one request."""
State = dict[str, Tensor]


@dataclass(frozen=True)
class Run:
    """One model's training.

    Args:
        name: of its checkpoint, and what is said of it.
        arguments: what the program's `train` is told besides the batches.
        batches: the tensors of the steps from one to another, each with the steps as its first axis.
        steps: how many there are.
        seed: of the first weights and the batches.
        files: others than the learner's.
    """

    name: str
    arguments: Any
    batches: Callable[[int, int], Sequence[Tensor]]
    steps: int
    seed: int
    files: Mapping[str, File] | None = None


@dataclass(frozen=True)
class Trained:
    """What came of a training: the weights, and the loss of each step."""

    state: State
    losses: list[float]

    @property
    def loss(self) -> float:
        """The mean loss of the last twentieth."""
        last = self.losses[-max(1, len(self.losses) // 20) :]
        return sum(last) / len(last)


def train(bench: Bench, run: Run) -> Trained:
    """Trains from where it stopped, or from the start. Raises Stopped where the learner's code does not go on."""
    known = _known(bench, run)
    slug = re.sub(r"[^a-z0-9]+", "-", run.name.lower())
    file = bench.out / "checkpoints" / f"{slug}-seed{run.seed}.frame"
    done, state, losses = _read(file, known)
    while done < run.steps:
        last = min(done + PIECE, run.steps)
        answer = bench.ask(
            "train", state, done, run.steps, run.seed, run.arguments, list(run.batches(done, last)), files=run.files
        )
        state = state_of(answer.get("state"))
        losses = torch.cat([losses, numbers(answer.get("losses"), (last - done,), "the losses")])
        done = last
        if not bool(torch.isfinite(losses).all()):
            raise Stopped(f"{run.name}: the loss is not a number any more after {done} steps")
        kept = {"known": known, "done": done, "state": state, "losses": losses}
        write_atomic(file, Encoder().frame(kept))
        told = f"{run.name}, seed {run.seed}: step {done} of {run.steps}, loss {losses[-1]:.3f}"
        bench.tell(told, done / run.steps)
    assert state is not None
    return Trained(state, losses.tolist())


def _known(bench: Bench, run: Run) -> str:
    """What a training is known by: the code, the settings and the machine's torch. Another one begins anew."""
    files = bench.files if run.files is None else run.files
    first = [tensor.tolist() for tensor in run.batches(0, 1)]
    parts = [digest(files), run.arguments, run.steps, run.seed, bench.device, torch.__version__, first, PIECE]
    code = program(bench.program) + program(SHARED)
    return hashlib.sha256(repr(parts).encode() + code).hexdigest()


def _read(file: Path, known: str) -> tuple[int, State | None, Tensor]:
    """Where a training stopped; the start where nothing is kept of it."""
    found = read_frame(file)
    if found is None or found.get("known") != known:
        return 0, None, torch.zeros(0, dtype=torch.float64)
    return found["done"], found["state"], found["losses"]


def read_frame(file: Path) -> dict[str, Any] | None:
    """What was kept in a file of ours; None where there is none, or it is damaged."""
    try:
        value = Decoder(_nothing).value(file.read_bytes()).value
    except (OSError, CodecError):
        return None
    return value if type(value) is dict else None


def _nothing(reference: Reference) -> Any:
    raise CodecError("a file refers to nothing")
