"""Who handed something in, as Canvas, Moodle, Blackboard, Gradescope, GitHub Classroom and Classroom 50 name it.

Who it is, and when it was handed in, comes from these names alone, never from what a student wrote. Names of one
download are read together: what is not certain of one is often certain of all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from grader.submissions import blackboard, canvas, github, gradescope, moodle
from grader.submissions.people import Submitter

_EXTENSION = re.compile(r"(\.(tar|py|ipynb))?\.\w{1,8}$", re.ASCII)


def origins(names: Mapping[str, bool], folder: str, metadata: str = "") -> dict[str, Submitter]:
    """Whose each thing in a class is.

    Args:
        names: what the class holds: name -> whether it is a folder.
        folder: the name of the folder that holds it.
        metadata: the text of Gradescope's metadata, where there is one.
    """
    found = _known([*names], folder)
    people = gradescope.submitters(metadata)
    prefix = github.prefix_of([name for name, is_folder in names.items() if is_folder], len(names), folder)
    shortened = {name: name.removeprefix(prefix) or name for name, is_folder in names.items() if is_folder}
    for name, is_folder in names.items():
        if name in found:
            continue
        if is_folder:
            alone = name == shortened[name] or shortened[name] not in names
            found[name] = people.get(name) or Submitter(shortened[name] if alone else name)
        else:
            found[name] = Submitter(without_extension(name), name)
    return found


def _known(names: Sequence[str], folder: str) -> dict[str, Submitter]:
    """Those that an LMS has named."""
    found = moodle.submitters(names)
    found |= blackboard.submitters([name for name in names if name not in found], folder)
    return found | canvas.submitters([name for name in names if name not in found])


def without_extension(name: str) -> str:
    """A file's name less its extension, of which `.tar.gz` and `.py.txt` are one."""
    return _EXTENSION.sub("", name) or name


def is_export(names: Sequence[str]) -> bool:
    """Whether a folder is what an LMS exports."""
    if any(name in gradescope.METADATA for name in names):
        return True
    rest = [name for name in names if not gradescope.FOLDER.fullmatch(name)]
    return bool(names) and len(_known(rest, "")) == len(rest)
