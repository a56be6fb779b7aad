"""`python -m grader.dev.feedback`: what wrong files are told, in numbers."""

from grader.dev import feedback
from grader.dev.feedback import Table, Wrong, changed_lines
from grader.judging.exercise import CheckSettings
from grader.judging.session import Session

REFERENCE = "def f(x):\n    y = x + 1\n    z = y * 2\n    return z\n"


def test_the_changed_statement_is_the_one_that_the_reference_does_not_have():
    assert changed_lines(REFERENCE, REFERENCE) == set()
    assert changed_lines(REFERENCE, REFERENCE.replace("y * 2", "y * 3")) == {3}
    assert changed_lines(REFERENCE, f"{REFERENCE}\ndef f(x):\n    y = x\n    z = y * 2\n    return z\n") == {7}


def test_of_a_statement_that_is_left_out_both_neighbours_count():
    assert changed_lines(REFERENCE, REFERENCE.replace("    z = y * 2\n", "")) == {2, 3}
    assert changed_lines(REFERENCE, REFERENCE.replace("z = y * 2", "pass")) == {2, 3, 4}


def test_of_a_statement_that_is_made_twice_both_count():
    assert changed_lines(REFERENCE, REFERENCE.replace("    z = y * 2\n", "    z = y * 2\n" * 2)) == {3, 4}
    assert changed_lines(REFERENCE, REFERENCE.replace("    z = y * 2\n", "    z = y * 2\n    z = z\n")) == {4}


def test_another_default_is_a_change_and_an_annotation_is_none():
    text = "def f(x, eps=1e-5):\n    return x + eps\n"
    assert changed_lines(text, text.replace("1e-5", "1e-6")) == {1}
    assert changed_lines(text, text.replace("x, eps", "x: float, eps: float ")) == set()


def test_a_statement_has_no_part_in_what_stands_below_it():
    loop = "def f(x):\n    for i in range(3):\n        x = x + i\n    return x\n"
    assert changed_lines(loop, loop.replace("range(3)", "range(2)")) == {2}
    assert changed_lines(loop, loop.replace("x + i", "x - i")) == {3}


def test_a_wrong_file_is_counted_by_what_it_is_told(kit, exercise):
    six = exercise(6)
    session = Session(kit, [six], CheckSettings(0, connect=feedback.Impatient))
    wrong = next(one for one in feedback.of_the_catalogue(six) if one.name == "softmax_over_queries")
    row = feedback.told(session, six, session.recogniser(six), wrong, feedback.CATALOGUE)
    assert (row.kind, row.name, row.is_true, row.is_in_place) == (feedback.VALUE, wrong.name, True, True)
    endless = Wrong("endless", six.solution.read_bytes() + b"\n\ndef project_qkv(*a):\n    while True: pass\n")
    right = Wrong("right", six.solution.read_bytes())
    feedback.SECONDS, before = 0.01, feedback.SECONDS
    try:
        late = feedback.told(session, six, session.recogniser(six), endless, feedback.CATALOGUE)
    finally:
        feedback.SECONDS = before
    assert late.kind == feedback.LATE
    assert feedback.told(session, six, session.recogniser(six), right, feedback.CATALOGUE) is None
    lines = list(Table([row, late]).lines())
    assert "a true name: 1 of 2, 50.0%" in lines
    assert "false" not in " ".join(lines) or "a false name: 0" in lines
