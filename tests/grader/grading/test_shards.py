"""A class in pieces: shards and their merging, chosen exercises, and grading again to verify."""

import json
import re
import shutil

import pytest

from grader.grading.class_file import Shard
from grader.kit.discovery import Kit
from grader.kit.variants import mistakes
from tests.grader.support.kits import copy_kit, run

OPTIONS = ("--seed", "8", "--device", "cpu", "--timeout", "5", "--jobs", "1")
TIMES = re.compile(r'"seconds": ?[\d.e-]+')


@pytest.fixture(scope="module")
def small_kit(tmp_path_factory):
    return copy_kit(tmp_path_factory.mktemp("kit") / "kit", only={5, 6})


@pytest.fixture(scope="module")
def students(small_kit):
    """Five students: right, wrong, one that ends its process, an empty folder, and one who did something else, too."""
    folder = small_kit / "class"
    five, six = Kit(small_kit).exercises
    no_scaling = next(variant.source for variant in mistakes(six) if variant.name == "no_scaling")
    written = {
        "ada": {six.slug: six.solution.read_bytes()},
        "bob": {six.slug: no_scaling, five.slug: five.solution.read_bytes()},
        "cleo": {six.slug: six.solution.read_bytes() + b"\nimport os\nos._exit(0)\n"},
        "dan": {},
        "eve": {five.slug: b"raise SystemExit(0)\n"},
    }
    for student, files in written.items():
        (folder / student).mkdir(parents=True)
        for slug, text in files.items():
            (folder / student / f"{slug}.py").write_bytes(text)
    return folder


def grade(kit, students, out, *more):
    result = run(kit, "grade", students, "--out", out, *OPTIONS, "--exercises", "6", *more)
    assert result.returncode == 0, result.stderr
    return out


@pytest.fixture(scope="module")
def whole(small_kit, students):
    return grade(small_kit, students, small_kit / "whole")


@pytest.fixture(scope="module")
def shards(small_kit, students):
    return [grade(small_kit, students, small_kit / f"part{i}", "--shard", f"{i}/2") for i in (1, 2)]


def contents(out):
    """What a folder of results holds, without times, locks and the page that shows times."""
    found = {}
    for file in sorted(out.rglob("*")):
        if file.is_file() and not file.name.startswith(".grading") and file.name != "report.html":
            found[str(file.relative_to(out))] = TIMES.sub("", file.read_bytes().decode())
    return found


def test_a_shard_holds_every_nth_submission(shards):
    ids = [[one["id"] for one in json.loads((out / "results.json").read_text())["submissions"]] for out in shards]
    assert ids == [["ada", "cleo", "eve"], ["bob", "dan"]]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_shards_in_any_order_are_one_run(small_kit, whole, shards, tmp_path, order):
    merged = run(small_kit, "merge", *(shards[i] for i in order), "--out", tmp_path / "merged")
    assert merged.returncode == 0, merged.stderr
    assert contents(tmp_path / "merged") == contents(whole)
    assert "5 submissions graded with seed 8" in merged.stdout


def test_what_is_merged_has_marks_where_a_course_says_so(small_kit, shards, tmp_path):
    (tmp_path / "course.toml").write_text('[[assignment]]\nname = "class"\npoints = 50\n')
    merged = run(small_kit, "merge", *shards, "--out", tmp_path / "m", "--course", tmp_path / "course.toml")
    assert merged.returncode == 0, merged.stderr
    assert re.search(r"ada +50 of 50", merged.stdout)


def test_grading_goes_on_in_what_was_merged(small_kit, students, shards, tmp_path):
    assert run(small_kit, "merge", *shards, "--out", tmp_path / "merged").returncode == 0
    again = run(small_kit, "grade", students, "--out", tmp_path / "merged")
    assert "0 of 5 submissions to grade" in again.stderr


def test_a_missing_shard_one_named_twice_and_another_class_are_refused(small_kit, students, shards, tmp_path):
    def refused(*folders):
        result = run(small_kit, "merge", *folders, "--out", tmp_path / "out")
        assert result.returncode == 2
        return result.stderr

    assert "3 of 5 submissions are in none of the folders, which hold 2/2" in refused(shards[1])
    assert "ada is in two of the folders" in refused(shards[0], shards[0])
    other = shutil.copytree(shards[1], tmp_path / "other")
    header = json.loads((other / "run.json").read_text())
    (other / "run.json").write_text(json.dumps({**header, "seed": 9}))
    assert "were not graded alike: seed differ" in refused(shards[0], other)
    torn = shutil.copytree(shards[1], tmp_path / "torn")
    (torn / "results.jsonl").write_bytes((torn / "results.jsonl").read_bytes().splitlines(keepends=True)[0])
    assert "is not finished: 1 of 2 submissions have no result" in refused(shards[0], torn)
    assert "holds no results that can be read" in refused(shards[0], students)
    assert not (tmp_path / "out").exists()


def test_a_shard_needs_a_seed_and_two_numbers(small_kit, students, tmp_path):
    without = run(small_kit, "grade", students, "--out", tmp_path / "out", "--shard", "1/2")
    assert without.returncode == 2
    assert "--shard needs --seed" in without.stderr
    for text in ("0/2", "3/2", "2", "a/b", "1/2/3"):
        wrong = run(small_kit, "grade", students, "--out", tmp_path / "out", "--shard", text, "--seed", 1)
        assert wrong.returncode == 2
        assert "write I/N" in wrong.stderr


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_every_place_is_in_one_shard(of):
    for place in range(20):
        assert sum(Shard(number, of).has(place) for number in range(1, of + 1)) == 1


# ------------------------------------------------------------------------------------------ chosen exercises


def test_the_maximum_is_that_of_the_chosen_exercises(whole):
    document = json.loads((whole / "results.json").read_text())
    assert {one["max_score"] for one in document["submissions"]} == {10}
    assert {tuple(one["id"] for one in student["exercises"]) for student in document["submissions"]} == {
        ("ex06_self_attention",)
    }
    assert "10 of 10" in (whole / "students" / "ada.html").read_text()
    assert "ex05" not in (whole / "gradebook.csv").read_text()


def test_several_exercises_follow_one_option(small_kit, students, tmp_path):
    result = run(small_kit, "grade", students, "--exercises", "5", "ex06", "--out", tmp_path / "o", *OPTIONS)
    assert result.returncode == 0, result.stderr
    assert {one["max_score"] for one in json.loads((tmp_path / "o/results.json").read_text())["submissions"]} == {20}


# ---------------------------------------------------------------------------------------------------- verify


def test_what_is_graded_again_is_the_same(small_kit, whole):
    result = run(small_kit, "verify", whole, "--jobs", "1")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "5 of 5 results are the same to the byte" in result.stdout


def test_a_changed_submission_and_a_changed_mark_are_named(small_kit, students, whole, tmp_path):
    moved = shutil.copytree(students, tmp_path / "class")
    slug = "ex06_self_attention.py"
    (moved / "ada" / slug).write_bytes((moved / "bob" / slug).read_bytes())
    result = run(small_kit, "verify", whole, "--submissions", moved, "--only", "ada", "--jobs", "1")
    assert result.returncode == 1
    assert "the submission is not the one that was graded" in result.stdout
    assert re.search(r"10 of 10 then, \d\.?\d* of 10 now", result.stdout)
    assert "test_scores_worked_by_hand: pass then, fail now" in result.stdout
    forged = shutil.copytree(whole, tmp_path / "forged")
    journal = forged / "results.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"id":"bob","source":"bob"', b'"id":"bob","source":"rob"'))
    forgery = run(small_kit, "verify", forged, "--only", "bob", "--jobs", "1")
    assert forgery.returncode == 1
    assert "nothing that is recorded changed" in forgery.stdout


def test_verify_says_where_it_finds_nothing(small_kit, whole, tmp_path):
    for arguments, sentence in (
        ((tmp_path,), "holds no results"),
        ((whole, "--only", "nobody"), "holds no such result"),
        ((whole, "--submissions", tmp_path / "gone"), "say where with --submissions"),
    ):
        result = run(small_kit, "verify", *arguments)
        assert result.returncode == 2
        assert sentence in result.stderr
