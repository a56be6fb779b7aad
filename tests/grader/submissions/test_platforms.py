"""Six full classes as six platforms give them: nobody is lost or mixed up, however it is packed and ordered."""

import csv
import json
import random

import pytest

from grader.kit.discovery import Kit
from grader.submissions.intake import read
from tests.grader.support import platforms
from tests.grader.support.kits import copy_kit, run
from tests.grader.support.platforms import LAYOUTS, PLATFORMS, RIGHT, SIX, UNSCALED, works

EXERCISES = Kit().exercises
STUB = next(one for one in EXERCISES if one.slug == SIX).stub.read_text(encoding="utf-8")
each_platform = pytest.mark.parametrize("make", PLATFORMS, ids=lambda make: make.__name__)


def held(entries):
    """id -> what counts of it, and what is said."""
    return {
        entry.id: {slug: (file.name, file.text) for slug, file in entry.files.items()} | {"doubt": _doubts(entry)}
        for entry in entries
    }


def _doubts(entry):
    return [problem for problem in entry.problems if "cannot be told" in problem]


@each_platform
def test_ten_permutations_give_the_same_people_and_files(make, tmp_path):
    made, seen = make(works(STUB)), []
    assert len(made.people) >= 25
    for number in range(10):
        rng = random.Random(number)
        found = read(platforms.write(made, tmp_path / str(number), rng, LAYOUTS[number % len(LAYOUTS)]), EXERCISES)
        assert sorted(entry.id for entry in found.entries) == sorted(person.id for person in made.people)
        assert [problem for problem in found.problems if "left out" not in problem] == []
        seen.append(held(found.entries))
        assert seen[-1] == seen[0], (number, LAYOUTS[number % len(LAYOUTS)])
    for person in made.people:
        text = seen[0][person.id].get(SIX, ("", b""))[1].decode()
        assert ("/ math.sqrt" in text) == (person.work.counts == RIGHT or person.work.trouble == "no Python"), person
        assert seen[0][person.id]["doubt"] == []


@pytest.fixture(scope="module")
def small_kit(tmp_path_factory):
    return copy_kit(tmp_path_factory.mktemp("kit") / "kit", only={6})


EXPORTED = ("canvas", "moodle", "gradescope", "junit")


@each_platform
def test_grading_and_every_export_lose_nobody(make, small_kit, tmp_path):
    made = make(works(STUB))
    home, out = platforms.write(made, tmp_path, random.Random(5), LAYOUTS[PLATFORMS.index(make) % 4]), tmp_path / "out"
    dry = run(small_kit, "grade", home, "--dry-run")
    assert f"submissions: {len(made.people)}, " in dry.stdout
    exports = [word for kind in EXPORTED for word in ("--export", kind)]
    result = run(small_kit, "grade", home, "--out", out, "--seed", 3, "--device", "cpu", "--jobs", 1, *exports)
    assert result.returncode == 0, result.stderr
    document = json.loads((out / "results.json").read_text(encoding="utf-8"))
    scores = {one["id"]: one["score"] for one in document["submissions"]}
    for person in made.people:
        wanted = {RIGHT: 10.0, "": 0.0}.get(person.work.counts)
        assert scores.pop(person.id) == wanted or (wanted is None and person.work.counts == UNSCALED), person
    assert scores == {}
    assert len((out / "results.jsonl").read_text(encoding="utf-8").splitlines()) == len(made.people)
    assert len([*(out / "students").glob("*.html")]) == len(made.people)
    members = sum(person.id.count(" and ") + 1 for person in made.people)
    for name, head in (("canvas", 2), ("moodle", 1)):
        with (out / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = [*csv.reader(file)][head:]
        assert len(rows) == members
        keys = (
            [row[1] or row[2] or row[3] or row[0] for row in rows]
            if name == "canvas"
            else [tuple(row[:5]) for row in rows]
        )
        assert len({*keys}) == members, keys
    assert len([*(out / "gradescope").iterdir()]) == len(made.people)
    if make is platforms.canvas:
        with (out / "canvas.csv").open(encoding="utf-8", newline="") as file:
            ids = {row[0]: row[1] for row in csv.reader(file)}
        assert ids["team_12"] == next(person.key for person in made.people if person.name == "team_12")
    for test in json.loads(next((out / "gradescope").glob("*/results.json")).read_text(encoding="utf-8"))["tests"]:
        assert 0 <= test["score"] <= test["max_score"]
