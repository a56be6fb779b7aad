"""The model that comes with the kit: the reference, trained on dates by `python -m grader.dev.shipped`."""

from __future__ import annotations

from pathlib import Path

import torch

from grader.errors import KitError
from grader.labs.bench import Bench
from grader.labs.pairs import Vocabulary
from grader.labs.translator import Translator

MODEL = Path(__file__).with_name("dates.safetensors")
"""Weights in float16, named as in exercise 11; the metadata holds the characters of both languages."""
_PREFIX = "weight "


def vocabularies(file: Path = MODEL) -> tuple[Vocabulary, Vocabulary]:
    """The characters that it reads, and those that it writes."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as model:
            known = model.metadata()
        longest = [int(number) for number in known["longest"].split()]
        return Vocabulary(known["source"], longest[0]), Vocabulary(known["target"], longest[1])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise KitError(f"{file} is no model of ours ({error}): python -m grader.dev.shipped makes it anew") from None


def shipped(bench: Bench, file: Path = MODEL) -> Translator:
    """The model, on the bench's files."""
    from safetensors.torch import load_file

    source, target = vocabularies(file)
    state = {f"{_PREFIX}{name}": tensor.float() for name, tensor in load_file(file).items()}
    return Translator(bench, state, source, target)


def ship(translator: Translator, file: Path = MODEL) -> None:
    """Writes a model as it is shipped."""
    from safetensors.torch import save_file

    weights = {name: value for name, value in translator.state.items() if name.startswith(_PREFIX)}
    half = {name.removeprefix(_PREFIX): value.to(torch.float16).contiguous() for name, value in weights.items()}
    source, target = translator.source, translator.target
    known = {"source": source.characters, "target": target.characters, "longest": f"{source.longest} {target.longest}"}
    save_file(half, file, known)
