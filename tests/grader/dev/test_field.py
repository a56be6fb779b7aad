"""`python -m grader.dev.field`: verdicts beside a table."""

import pytest

from grader.dev import field
from grader.judging.exercise import CheckSettings
from grader.judging.session import Session

TABLE = """
| folder | exercise | under the contract it is | what is in it |
|---|---|---|---|
| ex06-right | ex06 | right | the reference |
| ex06-odd | ex06 | right | no scaling |
"""


@pytest.fixture
def found(kit, exercise, tmp_path):
    six = exercise(6)
    text = six.solution.read_text(encoding="utf-8")
    (tmp_path / "README.md").write_text(TABLE, encoding="utf-8")
    wrong = f"{text}\n\ndef attention_scores(q, k):\n    return q @ k.transpose(-2, -1)\n"
    for name, source in (("ex06-right", text), ("ex06-odd", wrong), ("ex06-new", wrong)):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{six.slug}.py").write_text(source, encoding="utf-8")
    cases = field.cases(tmp_path, Session(kit, [six], CheckSettings(3)))
    return {case.folder: case for case in cases}


def test_a_verdict_is_compared_with_the_table(found):
    assert {name: case.is_as_expected for name, case in found.items()} == {
        "ex06-right": True,
        "ex06-odd": False,
        "ex06-new": True,
    }
    assert field.summary(list(found.values())) == "3 submissions, 2 in the table, 1 as it says"
