"""What results.json says of trouble: errors cost no marks, nothing is too large, nothing is half written."""

import json
from dataclasses import replace

import pytest

from grader.errors import GraderError
from grader.grading import process
from grader.grading.process import Task
from grader.judging.exercise import CheckSettings
from grader.judging.session import Session
from grader.limits import MAX_RECORD, Limits
from grader.remote.transport import LocalTransport
from grader.results import document
from grader.results.document import Reader
from grader.results.verdicts import ERROR, FAIL, PASS, TIMEOUT, ExerciseResult, Outcome, settle
from grader.source.file import File
from tests.grader.conftest import SEED


@pytest.fixture(scope="module")
def six(kit):
    return kit.find(["6"])[0]


def session_with(kit, exercise, **settings):
    return Session(kit, [exercise], CheckSettings(SEED, **settings))


def outcome(number, verdict=FAIL, message=""):
    return Outcome(f"test_{number}", f"check {number}", "cpu", verdict, 1.0, message=message)


def record(outcomes, **more):
    result = settle("ex01_encoder", outcomes, 10.0)
    return document.submission("ada", "ada.zip", [result], **more)


def no_process():
    raise GraderError("no process could be started for the code")


def test_a_worker_that_cannot_be_started_is_an_error_and_costs_nothing(kit, six):
    session = session_with(kit, six, connect=no_process)
    result = session.run(six, six.solution)
    assert (result.verdict, result.score) == (ERROR, None)
    found = document.submission("ada", "ada", [result, ExerciseResult("ex07", PASS, 10.0, 10.0)])
    assert found["score"] is None
    assert found["max_score"] == 20
    (sentence,) = document.errors(found)
    assert sentence.startswith("ada: ex06_self_attention: ")
    assert "no process could be started" in sentence


def test_a_bug_of_ours_costs_one_exercise_its_score(kit, six, monkeypatch):
    session = session_with(kit, six)
    monkeypatch.setattr(session, "run", lambda *_, **__: 1 / 0)
    beats = []
    line = process._grade(session, Task("ada", "ada", "p"), lambda: beats.append(1))
    found = json.loads(line)
    assert found["exercises"][0]["verdict"] == ERROR
    assert found["score"] is None
    assert "ZeroDivisionError" in document.errors(found)[0]
    assert beats == [1]


def test_an_exercise_has_a_limit_of_its_own(kit, six):
    result = session_with(kit, six, exercise_seconds=1e-6).run(six, six.solution)
    first, *rest = result.outcomes
    assert first.verdict == PASS
    assert {one.verdict for one in rest if one.device == "cpu"} == {TIMEOUT}
    assert "all of the 1e-06 seconds of this exercise" in rest[0].message
    assert result.verdict == FAIL


def test_a_record_has_at_most_a_megabyte():
    loud = [outcome(number, message="\u00e4\n" * 900) for number in range(1500)]
    text = document.bounded(record(loud, problems=["p" * 5000] * 300))
    assert len(text.encode()) <= MAX_RECORD
    found = json.loads(text)
    assert len(found["exercises"][0]["checks"]) == 1500
    assert found["exercises"][0]["checks"][0]["message"].startswith("\u00e4")


def test_text_that_is_no_unicode_is_written_and_read_again():
    found = record([outcome(1, PASS)])
    found["source"] = "caf\udce9.zip"
    text = document.bounded(found)
    text.encode()
    assert json.loads(text)["source"] == "caf\udce9.zip"


def test_results_are_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "results.json"
    run = document.Run(7, ["cpu"], {"process": True})
    document.write(path, run, [document.dumps(record([outcome(1)]))])
    before = path.read_bytes()

    def interrupted():
        yield document.dumps(record([outcome(1, PASS)]))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        document.write(path, run, interrupted())
    assert path.read_bytes() == before
    assert json.loads(before)["run"]["seed"] == 7


def test_a_document_is_read_as_it_was_written_with_equal_parts_held_once(tmp_path):
    skipped = Outcome("test_s", "skipped", "cpu", "skip", 1.0)
    written = [record([outcome(1, message="the same"), skipped]), record([outcome(1, message="the same"), skipped])]
    document.write(tmp_path / "r.json", document.Run(7, ["cpu"], {}), map(document.dumps, written))
    found = Reader().document(tmp_path / "r.json")
    assert found == json.loads((tmp_path / "r.json").read_text())
    first, second = (one["exercises"][0]["checks"] for one in found["submissions"])
    assert first[1] is second[1]
    assert first[0]["message"] is second[0]["message"]
    short = Reader(verdicts_only=True).document(tmp_path / "r.json")
    checks = short["submissions"][0]["exercises"][0]["checks"]
    assert checks[0] == {"id": "test_1", "title": "check 1", "device": "cpu", "verdict": "fail"}


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": 1,\n "run": {},\n "submissions": [\n  {"torn'])
def test_what_is_no_document_is_none(tmp_path, text):
    (tmp_path / "r.json").write_text(text)
    assert Reader().document(tmp_path / "r.json") is None
    assert Reader().document(tmp_path / "nowhere.json") is None


def test_an_absent_device_has_no_rows_and_is_counted():
    skips = [Outcome(f"test_{number}", f"check {number}", "cuda", "skip", 0.0) for number in (1, 2)]
    found = record([outcome(1, PASS), outcome(2, PASS), *skips])["exercises"][0]
    assert [check["device"] for check in found["checks"]] == ["cpu", "cpu"]
    assert found["skipped"] == {"cuda": 2}
    both = record([outcome(1, PASS), replace(outcome(1, PASS), device="cuda"), skips[1]])["exercises"][0]
    assert (len(both["checks"]), both["skipped"]) == (3, {})


def test_limits_are_those_of_the_interface():
    assert (Limits().seconds, Limits().exercise_seconds, Limits().memory_mb) == (10, 120, 2048)


# ---------------------------------------------------------------------------------------- what feedback may say

TELLING = """
import torch
class {kind}(Exception):
    pass
def attention_scores(q, k):
    raise {kind}("secret " + str(q.flatten()[0].item()))
def self_attention(x, w_q, w_k, w_v):
    return x, x
def project_qkv(x, w_q, w_k, w_v):
    return x @ w_q + x.flatten()[0], x @ w_k, x @ w_v
"""


@pytest.fixture(scope="module")
def told(kit, six):
    """The outcomes of code that tells what it was given, with both kinds of feedback."""
    file = File("ex06.py", six.solution.read_bytes() + TELLING.format(kind="Secret").encode())
    return {
        hidden: session_with(kit, six, connect=LocalTransport, hidden=hidden).run(six, file).outcomes
        for hidden in (False, True)
    }


def test_full_feedback_shows_what_was_seen(told):
    messages = " ".join(one.message for one in told[False])
    assert "secret " in messages
    assert any(one.picture for one in told[False])


def test_hidden_feedback_shows_no_value_and_nothing_that_the_code_says(told):
    failed = [one for one in told[True] if one.verdict == FAIL and one.device == "cpu"]
    assert len(failed) > 5
    for one in failed:
        assert "ecret" not in one.message, one.message
        assert not set("0123456789") & set(one.message), one.message
        assert one.picture is None
    assert any(one.message == "attention_scores raised Exception" for one in failed)


def test_feedback_changes_no_verdict_and_no_points(told):
    kept = [[(one.id, one.verdict, one.points, one.mistake) for one in told[hidden]] for hidden in (False, True)]
    assert kept[0] == kept[1]
