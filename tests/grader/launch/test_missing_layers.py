"""Why a layer is missing: the words of the machine, and what brings it back."""

import pytest

from grader.launch import bubblewrap, missing_layers
from grader.launch.isolation import LAYERS
from grader.launch.missing_layers import in_container, in_windows_subsystem, why

LINUX_ALONE = ("cgroup", "namespaces", "scratch", "user", "landlock", "seccomp")


@pytest.mark.parametrize("layer", LINUX_ALONE)
def test_elsewhere_no_kernel_has_it(monkeypatch, layer):
    monkeypatch.setattr(missing_layers, "LINUX", False)
    assert "kernel" in why(layer, {})


@pytest.mark.parametrize("layer", LAYERS)
def test_what_the_machine_said_stands_first(monkeypatch, layer):
    monkeypatch.setattr(missing_layers, "LINUX", True)
    monkeypatch.setattr(bubblewrap, "program", lambda: None)
    said = why(layer, {layer: "unshare: Operation not permitted"})
    assert said.startswith("bubblewrap is not installed" if layer == "namespaces" else "unshare: Operation not")


def test_bubblewraps_own_words_are_shown(monkeypatch):
    monkeypatch.setattr(missing_layers, "LINUX", True)
    monkeypatch.setattr(bubblewrap, "program", lambda: "bwrap")
    command = ["sh", "-c", "echo bwrap: No permissions to create new namespace >&2; exit 1"]
    monkeypatch.setattr(missing_layers, "sandbox_command", lambda _: command)
    assert why("namespaces", {}).startswith("bubblewrap says: bwrap: No permissions to create new namespace; ")


def test_a_container_says_that_it_is_one(tmp_path):
    assert not in_container(tmp_path)
    (tmp_path / ".dockerenv").touch()
    assert in_container(tmp_path)


def test_linux_inside_windows_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(missing_layers, "LINUX", True)
    version = tmp_path / "version"
    assert not in_windows_subsystem(version)
    for text, inside in (("Linux version 6.1 (gcc)", False), ("5.15.167.4-microsoft-standard-WSL2", True)):
        version.write_text(text, "utf-8")
        assert in_windows_subsystem(version) is inside
