"""All pictures of the course."""

from __future__ import annotations

from pathlib import Path

from grader.dev.pictures import attention, seq2seq, transformer
from grader.files import write_atomic


def files() -> dict[str, str]:
    """File name -> its text: an SVG and a text for each picture."""
    shown = {**seq2seq.pictures(), **attention.pictures(), **transformer.pictures()}
    return {
        f"{name}{ending}": text
        for name, picture in shown.items()
        for ending, text in ((".svg", picture.svg), (".txt", picture.text.rstrip() + "\n"))
    }


def write(folder: Path) -> list[str]:
    """Writes them, and says which."""
    folder.mkdir(exist_ok=True)
    found = files()
    for name, text in found.items():
        write_atomic(folder / name, text)
    return list(found)
