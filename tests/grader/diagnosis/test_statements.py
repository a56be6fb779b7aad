"""What the statements of a file say of a line."""

from grader.diagnosis.statements import function_at, has_default, loop_line, names_in, names_used, without_gradient


def test_names_are_what_a_file_assigns_and_returns():
    assert names_in(b"def f(x):\n    y = x + 1\n    a, b = y\n    return (\n        y\n    )\n") == {
        2: "`y`",
        4: "the right result",
        5: "the right result",
        6: "the right result",
    }


def test_the_variables_of_a_statement_are_those_that_it_reads():
    text = "def f(q):\n    d = q.size(\n        -1)\n    for i in range(d):\n        q = q + i\n    return q\n"
    assert names_used(text, 3) == ("q",)
    assert names_used(text, 4) == ("range", "d")
    assert names_used(text, 5) == ("q", "i")


def test_what_stands_around_a_line():
    text = "@torch.no_grad()\ndef f(x, n=3, *, k, m=4):\n    with set_grad_enabled(0):\n        x = 1\n    x = 2\n\nx"
    assert [function_at(text, line) for line in (4, 5, 7)] == [2, 2, 0]
    assert [without_gradient(text, line) for line in (4, 5, 7)] == [3, 1, None]
    assert without_gradient(text.replace("set_grad_enabled", "open").replace("@torch.no_grad()", "@no"), 4) is None
    assert [name for name in "xnkm" if has_default(text, 2, name)] == ["n", "m"]
    assert not has_default(text, 3, "n")


def test_what_a_loop_calls_depends_on_the_loops_line():
    text = "for layer in layers:\n    x = layer(x)\n    x = other(x)\n"
    assert loop_line(text, 2) == 1
    assert loop_line(text.replace("layer(x)", "f(x)"), 2) is None


def test_of_a_text_that_is_no_python_nothing_is_said():
    """A notebook's, with a line for its shell."""
    text = "%matplotlib inline\nx = y\n"
    assert (names_in(text), names_used(text, 2), loop_line(text, 2)) == ({}, (), None)
