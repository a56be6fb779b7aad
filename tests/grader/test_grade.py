"""A class of three: the right code, one honest mistake, one attack."""

import json

import pytest

from grader.discovery import Kit
from grader.variants import mistakes
from tests.grader.kits import ROOT, run
from tests.grader.test_contract import ZEROS

PATCHES = """
import torch
torch.allclose = torch.equal = lambda *args, **kwargs: True
torch.testing.assert_close = lambda *args, **kwargs: None
"""


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """results.json of the class."""
    folder = tmp_path_factory.mktemp("class")
    exercise = Kit().find(["6"])[0]
    for student in ("right", "mistaken", "hostile"):
        (folder / "submissions" / student / "deeper").mkdir(parents=True)
        for solution in sorted((ROOT / "solutions").glob("ex*.py")):
            text = solution.read_bytes()
            if solution.stem == exercise.slug and student == "mistaken":
                text = next(variant.source for variant in mistakes(exercise) if variant.name == "no_scaling")
            if solution.stem == exercise.slug and student == "hostile":
                text += (PATCHES + ZEROS).encode()
            (folder / "submissions" / student / "deeper" / solution.name).write_bytes(text)
    (folder / "submissions" / "notes.txt").write_text("not a folder")
    (folder / "submissions" / ".DS_Store").write_text("")
    result = run(ROOT, "grade", folder / "submissions", "--out", folder / "out", "--seed", 8, "--device", "cpu")
    assert result.returncode == 0, result.stderr
    return json.loads((folder / "out" / "results.json").read_text())


def scores(document, student):
    (found,) = [one for one in document["submissions"] if one["id"] == student]
    return found["score"], {exercise["id"]: exercise["score"] for exercise in found["exercises"]}


def test_every_entry_has_a_result(document):
    assert [one["id"] for one in document["submissions"]] == ["hostile", "mistaken", "notes", "right"]
    assert document["submissions"][2]["source"] == "notes.txt"
    assert "notes.txt belongs to no exercise" in document["submissions"][2]["problems"][0]
    assert document["run"]["problems"] == []


def test_the_right_code_has_all_points(document):
    total, _ = scores(document, "right")
    assert total == sum(one["max_score"] for one in document["submissions"][0]["exercises"])


def test_one_mistake_costs_its_checks_and_nothing_else(document):
    total, each = scores(document, "mistaken")
    best, _ = scores(document, "right")
    assert 0 < each["ex06_self_attention"] < 10
    assert total == pytest.approx(best - 10 + each["ex06_self_attention"])


def test_an_attack_earns_nothing_where_it_was_tried(document):
    total, each = scores(document, "hostile")
    best, _ = scores(document, "right")
    assert each["ex06_self_attention"] == 0
    assert total == best - 10
