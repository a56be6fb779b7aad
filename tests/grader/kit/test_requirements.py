"""What is installed and does not fit is said in a sentence, with the command that puts it right."""

import importlib.metadata as metadata
import sys
from email.message import Message

import pytest

from grader.kit import requirements
from tests.grader.support.kits import ROOT, python


@pytest.fixture
def installed(monkeypatch):
    """A machine where the kit needs `torch>=2.10,<2.14` and one more package, and has these versions."""

    def has(python_version="3.12.1", **versions):
        kit = Message()
        kit["Requires-Python"] = "<3.15,>=3.10"
        kit["Requires-Dist"] = "torch<2.14,>=2.10"
        kit["Requires-Dist"] = "pyseccomp>=0.1.2; sys_platform == 'an old one'"
        kit["Requires-Dist"] = "ruff>=0.9; extra == 'dev'"

        def version(name):
            if name not in versions:
                raise metadata.PackageNotFoundError(name)
            return versions[name]

        monkeypatch.setattr(metadata, "metadata", lambda _: kit)
        monkeypatch.setattr(metadata, "version", version)
        monkeypatch.setattr("platform.python_version", lambda: python_version)
        return requirements.unmet()

    return has


@pytest.mark.parametrize("version", ["2.10.0", "2.13.0+cpu", "2.13.1"])
def test_what_fits_is_not_spoken_of(installed, version):
    assert installed(torch=version) == []


def test_an_old_torch_is_named_with_what_to_install(installed):
    (said,) = installed(torch="2.9.1")
    wanted = 'python -m pip install "torch>=2.10,<2.14"'
    assert said == f"torch 2.9.1 is installed and the kit needs torch>=2.10,<2.14: {wanted}"


def test_a_package_that_is_missing_is_named(installed):
    assert installed() == ['torch is missing: python -m pip install "torch>=2.10,<2.14"']


def test_another_python_is_named(installed):
    (said,) = installed(python_version="3.15.0", torch="2.12.0")
    assert said == "this is Python 3.15.0; the kit needs Python>=3.10,<3.15"


def test_on_an_intel_mac_no_install_is_recommended_that_cannot_work(installed, monkeypatch):
    monkeypatch.setattr(requirements, "MACOS", True)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    (said,) = installed(torch="2.2.2")
    assert "pip install" not in said
    assert "PyPI has none for Intel" in said


@pytest.mark.parametrize(
    "command",
    [("-m", "grader", "check", "6"), ("-m", "grader", "doctor"), ("-m", "pytest", "tests/ex06_self_attention")],
)
def test_every_way_in_says_it_and_shows_no_traceback(tmp_path, command):
    """The version of torch is what its metadata says: here a folder in front of it says an old one."""
    old = tmp_path / "torch-2.0.1.dist-info"
    old.mkdir()
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.0.1\n", "utf-8")
    result = python(ROOT, [sys.executable, *command], PYTHONPATH=str(tmp_path))
    assert "torch 2.0.1 is installed and the kit needs torch>=" in result.stdout + result.stderr
    assert result.returncode == {"check": 2, "doctor": 1}.get(command[2], 4)
    assert "Traceback" not in result.stdout + result.stderr
