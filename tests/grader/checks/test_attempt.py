"""A check has as much time as its mark says."""

from types import SimpleNamespace

from grader.authoring import core
from grader.checks.attempt import attempt
from grader.kit.collect import Check


def test_a_patient_check_has_more_time():
    begun = []
    code = SimpleNamespace(
        calls=[],
        requests=[],
        objects=None,
        place="cpu",
        device="cpu",
        source=None,
        begin=lambda *told: begun.append(told),
    )
    mark = core("f", 1, patience=6)
    check = Check(
        "ex00", "test_it", lambda code, draw, expect: None, {}, 1.0, False, (), patience=mark.kwargs["patience"]
    )
    assert attempt(check, code, 3).error is None
    assert begun == [(3, 6)]
