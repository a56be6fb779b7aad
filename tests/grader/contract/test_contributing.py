"""CONTRIBUTING names what exists."""

import importlib.util
import re

import pytest

from grader.paths import ROOT

TEXT = (ROOT / ".github/CONTRIBUTING.md").read_text("utf-8")
PATHS = sorted(set(re.findall(r"(?:grader|tests)/[\w/]+(?:\.\w+|/)", TEXT)))
MODULES = sorted(set(re.findall(r"python -m (grader[\w.]*)", TEXT)))
VERBS = sorted(set(re.findall(r"`(code|draw|expect)\.(\w+)", TEXT)))


def test_paths_are_found_in_it():
    assert len(PATHS) > 20


@pytest.mark.parametrize("path", PATHS)
def test_a_path_exists(path):
    if "exNN" not in path:
        assert (ROOT / path).exists()


@pytest.mark.parametrize("module", MODULES)
def test_a_module_exists(module):
    assert importlib.util.find_spec(module) is not None


@pytest.mark.parametrize(("owner", "verb"), VERBS)
def test_what_a_check_is_said_to_have_it_has(owner, verb):
    from grader.checks.draw import Draw
    from grader.checks.expect import Expect
    from grader.remote.code import Code

    kind = {"code": Code, "draw": Draw, "expect": Expect}[owner]
    assert hasattr(kind, verb) or verb in ("calls", "name")


def test_every_room_has_its_line():
    rooms = [path.name for path in (ROOT / "grader").iterdir() if (path / "__init__.py").is_file()]
    assert [room for room in rooms if f"| `grader/{room}/`" not in TEXT] == []
