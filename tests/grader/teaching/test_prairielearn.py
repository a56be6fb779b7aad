"""PrairieLearn's external grader, laid out as it lays out /grade, read back by its documented rules."""

import json
import re
import sys

import pytest

from tests.grader.support.kits import copy_kit, python, run

SLUG = "ex06_self_attention"


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """What the Dockerfile would have put into the image, and a copy of the kit as pip would have installed it."""
    place = tmp_path_factory.mktemp("prairielearn")
    kit = copy_kit(place / "kit", only={6})
    made = run(kit, "package", "prairielearn", "--out", place / "image", "--seed", 3)
    assert made.returncode == 0, made.stderr
    text = (place / "image" / "Dockerfile").read_text()
    for name in re.findall(r"^COPY (.*) \S+$", text, re.M):
        assert all((place / "image" / one).exists() for one in name.split())
    return place / "image"


def grade(image, tmp_path, text):
    (tmp_path / "grade" / "student").mkdir(parents=True)
    (tmp_path / "grade" / "student" / f"{SLUG}.py").write_text(text)
    command = [sys.executable, "-m", "grader.cli.teaching.on_prairielearn", tmp_path / "grade", image / "grader.json"]
    ended = python(tmp_path, command, PYTHONPATH=str(image / "kit"))
    assert ended.returncode == 0, ended.stderr
    data = (tmp_path / "grade" / "results" / "results.json").read_bytes()
    assert len(data) < 1 << 20
    return json.loads(data)


def test_a_wrong_submission_has_a_share_of_the_points(image, tmp_path):
    solution = (image / "kit" / "solutions" / f"{SLUG}.py").read_text()
    found = grade(image, tmp_path, solution.replace("scores / math.sqrt(d_k)", "scores"))
    assert found["gradable"] is True
    assert 0 < found["score"] < 1
    assert all({"name", "points", "max_points"} <= set(test) for test in found["tests"])
    assert round(sum(test["max_points"] for test in found["tests"]), 6) == 10


@pytest.mark.parametrize(("text", "reason"), [("stub", "nothing is written yet"), ("def half(\n", "cannot be loaded")])
def test_what_is_unwritten_or_unreadable_costs_no_attempt(image, tmp_path, text, reason):
    text = (image / "kit" / "exercises" / f"{SLUG}.py").read_text() if text == "stub" else text
    found = grade(image, tmp_path, text)
    assert found["gradable"] is False
    assert reason in found["format_errors"][0]
