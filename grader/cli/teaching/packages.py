"""`grader package PLATFORM`: what a platform takes, made from this clone: a zip or a folder to upload or to commit."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

from grader import paths
from grader.cli.teaching.one_submission import POINTS, Package
from grader.errors import UsageError
from grader.files import write_atomic
from grader.kit.discovery import COURSE, Kit
from grader.reports.terminal import Screen
from grader.text import plain, short_path

KIT = "sequence-kit.zip"
SETTINGS = "grader.json"
_TIME = (1980, 1, 1, 0, 0, 0)
"""A zip's earliest: the same clone makes the same file."""
Files = Mapping[str, bytes]
"""Path -> content. What begins with `#!` may be executed."""


@dataclass(frozen=True)
class Wanted:
    """What to package.

    Args:
        package: how submissions are graded.
        kit: what pip installs as the kit; empty for the kit itself, in the package.
    """

    package: Package
    kit: str = ""


def make(platform: str, out: Path, wanted: Wanted) -> None:
    """Writes the package and says what to do with it. Raises UsageError where it can't be made."""
    chosen = Kit().find(wanted.package.exercises)
    files, what_to_do = PLATFORMS[platform](wanted)
    if out.suffix == ".zip":
        write_atomic(out, zipped(files))
    else:
        if out.is_file():
            raise UsageError(f"--out {out} is a file: name a folder, or a file that ends in .zip")
        for name, data in files.items():
            write_atomic(out / name, data)
            if data.startswith(b"#!"):
                (out / name).chmod(0o755)
    screen = Screen()
    count, points = len(chosen), plain(POINTS * len(chosen))
    noun = "exercise" if count == 1 else "exercises"
    screen.line(f"{short_path(out)} grades {count} {noun}, {points} points, with seed {wanted.package.seed}")
    for line in what_to_do:
        screen.line(line)


def kit_files() -> dict[str, bytes]:
    """The kit as pip installs it. Raises UsageError in an installed kit, which has no sources."""
    if not (COURSE / "pyproject.toml").is_file():
        raise UsageError("packages are made from a clone of the kit: this one was installed")
    found = {f"grader/{file.relative_to(paths.PACKAGE).as_posix()}": file for file in paths.files()}
    found |= {name: COURSE / name for name in ("pyproject.toml", "README.md", "LICENSE") if (COURSE / name).is_file()}
    for pattern in ("exercises/ex*", "solutions/ex*", "tests/ex*/**/*"):
        for file in sorted(COURSE.glob(pattern)):
            if file.is_file() and "__pycache__" not in file.parts:
                found[file.relative_to(COURSE).as_posix()] = file
    return {name: file.read_bytes() for name, file in found.items()}


def zipped(files: Files) -> bytes:
    """A zip of files, the same for the same files."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if content.startswith(b"#!") else 0o644) << 16
            archive.writestr(entry, content)
    return data.getvalue()


def _text(name: str, **values: str) -> bytes:
    """A file of this room, with its @NAMES@ filled in."""
    text = (resources.files("grader.cli.teaching") / "files" / name).read_text(encoding="utf-8")
    return re.sub(r"@([A-Z]+)@", lambda match: values[match[1].lower()], text).encode()


def _torch() -> str:
    """What pip installs as torch: the range that pyproject.toml has."""
    found = re.search(r'"(torch[><=.,\d]+)"', (COURSE / "pyproject.toml").read_text(encoding="utf-8"))
    assert found is not None
    return found[1]


def _settings(wanted: Wanted) -> bytes:
    return (json.dumps(asdict(wanted.package), indent=1) + "\n").encode()


def _gradescope(wanted: Wanted) -> tuple[Files, list[str]]:
    files = {f"kit/{name}": data for name, data in kit_files().items()}
    files["setup.sh"] = _text("setup.sh", torch=_torch())
    files["run_autograder"] = _text("run_autograder")
    files[SETTINGS] = _settings(wanted)
    return files, [
        "On Gradescope: Configure Autograder, upload the zip, base image Ubuntu 22.04; 0.5 CPU and 768 MB are enough.",
        "Set the assignment's points to the points above.",
    ]


def _classroom50(wanted: Wanted) -> tuple[Files, list[str]]:
    files = {KIT: zipped(kit_files()), "autograder.py": _text("autograder.py", torch=_torch())}
    files[SETTINGS] = _settings(wanted)
    return files, [
        "In the repository classroom50: copy it to CLASSROOM/autograders/ASSIGNMENT/ and push.",
        f"Points there are whole numbers, ours times 100. {KIT} holds the solutions, and whoever knows its address can",
        "read it. The job belongs to the student's repository: the mark that counts is `grader grade` on what",
        "`gh teacher download` brings.",
    ]


def _actions(wanted: Wanted) -> tuple[Files, list[str]]:
    kit = wanted.kit or f".github/sequence-kit/{KIT}"
    files = {".github/workflows/check.yml": _text("check.yml", torch=_torch(), kit=kit)}
    files[f".github/sequence-kit/{SETTINGS}"] = _settings(wanted)
    said = ["Copy it into the starter repository and push; the summary of each run is what a student reads."]
    if not wanted.kit:
        files[f".github/sequence-kit/{KIT}"] = zipped(kit_files())
        said.append(f"{KIT} holds the solutions: --kit names another place that pip installs the kit from.")
    return files, said


def _prairielearn(wanted: Wanted) -> tuple[Files, list[str]]:
    files = {f"kit/{name}": data for name, data in kit_files().items()}
    files |= {"Dockerfile": _text("Dockerfile", torch=_torch()), "grade.sh": _text("grade.sh")}
    files[SETTINGS] = _settings(wanted)
    return files, [
        "docker build -t YOUR/sequence-kit . && docker push YOUR/sequence-kit",
        'In the question\'s info.json: "externalGradingOptions": {"enabled": true, "image": "YOUR/sequence-kit",',
        '"entrypoint": "/sequence-kit/grade.sh", "timeout": 300}',
    ]


PLATFORMS: dict[str, Callable[[Wanted], tuple[Files, list[str]]]] = {
    "gradescope": _gradescope,
    "classroom50": _classroom50,
    "actions": _actions,
    "prairielearn": _prairielearn,
}
