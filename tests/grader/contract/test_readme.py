"""The README is true: its commands run, and its transcripts are what the program prints.

`python tests/grader/contract/test_readme.py` writes the transcripts anew.
"""

import os
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from grader.cli import promises
from grader.kit.discovery import Kit
from grader.labs.bench import Bench
from grader.labs.dates import dates
from grader.labs.shipped import shipped
from grader.source.file import File
from tests.grader.contract.test_teaching import PLATFORMS
from tests.grader.support.kits import ROOT, copy_kit, run

README = ROOT / "README.md"
TRANSCRIPT = re.compile(r"<!-- transcript: (.*?) -->\n```console\n(.*?)```", re.DOTALL)
FINISHED = "translate"
"""The transcript of a learner who has finished."""
LOOP = re.compile(r"<!-- terminal: loop -->\n```console\n(.*?)```", re.DOTALL)


def learner_kit(folder):
    """A kit whose exercise 6 holds a mistake, and a class of three: right, the same mistake, unwritten."""
    kit = copy_kit(folder)
    exercise = Kit().find(["6"])[0]
    text = exercise.solution.read_text(encoding="utf-8").replace("scores / math.sqrt(d_k)", "scores")
    stub = exercise.stub.read_text(encoding="utf-8")
    (kit / "exercises" / f"{exercise.slug}.py").write_text(text, encoding="utf-8")
    for student, written in (("ada", exercise.solution.read_text(encoding="utf-8")), ("bob", text), ("cleo", stub)):
        (kit / "submissions" / student).mkdir(parents=True)
        (kit / "submissions" / student / f"{exercise.slug}.py").write_text(written, encoding="utf-8")
    return kit


def finished_kit(folder):
    """A kit whose learner has written everything; the trained model is the one that comes with the kit."""
    kit = copy_kit(folder)
    shutil.copytree(kit / "solutions", kit / "exercises", dirs_exist_ok=True)
    files = {exercise.slug: File.at(exercise.solution) for exercise in Kit().exercises}
    model = shipped(Bench("translate", files, None, "cpu", 1, False, kit))
    model.keep(kit / "labs" / "translate" / "model.frame", dates(pairs=40, test=4))
    return kit


def transcript(kit, commands):
    """What the program prints for the lines that begin with `$`."""
    lines = []
    for command in re.findall(r"^\$ grader (.*)$", commands, flags=re.MULTILINE):
        printed = run(kit, *shlex.split(command)).stdout.rstrip().splitlines()
        if len(printed) > 30:
            printed = [*printed[:5], "      ...", *printed[-16:]]
        lines += [f"$ grader {command}", *printed]
    return "\n".join(lines) + "\n"


def test_transcripts_are_what_the_program_prints(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    kit, finished = learner_kit(tmp_path / "kit"), finished_kit(tmp_path / "finished")
    found = TRANSCRIPT.findall(README.read_text(encoding="utf-8"))
    assert len(found) >= 2
    for name, text in found:
        assert transcript(finished if name == FINISHED else kit, text) == text


def test_the_loop_is_what_a_terminal_shows(tmp_path):
    pytest.importorskip("pexpect")
    pytest.importorskip("pyte")
    from tests.grader.support import loop_story

    (text,) = LOOP.findall(README.read_text(encoding="utf-8"))
    assert loop_story.tell(copy_kit(tmp_path / "kit")) == text


def commands():
    """Every command of the README, but those that install; the loop, which test_watch.py drives; the lab that
    trains for minutes with what it leaves, which tests/grader/labs runs small; the attacks, each of which
    test_attacks.py runs; and those for platforms, which test_teaching.py runs."""
    text = PLATFORMS.sub("", README.read_text(encoding="utf-8"))
    blocks = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("grader")]
    spans = [" ".join(span.split()) for span in re.findall(r"`(grader [a-z][^`]*)`", text)]
    lines += [span for span in spans if "EX" not in span and "[NAME]" not in span]
    elsewhere = ("grader watch", "grader lab translate", "grader translate", "grader grade --red-team")
    return sorted({line for line in lines if not line.startswith(elsewhere)})


@pytest.mark.parametrize("command", commands())
def test_every_command_runs(tmp_path_factory, command):
    kit = tmp_path_factory.mktemp("readme") / "kit"
    copy_kit(kit, only=None if command.startswith("grader lab") else {1, 6})
    (kit / "submissions").mkdir()
    shutil.copytree(kit / "solutions", kit / "submissions" / "ada")
    if command.startswith("grader hint"):
        run(kit, "check", "1")
    if command.startswith("grader lab"):
        shutil.copytree(kit / "solutions", kit / "exercises", dirs_exist_ok=True)
    if "notebooks/" in command:
        run(kit, "notebook", "6")
    result = run(kit, *shlex.split(command)[1:])
    assert result.returncode in ((0, 1) if "check" in command else (0,)), result.stderr


def test_only_the_commands_of_the_readme_install():
    """CI runs the marked blocks; they must be there."""
    text = README.read_text(encoding="utf-8")
    for part in ("learner", "developer"):
        assert re.search(rf"<!-- run: {part} -->\n```bash\n", text)
        assert re.search(rf"<!-- run: {part} on Windows -->\n```bat\npy -m venv", text)


def test_the_table_of_systems_is_the_one_that_doctor_reads():
    assert promises.table() in README.read_text(encoding="utf-8")


if __name__ == "__main__":
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    from tests.grader.support import loop_story

    with tempfile.TemporaryDirectory() as folder:
        kit, finished = learner_kit(Path(folder) / "kit"), finished_kit(Path(folder) / "finished")
        text = README.read_text(encoding="utf-8")
        loop = loop_story.tell(copy_kit(Path(folder) / "loop"))
        text = LOOP.sub(lambda _: f"<!-- terminal: loop -->\n```console\n{loop}```", text)
        README.write_text(
            TRANSCRIPT.sub(
                lambda found: (
                    f"<!-- transcript: {found[1]} -->\n```console\n"
                    f"{transcript(finished if found[1] == FINISHED else kit, found[2])}```"
                ),
                text,
            ),
            encoding="utf-8",
        )
