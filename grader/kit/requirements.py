"""Whether what is installed is what the kit needs: the versions that `pyproject.toml` names, and nowhere else."""

from __future__ import annotations

import importlib.metadata as metadata
import platform
from collections.abc import Iterator
from typing import TYPE_CHECKING

from grader.system import MACOS

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

DISTRIBUTION = "sequence-kit"


def unmet() -> list[str]:
    """A sentence for each thing that is missing or has another version, with the command that puts it right."""
    try:
        kit = metadata.metadata(DISTRIBUTION)
    except metadata.PackageNotFoundError:  # run from a clone that was not installed: nothing says what it needs
        return []
    try:
        from packaging.requirements import Requirement
        from packaging.specifiers import SpecifierSet
    except ModuleNotFoundError:
        return ["packaging is missing: python -m pip install packaging"]
    found = []
    versions = SpecifierSet(kit["Requires-Python"] or "")
    if not versions.contains(platform.python_version(), prereleases=True):
        found.append(f"this is Python {platform.python_version()}; the kit needs Python{_in_words(versions)}")
    needed = [Requirement(line) for line in kit.get_all("Requires-Dist") or ()]
    wanted = [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found + [sentence for one in wanted for sentence in _lacking(one.name, one.specifier)]


def _lacking(name: str, versions: SpecifierSet) -> Iterator[str]:
    """What is wrong with one package, if anything is."""
    install = f'python -m pip install "{name}{_in_words(versions)}"'
    if name == "torch" and MACOS and platform.machine() == "x86_64":
        install = "PyPI has none for Intel; on Apple silicon install Python for arm64, else work in a Linux container"
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        yield f"{name} is missing: {install}"
        return
    if not versions.contains(version, prereleases=True):
        yield f"{name} {version} is installed and the kit needs {name}{_in_words(versions)}: {install}"


def _in_words(versions: SpecifierSet) -> str:
    """`>=2.10,<2.14`: the lower bound first."""
    return ",".join(sorted(str(versions).split(","), reverse=True))
